"""Recompute every figure of an experiment's report from its results, with none of our code.

    python tests/recompute_experiment.py FOLDER

Reads results.jsonl and report.html alone. Prints what differs; exit status 1 if anything does.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from statistics import median

TOLERANCE = 1e-9
SETTING = ("target", "draft", "drafter", "gamma", "temperature", "rule", "length_policy")


METRICS = (
    *("speedup", "modelled", "acceptance_rate", "draft_efficiency"),
    *("tokens_per_pass", "tokens_per_second"),
)


def read(folder: Path):
    runs, baselines, calibrations, failed = [], {}, {}, []
    for line in (folder / "results.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["type"] == "Calibrated":
            calibrations[record["id"]] = record["calibration"]
        elif record["type"] == "CellFailed":
            failed.append(record)
        elif record["type"] == "RunDone" and record["cell"]:
            runs.append(record)
        elif record["type"] == "RunDone":
            baselines[record["run_id"]] = record
    repeats = json.loads((folder / "spec.json").read_text("utf-8"))["repeats"]
    return runs, baselines, calibrations, repeats, failed


def ends(rounds):
    """(tokens, nanoseconds) at the end of each round."""
    tokens = ns = 0
    found = []
    for i in range(len(rounds["emitted"])):
        tokens += rounds["emitted"][i]
        ns += rounds["draft_ns"][i] + rounds["target_ns"][i] + rounds["host_ns"][i]
        found.append((tokens, ns))
    return found


def speedup(run, baseline):
    ours, theirs = ends(run["rounds"]), ends(baseline["rounds"])
    within = [end for end in ours if end[0] <= theirs[-1][0]]
    tokens, ns = within[-1]
    return next(t for n, t in theirs if n >= tokens) / ns


def modelled(run, baseline, calibration):
    rounds, plain = run["rounds"], baseline["rounds"]
    judged = sum(rounds["accepted"]) + sum(rounds["rejected"])
    alpha = sum(rounds["accepted"]) / judged if judged else 0.0
    cost = dict(zip(calibration["widths"], calibration["verify_ns"], strict=True))
    some = [i for i, n in enumerate(rounds["drafted"]) if n]
    draft = calibration["draft_ns"] if run["setting"]["drafter"] == "model" else None
    own = [(rounds["draft_ns"][i] - rounds["wasted_ns"][i]) / rounds["drafted"][i] for i in some]
    step = draft if draft is not None and own else (median(own) if own else 0.0)
    host, token = median(rounds["host_ns"]), cost[1] + median(plain["host_ns"])
    numerator, denominator = 0.0, float(sum(rounds["wasted_ns"]))
    for gamma in rounds["drafted"]:
        numerator += token * sum(alpha**i for i in range(gamma + 1))
        denominator += gamma * step + cost[gamma + 1] + host
    return numerator / denominator


def ratio(a, b):
    return a / b if b else None


def of_cell(runs, metric, baselines, calibrations):
    total = {k: sum(sum(r["rounds"][k]) for r in runs) for k in ("accepted", "rejected", "drafted")}
    match metric:
        case "acceptance_rate":
            return ratio(total["accepted"], total["accepted"] + total["rejected"])
        case "draft_efficiency":
            return ratio(total["accepted"], total["drafted"])
        case "tokens_per_pass":
            tokens = sum(sum(r["rounds"]["emitted"]) for r in runs)
            return ratio(tokens, sum(len(r["rounds"]["emitted"]) for r in runs))
        case "tokens_per_second":
            return median(ends(r["rounds"])[-1][0] / ends(r["rounds"])[-1][1] * 1e9 for r in runs)
        case "speedup":
            return median(speedup(r, baselines[r["baseline"]]) for r in runs)
        case "modelled":
            return median(
                modelled(r, baselines[r["baseline"]], calibrations[r["calibration"]]) for r in runs
            )
    raise ValueError(metric)


def interval(values):
    """Median and the order statistics that hold the true one with 95 %."""
    ordered, n = sorted(values), len(values)
    rank, below = 0, 0
    for r in range(n // 2 + 1):
        below += math.comb(n, r)
        if below / 2**n > 0.025:
            rank = max(r - 1, 0)
            break
    return median(ordered), ordered[rank], ordered[n - 1 - rank]


def setting_of(run):
    return {key: run["setting"][key] for key in SETTING}


def expected(lines):
    """Every figure that a report must hold: {(table, keys, metric): (value, low, high, n)}."""
    runs, baselines, calibrations, repeats, failed = lines
    found = {}

    def put(table, keys, metric, value, low=None, high=None, n=0):
        if value is not None:
            found[table, json.dumps(keys, sort_keys=True), metric] = value, low, high, n

    def gathered(inside, metric):
        each = (of_cell(c, metric, baselines, calibrations) for c in by_cell(inside).values())
        values = [value for value in each if value is not None]
        return (*interval(values), len(values)) if values else (None, None, None, 0)

    def group(key, of=runs):
        groups = {}
        for run in of:
            groups.setdefault(json.dumps(key(run), sort_keys=True), []).append(run)
        return [(key(inside[0]), inside) for inside in groups.values()]

    for keys, inside in group(setting_of):
        for metric in METRICS:
            put("settings", keys, metric, *gathered(inside, metric))
    for keys, inside in group(lambda r: {**setting_of(r), "kind": r["kind"]}):
        put("kinds", keys, "speedup", *gathered(inside, "speedup"))
    for _, pair in group(lambda r: (r["setting"]["target"], r["setting"]["draft"])):
        each = [(gathered(inside, "speedup"), keys) for keys, inside in group(setting_of, pair)]
        best, keys = max(each, key=lambda one: one[0][0])
        put("pairs", keys, "speedup", *best)
    close = []
    for cell in by_cell(runs).values():
        keys = {**setting_of(cell[0]), "prompt": cell[0]["prompt"]}
        there = [of_cell(cell, m, baselines, calibrations) for m in ("speedup", "modelled")]
        for metric, value in zip(("speedup", "modelled"), there, strict=True):
            put("cells", keys, metric, value, n=len(cell))
        close.append(abs(there[1] / there[0] - 1) <= 0.1)
        if not close[-1]:
            terms = {}
            for run in cell:
                gap, shown = run["figures"]["gap"], run["figures"]
                assert abs(sum(gap.values()) - (shown["speedup"] - shown["modelled"])) < 1e-9
                for name, change in gap.items():
                    terms[name] = terms.get(name, 0.0) + change / len(cell)
            worst = max(terms, key=lambda name: abs(terms[name]))
            put("off", keys, worst, terms[worst], n=len(cell))
    if close:
        put("model", {}, "within_10_percent", sum(close) / len(close), n=len(close))
    cells = {}
    for run in [*runs, *failed]:
        cells.setdefault(json.dumps(setting_of(run), sort_keys=True), {}).setdefault(
            run["cell"], []
        ).append(run)
    for keys, inside in cells.items():
        done = sum(sum(r["type"] == "RunDone" for r in c) >= repeats for c in inside.values())
        put("done", json.loads(keys), "cells", done, n=len(inside))
    for name, c in calibrations.items():
        single = c["verify_ns"][0]
        put("costs", {"calibration": name}, "single_ms", single / 1e6, n=c["rounds"])
        if c["draft_ns"] is not None:
            step = c["draft_ns"] / single
            put("costs", {"calibration": name}, "draft_step", step, n=c["rounds"])
    return found


def by_cell(runs):
    cells = {}
    for run in runs:
        cells.setdefault(run["cell"], []).append(run)
    return cells


def rounded(table, metric, value):
    """As the page writes it."""
    if table == "off":
        return f"{value:+.2f}×"
    match metric:
        case "speedup" | "modelled":
            return times(value)
        case "tokens_per_second":
            return f"{value:.1f}"
        case "within_10_percent":
            return f"{value:.0%}"
        case "cells":
            return f"{value:.0f}"
    return f"{value:.2f}"


def times(value):
    return (
        f"{value:.2f}×" if value < 1.995 else f"{value:.1f}×" if value < 9.95 else f"{value:.0f}×"
    )


def near(a, b):
    return a is b or (a is not None and b is not None and abs(a - b) <= TOLERANCE * max(abs(a), 1))


def check(folder: Path) -> list[str]:
    """What is wrong: figures that differ, are missing or of nothing, and visible numbers that are
    not the rounding of theirs."""
    wanted = expected(read(folder))
    page = (folder / "report.html").read_text("utf-8")
    data = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.S)
    figures = json.loads(data[1])
    wrong = []
    seen = {}
    for shown in figures:
        key = shown["table"], json.dumps(shown["keys"], sort_keys=True), shown["metric"]
        seen[key] = shown
        found = wanted.get(key)
        there = [shown.get(part) for part in ("value", "low", "high", "n")]
        if found is None:
            wrong.append(f"{key}: the results hold no such figure")
        elif not all(map(near, there, found)):
            wrong.append(f"{key}: {there} in the report, {found} recomputed")
    wrong += [f"{key}: missing in the report" for key in wanted.keys() - seen.keys()]
    if len(seen) < len(figures):
        wrong.append("a figure stands there twice")
    visible = re.findall(r'<data value="([^"]*)" data-at="(\d+)\.(\w+)">([^<]*)</data>', page)
    shown_at = set()
    for value, at, part, text in visible:
        shown = figures[int(at)]
        shown_at.add(int(at))
        if float(value) != shown[part] or text != rounded(
            shown["table"], shown["metric"], shown[part]
        ):
            wrong.append(f"{text} is shown of {shown['table']} {shown['metric']} {shown['keys']}")
    for at, shown in enumerate(figures):
        if shown["table"] in ("settings", "model", "costs") and at not in shown_at:
            wrong.append(f"{shown['table']} {shown['metric']} {shown['keys']} is not shown")
    if not figures:
        wrong.append("the report holds no figure")
    return wrong


if __name__ == "__main__":
    problems = check(Path(sys.argv[1]))
    sys.stdout.write("\n".join(problems or ["Every figure is as recomputed."]) + "\n")
    sys.exit(bool(problems))
