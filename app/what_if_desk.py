"""The inspector's what-if box at work: its questions go to the models that the setup names."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from app.commands import State
from app.controller import Controller
from app.panels.inspector import InspectorPanel
from app.panels.side import Side
from app.panels.what_if import WhatIfBox
from app.setup import Setup
from engine.errors import DraftscopeError, ErrorInfo
from engine.job import Job
from engine.trace import Run
from engine.whatif.outcome import Change
from engine.whatif.rerun import what_if_job

BUSY = "The models are at work. Ask again when the run is over."


class WhatIfDesk(QObject):
    """Follows the inspected token. setup: what Run would ask for, which names the models."""

    def __init__(
        self,
        inspector: InspectorPanel,
        side: Side,
        controller: Controller,
        setup: Callable[[], Setup],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._control, self._setup = controller, setup
        self._place: tuple[Run, int, int] | None = None
        self.box = WhatIfBox()
        inspector.add_footer(self.box)
        side.looked_at.connect(self._look)
        self.box.recompute_wanted.connect(self._ask)
        controller.what_ifs.done.connect(self.box.show_result)
        controller.what_ifs.failed.connect(self._on_failed)

    def _look(self, run: Run | None, number: int, index: int) -> None:
        self._place = (run, number, index) if run is not None and number >= 0 else None
        if self._place is None:
            self.box.show_round(None)
        else:
            self.box.show_round(*self._place)

    def _ask(self, change: Change) -> None:
        if self._place is None:
            return
        if self._control.state is not State.IDLE:
            self.box.show_problem(BUSY)
            return
        run, number, _ = self._place
        job: Job = self._setup().job(None)
        try:
            question = what_if_job(run, number, change, job.target, job.draft, job.corpus)
        except DraftscopeError as error:
            self.box.show_problem(f"{error.message} {error.hint}".strip())
            return
        self._control.ask_what_if(question)

    def _on_failed(self, error: ErrorInfo) -> None:
        self.box.show_problem(f"{error.message} {error.hint}".strip())
