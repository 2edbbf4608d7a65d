"""The place of the plots. They are loaded after the first picture: pyqtgraph takes a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from engine.trace import Run

if TYPE_CHECKING:
    from app.views.plots import PlotsPanel
    from app.views.plots.snapshot import Snapshot

WIDTH = 390


class PlotsHolder(QWidget):
    """Passes everything on to the plots once they are there."""

    snapshot_taken = Signal()
    failed = Signal(object)  # ErrorInfo: a plot could not be saved

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel: PlotsPanel | None = None
        self._runs: tuple[Run | None, Run | None] = (None, None)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setMinimumWidth(260)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 640)

    @property
    def snapshot(self) -> Snapshot | None:
        """The figures on screen."""
        return self.panel.snapshot if self.panel is not None else None

    def load(self) -> None:
        """Make the plots."""
        if self.panel is None:
            from app.views.plots import PlotsPanel

            self.panel = PlotsPanel()
            self._layout.addWidget(self.panel)
            self.panel.snapshot_taken.connect(lambda _: self.snapshot_taken.emit())
            self.panel.failed.connect(self.failed)
            self.panel.set_run(*self._runs)

    def set_run(self, run: Run | None, baseline: Run | None) -> None:
        self._runs = run, baseline
        if self.panel is not None:
            self.panel.set_run(run, baseline)

    def refresh(self, force: bool = False, part: int | None = None) -> None:
        if self.panel is not None:
            self.panel.refresh(force=force, part=part)
