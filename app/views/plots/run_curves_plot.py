"""The pyqtgraph part of a card of several runs' curves. Imported with the first curve, as
`curve_plot` is, whose axes, range and mouse it shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.theme import sans, theme, with_alpha
from app.views.plots import axes
from app.views.plots.axes import AXIS, Align, text_width
from app.views.plots.curve_plot import NOTHING, CurvePlot
from app.views.run_inks import DASHES, ink, paint_badge
from engine.metrics import Floats

TAG = 14.0
"""Side of the letter at a curve's end."""


@dataclass(frozen=True)
class RunCurve:
    """The curve of the run at a place. x, y: [n]."""

    place: int
    x: Floats
    y: Floats

    def at(self, x: float) -> float | None:
        """Its newest value up to x; None beyond its ends."""
        i = int(np.searchsorted(self.x, x, side="right")) - 1
        if i < 0 or x > self.x[-1] + 0.5 or not np.isfinite(self.y[i]):
            return None
        return float(self.y[i])


class RunCurvesPlot(CurvePlot):
    """A curve a run, its letter at its end, and a crosshair that reads all of them."""

    def __init__(self, parent: QWidget, unit: str) -> None:
        super().__init__(parent, lambda index: "")
        self._unit = unit
        self._runs: list[RunCurve] = []
        self._items: list[pg.PlotDataItem] = []
        self._drawn_with: tuple[float, QColor] | None = None

    def set_runs(self, runs: Sequence[RunCurve]) -> None:
        """The curves of these runs, in place of those before."""
        for item in self._items:
            self.view.removeItem(item)
        self._runs = list(runs)
        self._items = []
        self._drawn_with = None
        for run in reversed(self._runs):  # the first lies on top
            item = self._curve("peak")
            item.setData(run.x, run.y)
            self._items.insert(0, item)
        # The base class asks its main curve where the crosshair may be.
        longest = max(self._runs, key=lambda run: run.x[-1], default=None)
        self._x, self._y = (longest.x, longest.y) if longest is not None else (NOTHING, NOTHING)
        self.reset()

    @property
    def _end(self) -> float:
        """x of the view's right edge: beyond the axis there is room for the letters."""
        width = self.plot.width()
        room = 2 * TAG + 8
        return self._scene.length * width / max(width - room, width / 3)

    def _set_pens(self, ratio: float) -> None:
        if self._drawn_with == (ratio, theme().text):
            return
        self._drawn_with = ratio, theme().text
        for run, item in zip(self._runs, self._items, strict=True):
            pen = pg.mkPen(ink(theme(), run.place), width=1.75 * ratio)
            dashes = DASHES[run.place % len(DASHES)]
            if dashes:
                pen.setStyle(Qt.PenStyle.CustomDashLine)
                pen.setDashPattern(dashes)
            item.setPen(pen)

    def _head(self) -> QPointF | None:
        return None  # no large figure: there is one a run, in the table

    def tags(self) -> list[tuple[RunCurve, QRectF]]:
        """Where the letters stand: beside the curves' ends, none over another."""
        placed: list[tuple[RunCurve, QRectF]] = []
        ends = [(run, self._tip(run)) for run in self._runs]
        for run, at in sorted(ends, key=lambda end: end[1].y()):
            x = min(at.x() + 5, self.plot.right() - TAG)
            box = QRectF(x, at.y() - TAG / 2, TAG, TAG)
            while any(box.intersects(other) for _, other in placed):
                under = max(other.bottom() for _, other in placed if box.intersects(other))
                box.moveTop(under + 1)
            placed.append((run, box))
        over = max((box.bottom() for _, box in placed), default=0.0) - self.plot.bottom()
        if over > 0:
            for _, box in placed:
                box.translate(0, -over)
        return placed

    def _tip(self, run: RunCurve) -> QPointF:
        known = np.flatnonzero(np.isfinite(run.y))
        last = known[-1] if len(known) else 0
        return QPointF(self.x_at(float(run.x[last])), self.y_at(float(np.nan_to_num(run.y[last]))))

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for run, box in self.tags():
            if box.left() >= self.plot.left():
                paint_badge(painter, ink(theme(), run.place), run.place, box)
        self._paint_crosshair(painter)

    def _paint_crosshair(self, painter: QPainter) -> None:
        index = self.nearest(self._pointer) if self._pointer is not None else None
        if index is None:
            return
        x = float(self._x[index])
        read = [(run, y) for run in self._runs if (y := run.at(x)) is not None]
        if not read:
            return
        now, plot, at = theme(), self.plot, self.x_at(x)
        painter.setPen(QPen(with_alpha(now.muted, 0.6), 1))
        painter.drawLine(QLineF(round(at) + 0.5, plot.top(), round(at) + 0.5, plot.bottom()))
        for run, y in read:
            axes.dot(painter, QPointF(at, self.y_at(y)), ink(now, run.place))
        self._paint_readings(painter, at, [f"{x:,.0f} tokens"], read)

    def _paint_readings(
        self, painter: QPainter, at: float, head: list[str], read: list[tuple[RunCurve, float]]
    ) -> None:
        """The values of all runs there, greatest first, in a small box beside the line."""
        now, plot, font = theme(), self.plot, sans(AXIS)
        read = sorted(read, key=lambda pair: -pair[1])
        texts = [f"{axes.number(round(y, 2))}{self._unit}" for _, y in read]
        width = max(*(text_width(t, font) + TAG + 8 for t in texts), text_width(head[0], font)) + 16
        height = 16.0 * (len(texts) + 1) + 8
        left = at + 8 if at + 8 + width <= plot.right() else at - 8 - width
        box = QRectF(max(left, plot.left()), plot.bottom() - height - 4, width, height)
        painter.setPen(QPen(now.line, 1))
        painter.setBrush(now.surface)
        painter.drawRoundedRect(box, 4, 4)
        line = QRectF(box.left() + 8, box.top() + 4, width - 16, 16)
        painter.setFont(font)
        painter.setPen(now.muted)
        painter.drawText(line, Align.AlignLeft | Align.AlignVCenter, head[0])
        for (run, _), text in zip(read, texts, strict=True):
            line.translate(0, 16)
            square = QRectF(line.left(), line.top() + 1, TAG, TAG)
            paint_badge(painter, ink(now, run.place), run.place, square)
            painter.setFont(font)
            painter.setPen(now.text)
            painter.drawText(line, Align.AlignRight | Align.AlignVCenter, text)
