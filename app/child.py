"""One of our commands in a process of its own, so that the window stays smooth."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, QProcess, QProcessEnvironment, QTimer, Signal

import app
from engine.errors import ErrorInfo


def command() -> list[str]:
    """What starts this program again."""
    frozen = getattr(sys, "frozen", False)
    return [sys.executable] if frozen else [sys.executable, "-m", "app"]


class Child(QObject):
    """One process at a time. After `start` comes exactly one of done, failed and cancelled.

    Subclasses read the lines that the command prints with --for-window. what: it, in words.
    """

    done = Signal()
    failed = Signal(object)  # ErrorInfo
    cancelled = Signal()
    what = "The work"
    kind = "ChildError"
    """Type of the errors that are told."""
    patience_ms = 5000
    """For a process that was asked to stop; then it is killed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._cancelling = False
        self._rest = b""
        self.error: ErrorInfo | None = None
        """What the process said went wrong."""
        application = QCoreApplication.instance()
        assert application is not None
        application.aboutToQuit.connect(self.end)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def cancelling(self) -> bool:
        return self._cancelling

    def start_command(self, arguments: Sequence[str]) -> None:
        """Run the program with these arguments."""
        self._cancelling, self._rest, self.error = False, b"", None
        process = self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("QT_QPA_PLATFORM", "offscreen")
        environment.insert("PYTHONIOENCODING", "utf-8")
        root = str(Path(app.__file__).parents[1])
        known = environment.value("PYTHONPATH")
        environment.insert("PYTHONPATH", os.pathsep.join(filter(None, (root, known))))
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        program, *before = command()
        process.start(program, [*before, *arguments, "--for-window"])

    def cancel(self) -> None:
        """Ask it to stop; `cancelled` follows."""
        process = self._process
        if process is None or self._cancelling:
            return
        self._cancelling = True
        process.closeWriteChannel()  # that is the sign; it works on every system
        QTimer.singleShot(self.patience_ms, process, process.kill)

    def end(self) -> None:
        """Stop it now and wait: the window goes."""
        process = self._process
        if process is not None:
            self.cancel()
            if not process.waitForFinished(self.patience_ms):
                process.kill()
                process.waitForFinished(self.patience_ms)

    def on_line(self, text: bytes) -> None:
        """A line that the process printed."""

    def on_ended(self) -> None:
        """The process is over; what comes of it is told next."""

    def _read(self) -> None:
        if self._process is None:
            return
        lines = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        self._rest = lines.pop()
        for text in lines:
            self.on_line(text)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart and self._process is not None:
            said = self._process.errorString()
            self._let_go()
            self.failed.emit(ErrorInfo(self.kind, f"{self.what} could not be started.", f"{said}."))

    def _on_finished(self, code: int, _status: QProcess.ExitStatus) -> None:
        process = self._process
        if process is None:
            return
        self._read()
        said = bytes(process.readAllStandardError().data()).decode("utf-8", "replace")
        self._let_go()
        self.on_ended()
        if code == 0:  # also where it was whole before it heard of the cancelling
            self.done.emit()
        elif self._cancelling:
            self.cancelled.emit()
        else:
            self.failed.emit(self.error or self._unexpected(code, said))

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.deleteLater()
            self._process = None

    def _unexpected(self, code: int, said: str) -> ErrorInfo:
        return ErrorInfo(
            self.kind,
            f"{self.what} ended unexpectedly.",
            "This is a fault in Draftscope: the details can be copied into a report.",
            f"Exit code {code}\n{said[-20_000:]}",
        )
