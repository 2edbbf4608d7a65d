"""The keyboard sheet and the about box: windows beside the main one, never in its way."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from app import theme
from app.commands import COMMANDS, shortcut_text
from app.panels.fields import muted

_VIEWS = (
    ("Output: previous or next token", "← →"),
    ("Output: row above or below", "↑ ↓"),
    ("Output: first or last token", "Home End"),
    ("Timeline: previous or next round", "← →"),
    ("Inspector: previous or next token", "← →"),
    ("Inspector: previous or next round", "↑ ↓"),
    ("Race: play, previous or next verdict", "Space ← →"),
    ("Presenter mode: view, shape, caption, keys", "1–6 A C K"),
    ("Setup: go to a field", "Alt + the letter in its tooltip"),
)


class Sheet(QDialog):
    """A titled page."""

    def __init__(self, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.page = QVBoxLayout(self)
        self.page.setContentsMargins(24, 20, 24, 24)
        self.page.setSpacing(16)
        heading = QLabel(title)
        heading.setProperty("role", "title")
        self.page.addWidget(heading)


def shortcuts_sheet(parent: QWidget | None) -> Sheet:
    """Every command that has a shortcut, and the keys of the views."""
    sheet = Sheet("Keyboard shortcuts", parent)
    grid = QGridLayout()
    grid.setHorizontalSpacing(48)
    grid.setVerticalSpacing(8)
    lines = [
        (command.text.replace("&", "").rstrip("…"), shortcut_text(command))
        for command in COMMANDS.values()
        if command.shortcuts
    ]
    half = (len(lines) + 1) // 2
    for i, (text, keys) in enumerate(lines):
        _line(grid, i % half, 2 * (i // half), text, keys)
    sheet.page.addLayout(grid)
    sheet.page.addWidget(muted("While a view has the focus"))
    views = QGridLayout()
    views.setHorizontalSpacing(48)
    views.setVerticalSpacing(8)
    for i, (text, keys) in enumerate(_VIEWS):
        _line(views, i, 0, text, keys)
    views.setColumnStretch(0, 1)
    sheet.page.addLayout(views)
    return sheet


def _line(grid: QGridLayout, row: int, column: int, text: str, keys: str) -> None:
    shown = QLabel(keys)
    shown.setFont(theme.mono(12))
    grid.addWidget(QLabel(text), row, column)
    grid.addWidget(shown, row, column + 1, Qt.AlignmentFlag.AlignRight)


def about_sheet(parent: QWidget | None, version: str, machine: str) -> Sheet:
    sheet = Sheet("Draftscope", parent)
    text = QLabel(
        "An instrument for speculative decoding: it runs the real algorithm on your own models, "
        "shows what becomes of every token, and measures the speedup."
    )
    text.setWordWrap(True)
    text.setMinimumWidth(400)
    sheet.page.addWidget(text)
    sheet.page.addWidget(muted(f"Version {version}\n{machine}"))
    return sheet
