"""The scrollable column of plot cards."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPalette, QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.theme import GRID, notifier, theme
from app.views.plots.bars import AcceptanceCard, LengthCard
from app.views.plots.card import Card
from app.views.plots.curves import CurveCard, RateCard, SpeedupCard
from app.views.plots.figures_line import FiguresLine
from app.views.plots.snapshot import Snapshot, take
from app.views.plots.time_card import TimeCard
from app.views.plots.waterfall_card import WaterfallCard
from engine.metrics import Curves
from engine.trace import Run

LABELS_MS = 250
"""Labels and bars change four times a second: faster, and nobody can read them."""
CARD_MS = 16
"""From one card's change to the next one's: all in one frame, they would make it a long one."""


class PlotsPanel(QScrollArea):
    """Plots of one run: `set_run` once, then `refresh` whenever the run grew.

    `refresh` draws the new part of the curves at once; labels and bars follow at 4 Hz, the last
    change included, without further calls. `snapshot` holds what they show, and `snapshot_taken`
    announces a new one, so that others need not compute the same figures again.
    """

    snapshot_taken = Signal(object)
    failed = Signal(object)  # ErrorInfo: a card could not be saved

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._baseline: Run | None = None
        self._curves: Curves | None = None
        self._stale = False
        self._stale_curves: set[int] = set()
        self._stale_cards: list[Card] = []
        self.snapshot: Snapshot | None = None

        self.speedup = SpeedupCard()
        self.rate = RateCard()
        self.acceptance = AcceptanceCard()
        self.lengths = LengthCard()
        self.time = TimeCard()
        self.waterfall = WaterfallCard()
        self.figures = FiguresLine()
        self.cards: tuple[Card, ...] = (
            self.speedup, self.rate, self.acceptance, self.lengths, self.time, self.waterfall,
            self.figures,
        )  # fmt: skip
        self._curve_cards: tuple[CurveCard, ...] = (self.speedup, self.rate)

        self._column = QWidget()
        layout = QVBoxLayout(self._column)
        layout.setContentsMargins(2 * GRID + 4, GRID + 4, 2 * GRID + 4, GRID)
        layout.setSpacing(GRID)
        for card, stretch in zip(self.cards, (6, 4, 4, 3, 0, 0, 0), strict=True):
            layout.addWidget(card, stretch)
            card.failed.connect(self.failed)
        self.setWidget(self._column)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(240)
        self.setAccessibleName("Plots")

        self._labels_due = QTimer(self)
        self._labels_due.setSingleShot(True)
        self._labels_due.setInterval(LABELS_MS)
        self._labels_due.timeout.connect(self._take_if_stale)
        self._card_due = QTimer(self)
        self._card_due.setInterval(CARD_MS)
        self._card_due.timeout.connect(self._show_next)
        notifier().changed.connect(self._restyle)
        self._restyle()

    def set_run(self, run: Run | None, baseline: Run | None = None) -> None:
        """Show another run, or none. A baseline run is shown by itself."""
        self._run, self._baseline = run, baseline
        self._curves = Curves(run, baseline) if run is not None else None
        if self._curves is not None:
            self._curves.update()
        for card in self._curve_cards:
            card.set_curves(self._curves)
        self._take()
        self._draw()

    def refresh(self, force: bool = False, part: int | None = None) -> None:
        """Take in what the run gained. force: labels and bars too, without waiting for their turn,
        and the curves even while the panel is hidden. part: one frame of many, so draw little: the
        curve of that card alone and only if an eye could see that it grew, the labels card by card;
        everything at the next call without."""
        grown = self._curves is not None and self._curves.update()
        if grown:
            self._stale_curves = set(range(len(self._curve_cards)))
        ended = self._run is not None and self._run.finished is not None
        news = grown or (ended and self.snapshot is not None and not self.snapshot.finished)
        if force or (news and not self._labels_due.isActive()):
            self._take(at_once=part is None)
            if part is not None:
                return  # a frame for the figures alone
        elif news:
            self._stale = True
        if force:
            self._draw(hidden=True)
        elif part is None and grown:
            self._draw()
        elif part is not None and part in self._stale_curves and self._curve_cards[part].has_grown:
            self._stale_curves.discard(part)
            self._curve_cards[part].advance()

    def _draw(self, hidden: bool = False) -> None:
        self._stale_curves.clear()
        for card in self._curve_cards:
            card.advance(hidden=hidden)

    def _take(self, at_once: bool = True) -> None:
        """New labels and bars, and the quarter of a second before the next ones."""
        self._stale = False
        self.snapshot = take(self._run, self._baseline) if self._run is not None else None
        self._stale_cards = list(self.cards)
        if at_once:
            self._card_due.stop()
            while self._stale_cards:
                self._stale_cards.pop(0).show_snapshot(self.snapshot)
        else:
            self._card_due.start()
        self._labels_due.start()
        self.snapshot_taken.emit(self.snapshot)

    def _take_if_stale(self) -> None:
        if self._stale:
            self._take(at_once=False)

    def _show_next(self) -> None:
        """The new labels, or bars, of one card, and its curve with them."""
        if self._stale_cards:
            card = self._stale_cards.pop(0)
            card.show_snapshot(self.snapshot)
            if isinstance(card, CurveCard):
                self._stale_curves.discard(self._curve_cards.index(card))
                card.advance()
        if not self._stale_cards:
            self._card_due.stop()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._draw()

    def _restyle(self) -> None:
        # The column and what its scroll bar leaves free: the panel colour, under any style.
        for widget in (self, self.viewport(), self._column):
            palette = widget.palette()
            palette.setColor(QPalette.ColorRole.Window, QColor(theme().panel))
            widget.setPalette(palette)
            widget.setAutoFillBackground(True)
