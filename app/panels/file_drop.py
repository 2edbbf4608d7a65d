"""Files and folders that are dropped: which one is meant, and buttons that take one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QPushButton, QWidget

Find = Callable[[QDragEnterEvent | QDropEvent], Path | None]


def dropped_file(event: QDragEnterEvent | QDropEvent, suffix: str) -> Path | None:
    """The one local file with that suffix that is being dropped, if it is one."""
    path = _dropped(event)
    return path if path is not None and path.suffix.lower() == suffix else None


def dropped_model(event: QDragEnterEvent | QDropEvent) -> Path | None:
    """The one .gguf file, or folder, that is being dropped."""
    path = _dropped(event)
    if path is not None and (path.suffix.lower() == ".gguf" or path.is_dir()):
        return path
    return None


def _dropped(event: QDragEnterEvent | QDropEvent) -> Path | None:
    urls = event.mimeData().urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None


class FileDropButton(QPushButton):
    """A button that a file can be dropped on. find: which one. dropped: its path."""

    dropped = Signal(str)

    def __init__(self, find: Find, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._find = find
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.isEnabled() and self._find(event) is not None:
            event.acceptProposedAction()
            self.setDown(True)

    def dragLeaveEvent(self, event: QEvent) -> None:
        self.setDown(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.setDown(False)
        path = self._find(event)
        if path is not None:
            event.acceptProposedAction()
            self.dropped.emit(str(path))
