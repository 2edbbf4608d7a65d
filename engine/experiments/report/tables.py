"""The tables of a report. Each puts its figures into the book as it is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.events import Calibration
from engine.experiments.grid import Setting
from engine.experiments.report.markup import Book, Html, Keys, tag
from engine.experiments.report.names import Names, gamma_of, keys_of
from engine.experiments.report.style import heat
from engine.experiments.results import (
    CellResult,
    Definitions,
    Interval,
    Metric,
    Results,
    gathered,
    grouped,
)

HEADS = ("drafter", "draft", "γ", "T", "rule", "policy")
STATES = ("done", "partial", "failed", "refused")
EFFICIENCY = Definitions(efficiency=True)


class Column(NamedTuple):
    """metric: as figures name it. reads: as `CellResult.value` does."""

    head: str
    metric: str
    reads: Metric
    how: Definitions
    form: str
    unit: str
    spread: bool


COLUMNS = (
    Column("speedup ({kind})", "speedup", "speedup", Definitions(), ".2f", "×", True),
    Column("speedup (modelled)", "modelled", "modelled", Definitions(), ".2f", "×", False),
    Column("α", "acceptance_rate", "acceptance", Definitions(), ".3f", "", False),
    Column("draft efficiency", "draft_efficiency", "acceptance", EFFICIENCY, ".3f", "", False),
    Column("τ", "tokens_per_pass", "tokens_per_pass", Definitions(), ".2f", "", False),
    Column("tokens/s ({kind})", "tokens_per_second", "tokens_per_second", Definitions(),
           ".1f", "", False),
)  # fmt: skip


def by_setting(cells: Iterable[CellResult]) -> dict[Setting, list[CellResult]]:
    """Cells of each setting, in order of appearance."""
    found: dict[Setting, list[CellResult]] = {}
    for cell in cells:
        found.setdefault(cell.setting, []).append(cell)
    return found


def settings_table(
    book: Book, names: Names, cells: dict[Setting, list[CellResult]], kind: str
) -> Html:
    """A row a setting: medians over prompts, and how many cells stand behind them."""
    rows: list[Html] = []
    for setting, inside in cells.items():
        keys = keys_of(setting)
        figures = [
            book.show("settings", keys, c.metric, gathered(inside, c.reads, c.how), c.form,
                      unit=c.unit, spread=c.spread)
            for c in COLUMNS
        ]  # fmt: skip
        counts = [
            book.show(
                "settings", keys, f"cells_{state}", sum(c.state == state for c in inside), "d"
            )
            for state in STATES
        ]
        rows.append(tag("tr", *_heads(names, setting), *figures, *counts))
    heads = [tag("th", head, scope="col") for head in HEADS]
    heads += [_n(column.head.format(kind=kind)) for column in COLUMNS]
    heads += [_n(f"cells {state}") for state in STATES]
    return table("Medians over prompts; in brackets the 95 % interval of the median.", heads, rows)


def kinds_table(
    book: Book, names: Names, cells: dict[Setting, list[CellResult]], kind: str
) -> Html:
    """Speedups of each setting by kind of prompt, as a map: the value stands in each field."""
    kinds = list(dict.fromkeys(c.kind for inside in cells.values() for c in inside))
    rows: list[Html] = []
    for setting, inside in cells.items():
        fields: list[Html] = []
        for of in kinds:
            found = gathered((c for c in inside if c.kind == of), "speedup")
            colour = "" if found is None else f" {heat(found.median)}"
            keys = {**keys_of(setting), "kind": of}
            fields.append(
                book.show("kinds", keys, "speedup", found, ".2f", unit="×", spread=True,
                          class_=f"n{colour}")
            )  # fmt: skip
        rows.append(tag("tr", *_heads(names, setting), *fields))
    heads = [tag("th", head, scope="col") for head in HEADS]
    heads += [_n(of or "no kind") for of in kinds]
    return table(
        f"Speedup ({kind}), median over the prompts of a kind with its 95 % interval. Red fields "
        "are below 0.97, green ones above 1.03.",
        heads,
        rows,
    )


def best_of(cells: Iterable[CellResult]) -> tuple[Setting, Interval] | None:
    """The setting with the greatest median speedup; None where nothing was measured."""
    best: tuple[Setting, Interval] | None = None
    for setting, inside in by_setting(cells).items():
        found = gathered(inside, "speedup")
        if found is not None and (best is None or found.median > best[1].median):
            best = setting, found
    return best


def pair_matrix(book: Book, names: Names, results: Results) -> Html | None:
    """The best setting of each target with each draft; None where there is one pair only."""
    groups = grouped(results.cells.values(), "target", "draft")
    targets = list(dict.fromkeys(target for target, _ in groups))
    drafts = list(dict.fromkeys(draft for _, draft in groups))
    if len(targets) < 2 and sum(draft is not None for draft in drafts) < 2:
        return None
    rows: list[Html] = []
    for target in targets:
        fields: list[Html] = []
        for draft in drafts:
            inside = groups.get((target, draft), [])
            best = best_of(inside)
            if best is None:
                reasons = dict.fromkeys(c.problem.message for c in inside if c.problem)
                fields.append(tag("td", " ".join(reasons) or "not run", class_="none text"))
                continue
            setting, found = best
            note = tag("div", names.setting(setting), class_="dim")
            fields.append(
                book.show("pairs", {"target": target, "draft": draft}, "best_speedup", found,
                          ".2f", unit="×", spread=True, class_=heat(found.median), note=note)
            )  # fmt: skip
        rows.append(tag("tr", tag("th", names.target(str(target)), scope="row"), *fields))
    heads = [tag("th", "target", scope="col")]
    heads += [
        tag("th", "no draft model" if d is None else names.draft(str(d)), scope="col")
        for d in drafts
    ]
    return table("Speedup of the best setting of each pair.", heads, rows)


def problems_table(names: Names, results: Results) -> Html | None:
    """Refused and failed cells with their reasons; those with one reason in one row."""
    groups: dict[tuple[object, ...], list[CellResult]] = {}
    for cell in results.cells.values():
        if (problem := cell.problem) is not None:
            at = cell.setting, cell.state, problem.message, problem.hint
            groups.setdefault(at, []).append(cell)
    if not groups:
        return None
    rows: list[Html] = []
    for (_, state, message, hint), cells in groups.items():
        setting = cells[0].setting
        rows.append(
            tag(
                "tr",
                tag("th", f"{names.target(setting.target)}: {names.setting(setting)}"),
                tag("td", state, class_="text"),
                tag("td", ", ".join(cell.prompt for cell in cells), class_="text"),
                tag("td", f"{message} {hint}".strip(), class_="text"),
            )
        )
    heads = [tag("th", head, scope="col") for head in ("setting", "state", "prompts", "reason")]
    return table("Refused: the combination cannot run. Failed: on the way.", heads, rows)


def calibration_table(book: Book, name: str, calibration: Calibration) -> Html:
    """T_v(k) and its ratio to T_v(1), and the draft step."""
    single = calibration.verify_ns[0]
    rows: list[Html] = []
    for i, width in enumerate(calibration.widths):
        spread = Interval(
            calibration.verify_ns[i],
            calibration.verify_low_ns[i],
            calibration.verify_high_ns[i],
            calibration.rounds,
        )
        keys: Keys = {"calibration": name, "width": width}
        rows.append(
            tag(
                "tr",
                tag("th", f"k = {width}", scope="row"),
                book.show("calibrations", keys, "verify_ns", spread, ".3f",
                          scale=1e-6, spread=True),
                book.show("calibrations", keys, "verify_ratio",
                          spread.median / single if single else None, ".2f", unit="×"),
            )
        )  # fmt: skip
    step = calibration.draft_ns
    if step is not None:
        keys = {"calibration": name, "width": None}
        low, high = calibration.draft_low_ns, calibration.draft_high_ns
        found = Interval(
            step, step if low is None else low, step if high is None else high, calibration.rounds
        )
        rows.append(
            tag(
                "tr",
                tag("th", "draft step", scope="row"),
                book.show("calibrations", keys, "draft_ns", found, ".3f",
                          scale=1e-6, spread=True),
                book.show("calibrations", keys, "cost_ratio",
                          step / single if single else None, ".2f", unit="×"),
            )
        )  # fmt: skip
    heads = [tag("th", "pass", scope="col"), _n("ms, median [quartiles]"), _n("in T_v(1)")]
    return table("", heads, rows)


def table(caption: str, heads: Sequence[Html], rows: Sequence[Html]) -> Html:
    parts = [tag("caption", caption)] if caption else []
    parts += [tag("thead", tag("tr", *heads)), tag("tbody", *rows)]
    return tag("div", tag("table", *parts), class_="scroll")


def _heads(names: Names, setting: Setting) -> list[Html]:
    words = (
        setting.drafter,
        names.draft(setting.draft),
        gamma_of(setting),
        f"{setting.temperature:g}",
        setting.rule,
        setting.length_policy,
    )
    return [tag("th", word, scope="row") for word in words]


def _n(head: str) -> Html:
    return tag("th", head, scope="col", class_="n")
