"""Unexpected errors: logged to a file, shown in the window, and never the end of the app."""

from __future__ import annotations

import faulthandler
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TextIO

from engine.errors import ErrorInfo

MAX_LOG_BYTES = 1_000_000


class CrashLog:
    """Catches what no one else caught, on any thread, and crashes of native code.

    `show` is called with each error, on the thread where it happened.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "draftscope.log"
        self.show: Callable[[ErrorInfo], None] | None = None
        self._file: TextIO | None = None
        self._previous = sys.excepthook, threading.excepthook

    def install(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_size > MAX_LOG_BYTES:
                self.path.replace(self.path.with_suffix(".old.log"))
            self._file = self.path.open("a", encoding="utf-8")
            # A windowed build has no stderr, so native crashes need a file of their own.
            faulthandler.enable(self._file)
        except OSError:
            self._file = None
        sys.excepthook = self._uncaught
        threading.excepthook = self._uncaught_in_thread

    def uninstall(self) -> None:
        sys.excepthook, threading.excepthook = self._previous
        if self._file is not None:
            faulthandler.disable()
            self._file.close()
            self._file = None

    def _uncaught(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, Exception):
            self._previous[0](kind, error, trace)
            return
        self.report(ErrorInfo.of(error.with_traceback(trace)))

    def _uncaught_in_thread(self, args: threading.ExceptHookArgs) -> None:
        if isinstance(args.exc_value, Exception):
            self.report(ErrorInfo.of(args.exc_value))

    def report(self, error: ErrorInfo) -> None:
        """Log an error and show it."""
        if self._file is not None:
            now = datetime.now().isoformat(timespec="seconds")
            self._file.write(f"{now} {error.type}: {error.message}\n{error.traceback}\n")
            self._file.flush()
        if sys.stderr is not None:  # none in a windowed build
            sys.stderr.write(error.traceback)
        if self.show is not None:
            self.show(error)
