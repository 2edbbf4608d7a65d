"""Experiments that wait for the engine, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from app.commands import State
from app.controller import Controller
from app.models.experiment_list import ExperimentList
from engine.errors import ErrorInfo
from engine.experiments.ledger import SPEC
from engine.experiments.spec import Spec
from engine.experiments.sweep import Progress
from engine.session import JobFinished, SweepJob


class ExperimentQueue(QObject):
    """Starts the next experiment when the engine is free. What runs is on disk run by run, so
    stopping, closing the window and a crash lose at most what the block has made before its
    baseline, and the run that goes on.

    progressed(Path, Progress), ended(Path), failed(ErrorInfo): of the one that runs.
    """

    progressed = Signal(object, object)
    ended = Signal(object)
    failed = Signal(object)
    changed = Signal()

    def __init__(self, controller: Controller, model: ExperimentList, parent: QObject) -> None:
        super().__init__(parent)
        self._control, self.model = controller, model
        self.now: Callable[[], datetime] = datetime.now
        self.running: Path | None = None
        self.held = False
        self._waiting: list[tuple[Path, Spec, bool]] = []
        controller.sweep_progress.connect(self._on_progress)
        controller.sweep_ended.connect(self._on_ended)
        controller.state_changed.connect(self._on_state)

    @property
    def waiting(self) -> list[Path]:
        return [folder for folder, _, _ in self._waiting]

    def create(self, spec: Spec) -> Path:
        """A folder for a new experiment, with its spec. Raises OSError."""
        word = re.sub(r"[^a-z0-9]+", "-", spec.title.lower()).strip("-")[:40] or "experiment"
        folder = self.model.root / f"{self.now():%Y%m%d-%H%M%S}-{word}"
        number = 1
        while folder.exists():
            number += 1
            folder = folder.with_name(f"{folder.name}-{number}")
        folder.mkdir(parents=True)
        (folder / SPEC).write_bytes(msgspec.json.format(msgspec.json.encode(spec), indent=2))
        return folder

    def start(self, folder: Path, *, retry: bool = False) -> None:
        """Run what is missing of an experiment, or queue it."""
        entry = self.model.entry(folder)
        if entry is None or entry.spec is None or folder in (self.running, *self.waiting):
            return
        self._waiting.append((folder, entry.spec, retry))
        self.model.set_standing(folder, "waiting")
        self._next()

    def hold(self, held: bool) -> None:
        """Pause the one that runs, or let it go on."""
        if self.running is not None and held != self.held:
            self.held = held
            self._control.hold_sweep(held)
            self.model.set_standing(self.running, "held" if held else "running")
            self.changed.emit()

    def stop(self, folder: Path) -> None:
        """Stop one, or take it out of the queue."""
        if folder == self.running:
            self._control.stop()
        elif folder in self.waiting:
            self._waiting = [item for item in self._waiting if item[0] != folder]
            self.model.look_again(folder)
            self.changed.emit()

    def _next(self) -> None:
        if self.running is None and self._waiting and self._control.state is State.IDLE:
            folder, spec, retry = self._waiting[0]
            if self._control.start_sweep(SweepJob(spec, folder, retry)):
                del self._waiting[0]
                self.running, self.held = folder, False
                self.model.set_standing(folder, "running")
        self.changed.emit()

    def _on_state(self, state: State) -> None:
        if state is State.IDLE and not self._control.sweeping:
            self._next()

    def _on_progress(self, progress: Progress) -> None:
        if self.running is not None:
            self.model.set_progress(self.running, progress)
            self.progressed.emit(self.running, progress)

    def _on_ended(self, finished: JobFinished) -> None:
        folder, self.running, self.held = self.running, None, False
        if folder is None:
            return
        self.model.look_again(folder)
        if finished.error is not None:
            # The next one would most likely meet the same: a full disk, a missing library.
            for left in self.waiting:
                self.model.look_again(left)
            self._waiting.clear()
            self.failed.emit(finished.error)
        self.ended.emit(folder)
        self._next()


def as_error(error: OSError) -> ErrorInfo:
    """A folder that cannot be made or removed."""
    return ErrorInfo(
        type(error).__name__,
        f"The experiment's folder cannot be written: {error.strerror or error}.",
        "Check the free space and the rights.",
    )
