"""The tables behind an experiment's maps: what stands in each cell, and why. No widgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, NamedTuple

from app.experiment_words import (
    AXES,
    STATES,
    Label,
    Make,
    gamma_of,
    interval_words,
    kind_of,
    make_of,
    metric_words,
    model_labels,
    printed,
    setting_words,
    value_label,
)
from app.views import format as fmt
from engine.errors import DraftscopeError
from engine.experiments.grid import Setting, grid
from engine.experiments.results import (
    KEYS,
    CellResult,
    Definitions,
    Interval,
    Metric,
    Results,
    State,
    interval,
)

OF = KEYS | {"gamma": lambda cell: gamma_of(cell.setting)}
"""How a cell gives the value of an axis. The γ of a drafter that chooses it itself is no number: in
its setting stands the most that it may choose."""
Filters = Mapping[str, object]
"""Only cells with these values of these keys."""
MapState = State | Literal["absent"]


@dataclass(frozen=True, slots=True)
class MapCell:
    """One field of a map. absent: the experiment has no such combination. note: what is said of it
    besides its value. cells: what it was gathered from."""

    interval: Interval | None = None
    state: MapState = "absent"
    text: str = ""
    reason: str = ""
    note: str = ""
    cells: tuple[CellResult, ...] = ()


@dataclass(frozen=True, slots=True)
class MapTable:
    """A map. cells[row][column]. optimum: for each row the column that the cost model puts first,
    None where it cannot tell; empty where the columns are no γ. centred: 1.0 is the middle of its
    scale. row_keys, column_keys: the values behind the labels."""

    title: str
    kind: str
    metric: Metric
    centred: bool
    row_title: str
    column_title: str
    rows: tuple[Label, ...]
    columns: tuple[Label, ...]
    row_keys: tuple[object, ...]
    column_keys: tuple[object, ...]
    cells: tuple[tuple[MapCell, ...], ...]
    optimum: tuple[int | None, ...] = ()

    def at(self, row: int, column: int) -> MapCell | None:
        """None outside the map."""
        if 0 <= row < len(self.rows) and 0 <= column < len(self.columns):
            return self.cells[row][column]
        return None

    def place_of(self, row_key: object, column_key: object) -> tuple[int, int] | None:
        """Where a combination stands."""
        if row_key in self.row_keys and column_key in self.column_keys:
            return self.row_keys.index(row_key), self.column_keys.index(column_key)
        return None

    @property
    def optimum_known(self) -> list[bool]:
        """For each row of a map with an optimum, whether the cost model can tell it."""
        return [column is not None for column in self.optimum]

    def told(self, row: int, column: int) -> list[str]:
        """A cell in full, for tooltips and screen readers: where it is, what it says, why."""
        cell = self.at(row, column)
        if cell is None:
            return []
        at = (self.row_title, self.rows[row]), (self.column_title, self.columns[column])
        where = ", ".join(f"{title} {label.text}" for title, label in at)
        if cell.state == "absent":
            return [where, "The experiment has no such combination."]
        lines = [where, cell.note]
        if cell.interval is not None:
            lines.append(f"{self.title}, {self.kind}: {interval_words(self.metric, cell.interval)}")
        if cell.state != "done":
            lines.append(STATES[cell.state])
        lines.append(cell.reason)
        if row < len(self.optimum) and self.optimum[row] == column:
            lines.append("The cost model puts this γ first in its row.")
        return [line[:1].upper() + line[1:] for line in lines if line]

    @property
    def values(self) -> list[float]:
        return [c.interval.median for row in self.cells for c in row if c.interval is not None]


def with_waiting(results: Results) -> Results:
    """The same with the cells that have no run yet, so that maps show them waiting. Cells then come
    in the order of the spec. Prompts that are gone leave only what was run."""
    try:
        whole = grid(results.spec)
    except DraftscopeError:
        return results
    cells: dict[str, CellResult] = {}
    for cell in whole.cells:
        known = results.cells.get(cell.id)
        cells[cell.id] = known or CellResult(
            cell.id, cell.setting, cell.prompt.id, cell.prompt.kind, repeats=results.spec.repeats
        )
    results.cells = cells | {i: cell for i, cell in results.cells.items() if i not in cells}
    return results


class Counts(NamedTuple):
    settings: int
    prompts: int
    runs: int


@dataclass(slots=True)
class Group:
    """Cells that stand together in a map, and what is known of them."""

    cells: list[CellResult]
    found: dict[tuple[Metric, Definitions], Interval | None] = field(default_factory=dict)
    _state: tuple[MapState, str] | None = None
    _makes: frozenset[Make] | None = None

    @property
    def makes(self) -> frozenset[Make]:
        """What the models of the runs are."""
        if self._makes is None:
            self._makes = frozenset(
                make_of(cell.runs[0].models) for cell in self.cells if cell.runs
            )
        return self._makes

    @property
    def state(self) -> tuple[MapState, str]:
        """And the reason for what is missing."""
        if self._state is None:
            self._state = _state(self.cells)
        return self._state


class Maps:
    """Makes the tables of one `Results`, and remembers what is asked for again: the values of its
    cells, and which of them stand together."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self._values: dict[tuple[Metric, Definitions], dict[str, float | None]] = {}
        self._groups: dict[object, dict[tuple[object, ...], Group]] = {}
        self._counts: dict[object, Counts] = {}
        self._tables: dict[object, MapTable] = {}
        found = {key: _ordered(key, results.cells.values()) for key in AXES}
        self.known: dict[str, tuple[object, ...]] = found
        self._models = model_labels([*found["target"], *found["draft"]])

    @property
    def axes(self) -> list[str]:
        """The keys that have more than one value, in the order in which they are offered; of an
        experiment with less than two such keys, drafter and γ as well."""
        several = [key for key in AXES if len(self.known[key]) > 1]
        return (
            several
            if len(several) > 1
            else [k for k in AXES if k in (*several, "drafter", "gamma")]
        )

    def first_axes(self) -> tuple[str, str]:
        """Rows and columns to begin with: γ across, what else there is most to learn of down."""
        axes = self.axes
        column = "gamma" if "gamma" in axes else axes[-1]
        rows = [
            k for k in ("drafter", "draft", "target", "rule", *axes) if k in axes and k != column
        ]
        return rows[0], column

    def label(self, key: str, value: object) -> Label:
        return self._models[value] if key in ("target", "draft") else value_label(key, value)

    def counts(self, keys: tuple[str, str], filters: Filters | None = None) -> Counts:
        """What the map over these keys shows, in all."""
        groups = self._grouped(keys, filters or {})
        asked = self._asked(keys, filters or {})
        if asked not in self._counts:
            cells = [cell for group in groups.values() for cell in group.cells]
            self._counts[asked] = Counts(
                len({cell.setting for cell in cells}),
                len({cell.prompt for cell in cells}),
                sum(len(cell.runs) for cell in cells),
            )
        return self._counts[asked]

    def gathered(
        self, cells: Iterable[CellResult], metric: Metric, how: Definitions
    ) -> Interval | None:
        """As `results.gathered`, from remembered values."""
        known = self._values.setdefault((metric, _relevant(metric, how)), {})
        values: list[float] = []
        for cell in cells:
            if cell.id in known:
                value = known[cell.id]
            else:
                value = known[cell.id] = cell.value(metric, how)
            if value is not None:
                values.append(value)
        return interval(values) if values else None

    def _of(self, group: Group, metric: Metric, how: Definitions) -> Interval | None:
        """The same of cells that stand together, remembered as a whole."""
        key = metric, _relevant(metric, how)
        if key not in group.found:
            group.found[key] = self.gathered(group.cells, metric, how)
        return group.found[key]

    def table(
        self,
        metric: Metric,
        how: Definitions,
        rows: str,
        columns: str,
        filters: Filters | None = None,
    ) -> MapTable:
        """The map of a metric over two keys; of the cells that pass the filters."""
        asked = metric, _relevant(metric, how), self._asked((rows, columns), filters or {})
        if asked not in self._tables:
            if len(self._tables) > 16:
                self._tables.clear()
            self._tables[asked] = self._table(metric, how, rows, columns, filters or {})
        return self._tables[asked]

    def _table(
        self, metric: Metric, how: Definitions, rows: str, columns: str, filters: Filters
    ) -> MapTable:
        groups = self._grouped((rows, columns), filters)
        row_keys = self._present(rows, {key[0] for key in groups})
        column_keys = self._present(columns, {key[1] for key in groups})
        cells = tuple(
            tuple(self._cell(groups.get((r, c)), metric, how) for c in column_keys)
            for r in row_keys
        )
        optimum: tuple[int | None, ...] = ()
        if columns == "gamma" and len(column_keys) > 1:
            modelled = (
                [
                    self._of(groups[r, c], "modelled", how) if (r, c) in groups else None
                    for c in column_keys
                ]
                for r in row_keys
            )
            optimum = tuple(_first(row) for row in modelled)
        words = metric_words(metric, how)
        return MapTable(
            words.title,
            kind_of(metric, how, {each for group in groups.values() for each in group.makes}),
            metric,
            metric in ("speedup", "modelled"),
            AXES[rows],
            AXES[columns],
            tuple(self.label(rows, key) for key in row_keys),
            tuple(self.label(columns, key) for key in column_keys),
            row_keys,
            column_keys,
            cells,
            optimum,
        )

    def pairs(
        self, how: Definitions, metric: Metric = "speedup", filters: Filters | None = None
    ) -> MapTable:
        """Targets × drafts, "no draft" first: in each cell the figure of the setting whose median
        speedup is the greatest. Choosing the best of many flatters it a little; the note says of
        how many it is the best."""
        groups = self._grouped(("target", "draft"), filters or {})
        row_keys = self._present("target", {key[0] for key in groups})
        drafts = self._present("draft", {key[1] for key in groups})
        column_keys = (*(d for d in drafts if d is None), *(d for d in drafts if d is not None))
        cells = tuple(
            tuple(self._best(groups.get((r, c)), metric, how) for c in column_keys)
            for r in row_keys
        )
        words = metric_words(metric, how)
        return MapTable(
            f"{words.title} of the best setting",
            kind_of(metric, how, {each for group in groups.values() for each in group.makes}),
            metric,
            metric in ("speedup", "modelled"),
            AXES["target"],
            AXES["draft"],
            tuple(self._models[key] for key in row_keys),
            tuple(self._models[key] for key in column_keys),
            row_keys,
            column_keys,
            cells,
        )

    def _best(self, group: Group | None, metric: Metric, how: Definitions) -> MapCell:
        settings: dict[Setting, list[CellResult]] = {}
        for cell in group.cells if group is not None else ():
            settings.setdefault(cell.setting, []).append(cell)
        parts = {setting: Group(inside) for setting, inside in settings.items()}
        best: tuple[float, Setting] | None = None
        for setting, part in parts.items():
            found = self._of(part, "speedup", how)
            if found is not None and (best is None or found.median > best[0]):
                best = found.median, setting
        if best is None or group is None:
            return self._cell(group, metric, how)
        made = self._cell(parts[best[1]], metric, how)
        state, reason = group.state
        note = setting_words(best[1])
        if len(settings) > 1:
            reason = " ".join(filter(None, (f"Best of {len(settings)} settings.", reason)))
        return MapCell(made.interval, state, made.text, reason, note, made.cells)

    def _cell(self, group: Group | None, metric: Metric, how: Definitions) -> MapCell:
        if group is None:
            return MapCell()
        found = self._of(group, metric, how)
        state, reason = group.state
        text = printed(metric, found.median) if found is not None else ""
        if found is None and state in ("done", "partial"):
            reason = " ".join(filter(None, ("There is nothing to measure.", reason)))
        return MapCell(found, state, text, reason, "", tuple(group.cells))

    def _grouped(self, keys: tuple[str, str], filters: Filters) -> dict[tuple[object, ...], Group]:
        asked = self._asked(keys, filters)
        if asked not in self._groups:
            if len(self._groups) > 32:
                self._groups.clear()
                self._counts.clear()
            first, second = OF[keys[0]], OF[keys[1]]
            wanted = [(OF[key], value) for key, value in filters.items()]
            groups: dict[tuple[object, ...], list[CellResult]] = {}
            for cell in self.results.cells.values():
                if all(of(cell) == value for of, value in wanted):
                    groups.setdefault((first(cell), second(cell)), []).append(cell)
            self._groups[asked] = {key: Group(inside) for key, inside in groups.items()}
        return self._groups[asked]

    @staticmethod
    def _asked(keys: tuple[str, str], filters: Filters) -> object:
        return keys, tuple(sorted(filters.items(), key=lambda item: item[0]))

    def _present(self, key: str, values: set[object]) -> tuple[object, ...]:
        return tuple(value for value in self.known[key] if value in values)


@cache
def _relevant(metric: Metric, how: Definitions) -> Definitions:
    """The definitions as far as they change a metric."""
    return Definitions(
        efficiency=how.efficiency if metric == "acceptance" else False,
        bonus=how.bonus if metric == "tokens_per_pass" else True,
    )


def _ordered(key: str, cells: Iterable[CellResult]) -> tuple[object, ...]:
    """The values of a key: numbers by size, others in order of appearance."""
    values = list(dict.fromkeys(map(OF[key], cells)))
    if key in ("gamma", "temperature"):
        values.sort(key=lambda value: value if isinstance(value, int | float) else float("inf"))
    return tuple(values)


def _first(row: Sequence[Interval | None]) -> int | None:
    """The column with the greatest median, the leftmost of equals."""
    known = [(-found.median, i) for i, found in enumerate(row) if found is not None]
    return min(known)[1] if len(known) > 1 else None


def _state(cells: Sequence[CellResult]) -> tuple[MapState, str]:
    """The state of cells that stand together, and the reason for what is missing."""
    counts: dict[State, int] = {}
    for cell in cells:
        state = cell.state
        counts[state] = counts.get(state, 0) + 1
    n, some = len(cells), any(cell.runs for cell in cells)
    said: list[str] = []
    for state in ("refused", "failed"):
        if not counts.get(state):
            continue
        reasons = {c.problem.message: c.problem for c in cells if c.state == state and c.problem}
        first = next(iter(reasons.values()))
        why = " ".join(filter(None, (first.message, first.hint)))
        if len(reasons) > 1:
            why = f"{why} (And {fmt.count(len(reasons) - 1, 'other reason')}.)"
        said.append(f"{counts[state]} of {n} {state}: {why}" if counts[state] < n else why)
    if (missing := counts.get("waiting", 0) + counts.get("partial", 0)) and (some or missing < n):
        said.append(f"{missing} of {n} not finished yet.")
    reason = " ".join(said)
    able = n - counts.get("refused", 0)
    if not able:
        return "refused", reason
    if counts.get("done", 0) == able:
        return "done", reason
    if some:
        return "partial", reason
    return ("failed" if counts.get("failed") else "waiting"), reason
