"""What the headless commands share: errors, Ctrl+C, the engine's thread, the output's encoding."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TypeVar

import typer

from engine.errors import Cancelled, DraftscopeError, ErrorInfo

EXIT_FAILED = 1
EXIT_ERROR = 2
EXIT_CANCELLED = 130
T = TypeVar("T")


@contextmanager
def clear_errors(debug: bool) -> Generator[None]:
    """One line and a hint on stderr, exit code 2; the traceback only on demand."""
    try:
        yield
    except Cancelled:
        typer.echo("Cancelled.", err=True)
        raise typer.Exit(EXIT_CANCELLED) from None
    except DraftscopeError as error:
        report(ErrorInfo.of(error), debug)
        raise typer.Exit(EXIT_ERROR) from None


def report(error: ErrorInfo, debug: bool) -> None:
    """Say what went wrong and what to do next."""
    if debug:
        typer.echo(error.traceback, err=True)
    typer.echo(f"Error: {error.message}", err=True)
    if error.hint:
        typer.echo(f"Hint: {error.hint}", err=True)


def utf8_output() -> None:
    """A pipe or file gets UTF-8 whatever the locale; a terminal shows what it can."""
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        reconfigure(encoding=encoding, errors="replace")


def on_engine_thread(work: Callable[[], T], cancel: Callable[[], None]) -> T:
    """Do the work on a thread, so that Ctrl+C reaches this one and cancels it; what it returns or
    raises."""
    done = threading.Event()
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            failures.append(error)
        finally:
            done.set()

    worker = threading.Thread(target=run, name="engine")
    worker.start()
    wait_for(done, cancel)
    worker.join()
    if failures:
        raise failures[0]
    return results[0]


def wait_for(done: threading.Event, cancel: Callable[[], None]) -> None:
    """Wait until `done`; Ctrl+C cancels what is waited for.

    In time slices, because Windows can't interrupt a wait; on an Event, because an interrupted
    `Thread.join` takes the thread for ended.
    """
    while not done.is_set():
        try:
            done.wait(0.2)
        except KeyboardInterrupt:
            cancel()


class ProgressLine:
    """How far it is, on stderr: rewritten in place on a terminal, now and then a line elsewhere."""

    EVERY_S = 30.0

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._shown = 0.0

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now - self._shown < (0.1 if self._live else self.EVERY_S):
            return
        self._shown = now
        sys.stderr.write(f"\r\x1b[K{text[:160]}" if self._live else f"{text}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._live and self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def serve_window(cancel: Callable[[], None]) -> None:
    """Let the window go first, and cancel when it closes its end of our standard input: it does
    that to stop us, and the system does it when the window is gone."""
    import psutil

    background = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 10
    psutil.Process().nice(background)

    def watch() -> None:
        with suppress(OSError):  # where there is no standard input, nobody can close it
            # Below Python's buffer, whose lock would hinder the interpreter's end.
            while os.read(0, 4096):
                pass
            cancel()

    threading.Thread(target=watch, name="window", daemon=True).start()
