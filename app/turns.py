"""Refreshes that share the frames: one a frame, in turn, until each has seen the last news."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

PATIENCE_MS = 40
"""Longer than the time between two marks of a live run: the next mark usually comes first."""


class Turns(QObject):
    """Runs one of `refreshes` at each `mark`, the next at the next, so that costly views get every
    other frame instead of all of them sharing a long one. A timer runs what is still owed."""

    def __init__(self, refreshes: tuple[Callable[[], None], ...], parent: QObject) -> None:
        super().__init__(parent)
        self._refreshes = refreshes
        self._next = 0
        self._owed = 0
        self._timer = QTimer(self)
        self._timer.setInterval(PATIENCE_MS)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._take)

    def mark(self) -> None:
        """There is news: all are owed a refresh."""
        self._owed = len(self._refreshes)
        self._take()

    def finish(self) -> None:
        """Run all that is owed now."""
        while self._owed:
            self._take()
        self._timer.stop()

    def _take(self) -> None:
        refresh = self._refreshes[self._next]
        self._next = (self._next + 1) % len(self._refreshes)
        self._owed -= 1
        refresh()
        if self._owed:
            self._timer.start()
