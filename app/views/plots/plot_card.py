"""A card whose body is a pyqtgraph plot, which is made after the first paint or for the first
curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect, QRectF, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.theme import SMALL, font
from app.views.plots import axes
from app.views.plots.axes import FOOT, GUTTER, HEAD, Tick
from app.views.plots.card import Card
from app.views.plots.scene import Scene

if TYPE_CHECKING:
    from app.views.plots.curve_plot import CurvePlot


class PlotCard(Card):
    """Base of the cards with a curve."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot: CurvePlot | None = None

    # what subclasses say

    def now_scene(self) -> Scene | None:
        """Axes, levels and figures; None where there is nothing to show yet."""
        raise NotImplementedError

    def describe(self, index: int) -> str:
        """Text at the crosshair."""
        return ""

    def empty_text(self) -> str:
        """Why there is no curve; "" where there is one to draw."""
        return ""

    # drawing

    def show_scene(self) -> None:
        """Take over what the axes and figures are now."""
        scene = self.now_scene()
        if self.plot is not None and scene is not None:
            self.plot.set_scene(scene)

    def ensure_plot(self) -> CurvePlot:
        """The plot, made now if need be: this imports pyqtgraph."""
        if self.plot is None:
            from app.views.plots.curve_plot import CurvePlot

            self.plot = CurvePlot(self, self.describe)
            self.plot.setGeometry(self._plot_area())
            self.plot.setVisible(not self.empty_text())
        return self.plot

    @property
    def marks(self) -> int:
        """How many figures the y axis has room for."""
        return int(min(max((self.body.height() - HEAD - FOOT) // 50, 3), 8))

    def _plot_area(self) -> QRect:
        return self.body.toRect()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.plot is not None:
            self.plot.setGeometry(self._plot_area())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.plot is None:
            # The window is on the screen now: load pyqtgraph before the first run needs it.
            QTimer.singleShot(0, self, self.ensure_plot)

    def paint_body(self, painter: QPainter) -> None:
        text = self.empty_text()
        if not text:
            return  # the plot lies here
        area = self.body.adjusted(GUTTER, HEAD, 0, -FOOT)
        ticks = [Tick(area.top() + area.height() * part, "") for part in (0.25, 0.5, 0.75)]
        axes.paint(painter, area, ticks)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        axes.message(painter, QRectF(area), text, font(SMALL))

    def restyle(self) -> None:
        if self.plot is not None:
            self.show_scene()
            self.plot.restyle()
        super().restyle()


NOTHING = np.empty(0)
