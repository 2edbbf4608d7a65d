"""From a film to a file: frame by frame, with progress, until it is whole or cancelled."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from PySide6.QtCore import QBuffer, QRect, QSize
from PySide6.QtGui import QImage, QImageWriter, QPainter

from app.render.clip import Clip
from app.render.encoder import Encoder
from app.render.errors import RenderError
from app.render.output import cannot_write, whole_file
from engine.errors import Cancelled

SAMPLES = 24
"""Frames that a GIF's colours are taken from."""

CSS_DPI = 96
"""Qt writes the size of an SVG in millimetres: browsers count this many pixels in an inch."""

Progress = Callable[[int, int], None]
"""Called with the frames that are done, and all there are."""


class Film(Protocol):
    """The pictures of a clip. The same film gives the same pictures, in any order of asking."""

    @property
    def n_frames(self) -> int: ...

    def frame(self, i: int) -> QImage:
        """Format_RGB32, exactly of the clip's size; valid until the next call."""
        ...


@runtime_checkable
class Drawable(Protocol):
    """A film whose first frame can be drawn as shapes, too."""

    def paint(self, painter: QPainter) -> None:
        """In the coordinates of the frame, 0, 0 to the clip's size."""
        ...


def render(
    film: Film,
    clip: Clip,
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Write the clip to `clip.out`: whole, or not at all.

    Raises RenderError, and Cancelled soon after `cancelled` says so. A single picture shows the
    film's first frame.
    """
    if film.n_frames < 1:
        raise RenderError(
            f"There is nothing to show from {clip.start_s:g} s on: the recording ends before.",
            "Give an earlier --from.",
        )
    with whole_file(clip.out) as part:
        if clip.format.moving:
            _encode(film, clip, part, progress, cancelled)
            return
        try:
            part.write_bytes(_svg(film, clip) if clip.format.suffix == ".svg" else _png(film))
        except OSError as error:
            raise cannot_write(clip.out, error) from error
        progress(1, 1)


def _encode(
    film: Film, clip: Clip, part: Path, progress: Progress, cancelled: Callable[[], bool]
) -> None:
    total = film.n_frames
    samples = _samples(film, cancelled)
    with Encoder(part, clip.format, clip.size, clip.fps, samples, clip.out) as encoder:
        for i in range(total):
            _heed(cancelled)
            encoder.write(film.frame(i))
            progress(i + 1, total)
        encoder.finish(cancelled)
        _heed(cancelled)


def _samples(film: Film, cancelled: Callable[[], bool]) -> Iterator[QImage]:
    """Frames at even distances, the first and the last among them."""
    last = film.n_frames - 1
    for i in sorted({round(last * k / (SAMPLES - 1)) for k in range(SAMPLES)}):
        _heed(cancelled)
        yield film.frame(i)


def _heed(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("The rendering was cancelled.")


def _png(film: Film) -> bytes:
    # Qt tells of no failed write, Python does: so the picture is made in memory.
    with _buffer() as buffer:
        QImageWriter(buffer, b"png").write(film.frame(0))
        return bytes(buffer.data().data())


def _svg(film: Film, clip: Clip) -> bytes:
    from PySide6.QtSvg import QSvgGenerator

    if not isinstance(film, Drawable):
        raise RenderError(
            f"The view {clip.view!r} cannot be drawn as SVG.", "Render a .png of it instead."
        )
    with _buffer() as buffer:
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setSize(QSize(*clip.size))
        generator.setResolution(CSS_DPI)
        generator.setViewBox(QRect(0, 0, *clip.size))
        generator.setTitle("Draftscope")
        painter = QPainter(generator)
        film.paint(painter)
        painter.end()
        return bytes(buffer.data().data())


@contextmanager
def _buffer() -> Generator[QBuffer]:
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    yield buffer
    buffer.close()
