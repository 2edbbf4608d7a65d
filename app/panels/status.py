"""The line at the bottom: the verdict, the device, and what was asked for."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStatusBar, QWidget

from app import theme
from app.panels.fields import ElidedLabel, muted
from engine.config import Config

Mood = Literal["idle", "busy", "good", "bad", "warn"]
HEIGHT = 32


class Dot(QWidget):
    """Colour of the verdict; the sentence beside it says the same."""

    def __init__(self) -> None:
        super().__init__()
        self.mood: Mood = "idle"
        self.setFixedSize(10, 10)
        theme.notifier().changed.connect(self.update)

    def set_mood(self, mood: Mood) -> None:
        if mood != self.mood:
            self.mood = mood
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(10, 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        colour = {
            "idle": current.host,
            "busy": current.accent,
            "good": current.good,
            "bad": current.target,
            "warn": current.warn,
        }[self.mood]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QRectF(0, 0, 10, 10))


class Status(QStatusBar):
    """Verdict left, device in the middle, setup right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setFixedHeight(HEIGHT)
        self.dot = Dot()
        self.verdict = ElidedLabel()
        self.device = muted()
        self.setup = muted()
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(17, 0, 12, 0)
        layout.setSpacing(4)
        layout.addWidget(self.dot)
        layout.addWidget(self.verdict, 1)
        layout.addSpacing(16)
        layout.addWidget(self.device)
        layout.addSpacing(16)
        layout.addWidget(self.setup)
        line.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addPermanentWidget(line, 1)

    def say(self, mood: Mood, text: str) -> None:
        self.dot.set_mood(mood)
        self.verdict.setText(text)

    def show_device(self, text: str) -> None:
        self.device.setText(text)

    def show_setup(self, config: Config, lossless: bool) -> None:
        """What the shown run was asked for, or what the next will be."""
        law = "lossless" if lossless else "not lossless"
        warmth = "greedy" if config.greedy else f"T {config.temperature:.2f}"
        self.setup.setText(f"{law} · {warmth} · seed {config.seed}")
