"""Errors and news in a strip above the round: never a dialog, so the work goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from engine.errors import ErrorInfo

Level = Literal["info", "warning", "error"]
MOST = 3


class Banner(QFrame):
    """One message: a sentence, a hint, and what can be done about it."""

    closed = Signal(object)

    def __init__(
        self,
        level: Level,
        message: str,
        hint: str = "",
        details: str = "",
        action: tuple[str, Callable[[], object]] | None = None,
    ) -> None:
        super().__init__()
        self.level: Level = level
        self.message = message
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._icon = QLabel()
        self._icon.setFixedSize(16, 20)
        text = QLabel(message)
        text.setWordWrap(True)
        text.setProperty("role", "heading")
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._hint = QLabel(hint)
        self._hint.setWordWrap(True)
        self._hint.setProperty("role", "small")
        self._hint.setVisible(bool(hint))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(text)
        words.addWidget(self._hint)

        line = QHBoxLayout()
        line.setContentsMargins(12, 8, 8, 8)
        line.setSpacing(8)
        edge = Qt.AlignmentFlag.AlignTop if hint else Qt.AlignmentFlag.AlignVCenter
        line.addWidget(self._icon, 0, edge)
        line.addLayout(words, 1)
        if action is not None:
            name, call = action
            button = self._button(name)
            button.clicked.connect(call)
            button.clicked.connect(self.dismiss)
            line.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.details: QPlainTextEdit | None = None
        if details:
            self._more = self._button("Details")
            self._more.setCheckable(True)
            line.addWidget(self._more, 0, Qt.AlignmentFlag.AlignTop)
            copy = self._button("Copy")
            copy.setToolTip("Copy message and details")
            copy.clicked.connect(lambda: self._copy(copy, message, hint, details))
            line.addWidget(copy, 0, Qt.AlignmentFlag.AlignTop)
        close = QToolButton()
        close.setProperty("kind", "flat")
        close.setFixedSize(28, 28)
        close.setAccessibleName("Dismiss")
        close.setToolTip("Dismiss")
        close.clicked.connect(self.dismiss)
        self._close = close
        line.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        if details:
            self.details = QPlainTextEdit(details)
            self.details.setReadOnly(True)
            self.details.setFont(theme.mono(11))
            self.details.setFixedHeight(160)
            self.details.setAccessibleName("Details")
            self.details.hide()
            holder = QVBoxLayout()
            holder.setContentsMargins(12, 0, 12, 12)
            holder.addWidget(self.details)
            layout.addLayout(holder)
            self._holder = holder
            holder.setContentsMargins(12, 0, 12, 0)
            self._more.toggled.connect(self._show_details)
        self.setAccessibleName(f"{level}: {message} {hint}")
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

    def dismiss(self) -> None:
        self.closed.emit(self)

    def announce(self) -> None:
        """Tell screen readers."""
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def _button(self, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("kind", "flat")
        button.setFixedHeight(28)
        return button

    def _copy(self, button: QPushButton, *parts: str) -> None:
        QGuiApplication.clipboard().setText("\n".join(filter(None, parts)))
        button.setText("Copied")

    def _show_details(self, on: bool) -> None:
        assert self.details is not None
        self.details.setVisible(on)
        self._holder.setContentsMargins(12, 0, 12, 12 if on else 0)

    def _restyle(self) -> None:
        current = theme.theme()
        hue = {"error": current.target_text, "warning": current.warn_text}.get(
            self.level, current.draft_text
        )
        ratio = self.devicePixelRatioF()
        self._icon.setPixmap(assets.pixmap(self.level, hue, 16, ratio))
        self._close.setIcon(assets.icon("close", current.muted))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        hue = {"error": current.target, "warning": current.warn}.get(self.level, current.draft)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.with_alpha(hue, 0.5))
        painter.setBrush(theme.with_alpha(hue, 0.1))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)


class Banners(QWidget):
    """The strips on screen, newest first; at most a few, each message once."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 10)
        self._layout.setSpacing(8)
        self.shown: list[Banner] = []
        self.hide()

    def error(self, error: ErrorInfo) -> Banner:
        details = error.traceback or f"{error.type}: {error.message}"
        return self.show_banner(Banner("error", error.message, error.hint, details))

    def notice(
        self,
        level: Level,
        message: str,
        hint: str = "",
        action: tuple[str, Callable[[], object]] | None = None,
    ) -> Banner:
        return self.show_banner(Banner(level, message, hint, action=action))

    def show_banner(self, banner: Banner) -> Banner:
        for old in [b for b in self.shown if b.message == banner.message]:
            self.remove(old)
        while len(self.shown) >= MOST:
            self.remove(self.shown[-1])
        self.shown.insert(0, banner)
        self._layout.insertWidget(0, banner)
        banner.closed.connect(self.remove)
        self.show()
        banner.announce()
        return banner

    def remove(self, banner: Banner) -> None:
        if banner in self.shown:
            self.shown.remove(banner)
            self._layout.removeWidget(banner)
            banner.hide()
            banner.deleteLater()
        self.setVisible(bool(self.shown))

    def clear(self, *levels: Level) -> None:
        """Take away all, or those of the given levels."""
        for banner in [b for b in self.shown if not levels or b.level in levels]:
            self.remove(banner)
