"""A list of things of which any number can be checked: drafters, rules, kinds of prompts."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QWidget

from app.panels.fields import give_key

_GAP = 4
_WAYS = {
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
}
"""Rows and columns that an arrow key goes."""


class Checks(QWidget):
    """`value`: the names that are checked, in the order that was given with `value`; those that a
    person adds come after. Arrow keys go from one to the next. changed: by a person.

    columns: how many stand side by side.
    """

    changed = Signal()

    def __init__(self, name: str, columns: int = 1) -> None:
        super().__init__()
        self._name = name
        self.boxes: dict[str, QCheckBox] = {}
        self._order: tuple[str, ...] = ()
        self.setAccessibleName(name)
        self._columns = columns
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(_GAP)
        for column in range(columns):
            self._grid.setColumnStretch(column, 1)

    def add(self, key: str, text: str, tip: str = "") -> None:
        box = QCheckBox(text)
        box.setToolTip(tip)
        box.setAccessibleName(f"{self._name}: {text}")
        box.setAccessibleDescription(tip)
        box.clicked.connect(self._clicked)
        box.installEventFilter(self)
        self._grid.addWidget(box, *divmod(len(self.boxes), self._columns))
        self.boxes[key] = box
        if len(self.boxes) == 1:
            self.setFocusProxy(box)

    def replace(self, entries: Iterable[tuple[str, str, str]]) -> None:
        """Offer others; what is checked stays so where it is still on offer."""
        wanted = list(entries)
        if [key for key, _, _ in wanted] != list(self.boxes):
            checked = self.value
            for box in self.boxes.values():
                self._grid.removeWidget(box)
                box.hide()
                box.deleteLater()
            self.boxes = {}
            for entry in wanted:
                self.add(*entry)
            self.value = tuple(key for key in checked if key in self.boxes)
        for key, text, tip in wanted:
            self.boxes[key].setText(text)
            self.boxes[key].setToolTip(tip)

    @property
    def value(self) -> tuple[str, ...]:
        kept = tuple(key for key in self._order if self.boxes[key].isChecked())
        new = (key for key, box in self.boxes.items() if box.isChecked() and key not in kept)
        return (*kept, *new)

    @value.setter
    def value(self, value: tuple[str, ...]) -> None:
        for key in value:  # a file may name what is not known here: the problem below says so
            if key not in self.boxes:
                self.add(key, key)
        self._order = tuple(dict.fromkeys(value))
        for key, box in self.boxes.items():
            box.setChecked(key in value)

    @property
    def all(self) -> bool:
        return all(box.isChecked() for box in self.boxes.values())

    def check_all(self) -> None:
        self.value = tuple(self.boxes)

    def give_key(self, letter: str, label: QLabel) -> None:
        """Alt and this letter move the focus to the first one; the label's tooltip says so."""
        first = next(iter(self.boxes.values()))
        tip = first.toolTip()
        first.setToolTip("")
        give_key(first, letter)
        label.setToolTip(first.toolTip().strip())
        first.setToolTip(tip)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            way = _WAYS.get(Qt.Key(event.key()))
            if way is not None:
                boxes = list(self.boxes.values())
                at = next(i for i, box in enumerate(boxes) if box is watched)
                to = at + (way[0] * self._columns + way[1])
                if 0 <= to < len(boxes):
                    boxes[to].setFocus(Qt.FocusReason.TabFocusReason)
                return True
        return super().eventFilter(watched, event)

    def _clicked(self) -> None:
        self._order = self.value
        self.changed.emit()
