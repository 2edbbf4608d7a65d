"""The one engine thread: it owns all models, takes commands, and gives out events.

State of the thread, as its messages tell it:

    idle --Job--> loading --> running (baseline) --> running --> idle
                     |            pause/step/resume at every event; cancel anywhere
                     +--error or cancel--> idle

A CheckJob runs likewise, pausable and cancellable between samples; it gives out no events. So does
a WhatIfJob, which is a round long and knows no pause, and a SweepJob, whose runs go to its folder.

Everything that crosses is plain data. Events of runs go out exactly as the loop made them, between
JobStarted and JobFinished; each RunStarted is followed by exactly one RunFinished. A check that
comes to its end gives out one CheckDone before its JobFinished, a what-if one WhatIfDone.
"""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

import msgspec

from engine.backends.base import LanguageModel
from engine.errors import Cancelled, ErrorInfo
from engine.events import AnyEvent, FinishReason, ModelInfo
from engine.experiments.spec import Spec
from engine.experiments.sweep import Progress
from engine.gate import Gate
from engine.job import Job, JobRunner, Loader
from engine.lab.result import CheckJob, CheckResult, Stage
from engine.preparation import ModelRole, Part
from engine.recording import recorder_that_may_fail
from engine.whatif.rerun import WhatIfJob, WhatIfResult


class JobStarted(msgspec.Struct, frozen=True):
    """The thread took up a job."""

    job_id: int


class Loading(msgspec.Struct, frozen=True):
    """A model is being loaded, an n-gram table counted, or passes measured; fraction 0 to 1."""

    role: Part
    fraction: float


class Loaded(msgspec.Struct, frozen=True):
    """A model is ready."""

    role: Literal["target", "draft"]
    info: ModelInfo


class RecordingLost(msgspec.Struct, frozen=True):
    """The recording could not be written; the run goes on without."""

    error: ErrorInfo


class CheckProgress(msgspec.Struct, frozen=True):
    """A check has done so much of a stage; total 0: not known yet."""

    job_id: int
    done: int
    total: int
    stage: Stage


class CheckDone(msgspec.Struct, frozen=True):
    """What a check found."""

    job_id: int
    result: CheckResult


class WhatIfDone(msgspec.Struct, frozen=True):
    """What a round would have been."""

    job_id: int
    result: WhatIfResult


class SweepJob(msgspec.Struct, frozen=True):
    """An experiment, in a folder that may hold a part of it. retry: try failed cells again."""

    spec: Spec
    folder: Path
    retry: bool = False


class SweepProgress(msgspec.Struct, frozen=True):
    """How far an experiment is."""

    job_id: int
    progress: Progress


class JobFinished(msgspec.Struct, frozen=True):
    """The job is over: done, cancelled, or failed with `error`. The thread is idle again.

    recording: the file that holds the job's runs, if one was written.
    """

    job_id: int
    outcome: Literal["done", "cancelled", "error"]
    error: ErrorInfo | None = None
    recording: Path | None = None


Message = (
    AnyEvent
    | JobStarted
    | Loading
    | Loaded
    | RecordingLost
    | CheckProgress
    | CheckDone
    | WhatIfDone
    | SweepProgress
    | JobFinished
)
AnyJob = Job | CheckJob | WhatIfJob | SweepJob


class Session:
    """A `JobRunner` on a thread of its own.

    Steer it from any thread; read its messages from `outbox`. Jobs wait in an inbox and run in
    order. `close` cancels, waits for the thread and frees the models.
    """

    def __init__(self, loader: Loader | None = None) -> None:
        self.outbox: SimpleQueue[Message] = SimpleQueue()
        self._condition = threading.Condition()
        self.gate = Gate(self._condition)
        self._runner = JobRunner(gate=self.gate) if loader is None else JobRunner(loader, self.gate)
        self._inbox: deque[tuple[int, AnyJob, bool]] = deque()
        self._next_id = 0
        self._busy = False
        self._closing = False
        self._recording: Path | None = None
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    def submit(self, job: AnyJob, *, paused: bool = False) -> int:
        """Queue a job and return its id. paused: wait before its first event, to be stepped."""
        with self._condition:
            self._next_id += 1
            self._inbox.append((self._next_id, job, paused))
            self._condition.notify_all()
            return self._next_id

    def pause(self) -> None:
        """Hold the job that runs or waits; without one, nothing: the next must not start held."""
        with self._condition:
            if self._busy or self._inbox:
                self.gate.pause()

    def resume(self) -> None:
        self.gate.resume()

    def step(self) -> None:
        """Let the job that runs or waits make one event, then hold it."""
        with self._condition:
            if self._busy or self._inbox:
                self.gate.step()

    def step_round(self) -> None:
        """Let it go on up to its next verdict, then hold it."""
        with self._condition:
            if self._busy or self._inbox:
                self.gate.step_round()

    def cancel(self) -> None:
        """Cancel the running job and drop those that wait."""
        with self._condition:
            for job_id, _, _ in self._inbox:
                self.outbox.put(JobFinished(job_id, "cancelled"))
            self._inbox.clear()
            if self._busy:
                self._runner.cancel()

    def close(self) -> None:
        """Cancel, free the models, end the thread. Harmless when repeated."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self.cancel()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._inbox or self._closing)
                if self._closing:
                    break
                job_id, job, paused = self._inbox.popleft()
                if paused:
                    self.gate.pause()
                self._busy = True
            finished = self._work(job_id, job)
            with self._condition:
                self._busy = False
                self.gate.reset()  # here, so that a step asked for before a job starts is kept
            self.outbox.put(finished)
        self._runner.close()

    def _work(self, job_id: int, job: AnyJob) -> JobFinished:
        self.outbox.put(JobStarted(job_id))
        self._recording = job.recording if isinstance(job, Job) else None
        try:
            if isinstance(job, CheckJob):
                return self._check(job_id, job)
            if isinstance(job, WhatIfJob):
                return self._what_if(job_id, job)
            if isinstance(job, SweepJob):
                return self._sweep(job_id, job)
            reason = self._run(job)
        except Cancelled:
            return JobFinished(job_id, "cancelled", recording=self._written())
        except Exception as error:  # whatever it is, it must not end the thread
            return JobFinished(job_id, "error", ErrorInfo.of(error), self._written())
        outcome = reason if reason in ("cancelled", "error") else "done"
        return JobFinished(job_id, outcome, recording=self._written())

    def _run(self, job: Job) -> FinishReason:
        with recorder_that_may_fail(job.recording, self._recording_lost) as record:

            def sink(event: AnyEvent) -> None:
                self.outbox.put(event)
                record(event)

            return self._runner.run(job, sink, self._loading, self._loaded)

    def _check(self, job_id: int, job: CheckJob) -> JobFinished:
        def tell(stage: Stage, done: int, total: int) -> None:
            self.outbox.put(CheckProgress(job_id, done, total, stage))

        result = self._runner.check(job, tell, self._loading, self._loaded)
        self.outbox.put(CheckDone(job_id, result))
        return JobFinished(job_id, "done")

    def _what_if(self, job_id: int, job: WhatIfJob) -> JobFinished:
        result = self._runner.what_if(job, self._loading, self._loaded)
        self.outbox.put(WhatIfDone(job_id, result))
        return JobFinished(job_id, "done")

    def _sweep(self, job_id: int, job: SweepJob) -> JobFinished:
        from engine.experiments.carry_out import carry_out

        def tell(progress: Progress) -> None:
            self.outbox.put(SweepProgress(job_id, progress))

        carry_out(job.spec, self._runner, job.folder, tell, resume=True, retry=job.retry)
        return JobFinished(job_id, "done")

    def _loading(self, role: Part, fraction: float) -> None:
        self.outbox.put(Loading(role, fraction))

    def _loaded(self, role: ModelRole, model: LanguageModel) -> None:
        self.outbox.put(Loaded(role, model.info))

    def _written(self) -> Path | None:
        """The job's recording; None as long as it holds no event."""
        path = self._recording
        return path if path is not None and path.exists() else None

    def _recording_lost(self, error: ErrorInfo) -> None:
        self._recording = None
        self.outbox.put(RecordingLost(error))
