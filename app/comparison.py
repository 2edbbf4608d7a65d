"""Runs side by side: every figure with its kind, the best of each row, what sets the runs apart.

Pure data, without widgets: `compare_runs` makes it anew from the runs and their baselines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from app.comparison_figures import SPECS, Better, Facts, Kind, Spec, changed, facts_of, written
from app.race_words import facets, is_plain
from engine import cost
from engine.config import Config
from engine.trace import Run

NONE = "–"
SETTINGS = "Settings that differ"
NAMES = (
    *("Prompt", "Target", "Drafter", "Draft", "Counted text", "γ", "Branches", "Match length"),
    *("Rule", "Length policy", "Temperature", "Filters", "Seed", "Tokens at most"),
    *("Device", "Machine", "Library"),
)
"""Of the settings, in the order of the table."""


class Member(NamedTuple):
    """One of the runs that are compared. path: of its recording, where it came from one."""

    name: str
    run: Run
    baseline: Run | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """One cell. number None: not defined for this run. kind None: a setting.

    best: no other run is better. difference: number minus the reference's; change: the same in
    words, "" for the reference itself and where the two cannot be compared.
    """

    text: str
    number: float | None = None
    kind: Kind | None = None
    best: bool = False
    difference: float | None = None
    change: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure or setting of all runs. better: which end is good; None: neither is."""

    group: str
    name: str
    tip: str
    values: tuple[Value, ...]
    better: Better | None = None

    @property
    def kind(self) -> str:
        """What the figures are; both words where a toy stands beside a real model."""
        kinds = dict.fromkeys(v.kind for v in self.values if v.kind and v.number is not None)
        return ", ".join(kinds)

    @property
    def mixed(self) -> bool:
        """Simulated times beside measured ones: each cell says which it is."""
        return "," in self.kind

    def note(self, value: Value) -> str:
        """What stands beside a value: its difference, or its kind where these are mixed."""
        return value.change or (value.kind or "" if self.mixed and value.number is not None else "")


@dataclass(frozen=True, slots=True)
class Compared:
    """settings: those in which the runs differ. shared: (name, value) of all others, once."""

    members: tuple[Member, ...]
    reference: int
    settings: tuple[Row, ...]
    shared: tuple[tuple[str, str], ...]
    figures: tuple[Row, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        return (*self.settings, *self.figures)


def compare_runs(members: Sequence[Member], reference: int = 0) -> Compared:
    """All figures of the runs, and their differences to those of the run `reference`."""
    found = [settings(member.run) for member in members]
    differing: list[Row] = []
    shared: list[tuple[str, str]] = []
    for name in NAMES:
        texts = [each.get(name, "") for each in found]
        if not any(texts):
            continue
        if len(set(texts)) == 1:
            shared.append((name, texts[0]))
        else:
            values = tuple(Value(text or NONE) for text in texts)
            differing.append(Row(SETTINGS, name, "", values))
    facts = [facts_of(member.run, member.baseline) for member in members]
    rows = tuple(_row(spec, facts, reference) for spec in SPECS) if members else ()
    return Compared(tuple(members), reference, tuple(differing), tuple(shared), rows)


# Settings


def settings(run: Run) -> dict[str, str]:
    """What a run was made with, by the names of the table; what plays no part is left out."""
    started, told = run.started, facets(run)
    config, models = started.config, started.models
    found = {
        "Prompt": " ".join(started.prompt.split()),
        "Target": told["target"],
        "Drafter": told["drafter"] if is_plain(run) else _drafter(config.drafter, told),
        "γ": str(config.gamma),
    }
    if not is_plain(run):
        draft, table = models.draft, models.table
        found["Draft"] = " ".join(filter(None, (draft.name, draft.quantisation))) if draft else ""
        found["Counted text"] = table.name if table else ""
        found["Rule"] = told["rule"] + _parameters(config.rule, config)
        found["Length policy"] = config.length_policy + _parameters(config.length_policy, config)
        found["Branches"] = told["branches"].removeprefix("branches ")
        if config.drafter not in ("model", "early-exit"):
            found["Match length"] = f"{config.ngram_min} to {config.ngram_max}"
    found |= {
        "Temperature": "0 (greedy)" if config.greedy else f"{config.temperature:g}",
        "Filters": told["filters"],
        "Seed": told["seed"].removeprefix("seed "),
        "Tokens at most": f"{config.max_tokens:,}",
        "Device": told["device"],
        "Machine": started.host.cpu,
        "Library": models.target.library,
    }
    return {name: value for name, value in found.items() if value}


def _drafter(name: str, told: dict[str, str]) -> str:
    return "draft model" if name == "model" else told["drafter"]


_PARAMETERS: dict[str, Callable[[Config], str]] = {
    "lenient": lambda c: f" (lenience {c.lenience:g})",
    "typical": lambda c: f" (ε {c.epsilon:g}, δ {c.delta:g})",
    "confidence": lambda c: f" (threshold {c.confidence:g})",
    "entropy": lambda c: f" (bound {c.entropy_bound:g}, scale {c.entropy_scale:g})",
}


def _parameters(method: str, config: Config) -> str:
    return _PARAMETERS[method](config) if method in _PARAMETERS else ""


# Figures


def _row(spec: Spec, facts: Sequence[Facts], reference: int) -> Row:
    values = [_value(spec, each) for each in facts]
    base = values[reference]
    # Simulated times, and what is modelled from them, say nothing beside measured ones.
    kinds = [each.kind(spec) for each in facts]
    for i, value in enumerate(values):
        if i != reference and kinds[i] == kinds[reference]:
            values[i] = _with_difference(value, base, spec)
    better = spec.better
    if spec.same_work and len({each.figures.tokens for each in facts}) > 1:
        better = None
    if better is not None and len(set(kinds)) == 1:
        for i in _best(values, better, spec.timed):
            values[i] = replace(values[i], best=True)
    return Row(spec.group, spec.name, spec.tip, tuple(values), better)


def _value(spec: Spec, facts: Facts) -> Value:
    number = spec.get(facts)
    kind: Kind = "modelled" if spec.modelled else facts.kind(spec)
    return Value(NONE if number is None else written(number, spec.form), number, kind)


def _with_difference(value: Value, base: Value, spec: Spec) -> Value:
    if value.number is None or base.number is None:
        return value
    change = changed(value.number, base.number, spec.form)
    return replace(value, difference=value.number - base.number, change=change)


def _best(values: Sequence[Value], better: Better, timed: bool) -> list[int]:
    """The places of the best values: several where they are even, none where all are."""
    known = {i: v.number for i, v in enumerate(values) if v.number is not None}
    if len(known) < 2:
        return []
    best = max(known.values()) if better == "higher" else min(known.values())
    even = cost.EVEN[0] if timed else 1.0
    good = [
        i
        for i, n in known.items()
        if (n >= best * even if better == "higher" else n * even <= best)
    ]
    return good if len(good) < len(known) else []
