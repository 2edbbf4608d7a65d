"""The results of an experiment: read from its folder, gathered by cell and by setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import comb, sqrt
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

import msgspec

from engine.errors import RecordingError
from engine.events import Calibration, Host, Models
from engine.experiments.grid import Setting
from engine.experiments.ledger import RECORDINGS, RESULTS, read_saved_spec
from engine.experiments.records import Line, RunFigures
from engine.experiments.spec import Spec

State = Literal["done", "partial", "refused", "failed", "waiting"]
Metric = Literal["speedup", "modelled", "acceptance", "tokens_per_pass", "tokens_per_second"]


class RunRow(Line, frozen=True, tag="RunDone"):
    """What the views need of a `RunDone`: without its rounds and its text."""

    run_id: str
    cell: str
    block: str
    repeat: int
    prompt: str
    kind: str
    setting: Setting
    baseline: str
    calibration: str
    models: Models
    figures: RunFigures
    same_text: bool | None = None
    recording: str = ""
    started_at: str = ""


class FailedRow(Line, frozen=True, tag="CellFailed"):
    cell: str
    setting: Setting
    prompt: str
    kind: str
    refused: bool
    message: str
    hint: str = ""


class _CalibratedRow(Line, frozen=True, tag="Calibrated"):
    id: str
    target: str
    draft: str | None
    calibration: Calibration


class _ExperimentRow(Line, frozen=True, tag="Experiment"):
    started_at: str
    host: Host


_Row = RunRow | FailedRow | _CalibratedRow | _ExperimentRow


@dataclass(frozen=True, slots=True)
class Definitions:
    """What two words that tools use differently mean. efficiency: acceptance is accepted ÷ drafted
    (draft efficiency) instead of accepted ÷ judged (α). bonus: tokens per pass count the token that
    the target adds, as τ does; without, accepted tokens alone."""

    efficiency: bool = False
    bonus: bool = True


class Interval(NamedTuple):
    """A median of n values with its 95 % interval (of order statistics; low and high are the
    extremes where n is too small for one)."""

    median: float
    low: float
    high: float
    n: int


@dataclass(slots=True)
class CellResult:
    """One setting on one prompt: its runs, or why there are none."""

    id: str
    setting: Setting
    prompt: str
    kind: str
    runs: list[RunRow] = field(default_factory=list[RunRow])
    problem: FailedRow | None = None
    repeats: int = 1

    @property
    def state(self) -> State:
        if self.problem is not None:
            return "refused" if self.problem.refused else "failed"
        if not self.runs:
            return "waiting"
        return "done" if len(self.runs) >= self.repeats else "partial"

    def value(self, metric: Metric, how: Definitions = Definitions()) -> float | None:
        """The cell's value: the median over its repeats, of ratios that of the sums. None: no run,
        or nothing to measure."""
        return _value([run.figures for run in self.runs], metric, how)


@dataclass(slots=True)
class Results:
    """A folder's experiment. cells: in order of appearance. baselines: by run_id."""

    folder: Path
    spec: Spec
    cells: dict[str, CellResult]
    baselines: dict[str, RunRow]
    calibrations: dict[str, Calibration]
    hosts: tuple[Host, ...]

    @property
    def n_runs(self) -> int:
        return len(self.baselines) + sum(len(cell.runs) for cell in self.cells.values())

    def settings(self) -> list[Setting]:
        """The settings that occur, in order."""
        return list(dict.fromkeys(cell.setting for cell in self.cells.values()))

    def recording(self, run: RunRow) -> Path | None:
        """The file of a run's events, if it was kept and is there."""
        path = self.folder / RECORDINGS / run.recording
        return path if run.recording and path.exists() else None


def read_results(folder: Path) -> Results:
    """Raises RecordingError for a folder that holds no experiment, and for damaged lines."""
    spec = read_saved_spec(folder)
    results = Results(folder, spec, {}, {}, {}, ())
    hosts: dict[Host, None] = {}
    decoder: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)
    path = folder / RESULTS
    try:
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    except OSError as error:
        raise RecordingError(f"{path.name} cannot be read: {error.strerror}.") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordingError(
                f"Line {number} of {path.name} is no record of an experiment: {error}.",
                "The file was edited or damaged; resume the experiment in another folder.",
            ) from None
        match row:
            case RunRow(cell=""):
                results.baselines[row.run_id] = row
            case RunRow():
                _cell_of(results, row).runs.append(row)
            case FailedRow():
                _cell_of(results, row).problem = row
            case _CalibratedRow():
                results.calibrations[row.id] = row.calibration
            case _:
                hosts[row.host] = None
    for cell in results.cells.values():
        if len(cell.runs) >= cell.repeats:
            cell.problem = None  # a failure that a later try made good
    results.hosts = tuple(hosts)
    return results


def _cell_of(results: Results, row: RunRow | FailedRow) -> CellResult:
    cell = results.cells.get(row.cell)
    if cell is None:
        cell = CellResult(row.cell, row.setting, row.prompt, row.kind, repeats=results.spec.repeats)
        results.cells[row.cell] = cell
    return cell


def gathered(
    cells: Iterable[CellResult], metric: Metric, how: Definitions = Definitions()
) -> Interval | None:
    """The median over cells of their values, with its interval: prompts are the sample, the repeats
    of one are no further evidence. None without a value."""
    values = [v for cell in cells if (v := cell.value(metric, how)) is not None]
    return interval(values) if values else None


def interval(values: Sequence[float]) -> Interval:
    """The median with the narrowest symmetric pair of order statistics that covers the true one
    with 95 % (binomial with one half; Conover, Practical Nonparametric Statistics, 3.2)."""
    ordered = sorted(values)
    rank = _rank(len(ordered))
    return Interval(median(ordered), ordered[rank], ordered[-1 - rank], len(ordered))


@cache
def _rank(n: int) -> int:
    """The r for which the r-th smallest and r-th largest (from 0) of n hold the median with at
    least 95 %; 0 where even the extremes do not."""
    if n > 500:
        return max(int(n / 2 - 1.959963984540054 * sqrt(n) / 2) - 1, 0)
    below, total = 0, 2**n
    for r in range(n // 2 + 1):
        below += comb(n, r)
        if 2 * below > 0.05 * total:
            return max(r - 1, 0)
    return max(n // 2 - 1, 0)


def _value(runs: Sequence[RunFigures], metric: Metric, how: Definitions) -> float | None:
    if not runs:
        return None
    match metric:
        case "acceptance":
            accepted = sum(f.accepted for f in runs)
            whole = sum(f.drafted if how.efficiency else f.accepted + f.rejected for f in runs)
            return accepted / whole if whole else None
        case "tokens_per_pass":
            tokens = sum(f.tokens if how.bonus else f.accepted for f in runs)
            rounds = sum(f.rounds for f in runs)
            return tokens / rounds if rounds else None
        case _:
            found = [v for f in runs if (v := getattr(f, metric)) is not None]
            return median(found) if found else None


KEYS: dict[str, Callable[[CellResult], object]] = {
    "target": lambda cell: cell.setting.target,
    "draft": lambda cell: cell.setting.draft,
    "drafter": lambda cell: cell.setting.drafter,
    "gamma": lambda cell: cell.setting.gamma,
    "temperature": lambda cell: cell.setting.temperature,
    "rule": lambda cell: cell.setting.rule,
    "length_policy": lambda cell: cell.setting.length_policy,
    "kind": lambda cell: cell.kind,
    "prompt": lambda cell: cell.prompt,
}
"""What a map's axes can be, and how a cell gives it."""


def grouped(cells: Iterable[CellResult], *keys: str) -> dict[tuple[object, ...], list[CellResult]]:
    """Cells by their values of these keys, in order of appearance."""
    found: dict[tuple[object, ...], list[CellResult]] = {}
    for cell in cells:
        found.setdefault(tuple(KEYS[key](cell) for key in keys), []).append(cell)
    return found
