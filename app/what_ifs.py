"""Questions of the kind "what if", one after the other on the engine thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.pump import Pump
from engine.errors import ErrorInfo
from engine.session import JobFinished, Session
from engine.whatif.rerun import WhatIfJob


class WhatIfs(QObject):
    """Has rounds recomputed while nothing else goes on: the window stays idle, and whatever the
    person starts comes first. While one is being recomputed only the newest other one waits."""

    done = Signal(object)  # WhatIfResult
    failed = Signal(object)  # ErrorInfo

    def __init__(self, session: Callable[[], Session], pump: Pump, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pump = pump
        self._job_id: int | None = None  # of the one that is being answered
        self._next: WhatIfJob | None = None
        self._afterwards: Callable[[], None] | None = None
        pump.what_if_done.connect(self.done)

    @property
    def busy(self) -> bool:
        return self._job_id is not None

    def ask(self, job: WhatIfJob) -> None:
        if self._afterwards is not None:
            return
        if self.busy:
            self._next = job
            return
        self._job_id = self._session().submit(job)
        self._pump.start()

    def drop(self) -> None:
        """No answer is wanted any more."""
        self._next = None
        if self.busy:
            self._session().cancel()

    def make_way(self, action: Callable[[], None]) -> bool:
        """Whether one had to be dropped first; then the action is done once it has ended."""
        if not self.busy:
            return False
        self._afterwards = action
        self.drop()
        return True

    def finish(self, finished: JobFinished) -> bool:
        """Whether it was one of these that finished."""
        if finished.job_id != self._job_id:
            return False
        self._job_id = None
        question, self._next = self._next, None
        action, self._afterwards = self._afterwards, None
        if finished.error is not None:
            error: ErrorInfo = finished.error
            self.failed.emit(error)
        if action is not None:
            action()
        elif question is not None:
            self.ask(question)
        return True
