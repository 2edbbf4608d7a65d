"""`report.html`: one file, readable without a network and without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

import msgspec

from engine.cost import EVEN, times
from engine.experiments.reporting import figures
from engine.experiments.reporting.charts import cost_curve, scatter
from engine.experiments.reporting.figures import Shown, model_name, setting_name
from engine.experiments.reporting.style import STYLE
from engine.experiments.reporting.writing import write_whole
from engine.experiments.results import Results, grouped
from engine.synthetic import KIND, REMARK, is_synthetic


def write_report(results: Results) -> Path:
    """Write the page into the experiment's folder. Raises RecordingError."""
    return write_whole(results.folder / "report.html", report(results))


def report(results: Results) -> str:
    """The page of these results."""
    shown = [
        *figures.of_settings(results),
        *figures.of_kinds(results),
        *figures.of_pairs(results),
        *figures.of_model(results),
        *figures.of_counts(results),
        *figures.of_costs(results),
        *figures.of_gaps(results),
    ]
    shown = [msgspec.structs.replace(one, at=i) for i, one in enumerate(shown)]
    title = results.spec.title or results.folder.name
    data = msgspec.json.encode(shown).decode().replace("<", "\\u003c")
    parts = [
        _head(results, title),
        _verdicts(results, shown),
        _settings(results, shown),
        _kinds(shown),
        _pairs(results, shown),
        _model(shown),
        _off(shown),
        _costs(results, shown),
        _problems(results),
        WORDS,
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} – Draftscope</title><style>{STYLE}</style></head><body><main>"
        f"{''.join(parts)}</main>"
        f'<script type="application/json" id="figures">{data}</script></body></html>\n'
    )


def _head(results: Results, title: str) -> str:
    spec = results.spec
    runs = [run for cell in results.cells.values() for run in cell.runs]
    facts = [
        ("Machine", "; ".join(f"{h.cpu}, {h.cores} cores, {h.system}" for h in results.hosts)),
        ("Runs", f"{len(runs)} of {len(results.cells) * spec.repeats}, and "
                 f"{len(results.baselines)} baselines"),
        ("Each", f"{spec.max_tokens} tokens at most, {spec.repeats} repeats, seed {spec.seed}"),
    ]  # fmt: skip
    if runs:
        target = runs[0].models.target
        facts.insert(1, ("Threads", f"{target.threads} on {target.device}, {target.library}"))
    if any(is_synthetic(run.models) for run in runs):
        facts.append(("Synthetic weights", REMARK))
    lines = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts)
    now = datetime.now().astimezone().strftime("%d %B %Y, %H:%M")
    return f'<h1>{escape(title)}</h1><p class="muted">Draftscope report, {now}</p><dl>{lines}</dl>'


def _verdicts(results: Results, shown: Sequence[Shown]) -> str:
    """One sentence for each target: what to use."""
    found: list[str] = []
    for (target,), cells in grouped(results.cells.values(), "target").items():
        best = figures.best_of(cells)
        name = escape(model_name(str(target)))
        simulated = any(run.models.target.simulated for cell in cells for run in cell.runs)
        synthetic = any(is_synthetic(run.models) for cell in cells for run in cell.runs)
        kind = "simulated" if simulated else KIND if synthetic else "measured"
        if best is None:
            found.append(f"<p class='verdict'><b>{name}</b>: nothing was measured.</p>")
            continue
        how = escape(setting_name(best.keys))
        best = next(
            one
            for one in shown
            if (one.table, one.metric, one.keys) == ("settings", "speedup", best.keys)
        )
        figure = f"{_num(best)} ({_range(best)}, {kind}, {best.n} prompts)"
        if best.value >= EVEN[1]:
            text = f"best with <b>{how}</b>: {figure}."
        else:
            text = f"nothing beats plain decoding here; the best, <b>{how}</b>, gives {figure}."
        found.append(f"<p class='verdict'><b>{name}</b>: {text}</p>")
    return "".join(found)


COLUMNS = (
    ("speedup", "speedup"),
    ("modelled", "modelled"),
    ("acceptance_rate", "α"),
    ("draft_efficiency", "draft efficiency"),
    ("tokens_per_pass", "τ"),
    ("tokens_per_second", "tokens/s"),
)


def _settings(results: Results, shown: Sequence[Shown]) -> str:
    by_key: dict[tuple[object, ...], dict[str, Shown]] = {}
    for one in shown:
        if one.table == "settings":
            by_key.setdefault(tuple(one.keys.values()), {})[one.metric] = one
    done: dict[tuple[object, ...], Shown] = {
        tuple(one.keys.values()): one for one in shown if one.table == "done"
    }
    rows: list[str] = []
    for key, of in by_key.items():
        keys = next(iter(of.values())).keys
        cells = [_td(of.get(metric), interval=metric == "speedup") for metric, _ in COLUMNS]
        rows.append(
            f"<tr><td>{escape(model_name(str(keys['target'])))}</td>"
            f"<td>{escape(setting_name(keys))}</td>{''.join(cells)}"
            f"<td>{_num(done[key])} of {done[key].n}</td></tr>"
        )
    heads = "".join(f"<th>{name}</th>" for _, name in COLUMNS)
    return _section(
        "Settings",
        "Medians over the prompts, with 95 % intervals; of each prompt over its repeats.",
        f"<table><tr><th>target</th><th>setting</th>{heads}<th>cells</th></tr>"
        f"{''.join(rows)}</table>",
    )


def _kinds(shown: Sequence[Shown]) -> str:
    of = [one for one in shown if one.table == "kinds"]
    kinds = list(dict.fromkeys(str(one.keys["kind"]) for one in of))
    if len(kinds) < 2:
        return ""
    rows: dict[str, dict[str, Shown]] = {}
    for one in of:
        target = model_name(str(one.keys["target"]))
        rows.setdefault(f"{target}: {setting_name(one.keys)}", {})[str(one.keys["kind"])] = one
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(_heat(cells.get(kind)) for kind in kinds)}</tr>"
        for name, cells in rows.items()
    )
    heads = "".join(f"<th>{escape(kind) or '–'}</th>" for kind in kinds)
    return _section(
        "By kind of prompt",
        "Speedups, measured (of toy models, simulated), medians. Blue: faster than plain decoding; "
        "orange: slower.",
        f"<table><tr><th>setting</th>{heads}</tr>{body}</table>",
    )


def _pairs(results: Results, shown: Sequence[Shown]) -> str:
    of = {(one.keys["target"], one.keys["draft"]): one for one in shown if one.table == "pairs"}
    cells = grouped(results.cells.values(), "target", "draft")
    targets = list(dict.fromkeys(target for target, _ in cells))
    drafts = list(dict.fromkeys(draft for _, draft in cells))
    if len(targets) < 2 and len(drafts) < 2:
        return ""

    def cell(target: object, draft: object) -> str:
        inside = cells.get((target, draft), [])
        best = of.get((str(target), None if draft is None else str(draft)))
        if best is not None:
            return _heat(best, f"<br><small>{escape(setting_name(best.keys))}</small>")
        problem = next((c.problem for c in inside if c.problem is not None), None)
        why = "" if problem is None else escape(problem.message)
        return f"<td class='refused'>{why or '–'}</td>"

    def named(draft: object) -> str:
        return "no draft model" if draft is None else escape(model_name(str(draft)))

    heads = "".join(f"<th>{named(draft)}</th>" for draft in drafts)
    body = "".join(
        f"<tr><td>{escape(model_name(str(target)))}</td>"
        f"{''.join(cell(target, draft) for draft in drafts)}</tr>"
        for target in targets
    )
    return _section(
        "Pairs",
        "The best setting of each target and draft: its median speedup, measured (of toy models, "
        "simulated).",
        f"<table><tr><th>target</th>{heads}</tr>{body}</table>",
    )


def _model(shown: Sequence[Shown]) -> str:
    share = next((one for one in shown if one.table == "model"), None)
    if share is None:
        return ""
    of = [one for one in shown if one.table == "cells"]
    points = [
        (model.value, run.value, f"{setting_name(run.keys)}, {run.keys['prompt']}")
        for run, model in zip(of[::2], of[1::2], strict=True)
    ]
    return _section(
        "The cost model",
        f"Modelled from the calibrated costs and each run's own α and host time. "
        f"<b>{_num(share)}</b> of {share.n} cells are within 10 % of the measured speedup "
        "(the band).",
        scatter(points),
    )


FURTHEST = 40
"""So many cells are named of those that the model misses."""


def _off(shown: Sequence[Shown]) -> str:
    """The cells that the model misses by more than a tenth, and the term that is to blame."""
    of = {(one.metric, tuple(one.keys.items())): one for one in shown if one.table == "cells"}
    rows: list[tuple[float, str]] = []
    for blamed in shown:
        if blamed.table != "off":
            continue
        key = tuple(blamed.keys.items())
        measured, modelled = of["speedup", key], of["modelled", key]
        name = f"{setting_name(blamed.keys)}, {blamed.keys['prompt']}"
        rows.append(
            (
                -abs(modelled.value / measured.value - 1),
                f"<tr><td>{escape(name)}</td><td>{_num(modelled)}</td><td>{_num(measured)}</td>"
                f"<td>{escape(blamed.metric)} ({_num(blamed)})</td></tr>",
            )
        )
    if not rows:
        return ""
    rows.sort()
    left = f" The {FURTHEST} furthest off are shown." if len(rows) > FURTHEST else ""
    return _section(
        "Where the model is off",
        f"{len(rows)} cells by more than 10 %, and the term that changes the figure most when the "
        f"measured value takes its place.{left}",
        "<table><tr><th>cell</th><th>modelled</th><th>measured</th><th>furthest off</th></tr>"
        f"{''.join(row for _, row in rows[:FURTHEST])}</table>",
    )


def _costs(results: Results, shown: Sequence[Shown]) -> str:
    if not results.calibrations:
        return ""
    charts: list[str] = []
    of = {(one.keys["calibration"], one.metric): one for one in shown if one.table == "costs"}
    for key, c in results.calibrations.items():
        step = ""
        if c.draft is not None and c.draft_ns is not None:
            name = escape(c.draft.name)
            step = f" A drafted token of {name}: {_num(of[key, 'draft_step'])} single passes."
        what = f"{escape(c.target.name)} {escape(c.target.quantisation)}".strip()
        charts.append(
            f"<figure><figcaption>{what}: T_v(1) = {_num(of[key, 'single_ms'])} ms on "
            f"{c.target.threads} threads, {c.rounds} passes of each width; the band holds the "
            f"middle half.{step}</figcaption>{cost_curve(c)}</figure>"
        )
    return _section(
        "What passes cost",
        "Measured before the runs; of toy models, simulated.",
        "".join(charts),
    )


def _problems(results: Results) -> str:
    rows: dict[tuple[str, str, str], int] = {}
    for cell in results.cells.values():
        if cell.problem is not None:
            name = setting_name(figures.keys_of(cell.setting))
            why = " ".join(filter(None, (cell.problem.message, cell.problem.hint)))
            rows[name, cell.state, why] = rows.get((name, cell.state, why), 0) + 1
    if not rows:
        return ""
    body = "".join(
        f"<tr><td>{escape(name)}</td><td>{state}</td><td>{count}</td><td>{escape(why)}</td></tr>"
        for (name, state, why), count in rows.items()
    )
    return _section(
        "Cells without figures",
        "Refused: the combination cannot run. Failed: it ended on the way; --retry-failed tries "
        "again.",
        f"<table><tr><th>setting</th><th></th><th>cells</th><th>reason</th></tr>{body}</table>",
    )


WORDS = """<section><h2>What the words mean</h2><dl>
<dt>speedup</dt><dd>Plain decoding's time for the same number of tokens ÷ this run's; the same
engine, prompt, sampler and block of runs; prefill stands apart.</dd>
<dt>modelled</dt><dd>E·T_v(1) ÷ (γ·t_draft + T_v(γ+1) + t_host), with E the expected tokens of a
round at the run's α.</dd>
<dt>α</dt><dd>Acceptance rate: accepted ÷ (accepted + rejected). Discarded tokens are never in
it.</dd>
<dt>draft efficiency</dt><dd>accepted ÷ drafted, which many tools call acceptance.</dd>
<dt>τ</dt><dd>Tokens per pass: tokens emitted ÷ target passes, rounds without a proposal
included.</dd></dl>
<p class="muted">Every figure on this page stands unrounded in the page's own data
(<code>#figures</code>) and can be recomputed from <code>results.jsonl</code>.</p></section>"""


def _section(title: str, text: str, body: str) -> str:
    return f"<section><h2>{title}</h2><p class='muted'>{text}</p>{body}</section>"


def _td(shown: Shown | None, *, interval: bool = False) -> str:
    if shown is None:
        return "<td>–</td>"
    span = f" <small>{_range(shown)}</small>" if interval else ""
    return f"<td>{_num(shown)}{span}</td>"


def _heat(shown: Shown | None, more: str = "") -> str:
    """A cell coloured by how far it is from 1, half at 1.5 times and full at twice or half."""
    if shown is None:
        return "<td>–</td>"
    ratio = max(min(shown.value, 2.0), 0.5)
    share = (ratio - 1) if ratio >= 1 else (1 / ratio - 1)
    hue = "faster" if ratio >= 1 else "slower"
    return f'<td class="{hue}" style="--share:{share:.2f}">{_num(shown)}{more}</td>'


def _num(shown: Shown, part: str = "value") -> str:
    """A figure as people read it, with its place in the page's data."""
    value: float = getattr(shown, part)
    return f'<data value="{value!r}" data-at="{shown.at}.{part}">{_rounded(shown, value)}</data>'


def _rounded(shown: Shown, value: float) -> str:
    match shown.table, shown.metric:
        case "off", _:
            return f"{value:+.2f}×"
        case _, "speedup" | "modelled":
            return times(value)
        case _, "tokens_per_second":
            return f"{value:.1f}"
        case _, "within_10_percent":
            return f"{value:.0%}"
        case _, "cells":
            return f"{value:.0f}"
        case _:
            return f"{value:.2f}"


def _range(shown: Shown) -> str:
    if shown.low is None or shown.high is None:
        return ""
    return f"{_num(shown, 'low')} to {_num(shown, 'high')}"
