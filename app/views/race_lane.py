"""One lane of a race: who runs, its clock and counts, how far it is, and its token stream."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app import assets, race_words, theme
from app.race import Lane, LaneState
from app.race_words import Ink, LaneName
from app.views import format as fmt
from app.views.pixels import ratio_of
from app.views.token_view import TokenView
from engine.trace import Run, TokenState

HEADER, SHORT = 136, 104
"""Height above the stream; short: where the name and the clock share a line."""
CLOCK = 32
AT_THE_START = "At the start", "The prompt has been read: that is not part of the race"
_BAR = 8.0
_GAP = 24.0
"""Between two counts."""


class LaneView(QWidget):
    """Draws one lane as `show_state` set it. No timers: what it shows follows from the state."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens = TokenView(self)
        # A bar that comes and goes would place the tokens anew in the middle of a race.
        self.tokens.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tokens.set_empty_words(*AT_THE_START)
        self.tokens.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keys are the race's
        self._lane: Lane | None = None
        self._state: LaneState | None = None
        self._shown: Run | None = None
        self._name = LaneName("", "")
        self._ink: Ink = "good"
        self._first = False
        self._end_ns = 0
        self._short = False
        theme.notifier().changed.connect(self.update)

    def set_lane(
        self, lane: Lane | None, name: LaneName, ink: Ink, first: bool, end_ns: int
    ) -> None:
        """Another run. first: it wins this race. end_ns: when the later lane is in."""
        self._lane, self._name, self._ink = lane, name, ink
        self._first, self._end_ns = first, end_ns
        self._state = self._shown = None
        self.tokens.set_run(None)
        self.tokens.setAccessibleName(f"Token stream, {name.name}")
        self.update()

    def show_state(self, ns: float, state: LaneState) -> None:
        """Show the lane at a moment of the common clock."""
        if self._lane is None:
            return
        run = self._lane.show(ns)
        shown = run if run.cells else None  # else it would say that it reads the prompt
        if shown is self._shown:
            self.tokens.refresh()
        else:
            self.tokens.set_run(shown)
        self.tokens.set_caret(not state.finished)
        self._shown = shown
        self._state = state
        self.setAccessibleDescription(self.sentence)
        self.update()

    @property
    def state(self) -> LaneState | None:
        return self._state

    @property
    def name(self) -> LaneName:
        return self._name

    @property
    def sentence(self) -> str:
        """All figures of the header."""
        state, lane = self._state, self._lane
        if state is None or lane is None:
            return ""
        clock = race_words.clock(state.elapsed_ns, self._end_ns)
        tokens = f"{state.tokens:,} of {fmt.count(lane.tokens, 'token')}"
        return f"{self._name.name}: {clock}, {tokens}, {race_words.calls(state)}{self.mark}"

    @property
    def mark(self) -> str:
        """What stands at the upper right once the lane is in."""
        if self._state is None or not self._state.finished:
            return ""
        return "finished first" if self._first else "finished"

    def set_short(self, short: bool) -> None:
        """Less height above the stream."""
        if short != self._short:
            self._short = short
            self._place()

    @property
    def header(self) -> int:
        return SHORT if self._short else HEADER

    def sizeHint(self) -> QSize:
        return QSize(480, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.header + 96)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        self.tokens.setGeometry(0, self.header, self.width(), max(self.height() - self.header, 0))
        self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        state, lane = self._state, self._lane
        if state is None or lane is None:
            return
        now = theme.theme()
        hue, ink = lane_colours(now, self._ink)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_name(painter, now, ink)
        middle = 56.0 if self._short else 80.0
        left = self._paint_clock(painter, now, state, middle)
        self._paint_counts(painter, now, state, left, middle)
        self._paint_bar(painter, now, hue, state.tokens / lane.tokens)

    def _paint_name(self, painter: QPainter, now: theme.Theme, ink: QColor) -> None:
        room = float(self.width())
        if self.mark:
            room -= self._paint_mark(painter, now, ink) + 12
        font = theme.font(theme.TITLE)
        metrics = QFontMetricsF(font)
        name = metrics.elidedText(self._name.name, Qt.TextElideMode.ElideRight, room)
        painter.setFont(font)
        painter.setPen(ink)
        painter.drawText(QPointF(0, 18), name)
        x, base = 0.0, 40.0
        if self._short:
            x, base = metrics.horizontalAdvance(name) + 12, 18.0
            room -= x
        else:
            room = float(self.width())
        small = theme.font(theme.SMALL)
        detail = QFontMetricsF(small).elidedText(
            self._name.detail, Qt.TextElideMode.ElideRight, max(room, 0)
        )
        painter.setFont(small)
        painter.setPen(now.muted)
        painter.drawText(QPointF(x, base), detail if len(detail) > 1 else "")

    def _paint_mark(self, painter: QPainter, now: theme.Theme, ink: QColor) -> float:
        """A flag, and who was first; returns its width."""
        font = theme.sans(12, QFont.Weight.DemiBold)
        width = QFontMetricsF(font).horizontalAdvance(self.mark) + 16 + 6 + 2 * 10
        pill = QRectF(self.width() - width, 0, width, 24)
        colour = ink if self._first else now.states[TokenState.DISCARDED].text
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.with_alpha(colour, 0.13))
        painter.drawRoundedRect(pill, 12, 12)
        flag = assets.pixmap("finish", colour, 14, ratio_of(self))
        painter.drawPixmap(QPointF(round(pill.left()) + 11, 5), flag)
        painter.setFont(font)
        painter.setPen(colour)
        painter.drawText(QPointF(pill.left() + 32, 16.5), self.mark)
        return width

    def _paint_clock(
        self, painter: QPainter, now: theme.Theme, state: LaneState, middle: float
    ) -> float:
        """The big clock; returns where it ends. It has room for its last figure from the start."""
        font = theme.sans(28 if self._short else CLOCK, QFont.Weight.Bold, figures=True)
        metrics = QFontMetricsF(font)
        text = race_words.clock(state.elapsed_ns, self._end_ns)
        painter.setFont(font)
        painter.setPen(now.text)
        painter.drawText(QPointF(-1, round(middle + metrics.capHeight() / 2)), text)
        widest = race_words.clock(self._end_ns, self._end_ns)
        return max(metrics.horizontalAdvance(widest), metrics.horizontalAdvance(text))

    def _paint_counts(
        self, painter: QPainter, now: theme.Theme, state: LaneState, left: float, middle: float
    ) -> None:
        """Tokens, target calls and tokens/s, each above its word; from the right as many as fit."""
        assert self._lane is not None
        rate = state.tokens_per_second
        counts = [
            (f"{state.tokens:,}", f"{self._lane.tokens:,}", "tokens"),
            (f"{state.target_calls:,}", f"{self._lane.n_rounds:,}", "target calls"),
            ("–" if rate is None else f"{rate:,.0f}", "8,888", "tok/s"),
        ]
        figure, small = theme.sans(16, QFont.Weight.DemiBold, figures=True), theme.font(theme.SMALL)
        wide, narrow = QFontMetricsF(figure), QFontMetricsF(small)
        x = float(self.width())
        for text, widest, word in reversed(counts):
            width = max(
                wide.horizontalAdvance(text),
                wide.horizontalAdvance(widest),
                narrow.horizontalAdvance(word),
            )
            if x - width < left + _GAP:
                break
            for font, colour, said, y in (
                (figure, now.text, text, middle - 2),
                (small, now.muted, word, middle + 15),
            ):
                painter.setFont(font)
                painter.setPen(colour)
                room = QFontMetricsF(font).horizontalAdvance(said)
                painter.drawText(QPointF(x - room, round(y)), said)
            x -= width + _GAP

    def _paint_bar(self, painter: QPainter, now: theme.Theme, hue: QColor, done: float) -> None:
        y = self.header - 12.0 - _BAR
        groove = QRectF(0, y, self.width(), _BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(now.pressed)
        painter.drawRoundedRect(groove, _BAR / 2, _BAR / 2)
        if done > 0:
            painter.setBrush(hue)
            filled = QRectF(0, y, max(done * self.width(), _BAR), _BAR)
            painter.drawRoundedRect(filled, _BAR / 2, _BAR / 2)


def lane_colours(now: theme.Theme, ink: Ink) -> tuple[QColor, QColor]:
    """A lane's hue, and the same as text."""
    return {
        "target": (now.target, now.target_text),
        "draft": (now.draft, now.draft_text),
        "good": (now.good, now.good_text),
    }[ink]
