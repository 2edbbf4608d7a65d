"""The bar cards: acceptance by position, and tokens per pass."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QHelpEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QToolTip

from app.theme import SMALL, blend, font, mono, sans, theme, with_alpha
from app.views.plots import axes
from app.views.plots.axes import AXIS, FOOT, HEAD, Align, Tick
from app.views.plots.card import Card, table
from app.views.plots.snapshot import Snapshot

WIDEST_BAR = 56.0
FULL = 0.70
"""Share of its slot that a bar fills."""


class BarCard(Card):
    """Bars on axes. Subclasses give the bars; this gives slots, axes, hints and tooltips."""

    hint = ""
    """Shown on empty axes."""

    @property
    def plot(self) -> QRectF:
        left = axes.gutter(tick.label for tick in self.y_ticks())
        return self.body.adjusted(left, HEAD, 0, -FOOT)

    def y_ticks(self) -> Sequence[Tick]:
        return ()

    @property
    def top(self) -> float:
        """Value at the upper end of the y axis."""
        return 1.0

    def bars(self) -> Sequence[tuple[str, float]]:
        """(label below, height) of each bar."""
        return ()

    def tip(self, index: int) -> str:
        """Tooltip of a bar."""
        return ""

    def y_at(self, value: float) -> float:
        return self.plot.bottom() - value / self.top * self.plot.height()

    def slot(self, index: int) -> QRectF:
        """The full-height strip that belongs to a bar."""
        plot, n = self.plot, max(len(self.bars()), 1)
        width = (plot.width() - 8) / n
        return QRectF(plot.left() + 8 + index * width, plot.top(), width, plot.height())

    def bar(self, index: int, value: float) -> QRectF:
        slot = self.slot(index)
        width = min(slot.width() * FULL, WIDEST_BAR)
        left, top = slot.center().x() - width / 2, self.y_at(value)
        return QRectF(left, top, width, self.plot.bottom() - top)

    def stride(self, widest: str, style: QFont) -> int:
        """Label every n-th bar, so that labels as wide as `widest` keep apart."""
        room = self.slot(0).width()
        return max(1, -int(-(axes.text_width(widest, style) + 6) // max(room, 1)))

    def paint_body(self, painter: QPainter) -> None:
        bars = self.bars()
        stride = self.stride("00", mono(AXIS))
        labels = [
            (self.slot(i).center().x(), label)
            for i, (label, _) in enumerate(bars)
            if i % stride == 0
        ]
        axes.paint(painter, self.plot, self.y_ticks(), self.y_at, labels)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not bars:
            axes.message(painter, self.plot, self.empty_text(), font(SMALL))
            return
        self.paint_bars(painter, bars)

    def paint_bars(self, painter: QPainter, bars: Sequence[tuple[str, float]]) -> None:
        raise NotImplementedError

    def empty_text(self) -> str:
        return self.hint

    def paint_bar(self, painter: QPainter, box: QRectF, colour: QColor) -> None:
        """Rounded above, flat on the axis."""
        if box.height() <= 0:
            return
        # Without clipping, which viewers of exported pictures may not know.
        radius = min(3.0, box.height(), box.width() / 2)
        corner = QRectF(box.left(), box.top(), 2 * radius, 2 * radius)
        shape = QPainterPath(box.bottomLeft())
        shape.arcTo(corner, 180, -90)
        corner.moveRight(box.right())
        shape.arcTo(corner, 90, -90)
        shape.lineTo(box.bottomRight())
        painter.fillPath(shape, colour)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            for i in range(len(self.bars())):
                if self.slot(i).contains(QPointF(event.pos())):
                    QToolTip.showText(event.globalPos(), self.tip(i), self)
                    return True
            QToolTip.hideText()
            event.ignore()
            return True
        return super().event(event)


class AcceptanceCard(BarCard):
    title = "Acceptance by position"
    least_height = 136
    hint = "How often each place is accepted"

    @property
    def _place(self) -> str:
        """What the axis counts."""
        return "depth" if self.snapshot is not None and self.snapshot.tree else "position"

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        super().show_snapshot(snapshot)
        self.title = f"Acceptance by {self._place}"
        self.setAccessibleName(self.title)

    def caption_choices(self, snapshot: Snapshot) -> Sequence[str]:
        if not self.bars():
            return ()
        kind = snapshot.accepting
        short = (kind,) if snapshot.remark else ("95 % interval", kind)
        return (f"{kind} · 95 % interval", *short)

    def empty_text(self) -> str:
        if self.snapshot is None:
            return self.hint
        if self.snapshot.plain:
            return "Plain decoding proposes nothing"
        return "No proposed token judged yet" if self.snapshot.figures.rounds else self.hint

    @property
    def plot(self) -> QRectF:
        return super().plot.adjusted(0, 14, 0, 0)  # values stand above bars that reach 1

    def y_ticks(self) -> Sequence[Tick]:
        # Until there are bars the marks have no figures, as on every empty card.
        half, one = ("0.5", "1") if self.bars() else ("", "")
        return (Tick(0.5, half), Tick(1.0, one))

    def bars(self) -> Sequence[tuple[str, float]]:
        s = self.snapshot
        if s is None or not len(s.acceptance.rate):
            return ()
        # Every position has its place from the first verdict on; NaN: none judged there yet.
        rates = s.acceptance.rate.tolist()
        rates += [math.nan] * (s.gamma - len(rates))
        return [(str(i + 1), rate) for i, rate in enumerate(rates)]

    def paint_bars(self, painter: QPainter, bars: Sequence[tuple[str, float]]) -> None:
        assert self.snapshot is not None
        now, acceptance = theme(), self.snapshot.acceptance
        roomy = self.stride("0.00", mono(AXIS)) == 1  # else the tooltips tell
        fade = 0.4 / max(len(bars) - 1, 4)
        for i, (_, rate) in enumerate(bars):
            if math.isnan(rate):
                continue
            box = self.bar(i, rate)
            fill = blend(with_alpha(now.good, 0.85 - fade * i), now.panel)
            self.paint_bar(painter, box, fill)
            x = box.center().x()
            low = self.y_at(float(acceptance.low[i]))
            high = self.y_at(float(acceptance.high[i]))
            painter.setPen(QPen(now.text, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            painter.drawLine(QLineF(x, low, x, high))
            cap = min(3.0, box.width() / 4)
            for y in (low, high):
                painter.drawLine(QLineF(x - cap, y, x + cap, y))
            if roomy:
                painter.setFont(mono(AXIS))
                label = QRectF(x - 30, high - 16, 60, 14)
                painter.drawText(label, Align.AlignHCenter | Align.AlignBottom, f"{rate:.2f}")

    def tip(self, index: int) -> str:
        assert self.snapshot is not None
        a, place = self.snapshot.acceptance, f"{self._place.capitalize()} {index + 1}"
        if index >= len(a.rate):
            return f"{place}: none judged yet"
        return (
            f"{place}: {a.accepted[index]} of {a.judged[index]} judged tokens accepted"
            f" = {a.rate[index]:.3f}, 95 % interval {a.low[index]:.3f} to {a.high[index]:.3f}"
        )

    def spoken(self, snapshot: Snapshot) -> str:
        if not self.bars():
            return self.empty_text()
        rates = snapshot.acceptance.rate
        return ", ".join(f"{self._place} {i + 1}: {rate:.2f}" for i, rate in enumerate(rates))

    def csv(self) -> str:
        if self.snapshot is None or not self.bars():
            return ""
        a = self.snapshot.acceptance
        header = (self._place, "judged", "accepted", "rate", "low_95", "high_95")
        columns = (a.judged, a.accepted, a.rate, a.low, a.high)
        return table(header, range(1, len(a.rate) + 1), *(c.tolist() for c in columns))


class LengthCard(BarCard):
    title = "Tokens per pass"
    least_height = 104
    hint = "How many tokens a target pass yields"

    def caption_choices(self, snapshot: Snapshot) -> Sequence[str]:
        tau = snapshot.figures.tokens_per_pass
        if tau is None:
            return ()
        return (f"{snapshot.accepting} · mean τ {tau:.2f}", f"mean τ {tau:.2f}", f"τ {tau:.2f}")

    def bars(self) -> Sequence[tuple[str, float]]:
        if self.snapshot is None or not self.snapshot.figures.rounds:
            return ()
        counts = self.snapshot.histogram.tolist()
        counts += [0] * (self.snapshot.gamma + 2 - len(counts))  # lengths that never came, too
        first = 0 if counts[0] else 1
        return [(str(n), float(counts[n])) for n in range(first, len(counts))]

    @property
    def top(self) -> float:
        return max((value for _, value in self.bars()), default=1.0) * 1.08

    def y_ticks(self) -> Sequence[Tick]:
        if self.snapshot is None or not self.snapshot.figures.rounds:
            return ()
        rounds = self.snapshot.figures.rounds
        share = self.top / rounds * 100
        step = axes.nice_step(share, 2)
        return [Tick(s / 100 * rounds, f"{s:g}%") for s in axes.steps(share, step)]

    def paint_bars(self, painter: QPainter, bars: Sequence[tuple[str, float]]) -> None:
        assert self.snapshot is not None
        now = theme()
        fill = blend(with_alpha(now.draft, 0.75), now.panel)
        for i, (_, count) in enumerate(bars):
            self.paint_bar(painter, self.bar(i, count), fill)
        tau = self.snapshot.figures.tokens_per_pass
        if tau is None or len(bars) < 2:
            return
        # The mean, on the same scale as the bars' centres.
        slot = self.slot(0)
        x = slot.center().x() + (tau - int(bars[0][0])) * slot.width()
        pen = QPen(now.text, 1.2, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([3, 3])
        painter.setPen(pen)
        painter.drawLine(QLineF(x, self.plot.top(), x, self.plot.bottom()))
        painter.setFont(sans(AXIS))
        width = axes.text_width("τ", sans(AXIS))
        painter.drawText(QPointF(x - width - 4, self.plot.top() + 9), "τ")

    def tip(self, index: int) -> str:
        assert self.snapshot is not None
        label, count = self.bars()[index]
        rounds = self.snapshot.figures.rounds
        return (
            f"{label} token{'' if label == '1' else 's'}: {count:.0f} of {rounds:,} passes"
            f" ({count / rounds:.1%})"
        )

    def spoken(self, snapshot: Snapshot) -> str:
        tau = snapshot.figures.tokens_per_pass
        return self.hint if tau is None else f"mean {tau:.2f} tokens per pass"

    def csv(self) -> str:
        bars = self.bars()
        if not bars:
            return ""
        header = ("tokens_per_pass", "rounds")
        return table(header, [label for label, _ in bars], [int(count) for _, count in bars])
