"""The card that shows what speedup is lost to: from "all accepted" down to what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QHelpEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QToolTip

from app.theme import SMALL, Theme, blend, font, mono, sans, theme, with_alpha
from app.views.plots import axes
from app.views.plots.axes import AXIS, Align
from app.views.plots.card import HEADER, Card, table
from app.views.plots.snapshot import Snapshot
from engine.cost import EVEN, times
from engine.rounds import TokenState
from engine.waterfall import (
    ALL_ACCEPTED,
    DRAFT_TIME,
    HOST_TIME,
    REJECTED,
    VERIFY_WIDTH,
    Step,
    worst,
)

ROW = 14.0
BAR = 9.0
TIP = 4.0
"""Length of a bar's point, which shows where it leads."""
N_ROWS = 5

LABELS = {
    ALL_ACCEPTED: "all accepted",
    REJECTED: "not accepted",
    VERIFY_WIDTH: "verify width",
    DRAFT_TIME: "draft time",
    HOST_TIME: "host time",
}
MEANINGS = {
    ALL_ACCEPTED: "Every drafted token accepted, drafts free, a pass as cheap as a plain token's",
    REJECTED: "Rejected and discarded tokens: what is left are the tokens per pass τ, the ceiling",
    VERIFY_WIDTH: "Target passes at what they took, over several tokens each",
    DRAFT_TIME: "The time of drafting added",
    HOST_TIME: "The time that is neither draft nor target added: the whole run",
}


class WaterfallCard(Card):
    """Five floating bars, each from the speedup before a cause counts to the one after. A bar's
    point shows where it leads, and its figure has a sign: colour says neither."""

    title = "Where the speedup goes"
    least_height = HEADER + int(N_ROWS * ROW)
    hint = "From the ceiling to the speedup, cause by cause"

    def steps(self) -> tuple[Step, ...]:
        return self.snapshot.waterfall if self.snapshot is not None else ()

    def empty_text(self) -> str:
        s = self.snapshot
        if s is None:
            return self.hint
        if s.figures.is_baseline:
            return "This run is the baseline"
        if s.plain:
            return "Plain decoding proposes nothing"
        if not s.has_baseline:
            return "No baseline measured: choose Measure: before each run"
        return self.hint

    def caption_choices(self, snapshot: Snapshot) -> Sequence[str]:
        if not self.steps():
            return ()
        f = snapshot.figures
        cut = f"{snapshot.kind} · first {f.compared_tokens} tokens"
        return (cut, snapshot.kind) if f.compared_tokens < f.tokens else (snapshot.kind,)

    # geometry

    def row(self, index: int) -> QRectF:
        return QRectF(0, self.body.top() + index * ROW, self.width(), ROW)

    @property
    def track(self) -> QRectF:
        """Where the bars float: between the names and the column of values."""
        left = max(axes.text_width(label, sans(AXIS)) for label in LABELS.values()) + 8
        right = axes.text_width("0.00×", mono(AXIS)) + 8
        return QRectF(left, self.body.top(), self.width() - left - right, N_ROWS * ROW)

    def x_at(self, value: float) -> float:
        top = max([1.0, *(step.value for step in self.steps())])
        return self.track.left() + value / top * self.track.width()

    def bar(self, index: int) -> QRectF:
        """From the value before the step to the one after it, whichever is greater."""
        step, row = self.steps()[index], self.row(index)
        ends = sorted((self.x_at(step.value - step.change), self.x_at(step.value)))
        width = max(ends[1] - ends[0], 1.0)
        return QRectF(ends[0], row.center().y() - BAR / 2, width, BAR)

    def change_box(self, index: int) -> QRectF:
        """The change, beside the bar: right of it, else left; empty where neither has room."""
        width = axes.text_width(change_text(self.steps()[index].change), mono(AXIS)) + 2
        bar, row = self.bar(index), self.row(index)
        for x in (bar.right() + 4, bar.left() - 4 - width):
            if self.track.left() <= x and x + width <= self.track.right():
                return QRectF(x, row.top() + 1, width, ROW - 2)
        return QRectF()

    # drawing

    def paint_body(self, painter: QPainter) -> None:
        steps, now = self.steps(), theme()
        if not steps:
            self._paint_empty(painter)
            return
        self._paint_guides(painter, now)
        for i, step in enumerate(steps):
            row, last = self.row(i), i == len(steps) - 1
            painter.setFont(sans(AXIS))
            painter.setPen(now.muted)
            painter.drawText(row, Align.AlignLeft | Align.AlignVCenter, LABELS[step.name])
            self._paint_bar(painter, i, now)
            if i:
                self._paint_change(painter, i, now)
            painter.setFont(mono(AXIS, QFont.Weight.Bold if last else QFont.Weight.Normal))
            painter.setPen(self._ink(step.value, now) if last else now.text)
            painter.drawText(row, Align.AlignRight | Align.AlignVCenter, times(step.value))

    def _paint_empty(self, painter: QPainter) -> None:
        box = QRectF(0, self.body.top(), self.width(), N_ROWS * ROW)
        painter.setPen(QPen(axes.faint(), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        axes.message(painter, box, self.empty_text(), font(SMALL))

    def _paint_guides(self, painter: QPainter, now: Theme) -> None:
        """Plain decoding's 1×, dotted, and a hairline from each bar to the next one's beginning."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        even = QPen(now.muted, 1, Qt.PenStyle.CustomDashLine)
        even.setDashPattern([2, 3])
        painter.setPen(even)
        x = round(self.x_at(1.0)) + 0.5
        painter.drawLine(QLineF(x, self.track.top(), x, self.track.bottom()))
        painter.setPen(QPen(now.line, 1))
        for i, step in enumerate(self.steps()[:-1]):
            x = round(self.x_at(step.value)) + 0.5
            painter.drawLine(QLineF(x, self.bar(i).bottom(), x, self.bar(i + 1).top()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The second bar ends at τ, which is 1 at least, so left of it there is room for the name.
        width = axes.text_width("1×", mono(AXIS)) + 4
        name = QRectF(self.x_at(1.0) - width, self.row(1).top(), width - 3, ROW)
        if name.left() >= self.track.left() and not self.change_box(1).intersects(name):
            painter.setFont(mono(AXIS))
            painter.setPen(now.muted)
            painter.drawText(name, Align.AlignRight | Align.AlignVCenter, "1×")

    def _paint_bar(self, painter: QPainter, index: int, now: Theme) -> None:
        step, box = self.steps()[index], self.bar(index)
        if step.parts and step.change < 0:
            self._paint_parts(painter, step, box, now)
            return
        hues = {
            ALL_ACCEPTED: now.good,
            REJECTED: now.states[TokenState.REJECTED].line,
            VERIFY_WIDTH: now.target,
            DRAFT_TIME: now.draft,
            HOST_TIME: now.host,
        }
        hue = hues[step.name]
        tinted = step.name in (ALL_ACCEPTED, REJECTED)  # tokens, where the others are times
        self._paint_shape(painter, box, step.change, hue, tinted, now)

    def _paint_parts(self, painter: QPainter, step: Step, box: QRectF, now: Theme) -> None:
        """Rejected tokens from the right, discarded ones to their left."""
        hues = {"rejected": now.states[TokenState.REJECTED].line, "discarded": now.host}
        shown = [(name, part) for name, part in step.parts if part < 0]
        right = box.right()
        for i, (name, part) in enumerate(shown):
            width = part / step.change * box.width()
            piece = QRectF(right - width, box.top(), width, box.height())
            leads = step.change if i == len(shown) - 1 else 0.0
            hue = hues.get(name, now.muted)
            self._paint_shape(painter, piece, leads, hue, True, now)
            right -= width

    def _paint_shape(
        self, painter: QPainter, box: QRectF, change: float, hue: QColor, tinted: bool, now: Theme
    ) -> None:
        """A bar with a point at its left (change < 0) or right end; tinted: as chips are."""
        tip = min(TIP, box.width() / 2)
        left, right = (tip if change < 0 else 0.0), (tip if change > 0 else 0.0)
        middle = box.center().y()
        shape = QPolygonF(
            [
                QPointF(box.left() + left, box.top()),
                QPointF(box.right() - right, box.top()),
                QPointF(box.right(), middle),
                QPointF(box.right() - right, box.bottom()),
                QPointF(box.left() + left, box.bottom()),
                QPointF(box.left(), middle),
            ]
        )
        painter.setPen(QPen(hue, 1) if tinted else Qt.PenStyle.NoPen)
        painter.setBrush(blend(with_alpha(hue, 0.22), now.panel) if tinted else hue)
        painter.drawPolygon(shape)

    def _paint_change(self, painter: QPainter, index: int, now: Theme) -> None:
        box = self.change_box(index)
        if box.isEmpty():
            return  # its tooltip tells
        painter.fillRect(box, now.panel)
        painter.setFont(mono(AXIS))
        painter.setPen(now.muted)
        painter.drawText(box, Align.AlignCenter, change_text(self.steps()[index].change))

    def _ink(self, speedup: float, now: Theme) -> QColor:
        """As the large figure of the speedup's curve."""
        if speedup >= EVEN[1]:
            return now.good_text
        return now.text if speedup >= EVEN[0] else now.warn_text

    # words

    def tip(self, index: int) -> str:
        """Tooltip of a row: the step, then what the cost model says."""
        step = self.steps()[index]
        lines = [f"{MEANINGS[step.name]}: {times(step.value)}"]
        if index:
            before = times(step.value - step.change)
            lines[0] = f"{MEANINGS[step.name]}: {before} {change_text(step.change)}"
            lines[0] += f" = {times(step.value)}"
        if step.parts:
            parts = [f"{name} {change_text(part)}" for name, part in step.parts if part]
            lines.append(f"Tokens a pass: {', '.join(parts)}")
        assert self.snapshot is not None
        return "\n".join([*lines, *model_words(self.snapshot)])

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            for i in range(len(self.steps())):
                if self.row(i).contains(QPointF(event.pos())):
                    QToolTip.showText(event.globalPos(), self.tip(i), self)
                    return True
            QToolTip.hideText()
            event.ignore()
            return True
        return super().event(event)

    def spoken(self, snapshot: Snapshot) -> str:
        steps = self.steps()
        if not steps:
            return self.empty_text()
        told = [f"{steps[0].name} {times(steps[0].value)}"]
        told += [f"{s.name} {change_text(s.change)} to {times(s.value)}" for s in steps[1:]]
        return ", ".join(told)

    def csv(self) -> str:
        steps = self.steps()
        if not steps or self.snapshot is None:
            return ""
        kind = self.snapshot.kind
        header = ("step", f"speedup_{kind}", f"change_{kind}")
        values = [step.value for step in steps]
        return table(header, [s.name for s in steps], values, [s.change for s in steps])


def change_text(change: float) -> str:
    """−2.26, +0.05, 0.00, −11.8: with a true minus."""
    text = f"{abs(change):.2f}" if abs(change) < 9.95 else f"{abs(change):.1f}"
    return text if not float(text) else f"{'−' if change < 0 else '+'}{text}"


def model_words(snapshot: Snapshot) -> list[str]:
    """How far the cost model is off and by what, and where drafting breaks even: a line each."""
    lines: list[str] = []
    off, kind = worst(snapshot.gap), snapshot.kind
    if off is not None:
        modelled, reached = snapshot.gap[0].value, snapshot.gap[-1].value
        line = f"Modelled {times(modelled)}, {kind} {times(reached)}"
        small = abs(off.change) < 0.005
        lines.append(line if small else f"{line}: most by {off.name}, {change_text(off.change)}")
    width = snapshot.costs.main_width
    if width is not None and not snapshot.tree:
        evens = [
            f"{name} = {value:.2f}"
            for name, value in (("α", snapshot.even_alpha), ("c", snapshot.even_cost))
            if value is not None
        ]
        where = " or ".join(evens) or "nowhere"
        lines.append(f"Breaks even (modelled, γ = {width - 1}) at {where}")
    return lines
