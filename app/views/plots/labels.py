"""Names of dashed levels, the large figure at a curve's head, the crosshair's text: where they
stand so that none covers another, and how they are painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.theme import sans, theme, with_alpha
from app.views.plots.axes import AXIS, Align, text_width

NAME_HEIGHT = 14.0
NOW = 18
"""Size of the large figure, in pixels."""

NO_SIZE = QSizeF(0, 0)


def now_font() -> QFont:
    return sans(NOW, QFont.Weight.Bold)


def now_size(now: tuple[str, str]) -> QSizeF:
    """Room that the large figure and its unit take."""
    figure, unit = now
    if not figure:
        return NO_SIZE
    width = text_width(figure, now_font())
    if unit:
        width += 4 + text_width(unit, sans(AXIS))
    return QSizeF(width, 20)


Choice = tuple[int, ...]
"""The index of the place that each label took."""


@dataclass(frozen=True)
class Placed:
    """Boxes of the names, and of the large figure where there is one."""

    names: tuple[QRectF, ...] = ()
    now: QRectF | None = None
    choice: Choice = ()


def place(
    plot: QRectF,
    levels: Sequence[float],
    texts: Sequence[str],
    head: QPointF | None = None,
    size: QSizeF = NO_SIZE,
    span: Callable[[float, float], tuple[float, float] | None] = lambda left, right: None,
    last: Choice = (),
) -> Placed:
    """Put each name above or below the right end of its line, and the large figure beside, below
    or above the curve's head, so that they cover each other, the lines and the curve the least.

    levels: y of the lines in pixels. span(left, right): the least and greatest y of the curve
    between two pixel columns. last: the choice of the last frame, kept unless another is clearly
    better: labels must not jump. All combinations are tried: there are 28 at most.
    """
    labels = [_name_places(plot, y, text) for y, text in zip(levels, texts, strict=True)]
    if head is not None:
        labels.append(_figure_places(plot, head, size))

    def cost(where: _Where) -> float:
        """Of one label at one place, whatever the others do."""
        box = where.box.adjusted(-2, -1, 2, 1)
        total = where.cost + 3 * sum(box.top() < y < box.bottom() for y in levels)
        total += 20 * (box.top() < plot.top() - 5 or box.bottom() > plot.bottom() + 2)
        curve = span(box.left(), box.right())
        if curve is not None and curve[0] < box.bottom() and curve[1] > box.top():
            total += 4
        if head is not None and not where.figure:
            total += 4 * box.adjusted(-4, -4, 4, 4).contains(head)
        return total

    def clash(first: int, one: _Where, second: int, other: _Where) -> float:
        total = 40.0 * one.box.adjusted(-2, -1, 2, 1).intersects(other.box)
        if head is not None and other.figure:
            # The greater figure stands higher.
            total += (levels[first] < head.y()) != (one.box.top() < other.box.top())
        return total

    costs = [[cost(where) for where in places] for places in labels]
    clashes = {
        (i, a, j, b): clash(i, one, j, other)
        for i, j in combinations(range(len(labels)), 2)
        for a, one in enumerate(labels[i])
        for b, other in enumerate(labels[j])
    }

    def whole(choice: Choice) -> float:
        total = sum(costs[i][a] for i, a in enumerate(choice))
        total += sum(clashes[i, a, j, b] for (i, a), (j, b) in combinations(enumerate(choice), 2))
        return total - 0.5 * (choice == last)

    best = min(product(*(range(len(places)) for places in labels)), key=whole)
    boxes = [labels[i][a].box for i, a in enumerate(best)]
    return Placed(tuple(boxes[: len(levels)]), boxes[-1] if head is not None else None, best)


class _Where(NamedTuple):
    """A place for a label, and how little it is liked for itself."""

    box: QRectF
    cost: float
    figure: bool


def _name_places(plot: QRectF, level: float, text: str) -> list[_Where]:
    """Above the line or, liked a little less, below it."""
    width = text_width(text, sans(AXIS)) + 2
    x, height = plot.right() - width, NAME_HEIGHT
    return [
        _Where(QRectF(x, level - height - 1, width, height), 0.0, False),
        _Where(QRectF(x, level + 2, width, height), 0.1, False),
    ]


def _figure_places(plot: QRectF, head: QPointF, size: QSizeF) -> list[_Where]:
    """Beside the curve's head, or lower or higher."""
    x, y = min(head.x() + 9, plot.right() - size.width()), head.y() - size.height() / 2
    offsets = (18.0, 0.0, -18.0, 36.0, -36.0, 54.0, -54.0)
    return [
        _Where(QRectF(QPointF(x, y + offset), size), 0.01 * abs(offset) + 0.1 * (offset < 0), True)
        for offset in offsets
    ]


def paint_name(painter: QPainter, box: QRectF, text: str) -> None:
    _back(painter, box)
    painter.setFont(sans(AXIS))
    painter.setPen(theme().muted)
    painter.drawText(box, Align.AlignRight | Align.AlignVCenter, text)


def paint_now(painter: QPainter, box: QRectF, now: tuple[str, str], ink: QColor) -> None:
    figure, unit = now
    if not figure:
        return
    _back(painter, box)
    metrics = QFontMetricsF(now_font())
    at = QPointF(box.left(), box.center().y() + metrics.capHeight() / 2)
    painter.setFont(now_font())
    painter.setPen(ink)
    painter.drawText(at, figure)
    if unit:
        at.setX(at.x() + metrics.horizontalAdvance(figure) + 4)
        painter.setFont(sans(AXIS))
        painter.setPen(theme().muted)
        painter.drawText(at, unit)


def paint_tip(painter: QPainter, plot: QRectF, x: float, text: str) -> None:
    """The crosshair's text, in a small box beside its line."""
    now = theme()
    width, height = text_width(text, sans(AXIS)) + 12, 20.0
    left = x + 6 if x + 6 + width <= plot.right() else x - 6 - width
    box = QRectF(max(left, plot.left()), plot.bottom() - height - 4, width, height)
    painter.setPen(QPen(now.line, 1))
    painter.setBrush(now.surface)
    painter.drawRoundedRect(box, 4, 4)
    painter.setFont(sans(AXIS))
    painter.setPen(now.text)
    painter.drawText(box, Align.AlignCenter, text)


def _back(painter: QPainter, box: QRectF) -> None:
    """Keeps lines from running through text."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(with_alpha(theme().panel, 0.85))
    painter.drawRoundedRect(box.adjusted(-2, 0, 0, 0), 2, 2)
