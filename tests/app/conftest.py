"""What the window's tests share: folders of their own, toy models, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent

from app import theme
from app.machine import Machine
from app.settings import Folders, Settings
from app.setup import Setup
from app.window import MainWindow
from engine.config import Config
from engine.session import Session
from tests.app.held import Held

TOY = Setup(
    prompt="the cat sat on the mat",
    target="toy",
    draft="toy",
    config=Config(drafter="model", temperature=0.9, max_tokens=24, seed=3),
)
"""A job of a few milliseconds."""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders.below(tmp_path)


@pytest.fixture
def settings(folders: Folders) -> Settings:
    settings = Settings(folders)
    settings.setup = TOY
    return settings


@pytest.fixture
def held() -> Iterator[Held]:
    """Toy models that wait where a test tells them to."""
    held = Held()
    yield held
    held.release()


@pytest.fixture(autouse=True)
def hub_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache of the test's own, empty, and the libraries for what is put there."""
    folder = tmp_path_factory.mktemp("hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("engine.backends.hf.installed.require", lambda: None)
    return folder


@pytest.fixture(autouse=True)
def no_engine_left() -> Iterator[None]:
    """Every engine thread that a test started has ended with it."""
    yield
    left = [t.name for t in threading.enumerate() if t.name in ("engine", "machine")]
    assert not left


@pytest.fixture(autouse=True)
def no_widget_left() -> Iterator[None]:
    """What a test closed is gone with it: without an event loop Qt would keep it, and each change
    of the theme would dress all widgets of all tests before."""
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def make_window(qtbot, settings: Settings, held: Held) -> Iterator[Callable[..., MainWindow]]:
    """Windows over toy models; closed at the end. Options go to MainWindow."""
    made: list[MainWindow] = []

    def make(use: Settings | None = None, **options) -> MainWindow:
        options.setdefault("make_session", lambda: Session(held.load))
        options.setdefault("machine", Machine(ask=lambda: None))
        window = MainWindow(use or settings, **options)
        made.append(window)
        window.resize(1400, 860)
        window.show()
        qtbot.waitExposed(window)
        window.after_first_paint()
        return window

    yield make
    for window in made:
        window.close()
        window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    theme.set_scheme("system")
    theme.set_palette("standard")


@pytest.fixture
def window(make_window) -> MainWindow:
    return make_window()
