"""The card below the boxes: what the round's tokens cost without and with speculation."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app import theme
from app.views import format as fmt
from app.views.round_text import Comparison

WIDE = 760
"""From this width on, both ways stand in one line."""
_INSET = 20.0
_RATIO = 130.0
"""Room kept for the ratio."""


def card_height(width: float) -> float:
    return 52.0 if width >= WIDE else 68.0


def badge_width(text: str) -> float:
    return QFontMetricsF(_badge_font()).horizontalAdvance(text) + 18


def _badge_font() -> QFont:
    return theme.sans(11, QFont.Weight.DemiBold)


def paint_badge(
    painter: QPainter, current: theme.Theme, text: str, right: float, middle: float
) -> float:
    """A small pill with its right edge at `right`; returns its width."""
    width = badge_width(text)
    pill = QRectF(right - width, middle - 10, width, 20)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.with_alpha(current.warn, 0.16))
    painter.drawRoundedRect(pill, 10, 10)
    painter.setFont(_badge_font())
    painter.setPen(current.warn_text)
    painter.drawText(pill, int(Qt.AlignmentFlag.AlignCenter), text)
    return width


def paint_card(
    painter: QPainter, current: theme.Theme, card: QRectF, what: Comparison, empty: bool
) -> None:
    """Standard, speculative, and at the right how many times faster."""
    painter.setPen(QPen(current.line, 1))
    painter.setBrush(current.panel)
    painter.drawRoundedRect(card, 8, 8)
    inner = card.adjusted(_INSET, 0, -_INSET, 0)
    right = _paint_ratio(painter, current, inner, what)
    one_line = card.width() >= WIDE - 2
    middle = card.center().y()
    label = QFontMetricsF(theme.font(theme.HEADING))
    column = label.horizontalAdvance("Speculative") + 12
    ways = (
        ("Standard", current.target_text, what.standard),
        ("Speculative", current.good_text, what.speculative),
    )
    if one_line:
        # The same halves with and without a ratio: nothing moves when it arrives.
        span = (min(right, inner.right() - _RATIO) - inner.left()) / 2
        for i, (name, ink, forms) in enumerate(ways):
            left = inner.left() + i * span
            gap = label.horizontalAdvance(name) + 12
            _paint_way(painter, current, left, middle, gap, span - 16, name, ink, forms, empty)
    else:
        for i, (name, ink, forms) in enumerate(ways):
            y = middle + (i - 0.5) * 24
            room = right - inner.left() - 8
            _paint_way(painter, current, inner.left(), y, column, room, name, ink, forms, empty)


def _paint_way(
    painter: QPainter,
    current: theme.Theme,
    left: float,
    middle: float,
    gap: float,
    room: float,
    name: str,
    ink: QColor,
    forms: tuple[str, ...],
    empty: bool,
) -> None:
    base = round(middle + 4.5)
    painter.setFont(theme.font(theme.HEADING))
    painter.setPen(current.muted if empty else ink)
    painter.drawText(QPointF(left, base), name)
    font = theme.font(theme.BODY, figures=True)
    metrics = QFontMetricsF(font)
    space = room - gap
    text = next((f for f in forms if metrics.horizontalAdvance(f) <= space), forms[-1])
    painter.setFont(font)
    painter.setPen(current.muted)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, space)
    painter.drawText(QPointF(left + gap, base), shown)


def _paint_ratio(painter: QPainter, current: theme.Theme, inner: QRectF, what: Comparison) -> float:
    """The big figure and its kind; returns where the room to its left ends."""
    middle = inner.center().y()
    if what.ratio is None:
        return inner.right()
    # Below 1 the round was slower than plain decoding: say so in the other colour too.
    ink = current.good_text if what.ratio >= 1 else current.target_text
    font = theme.font(theme.FIGURE, figures=True)
    text = fmt.ratio(what.ratio)
    width = QFontMetricsF(font).horizontalAdvance(text)
    painter.setFont(font)
    painter.setPen(ink)
    painter.drawText(QPointF(inner.right() - width, middle + 3), text)
    small = theme.sans(11)
    kind = what.kind if what.ratio >= 1 else f"slower · {what.kind}"
    kind_width = QFontMetricsF(small).horizontalAdvance(kind)
    painter.setFont(small)
    painter.setPen(current.warn_text if what.kind == "simulated" else current.muted)
    painter.drawText(QPointF(inner.right() - kind_width, middle + 18), kind)
    return inner.right() - max(width, kind_width) - 16
