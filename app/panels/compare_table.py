"""The table of figures: names and kinds frozen at the left, a column a run, copied as a table."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QPainter,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app import clipboard, theme
from app.comparison import Compared, Value
from app.models.compare_table import ROW, VALUE, CompareTable
from app.views.run_inks import BADGE, ink, paint_badge

LINE, HEAD, GROUP = 26, 44, 32
NAMES, COLUMN, CHANGE = 216, 128, 56
PAD = 12
REFERENCE, MIXED = "reference", "mixed"
Align = Qt.AlignmentFlag
_MIDDLE = Align.AlignVCenter
_LEFT, _RIGHT = Align.AlignLeft | _MIDDLE, Align.AlignRight | _MIDDLE
_CORNERS = """
QTableCornerButton::section {{
  background: {surface}; border: none; border-bottom: 1px solid {line}; border-top-left-radius: 5px;
}}
QHeaderView {{ background: {surface}; }}
QAbstractScrollArea::corner {{ background: transparent; border: none; }}
"""


class CompareTableView(QTableView):
    """Shows a comparison. Ctrl+C copies the selected rows, or all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = CompareTable(self)
        self.setModel(self.table)
        self.setItemDelegate(_Cells(self))
        self.setHorizontalHeader(_Runs(self))
        self.setVerticalHeader(_Figures(self))
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)  # Tab leaves: a person must get out again
        self.setAccessibleName("Figures")
        self.setMinimumWidth(NAMES + COLUMN)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

    def show_compared(self, compared: Compared | None) -> None:
        self.table.update(compared)
        for row, line in enumerate(self.table.lines):
            self.setRowHeight(row, LINE if line.row is not None else GROUP)

    def copy(self) -> None:
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        clipboard.put(self.table.copied(rows))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() == Qt.Key.Key_Escape:
            event.ignore()  # the page's
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chosen = bool(self.selectionModel().selectedRows())
        menu.addAction("Copy rows" if chosen else "Copy table", self.copy)
        menu.popup(event.globalPos())
        event.accept()

    def _restyle(self) -> None:
        now = theme.theme()
        self.setStyleSheet(_CORNERS.format(surface=now.surface.name(), line=now.line.name()))
        self.viewport().update()
        self.horizontalHeader().viewport().update()
        self.verticalHeader().viewport().update()


class _Cells(QStyledItemDelegate):
    """A figure and, beside it, its difference to the reference."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        now, area = theme.theme(), QRectF(_rect(option))
        value: Value | None = index.data(VALUE)
        painter.save()
        if value is None:
            _paint_group(painter, area, "")
        else:
            if _state(option) & QStyle.StateFlag.State_Selected:
                painter.fillRect(area, theme.with_alpha(now.accent, 0.16))
            inner = area.adjusted(PAD, 0, -PAD, 0)
            if value.kind is None:
                self._paint_setting(painter, inner, value, index)
            else:
                note = index.data(ROW).note(value)
                self._paint_figure(painter, inner, value, note, index.model().columnCount() > 1)
        painter.restore()

    def _paint_setting(
        self,
        painter: QPainter,
        area: QRectF,
        value: Value,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        model = index.model()
        assert isinstance(model, CompareTable)
        assert model.compared is not None
        at = model.compared.reference
        same = index.column() != at and value.text == index.data(ROW).values[at].text
        now, font = theme.theme(), theme.font(theme.SMALL)
        painter.setFont(font)
        painter.setPen(now.muted if same else now.text)
        shown = QFontMetricsF(font).elidedText(
            value.text, Qt.TextElideMode.ElideRight, area.width()
        )
        painter.drawText(area, _LEFT, shown)

    def _paint_figure(
        self, painter: QPainter, area: QRectF, value: Value, note: str, several: bool
    ) -> None:
        now = theme.theme()
        weight = QFont.Weight.Bold if value.best else QFont.Weight.Normal
        painter.setFont(theme.sans(13, weight, figures=True))
        painter.setPen(now.good_text if value.best else now.text if value.number is not None
                       else now.muted)  # fmt: skip
        beside = CHANGE if several else 0
        painter.drawText(area.adjusted(0, 0, -beside, 0), _RIGHT, value.text)
        painter.setFont(theme.sans(11, figures=True))
        painter.setPen(now.muted)
        painter.drawText(area, _RIGHT, note)


def _rect(option: QStyleOptionViewItem) -> QRect:
    return option.rect  # type: ignore[attr-defined]


def _state(option: QStyleOptionViewItem) -> QStyle.StateFlag:
    return option.state  # type: ignore[attr-defined]


def _paint_group(painter: QPainter, area: QRectF, title: str) -> None:
    now = theme.theme()
    painter.fillRect(area, now.surface)
    painter.fillRect(QRectF(area.left(), area.bottom() - 1, area.width(), 1), now.line)
    painter.setFont(theme.font(theme.CAPTION))
    painter.setPen(now.muted)
    painter.drawText(area.adjusted(PAD, 0, -PAD, -6), Align.AlignLeft | Align.AlignBottom, title)


class _Runs(QHeaderView):
    """Letter and name of each run; the reference says so."""

    def __init__(self, parent: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setMinimumSectionSize(COLUMN)
        self.setFixedHeight(HEAD)
        self.setSectionsClickable(False)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        now, model = theme.theme(), self.model()
        assert isinstance(model, CompareTable)
        if model.compared is None or logicalIndex >= model.columnCount():
            return
        painter.save()
        area = QRectF(rect)
        painter.fillRect(area, now.surface)
        painter.fillRect(QRectF(area.left(), area.bottom() - 1, area.width(), 1), now.line)
        inner = area.adjusted(PAD, 0, -PAD, -1)
        box = QRectF(inner.left(), inner.center().y() - BADGE / 2, BADGE, BADGE)
        paint_badge(painter, ink(now, logicalIndex), logicalIndex, box)
        inner.adjust(BADGE + 8, 0, 0, 0)
        if logicalIndex == model.compared.reference:
            painter.setFont(theme.sans(11))
            painter.setPen(now.muted)
            painter.drawText(
                inner.adjusted(0, 22, 0, 0), Align.AlignLeft | Align.AlignTop, REFERENCE
            )
            inner.setBottom(inner.top() + 26)
        font = theme.sans(12, QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(now.text)
        name = model.compared.members[logicalIndex].name
        shown = QFontMetricsF(font).elidedText(name, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, _LEFT, shown)
        painter.restore()


class _Figures(QHeaderView):
    """The name of each figure, and at its right what kind it is."""

    def __init__(self, parent: QTableView) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setMinimumSectionSize(LINE)
        self.setSectionsClickable(True)

    def sizeHint(self) -> QSize:
        return QSize(NAMES, super().sizeHint().height())

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        now, model, area = theme.theme(), self.model(), QRectF(rect)
        assert isinstance(model, CompareTable)
        if logicalIndex >= len(model.lines):
            return
        title, row = model.lines[logicalIndex]
        painter.save()
        if row is None:
            _paint_group(painter, area, title)
        else:
            painter.fillRect(area, now.surface)
            inner = area.adjusted(PAD, 0, -PAD, 0)
            small = theme.sans(11)
            painter.setFont(small)
            painter.setPen(now.muted)
            kind = MIXED if row.mixed else row.kind
            painter.drawText(inner, _RIGHT, kind)
            room = inner.width() - QFontMetricsF(small).horizontalAdvance(kind) - 8
            font = theme.font(theme.BODY)
            painter.setFont(font)
            painter.setPen(now.text)
            shown = QFontMetricsF(font).elidedText(title, Qt.TextElideMode.ElideRight, room)
            base = inner.center().y() + QFontMetricsF(font).capHeight() / 2
            painter.drawText(QPointF(inner.left(), round(base)), shown)
        painter.restore()
