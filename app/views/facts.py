"""A few lines of facts in columns: names, values, what is said of them. Painted as they are: rich
text in a label is laid out anew several times for each change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.theme import notifier, sans, theme

LINE, GAP = 20, 16
"""Height of a line; between columns."""
Align = Qt.AlignmentFlag


class FactColumn(NamedTuple):
    """ink: muted for what stands back. figures: at the right, with digits of one width."""

    ink: Literal["text", "muted"] = "text"
    figures: bool = False
    bold: bool = False

    @property
    def font(self) -> QFont:
        weight = QFont.Weight.DemiBold if self.bold else QFont.Weight.Normal
        return sans(12, weight, figures=self.figures)


class Facts(QWidget):
    """`set_rows` replaces all lines; each has a text for every column. A last text that is too long
    is cut, and its tooltip has it all."""

    def __init__(self, *columns: FactColumn, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = columns
        self.rows: list[Sequence[str]] = []
        self._widths: list[float] = []
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        notifier().changed.connect(self.update)

    def set_rows(self, rows: Sequence[Sequence[str]]) -> None:
        self.rows = list(rows)
        self._widths = [
            max((QFontMetricsF(column.font).horizontalAdvance(row[i]) for row in rows), default=0.0)
            for i, column in enumerate(self._columns)
        ]
        self.setAccessibleDescription("; ".join(" ".join(filter(None, row)) for row in rows))
        if self.height() != len(rows) * LINE:
            self.setFixedHeight(len(rows) * LINE)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        width = sum(self._widths) + GAP * max(len(self._widths) - 1, 0)
        return QSize(int(width) + 1, len(self.rows) * LINE)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, len(self.rows) * LINE)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, now, x = QPainter(self), theme(), 0.0
        for i, (column, width) in enumerate(zip(self._columns, self._widths, strict=True)):
            font = column.font
            painter.setFont(font)
            painter.setPen(now.text if column.ink == "text" else now.muted)
            side = Align.AlignRight if column.figures else Align.AlignLeft
            last = i == len(self._columns) - 1
            room = self.width() - x if last else width
            for line, row in enumerate(self.rows):
                text = row[i]
                if last:
                    right = Qt.TextElideMode.ElideRight
                    text = QFontMetricsF(font).elidedText(text, right, room)
                painter.drawText(
                    QRectF(x, line * LINE, room, LINE), side | Align.AlignVCenter, text
                )
            x += width + GAP

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            line = event.pos().y() // LINE
            start = sum(self._widths[:-1]) + GAP * (len(self._widths) - 1)
            cut = bool(self._widths) and start + self._widths[-1] > self.width()
            if cut and 0 <= line < len(self.rows):
                QToolTip.showText(event.globalPos(), self.rows[line][-1], self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)
