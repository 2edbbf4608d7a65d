"""Opens the losslessness lab and keeps it in step with the setup and the engine."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app import lab_words
from app.commands import State
from app.controller import Controller
from app.panels.banner import Banners
from app.panels.lab_sheet import LabSheet
from app.panels.pickers import Pickers
from app.panels.setup import SetupPanel
from app.setup import uses_draft
from app.words import preparing
from engine.errors import ErrorInfo
from engine.lab.result import CheckJob, CheckResult, Stage


class Lab(QObject):
    """Checks what the setup panel is set to. The sheet is made when it is first opened.

    banners: the window's own, for errors while the sheet is closed.
    """

    def __init__(
        self,
        controller: Controller,
        setup: SetupPanel,
        pickers: Pickers,
        banners: Banners,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._window = parent
        self._control = controller
        self._setup = setup
        self._pickers = pickers
        self._banners = banners
        self._running: CheckJob | None = None
        self._shown: CheckJob | None = None  # what the result on the sheet is about
        self.sheet: LabSheet | None = None
        setup.changed.connect(self._tell)
        controller.state_changed.connect(self._on_state)
        controller.loading.connect(self._on_loading)
        controller.check_progress.connect(self._on_progress)
        controller.check_done.connect(self._on_done)
        controller.check_failed.connect(self._on_failed)

    def open(self) -> None:
        if self.sheet is None:
            sheet = self.sheet = LabSheet(self._window)
            sheet.wanted.connect(self.check)
            sheet.cancel_wanted.connect(self._control.stop)
            for field in (sheet.samples, sheet.tokens):
                field.valueChanged.connect(self._tell)
            self._on_state(self._control.state)
        self._tell()
        self.sheet.show()
        self.sheet.raise_()
        self.sheet.activateWindow()

    def close(self) -> None:
        if self.sheet is not None:
            self.sheet.hide()

    def check(self) -> None:
        """Start a check of what is set up."""
        job = self._job()
        if job is not None and self._control.state is State.IDLE:
            self._running = job
            self._control.start_check(job)

    def _job(self) -> CheckJob | None:
        sheet = self.sheet
        if sheet is None:
            return None
        return self._setup.setup.check(sheet.samples.value(), sheet.tokens.value())

    def _tell(self) -> None:
        sheet, setup = self.sheet, self._setup.setup
        if sheet is None:
            return
        draft = self._pickers.name("draft") if uses_draft(setup) else ""
        sheet.show_setup(setup.config, self._pickers.name("target"), draft)
        shown, job = self._shown, self._job()
        stale = shown is not None and job is not None and _asked(job) != _asked(shown)
        sheet.found.stale.setVisible(stale)

    def _on_state(self, state: State) -> None:
        if self.sheet is not None:
            checking = state is State.CHECKING or (
                state is State.CANCELLING and self._control.checking
            )
            self.sheet.set_checking(checking)
            self.sheet.allow(state is State.IDLE)
            if state is State.CANCELLING and checking:
                self.sheet.show_progress(0.0, "Stopping…")
                self.sheet.cancel.setEnabled(False)

    def _on_loading(self, role: str, fraction: float) -> None:
        if self.sheet is not None and self._control.state is State.CHECKING:
            self.sheet.show_progress(fraction, f"{preparing(role)}…")

    def _on_progress(self, stage: Stage, done: int, total: int) -> None:
        if self.sheet is not None and self._control.state is State.CHECKING:
            fraction = done / total if total else 0.0
            self.sheet.show_progress(fraction, lab_words.progress(stage, done, total))

    def _on_done(self, result: CheckResult) -> None:
        if self.sheet is not None:
            self._shown = self._running
            self.sheet.show_result(result)
            self._tell()

    def _on_failed(self, error: ErrorInfo) -> None:
        seen = self.sheet is not None and self.sheet.isVisible()
        (self.sheet.banners if seen and self.sheet else self._banners).error(error)


def _asked(job: CheckJob) -> CheckJob:
    """A job without what has no part in its result: the threads."""

    target = msgspec.structs.replace(job.target, threads=0)
    draft = job.draft and msgspec.structs.replace(job.draft, threads=0)
    return msgspec.structs.replace(job, target=target, draft=draft)
