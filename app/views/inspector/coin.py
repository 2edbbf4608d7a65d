"""The coin toss: [0, 1] split at the accept probability, and the recorded u dropped onto it.

Rules with a threshold show their own scale, the rules that compare choices the two choices.
"""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

from app import theme
from app.views.chips import ChipFont, paint_chip
from app.views.inspector import words
from app.views.inspector.figure import Figure, flow, paragraph, put, ramp
from app.views.pixels import ratio_of
from app.views.plots import axes
from app.views.token_layout import label_of
from engine.criterion import Criterion, four
from engine.trace import TokenState

LINE = 20
PIN = 36
"""Room above the bar, where the pin's head and its label are."""
BAR = 32
FALL = 24
CHIP = 32
ACCEPT, REJECT = 0.35, 0.18
"""Opacity of the two parts of the bar."""


class Coin(Figure):
    """How the token was judged."""

    def __init__(self) -> None:
        super().__init__("The coin toss")

    @property
    def has_content(self) -> bool:
        return self.shown is not None and self.shown.criterion is not None

    @property
    def _criterion(self) -> Criterion:
        assert self.shown is not None
        assert self.shown.criterion is not None
        return self.shown.criterion

    def spoken(self) -> str:
        if self.shown is None or self.run is None or not self.has_content:
            return ""
        lines = [" ".join(parts) for parts in words.coin_lines(self.shown)]
        said = [*lines, self._criterion.verdict, words.coin_note(self.run, self.shown)]
        return "; ".join(part.rstrip(".") for part in said if part)

    def compose(self, painter: QPainter | None, width: float) -> float:
        assert self.shown is not None
        assert self.run is not None
        now, criterion = theme.theme(), self._criterion
        y = self.heading(painter, width, (words.coin_title(self.shown),))
        mono = theme.mono(12)
        for parts in words.coin_lines(self.shown):
            for line in flow(parts, mono, width):
                put(painter, 0, y + LINE / 2, line, mono, now.text, width)
                y += LINE
        if criterion.kind in ("coin", "block", "threshold"):
            y = self._toss(painter, y, width)
        elif criterion.kind == "argmax":
            y = self._choices(painter, y + 8, width)
        note = words.coin_note(self.run, self.shown)
        if criterion.kind not in ("unjudged", "pending"):
            self._verdict(painter, y + 8, width)
            y += 8 + 24
        if note:
            y += paragraph(painter, y, width, note, theme.font(theme.SMALL), now.muted) + 4
        return y

    # A bar with a pin

    def scale(self) -> tuple[float, float]:
        """(right end, step) of the scale: 1, or less where a threshold would hide at its foot."""
        criterion = self._criterion
        if criterion.kind == "threshold" and criterion.value_name == "p":
            highest = 1.2 * max(criterion.value or 0.0, criterion.mark or 0.0, 1e-3)
            step = axes.nice_step(highest, 5)
            top = step * ceil(highest / step)
            if top < 1.0:
                return top, step
        return 1.0, 0.25

    def _toss(self, painter: QPainter | None, y: float, width: float) -> float:
        bottom = y + PIN + BAR + axes.FOOT
        if painter is None:
            return bottom
        criterion, (top, step) = self._criterion, self.scale()
        assert criterion.value is not None
        assert criterion.mark is not None
        box = QRectF(0, y + PIN, width, BAR)
        mark = box.left() + min(criterion.mark / top, 1.0) * box.width()
        pin = box.left() + min(criterion.value / top, 1.0) * box.width()
        self._parts(painter, box, mark, pin)
        self._axis(painter, box, top, step)
        self._pin(painter, box, pin, width)
        return bottom

    def _parts(self, painter: QPainter, box: QRectF, mark: float, pin: float) -> None:
        """The accepting and the rejecting part: an accepting threshold is on the right."""
        now = theme.theme()
        accept = (theme.with_alpha(now.good, ACCEPT), now.good_text, "accept")
        reject = (theme.with_alpha(now.target, REJECT), now.target_text, "reject")
        first, second = (accept, reject)
        if self._criterion.kind == "threshold":
            first, second = reject, accept
        painter.save()
        outline = QPainterPath()
        outline.addRoundedRect(box, 5, 5)
        painter.setClipPath(outline)
        painter.fillRect(QRectF(box.left(), box.top(), mark - box.left(), BAR), first[0])
        painter.fillRect(QRectF(mark, box.top(), box.right() - mark, BAR), second[0])
        painter.restore()
        if box.left() < mark < box.right():
            painter.setPen(QPen(now.text, 1, Qt.PenStyle.DotLine))
            painter.drawLine(QLineF(round(mark) + 0.5, box.top(), round(mark) + 0.5, box.bottom()))
        font = theme.sans(12, QFont.Weight.Bold)
        for start, stop, (_, text, word) in (
            (box.left(), mark, first), (mark, box.right(), second),
        ):  # fmt: skip
            _place_word(painter, QRectF(start, box.top(), stop - start, BAR), pin, word, font, text)

    def _axis(self, painter: QPainter, box: QRectF, top: float, step: float) -> None:
        now = theme.theme()
        font = theme.mono(axes.AXIS)
        metrics = QFontMetricsF(font)
        for value in (0.0, *axes.steps(top, step)):
            text = axes.number(value)
            wide = metrics.horizontalAdvance(text)
            x = box.left() + box.width() * value / top
            tick = min(max(round(x), round(box.left()) + 1), round(box.right()) - 1) + 0.5
            painter.setPen(QPen(now.line, 1))
            painter.drawLine(QLineF(tick, box.bottom() + 2, tick, box.bottom() + 5))
            left = min(max(x - wide / 2, box.left()), box.right() - wide)
            put(painter, left, box.bottom() + 13, text, font, now.muted)

    def _pin(self, painter: QPainter, box: QRectF, x: float, width: float) -> None:
        """The draw falls onto the bar. Its label stands beside the head, where there is room."""
        now, criterion = theme.theme(), self._criterion
        fallen = ramp(self._progress, 0.0, 0.7)
        painter.save()
        painter.setOpacity(min(1.0, 3 * fallen))
        up = (1 - fallen) * FALL
        head = box.top() - 16 - up
        painter.setPen(QPen(now.surface, 5))
        painter.drawLine(QLineF(x, max(head, box.top()), x, box.bottom() - up))
        painter.setPen(QPen(now.text, 2))
        painter.drawLine(QLineF(x, head, x, box.bottom() + 4 - up))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(now.text)
        painter.drawEllipse(QPointF(x, head), 6, 6)
        bold = theme.mono(12, QFont.Weight.Bold)
        text = f"{criterion.value_name} = {four(criterion.value or 0.0)}"
        wide = QFontMetricsF(bold).horizontalAdvance(text)
        left = x + 12 if x + 12 + wide <= width else x - 12 - wide
        put(painter, left, head, text, bold, now.text)
        painter.restore()

    # Two choices

    def _choices(self, painter: QPainter | None, y: float, width: float) -> float:
        """The drafted token and the target's own, side by side."""
        assert self.shown is not None
        assert self.run is not None
        now, judged, criterion = theme.theme(), self.shown.judged, self._criterion
        assert judged is not None
        if painter is None:
            return y + 16 + CHIP
        small, font = theme.font(theme.SMALL), ChipFont(13)
        same = criterion.choice == judged.id
        choice = None if criterion.choice is None else self.run.label(criterion.choice)
        other = now.states[TokenState.ACCEPTED if same else TokenState.RESAMPLED]
        cells = [("drafted", label_of(judged.text), now.states[criterion.state], criterion.state)]
        state = TokenState.ACCEPTED if same else TokenState.RESAMPLED
        text = label_of(judged.text if same else choice) if choice is not None else words.UNKNOWN
        cells.append(("target's choice", text, other, state))
        x = 0.0
        for i, (name, label, style, kind) in enumerate(cells):
            wide = min(font.chip_width(label, False), (width - 40) / 2)
            named = put(painter, x, y + 8, name, small, now.muted)
            painter.setFont(font.font)
            box = QRectF(x, y + 16 + 2, wide, CHIP - 4)
            ratio = ratio_of(self)
            paint_chip(painter, box, label, style, kind, font, False, ratio)
            x += max(wide, named) + 12
            if i == 0:
                sign = "=" if same else "≠"
                x += put(painter, x, y + 16 + CHIP / 2, sign, theme.mono(16), now.muted) + 12
        return y + 16 + CHIP

    def _verdict(self, painter: QPainter | None, y: float, width: float) -> None:
        if painter is None:
            return
        now, criterion = theme.theme(), self._criterion
        painter.save()
        painter.setOpacity(ramp(self._progress, 0.7, 1.0))
        colour = {
            TokenState.ACCEPTED: now.good_text,
            TokenState.REJECTED: now.target_text,
        }.get(criterion.state, now.muted)
        put(painter, 0, y + 8, criterion.verdict, theme.sans(13, QFont.Weight.Bold), colour, width)
        painter.restore()


def _place_word(
    painter: QPainter, part: QRectF, pin: float, word: str, font: QFont, colour: QColor
) -> None:
    """A word in the middle of its part, or of the larger side where the pin stands in it; none
    where there is no room."""
    wide = QFontMetricsF(font).horizontalAdvance(word)
    middle = part.center().x()
    if part.left() < pin < part.right() and abs(pin - middle) < wide / 2 + 8:
        if pin - part.left() > part.right() - pin:
            middle = min(middle, pin - 8 - wide / 2)
        else:
            middle = max(middle, pin + 8 + wide / 2)
    if middle - wide / 2 < part.left() + 6 or middle + wide / 2 > part.right() - 6:
        return
    put(painter, middle - wide / 2, part.center().y(), word, font, colour)
