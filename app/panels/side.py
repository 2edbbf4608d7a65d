"""The right column: the plots, and in their place the inspector while a token is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.panels.plots_holder import WIDTH, PlotsHolder
from engine.events import Drafted, Verified
from engine.trace import Run

if TYPE_CHECKING:
    from app.panels.inspector import InspectorPanel


class Side(QStackedWidget):
    """Shows one of the two. inspecting(bool): which one has changed. looked_at(run, round, index):
    another token is inspected, or the same one with its verdict; round -1: none."""

    inspecting = Signal(bool)
    looked_at = Signal(object, int, int)

    def __init__(
        self,
        plots: PlotsHolder,
        make_inspector: Callable[[], InspectorPanel],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.plots = plots
        self._make_inspector = make_inspector
        self._inspector: InspectorPanel | None = None
        self._run: Run | None = None
        self._told: object = None
        self.addWidget(plots)
        self.setMinimumWidth(260)
        self.currentChanged.connect(lambda _: self.inspecting.emit(self.is_inspecting))

    @property
    def inspector(self) -> InspectorPanel:
        """Made when it is first looked for: the window opens without."""
        if self._inspector is None:
            self._inspector = self._make_inspector()
            self.addWidget(self._inspector)
            self._inspector.closed.connect(self.show_plots)
            self._inspector.walked.connect(lambda number, index: self._tell())
            self._inspector.show_token(self._run)
        return self._inspector

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 640)

    @property
    def is_inspecting(self) -> bool:
        return self._inspector is not None and self.currentWidget() is self._inspector

    def show_plots(self) -> None:
        self.setCurrentWidget(self.plots)

    def inspect(self, run: Run | None, number: int, index: int) -> None:
        """Show what decided over a token."""
        self.setCurrentWidget(self.inspector)
        self.inspector.show_token(run, number, index)
        self._tell()

    def refresh(self) -> None:
        """The run has gained."""
        if self.is_inspecting:
            self.inspector.refresh()
            self._tell()

    def _tell(self) -> None:
        run, place = self.inspector.run, self.inspector.place or (-1, -1)
        known = run is not None and 0 <= place[0] < len(run.rounds)
        judged = run is not None and known and run.rounds[place[0]].verified is not None
        told = (run.started if run is not None else None, place, judged)
        if told != self._told:
            self._told = told
            self.looked_at.emit(run, *place)

    def use_run(self, run: Run | None, *, another: bool) -> None:
        """Another run has no token looked at yet; another moment of the same one keeps it."""
        self._run = run
        if self._inspector is None:
            return
        if another:
            self.inspector.show_token(run)
            self._tell()
        elif run is not None and self.inspector.place is not None:
            number, index = self.inspector.place
            if number < len(run.rounds):
                self.inspector.show_token(run, number, index)


def newest_token(run: Run) -> tuple[int, int] | None:
    """Round and index of the token that was decided last: the drafted one, the rejected one
    that ended a round, or the one that the target added."""
    at = run.n_events - 1
    while at > 0 and not isinstance(run.events[at], Drafted | Verified):
        at -= 1
    event = run.events[at]
    if isinstance(event, Drafted):
        return event.round, event.index
    if isinstance(event, Verified):
        places = event.judged_at or tuple(range(len(event.judged)))
        if len(event.judged) > event.n_accepted:
            return event.round, places[-1]
        return event.round, len(run.rounds[event.round].drafted) - (event.added_id is None)
    return None
