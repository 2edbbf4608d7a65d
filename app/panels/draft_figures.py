"""What a finished draft was measured to be, on prompts kept out of its training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from app import theme
from app.panels.fields import muted
from engine.cost import times
from engine.errors import DraftscopeError
from engine.experiments.results import CellResult, Metric, gathered, grouped, read_results

_COLUMNS: tuple[tuple[str, Metric, Callable[[float], str]], ...] = (
    ("acceptance rate α", "acceptance", "{:.2f}".format),
    ("tokens per pass τ", "tokens_per_pass", "{:.2f}".format),
    ("speedup", "speedup", times),
)


class MeasuredTable(QWidget):
    """Medians over the prompts with their 95 % intervals; hidden while nothing is measured."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(32)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(9, 1)
        self.rows: list[list[str]] = []

    def show_draft(self, folder: Path | None) -> None:
        """Take what lies in a draft's folder."""
        self.rows = _rows(folder / "evaluation") if folder is not None else []
        while self._grid.count():
            item = self._grid.takeAt(0)
            if item is not None and (widget := item.widget()) is not None:
                widget.deleteLater()
        self.setVisible(bool(self.rows))
        if not self.rows:
            return
        head = QLabel("On held-out prompts")
        head.setProperty("role", "heading")
        self._grid.addWidget(head, 0, 0, 1, 3)
        for column, text in enumerate(["draft", "T", *(name for name, _, _ in _COLUMNS)]):
            self._grid.addWidget(muted(text), 1, column)
        self._grid.addWidget(muted("measured, γ = 4, medians with 95 % intervals"), 0, 3, 1, 6)
        for i, cells in enumerate(self.rows):
            for column, text in enumerate(cells):
                label = QLabel(text)
                label.setFont(theme.font(theme.SMALL))
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self._grid.addWidget(label, 2 + i, column)


def _rows(folder: Path) -> list[list[str]]:
    if not folder.is_dir():
        return []
    try:
        cells = read_results(folder).cells.values()
    except DraftscopeError:
        return []
    settings = grouped(cells, "draft", "temperature")
    return [_row(settings[key]) for key in sorted(settings, key=str)]


def _row(cells: Sequence[CellResult]) -> list[str]:
    setting = cells[0].setting
    path = Path(setting.draft or "")
    name = path.stem.removeprefix("draft-") if path.suffix == ".gguf" else "safetensors"
    shown = [name, f"{setting.temperature:g}"]
    for _, metric, words in _COLUMNS:
        found = gathered(cells, metric)
        shown.append(
            "none" if found is None
            else f"{words(found.median)}  ({words(found.low)} to {words(found.high)})"
        )  # fmt: skip
    return shown
