"""A word on a tinted pill: what is lossless, and what is not."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app import theme

HEIGHT = 20
PADDING = 10
BadgeMood = Literal["good", "warn", "bad"]


class Badge(QAbstractButton):
    """Colour and word say the same. live: it can be clicked, and reached with Tab."""

    def __init__(self, *, live: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mood: BadgeMood = "good"
        self._live = live
        self._font = theme.sans(11, QFont.Weight.DemiBold)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        if live:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        else:
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.notifier().changed.connect(self.update)

    def show_state(self, text: str, mood: BadgeMood) -> None:
        self.mood = mood
        self.setText(text)
        self.updateGeometry()
        self.update()

    def show_law(self, lossless: bool) -> None:
        """What is said wherever a rule is named."""
        self.show_state(*(("lossless", "good") if lossless else ("not lossless", "warn")))

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self._font).horizontalAdvance(self.text()) + 2 * PADDING, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def colours(self) -> tuple[QColor, QColor]:
        """Of the pill and of its text."""
        current = theme.theme()
        hue, text = {
            "good": (current.good, current.good_text),
            "warn": (current.warn, current.warn_text),
            "bad": (current.target, current.target_text),
        }[self.mood]
        over = self._live and self.underMouse()
        return theme.with_alpha(hue, 0.24 if over else 0.15), text

    def paintEvent(self, event: QPaintEvent) -> None:
        fill, text = self.colours()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ring = QPen(theme.theme().accent, 2)
        painter.setPen(ring if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        if not self.hasFocus():
            area = QRectF(self.rect())
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        painter.setFont(self._font)
        painter.setPen(text)
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self.text())
