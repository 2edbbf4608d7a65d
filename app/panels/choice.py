"""A picker of a method: short where it stands, in full and with remarks in its list."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QComboBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app import theme

TITLE = Qt.ItemDataRole.UserRole + 1
REMARK = Qt.ItemDataRole.UserRole + 2
WARNS = Qt.ItemDataRole.UserRole + 3
_PAD, _GAP, _ROW = 10, 24, 28


class Choice(QComboBox):
    """A combo box whose list has room for whole titles, each with a remark at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(_Lines(self))

    def add(self, name: str, short: str, title: str, tip: str) -> None:
        self.addItem(short, name)
        row = self.count() - 1
        self.setItemData(row, title, TITLE)
        self.setItemData(row, tip, Qt.ItemDataRole.ToolTipRole)

    @property
    def name(self) -> str:
        """What is chosen."""
        return str(self.currentData())

    @name.setter
    def name(self, name: str) -> None:
        self.setCurrentIndex(max(self.findData(name), 0))

    def has(self, name: str) -> bool:
        return self.findData(name) >= 0

    def remark(self, name: str, short: str, remark: str, *, warns: bool = False) -> None:
        """Say something of a choice that depends on what else is chosen."""
        row = self.findData(name)
        self.setItemText(row, short)
        self.setItemData(row, remark, REMARK)
        self.setItemData(row, warns, WARNS)
        spoken = ", ".join(filter(None, (str(self.itemData(row, TITLE)), remark)))
        self.setItemData(row, spoken, Qt.ItemDataRole.AccessibleTextRole)

    def showPopup(self) -> None:
        self.view().setMinimumWidth(max(self.width(), self._list_width()))
        super().showPopup()

    def _list_width(self) -> int:
        body = QFontMetrics(theme.font(theme.BODY))
        small = QFontMetrics(theme.font(theme.SMALL))
        width = 0
        for row in range(self.count()):
            remark = self.itemData(row, REMARK) or ""
            needed = body.horizontalAdvance(str(self.itemData(row, TITLE)))
            if remark:
                needed += _GAP + small.horizontalAdvance(remark)
            width = max(width, needed)
        return width + 2 * _PAD + 16


class _Lines(QStyledItemDelegate):
    """A title, and at the right what is to be said of it."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(120, _ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        current = theme.theme()
        area: QRect = option.rect  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:  # type: ignore[attr-defined]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(current.hover)
            painter.drawRoundedRect(area, 4, 4)
        text = area.adjusted(_PAD, 0, -_PAD, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font(theme.BODY))
        painter.setPen(current.text)
        painter.drawText(text, int(middle | Qt.AlignmentFlag.AlignLeft), index.data(TITLE))
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(current.warn_text if index.data(WARNS) else current.muted)
        painter.drawText(text, int(middle | Qt.AlignmentFlag.AlignRight), index.data(REMARK) or "")
        painter.restore()
