"""Recordings: every run is kept by itself; open one, save a copy, list the recent ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.recordings import Entry, Recordings
from app.settings import Settings
from engine.errors import DraftscopeError, ErrorInfo
from engine.presets import FILE as PRESETS_FILE
from engine.recording import save_copy

FILTER = "Draftscope recordings (*.jsonl);;All files (*)"
BUNDLED = {
    name: PRESETS_FILE.parent.parent / "recordings" / f"{name}.jsonl"
    for name in ("demo", "sampled")
}
"""Recordings that ship, by the name that the command line knows them by."""
DEMO = BUNDLED["demo"]


def recording_named(name: str) -> Path:
    """A bundled recording, or the file of that name."""
    return BUNDLED.get(name) or Path(name)


class Files(QObject):
    """The recording on screen and the ones there are. `wanted(path)`: one is to be opened.

    `ask_open`, `ask_save`: open a file dialog (tests replace them).
    """

    wanted = Signal(object)  # Path
    failed = Signal(object)  # ErrorInfo
    saved = Signal(object)  # Path
    shown_changed = Signal()

    def __init__(self, settings: Settings, menu: QMenu, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self._settings = settings
        self._menu = menu
        self._shown: Path | None = None
        self.recordings = Recordings(settings.folders.data / "recordings")
        self.ask_open: Callable[[], str] = self._ask_open
        self.ask_save: Callable[[str], str] = self._ask_save
        menu.aboutToShow.connect(self.fill)
        menu.setToolTipsVisible(True)

    @property
    def shown(self) -> Path | None:
        """The file of the run on screen, once it is whole."""
        return self._shown

    @shown.setter
    def shown(self, path: Path | None) -> None:
        self._shown = path
        self.shown_changed.emit()

    def open(self) -> None:
        path = self.ask_open()
        if path:
            self.wanted.emit(Path(path))

    def save(self) -> None:
        """Copy the recording to where the person wants it."""
        if self._shown is None:
            return
        chosen = self.ask_save(self._shown.name)
        if not chosen:
            return
        path = Path(chosen)
        if not path.suffix:
            path = path.with_suffix(".jsonl")
        if path == self._shown:
            return
        try:
            save_copy(self._shown, path)
        except DraftscopeError as error:
            self.failed.emit(ErrorInfo.of(error))
            return
        self._settings.add_saved_recording(str(path))
        self.saved.emit(path)

    def fill(self) -> None:
        """List the recent recordings."""
        self._menu.clear()
        entries = self.recordings.entries(self._settings.saved_recordings)
        for entry in entries:
            action = self._menu.addAction(describe(entry))
            action.setToolTip(str(entry.path))
            action.triggered.connect(lambda _=False, path=entry.path: self.wanted.emit(path))
        if not entries:
            self._menu.addAction("No recordings yet").setEnabled(False)

    def _ask_open(self) -> str:
        folder = str(self.recordings.folder)
        return QFileDialog.getOpenFileName(self._window, "Open a recording", folder, FILTER)[0]

    def _ask_save(self, name: str) -> str:
        return QFileDialog.getSaveFileName(self._window, "Save the recording", name, FILTER)[0]


def describe(entry: Entry) -> str:
    """One line of the menu: when, what, with what."""
    name = f"{entry.path.name}: " if entry.saved else ""
    prompt = entry.prompt if len(entry.prompt) <= 40 else entry.prompt[:39].rstrip() + "…"
    when = entry.time.strftime("%d %b %H:%M")
    return f"{when}   {name}{prompt}   ({entry.models})".replace("&", "&&")
