"""What the headless commands share: errors, Ctrl+C, the engine's thread, the output's encoding."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
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
