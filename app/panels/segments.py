"""A choice between two or three words that stand side by side."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QWidget

from app import theme
from app.views.plots.axes import text_width


class Segments(QWidget):
    """changed(str): another one was chosen, by a person. choices: names to (word, tooltip)."""

    changed = Signal(str)

    def __init__(
        self, name: str, choices: Mapping[str, tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.buttons: dict[str, QAbstractButton] = {}
        self._group = QButtonGroup(self)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        for i, (key, (word, tip)) in enumerate(choices.items()):
            button = _Segment(word, i == 0, i == len(choices) - 1)
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {word}")
            button.setAccessibleDescription(tip)
            button.setChecked(i == 0)
            button.clicked.connect(lambda _=False, chosen=key: self.changed.emit(chosen))
            self._group.addButton(button)
            self.buttons[key] = button
            line.addWidget(button)

    @property
    def value(self) -> str:
        return next(key for key, button in self.buttons.items() if button.isChecked())

    @value.setter
    def value(self, key: str) -> None:
        self.buttons[key].setChecked(True)


class _Segment(QAbstractButton):
    def __init__(self, word: str, first: bool, last: bool) -> None:
        super().__init__()
        self.setText(word)
        self.setCheckable(True)
        self._first, self._last = first, last
        self.setFixedSize(round(text_width(word, theme.font(theme.SMALL))) + 24, 32)
        theme.notifier().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The outer corners are round: beyond an inner side the shape goes on out of sight.
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        box.adjust(0 if self._first else -9.5, 0, 0 if self._last else 9.5, 0)
        chosen, over = self.isChecked(), self.underMouse()
        fill = theme.blend(theme.with_alpha(now.accent, 0.14), now.surface)
        painter.setBrush(fill if chosen else now.hover if over else now.surface)
        painter.setPen(QPen(now.line, 1))
        painter.drawRoundedRect(box, 6, 6)
        if not self._first:
            painter.drawLine(0, 1, 0, self.height() - 2)
        if self.hasFocus():
            painter.setPen(QPen(now.accent, 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), 4, 4)
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(now.draft_text if chosen else now.text)
        painter.drawText(self.rect(), 0x84, self.text())  # AlignCenter
