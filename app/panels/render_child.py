"""`draftscope render` in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from PySide6.QtCore import QTimer, Signal

from app.child import Child
from app.render.output import part_of
from engine.errors import ErrorInfo

_RETRIES = 20


class _Line(msgspec.Struct):
    """What the process prints: see app.render.progress.LineProgress."""

    done: int = 0
    total: int = 0
    error: str = ""
    hint: str = ""


class RenderChild(Child):
    """One rendering at a time; what is cancelled leaves nothing."""

    progressed = Signal(int, int)  # frames done, frames in all
    what = "The rendering"
    kind = "RenderError"
    _target = Path()

    def start(self, arguments: Sequence[str], target: Path) -> None:
        """Run `render` with these arguments; target: the file that it writes."""
        self._target = target
        self.start_command(["render", *arguments])

    def on_line(self, text: bytes) -> None:
        with suppress(msgspec.DecodeError, UnicodeError):
            line = msgspec.json.decode(text, type=_Line)
            if line.error:
                self.error = ErrorInfo(self.kind, line.error, line.hint)
            elif line.total and not self.cancelling:
                self.progressed.emit(line.done, line.total)

    def on_ended(self) -> None:
        self._remove_part(_RETRIES)

    def _remove_part(self, tries: int) -> None:
        """What a killed process left. On Windows the encoder may hold it for a moment yet."""
        try:
            part_of(self._target).unlink(missing_ok=True)
        except OSError:
            if tries:
                QTimer.singleShot(100, self, lambda: self._remove_part(tries - 1))
