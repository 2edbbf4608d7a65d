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


def read(folder: Path):
    runs, baselines, calibrations = [], {}, {}
    for line in (folder / "results.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["type"] == "Calibrated":
            calibrations[record["id"]] = record["calibration"]
        elif record["type"] == "RunDone" and record["cell"]:
            runs.append(record)
        elif record["type"] == "RunDone":
            baselines[record["run_id"]] = record
    return runs, baselines, calibrations


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


def expected(shown, runs, baselines, calibrations):
    """(value, low, high, n) of a figure."""
    keys, metric = shown["keys"], shown["metric"]
    if shown["table"] == "model":
        cells = by_cell(runs)
        pairs = [
            [of_cell(c, m, baselines, calibrations) for m in ("speedup", "modelled")]
            for c in cells.values()
        ]
        close = sum(abs(model / run - 1) <= 0.1 for run, model in pairs)
        return close / len(pairs), None, None, len(pairs)
    inside = [
        r
        for r in runs
        if all(r["setting"][k] == keys[k] for k in SETTING)
        and all(r[k] == keys[k] for k in ("kind", "prompt") if k in keys)
    ]
    if shown["table"] == "cells":
        return of_cell(inside, metric, baselines, calibrations), None, None, len(inside)
    values = [of_cell(c, metric, baselines, calibrations) for c in by_cell(inside).values()]
    values = [value for value in values if value is not None]
    return *interval(values), len(values)


def by_cell(runs):
    cells = {}
    for run in runs:
        cells.setdefault(run["cell"], []).append(run)
    return cells


def rounded(shown):
    """As the page writes it."""
    value = shown["value"]
    match shown["metric"]:
        case "speedup" | "modelled":
            return times(value)
        case "tokens_per_second":
            return f"{value:.1f}"
    return f"{value:.2f}"


def times(value):
    return (
        f"{value:.2f}×" if value < 1.995 else f"{value:.1f}×" if value < 9.95 else f"{value:.0f}×"
    )


def check(folder: Path) -> list[str]:
    runs, baselines, calibrations = read(folder)
    page = (folder / "report.html").read_text("utf-8")
    data = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.S)
    figures = json.loads(data[1].replace("<\\/", "</"))
    wrong = []
    for shown in figures:
        value, low, high, n = expected(shown, runs, baselines, calibrations)
        for name, found in (("value", value), ("low", low), ("high", high)):
            there = shown.get(name)
            if (found is None) != (there is None) or (
                found is not None and abs(found - there) > TOLERANCE * max(abs(found), 1)
            ):
                wrong.append(f"{shown['table']} {shown['metric']} {shown['keys']}: "
                             f"{name} is {there}, not {found}")  # fmt: skip
        if shown["n"] != n:
            wrong.append(f"{shown['table']} {shown['metric']} {shown['keys']}: n is not {n}")
    # Visible: the settings' cells, in the order of the data.
    visible = re.findall(r"<td data-figure>([^<]*)", page)
    wanted = [rounded(shown).strip() for shown in figures if shown["table"] == "settings"]
    if [text.strip() for text in visible] != wanted:
        wrong.append("the table of settings does not show its figures")
    if not figures:
        wrong.append("the report holds no figure")
    return wrong


if __name__ == "__main__":
    problems = check(Path(sys.argv[1]))
    sys.stdout.write("\n".join(problems or ["Every figure is as recomputed."]) + "\n")
    sys.exit(bool(problems))
