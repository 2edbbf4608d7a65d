"""The token itself: the text before it, its chip, the chip of what replaced it, what it means."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from app import theme
from app.views.chips import ChipFont, paint_chip
from app.views.inspector import words
from app.views.inspector.figure import Figure, paragraph, put, ramp
from app.views.pixels import ratio_of
from app.views.token_layout import label_of
from engine.inspected import Token
from engine.trace import TokenState

CHIP = 32
TOP = 12
ARROW = 40
BESIDE = 620
"""From this width on the meaning stands beside the chips."""
_GAP = 12


class Header(Figure):
    """Which token this is."""

    def __init__(self) -> None:
        super().__init__("The token")

    def spoken(self) -> str:
        if self.shown is None or self.run is None:
            return ""
        chain = " → ".join(f"“{label_of(t.text)}” {t.state.name.lower()}" for t in self.tokens())
        return f"{chain}: {words.meaning(self.run, self.shown)}; {words.meta(self.run, self.shown)}"

    def tokens(self) -> list[Token]:
        """The drafted token and, where it was replaced, what replaced it."""
        shown = self.shown
        if shown is None:
            return []
        if shown.added is not None:
            return [shown.token, shown.added]
        if shown.token.state is TokenState.RESAMPLED and shown.judged is not None:
            return [shown.judged, shown.token]
        return [shown.token]

    def compose(self, painter: QPainter | None, width: float) -> float:
        assert self.shown is not None
        assert self.run is not None
        now, small = theme.theme(), theme.font(theme.SMALL)
        beside = width >= BESIDE
        meaning = words.meaning(self.run, self.shown)
        meta = words.meta(self.run, self.shown)
        room = width
        if beside:
            longest = max(QFontMetricsF(small).horizontalAdvance(t) for t in (meaning, meta))
            room = width - min(longest, width * 0.45) - 24
        end = self._chips(painter, room)
        if beside:
            x = end + 24
            put(painter, x, TOP + 8, meaning, small, now.text, width - x)
            put(painter, x, TOP + 25, meta, small, now.muted, width - x)
            return TOP + CHIP + 12
        y = TOP + CHIP + 12.0
        y += paragraph(painter, y, width, meaning, small, now.text)
        return y + paragraph(painter, y, width, meta, small, now.muted) + 4

    def _chips(self, painter: QPainter | None, width: float) -> float:
        """The text before and the chips; where they end."""
        assert self.shown is not None
        font, tokens = ChipFont(13), self.tokens()
        before = words.before(self.shown)
        metrics = QFontMetricsF(font.font)
        least = min(metrics.horizontalAdvance(before), 72.0) + (_GAP if before else 0.0)
        most = (width - least - ARROW * (len(tokens) - 1)) / len(tokens)
        widths = [min(font.chip_width(label_of(t.text), True), most) for t in tokens]
        room = width - sum(widths) - ARROW * (len(tokens) - 1) - (_GAP if before else 0.0)
        shortened = before
        if metrics.horizontalAdvance(before) > room:
            whole = before.removeprefix("…")
            shortened = metrics.elidedText(whole, Qt.TextElideMode.ElideLeft, room)
        x = 0.0
        if shortened:
            now = theme.theme()
            x = put(painter, 0, TOP + CHIP / 2, shortened, font.font, now.muted) + _GAP
        for i, (token, wide) in enumerate(zip(tokens, widths, strict=True)):
            if i:
                self._arrow(painter, x)
                x += ARROW
            if painter is not None:
                self._chip(painter, QRectF(round(x), TOP, wide, CHIP), token, font, i)
            self.hover(QRectF(x, TOP, wide, CHIP), f"id {token.id}")
            x = round(x) + wide
        return x

    def _chip(
        self, painter: QPainter, box: QRectF, token: Token, font: ChipFont, place: int
    ) -> None:
        assert self.shown is not None
        painter.save()
        if place:  # what replaces the token appears when the draw has been made
            painter.setOpacity(ramp(self._progress, 0.6, 1.0))
        painter.setFont(font.font)
        now, ratio = theme.theme(), ratio_of(self)
        style = now.states[token.state]
        paint_chip(painter, box, label_of(token.text), style, token.state, font, True, ratio)
        if token.index == self.shown.index and len(self.tokens()) > 1:
            painter.setPen(QPen(now.accent, 2))
            y = box.bottom() + 4
            painter.drawLine(QLineF(box.left() + 4, y, box.right() - 4, y))
        painter.restore()

    def _arrow(self, painter: QPainter | None, x: float) -> None:
        if painter is None:
            return
        y = TOP + CHIP / 2 + 0.5
        pen = QPen(theme.theme().muted, 1.4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        left, right = x + 13, x + ARROW - 13
        painter.drawLine(QLineF(left, y, right, y))
        painter.drawPolyline(
            [QPointF(right - 4, y - 4), QPointF(right, y), QPointF(right - 4, y + 4)]
        )
