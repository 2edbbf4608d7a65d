"""The pyqtgraph part of a curve card. Imported when the first curve is drawn: pyqtgraph takes
0.15 s to import, which the window need not wait for.

pyqtgraph keeps the range, the transform and the curves (downsampled to peaks, clipped to the
view); axes, labels and the crosshair are painted around them in the app's own hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QGraphicsView, QWidget

from app.theme import theme, with_alpha
from app.views.plots import axes, labels
from app.views.plots.axes import FOOT, HEAD
from app.views.plots.scene import Scene
from engine.metrics import Floats

NOTHING = np.empty(0)


class CurvePlot(pg.GraphicsView):
    """One main curve, one faint curve behind it, dashed levels, and a crosshair."""

    _built = False  # the base class resizes itself before there is anything to fit

    def __init__(self, parent: QWidget, describe: Callable[[int], str]) -> None:
        """describe: the text at the crosshair for point i of the main curve."""
        super().__init__(parent)
        self._describe = describe
        self._scene = Scene()
        self._x, self._y = NOTHING, NOTHING
        self._pointer: float | None = None  # x of the mouse, in scene pixels
        self._following = True
        self._plot = QRectF()
        self._placed = labels.Placed()
        self._pens: tuple[float, QColor] | None = None
        self.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)
        # The labels lie outside what the items know of.
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        self.setBackground(None)

        self._layout = pg.GraphicsLayout()
        self.view = pg.ViewBox(enableMenu=False, defaultPadding=0)
        self.view.setMouseEnabled(x=True, y=False)
        self.view.disableAutoRange()
        self.view.sigRangeChangedManually.connect(self._taken_over)
        self._layout.addItem(self.view)
        self.setCentralItem(self._layout)
        self.faint = self._curve("mean")
        self.main = self._curve("peak")
        self._built = True
        self.staged = False
        """Whether it stands on a stage: on the window's colour, and its words where they are best,
        wherever they were a moment ago."""

    def _curve(self, method: str) -> pg.PlotDataItem:
        curve = pg.PlotDataItem(
            antialias=True,
            clipToView=True,
            autoDownsample=True,
            downsampleMethod=method,
            # One bin a pixel: the cost of drawing stops growing with the run.
            autoDownsampleFactor=1.0,
            skipFiniteCheck=False,
            connect="finite",
        )
        self.view.addItem(curve)
        return curve

    @property
    def following(self) -> bool:
        """Whether the axes follow the run; False while a person looks at a part of it."""
        return self._following

    def set_curves(self, x: Floats, y: Floats, faint: Floats = NOTHING) -> None:
        """New data; `faint` shares the x of its first points."""
        self._x, self._y = x, y
        self.main.setData(x[: len(y)], y)
        if len(faint) or self.faint.xData is not None:
            self.faint.setData(x[: len(faint)], faint)

    def set_scene(self, scene: Scene) -> None:
        """New axes, levels and figures."""
        self._scene = scene
        self._fit()
        self.viewport().update()

    def restyle(self) -> None:
        """The theme changed; the pens follow with the next paint."""
        self.viewport().update()

    def _set_pens(self, ratio: float) -> None:
        """Pens for a screen with `ratio` pixels a point: pyqtgraph's cosmetic pens count pixels."""
        ink = self._scene.ink if self._scene.ink.isValid() else theme().good
        if self._pens != (ratio, ink):
            self._pens = ratio, ink
            self.main.setPen(pg.mkPen(ink, width=1.75 * ratio))
            self.faint.setPen(pg.mkPen(with_alpha(ink, 0.4), width=1))

    def reset(self) -> None:
        """Follow the run again."""
        self._following = True
        self._fit()
        self.viewport().update()

    # geometry

    @property
    def plot(self) -> QRectF:
        """The area between the axes."""
        return self._plot

    @property
    def _end(self) -> float:
        """x of the view's right edge: the axis ends earlier, to leave room for the figure."""
        width = self.plot.width()
        room = labels.now_size(self._scene.now).width() + 14
        return self._scene.length * width / max(width - room, width / 3)

    def _fit(self) -> None:
        full = QRectF(self.viewport().rect())
        left = axes.gutter(tick.label for tick in self._scene.ticks)
        self._plot = plot = full.adjusted(left, HEAD, 0, -FOOT)
        self._layout.setContentsMargins(
            plot.left(), plot.top(), full.right() - plot.right(), full.bottom() - plot.bottom()
        )
        if self.staged:
            grid: Any = self._layout.layout  # pyqtgraph's attribute covers Qt's method
            grid.activate()  # a stage has no event loop to do it before the painting
        self.view.setLimits(xMin=0, xMax=self._end)
        self.view.setYRange(0, self._scene.top, padding=0)
        if self._following:
            self.view.setXRange(0, self._end, padding=0)

    def y_at(self, value: float) -> float:
        return self.plot.bottom() - value / self._scene.top * self.plot.height()

    def x_at(self, value: float) -> float:
        low, high = self.view.viewRange()[0]
        return self.plot.left() + (value - low) / max(high - low, 1e-9) * self.plot.width()

    def _value_at(self, pixel: float) -> float:
        low, high = self.view.viewRange()[0]
        return low + (pixel - self.plot.left()) / max(self.plot.width(), 1) * (high - low)

    def _x_labels(self) -> list[tuple[float, str]]:
        low, high = self.view.viewRange()[0]
        high = min(high, self._scene.length)
        step = max(axes.nice_step(high - low, max(int(self.plot.width() // 60), 1)), 1.0)
        first = int(-(-low // step))
        values = (step * i for i in range(first, int(high / step + 1e-9) + 1))
        return [(self.x_at(v), axes.number(v)) for v in values if v == int(v)]

    def resizeEvent(self, ev: object) -> None:
        super().resizeEvent(ev)
        if self._built:
            self._fit()

    # painting

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        self._set_pens(max(painter.deviceTransform().m11(), 1.0))
        now, plot, scene = theme(), self.plot, self._scene
        ground = now.window if self.staged else now.panel
        painter.fillRect(QRectF(self.viewport().rect()), ground)
        axes.paint(painter, plot, scene.ticks, self.y_at, self._x_labels())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        levels = [self.y_at(line.value) for line in scene.lines]
        for line, y in zip(scene.lines, levels, strict=True):
            pen = QPen(now.host if line.faint else now.muted, 1.2, Qt.PenStyle.CustomDashLine)
            pen.setDashPattern([5, 3.4])
            painter.setPen(pen)
            painter.drawLine(QLineF(plot.left(), y, plot.right(), y))
        names = [line.label for line in scene.lines]
        size = labels.now_size(scene.now)
        before = labels.Placed() if self.staged else self._placed
        self._placed = labels.place(
            plot, levels, names, self._head(), size, self._span, before.choice
        )
        # Below the curve, which must not be hidden.
        for box, name in zip(self._placed.names, names, strict=True):
            labels.paint_name(painter, box, name)

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        head = self._head()
        if head is not None and self._placed.now is not None:
            labels.paint_now(painter, self._placed.now, self._scene.now, self._scene.now_ink)
            axes.dot(painter, head, self._scene.ink)
        self._paint_crosshair(painter)

    def _span(self, left: float, right: float) -> tuple[float, float] | None:
        """The least and greatest y (pixels) of the main curve between two pixel columns."""
        xs = self._x[: len(self._y)]
        low, high = np.searchsorted(xs, [self._value_at(left), self._value_at(right)])
        part = self._y[max(low - 1, 0) : high + 1]
        if low >= len(xs) or not np.isfinite(part).any():
            return None
        return self.y_at(float(np.nanmax(part))), self.y_at(float(np.nanmin(part)))

    def _head(self) -> QPointF | None:
        """The newest point of the main curve, where it is in sight."""
        if not len(self._y) or not np.isfinite(self._y[-1]):
            return None
        x = self.x_at(float(self._x[len(self._y) - 1]))
        y = self.y_at(float(self._y[-1]))
        inside = self.plot.adjusted(-1, -1, 1, 1).contains(QPointF(x, y))
        return QPointF(x, y) if inside else None

    def nearest(self, pixel: float) -> int | None:
        """Index of the point nearest to a pixel column."""
        if not len(self._y) or not self.plot.left() <= pixel <= self.plot.right():
            return None
        x = self._value_at(pixel)
        xs = self._x[: len(self._y)]
        right = int(np.searchsorted(xs, x))
        if right == 0:
            return 0
        if right == len(xs):
            return len(xs) - 1
        return right - int(x - xs[right - 1] < xs[right] - x)

    def _paint_crosshair(self, painter: QPainter) -> None:
        index = self.nearest(self._pointer) if self._pointer is not None else None
        if index is None or not np.isfinite(self._y[index]):
            return
        now, plot = theme(), self.plot
        x, y = self.x_at(float(self._x[index])), self.y_at(float(self._y[index]))
        painter.setPen(QPen(with_alpha(now.muted, 0.6), 1))
        painter.drawLine(QLineF(round(x) + 0.5, plot.top(), round(x) + 0.5, plot.bottom()))
        if plot.contains(QPointF(x, y)):
            axes.dot(painter, QPointF(x, y), self._scene.ink)
        labels.paint_tip(painter, plot, x, self._describe(index))

    # mouse: the wheel scrolls the column; Ctrl and the wheel, or a drag, look closer

    def wheelEvent(self, ev: QWheelEvent) -> None:
        if ev.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(ev)
        else:
            ev.ignore()

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        super().mouseMoveEvent(ev)
        self._pointer = ev.position().x()
        self.viewport().update()

    def leaveEvent(self, ev: QEvent) -> None:
        super().leaveEvent(ev)
        self._pointer = None
        self.viewport().update()

    def mouseDoubleClickEvent(self, ev: QMouseEvent) -> None:
        self.reset()
        ev.accept()

    def contextMenuEvent(self, ev: QContextMenuEvent) -> None:
        ev.ignore()  # the card's menu

    def _taken_over(self) -> None:
        low, high = self.view.viewRange()[0]
        part = high - low < 0.999 * self._end
        self._following = not part  # back at the whole run: follow it again
        self.viewport().update()
