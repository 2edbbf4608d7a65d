"""From the engine to the window: messages of the thread, or a recording, into one Trace.

A 16 ms timer drains what has come, under a time budget, and tells of all new events with one
signal: a signal for each token would stall the window.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from time import perf_counter_ns

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from engine.errors import DraftscopeError, ErrorInfo
from engine.events import AnyEvent, RunStarted
from engine.recording import TraceReader
from engine.session import (
    CheckDone,
    CheckProgress,
    JobFinished,
    JobStarted,
    Loaded,
    Loading,
    Message,
    RecordingLost,
    SweepProgress,
    WhatIfDone,
)
from engine.trace import Run, Trace

FRAME_MS = 16
CALM_FRAMES = 2
MANY_EVENTS = 48
"""News is told every other frame, or at once when there is much: the window and the engine share
the interpreter, and painting each frame would cost a fast engine some percent."""
BUDGET_NS = 4_000_000
REPLAY_BUDGET_NS = 11_000_000
"""Nothing else moves while a recording is read, so that may take most of a frame."""


class Pump(QObject):
    """Folds events into `trace`, and passes on what the engine thread says of its jobs.

    advanced(first, last): events first … last - 1 of `trace` are new; at most one a frame. `trace`
    is replaced at the first event of a job, and when a recording has been read.
    """

    advanced = Signal(int, int)
    job_started = Signal(int)
    loading = Signal(str, float)
    loaded = Signal(str, object)  # role, ModelInfo
    recording_lost = Signal(object)  # ErrorInfo
    job_finished = Signal(object)  # JobFinished
    check_progress = Signal(str, int, int)  # Stage, done, total; at most one a frame
    check_done = Signal(object)  # CheckResult
    what_if_done = Signal(object)  # WhatIfResult
    sweep_progress = Signal(object)  # Progress; at most one a frame
    broken = Signal(object)  # ErrorInfo: an event does not fit; the rest of the job is left out
    replay_progress = Signal(float)
    replay_finished = Signal(object)  # None, or ErrorInfo: then `trace` is the old one

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        budget_ns: int = BUDGET_NS,
        clock: Callable[[], int] = perf_counter_ns,
    ) -> None:
        super().__init__(parent)
        self.trace = Trace()
        self._budget_ns = budget_ns
        self._clock = clock
        self._outbox: SimpleQueue[Message] = SimpleQueue()
        self._told = 0  # so many events of the trace have been told of
        self._waited = 0  # frames since
        self._fresh = False  # the next RunStarted begins a new trace
        self._skipping = False
        self._replay: TraceReader | None = None
        self._expected = 0  # events of the recording that is read; 0: unknown
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.drain)

    def attach(self, outbox: SimpleQueue[Message]) -> None:
        """Read from this outbox from now on."""
        self._outbox = outbox

    def start(self) -> None:
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @property
    def active(self) -> bool:
        return self._timer.isActive()

    @property
    def reading(self) -> Run | None:
        """The newest run of the recording that is being read."""
        return self._replay.trace.run if self._replay is not None else None

    def start_replay(self, events: Iterator[AnyEvent], name: str, expected: int = 0) -> None:
        """Read a recording in slices; `expected` events (an estimate) make a progress of it."""
        gc.unfreeze()
        self._replay = TraceReader(events, name)
        self._expected = expected
        self.start()

    def drop_replay(self) -> None:
        """Stop reading; the old trace stays."""
        if self._replay is not None:
            self._replay = None
            self.stop()

    def drain(self) -> None:
        """One frame's work."""
        if self._replay is not None:
            self._read(self._replay)
            return
        deadline = self._clock() + self._budget_ns
        finished: JobFinished | None = None
        loading: Loading | None = None
        progress: CheckProgress | None = None
        sweep: SweepProgress | None = None
        while finished is None:
            try:
                message = self._outbox.get_nowait()
            except Empty:
                break
            match message:
                case JobStarted():
                    self._fresh = True
                    self._skipping = False
                    self.job_started.emit(message.job_id)
                case Loading():
                    loading = message
                case Loaded():
                    loading = None
                    self.loaded.emit(message.role, message.info)
                case RecordingLost():
                    self.recording_lost.emit(message.error)
                case CheckProgress():
                    loading, progress = None, message
                case CheckDone():
                    progress = None
                    self.check_done.emit(message.result)
                case WhatIfDone():
                    loading = None
                    self.what_if_done.emit(message.result)
                case SweepProgress():
                    loading, sweep = None, message
                case JobFinished():
                    finished = message
                case _:
                    self._fold(message)
            if self._clock() >= deadline:
                break
        if loading is not None:
            self.loading.emit(loading.role, loading.fraction)
        if progress is not None:
            self.check_progress.emit(progress.stage, progress.done, progress.total)
        if sweep is not None:
            self.sweep_progress.emit(sweep.progress)
        self._waited += 1
        news = self.trace.n_events - self._told
        if news and (finished or self._waited >= CALM_FRAMES or news >= MANY_EVENTS):
            self._tell()
        if finished is not None:
            self.job_finished.emit(finished)

    def _tell(self) -> None:
        first, self._told = self._told, self.trace.n_events
        self._waited = 0
        self.advanced.emit(first, self._told)

    def _fold(self, event: AnyEvent) -> None:
        """Apply one event."""
        if self._skipping:
            return
        if self._fresh and isinstance(event, RunStarted):
            self._fresh = False
            self.trace = Trace()
            self._told = 0
        try:
            self.trace.apply(event)
        except DraftscopeError as error:
            self._skipping = True
            self.broken.emit(ErrorInfo.of(error))

    def _read(self, replay: TraceReader) -> None:
        deadline = self._clock() + REPLAY_BUDGET_NS
        try:
            while self._clock() < deadline:
                if not replay.next():
                    self._end_replay(None)
                    self.trace, self._told = replay.trace, 0
                    self._tell()
                    self.replay_finished.emit(None)
                    return
        except DraftscopeError as error:
            self._end_replay(ErrorInfo.of(error))
            return
        read = replay.trace.n_events
        self.replay_progress.emit(min(read / self._expected, 0.99) if self._expected else 0.0)

    def _end_replay(self, error: ErrorInfo | None) -> None:
        self._replay = None
        self.stop()
        # A long recording is millions of objects that live as long as it is shown: looking through
        # them for garbage would halt the window for a tenth of a second each time.
        gc.freeze()
        if error is not None:
            self.replay_finished.emit(error)
