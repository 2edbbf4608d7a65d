"""Running an experiment: block by block. Each run is on record as soon as it and its baseline have
ended; the few of a block that come before the baseline wait for it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from engine.calibration import calibrated
from engine.cost import measure as measured_costs
from engine.cost import modelled_speedup
from engine.drafting.registry import drafter_kind
from engine.errors import Cancelled, DraftscopeError, ErrorInfo, RecordingError
from engine.events import AnyEvent, Calibration, FinishReason
from engine.experiments.grid import Block, Cell, Grid, Setting, config_of, grid, model_spec
from engine.experiments.ledger import RECORDINGS, Ledger
from engine.experiments.prompts import Prompt
from engine.experiments.records import AnyLine, Calibrated, CellFailed, Rounds, RunDone, RunFigures
from engine.experiments.spec import Spec
from engine.gate import Gate
from engine.job import Job
from engine.metrics import figures
from engine.preparation import Loaded, Loading
from engine.recording import Recorder
from engine.trace import Run, Trace
from engine.waterfall import gap

WARM_UP = 16
"""Tokens of the runs that are made before a pair is measured, and thrown away."""
TRIES = 3
"""A run that was held meanwhile is made again, at most so often in all."""


class Runs(Protocol):
    """What does the runs: a `JobRunner`."""

    gate: Gate

    def run(
        self,
        job: Job,
        sink: Callable[[AnyEvent], None],
        loading: Loading = ...,
        loaded: Loaded = ...,
    ) -> FinishReason: ...

    def calibrate(self, job: Job, loading: Loading = ..., loaded: Loaded = ...) -> Calibration: ...


class Progress(msgspec.Struct, frozen=True):
    """How far an experiment is. done counts runs on record, of `total`; failed: cells without
    figures. seconds_left: None until a run has been timed. doing: what is being done, in words."""

    done: int
    total: int
    failed: int
    cells_done: int
    cells: int
    seconds_left: float | None
    doing: str


Tell = Callable[[Progress], None]


def duration_left(seconds: float) -> str:
    """Such as "40 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Problem(msgspec.Struct, frozen=True):
    """Why a cell has no figures. refused: trying again would not help."""

    message: str
    hint: str
    refused: bool

    @classmethod
    def of(cls, error: BaseException | ErrorInfo) -> Problem:
        info = error if isinstance(error, ErrorInfo) else ErrorInfo.of(error)
        return cls(info.message, info.hint, info.type in ("VocabularyError", "ConfigError"))


@dataclass(slots=True)
class Finished:
    """A run and where it was recorded."""

    run: Run
    recording: Path | None


class Bench:
    """Runs blocks with one runner. `write` gets the records; recordings go below `folder`."""

    def __init__(
        self, spec: Spec, runs: Runs, write: Callable[[AnyLine], None], folder: Path
    ) -> None:
        self._spec, self._runs, self._write, self._folder = spec, runs, write, folder
        self._pair: tuple[str, str | None] | None = None
        self._calibrated: Calibrated | None = None
        self._broken: dict[tuple[str, str | None], Problem] = {}

    def block(
        self,
        block: Block,
        cells: Sequence[Cell],
        tell: Callable[[str], None] = lambda doing: None,
        failed: Callable[[Cell], bool] = lambda cell: False,
    ) -> None:
        """Run the baseline and these cells of a block, in an order drawn from its id.

        What fails marks its cell and the rest goes on; a failed baseline fails every cell. Raises
        Cancelled, and RecordingError when results cannot be written.
        """
        cells = [cell for cell in cells if not failed(cell)]
        if not cells:
            return
        try:
            self._enter_pair(block, cells, tell)
        except (Cancelled, RecordingError):
            raise
        except DraftscopeError as error:
            for cell in cells:
                self._fail(cell, Problem.of(error))
            return
        order: list[Cell | None] = [None, *cells]
        np.random.default_rng(int(block.id, 16)).shuffle(order)
        made: list[tuple[Cell, Finished, int]] = []
        baseline: Finished | None = None
        problem: Problem | None = None
        for place, cell in enumerate(order):
            if cell is not None and failed(cell):
                continue
            setting = cell.setting if cell is not None else _plain(block)
            tell(_words(setting, block.prompt, plain=cell is None))
            found = self._once(setting, block.prompt, block.repeat, plain=cell is None)
            if cell is None:
                if isinstance(found, Problem):
                    problem = found
                    break
                baseline = found
                self._write(self._record(block, None, found, place, None))
                for waiting in made:
                    self._write(self._record(block, *waiting, baseline.run))
                made.clear()
            elif isinstance(found, Problem):
                self._fail(cell, found)
            elif baseline is None:
                made.append((cell, found, place))
            else:
                self._write(self._record(block, cell, found, place, baseline.run))
        if problem is not None:
            for cell in cells:
                if not failed(cell):
                    self._fail(cell, problem)

    def _enter_pair(self, block: Block, cells: Sequence[Cell], tell: Callable[[str], None]) -> None:
        """Load, calibrate and warm up when the pair changes."""
        pair = block.target, block.draft
        if pair == self._pair:
            return
        if (known := self._broken.get(pair)) is not None:
            raise DraftscopeError(known.message, known.hint)
        self._pair, self._calibrated = None, None
        setting = _plain(block)
        tell("Loading and measuring what passes cost")
        for draft in dict.fromkeys((block.draft, None)):
            # A draft that does not fit leaves the drafters that need none.
            at = msgspec.structs.replace(
                setting, draft=draft, drafter="model" if draft is not None else "ngram", gamma=4
            )
            try:
                measured = self._runs.calibrate(self._job(at, block.prompt, 0))
            except Cancelled:
                raise
            except DraftscopeError as error:
                if draft is None:
                    self._broken[pair] = Problem.of(error)
                    raise
                continue
            self._calibrated = Calibrated(uuid.uuid4().hex[:12], block.target, draft, measured)
            break
        assert self._calibrated is not None
        self._write(self._calibrated)
        tell("Warming up")
        short = msgspec.structs.replace(self._spec, max_tokens=WARM_UP, record=False)
        for at in dict.fromkeys((setting, *(cell.setting for cell in cells))):
            self._drive(self._job(at, block.prompt, 0, short, plain=at is setting), None)
        self._pair = pair

    def _once(
        self, setting: Setting, prompt: Prompt, repeat: int, *, plain: bool
    ) -> Finished | Problem:
        """One run, made again if it was held on the way: its caches were cold afterwards."""
        gate = self._runs.gate
        for attempt in range(TRIES):
            held = gate.idle_ns()
            job = self._job(setting, prompt, repeat, plain=plain)
            path = self._folder / RECORDINGS / f".{uuid.uuid4().hex}" if self._spec.record else None
            found = self._drive(job, path)
            if isinstance(found, Problem) or gate.idle_ns() == held or attempt == TRIES - 1:
                return found
            if path is not None:
                path.unlink(missing_ok=True)
        raise AssertionError

    def _drive(self, job: Job, path: Path | None) -> Finished | Problem:
        trace = Trace()
        recorder = Recorder(path) if path is not None else None

        def sink(event: AnyEvent) -> None:
            trace.apply(event)
            if recorder is not None:
                recorder(event)

        try:
            reason = self._runs.run(job, sink)
        except (Cancelled, RecordingError):
            raise
        except DraftscopeError as error:
            return Problem.of(error)
        finally:
            if recorder is not None:
                recorder.close()
        run = trace.run
        assert run is not None
        if reason == "cancelled":
            raise Cancelled("The experiment was stopped.")
        if reason == "error" and run.finished is not None and run.finished.error is not None:
            return Problem.of(run.finished.error)
        return Finished(run, path)

    def _job(
        self,
        setting: Setting,
        prompt: Prompt,
        repeat: int,
        spec: Spec | None = None,
        *,
        plain: bool = False,
    ) -> Job:
        spec = spec or self._spec
        config = config_of(spec, setting, repeat)
        return Job(
            prompt=prompt.text,
            config=config.baseline() if plain else config,
            target=model_spec(spec, setting.target),
            draft=None if setting.draft is None else model_spec(spec, setting.draft),
            raw=prompt.raw,
            baseline="none",
        )

    def _fail(self, cell: Cell, problem: Problem) -> None:
        self._write(
            CellFailed(
                cell.id,
                cell.setting,
                cell.prompt.id,
                cell.prompt.kind,
                problem.refused,
                problem.message,
                problem.hint,
            )
        )

    def _record(
        self, block: Block, cell: Cell | None, found: Finished, place: int, baseline: Run | None
    ) -> RunDone:
        run, calibrated_by = found.run, self._calibrated
        assert calibrated_by is not None
        recording = ""
        if found.recording is not None:
            kept = found.recording.with_name(f"{run.started.run_id}.jsonl")
            found.recording.replace(kept)
            recording = kept.name
        greedy = run.started.config.greedy
        return RunDone(
            run_id=run.started.run_id,
            cell="" if cell is None else cell.id,
            block=block.id,
            repeat=block.repeat,
            order=place,
            prompt=block.prompt.id,
            kind=block.prompt.kind,
            setting=_plain(block) if cell is None else cell.setting,
            baseline="" if baseline is None else baseline.started.run_id,
            calibration=calibrated_by.id,
            started_at=run.started.started_at,
            reason=run.finished.reason if run.finished is not None else "length",
            seed=run.started.config.seed,
            models=run.started.models,
            prompt_tokens=len(run.started.prompt_ids),
            figures=run_figures(run, baseline, calibrated_by.calibration),
            rounds=rounds_of(run),
            token_ids=tuple(run.token_ids),
            same_text=_same(run, baseline) if greedy and baseline is not None else None,
            recording=recording,
        )


def run_figures(run: Run, baseline: Run | None, calibration: Calibration) -> RunFigures:
    """The figures of a run against its baseline, and what the cost model says of it."""
    f = figures(run, baseline)
    modelled, terms = None, dict[str, float]()
    if baseline is not None:
        costs = calibrated(measured_costs(run, baseline), calibration, run.started.config.drafter)
        modelled = modelled_speedup(f.acceptance_rate, costs)
        steps = gap(f.acceptance_rate, costs, f, run, baseline)
        terms = {step.name: step.change for step in steps[1:]}
    return RunFigures(
        tokens=f.tokens,
        rounds=f.rounds,
        drafted=f.drafted,
        accepted=f.accepted,
        rejected=f.rejected,
        acceptance_rate=f.acceptance_rate,
        draft_efficiency=f.draft_efficiency,
        tokens_per_pass=f.tokens_per_pass,
        tokens_per_second=f.tokens_per_second,
        draft_s=f.draft_s,
        verify_s=f.verify_s,
        host_s=f.host_s,
        prefill_s=f.prefill_s,
        compared_tokens=f.compared_tokens,
        speedup=f.speedup,
        modelled=modelled,
        gap=terms,
    )


def rounds_of(run: Run) -> Rounds:
    """The columns of a run's finished rounds."""
    columns = run.columns
    return Rounds(
        drafted=tuple(columns.drafted),
        accepted=tuple(columns.accepted),
        rejected=tuple(columns.rejected),
        emitted=tuple(columns.emitted),
        draft_ns=tuple(columns.draft_ns),
        target_ns=tuple(columns.target_ns),
        host_ns=tuple(columns.host_ns),
        wasted_ns=tuple(columns.wasted_ns),
    )


@dataclass(slots=True)
class _Pace:
    """How long a run takes, to say when all are done."""

    spent: float = 0.0
    runs: int = 0
    mark: float = field(default_factory=time.monotonic)

    def lap(self) -> None:
        now = time.monotonic()
        self.spent, self.runs, self.mark = self.spent + now - self.mark, self.runs + 1, now

    def left(self, runs: int) -> float | None:
        return self.spent / self.runs * runs if self.runs else None


def run_sweep(
    spec: Spec,
    runs: Runs,
    ledger: Ledger,
    tell: Tell = lambda progress: None,
    whole: Grid | None = None,
) -> Progress:
    """Run every cell that is not on record; the progress at the end.

    Raises Cancelled, and RecordingError when results cannot be written. What is on record stays.
    """
    board = Board(whole or grid(spec), ledger, tell)
    bench = Bench(spec, runs, board.write, ledger.folder)
    for block, cells in board.waiting():
        bench.block(block, cells, board.say, board.failed)
    return board.progress("")


class Board:
    """What is left to do, and what is told of it."""

    def __init__(self, whole: Grid, ledger: Ledger, tell: Tell) -> None:
        self._grid, self._ledger, self._tell = whole, ledger, tell
        self._pace = _Pace()
        self._doing = ""
        for cell in whole.cells:
            if cell.refused and cell.id not in ledger.failed:
                ledger.append(
                    CellFailed(
                        cell.id, cell.setting, cell.prompt.id, cell.prompt.kind, True, cell.refused
                    )
                )

    def waiting(self) -> list[tuple[Block, tuple[Cell, ...]]]:
        """Blocks with the cells of each that have no run on record yet, in their order."""
        found: list[tuple[Block, tuple[Cell, ...]]] = []
        for block in self._grid.blocks:
            cells = tuple(c for c in block.cells if not self._has(c, block) and not self.failed(c))
            if cells:
                found.append((block, cells))
        return found

    def failed(self, cell: Cell) -> bool:
        return cell.id in self._ledger.failed

    def _has(self, cell: Cell, block: Block) -> bool:
        return (cell.id, block.repeat) in self._ledger.done

    def write(self, line: AnyLine) -> None:
        self._ledger.append(line)
        if isinstance(line, RunDone):
            self._pace.lap()
        self._tell(self.progress(self._doing))

    def say(self, doing: str) -> None:
        self._doing = doing
        self._tell(self.progress(doing))

    def progress(self, doing: str) -> Progress:
        done, left = 0, 0
        repeats: dict[str, int] = {}
        for block in self._grid.blocks:
            for cell in block.cells:
                have = self._has(cell, block)
                done += have
                left += not have and not self.failed(cell)
                repeats[cell.id] = repeats.get(cell.id, 0) + (not have)
        failed = sum(self.failed(cell) for cell in self._grid.cells)
        finished = sum(not missing for missing in repeats.values())
        return Progress(
            done,
            self._grid.runs,
            failed,
            finished,
            len(self._grid.cells),
            self._pace.left(left),
            doing,
        )


def _plain(block: Block) -> Setting:
    return Setting(block.target, None, "ngram", 0, block.temperature, "rejection", "fixed")


def _words(setting: Setting, prompt: Prompt, *, plain: bool) -> str:
    if plain:
        return f"{prompt.id}: plain decoding, T = {setting.temperature:g}"
    length = "" if setting.length_policy == "fixed" else f", {setting.length_policy}"
    gamma = "" if drafter_kind(setting.drafter).chooses_gamma else f", γ = {setting.gamma}"
    return f"{prompt.id}: {setting.drafter}{gamma}, T = {setting.temperature:g}{length}"


def _same(run: Run, baseline: Run) -> bool:
    """Whether two texts agree as far as both go."""
    n = min(len(run.token_ids), len(baseline.token_ids))
    return list(run.token_ids[:n]) == list(baseline.token_ids[:n])
