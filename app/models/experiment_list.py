"""The experiments of this machine: their folders, newest first, and how far each is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from engine.errors import DraftscopeError
from engine.experiments.grid import grid
from engine.experiments.ledger import RESULTS, SPEC, read_saved_spec
from engine.experiments.spec import Spec
from engine.experiments.sweep import Progress

Standing = Literal["new", "waiting", "running", "held", "stopped", "complete", "failed"]
WORDS: dict[Standing, str] = {
    "new": "Not begun",
    "waiting": "In the queue",
    "running": "Running",
    "held": "Paused",
    "stopped": "Stopped",
    "complete": "Complete",
    "failed": "Cannot be read",
}
_RUN = re.compile(rb'"type":"RunDone","run_id":"\w*","cell":"\w')
_Index = QModelIndex | QPersistentModelIndex


@dataclass(slots=True)
class Entry:
    """One experiment. done, total: runs, baselines not counted. spec None: it cannot be read."""

    folder: Path
    spec: Spec | None
    done: int
    total: int
    changed: float
    problem: str = ""
    standing: Standing = "stopped"

    @property
    def title(self) -> str:
        return (self.spec.title if self.spec is not None else "") or self.folder.name


def look(folder: Path) -> Entry:
    """What a folder says of itself, without reading its results record by record."""
    results = folder / RESULTS
    try:
        spec = read_saved_spec(folder)
        total = grid(spec).runs
        data = results.read_bytes() if results.exists() else b""
        changed = (results if results.exists() else folder / SPEC).stat().st_mtime
    except (DraftscopeError, OSError) as error:
        said = error.message if isinstance(error, DraftscopeError) else str(error)
        return Entry(folder, None, 0, 0, 0.0, said, "failed")
    done = len(_RUN.findall(data))
    standing: Standing = "complete" if done >= total else "stopped" if data else "new"
    return Entry(folder, spec, done, total, changed, standing=standing)


class ExperimentList(QAbstractListModel):
    """Experiments below `root`, and folders from elsewhere that were opened."""

    EntryRole = Qt.ItemDataRole.UserRole + 1

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.entries: list[Entry] = []

    def read(self, others: tuple[Path, ...] = ()) -> None:
        """Look at the folders anew; what runs or waits keeps its standing."""
        standing: dict[Path, Standing] = {
            entry.folder: entry.standing for entry in self.entries if entry.standing in ACTIVE
        }
        own = self.root.iterdir() if self.root.is_dir() else ()
        folders = [f for f in own if (f / SPEC).exists()]
        found = [look(folder) for folder in dict.fromkeys((*others, *folders))]
        for entry in found:
            entry.standing = standing.get(entry.folder, entry.standing)
        found.sort(key=lambda entry: (entry.changed, entry.folder.name), reverse=True)
        self.beginResetModel()
        self.entries = found
        self.endResetModel()

    def row_of(self, folder: Path) -> int:
        """Its row, -1 for none."""
        return next((i for i, e in enumerate(self.entries) if e.folder == folder), -1)

    def entry(self, folder: Path) -> Entry | None:
        row = self.row_of(folder)
        return self.entries[row] if row >= 0 else None

    def set_standing(self, folder: Path, standing: Standing) -> None:
        row = self.row_of(folder)
        if row >= 0 and self.entries[row].standing != standing:
            self.entries[row].standing = standing
            self._tell(row)

    def set_progress(self, folder: Path, progress: Progress) -> None:
        row = self.row_of(folder)
        if row >= 0:
            self.entries[row].done, self.entries[row].total = progress.done, progress.total
            self._tell(row)

    def look_again(self, folder: Path) -> None:
        """Read how far one is; it neither runs nor waits any more."""
        row = self.row_of(folder)
        if row >= 0:
            self.entries[row] = look(folder)
            self._tell(row)

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return entry.problem or f"{entry.title}\n{status(entry)}\n{entry.folder}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.title}: {status(entry)}"
        return entry if role == self.EntryRole else None

    def _tell(self, row: int) -> None:
        index = self.index(row)
        self.dataChanged.emit(index, index)


ACTIVE: tuple[Standing, ...] = ("waiting", "running", "held")


def status(entry: Entry) -> str:
    """How far it is, in a few words."""
    if entry.spec is None:
        return WORDS["failed"]
    runs = f"{entry.total:,} runs"
    if entry.standing in ("running", "held", "stopped"):
        runs = f"{entry.done:,} of {entry.total:,} runs"
    when = ""
    if entry.standing in ("complete", "stopped"):
        when = f" · {datetime.fromtimestamp(entry.changed):%d %b %Y, %H:%M}"
    return f"{WORDS[entry.standing]} · {runs}{when}"
