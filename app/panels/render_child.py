"""`draftscope render` in a process of its own, so that the window stays smooth."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from PySide6.QtCore import QCoreApplication, QObject, QProcess, QProcessEnvironment, QTimer, Signal

import app
from app.render.output import part_of
from engine.errors import ErrorInfo

PATIENCE_MS = 5000
"""For a process that was asked to stop; then it is killed."""
_RETRIES = 20


class _Line(msgspec.Struct):
    """What the process prints: see app.render.progress.LineProgress."""

    done: int = 0
    total: int = 0
    error: str = ""
    hint: str = ""


def command() -> list[str]:
    """What starts this program again."""
    frozen = getattr(sys, "frozen", False)
    return [sys.executable] if frozen else [sys.executable, "-m", "app"]


class RenderChild(QObject):
    """One rendering at a time. After `start` comes exactly one of done, failed and cancelled."""

    progressed = Signal(int, int)  # frames done, frames in all
    done = Signal()
    failed = Signal(object)  # ErrorInfo
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._target = Path()
        self._cancelling = False
        self._rest = b""
        self._error: ErrorInfo | None = None
        application = QCoreApplication.instance()
        assert application is not None
        application.aboutToQuit.connect(self.end)

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, arguments: Sequence[str], target: Path) -> None:
        """Run `render` with these arguments; target: the file that it writes."""
        self._target, self._cancelling, self._rest, self._error = target, False, b"", None
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
        process.start(program, [*before, "render", *arguments, "--for-window"])

    def cancel(self) -> None:
        """Ask it to stop and to leave nothing; `cancelled` follows."""
        process = self._process
        if process is None or self._cancelling:
            return
        self._cancelling = True
        process.closeWriteChannel()  # that is the sign; it works on every system
        QTimer.singleShot(PATIENCE_MS, process, process.kill)

    def end(self) -> None:
        """Stop it now and wait: the window goes."""
        process = self._process
        if process is not None:
            self.cancel()
            if not process.waitForFinished(PATIENCE_MS):
                process.kill()
                process.waitForFinished(PATIENCE_MS)

    def _read(self) -> None:
        if self._process is None:
            return
        lines = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        self._rest = lines.pop()
        for text in lines:
            with suppress(msgspec.DecodeError, UnicodeError):
                line = msgspec.json.decode(text, type=_Line)
                if line.error:
                    self._error = ErrorInfo("RenderError", line.error, line.hint)
                elif line.total and not self._cancelling:
                    self.progressed.emit(line.done, line.total)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart and self._process is not None:
            said = self._process.errorString()
            self._let_go()
            self.failed.emit(
                ErrorInfo("RenderError", "The rendering could not be started.", f"{said}.")
            )

    def _on_finished(self, code: int, _status: QProcess.ExitStatus) -> None:
        process = self._process
        if process is None:
            return
        self._read()
        said = bytes(process.readAllStandardError().data()).decode("utf-8", "replace")
        self._let_go()
        self._remove_part(_RETRIES)
        if code == 0:  # also where it was whole before it heard of the cancelling
            self.done.emit()
        elif self._cancelling:
            self.cancelled.emit()
        else:
            self.failed.emit(self._error or _unexpected(code, said))

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.deleteLater()
            self._process = None

    def _remove_part(self, tries: int) -> None:
        """What a killed process left. On Windows the encoder may hold it for a moment yet."""
        try:
            part_of(self._target).unlink(missing_ok=True)
        except OSError:
            if tries:
                QTimer.singleShot(100, self, lambda: self._remove_part(tries - 1))


def _unexpected(code: int, said: str) -> ErrorInfo:
    return ErrorInfo(
        "RenderError",
        "The rendering ended unexpectedly.",
        "This is a fault in Draftscope: the details can be copied into a report.",
        f"Exit code {code}\n{said[-20_000:]}",
    )
