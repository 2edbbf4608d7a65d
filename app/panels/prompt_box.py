"""The prompt: a text box, presets, and whether the chat template is applied."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QMenu,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.panels.fields import MenuButton, Problem, caption, give_key
from engine.presets import Preset, presets

TALL = 280
"""Of the text box, where there is room."""


class PromptBox(QWidget):
    """`text` and `raw`; `changed` on any edit."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.edit = _Edit()
        self.presets = MenuButton("Presets")
        self.presets.setToolTip("Prompts to begin with")
        self.presets.setMenu(self._menu())
        self.raw_box = QCheckBox("Raw, no chat template")
        self.raw_box.setToolTip(
            "Send the text as it stands, instead of as a message in the model's chat template"
        )
        give_key(self.raw_box, "w")
        give_key(self.edit, "o")
        self.problem = Problem()

        heading = caption("Prompt")
        heading.setBuddy(self.edit)
        top = QHBoxLayout()
        top.addWidget(heading)
        top.addStretch(1)
        top.addWidget(self.presets)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self.edit, 1)
        layout.addWidget(self.problem)
        layout.addWidget(self.raw_box)

        self.setMaximumHeight(TALL + 120)
        self.edit.textChanged.connect(self.changed)
        self.raw_box.toggled.connect(self.changed)

    @property
    def text(self) -> str:
        return self.edit.toPlainText()

    @text.setter
    def text(self, text: str) -> None:
        """Replace the text; the text box can undo it."""
        if text == self.text:
            return
        cursor = QTextCursor(self.edit.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        self.edit.moveCursor(QTextCursor.MoveOperation.Start)

    @property
    def raw(self) -> bool:
        return self.raw_box.isChecked()

    @raw.setter
    def raw(self, raw: bool) -> None:
        self.raw_box.setChecked(raw)

    def use(self, preset: Preset) -> None:
        self.text = preset.text
        self.raw = preset.raw

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        kind = ""
        for preset in presets():
            if preset.kind != kind:
                if kind:
                    menu.addSeparator()
                kind = preset.kind
                menu.addAction(kind).setEnabled(False)
            action = menu.addAction(preset.title)
            action.setToolTip(preset.text)
            action.triggered.connect(lambda _=False, p=preset: self.use(p))
        return menu


class _Edit(QPlainTextEdit):
    """Takes plain text of any length; Tab moves on to the next control."""

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText("Write a prompt, or choose a preset.")
        self.setTabChangesFocus(True)
        self.setAccessibleName("Prompt")
        self.setMinimumHeight(72)
        self.setMaximumHeight(TALL)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def sizeHint(self) -> QSize:
        return QSize(248, 120)
