"""The what-if box: change a setting of one round, and see what would have happened."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QPointF, QRect, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from app import theme
from app import what_if_words as words
from app.panels.fields import muted
from app.panels.what_if_card import WouldBe
from app.panels.what_if_controls import Controls
from app.views.inspector.figure import put
from engine.draws import round_draws
from engine.errors import ConfigError
from engine.trace import Run
from engine.whatif.outcome import Change
from engine.whatif.recorded import recorded_outcome
from engine.whatif.rerun import WhatIfResult

SIDE_BY_SIDE = 720
"""Width from which the card stands beside the controls."""
MARGIN = 16
CARD = 360
HEAD = 32
DETAIL = "same draws, other settings"
NOTHING = "once the round has its verdict"


class WhatIfBox(QWidget):
    """The footer of the inspector: `show_round`, then every change is answered from the recording.

    recompute_wanted(Change): what the recording does not tell is asked of the models; give the
    answer to `show_result`, or its failure to `show_problem`. An answer to an earlier question is
    left out. With `automatic` the models are asked without a click.
    """

    recompute_wanted = Signal(object)  # Change

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.automatic = False
        self.controls, self.card = Controls(), WouldBe()
        self.reset = QPushButton("Reset")
        self.reset.setProperty("kind", "flat")
        self.reset.setToolTip("Everything as it was recorded")
        self._detail = muted(DETAIL)
        self._round: tuple[Run, int, int] | None = None  # with the place of the token
        self._asked: Change | None = None  # what the models are at
        for child in (self.controls, self.card, self.reset, self._detail):
            child.setParent(self)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("What if")
        self.controls.changed.connect(self._answer)
        self.card.wanted.connect(self._ask)
        self.reset.clicked.connect(self.controls.reset)
        theme.notifier().changed.connect(self.update)
        self.show_round(None)

    @property
    def change(self) -> Change:
        """What differs from the recorded settings."""
        return self.controls.change()

    def show_round(self, run: Run | None, number: int = 0, index: int = 0) -> None:
        """Start from a recorded round. index: the inspected token, that behind the proposal being
        the added one. Without a verdict, or without a run, nothing can be asked."""
        known = run is not None and number < len(run.rounds)
        if run is None or not known or run.rounds[number].verified is None:
            self._round = None
            self._show_content(False)
            return
        self._show_content(True)
        self._round = (run, number, index)
        self.controls.show_round(run, number, index)
        self._answer()

    def show_result(self, result: WhatIfResult) -> None:
        """The models' answer."""
        if self._round is None or result.change != self.change or result.round != self._round[1]:
            return
        run, number, index = self._round
        self._asked = None
        self.card.show_outcome(result.outcome, run.rounds[number], result.change, index)
        self._fit()

    def show_problem(self, text: str) -> None:
        """The models have no answer."""
        self._asked = None
        self.card.show_problem(text)
        self._fit()

    def _show_content(self, shown: bool) -> None:
        for child in (self.controls, self.card, self.reset):
            child.setVisible(shown)
        self._detail.setText(DETAIL if shown else NOTHING)
        self._fit()

    def _answer(self) -> None:
        if self._round is None:
            return
        run, number, index = self._round
        change = self.change
        self.reset.setEnabled(change != Change())
        current = run.rounds[number]
        try:
            outcome = recorded_outcome(run, number, change)
        except ConfigError as error:
            self.card.show_outcome(None, current, change, index)
            self.card.show_problem(f"{error.message} {error.hint}".strip())
            self._fit()
            return
        self.card.show_outcome(outcome, current, change, index)
        if not outcome.exact:
            if round_draws(run, number) is None:
                self.card.show_problem(words.UNSEEDED)
                self.card.button.hide()
            elif self.automatic:
                self._ask()
        self._fit()

    def _ask(self) -> None:
        self._asked = self.change
        self.card.set_waiting(True)
        self.recompute_wanted.emit(self._asked)

    # Geometry

    def places(self, width: int) -> tuple[QRect, QRect, int]:
        """Where the controls and the card stand at a width, and the height of all."""
        inner, top = width - 2 * MARGIN, MARGIN + HEAD
        if self._round is None:
            return QRect(), QRect(), MARGIN + 16 + MARGIN
        if width >= SIDE_BY_SIDE:
            card = min(CARD, inner // 2)
            left = inner - card - 2 * MARGIN
            controls = QRect(MARGIN, top, left, self.controls.heightForWidth(left))
            height = max(self.card.heightForWidth(card), controls.height() + HEAD)
            beside = QRect(width - MARGIN - card, MARGIN, card, height)
            return controls, beside, MARGIN + height + MARGIN
        controls = QRect(MARGIN, top, inner, self.controls.heightForWidth(inner))
        y = controls.bottom() + 1 + MARGIN
        below = QRect(MARGIN, y, inner, self.card.heightForWidth(inner))
        return controls, below, below.bottom() + 1 + MARGIN

    def heightForWidth(self, width: int) -> int:
        return self.places(width)[2]

    def sizeHint(self) -> QSize:
        return QSize(390, self.heightForWidth(390))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place()

    def _place(self) -> None:
        controls, card, _ = self.places(self.width())
        self._detail.setGeometry(MARGIN + 64, MARGIN - 4, self.width() // 2, 24)
        if self._round is None:
            return
        self.controls.setGeometry(controls)
        self.card.setGeometry(card)
        size = self.reset.sizeHint()
        # Its frame shows on hover only, so its text stands flush.
        left = controls.right() + 9 - size.width()
        self.reset.setGeometry(left, MARGIN + 8 - size.height() // 2, size.width(), size.height())

    def _fit(self) -> None:
        """Another height may be needed: whoever holds the box is told by a LayoutRequest."""
        self._place()
        self.updateGeometry()
        QCoreApplication.postEvent(self, QEvent(QEvent.Type.LayoutRequest))

    def paintEvent(self, event: QPaintEvent) -> None:
        now = theme.theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), now.panel)
        painter.setPen(QPen(now.line, 1))
        painter.drawLine(QPointF(0, 0.5), QPointF(self.width(), 0.5))
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        put(painter, MARGIN, MARGIN + 8, "What if", theme.font(theme.HEADING), now.text)
