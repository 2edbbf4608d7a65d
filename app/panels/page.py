"""What the pages in the window have in common: a way back, and a strip at the top."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from app import theme


class Page(QWidget):
    """closed: Escape, or the close button."""

    closed = Signal()

    def event(self, event: QEvent) -> bool:
        # Before the window's Escape gets it, which would stop what runs.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)


class Bar(QFrame):
    """The strip at the top, a hairline below it."""

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.fillRect(self.rect(), now.panel)
        painter.fillRect(0, self.height() - 1, self.width(), 1, now.line)


def close_button(name: str, tip: str) -> QToolButton:
    """The cross that leads back; the page gives it its icon, and connects it."""
    button = QToolButton()
    button.setProperty("kind", "flat")
    button.setFixedSize(36, 32)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setAccessibleName(name)
    button.setToolTip(tip)
    return button
