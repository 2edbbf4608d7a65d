"""What passes cost on a machine: T_v(k) in single passes, with quartiles, and the draft step."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.theme import HEADING, font, sans, theme, with_alpha
from app.views import format as fmt
from app.views.plots import axes
from app.views.plots.axes import AXIS, FOOT, Align, Tick
from app.views.plots.card import Card, table
from engine.events import Calibration

UNIT = 20
"""Height of the line above the plot that says what its axes are."""


class CalibrationCard(Card):
    """The curve of one calibration. name: of the pair, as the page calls it."""

    title = "Cost of a pass"
    least_height = 248

    def __init__(self, name: str, calibration: Calibration, parent: QWidget | None = None) -> None:
        self.title = self.name = name
        super().__init__(parent)
        self.calibration = calibration
        ways = fmt.count(calibration.rounds, "pass", "passes")
        self.kind = kind = "simulated" if calibration.target.simulated else "measured"
        self.captions = (
            f"{kind} · median of {ways} a width, quartiles · {calibration.depth} tokens deep",
            f"{kind} · median of {ways} a width, quartiles",
            f"{kind} · median of {ways}",
            kind,
        )
        self.setMinimumWidth(320)
        self.setAccessibleDescription(self.said())

    @property
    def singles(self) -> list[tuple[float, float, float]]:
        """T_v(k) / T_v(1) for each width: lower quartile, median, upper quartile."""
        c = self.calibration
        one = c.verify_ns[0]
        return [
            (low / one, middle / one, high / one)
            for low, middle, high in zip(
                c.verify_low_ns, c.verify_ns, c.verify_high_ns, strict=True
            )
        ]

    @property
    def step(self) -> tuple[float, float, float] | None:
        """The draft step in single passes: lower quartile, median (the cost ratio c), upper."""
        c = self.calibration
        if c.draft_ns is None:
            return None
        low, high = c.draft_low_ns or c.draft_ns, c.draft_high_ns or c.draft_ns
        one = c.verify_ns[0]
        return low / one, c.draft_ns / one, high / one

    def said(self) -> str:
        """The card in a sentence or two."""
        c, width = self.calibration, min(5, len(self.calibration.widths))
        text = (
            f"A single pass takes {fmt.duration(c.verify_ns[0])}; verifying {c.widths[width - 1]} "
            f"tokens costs {self.singles[width - 1][1]:.2f} single passes."
        )
        step = self.step
        return text if step is None else f"{text} A drafted token costs {step[1]:.2f}."

    def csv(self) -> str:
        c = self.calibration
        return table(
            ("width", "verify_ns", "verify_low_ns", "verify_high_ns", "single_passes"),
            c.widths, c.verify_ns, c.verify_low_ns, c.verify_high_ns,
            [middle for _, middle, _ in self.singles],
        )  # fmt: skip

    # Geometry

    @property
    def plot(self) -> QRectF:
        left = axes.gutter(tick.label for tick in self._ticks())
        body = self.body
        top = body.top() + UNIT + 4
        return QRectF(left, top, self.width() - left - 8, self.height() - top - FOOT - UNIT)

    def _axis(self) -> tuple[float, float]:
        """Top and step of the y axis."""
        return axes.nice_top(max(high for _, _, high in self.singles), 5, 1.05)

    def _ticks(self) -> list[Tick]:
        top, step = self._axis()
        return [Tick(v, axes.number(v), v == 1) for v in axes.steps(top, step)]

    def at(self, width: float, singles: float) -> QPointF:
        """Where a point lies."""
        plot, widest = self.plot, self.calibration.widths[-1]
        return QPointF(
            plot.left() + (width - 0.5) / widest * plot.width(),
            plot.bottom() - singles / self._axis()[0] * plot.height(),
        )

    def width_at(self, x: float) -> int | None:
        """The index of the measured width nearest to a pixel; None outside the plot."""
        plot, widths = self.plot, self.calibration.widths
        if not plot.left() <= x <= plot.right():
            return None
        return min(range(len(widths)), key=lambda i: abs(self.at(widths[i], 0).x() - x))

    # Drawing

    def resizeEvent(self, event: QResizeEvent) -> None:
        metrics = QFontMetricsF(font(HEADING))
        self.title = metrics.elidedText(self.name, Qt.TextElideMode.ElideMiddle, self.width())

    def paint_body(self, painter: QPainter) -> None:
        now, plot, widths = theme(), self.plot, self.calibration.widths
        labels = [(self.at(k, 0).x(), str(k)) for k in widths if k % 2 or len(widths) < 10]
        axes.paint(painter, plot, self._ticks(), lambda v: self.at(1, v).y(), labels)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(sans(AXIS))
        painter.setPen(now.muted)
        line = QRectF(0, self.body.top(), self.width(), UNIT)
        painter.drawText(line, Align.AlignLeft | Align.AlignVCenter, f"single passes, {self.kind}")
        foot = QRectF(plot.left(), plot.bottom() + FOOT, plot.width(), UNIT)
        painter.drawText(foot, Align.AlignHCenter | Align.AlignVCenter, "tokens in the pass, k")
        self._paint_step(painter)
        self._paint_curve(painter)
        self._paint_legend(painter, line)

    def _paint_curve(self, painter: QPainter) -> None:
        now, singles, widths = theme(), self.singles, self.calibration.widths
        lower = [self.at(k, s[0]) for k, s in zip(widths, singles, strict=True)]
        upper = [self.at(k, s[2]) for k, s in zip(widths, singles, strict=True)]
        middle = [self.at(k, s[1]) for k, s in zip(widths, singles, strict=True)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(with_alpha(now.target, 0.2))
        painter.drawPolygon(QPolygonF([*upper, *reversed(lower)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(now.target, 1.75))
        painter.drawPolyline(QPolygonF(middle))
        for point in middle:
            axes.dot(painter, point, now.target, 2.0)

    def _paint_step(self, painter: QPainter) -> None:
        step = self.step
        if step is None:
            return
        now, plot = theme(), self.plot
        low, middle, high = (self.at(1, v).y() for v in step)
        painter.fillRect(QRectF(plot.left(), high, plot.width(), low - high),
                         with_alpha(now.draft, 0.2))  # fmt: skip
        painter.setPen(QPen(now.draft, 1.75, Qt.PenStyle.DashLine))
        painter.drawLine(QLineF(plot.left(), middle, plot.right(), middle))

    def _paint_legend(self, painter: QPainter, line: QRectF) -> None:
        now, step = theme(), self.step
        single = fmt.duration(self.calibration.verify_ns[0])
        entries = [(f"T_v(k), T_v(1) = {single}", now.target, Qt.PenStyle.SolidLine)]
        if step is not None:
            entries.append((f"draft step c = {step[1]:.2f}", now.draft, Qt.PenStyle.DashLine))
        painter.setFont(sans(AXIS))
        x = line.right() - 8
        for text, hue, style in reversed(entries):
            width = axes.text_width(text, sans(AXIS))
            painter.setPen(now.muted)
            painter.drawText(QRectF(x - width - 2, line.top(), width + 4, line.height()),
                             Align.AlignVCenter, text)  # fmt: skip
            painter.setPen(QPen(hue, 1.75, style))
            painter.drawLine(QLineF(x - width - 26, line.center().y(), x - width - 8,
                                    line.center().y()))  # fmt: skip
            x -= width + 40

    # Told

    def told(self, i: int) -> Sequence[str]:
        """The width at an index, in full."""
        c, (low, middle, high) = self.calibration, self.singles[i]
        return (
            f"A pass over {fmt.count(c.widths[i], 'token')}: {fmt.duration(c.verify_ns[i])}",
            f"{middle:.2f} single passes, quartiles {low:.2f} to {high:.2f}",
        )

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            i = self.width_at(event.pos().x())
            if i is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), "\n".join(self.told(i)), self)
            return True
        return super().event(event)
