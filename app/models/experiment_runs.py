"""The runs behind a cell of a map as an item model: a row a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.experiment_words import AXES, figure, metric_words, parts_words, run_value, setting_words
from engine.experiments.results import Definitions, Metric, RunRow

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_SAME = {True: "same", False: "differs", None: "sampled"}
FIGURES: tuple[Metric, ...] = ("speedup", "acceptance", "tokens_per_pass", "tokens_per_second")


PARTS = ("drafter", "gamma", "temperature", "rule", "length_policy", "draft", "target")
"""Of a setting, the most telling first."""


class Column(NamedTuple):
    """value: what it is sorted by; None comes last. text: what it shows."""

    title: str
    tip: str
    value: Callable[[RunRow], Any]
    text: Callable[[RunRow], str]
    number: bool = False


class ExperimentRuns(QAbstractTableModel):
    """`update` replaces everything. Sorted by a click on a heading."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runs: list[RunRow] = []
        self.columns: list[Column] = _columns(Definitions(), ())
        self._sorted = -1, Qt.SortOrder.AscendingOrder

    def update(self, runs: Sequence[RunRow], how: Definitions) -> None:
        """A column tells the settings of runs that have several, as far as these differ."""
        self.beginResetModel()
        settings = {run.setting for run in runs}
        unlike = [key for key in PARTS if len({getattr(s, key) for s in settings}) > 1]
        columns = _columns(how, unlike)
        if len(columns) != len(self.columns):
            self._sorted = -1, Qt.SortOrder.AscendingOrder
        self.columns = columns
        self.runs = list(runs)
        self._sort()
        self.endResetModel()

    def row_of(self, run_id: str) -> int | None:
        return next((i for i, run in enumerate(self.runs) if run.run_id == run_id), None)

    # Qt

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.runs):
            return None
        run, column = self.runs[index.row()], self.columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(run)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _RIGHT if column.number else _LEFT
            case Qt.ItemDataRole.ToolTipRole:
                where = f"{run.prompt} ({run.kind})" if run.kind else run.prompt
                return f"{where}, repeat {run.repeat + 1}\n{setting_words(run.setting)}"
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{column.title} {column.text(run)}"
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.title
            case Qt.ItemDataRole.ToolTipRole:
                return column.tip
            case Qt.ItemDataRole.TextAlignmentRole:
                return _RIGHT if column.number else _LEFT
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.layoutAboutToBeChanged.emit()
        before = [self.runs[i.row()].run_id for i in self.persistentIndexList()]
        old = self.persistentIndexList()
        self._sorted = column, order
        self._sort()
        rows = {run.run_id: row for row, run in enumerate(self.runs)}
        new = [self.index(rows[i], at.column()) for i, at in zip(before, old, strict=True)]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def _sort(self) -> None:
        column, order = self._sorted
        if not 0 <= column < len(self.columns):
            return
        of = self.columns[column].value
        known = [run for run in self.runs if of(run) is not None]
        known.sort(key=of, reverse=order == Qt.SortOrder.DescendingOrder)
        self.runs = [*known, *(run for run in self.runs if of(run) is None)]


def _columns(how: Definitions, unlike: Sequence[str]) -> list[Column]:
    """unlike: parts of the settings that differ."""
    columns = [Column("Prompt", "the prompt's name in its file", _prompt, _prompt)]
    if unlike:
        tip = ", ".join(AXES[key] for key in unlike)

        def words(run: RunRow) -> str:
            return parts_words(run.setting, unlike)

        columns.append(Column("Setting", tip, words, words))
    columns.append(Column("#", "repeat", lambda run: run.repeat, lambda run: str(run.repeat + 1),
                          number=True))  # fmt: skip
    columns += [_of(metric, how) for metric in FIGURES]
    columns.append(Column("Text", "greedy runs: the very tokens of plain decoding, or not",
                          lambda run: run.same_text, lambda run: _SAME[run.same_text]))  # fmt: skip
    columns.append(Column("Date", "when it was run", lambda run: run.started_at,
                          lambda run: date_words(run.started_at)))  # fmt: skip
    return columns


def _of(metric: Metric, how: Definitions) -> Column:
    words = metric_words(metric, how)

    def text(run: RunRow) -> str:
        value = run_value(run, metric, how)
        return "–" if value is None else figure(metric, value)

    return Column(words.short[:1].upper() + words.short[1:] if words.short.isascii()
                  else words.short, f"{words.title}, {words.kind}: {words.tip}",
                  lambda run: run_value(run, metric, how), text, number=True)  # fmt: skip


def _prompt(run: RunRow) -> str:
    return run.prompt


def date_words(started_at: str) -> str:
    """`25 Nov 21:03`, in local time; "" where it is not known."""
    try:
        time = datetime.fromisoformat(started_at).astimezone()
    except ValueError:
        return ""
    return f"{time.day} {time:%b %H:%M}"
