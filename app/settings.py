"""What the app remembers: one INI file, read and written with types.

QSettings hands booleans and numbers of an INI file back as strings, so every value is kept as JSON
and decoded as the type that it must have. What does not decode is dropped and reported once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from app.setup import Setup
from app.theme import PaletteName, SchemeChoice
from engine.errors import ConfigError

T = TypeVar("T")
N_RECENT = 12


@dataclass(frozen=True)
class Folders:
    """Where the app keeps its files."""

    config: Path
    data: Path
    log: Path

    @classmethod
    def default(cls) -> Folders:
        dirs = platformdirs.PlatformDirs("draftscope", appauthor=False)
        return cls(dirs.user_config_path, dirs.user_data_path, dirs.user_log_path)

    @classmethod
    def below(cls, folder: Path) -> Folders:
        """All of them in one folder (tests, demos)."""
        return cls(folder / "config", folder / "data", folder / "log")


class View(msgspec.Struct, frozen=True):
    """How the window shows things. reduced_motion None: as the system wants it."""

    scheme: SchemeChoice = "system"
    palette: PaletteName = "standard"
    show_rejected: bool = True
    dense: bool = False
    setup_panel: bool = True
    plots_panel: bool = True
    reduced_motion: bool | None = None


class Presenting(msgspec.Struct, frozen=True):
    """How presenter mode was last set. fixed: the stage's name where it has a window of a fixed
    size, "" on the full screen."""

    view: Literal["stream", "round", "race", "plots", "inspector", "all"] = "all"
    shape: Literal["16:9", "1:1", "9:16"] = "16:9"
    fixed: Literal["", "1080p", "4K"] = ""
    caption: str = ""
    show_keys: bool = True


class Rendering(msgspec.Struct, frozen=True):
    """What the dialog "Render clip" was last set to. fps: frames a second, by format; folder:
    where the clip went."""

    suffix: str = ".mp4"
    view: str = "all"
    size: str = "1920x1080"
    scheme: str = "light"
    speed: float = 1.0
    fps: dict[str, float] = {}
    folder: str = ""


class Settings:
    """Typed access to the settings file. `broken` tells what could not be read."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self.path = folders.config / "settings.ini"
        self.broken = False
        self._store = QSettings(str(self.path), QSettings.Format.IniFormat)
        if self._store.status() != QSettings.Status.NoError:
            self._set_aside()

    def _set_aside(self) -> None:
        """Keep a file that is no INI file under another name, and begin anew."""
        self.broken = True
        try:
            self.path.replace(self.path.with_suffix(".damaged"))
        except OSError:
            return  # nothing can be saved then; the defaults serve
        self._store = QSettings(str(self.path), QSettings.Format.IniFormat)

    def _get(self, key: str, kind: type[T]) -> T | None:
        """The value of a key, or None if there is none that is a `kind`."""
        text = self._store.value(key)
        if text is None:
            return None
        try:
            return msgspec.json.decode(str(text), type=kind)
        except (msgspec.DecodeError, UnicodeError):
            self.broken = True
            self._store.remove(key)
            return None

    def _put(self, key: str, value: Any) -> None:
        self._store.setValue(key, msgspec.json.encode(value).decode())

    def sync(self) -> bool:
        """Write now; whether it worked."""
        self._store.sync()
        return self._store.status() == QSettings.Status.NoError

    @property
    def setup(self) -> Setup | None:
        """The last setup, or None on the first start."""
        setup = self._get("setup", Setup)
        try:
            return setup and msgspec.structs.replace(setup, config=setup.config.validated())
        except ConfigError:
            self.broken = True
            return None

    @setup.setter
    def setup(self, value: Setup) -> None:
        self._put("setup", value)

    @property
    def view(self) -> View:
        return self._get("view", View) or View()

    @view.setter
    def view(self, value: View) -> None:
        self._put("view", value)

    @property
    def rendering(self) -> Rendering:
        return self._get("rendering", Rendering) or Rendering()

    @rendering.setter
    def rendering(self, value: Rendering) -> None:
        self._put("rendering", value)

    @property
    def presenting(self) -> Presenting:
        return self._get("presenting", Presenting) or Presenting()

    @presenting.setter
    def presenting(self, value: Presenting) -> None:
        self._put("presenting", value)

    def get(self, key: str, kind: type[T]) -> T | None:
        """What a part of the window keeps under a key of its own, or None."""
        return self._get(key, kind)

    def put(self, key: str, value: Any) -> None:
        """Keep it: anything that msgspec can write."""
        self._put(key, value)

    @property
    def recent_models(self) -> list[str]:
        return self._get("recent_models", list[str]) or []

    def add_recent_model(self, source: str) -> None:
        self._add_recent("recent_models", source)

    @property
    def saved_recordings(self) -> list[str]:
        return self._get("saved_recordings", list[str]) or []

    def add_saved_recording(self, path: str) -> None:
        self._add_recent("saved_recordings", path)

    def _add_recent(self, key: str, value: str) -> None:
        known = [entry for entry in self._get(key, list[str]) or [] if entry != value]
        self._put(key, [value, *known][:N_RECENT])

    def geometry(self, name: str) -> QByteArray | None:
        """What a widget's saveGeometry or saveState gave."""
        text = self._get(f"geometry/{name}", str)
        return QByteArray.fromBase64(text.encode("ascii", "replace")) if text else None

    def set_geometry(self, name: str, value: QByteArray) -> None:
        self._put(f"geometry/{name}", bytes(value.toBase64().data()).decode("ascii"))
