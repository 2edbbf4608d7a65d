"""The centre column: news, the round, the output, the timeline; and which round they all show."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app import theme
from app.panels.banner import Banners
from app.views.legend import Legend
from app.views.round_view import RoundView
from app.views.timeline import Timeline
from app.views.token_view import TokenView
from engine.trace import Run

MARGIN = 16


class Centre(QWidget):
    """Three views of one run. `round_chosen`: a round was picked in any of them (None: newest)."""

    round_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self.banners = Banners()
        self.progress = QProgressBar(self)  # lies over the upper edge, so that nothing moves
        self.progress.setStyleSheet("QProgressBar, QProgressBar::chunk { border-radius: 0; }")
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName("Loading")
        self.progress.hide()
        self.round_view = RoundView()
        self.legend = Legend("Output")
        self.tokens = TokenView()
        self.timeline = Timeline()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, 12, MARGIN, 12)
        layout.setSpacing(0)
        layout.addWidget(self.banners)
        layout.addWidget(self.round_view)
        layout.addSpacing(12)
        layout.addWidget(self.legend)
        layout.addSpacing(4)
        layout.addWidget(self.tokens, 1)
        layout.addSpacing(12)
        layout.addWidget(self.timeline)
        self.setMinimumWidth(520)

        self.tokens.picked.connect(lambda number, _: self.choose_round(number))
        self.round_view.picked.connect(self._picked_in_round)
        self.round_view.hovered.connect(self.tokens.show_source)
        self.timeline.scrubbed.connect(self.choose_round)
        self.timeline.follow_requested.connect(lambda: self.choose_round(None))
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.progress.setGeometry(0, 0, self.width(), 6)

    def show_run(self, run: Run | None, baseline: Run | None) -> None:
        """Another run, or none."""
        self._run = run
        self.round_view.set_run(run, baseline)
        self.tokens.set_run(run)
        self.timeline.set_run(run)
        self.tokens.show_round(None)
        if run is None:
            self.legend.set_detail("")
        else:
            self._tell_counts(run)

    def refresh(self) -> None:
        """Take in what the run has gained; the timeline is refreshed at its own pace."""
        self.round_view.refresh()
        self.tokens.refresh()
        if self._run is not None:
            self._tell_counts(self._run)

    def choose_round(self, number: int | None) -> None:
        """Show a round in all views, or follow the newest."""
        self.round_view.show_round(number)
        self.timeline.show_round(number)
        self.tokens.show_round(number)
        if number is None:
            self.tokens.clear_selection()
            self.tokens.jump_to_end()
        self.round_chosen.emit(number)

    def _tell_counts(self, run: Run) -> None:
        tally = run.tally
        passes = "target call" if tally.rounds == 1 else "target calls"
        tokens = "token" if tally.tokens == 1 else "tokens"
        detail = f"{tally.tokens:,} {tokens} · {tally.rounds:,} {passes}"
        self.legend.set_detail(f"{detail} · baseline" if run.is_baseline else detail)

    def show_progress(self, fraction: float | None) -> None:
        """How far loading is; None takes the bar away."""
        self.progress.setVisible(fraction is not None)
        self.progress.raise_()
        if fraction is not None:
            self.progress.setValue(round(1000 * fraction))

    def _picked_in_round(self, number: int, index: int) -> None:
        self.tokens.select(number, index)
        self.choose_round(number)

    def _restyle(self) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, theme.theme().window)
        self.setPalette(palette)
        self.setAutoFillBackground(True)
