"""Rows of a list with two lines: a title, and muted below it what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app import theme

Index = QModelIndex | QPersistentModelIndex
ROW = 56


class TwoLines(QStyledItemDelegate):
    """Paints the rows of a list. words: the two lines of a row."""

    def __init__(
        self, words: Callable[[Index], tuple[str, str]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._words = words

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> None:
        title, detail = self._words(index)
        now = theme.theme()
        box = QRectF(option.rect).adjusted(0, 2, 0, -2)
        state = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(now.pressed if state & QStyle.StateFlag.State_Selected else now.hover)
            painter.drawRoundedRect(box, 6, 6)
        inner = box.adjusted(12, 6, -12, -6)
        right = Qt.TextElideMode.ElideRight
        for text, style, ink, at in (
            (title, theme.font(theme.BODY), now.text, inner.top()),
            (detail, theme.font(theme.SMALL), now.muted, inner.center().y() + 1),
        ):
            metrics = QFontMetricsF(style)
            painter.setFont(style)
            painter.setPen(ink)
            line = QRectF(inner.left(), at, inner.width(), inner.height() / 2)
            shown = metrics.elidedText(text, right, inner.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()
