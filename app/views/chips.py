"""One token's chip: how wide it is and how it is drawn. Shared by the token and round views."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from app import theme
from app.theme import StateStyle
from engine.trace import TokenState

STUB_PADDING = 3.0
"""Beside the mark of a chip without a label."""
RADIUS = 5.0
GLYPH = 9.0
STREAM_GLYPHS = frozenset(TokenState) - {TokenState.ACCEPTED}
"""States that carry their glyph in the stream, where nearly everything is accepted."""


class ChipFont:
    """The mono font at one size, with the widths of the labels seen so far.

    padding: left and right of a chip's text. glyph, glyph_gap: size of its mark, the gap before.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        small = size <= 10
        self.padding = 4.0 if small else 7.0
        self.glyph = 7.0 if small else GLYPH
        self.glyph_gap = 3.0 if small else 5.0
        self.font: QFont = theme.mono(size)
        self._metrics = QFontMetricsF(self.font)
        # Capitals and most small letters lie in the middle of the chip.
        self.baseline = self._metrics.capHeight() / 2
        self.strike = self._metrics.strikeOutPos()
        self._widths: dict[str, float] = {}

    def text_width(self, label: str) -> float:
        width = self._widths.get(label)
        if width is None:
            width = self._widths[label] = self._metrics.horizontalAdvance(label)
        return width

    def chip_width(self, label: str, glyph: bool) -> float:
        """Width of a whole chip, in full pixels so that every outline is crisp. Without a label it
        holds its mark alone."""
        if not label:
            return self.glyph + 2 * STUB_PADDING
        extra = self.glyph + self.glyph_gap if glyph else 0.0
        return float(round(self.text_width(label) + extra + 2 * self.padding))

    def elided(self, label: str, width: float) -> str:
        if self.text_width(label) <= width + 0.5:
            return label
        return self._metrics.elidedText(label, Qt.TextElideMode.ElideRight, width)


def pale(style: StateStyle) -> StateStyle:
    """A chip that steps back; its text does not."""
    fill, line = theme.with_alpha(style.line, 0.08), theme.with_alpha(style.line, 0.55)
    return replace(style, fill=fill, line=line)


def paint_chip(
    painter: QPainter,
    rect: QRectF,
    label: str,
    style: StateStyle,
    state: TokenState,
    font: ChipFont,
    glyph: bool,
    ratio: float,
) -> None:
    """Draw one chip. The painter has antialiasing on and `font.font` set.

    ratio: device pixels of a pixel of the painter's device.
    """
    box = _box(
        rect.width(), rect.height(), ratio, style.fill.rgba(), style.line.rgba(), style.width
    )
    painter.drawImage(rect.topLeft(), box)

    if not label:
        half = font.glyph / 2
        paint_glyph(painter, rect.center() - QPointF(half, half), state, style.text, font.glyph)
        return
    extra = font.glyph + font.glyph_gap if glyph else 0.0
    room = rect.width() - 2 * font.padding - extra
    label = font.elided(label, room)
    width = font.text_width(label)
    left = rect.left() + font.padding + max(room - width, 0.0) / 2
    middle = rect.center().y()
    base = round(middle + font.baseline)
    painter.setPen(style.text)
    painter.drawText(QPointF(left, base), label)
    if style.strike:
        y = round(base - font.strike) + 0.5
        painter.setPen(QPen(style.text, 1.2))
        painter.drawLine(QPointF(left - 2, y), QPointF(left + width + 2, y))
    if glyph:
        at = QPointF(left + width + font.glyph_gap, middle - font.glyph / 2)
        paint_glyph(painter, at, state, style.text, font.glyph)


@lru_cache(maxsize=1024)
def _box(
    width: float, height: float, ratio: float, fill: int, line: int, line_width: float
) -> QImage:
    """The outline and fill of a chip. Few widths occur, and an antialiased rounded rectangle takes
    ten times as long to draw as to copy."""
    image = QImage(
        round(width * ratio + 0.5),
        round(height * ratio + 0.5),
        QImage.Format.Format_ARGB32_Premultiplied,
    )
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    inset = line_width / 2 if line_width > 1.5 else 0.5
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor.fromRgba(line), line_width))
    painter.setBrush(QColor.fromRgba(fill))
    painter.drawRoundedRect(
        QRectF(0, 0, width, height).adjusted(inset, inset, -inset, -inset), RADIUS, RADIUS
    )
    painter.end()
    return image


def paint_glyph(
    painter: QPainter, at: QPointF, state: TokenState, colour: QColor, size: float = GLYPH
) -> None:
    """Draw the mark of a state in the square of `size` pixels whose top left corner is `at`."""
    path, filled = _glyph(state)
    painter.save()
    painter.translate(at)
    painter.scale(size / 8, size / 8)
    if filled:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
    else:
        pen = QPen(colour, 1.3)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    painter.restore()


@lru_cache(maxsize=16)
def _glyph(state: TokenState) -> tuple[QPainterPath, bool]:
    """The mark in an 8 by 8 square, and whether it is filled rather than stroked."""
    path = QPainterPath()
    match state:
        case TokenState.ACCEPTED:
            path.moveTo(0.8, 4.4)
            path.lineTo(3.0, 6.8)
            path.lineTo(7.2, 1.4)
        case TokenState.REJECTED:
            path.moveTo(1.2, 1.2)
            path.lineTo(6.8, 6.8)
            path.moveTo(6.8, 1.2)
            path.lineTo(1.2, 6.8)
        case TokenState.BONUS:
            path.moveTo(4, 0.8)
            path.lineTo(4, 7.2)
            path.moveTo(0.8, 4)
            path.lineTo(7.2, 4)
        case TokenState.RESAMPLED:
            # An open circle, clockwise, that ends in the corner of its arrow head.
            circle = QRectF(0.7, 1.0, 6.2, 6.2)
            path.arcMoveTo(circle, -18)
            path.arcTo(circle, -18, -290)
            path.lineTo(7.5, 3.2)
            path.moveTo(7.5, 0.9)
            path.lineTo(7.5, 3.2)
            path.lineTo(5.2, 3.2)
        case TokenState.DISCARDED:
            path.addEllipse(QPointF(4, 4), 1.1, 1.1)
            return path, True
        case TokenState.PENDING:
            for x in (1.0, 4.0, 7.0):
                path.addEllipse(QPointF(x, 4), 0.9, 0.9)
            return path, True
    return path, False
