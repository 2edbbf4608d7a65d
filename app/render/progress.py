"""How far a rendering is: for a terminal, and as lines for the window that started it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import typer

from engine.console import Progress
from engine.errors import ErrorInfo

_SETTLED_S = 1.0
"""The first frames warm caches up and say little of those to come."""


def remaining(done: int, total: int, elapsed_s: float) -> str:
    """ "about 12 s left", or "" while nobody can tell."""
    if elapsed_s < _SETTLED_S or not 0 < done < total:
        return ""
    left = elapsed_s / done * (total - done)
    if left < 60:
        return f"about {max(round(left), 1)} s left"
    return f"about {left / 60:.0f} min left"


class TerminalProgress(Progress):
    """One line on stderr that is rewritten in place; nothing where stderr is no terminal."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._began = clock()

    def reading(self, name: str) -> None:
        self._say(f"Reading {name}")

    def frame(self, done: int, total: int) -> None:
        if done == total:
            self._say("Finishing the file")
            return
        left = remaining(done, total, self._clock() - self._began)
        self._say(", ".join(filter(None, (f"Rendering: {done:,} of {total:,} frames", left))))


class LineProgress:
    """One JSON object a line on stdout: {"done", "total"} ten times a second at most, then
    {"error", "hint"} where it failed. `app.panels.render_child` reads them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: float | None = None

    def reading(self, name: str) -> None:
        """Nothing to tell."""

    def clear(self) -> None:
        """Nothing to take back."""

    def frame(self, done: int, total: int) -> None:
        now = self._clock()
        if self._shown is None or done == total or now - self._shown >= 0.1:
            self._shown = now
            typer.echo(json.dumps({"done": done, "total": total}))

    def failed(self, error: ErrorInfo) -> None:
        typer.echo(json.dumps({"error": error.message, "hint": error.hint}))
