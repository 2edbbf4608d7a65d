"""Runs, pauses, steps, stops and opens: the state machine between the window and the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from app.commands import State
from app.pump import Pump
from engine.errors import ErrorInfo
from engine.events import ModelInfo
from engine.job import Job
from engine.lab.result import CheckJob
from engine.recording import read_events
from engine.session import JobFinished, Session
from engine.trace import Run, Trace

_SAMPLE_BYTES = 1 << 20


class Controller(QObject):
    """Owns the engine session and the pump. See `State` for what may follow what.

    The session starts with the first job: opening a recording needs no engine.
    """

    state_changed = Signal(object)  # State
    loading = Signal(str, float)  # role, fraction
    loaded = Signal(str, object)  # role, ModelInfo
    advanced = Signal(int, int)
    job_started = Signal()
    ended = Signal(object)  # JobFinished
    failed = Signal(object)  # ErrorInfo
    recording_lost = Signal(object)  # ErrorInfo
    check_progress = Signal(str, int, int)  # Stage, done, total
    check_done = Signal(object)  # CheckResult
    check_failed = Signal(object)  # ErrorInfo
    open_progress = Signal(float)
    opened = Signal(object)  # Path

    def __init__(
        self, parent: QObject | None = None, make_session: Callable[[], Session] = Session
    ) -> None:
        super().__init__(parent)
        self.pump = Pump(self)
        self.state = State.IDLE
        self.models: dict[str, ModelInfo] = {}
        self._make_session = make_session
        self._session: Session | None = None
        self._opening: Path | None = None
        self._job: Job | None = None
        self.checking = False  # the job that goes on is a check
        self._owed = False  # a step was asked for, and nothing that can be seen has come of it yet
        self._seen = (0, 0)
        self._broken = False
        pump = self.pump
        pump.loading.connect(self.loading)
        pump.loaded.connect(self._on_loaded)
        pump.job_started.connect(self._on_job_started)
        pump.advanced.connect(self._on_advanced)
        pump.recording_lost.connect(self.recording_lost)
        pump.check_progress.connect(self.check_progress)
        pump.check_done.connect(self.check_done)
        pump.broken.connect(self._on_broken)
        pump.job_finished.connect(self._on_finished)
        pump.replay_progress.connect(self.open_progress)
        pump.replay_finished.connect(self._on_read)

    @property
    def trace(self) -> Trace:
        return self.pump.trace

    @property
    def run(self) -> Run | None:
        """The newest run."""
        return self.pump.trace.run

    @property
    def session(self) -> Session:
        if self._session is None:
            self._session = self._make_session()
            self.pump.attach(self._session.outbox)
        return self._session

    def start(self, job: Job, *, stepping: bool = False) -> None:
        """Run a job. stepping: stop at its first token, which must not wait for a baseline: an
        earlier one is reused, or the run goes without (a run with pauses compares badly anyway).
        """
        if self.state is not State.IDLE:
            return
        if stepping and job.config.gamma:
            baseline = "none" if job.baseline == "none" else "kept"
            job = msgspec.structs.replace(job, baseline=baseline)
        self._job = job
        self._broken = False
        self.session.submit(job, paused=stepping)
        if stepping:
            self._owed, self._seen = True, (0, 0)
            self.session.step()
        self.pump.start()
        self._set(State.LOADING)

    def start_check(self, job: CheckJob) -> None:
        """Check whether a rule is lossless; the shown run stays."""
        if self.state is State.IDLE:
            self.checking = True
            self.session.submit(job)
            self.pump.start()
            self._set(State.CHECKING)

    def pause(self) -> None:
        if self.state is State.RUNNING:
            self.session.pause()
            self._set(State.PAUSED)

    def resume(self) -> None:
        if self.state is State.PAUSED:
            self._owed = False
            self.session.resume()
            self._set(State.RUNNING)

    def step(self) -> None:
        """Go on by one event that can be seen: a drafted token or a verdict."""
        if self.state in (State.RUNNING, State.PAUSED):
            self._owed, self._seen = True, _visible(self.run)
            self.session.step()
            self._set(State.PAUSED)

    def stop(self) -> None:
        if self.state is State.OPENING:
            self.pump.drop_replay()
            self._opening = None
            self._set(State.IDLE)
        elif self.state in (State.LOADING, State.RUNNING, State.PAUSED, State.CHECKING):
            self._owed = False
            self._set(State.CANCELLING)
            self.session.cancel()

    def open(self, path: Path) -> None:
        """Read a recording; the shown run stays until it is read."""
        if self.state is not State.IDLE:
            return
        self._opening = path
        self._set(State.OPENING)
        self.pump.start_replay(read_events(path), path.name, _estimate(path))

    def close(self) -> None:
        """End the engine thread; whatever ran is cancelled and recorded."""
        self.pump.stop()
        if self._session is not None:
            self._session.close()
            self._session = None

    def _set(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)

    def _on_job_started(self) -> None:
        if not self.checking:
            self.job_started.emit()

    def _on_loaded(self, role: str, info: ModelInfo) -> None:
        self.models[role] = info
        self.loaded.emit(role, info)

    def _on_advanced(self, first: int, last: int) -> None:
        if self.state is State.LOADING:
            self._set(State.PAUSED if self._owed else State.RUNNING)
        # A kept baseline comes as a whole, without passing the gate.
        kept = self._job is not None and self._job.baseline == "kept"
        if self._owed and self.run and not (kept and self.run.is_baseline):
            if _visible(self.run) == self._seen:
                self.session.step()
            else:
                self._owed = False
        self.advanced.emit(first, last)

    def _on_broken(self, error: ErrorInfo) -> None:
        self._broken = True
        self.failed.emit(error)
        self.stop()

    def _on_finished(self, finished: JobFinished) -> None:
        self.pump.stop()
        self._owed = False
        self._job = None
        if self.checking:
            self.checking = False
            self._set(State.IDLE)
            if finished.error is not None:
                self.check_failed.emit(finished.error)
            return
        self._set(State.IDLE)
        error = finished.error
        if error is None and finished.outcome == "error" and self.run and self.run.finished:
            error = self.run.finished.error
        if error is not None and not self._broken:
            self.failed.emit(error)
        self.ended.emit(finished)

    def _on_read(self, error: ErrorInfo | None) -> None:
        path, self._opening = self._opening, None
        self._set(State.IDLE)
        if error is not None:
            self.failed.emit(error)
        elif path is not None:
            self.opened.emit(path)


def _visible(run: Run | None) -> tuple[int, int]:
    """Grows with every event that can be seen: a drafted token or a verdict."""
    return (run.tally.drafted, run.tally.rounds) if run is not None else (0, 0)


def _estimate(path: Path) -> int:
    """About how many lines the file has, from its first megabyte."""
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE_BYTES)
        size = path.stat().st_size
    except OSError:
        return 0
    return sample.count(b"\n") * size // len(sample) if sample else 0
