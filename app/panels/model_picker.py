"""The wide buttons that name target and draft, and the list that opens below them."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QStyleOptionViewItem,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from app.models.model_list import DETAIL, KIND, REASON, SOURCE, ModelList
from app.panels.file_drop import FileDropButton, dropped_model

HEIGHT = 32
WIDE, NARROW = 400, 148
_ROW, _ROWS = 46, 10
"""Of the list: pixels of a line, and lines that are shown at once."""


class ModelPicker(FileDropButton):
    """Names one model. chosen(source): a line of the list was chosen; dropped(path): a file or a
    folder was; browse(kind): the person wants to look for a file ("browse") or a
    "folder"; make(): a draft is to be made."""

    chosen = Signal(object)  # str or None
    browse = Signal(str)
    about_to_open = Signal()
    make = Signal()

    def __init__(self, caption: str, model: ModelList, parent: QWidget | None = None) -> None:
        super().__init__(dropped_model, parent)
        self._caption = caption
        self._model = model
        self._name = ""
        self._note = ""
        self._popup: _Popup | None = None
        self._source: str | None = None
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(NARROW)
        self.setMaximumWidth(WIDE)
        self.clicked.connect(self.open)
        theme.notifier().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(WIDE, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(NARROW, HEIGHT)

    def show_choice(self, source: str | None, name: str, note: str = "") -> None:
        """Name the chosen model; a note stands muted behind it and mutes it."""
        self._source, self._name, self._note = source, name, note
        spoken = f"{self._caption}: {name}" + (f", {note}" if note else "")
        self.setAccessibleName(spoken)
        self.setToolTip(spoken)
        self.update()

    def open(self) -> None:
        """Show the list; arrow keys and Return choose, Esc leaves."""
        self.about_to_open.emit()
        popup = self._popup = _Popup(self._model, self._model.row_of(self._source), self)
        popup.list.activated.connect(self._activated)
        popup.list.clicked.connect(self._activated)
        popup.show_below(self)

    @property
    def popup(self) -> _Popup | None:
        return self._popup

    def _activated(self, index: QModelIndex) -> None:
        popup, self._popup = self._popup, None
        if popup is None:  # a click that is also an activation comes twice
            return
        kind, source = index.data(KIND), index.data(SOURCE)
        popup.close()
        if kind in ("browse", "folder"):
            self.browse.emit(kind)
        elif kind == "make":
            self.make.emit()
        else:
            self.chosen.emit(source)

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        hue = current.target if self._caption == "Target" else current.draft
        muted = self._note or not self.isEnabled()
        middle = self.height() / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(current.host if self._note else hue)
        painter.drawEllipse(QRectF(11, middle - 5, 10, 10))

        small, bold = theme.font(theme.SMALL), theme.font(theme.HEADING)
        painter.setFont(small)
        painter.setPen(current.muted)
        area = self.rect().adjusted(30, 0, -34, 0)
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        if self.width() > NARROW + 24:
            painter.drawText(area, flags, self._caption)
            area.setLeft(area.left() + QFontMetrics(small).horizontalAdvance(self._caption) + 8)
        painter.setFont(bold)
        painter.setPen(current.muted if muted else current.text)
        metrics = QFontMetrics(bold)
        elide = Qt.TextElideMode.ElideMiddle
        name = metrics.elidedText(self._name, elide, area.width())
        painter.drawText(area, flags, name)
        area.setLeft(area.left() + metrics.horizontalAdvance(name) + 8)
        if self._note and QFontMetrics(small).horizontalAdvance(self._note) <= area.width():
            painter.setFont(small)
            painter.setPen(current.muted)
            painter.drawText(area, flags, self._note)
        chevron = assets.pixmap("chevron-down", current.muted, 12, self.devicePixelRatioF())
        painter.drawPixmap(QPoint(self.width() - 24, round(middle - 6)), chevron)


class _Popup(QFrame):
    """The list below a picker."""

    def __init__(self, model: ModelList, row: int, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("kind", "card")
        self.list = QListView()
        self.list.setModel(model)
        self.list.setItemDelegate(_Lines(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setMouseTracking(True)
        self.list.setAccessibleName("Models")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setStyleSheet("QListView, QListView:focus { border: none; }")
        self.list.entered.connect(self.list.setCurrentIndex)
        self.list.installEventFilter(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.list)
        if row >= 0:
            self.list.setCurrentIndex(model.index(row))
        height = sum(self.list.sizeHintForRow(i) for i in range(model.rowCount()))
        self._height = min(height, _ROWS * _ROW) + 2

    def show_below(self, button: QWidget) -> None:
        self.list.setFixedHeight(self._height)
        self.setFixedWidth(max(button.width(), 360))
        self.move(button.mapToGlobal(QPoint(0, button.height() + 4)))
        self.show()
        self.list.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Return activates on every platform's style, not just some.
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        ):
            index = self.list.currentIndex()
            if index.isValid() and not index.data(REASON):
                self.list.activated.emit(index)
            return True
        return super().eventFilter(watched, event)


class _Lines(QStyledItemDelegate):
    """A name and, muted below it, where the model is from or why it cannot be chosen."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(240, _ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        current = theme.theme()
        area = option.rect.adjusted(4, 1, -4, -1)  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:  # type: ignore[attr-defined]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(current.hover)
            painter.drawRoundedRect(area, 4, 4)
        text = area.adjusted(10, 4, -10, -4)
        reason = index.data(REASON)
        _line(painter, text, index.data(), current.muted if reason else current.text, top=True)
        _line(painter, text, index.data(DETAIL), current.muted, top=False)
        painter.restore()


def _line(painter: QPainter, area: QRect, text: str, colour: QColor, *, top: bool) -> None:
    style = theme.BODY if top else theme.SMALL
    font = theme.font(style)
    painter.setFont(font)
    painter.setPen(colour)
    edge = Qt.AlignmentFlag.AlignTop if top else Qt.AlignmentFlag.AlignBottom
    mode = Qt.TextElideMode.ElideMiddle
    shown = QFontMetrics(font).elidedText(text, mode, area.width())
    painter.drawText(area, int(edge | Qt.AlignmentFlag.AlignLeft), shown)
