"""Axes as the plots draw them: two hairlines, a faint grid, small figures; and the numbers on it.

Pure geometry and text, apart from `paint`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.theme import blend, mono, theme, with_alpha

AXIS = 11
"""Text size on axes, in pixels."""
GUTTER = 28
"""Room for the figures left of the plots; more where they are longer."""
FOOT = 20
"""Room for the figures below."""
HEAD = 4
"""Room above the plots."""

Align = Qt.AlignmentFlag


class Tick(NamedTuple):
    """A mark at `value`; strong: a solid line, where the others are dotted."""

    value: float
    label: str
    strong: bool = False


def nice_step(span: float, marks: int) -> float:
    """The smallest of 1, 2, 2.5, 5 × 10^k that puts at most `marks` steps into `span`."""
    if span <= 0 or not math.isfinite(span):
        return 1.0
    rough = span / max(marks, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 2.5, 5.0):
        if rough <= factor * power * (1 + 1e-9):
            return factor * power
    return 10.0 * power


def nice_top(highest: float, marks: int, headroom: float = 1.1) -> tuple[float, float]:
    """(top, step) of an axis from 0 that shows `highest`; top moves in half steps, so that a
    growing curve rescales seldom."""
    step = nice_step(highest * headroom, marks)
    half = step / 2
    return max(math.ceil(highest * headroom / half - 1e-9), 1) * half, step


def steps(top: float, step: float) -> list[float]:
    """step, 2·step … up to `top`."""
    return [step * i for i in range(1, int(top / step + 1e-9) + 1)]


def nice_length(tokens: int, limit: int) -> int:
    """Tokens on the x axis while the run goes on: the next of 32, 48, 64, 96, 128 … or `limit`."""
    length = 32
    while length < tokens:
        length = length * 3 // 2 if (length & (length - 1)) == 0 else length * 4 // 3
    return max(min(length, limit), tokens, 1)


def number(value: float) -> str:
    """A figure on an axis: 0.5, 25, 12.5k, 1.5M."""
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:.4g}M"
    if abs(value) >= 10_000:
        return f"{value / 1000:.4g}k"
    return f"{value:.4g}"


def rate(value: float) -> str:
    """A rate for people: 8.31, 42.1, 380."""
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def gutter(labels: Iterable[str]) -> float:
    """Width that the figures left of a plot need."""
    metrics = QFontMetricsF(mono(AXIS))
    return max([GUTTER, *(metrics.horizontalAdvance(label) + 8 for label in labels)])


def hairline() -> QColor:
    return theme().line


def faint() -> QColor:
    """The grid: nearer to the panel than a hairline, and seen only when looked for."""
    now = theme()
    return blend(with_alpha(now.line, 0.75), now.panel)


def paint(
    painter: QPainter,
    plot: QRectF,
    y_ticks: Sequence[Tick] = (),
    y_at: Callable[[float], float] | None = None,
    x_labels: Sequence[tuple[float, str]] = (),
) -> None:
    """Grid, axes and figures around `plot`. y_at: pixel of a value; x_labels: (pixel, text)."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for tick in y_ticks:
        y = round((y_at or _same)(tick.value)) + 0.5
        dotted = QPen(faint(), 1, Qt.PenStyle.CustomDashLine)
        dotted.setDashPattern([2, 4])
        painter.setPen(QPen(hairline(), 1) if tick.strong else dotted)
        painter.drawLine(QLineF(plot.left(), y, plot.right(), y))
    painter.setPen(QPen(hairline(), 1))
    left, bottom = round(plot.left()) + 0.5, round(plot.bottom()) + 0.5
    painter.drawLine(QLineF(left, plot.top(), left, bottom))
    painter.drawLine(QLineF(left, bottom, plot.right(), bottom))

    painter.setPen(theme().muted)
    painter.setFont(mono(AXIS))
    for tick in y_ticks:
        y = (y_at or _same)(tick.value)
        box = QRectF(plot.left() - 100, y - 10, 92, 20)
        painter.drawText(box, Align.AlignRight | Align.AlignVCenter, tick.label)
    for x, label in x_labels:
        box = QRectF(x - 50, plot.bottom() + 4, 100, FOOT - 4)
        painter.drawText(box, Align.AlignHCenter | Align.AlignTop, label)


def _same(value: float) -> float:
    return value


def text_width(text: str, font: QFont) -> float:
    return QFontMetricsF(font).horizontalAdvance(text)


def message(painter: QPainter, area: QRectF, text: str, font: QFont) -> None:
    """One muted line, wrapped where it must, in the middle of an empty plot."""
    painter.setPen(theme().muted)
    painter.setFont(font)
    inner = area.adjusted(8, 0, -8, 0)
    how = Align.AlignCenter | Qt.TextFlag.TextWordWrap
    box = painter.boundingRect(inner, how, text)
    painter.fillRect(box.adjusted(-6, -2, 6, 2), theme().panel)
    painter.drawText(inner, how, text)


def dot(painter: QPainter, at: QPointF, colour: QColor, radius: float = 3.0) -> None:
    """The head of a curve, ringed so that it stands off the line."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme().panel, 1.5))
    painter.setBrush(colour)
    painter.drawEllipse(at, radius + 0.75, radius + 0.75)
