"""The shape of a proposal: children at each depth, typed or chosen, and what tree that makes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QWidget

from app.panels.fields import LABEL_WIDTH, ROW_GAP, muted, set_role
from engine.config import BRANCHES_MAX, GAMMA_MAX
from engine.tree import size_of, width_at

CHAIN = "1 (chain)"
SUGGESTED = ((), (2,), (2, 2), (3, 2), (4, 2, 2))
REFUSED = f"Numbers from 1 to {BRANCHES_MAX}, one for each depth, as in 3·2·1"


def shape_text(branches: Sequence[int]) -> str:
    """As the field shows it: `3·2`; a chain is 1."""
    return "·".join(map(str, branches)) if any(b > 1 for b in branches) else CHAIN


def parse_branches(text: str) -> tuple[int, ...] | None:
    """What was typed (`3·2`, `3,2`, `3x2`, `3 2`); None if it is no shape. A chain is ()."""
    parts = re.split(r"[\s,;.·x×*]+", text.strip().lower().removesuffix("(chain)").strip())
    if len(parts) > GAMMA_MAX or not all(re.fullmatch(r"[0-9]{1,3}", part) for part in parts):
        return None
    branches = tuple(int(part) for part in parts)
    if not all(1 <= children <= BRANCHES_MAX for children in branches):
        return None
    return branches if any(children > 1 for children in branches) else ()


class BranchesField(QComboBox):
    """Takes any shape; what is none is put back. `line` says below it what tree that makes."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: tuple[int, ...] = ()
        self._depth = 0
        self.line: QLabel = muted(wrap=True)
        self.line.setContentsMargins(LABEL_WIDTH + ROW_GAP, 0, 0, 0)
        self.line.hide()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setCompleter(None)  # type: ignore[arg-type]  # it would turn 2 into 2·2
        for branches in SUGGESTED:
            self.addItem(shape_text(branches))
        self._edit = _WholeEdit()
        self.setLineEdit(self._edit)
        self._edit.setTextMargins(-2, 0, 0, 0)  # where the text of the other pickers begins
        self.setToolTip("Children of each drafted token, by depth; 1 is a chain")
        self._edit.textEdited.connect(self._preview)
        self._edit.editingFinished.connect(self._read)
        self.activated.connect(self._read)
        self._show()

    @property
    def value(self) -> tuple[int, ...]:
        return self._value

    @value.setter
    def value(self, branches: tuple[int, ...]) -> None:
        changed = branches != self._value
        self._value = branches
        self._show()
        if changed:
            self.changed.emit()

    def set_depth(self, gamma: int) -> None:
        self._depth = gamma
        self._tell(self._value)

    def _read(self) -> None:
        branches = parse_branches(self.currentText())
        self.value = self._value if branches is None else branches

    def _show(self) -> None:
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findText(shape_text(self._value)))
            self.setEditText(shape_text(self._value))
        self._tell(self._value)

    def _preview(self, text: str) -> None:
        self._tell(parse_branches(text))

    def _tell(self, branches: tuple[int, ...] | None) -> None:
        """What the shape makes; nothing for a chain."""
        set_role(self.line, "muted" if branches is not None else "warn")
        if branches is None:
            self.line.setText(REFUSED)
        elif branches and self._depth:
            tokens, leaves = size_of(branches, self._depth), width_at(branches, self._depth)
            self.line.setText(f"{tokens:,} tokens, {leaves:,} leaves")
        else:
            self.line.setText("")
        self.line.setVisible(bool(self.line.text()) and not self.isHidden())


class _WholeEdit(QLineEdit):
    """Selects all on focus, so that typing replaces the shape."""

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.selectAll()
