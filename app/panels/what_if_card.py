"""The card of a what-if: the round as it would be, in chips and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from PySide6.QtCore import QLineF, QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from app import theme
from app import what_if_words as words
from app.panels.badge import Badge
from app.views.chips import ChipFont, paint_chip
from app.views.inspector.figure import paragraph, put
from app.views.token_layout import label_of
from engine.trace import Round, TokenState
from engine.whatif.outcome import Change, Outcome

PAD = 16
CHIP, LINE = 28, 40
GAP = 8
ARROW = 24
_STATES = {"resampled": TokenState.RESAMPLED, "bonus": TokenState.BONUS}


class _Chip(NamedTuple):
    """emitted: place among the emitted tokens, None if it is none. place: in the proposal, -1 of
    the added token."""

    label: str
    state: TokenState
    emitted: int | None
    place: int


class WouldBe(QWidget):
    """Shows an outcome. wanted: the models are asked for what the recording does not tell."""

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.outcome: Outcome | None = None
        self._recorded: Round | None = None
        self._change = Change()
        self._index = 0
        self._problem = ""
        self.badge = Badge(parent=self)
        self.button = QPushButton(words.RECOMPUTE, self)
        self.button.clicked.connect(self.wanted)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.notifier().changed.connect(self.update)

    def show_outcome(
        self, outcome: Outcome | None, recorded: Round, change: Change, index: int
    ) -> None:
        """None: nothing can be said; `show_problem` tells why."""
        self.outcome, self._recorded, self._change = outcome, recorded, change
        self._index, self._problem = index, ""
        if outcome is not None:
            self.badge.show_state(*words.badge(outcome))
            self.setAccessibleName(words.spoken(outcome, recorded, change))
        self.badge.setVisible(outcome is not None)
        self.set_waiting(False)

    def show_problem(self, text: str) -> None:
        """One sentence about why there is no answer."""
        self._problem = text
        self.set_waiting(False)

    def set_waiting(self, waiting: bool) -> None:
        """Whether the models are at it."""
        known = self.outcome is None or self.outcome.exact
        self.button.setVisible(not known)
        self.button.setEnabled(not waiting)
        self.button.setText(words.WAITING if waiting else words.RECOMPUTE)
        self._place_children()
        self.updateGeometry()
        self.update()

    # Geometry

    def heightForWidth(self, width: int) -> int:
        return round(self._compose(None, width))

    def sizeHint(self) -> QSize:
        return QSize(320, self.heightForWidth(320))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_children()

    def _place_children(self) -> None:
        size = self.badge.sizeHint()
        self.badge.setGeometry(self.width() - PAD - size.width(), 14, size.width(), size.height())
        if not self.button.isHidden():
            top = self.heightForWidth(self.width()) - PAD - 32
            wide = min(max(self.button.sizeHint().width(), 200), self.width() - 2 * PAD)
            self.button.setGeometry(PAD, top, wide, 32)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        now = theme.theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(now.line, 1))
        painter.setBrush(now.surface)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        self._compose(painter, self.width())

    def _compose(self, painter: QPainter | None, width: float) -> float:
        """Draw, or only measure; the height."""
        now, small = theme.theme(), theme.font(theme.SMALL)
        recorded, outcome = self._recorded, self.outcome
        right = width - PAD
        put(painter, PAD, 24, words.heading(self._change), small, now.muted)
        y = 44.0
        if outcome is not None and recorded is not None:
            y = self._chips(painter, y, width, outcome, recorded)
            figures = words.figures(outcome, self._index)
            if figures:
                put(painter, PAD, y + 8, figures, theme.mono(12), now.text, right - PAD)
                y += 24
            for text in words.remarks(outcome, recorded, self._change):
                y += paragraph(painter, y, right, text, small, now.muted, PAD) + 4
        if self._problem:
            y += paragraph(painter, y, right, self._problem, small, now.target_text, PAD) + 4
        if not self.button.isHidden():
            y += 4 + 32
        return y + PAD - 4

    def _chips(
        self, painter: QPainter | None, y: float, width: float, outcome: Outcome, recorded: Round
    ) -> float:
        """The tokens in lines, and under them where the text would part; the height below."""
        now, font = theme.theme(), ChipFont(12)
        parts = outcome.differs_at(recorded)
        x, marked = float(PAD), False
        for chip in self._of(outcome):
            arrow = ARROW if chip.place < 0 and outcome.tokens else 0
            wide = min(font.chip_width(chip.label, True), width - 2 * PAD)
            if x > PAD and x + arrow + wide > width - PAD:
                x, y = float(PAD), y + LINE
            if arrow:
                put(painter, x, y + CHIP / 2, "→", font.font, now.muted)
                x += arrow
            box = QRectF(round(x), y, wide, CHIP)
            differs = parts is not None and chip.emitted is not None and chip.emitted >= parts
            marked = marked or differs
            if painter is not None:
                self._paint_chip(painter, box, chip, font, differs)
            x = box.right() + GAP
        y += LINE
        if parts is not None:
            left = PAD
            if marked:
                left += 24
                if painter is not None:
                    painter.setPen(QPen(now.warn, 2))
                    painter.drawLine(QLineF(PAD, y + 8, PAD + 16, y + 8))
            put(painter, left, y + 8, words.DIFFERS, theme.font(theme.SMALL), now.warn_text)
            y += 24
        return y

    def _paint_chip(
        self, painter: QPainter, box: QRectF, chip: _Chip, font: ChipFont, differs: bool
    ) -> None:
        now, ratio = theme.theme(), painter.device().devicePixelRatioF()
        painter.setFont(font.font)
        paint_chip(painter, box, chip.label, now.states[chip.state], chip.state, font, True, ratio)
        if differs:
            painter.setPen(QPen(now.warn, 2))
            y = box.bottom() + 4
            painter.drawLine(QLineF(box.left() + 2, y, box.right() - 2, y))

    def _of(self, outcome: Outcome) -> Iterator[_Chip]:
        """The tokens that matter: of a tree those that were judged, of a chain all."""
        emitted = 0
        accepted = {id(t) for t in outcome.accepted}
        for i, token in enumerate(outcome.tokens):
            if outcome.parents is not None and token.state is TokenState.DISCARDED:
                continue
            state = TokenState.PENDING if token.state is None else token.state
            place = emitted if id(token) in accepted else None
            emitted += place is not None
            yield _Chip(label_of(token.text) if token.text else "?", state, place, i)
        added = outcome.added
        if added is None:
            yield _Chip("?", TokenState.PENDING, None, -1)
        elif added.id is not None:
            state = _STATES.get(added.kind, TokenState.BONUS)
            yield _Chip(label_of(added.text), state, emitted, -1)
