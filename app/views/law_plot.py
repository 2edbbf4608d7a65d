"""The most frequent outcomes of a check: how often each came, plainly and with speculation."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.views.plots import axes
from engine.lab.result import Cell, CheckResult

MOST = 7
ROW, BAR, GAP = 28, 8, 3
HEADER, FOOT = 24, 20
_FIGURES = 56


class Outcome(NamedTuple):
    """One pair of bars, in shares of all runs; exact: the target's own probability."""

    text: str
    plain: float
    speculative: float
    exact: float | None


def outcome(cell: Cell, samples: int) -> Outcome:
    """Shares of the samples; without any, the exact laws."""
    if samples:
        plain, speculative = cell.plain / samples, cell.speculative / samples
        return Outcome(cell.text, plain, speculative, cell.probability)
    return Outcome(
        cell.text, cell.probability or 0.0, cell.speculative_probability or 0.0, cell.probability
    )


class LawPlot(QWidget):
    """Two bars an outcome, plain above speculative, and a mark where the exact law is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.outcomes: list[Outcome] = []
        self._caption = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Most frequent outcomes")
        theme.notifier().changed.connect(self.update)

    def show_result(self, result: CheckResult | None) -> None:
        cells = result.cells[:MOST] if result is not None else ()
        self.outcomes = [outcome(cell, result.samples if result else 0) for cell in cells]
        number = max(result.outcomes, len(cells)) if result is not None else 0
        shown = len(cells)
        self._caption = (
            f"the {shown} most frequent of {number:,}" if shown < number else f"all {number}"
        )
        self.setAccessibleDescription("; ".join(_spoken(o) for o in self.outcomes))
        self.setVisible(bool(self.outcomes))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(560, HEADER + ROW * len(self.outcomes) + FOOT)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, self.sizeHint().height())

    @property
    def has_exact(self) -> bool:
        return any(o.exact is not None for o in self.outcomes)

    @property
    def plot(self) -> QRectF:
        """Between the labels and the figures."""
        metrics = QFontMetricsF(theme.mono(12))
        widest = max((metrics.horizontalAdvance(o.text) for o in self.outcomes), default=0.0)
        left = min(max(widest, 48.0), 0.32 * self.width()) + 12
        return QRectF(left, HEADER, self.width() - left - _FIGURES, ROW * len(self.outcomes))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_header(painter)
        if not self.outcomes:
            return
        plot = self.plot
        highest = max(max(o.plain, o.speculative, o.exact or 0.0) for o in self.outcomes)
        top, step = axes.nice_top(max(highest, 1e-6), 4, 1.0)
        self._paint_axis(painter, plot, top, step)
        for i, one in enumerate(self.outcomes):
            self._paint_outcome(painter, plot, plot.top() + i * ROW, one, top)

    def _paint_header(self, painter: QPainter) -> None:
        current = theme.theme()
        heading, small = theme.font(theme.HEADING), theme.font(theme.SMALL)
        base = 15.0
        painter.setFont(heading)
        painter.setPen(current.text)
        painter.drawText(QPointF(0, base), "Outcomes")
        left = QFontMetricsF(heading).horizontalAdvance("Outcomes") + 10
        painter.setFont(small)
        painter.setPen(current.muted)
        painter.drawText(QPointF(left, base), self._caption)
        metrics = QFontMetricsF(small)
        x = float(self.width())
        entries = [("plain", current.target), ("speculative", current.good)]
        if self.has_exact:
            entries.append(("exact law", current.text))
        for word, hue in reversed(entries):
            x -= metrics.horizontalAdvance(word)
            painter.setPen(current.muted)
            painter.drawText(QPointF(x, base), word)
            x -= 15
            _swatch(painter, QRectF(x, base - 9, 10, 10), hue, line=word == "exact law")
            x -= 16

    def _paint_axis(self, painter: QPainter, plot: QRectF, top: float, step: float) -> None:
        current = theme.theme()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        dotted = QPen(axes.faint(), 1, Qt.PenStyle.CustomDashLine)
        dotted.setDashPattern([2, 4])
        painter.setFont(theme.mono(axes.AXIS))
        for value in (0.0, *axes.steps(top, step)):
            x = round(plot.left() + value / top * plot.width()) + 0.5
            painter.setPen(QPen(axes.hairline(), 1) if value == 0 else dotted)
            painter.drawLine(QLineF(x, plot.top(), x, plot.bottom()))
            painter.setPen(current.muted)
            box = QRectF(x - 40, plot.bottom() + 4, 80, FOOT - 4)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignHCenter), f"{100 * value:.4g}%")
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_outcome(
        self, painter: QPainter, plot: QRectF, y: float, one: Outcome, top: float
    ) -> None:
        current = theme.theme()
        mono = theme.mono(12)
        upper = y + (ROW - 2 * BAR - GAP) / 2
        lower = upper + BAR + GAP
        painter.setFont(mono)
        painter.setPen(current.text)
        label = QRectF(0, y, plot.left() - 12, ROW)
        text = QFontMetricsF(mono).elidedText(one.text, Qt.TextElideMode.ElideRight, label.width())
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(label, right, text)
        painter.setPen(Qt.PenStyle.NoPen)
        for at, share, hue in (
            (upper, one.plain, current.target),
            (lower, one.speculative, current.good),
        ):
            width = share / top * plot.width()
            if width > 0:
                painter.setBrush(theme.with_alpha(hue, 0.85))
                painter.drawRoundedRect(QRectF(plot.left() + 1, at, width, BAR), 2, 2)
        painter.setFont(theme.mono(10))
        figures = self.width() - _FIGURES
        for at, share in ((upper, one.plain), (lower, one.speculative)):
            painter.setPen(current.muted)
            box = QRectF(figures, at - 2, _FIGURES, BAR + 4)
            painter.drawText(box, right, f"{100 * share:.2f}%")
        if one.exact is not None:
            x = plot.left() + 1 + one.exact / top * plot.width()
            painter.setPen(QPen(current.surface, 4))
            painter.drawLine(QLineF(x, upper - 2, x, lower + BAR + 2))
            painter.setPen(QPen(current.text, 2))
            painter.drawLine(QLineF(x, upper - 2, x, lower + BAR + 2))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = int((event.pos().y() - HEADER) // ROW)
            if event.pos().y() >= HEADER and row < len(self.outcomes):
                QToolTip.showText(event.globalPos(), _spoken(self.outcomes[row]), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)


def _spoken(one: Outcome) -> str:
    exact = "" if one.exact is None else f", exact {100 * one.exact:.3f} %"
    shares = f"plain {100 * one.plain:.2f} %, speculative {100 * one.speculative:.2f} %"
    return f"“{one.text}”: {shares}{exact}"


def _swatch(painter: QPainter, box: QRectF, hue: QColor, *, line: bool) -> None:
    if line:
        painter.setPen(QPen(hue, 2))
        x = box.center().x()
        painter.drawLine(QLineF(x, box.top() - 1, x, box.bottom() + 1))
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(hue)
    painter.drawRoundedRect(box, 3, 3)
