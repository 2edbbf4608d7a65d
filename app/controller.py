"""Runs, pauses, steps, stops and opens: the state machine between the window and the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from app.commands import BUSY, State
from app.player import Player
from app.pump import Pump
from app.what_ifs import WhatIfs
from engine.errors import ErrorInfo
from engine.events import ModelInfo
from engine.job import Job
from engine.lab.result import CheckJob
from engine.recording import read_events
from engine.session import JobFinished, Session, SweepJob
from engine.trace import Run, Trace
from engine.whatif.rerun import WhatIfJob

_SAMPLE_BYTES = 1 << 20


class Controller(QObject):
    """Owns the engine session, the pump, and the player of what comes of them. See `State` for what
    may follow what.

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
    sweep_progress = Signal(object)  # Progress
    sweep_ended = Signal(object)  # JobFinished
    open_progress = Signal(float)
    opened = Signal(object)  # Path

    def __init__(
        self, parent: QObject | None = None, make_session: Callable[[], Session] = Session
    ) -> None:
        super().__init__(parent)
        self.pump = Pump(self)
        self.player = Player(self)
        self.state = State.IDLE
        self.models: dict[str, ModelInfo] = {}
        self._make_session = make_session
        self._session: Session | None = None
        self._opening: Path | None = None
        self._job: Job | None = None
        self.checking = False  # the job that goes on is a check
        self.sweeping = False  # … is an experiment
        self._held = False  # the engine is stepped by the player, which is slower
        self._owed = False  # a step was asked for, and nothing that can be seen has come of it yet
        self._seen = (0, 0)
        self._broken = False
        pump = self.pump
        self.what_ifs = WhatIfs(lambda: self.session, pump, self)
        pump.loading.connect(self._on_loading)
        pump.loaded.connect(self._on_loaded)
        pump.job_started.connect(self._on_job_started)
        pump.advanced.connect(self._on_advanced)
        pump.recording_lost.connect(self.recording_lost)
        pump.check_progress.connect(self.check_progress)
        pump.check_done.connect(self.check_done)
        pump.sweep_progress.connect(self.sweep_progress)
        pump.broken.connect(self._on_broken)
        pump.job_finished.connect(self._on_finished)
        pump.replay_progress.connect(self.open_progress)
        pump.replay_finished.connect(self._on_read)
        self.player.hungry.connect(self._on_hungry)
        self.player.changed.connect(self._on_player_changed)

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
        if self.state is not State.IDLE or self.what_ifs.make_way(
            lambda: self.start(job, stepping=stepping)
        ):
            return
        if stepping and job.config.gamma:
            baseline = "none" if job.baseline == "none" else "kept"
            job = msgspec.structs.replace(job, baseline=baseline)
        self._job = job
        self._broken = False
        self.session.gate.slow = self.player.slow and not stepping
        self.session.submit(job, paused=stepping)
        if stepping:
            self._owed, self._seen = True, (0, 0)
            self.session.step()
        self.pump.start()
        self._set(State.LOADING)

    def start_check(self, job: CheckJob) -> None:
        """Check whether a rule is lossless; the shown run stays."""
        if self.state is State.IDLE and not self.what_ifs.make_way(lambda: self.start_check(job)):
            self.checking = True
            self.session.submit(job)
            self.pump.start()
            self._set(State.CHECKING)

    def start_sweep(self, job: SweepJob) -> bool:
        """Run an experiment; the shown run stays. Whether it was begun: not while another job
        goes on."""
        if self.state is not State.IDLE:
            return False

        def later() -> None:
            self.start_sweep(job)

        if self.what_ifs.make_way(later):
            return True
        self.sweeping = True
        self.session.submit(job)
        self.pump.start()
        self._set(State.SWEEPING)
        return True

    def hold_sweep(self, held: bool) -> None:
        """Pause an experiment, or let it go on: a run that is held midway is made again."""
        if self.state is State.SWEEPING:
            (self.session.pause if held else self.session.resume)()

    def ask_what_if(self, job: WhatIfJob) -> None:
        """Recompute a round under other settings; the state stays IDLE (see `WhatIfs`)."""
        if self.state is State.IDLE:
            self.what_ifs.ask(job)

    def pause(self) -> None:
        if self.state is State.RUNNING:
            if self._held:
                self.player.hold()  # the engine waits already
            else:
                self.session.pause()
            self._set(State.PAUSED)

    def resume(self) -> None:
        if self.state is State.PAUSED:
            self._owed = False
            self._set(State.RUNNING)
            if self.player.slow and self._decoding():
                self._held = True
                self.player.play()
            else:
                self._held = False
                self.session.resume()

    def toggle(self) -> None:
        """Play or hold: the engine, or the playback of what there is already."""
        slow = self.player.slow and self._decoding()
        if self.state is State.IDLE or not (self.player.at_end or slow):
            self.player.toggle()
        elif self.state is State.PAUSED:
            self.resume()
        else:
            self.pause()

    def step(self) -> None:
        """Go on by one event that can be seen: a drafted token or a verdict."""
        player = self.player
        if not player.at_end:
            before = player.shown
            n = before.n_events if before is not None else 0
            if self._held and self.state is State.RUNNING:
                self._set(State.PAUSED)
            player.step_event()
            if player.shown is not None and player.shown.n_events > n:
                return
        if self.state in (State.RUNNING, State.PAUSED):
            self._owed, self._seen = True, _visible(self.run)
            self.session.step()
            self._set(State.PAUSED)

    def look_at(self, move: Callable[[], None]) -> None:
        """Move in what there is; an engine that waits for the picture is paused by that."""
        if self._held and self.state is State.RUNNING:
            self.player.hold()
            self._set(State.PAUSED)
        move()

    def stop(self) -> None:
        if self.state is State.OPENING:
            self.pump.drop_replay()
            self._opening = None
            self._set(State.IDLE)
        elif self.state in BUSY - {State.OPENING}:
            self._owed = False
            self.player.to_end()
            self._set(State.CANCELLING)
            self.session.cancel()

    def open(self, path: Path) -> None:
        """Read a recording; the shown run stays until it is read."""
        if self.state is not State.IDLE or self.what_ifs.make_way(lambda: self.open(path)):
            return
        self._opening = path
        self._set(State.OPENING)
        self.pump.start_replay(read_events(path), path.name, _estimate(path))

    def close(self) -> None:
        """End the engine thread; whatever ran is cancelled and recorded."""
        self.pump.stop()
        self.player.hold()
        if self._session is not None:
            self._session.close()
            self._session = None

    def _set(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)

    def _on_job_started(self) -> None:
        if not self.checking and not self.sweeping and not self.what_ifs.busy:
            self.job_started.emit()

    def _on_loading(self, role: str, fraction: float) -> None:
        if not self.what_ifs.busy:
            self.loading.emit(role, fraction)

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
        if self.run is not self.player.whole:
            self._held = False
            self.player.set_run(
                self.run,
                live=self.state is not State.OPENING,
                held=self.state is State.PAUSED,
            )
            self._release()
        else:
            self.player.grew()
        self.advanced.emit(first, last)

    def _decoding(self) -> bool:
        """Whether the run that a person came for is going on."""
        return self.player.live and self.run is not None and not self.run.is_baseline

    def _on_hungry(self) -> None:
        if self.state in (State.RUNNING, State.LOADING):
            self._held = True
            self.session.step_round()

    def _on_player_changed(self) -> None:
        if self._session is not None:
            self._session.gate.slow = self.player.slow
        self._release()

    def _release(self) -> None:
        """Faster than slow motion, or at the end by a seek, the engine need not wait."""
        wanted = self.state is State.RUNNING and not self.player.slow and not self._owed
        if wanted and (self._held or self.session.gate.paused):
            self._held = False
            self.session.resume()

    def _on_broken(self, error: ErrorInfo) -> None:
        self._broken = True
        self.failed.emit(error)
        self.stop()

    def _on_finished(self, finished: JobFinished) -> None:
        self.pump.stop()
        if self.what_ifs.finish(finished):
            return
        self._owed = self._held = False
        self._job = None
        self.player.end()
        if self.checking:
            self.checking = False
            self._set(State.IDLE)
            if finished.error is not None:
                self.check_failed.emit(finished.error)
            return
        if self.sweeping:
            self.sweeping = False
            self._set(State.IDLE)
            self.sweep_ended.emit(finished)
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
