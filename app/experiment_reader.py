"""Reads the folder of an experiment in a thread of its own, so that the window goes on."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from app.experiment_maps import with_waiting
from engine.errors import ErrorInfo
from engine.experiments.results import Results, read_results


class ExperimentReader(QObject):
    """One folder at a time: a new wish drops the one before, and nothing is told of that.

    found(Results): with its cells that wait for their runs. failed(ErrorInfo).
    """

    found = Signal(object)
    failed = Signal(object)
    _ended = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wish = 0
        self._reading = False
        self._threads: list[threading.Thread] = []
        # Told from the worker's thread: the queue brings it into this one.
        self._ended.connect(self._on_end, Qt.ConnectionType.QueuedConnection)

    @property
    def reading(self) -> bool:
        return self._reading

    def read(self, folder: Path) -> None:
        self._wish += 1
        self._reading = True
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(
            target=self._work, args=(folder, self._wish), name="experiment reader", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def drop(self) -> None:
        """Whatever is being read is no longer wanted."""
        self._wish += 1
        self._reading = False

    def wait(self) -> None:
        """Until nothing is being read any more, wanted or not: before this object is deleted."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self, folder: Path, wish: int) -> None:
        try:
            made: Results | ErrorInfo = with_waiting(read_results(folder))
        except Exception as error:  # whatever it is, a person must hear of it
            made = ErrorInfo.of(error)
        with suppress(RuntimeError):  # the window is gone, and this object with it
            self._ended.emit(wish, made)

    def _on_end(self, wish: int, made: Results | ErrorInfo) -> None:
        if wish != self._wish:
            return
        self._reading = False
        (self.failed if isinstance(made, ErrorInfo) else self.found).emit(made)
