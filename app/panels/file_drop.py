"""Files that are dropped: which one is meant, and buttons that take one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QPushButton, QWidget


def dropped_file(event: QDragEnterEvent | QDropEvent, suffix: str) -> Path | None:
    """The one local file with that suffix that is being dropped, if it is one."""
    urls = event.mimeData().urls()
    if len(urls) == 1 and urls[0].isLocalFile():
        path = Path(urls[0].toLocalFile())
        if path.suffix.lower() == suffix:
            return path
    return None


class FileDropButton(QPushButton):
    """A button that a file with one suffix can be dropped on. dropped: its path."""

    dropped = Signal(str)

    def __init__(self, suffix: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._suffix = suffix
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.isEnabled() and dropped_file(event, self._suffix) is not None:
            event.acceptProposedAction()
            self.setDown(True)

    def dragLeaveEvent(self, event: QEvent) -> None:
        self.setDown(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.setDown(False)
        path = dropped_file(event, self._suffix)
        if path is not None:
            event.acceptProposedAction()
            self.dropped.emit(str(path))
