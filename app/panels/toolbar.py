"""The bar across the top: name, models, run controls; at the right, recordings and the theme."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from app import assets, theme
from app.commands import COMMANDS, State, tooltip
from app.panels.model_picker import ModelPicker

HEIGHT = 56
NARROW = 1500
"""Below this width, recordings have icons only, and the models get the room."""
QWIDGETSIZE_MAX = 16_777_215
_RUN_BUTTONS = ("pause", "step", "stop")


class Toolbar(QFrame):
    """Buttons for the commands that are used most. The pickers are the window's to connect."""

    def __init__(
        self,
        actions: Mapping[str, QAction],
        target: ModelPicker,
        draft: ModelPicker,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "bar")
        self.setFixedHeight(HEIGHT)
        self._actions = actions
        self._paused = False
        self._buttons: dict[str, QToolButton] = {}
        wordmark = QLabel("Draftscope")
        wordmark.setProperty("role", "title")
        self._wordmark = wordmark

        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 0, 20, 0)
        layout.setSpacing(8)
        layout.addWidget(wordmark)
        layout.addSpacing(28)
        layout.addWidget(target, 4)
        layout.addSpacing(4)
        layout.addWidget(draft, 4)
        layout.addSpacing(16)
        layout.addWidget(self._button("run", "Run"))
        for name in _RUN_BUTTONS:
            layout.addWidget(self._button(name))
        layout.addStretch(1)
        layout.addWidget(self._button("experiments", "Experiments"))
        layout.addWidget(self._button("race", "Race"))
        layout.addWidget(self._button("render", "Render…"))
        layout.addWidget(self._button("open", "Open…"))
        layout.addWidget(self._button("save", "Save…"))
        layout.addWidget(self._button("theme"))
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

    def button(self, name: str) -> QToolButton:
        return self._buttons[name]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = event.size().width() < NARROW
        for name in ("experiments", "race", "render", "open", "save"):
            button = self._buttons[name]
            if narrow:
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
                button.setFixedWidth(36)
            else:
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
                button.setMinimumWidth(0)
                button.setMaximumWidth(QWIDGETSIZE_MAX)

    def show_state(self, state: State, held: bool = False) -> None:
        """Pause becomes Resume while paused, and Play where a run is held."""
        word = "Resume" if state is State.PAUSED else "Play" if held else "Pause"
        self._paused = word != "Pause"
        self._actions["pause"].setText(f"&{word}")
        button = self._buttons["pause"]
        button.setToolTip(tooltip(COMMANDS["pause"], word))
        button.setAccessibleName(word)
        self._restyle()

    def _button(self, name: str, text: str = "") -> QToolButton:
        """A button that follows the command's action, with an icon, and a text if given."""
        command, action = COMMANDS[name], self._actions[name]
        button = self._buttons[name] = QToolButton()
        button.setObjectName(f"button-{name}")
        button.setText(text)
        button.setAccessibleName(command.text.replace("&", "").rstrip("…"))
        button.setToolTip(tooltip(command))
        button.setIconSize(QSize(16, 16))
        button.setFixedHeight(32)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if text:
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        else:
            button.setFixedWidth(36)
        if name == "run":
            button.setProperty("kind", "primary")
        button.clicked.connect(action.trigger)
        button.setEnabled(action.isEnabled())
        action.enabledChanged.connect(button.setEnabled)
        return button

    def _restyle(self) -> None:
        current = theme.theme()
        for name, button in self._buttons.items():
            colour = theme.text_on(current.primary) if name == "run" else current.text
            icon = COMMANDS[name].icon
            if name == "theme":
                icon = "theme-light" if current.dark else "theme-dark"
            elif name == "pause" and self._paused:
                icon = "run"
            button.setIcon(assets.icon(icon, colour, current.muted))
