"""A session without a thread: a test says what the engine would have said."""

from __future__ import annotations

from queue import SimpleQueue

from engine.errors import ErrorInfo
from engine.gate import Gate
from engine.job import Job
from engine.lab.result import CheckJob, CheckResult
from engine.session import CheckDone, JobFinished, JobStarted, Message


class FakeSession:
    """Notes what is asked of it. `say` puts messages into the outbox, as the engine would."""

    def __init__(self) -> None:
        self.outbox: SimpleQueue[Message] = SimpleQueue()
        self.jobs: list[Job | CheckJob] = []
        self.calls: list[str] = []
        self.gate = Gate()

    def submit(self, job: Job | CheckJob, *, paused: bool = False) -> int:
        self.jobs.append(job)
        self.calls.append("submit paused" if paused else "submit")
        self.say(JobStarted(len(self.jobs)))
        return len(self.jobs)

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.outbox.put(message)

    def finish(self, error: ErrorInfo | None = None, outcome: str | None = None) -> None:
        """The job is over."""
        how = outcome or ("error" if error else "done")
        job = self.jobs[-1]
        recording = job.recording if isinstance(job, Job) and how == "done" else None
        self.say(JobFinished(len(self.jobs), how, error, recording))  # type: ignore[arg-type]

    def found(self, result: CheckResult) -> None:
        """The check is over."""
        self.say(CheckDone(len(self.jobs), result))
        self.finish()

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def step(self) -> None:
        self.calls.append("step")

    def step_round(self) -> None:
        self.calls.append("step round")

    def cancel(self) -> None:
        self.calls.append("cancel")

    def close(self) -> None:
        self.calls.append("close")
