"""The text that an n-gram table counts: the bundled one, or a file of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QMenu,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)

from app import assets, theme
from app.panels.file_drop import FileDropButton, dropped_file

BUNDLED = "Bundled text"
TIP = "The text whose word sequences are counted; a .txt file can be dropped here"
N_RECENT = 4


class TextPicker(FileDropButton):
    """Looks like the pickers beside it; its menu offers the bundled text, the files chosen before
    and a file dialog. `value`: a file, or "" for the bundled text.

    ask_file: opens the dialog (tests replace it).
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(lambda event: dropped_file(event, ".txt"), parent)
        self._value = ""
        self._recent: list[str] = []
        self.ask_file: Callable[[], str] = self._ask_file
        self.setStyleSheet("QPushButton { padding: 4px; } QPushButton:focus { padding: 3px; }")
        self.setFixedHeight(30)  # of a combo box
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)
        self.setToolTip(TIP)
        self.dropped.connect(lambda path: setattr(self, "value", path))
        theme.notifier().changed.connect(self.update)

    @property
    def value(self) -> str:
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        if value == self._value:
            return
        self._value = value
        if value:
            others = [file for file in self._recent if file != value]
            self._recent = [value, *others][:N_RECENT]
        self.setAccessibleDescription(self.shown)
        self.setToolTip(f"{value}\n{TIP}" if value else TIP)
        self.update()
        self.changed.emit()

    @property
    def shown(self) -> str:
        return Path(self._value).name if self._value else BUNDLED

    def browse(self) -> None:
        path = self.ask_file()
        if path:
            self.value = path

    def _fill(self) -> None:
        self._menu.clear()
        for file in ("", *self._recent):
            name = Path(file).name.replace("&", "&&") if file else BUNDLED
            action = self._menu.addAction(name)
            action.setToolTip(file)
            action.setCheckable(True)
            action.setChecked(file == self._value)
            action.triggered.connect(lambda _=False, f=file: setattr(self, "value", f))
        self._menu.addSeparator()
        self._menu.addAction("Choose a file…").triggered.connect(self.browse)

    def _ask_file(self) -> str:
        folder = str(Path(self._value).parent) if self._value else ""
        kinds = "Texts (*.txt);;All files (*)"
        return QFileDialog.getOpenFileName(self.window(), "Choose a text", folder, kinds)[0]

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButtonBevel, option)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().adjusted(11, 0, -28, 0)
        painter.setPen(current.text if self.isEnabled() else current.muted)
        shown = QFontMetrics(self.font()).elidedText(
            self.shown, Qt.TextElideMode.ElideMiddle, area.width()
        )
        painter.drawText(
            area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown
        )
        chevron = assets.pixmap("chevron-down", current.muted, 12, self.devicePixelRatioF())
        painter.drawPixmap(QPoint(self.width() - 20, (self.height() - 12) // 2), chevron)
