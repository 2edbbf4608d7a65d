"""The figures of a report: each is in the page twice, rounded for people and whole for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from engine.experiments.grid import Setting
from engine.experiments.results import (
    CellResult,
    Definitions,
    Metric,
    Results,
    gathered,
    grouped,
)

WITHIN = 0.1
"""A modelled speedup this near to the measured one is called close."""
EFFICIENCY = Definitions(efficiency=True)


class Shown(msgspec.Struct, frozen=True):
    """One figure. keys: what it is of; value, low, high: a median over prompts with its interval
    (a share, or of one cell: low and high None)."""

    table: str
    keys: dict[str, str | int | float | None]
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    at: int = 0
    """Place among the figures of the page: what is visible refers to it."""


METRICS: tuple[tuple[str, Metric, Definitions], ...] = (
    ("speedup", "speedup", Definitions()),
    ("modelled", "modelled", Definitions()),
    ("acceptance_rate", "acceptance", Definitions()),
    ("draft_efficiency", "acceptance", EFFICIENCY),
    ("tokens_per_pass", "tokens_per_pass", Definitions()),
    ("tokens_per_second", "tokens_per_second", Definitions()),
)


def keys_of(setting: Setting) -> dict[str, str | int | float | None]:
    return msgspec.structs.asdict(setting)


def of_settings(results: Results) -> list[Shown]:
    """Every metric of every setting over all prompts."""
    found: list[Shown] = []
    for setting, cells in by_setting(results.cells.values()).items():
        found += _of("settings", keys_of(setting), cells, METRICS)
    return found


def of_kinds(results: Results) -> list[Shown]:
    """The speedup of every setting on every kind of prompt."""
    found: list[Shown] = []
    for setting, cells in by_setting(results.cells.values()).items():
        for (kind,), inside in grouped(cells, "kind").items():
            found += _of("kinds", {**keys_of(setting), "kind": str(kind)}, inside, METRICS[:1])
    return found


def of_pairs(results: Results) -> list[Shown]:
    """The best setting's speedup of every target and draft."""
    found: list[Shown] = []
    for (target, draft), cells in grouped(results.cells.values(), "target", "draft").items():
        best = best_of(cells)
        if best is not None:
            keys = {"target": str(target), "draft": None if draft is None else str(draft)}
            found.append(msgspec.structs.replace(best, table="pairs", keys={**best.keys, **keys}))
    return found


def of_model(results: Results) -> list[Shown]:
    """How near the modelled speedups are to the measured ones, cell by cell."""
    found: list[Shown] = []
    for cell in results.cells.values():
        measured, modelled = cell.value("speedup"), cell.value("modelled")
        if measured and modelled:
            keys = {**keys_of(cell.setting), "prompt": cell.prompt}
            found.append(Shown("cells", keys, "speedup", measured, n=len(cell.runs)))
            found.append(Shown("cells", keys, "modelled", modelled, n=len(cell.runs)))
    pairs = list(zip(found[::2], found[1::2], strict=True))
    if pairs:
        close = sum(abs(model.value / run.value - 1) <= WITHIN for run, model in pairs)
        found.append(Shown("model", {}, "within_10_percent", close / len(pairs), n=len(pairs)))
    return found


def of_counts(results: Results) -> list[Shown]:
    """How many cells of every setting are complete, of n."""
    return [
        Shown(
            "done",
            keys_of(setting),
            "cells",
            sum(cell.state == "done" for cell in cells),
            n=len(cells),
        )
        for setting, cells in by_setting(results.cells.values()).items()
    ]


def of_costs(results: Results) -> list[Shown]:
    """T_v(1) in milliseconds, and the draft step in single passes, of every calibration."""
    found: list[Shown] = []
    for name, c in results.calibrations.items():
        single = c.verify_ns[0]
        found.append(Shown("costs", {"calibration": name}, "single_ms", single / 1e6, n=c.rounds))
        if c.draft_ns is not None:
            step = c.draft_ns / single
            found.append(Shown("costs", {"calibration": name}, "draft_step", step, n=c.rounds))
    return found


def of_gaps(results: Results) -> list[Shown]:
    """Of every cell that the model misses, the term that is furthest off: the mean change over the
    cell's runs when the measured value takes its place."""
    found: list[Shown] = []
    for cell in results.cells.values():
        measured, modelled = cell.value("speedup"), cell.value("modelled")
        if not measured or not modelled or abs(modelled / measured - 1) <= WITHIN:
            continue
        terms: dict[str, float] = {}
        for run in cell.runs:
            for name, change in run.figures.gap.items():
                terms[name] = terms.get(name, 0.0) + change / len(cell.runs)
        if terms:
            term = max(terms, key=lambda name: abs(terms[name]))
            keys = {**keys_of(cell.setting), "prompt": cell.prompt}
            found.append(Shown("off", keys, term, terms[term], n=len(cell.runs)))
    return found


def best_of(cells: Iterable[CellResult]) -> Shown | None:
    """The setting with the greatest median speedup."""
    found = [
        shown
        for setting, inside in by_setting(cells).items()
        for shown in _of("settings", keys_of(setting), inside, METRICS[:1])
    ]
    return max(found, key=lambda shown: shown.value) if found else None


def by_setting(cells: Iterable[CellResult]) -> dict[Setting, list[CellResult]]:
    found: dict[Setting, list[CellResult]] = {}
    for cell in cells:
        found.setdefault(cell.setting, []).append(cell)
    return found


def _of(
    table: str,
    keys: dict[str, str | int | float | None],
    cells: Sequence[CellResult],
    metrics: Iterable[tuple[str, Metric, Definitions]],
) -> list[Shown]:
    found: list[Shown] = []
    for name, metric, how in metrics:
        value = gathered(cells, metric, how)
        if value is not None:
            found.append(Shown(table, keys, name, value.median, value.low, value.high, value.n))
    return found


def model_name(source: str | None) -> str:
    """A model for people: the embedded one, the toy, a file's name."""
    if source is None:
        return "–"
    return Path(source).name if source else "embedded model"


def setting_name(keys: dict[str, str | int | float | None]) -> str:
    """A setting in a few words."""
    parts = [str(keys["drafter"])]
    if keys["draft"] is not None:
        parts.append(f"({model_name(str(keys['draft']))})")
    parts.append(f"{'γ ≤' if keys['drafter'] == 'auto' else 'γ ='} {keys['gamma']}")
    parts.append(f"T = {keys['temperature']:g}")
    if keys["rule"] != "rejection":
        parts.append(str(keys["rule"]))
    if keys["length_policy"] != "fixed":
        parts.append(str(keys["length_policy"]))
    return " ".join(parts)
