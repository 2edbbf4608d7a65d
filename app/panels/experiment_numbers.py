"""A list of numbers, typed with commas between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from app.panels.fields import Problem

FIELD_HEIGHT = 30
Number = int | float


def read_numbers(text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """ "2, 4, 8" as numbers; spaces and semicolons separate too. Raises ValueError with a
    sentence that says which part is no number."""
    found: list[Number] = []
    for part in re.split(r"[,;\s]+", text.strip(" ,;\t\n")):
        if not part:
            continue
        try:
            found.append(kind(part))
        except ValueError:
            what = "whole number" if kind is int else "number"
            raise ValueError(f"“{part}” is no {what}. Write them as in 2, 4, 8.") from None
    return tuple(found)


def number_text(values: Iterable[Number]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


class NumbersEdit(QWidget):
    """`value`: the numbers, or the last ones that could be read while `unreadable` says why not.
    kind: int or float."""

    changed = Signal()

    def __init__(self, kind: Callable[[str], Number], example: str, tip: str) -> None:
        super().__init__()
        self._kind = kind
        self._value: tuple[Number, ...] = ()
        self.unreadable = ""
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(example)
        self.edit.setToolTip(tip)
        self.edit.setFixedHeight(FIELD_HEIGHT)
        self.problem = Problem()
        self.setFocusProxy(self.edit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.edit)
        layout.addWidget(self.problem)
        self.edit.textChanged.connect(self._read)

    @property
    def value(self) -> tuple[Number, ...]:
        return self._value

    @value.setter
    def value(self, value: tuple[Number, ...]) -> None:
        if value != self._value or self.unreadable or not self.edit.text():
            self.edit.setText(number_text(value))
            self._value = value  # a text rounds to six digits

    def show_problem(self, text: str) -> None:
        self.problem.show_problem(self.unreadable or text)
        self.edit.setAccessibleDescription(self.unreadable or text)

    def _read(self, text: str) -> None:
        try:
            self._value, self.unreadable = read_numbers(text, self._kind), ""
        except ValueError as error:
            self.unreadable = str(error)
        self.changed.emit()
