"""The figures of compared runs as an item model: a row a figure, a column a run."""

from __future__ import annotations

from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractTableModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from app import comparison_words as words
from app.comparison import Compared, Row, Value

Index = QModelIndex | QPersistentModelIndex
VALUE = Qt.ItemDataRole.UserRole
"""The `Value` of a cell."""
ROW = Qt.ItemDataRole.UserRole + 1
"""The `Row`; None in the heading of a group. Of cells and of vertical headers."""

_ROOT = QModelIndex()
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class Line(NamedTuple):
    """A row of the table: a group's heading, or a figure."""

    title: str
    row: Row | None


class CompareTable(QAbstractTableModel):
    """`update` replaces everything."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.compared: Compared | None = None
        self.lines: tuple[Line, ...] = ()

    def update(self, compared: Compared | None) -> None:
        self.beginResetModel()
        self.compared = compared
        lines: list[Line] = []
        for row in compared.rows if compared is not None else ():
            if not lines or lines[-1].row is None or lines[-1].row.group != row.group:
                lines.append(Line(row.group, None))
            lines.append(Line(row.name, row))
        self.lines = tuple(lines)
        self.endResetModel()

    def headings(self) -> list[int]:
        """The rows that are headings of groups."""
        return [i for i, line in enumerate(self.lines) if line.row is None]

    # Qt

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() or self.compared is None else len(self.compared.members)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.lines):
            return None
        row = self.lines[index.row()].row
        if row is None:
            return None
        value = row.values[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return value.text
            case Qt.ItemDataRole.ToolTipRole:
                return self._told(row, value, index.column())
            case Qt.ItemDataRole.AccessibleTextRole:
                return self._spoken(row, value)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _RIGHT if value.kind else _LEFT
            case _ if role == VALUE:
                return value
            case _ if role == ROW:
                return row
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if self.compared is None or section < 0:
            return None
        if orientation == Qt.Orientation.Horizontal:
            if section < len(self.compared.members):
                return self._run(section, role)
        elif section < len(self.lines):
            return self._figure(self.lines[section], role)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self.lines[index.row()].row is None:
            return Qt.ItemFlag.NoItemFlags
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def _run(self, place: int, role: int) -> Any:
        assert self.compared is not None
        name = self.compared.members[place].name
        reference = "reference" if place == self.compared.reference else ""
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return name
            case Qt.ItemDataRole.ToolTipRole:
                return " · ".join(filter(None, (f"{words.letter(place)}: {name}", reference)))
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(filter(None, (words.letter(place), name, reference)))
        return None

    def _figure(self, line: Line, role: int) -> Any:
        row = line.row
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return line.title
            case Qt.ItemDataRole.ToolTipRole if row is not None:
                good = f"{row.better} is better" if row.better else ""
                return "\n".join(filter(None, (row.tip, ", ".join(filter(None, (row.kind, good))))))
            case Qt.ItemDataRole.AccessibleTextRole if row is not None:
                return ", ".join(filter(None, (row.name, row.kind)))
            case _ if role == ROW:
                return row
        return None

    def _told(self, row: Row, value: Value, place: int) -> str:
        """A cell in full: settings are too long for it, figures have a kind."""
        assert self.compared is not None
        if value.kind is None:
            return value.text
        reference = words.letter(self.compared.reference)
        return ", ".join(filter(None, (
            f"{row.name}: {value.text}",
            value.kind if value.number is not None else "not defined for this run",
            f"{value.change} against {reference}" if value.change else "",
            "best" if value.best else "",
        )))  # fmt: skip

    def _spoken(self, row: Row, value: Value) -> str:
        return ", ".join(filter(None, (
            row.name, value.text, value.kind or "", value.change, "best" if value.best else "",
        )))  # fmt: skip

    # For other programs

    def copied(self, rows: list[int]) -> QMimeData:
        """Some rows, or all, as a Markdown table (which reads as text) and as an HTML one."""
        data = QMimeData()
        if self.compared is not None:
            chosen = [line.row for i, line in enumerate(self.lines) if not rows or i in rows]
            known = [row for row in chosen if row is not None]
            data.setText(words.markdown(self.compared, known))
            data.setHtml(words.html_table(self.compared, known))
        return data

    def csv(self) -> str:
        return words.csv_table(self.compared, self.compared.rows) if self.compared else ""
