"""The centre column: news, the round, the output, the timeline; and which round they all show."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QPalette, QResizeEvent
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app import theme
from app.panels.banner import Banners
from app.panels.transport import NARROW, Transport
from app.player import Player
from app.views.legend import Legend
from app.views.round_view import RoundView
from app.views.timeline import Timeline
from app.views.token_view import TokenView
from engine.trace import Run

MARGIN = 16


class Centre(QWidget):
    """Three views of one run, at the moment where its player is.

    token_picked(round, index): a token was clicked or walked to. sought(round): the person wants
    to be at that round's verdict; to_end_wanted: at the newest.
    """

    token_picked = Signal(int, int)
    sought = Signal(int)
    to_end_wanted = Signal()

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
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
        self.transport = Transport(actions, self.timeline)
        self.transport.move(84, 0)

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

        self.tokens.picked.connect(self._picked)
        self.round_view.picked.connect(self._picked)
        self.round_view.hovered.connect(self.tokens.show_source)
        self.timeline.scrubbed.connect(self.sought)
        self.timeline.follow_requested.connect(self.to_end_wanted)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.progress.setGeometry(0, 0, self.width(), 6)
        # Heading and readout have their room beside it.
        self.transport.set_narrow(self.width() - 2 * MARGIN - 84 - 190 < NARROW)
        self.transport.adjustSize()

    def show_run(self, run: Run | None, baseline: Run | None, whole: Run | None) -> None:
        """Another run, or none; or the same one at another moment of the whole."""
        another = run is None or self._run is None or run.started is not self._run.started
        self._run = run
        self.round_view.set_run(run, baseline)
        self.tokens.set_run(run)
        if another:
            self.timeline.set_run(whole)
            self.look_at_round(None)
        if run is None:
            self.legend.set_detail("")
        else:
            self._tell_counts(run)

    def refresh(self, player: Player) -> None:
        """Take in what the run has gained; the timeline's bars are refreshed at their own pace."""
        self.round_view.refresh()
        self.tokens.refresh()
        self.timeline.set_position(None if player.at_end else player.now_ns)
        if self._run is not None:
            self._tell_counts(self._run)

    def look_at_round(self, number: int | None) -> None:
        """Show a round in all views without going there, or (None) where the player is."""
        self.round_view.show_round(number)
        self.timeline.show_round(number)
        self.tokens.show_round(number)
        if number is None:
            self.tokens.clear_selection()
            self.tokens.jump_to_end()

    def look_at_token(self, number: int, index: int) -> None:
        """Select a token in all views."""
        self.tokens.select(number, index)
        self.look_at_round(number)

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

    def _picked(self, number: int, index: int) -> None:
        self.look_at_token(number, index)
        self.token_picked.emit(number, index)

    def _restyle(self) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, theme.theme().window)
        self.setPalette(palette)
        self.setAutoFillBackground(True)
