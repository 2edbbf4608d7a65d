"""Playback's buttons and its speed, beside the timeline's heading."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QSlider, QToolButton, QWidget

from app import assets, theme
from app.commands import COMMANDS, tooltip
from app.panels.fields import muted
from app.player import AS_RECORDED, SPEEDS

BUTTONS = ("to-start", "previous-round", "play", "next-round", "to-end")
STOPS = (*SPEEDS, AS_RECORDED)
"""Of the slider: the last is as the recording was made."""
BUTTON = 26
NARROW = 330
"""Width below which the slider gives way to its label."""


def speed_words(speed: float) -> str:
    """`0.25×`, `2×`, `as recorded`."""
    return "as recorded" if speed == AS_RECORDED else f"{speed:g}×"


class Transport(QWidget):
    """Follows the commands' actions. speed_chosen: times the speed of the run, or AS_RECORDED."""

    speed_chosen = Signal(float)

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._playing = False
        self._buttons: dict[str, QToolButton] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for name in BUTTONS:
            layout.addWidget(self._button(name, actions["pause" if name == "play" else name]))
        layout.addSpacing(10)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setProperty("kind", "plain")
        self.slider.setRange(0, len(STOPS) - 1)
        self.slider.setPageStep(1)
        self.slider.setValue(STOPS.index(1.0))
        self.slider.setFixedWidth(96)
        self.slider.setAccessibleName("Playback speed")
        self.slider.setToolTip(
            f"Playback speed ({tooltip_keys('slower')}, {tooltip_keys('faster')})\n"
            "Below 1× a live run waits for the picture; its measured times stay true"
        )
        self.slider.valueChanged.connect(lambda at: self._choose(STOPS[at]))
        layout.addWidget(self.slider)
        layout.addSpacing(6)
        self.label = muted(speed_words(1.0))
        self.label.setMinimumWidth(36)
        layout.addWidget(self.label)
        self.setFixedHeight(BUTTON)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

    def button(self, name: str) -> QToolButton:
        return self._buttons[name]

    def set_narrow(self, narrow: bool) -> None:
        """Without the slider: keys and menu change the speed all the same."""
        self.slider.setVisible(not narrow)

    @property
    def speed(self) -> float:
        return STOPS[self.slider.value()]

    def show_speed(self, speed: float) -> None:
        """The nearest stop; says nothing back."""
        near = min(range(len(STOPS)), key=lambda at: abs(STOPS[at] - speed))
        self.slider.blockSignals(True)
        self.slider.setValue(near)
        self.slider.blockSignals(False)
        self.label.setText(speed_words(speed))

    def step_speed(self, by: int) -> None:
        self.slider.setValue(self.slider.value() + by)

    def show_playing(self, playing: bool) -> None:
        """Play becomes Pause while something plays."""
        if playing != self._playing:
            self._playing = playing
            self._restyle()

    def _choose(self, speed: float) -> None:
        self.label.setText(speed_words(speed))
        self.speed_chosen.emit(speed)

    def _button(self, name: str, action: QAction) -> QToolButton:
        command = COMMANDS["pause" if name == "play" else name]
        button = self._buttons[name] = QToolButton()
        button.setObjectName(f"transport-{name}")
        button.setProperty("kind", "transport")
        button.setIconSize(QSize(14, 14))
        button.setFixedSize(BUTTON + 4, BUTTON)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolTip(tooltip(command, "Play" if name == "play" else ""))
        button.setAccessibleName(command.text.replace("&", ""))
        button.clicked.connect(action.trigger)
        button.setEnabled(action.isEnabled())
        action.enabledChanged.connect(button.setEnabled)
        return button

    def _restyle(self) -> None:
        current = theme.theme()
        for name, button in self._buttons.items():
            icon = name.removesuffix("-round")
            if name == "play":
                icon = "pause" if self._playing else "run"
                button.setAccessibleName("Pause" if self._playing else "Play")
            button.setIcon(assets.icon(icon, current.text, current.muted))


def tooltip_keys(command: str) -> str:
    return COMMANDS[command].shortcuts[0]
