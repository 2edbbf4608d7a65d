"""The boxes of the round view: where their chips stand and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from app import theme
from app.views.chips import ChipFont, paint_chip
from app.views.draft_text import Box, Chip
from app.views.token_layout import label_of

CHIPS_TOP, CHIPS_BOTTOM = 60.0, 50.0
"""From a box's top and bottom to its chips."""
NARROW = 200.0
"""Width below which a box has smaller margins and smaller words."""
_TITLE = 14
_CHIP_GAP = 5.0
_ROW_GAP = 4.0


@dataclass(frozen=True)
class PlacedChip:
    """A chip where it stands in the view; None and `more` for the "+3" that stands for 3 chips."""

    rect: QRectF
    chip: Chip | None
    label: str
    more: int = 0


def chip_area(box: QRectF) -> QRectF:
    """Where the chips of a box may stand."""
    inset = 10.0 if box.width() < NARROW else 16.0
    return box.adjusted(inset, CHIPS_TOP, -inset, -CHIPS_BOTTOM)


def wrap(chips: list[Chip], area: QRectF, font: ChipFont) -> tuple[list[PlacedChip], bool]:
    """Wrap chips into the rows that have room, with "+3" at the end where that is too little.

    The second value says whether all found room.
    """
    height = 28.0 if font.size > 11 else 22.0
    rows = max(int((area.height() + _ROW_GAP) // (height + _ROW_GAP)), 1)
    placed: list[PlacedChip] = []
    x, row = area.left(), 0
    for i, chip in enumerate(chips):
        label = label_of(chip.text)
        width = min(font.chip_width(label, chip.glyph), area.width())
        if x + width > area.right() and x > area.left():
            x, row = area.left(), row + 1
        if row >= rows:
            return _with_more(placed, len(chips) - i, area, font), False
        top = area.top() + row * (height + _ROW_GAP)
        placed.append(PlacedChip(QRectF(x, top, width, height), chip, label))
        x += width + _CHIP_GAP
    return placed, True


def _with_more(
    placed: list[PlacedChip], hidden: int, area: QRectF, font: ChipFont
) -> list[PlacedChip]:
    """Make room for "+3" at the end of the last row."""
    while placed:
        last = placed[-1].rect
        width = font.text_width(f"+{hidden}") + 6
        if last.right() + _CHIP_GAP + width <= area.right() or len(placed) == 1:
            rect = QRectF(last.right() + _CHIP_GAP, last.top(), width, last.height())
            return [*placed, PlacedChip(rect, None, f"+{hidden}", hidden)]
        placed = placed[:-1]
        hidden += 1
    return placed


def title_level(boxes: tuple[Box, ...], width: float) -> int:
    """The longest form of the titles in which every box's title fits its box."""
    metrics = QFontMetricsF(theme.sans(_TITLE, QFont.Weight.Bold))
    levels = max(len(box.titles) for box in boxes)
    for level in range(levels):
        titles = [box.titles[min(level, len(box.titles) - 1)] for box in boxes]
        if all(metrics.horizontalAdvance(t) <= width - 20 for t in titles):
            return level
    return levels - 1


def paint_box(
    painter: QPainter,
    current: theme.Theme,
    box: Box,
    rect: QRectF,
    hue: QColor,
    ink: QColor,
    title: str,
    empty: bool,
) -> None:
    """Frame, words and note of a box; its chips are drawn apart."""
    pen = QPen(theme.with_alpha(hue, 0.55) if empty else hue, 1.5)
    if empty:
        pen.setDashPattern([4, 3])
    painter.setPen(pen)
    painter.setBrush(current.tint(hue, theme.TINT / 2 if empty else theme.TINT))
    painter.drawRoundedRect(rect, 10, 10)

    inner = rect.adjusted(10, 0, -10, 0)
    small = theme.font(theme.SMALL, figures=True)
    painter.setPen(ink)
    _line(painter, inner, 28, theme.sans(_TITLE, QFont.Weight.Bold), (title,))
    _line(painter, inner, 46, theme.font(theme.SMALL), (box.subtitle,))
    semibold = theme.sans(13, QFont.Weight.DemiBold, figures=True)
    _line(painter, inner, rect.height() - 31, semibold, box.main)
    _line(painter, inner, rect.height() - 12, small, box.detail)
    if box.note:
        narrow = rect.width() < NARROW
        side = 10 if narrow else 16
        area = rect.adjusted(side, 58, -side, -24 if empty else -CHIPS_BOTTOM)
        painter.setPen(current.muted)
        painter.setFont(theme.font(theme.SMALL if narrow else theme.BODY))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(area, int(flags), box.note)


def paint_chips(
    painter: QPainter,
    current: theme.Theme,
    chips: list[PlacedChip],
    font: ChipFont,
    ratio: float,
) -> None:
    painter.setFont(font.font)
    for placed in chips:
        if placed.chip is None:
            painter.setPen(current.muted)
            painter.drawText(placed.rect, int(Qt.AlignmentFlag.AlignCenter), placed.label)
            continue
        state = placed.chip.state
        style, glyph = current.states[state], placed.chip.glyph
        paint_chip(painter, placed.rect, placed.label, style, state, font, glyph, ratio)


def paint_arrow(painter: QPainter, current: theme.Theme, left: QRectF, right: QRectF) -> None:
    """From one box to the next, at the height of the first row of chips."""
    y = left.top() + CHIPS_TOP + 14
    start, tip = left.right() + 6, right.left() - 6
    painter.setPen(QPen(current.muted, 1.6))
    painter.drawLine(QPointF(start, y), QPointF(tip - 6, y))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(current.muted)
    head = [QPointF(tip, y), QPointF(tip - 8, y - 4), QPointF(tip - 8, y + 4)]
    painter.drawPolygon(QPolygonF(head))


def _line(
    painter: QPainter, rect: QRectF, base: float, font: QFont, forms: tuple[str, ...]
) -> None:
    """Centre the first form that fits, or the last one elided."""
    if not forms:
        return
    metrics = QFontMetricsF(font)
    text = next((f for f in forms if metrics.horizontalAdvance(f) <= rect.width()), forms[-1])
    text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
    painter.setFont(font)
    x = rect.center().x() - metrics.horizontalAdvance(text) / 2
    painter.drawText(QPointF(x, rect.top() + base), text)
