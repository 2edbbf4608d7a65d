"""`draftscope render`: a recording as a clip or picture. Qt loads inside the command."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.render.clip import FORMATS, SIZES, VIEWS, Clip, checked
from app.render.errors import RenderError
from engine import options
from engine.errors import Cancelled, DraftscopeError, ErrorInfo
from engine.terminal import clear_errors, serve_window

if TYPE_CHECKING:
    from app.render.job import Film
    from app.render.progress import LineProgress, TerminalProgress
    from engine.trace import Trace


def render(
    recording: Annotated[
        str, typer.Argument(help="A recording; 'demo' and 'sampled' are bundled.")
    ],
    out: Annotated[Path, typer.Option(help=f"File to write: {', '.join(FORMATS)}.")],
    size: Annotated[str, typer.Option(help=f"Such as 1920x1080, or {', '.join(SIZES)}.")] = "1080p",
    fps: Annotated[
        float | None,
        typer.Option(help="Frames a second; default: 60 in an MP4, 30 in a WebP, 25 in a GIF."),
    ] = None,
    view: Annotated[str, typer.Option(help=f"{', '.join(VIEWS)}.")] = "all",
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    start: Annotated[
        float, typer.Option("--from", help="Second of the recording at which to begin.")
    ] = 0.0,
    stop: Annotated[
        float | None, typer.Option("--to", help="Second at which to end; default: the last.")
    ] = None,
    speed: Annotated[float, typer.Option(help="0.25: four times slower than it was.")] = 1.0,
    against: Annotated[
        str, typer.Option(help="Recording to race against; default: the measured baseline.")
    ] = "",
    caption: Annotated[str, typer.Option(help="A line to show below the views.")] = "",
    for_window: Annotated[bool, typer.Option("--for-window", hidden=True)] = False,
    debug: options.Debug = False,
) -> None:
    """Render a recording as a video, an animation or a picture.

    The same recording and options give the same frames. The file appears under its name once it
    is whole.
    """
    with clear_errors(debug):
        from app.render.progress import LineProgress, TerminalProgress

        cancel = threading.Event()
        progress = LineProgress() if for_window else TerminalProgress()
        if for_window:
            serve_window(cancel.set)
        try:
            clip = checked(
                out, view=view, size=size, fps=fps, scheme=theme,
                start_s=start, stop_s=stop, speed=speed,
            )  # fmt: skip
            with _stopped_by(cancel):
                _render(recording, against, caption, clip, progress, cancel)
        except DraftscopeError as error:
            if isinstance(progress, LineProgress):
                progress.failed(ErrorInfo.of(error))
            raise
        finally:
            progress.clear()
    if not for_window:
        typer.echo(f"Wrote {out}", err=True)


def _render(
    recording: str,
    against: str,
    caption: str,
    clip: Clip,
    progress: TerminalProgress | LineProgress,
    cancel: threading.Event,
) -> None:
    from app.render.output import refuse_unwritable

    refuse_unwritable(clip.out)  # before a long recording is read
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from app.render.job import render as write

    trace = _read(recording, progress, cancel)
    other = _read(against, progress, cancel) if against else None
    write(make_film(trace, clip, other, caption), clip, progress.frame, cancel.is_set)


def make_film(trace: Trace, clip: Clip, against: Trace | None = None, caption: str = "") -> Film:
    """The pictures of a clip; makes the application that Qt needs. against: the other lane of a
    race."""
    from PySide6.QtWidgets import QApplication

    from app import theme
    from app.render.film import Film

    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    theme.set_scheme(clip.scheme)
    theme.install(application)
    return Film(
        trace, clip.view, clip.size, clip.fps, clip.scheme, clip.start_s, clip.stop_s, clip.speed,
        against=against, caption=caption,
    )  # fmt: skip


def _read(
    recording: str, progress: TerminalProgress | LineProgress, cancel: threading.Event
) -> Trace:
    from app.files import recording_named
    from engine.recording import TraceReader, read_events

    path = recording_named(recording)
    progress.reading(path.name)
    reader = TraceReader(read_events(path), path.name)
    try:
        while reader.next():
            if cancel.is_set():
                raise Cancelled("The rendering was cancelled.")
    except MemoryError:
        raise RenderError(
            f"{path.name} does not fit into memory.", "Render it on a machine with more."
        ) from None
    return reader.trace


@contextmanager
def _stopped_by(cancel: threading.Event) -> Generator[None]:
    """Ctrl+C and SIGTERM set `cancel`: an exception could strike inside Qt, which swallows it.
    The second one ends the process as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in signals}

    def stop(number: int, frame: object) -> None:
        cancel.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in signals:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, before[number])
