"""Opens the window and does what the command line asked of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app import assets, theme
from app.crash import CrashLog
from app.files import recording_named
from app.main import parsed_size
from app.settings import Folders, Settings
from app.setup import with_draft, with_target
from app.window import MainWindow

if TYPE_CHECKING:
    from app.main import WindowOptions

STARTED_AT = "DRAFTSCOPE_STARTUP"
"""Environment variable with `time.monotonic()` of the launch: the window then says on stderr how
long it took to the first picture."""


INSPECTOR_MS = 2000


def open_window(options: WindowOptions) -> int:
    """Show the window until it is closed; return the exit status."""
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Draftscope")
    application.setDesktopFileName("draftscope")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C; runs are recorded as they go
    folders = Folders.default()
    crash_log = CrashLog(folders.log)
    crash_log.install()
    settings = Settings(folders)
    theme.set_scheme(settings.view.scheme)
    theme.set_palette(settings.view.palette)
    theme.install(application)
    application.setWindowIcon(assets.icon("draftscope", theme.theme().text))
    window = MainWindow(settings, crash_log=crash_log)
    launch = Launch(application, window, options)  # Qt keeps no reference to it
    launch.begin()
    status = application.exec()
    crash_log.uninstall()
    return status


class Launch:
    """The wishes of the command line, in their order: size, models, recording or run, picture."""

    def __init__(
        self, application: QApplication, window: MainWindow, options: WindowOptions
    ) -> None:
        self._application = application
        self._window = window
        self._options = options
        self._taken = options.screenshot is None

    def begin(self) -> None:
        window, options = self._window, self._options
        size = parsed_size(options.size)
        if size is not None:
            window.resize(*size)
            window.share_width()
        if options.theme:
            window.view.use_scheme(cast(theme.SchemeChoice, options.theme), remember=False)
        panel = window.setup_panel
        if options.target:
            panel.setup = with_target(panel.setup, options.target)
        if options.draft:
            panel.setup = with_draft(panel.setup, options.draft)
        window.painted.connect(self._on_painted)
        window.show()

    def _on_painted(self) -> None:
        started = os.environ.get(STARTED_AT)
        if started and sys.stderr is not None:
            sys.stderr.write(f"first picture after {time.monotonic() - float(started):.3f} s\n")
            sys.stderr.flush()
        window, options = self._window, self._options
        window.presenter.settled.connect(self._on_settled)
        window.controller.failed.connect(self._on_settled)
        if options.quit_after is not None:
            QTimer.singleShot(round(options.quit_after * 1000), self._quit)
        QTimer.singleShot(0, self._start)
        # Made while nobody waits for it, so that the first click on a token need not.
        QTimer.singleShot(INSPECTOR_MS, window, lambda: window.side.inspector)

    def _start(self) -> None:
        options = self._options
        if options.replay:
            self._window.open_file(recording_named(options.replay))
        elif options.run:
            self._window.run()
        else:
            self._on_settled()

    def _on_settled(self, _error: object = None) -> None:
        # One turn of the event loop later everything is laid out and painted.
        QTimer.singleShot(100, self._take)

    def _take(self) -> None:
        if not self._taken and self._options.screenshot is not None:
            self._taken = True
            path = self._options.screenshot
            path.parent.mkdir(parents=True, exist_ok=True)
            if not self._window.grab().save(str(path), "PNG"):
                sys.stderr.write(f"Error: {path} cannot be written.\n")

    def _quit(self) -> None:
        self._take()
        self._window.close()
        self._application.quit()
