"""The line of figures below the plots, for people who calculate along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.theme import mono, sans, theme
from app.views.plots.axes import AXIS, Align, text_width
from app.views.plots.card import Card, table
from app.views.plots.snapshot import Snapshot

GAP = 20
LINE = 18


class Item(NamedTuple):
    name: str
    value: str
    tip: str


class FiguresLine(Card):
    """α, draft efficiency, c and T_v, wrapped to the width; each explains itself in a tooltip."""

    least_height = LINE

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Figures")

    def items(self) -> Sequence[Item]:
        s = self.snapshot
        if s is None:
            return ()
        f, costs = s.figures, s.costs
        found: list[Item] = []
        if f.acceptance_rate is not None:
            judged = f.accepted + f.rejected
            tip = f"Acceptance rate: {f.accepted:,} accepted of {judged:,} judged"
            found.append(Item("α", f"{f.acceptance_rate:.2f}", tip))
        if f.draft_efficiency is not None:
            tip = f"{f.accepted:,} accepted of {f.drafted:,} drafted, discarded ones included"
            found.append(Item("draft efficiency", f"{f.draft_efficiency:.2f}", tip))
        if costs.cost_ratio is not None:
            tip = "Cost ratio: one drafted token ÷ one single-token target pass (medians)"
            found.append(Item("c", f"{costs.cost_ratio:.2f}", tip))
        width = costs.main_width
        ratio = costs.verify_ratio(width) if width else None
        if ratio is not None:
            tip = f"A target pass over {width} tokens costs {ratio:.2f} single passes (medians)"
            found.append(Item(f"T_v({width})", f"{ratio:.2f}", tip))
        return found

    def boxes(self) -> list[tuple[Item, QRectF]]:
        """Where each item stands."""
        placed: list[tuple[Item, QRectF]] = []
        x = y = 0.0
        for item in self.items():
            width = text_width(f"{item.name} {item.value}", mono(12))
            if x and x + width > self.width():
                x, y = 0.0, y + LINE
            placed.append((item, QRectF(x, y, width, LINE)))
            x += width + GAP
        return placed

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        super().show_snapshot(snapshot)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # Two lines are kept free from the start: the plots must not jump when the first arrive.
        boxes = self.boxes()
        needed = boxes[-1][1].bottom() if boxes else 0
        self.setFixedHeight(int(max(needed, 2 * LINE)))

    def paint_body(self, painter: QPainter) -> None:
        now, ascent = theme(), QFontMetricsF(mono(12)).ascent()
        placed = self.boxes()
        for item, box in placed:
            at = QPointF(box.left(), box.top() + 2 + ascent)
            painter.setFont(mono(12))
            painter.setPen(now.muted)
            painter.drawText(at, item.name)
            at.setX(at.x() + text_width(item.name + " ", mono(12)))
            painter.setPen(now.text)
            painter.drawText(at, item.value)
        if placed and self.snapshot is not None:
            last = placed[-1][1]
            kind = self.snapshot.remark or self.snapshot.kind
            if last.right() + GAP + text_width(kind, sans(AXIS)) <= self.width():
                painter.setFont(sans(AXIS))
                painter.setPen(now.muted)
                line = QRectF(0, last.top(), self.width(), LINE)
                painter.drawText(line, Align.AlignRight | Align.AlignVCenter, kind)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            for item, box in self.boxes():
                if box.contains(QPointF(event.pos())):
                    QToolTip.showText(event.globalPos(), item.tip, self)
                    return True
            QToolTip.hideText()
            event.ignore()
            return True
        return super().event(event)

    def spoken(self, snapshot: Snapshot) -> str:
        return ", ".join(f"{item.name} {item.value}" for item in self.items())

    def csv(self) -> str:
        items = self.items()
        if not items:
            return ""
        return table(("figure", "value"), [i.name for i in items], [i.value for i in items])
