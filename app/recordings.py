"""The recordings that the app keeps by itself: every run, newest first, within bounds."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.events import SCHEMA

KEEP = 50
KEEP_BYTES = 2 * 1024**3
_HEAD_BYTES = 4 * 1024**2


class _Model(msgspec.Struct):
    name: str


class _Models(msgspec.Struct):
    target: _Model
    draft: _Model | None = None


class _Head(msgspec.Struct, tag_field="type", tag="RunStarted"):
    """The few fields of a RunStarted that a list shows."""

    prompt: str
    started_at: str
    models: _Models
    schema: int = SCHEMA


class Entry(NamedTuple):
    """One recording, as lists show it."""

    path: Path
    time: datetime
    prompt: str
    models: str
    saved: bool = False


class Recordings:
    """The folder of automatic recordings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_path(self) -> Path:
        """A name for the next recording."""
        return self.folder / f"{datetime.now():%Y%m%d-%H%M%S-%f}.jsonl"

    def prune(self, keep: int = KEEP, keep_bytes: int = KEEP_BYTES) -> None:
        """Delete the oldest beyond the bounds, and empty ones. Call it while nothing records."""
        total = 0
        for i, (path, size) in enumerate(self._files()):
            total += size
            if not size or i >= keep or (i and total > keep_bytes):
                with suppress(OSError):
                    path.unlink()

    def entries(self, saved: Iterable[str] = (), limit: int = 12) -> list[Entry]:
        """Saved and automatic recordings, newest first; unreadable ones are left out."""
        found: list[Entry] = []
        for name in saved:
            entry = read_entry(Path(name), saved=True)
            if entry is not None:
                found.append(entry)
        for path, _ in self._files()[:limit]:
            entry = read_entry(path)
            if entry is not None:
                found.append(entry)
        found.sort(key=lambda entry: entry.time, reverse=True)
        return found[:limit]

    def _files(self) -> list[tuple[Path, int]]:
        """Newest first: the names begin with the time."""
        files: list[tuple[Path, int]] = []
        with suppress(OSError):
            for path in sorted(self.folder.glob("*.jsonl"), reverse=True):
                with suppress(OSError):
                    files.append((path, path.stat().st_size))
        return files


def read_entry(path: Path, *, saved: bool = False) -> Entry | None:
    """What the beginning of a recording tells; None if it is none.

    The last RunStarted that is found there counts: a measured run names the draft, its baseline
    does not.
    """
    head: _Head | None = None
    left = _HEAD_BYTES
    with suppress(OSError), path.open("rb") as file:
        while left > 0 and (line := file.readline(left)):
            left -= len(line)
            if b'"RunStarted"' in line[:64]:
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    head = msgspec.json.decode(line, type=_Head)
            elif head is None:
                return None
    if head is None:
        return None
    names = [head.models.target.name]
    if head.models.draft is not None:
        names.append(head.models.draft.name)
    try:
        time = datetime.fromisoformat(head.started_at).astimezone()
    except ValueError:
        time = datetime.fromtimestamp(0).astimezone()
    return Entry(path, time, " ".join(head.prompt.split()), " · ".join(names), saved)
