"""From a film to a file: frame by frame, with progress, until it is whole or cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from PySide6.QtGui import QImage, QPainter

from app.render import picture
from app.render.clip import Clip
from app.render.encoder import Encoder
from app.render.errors import RenderError
from app.render.output import refuse_unwritable, whole_file
from engine.errors import Cancelled

SAMPLES = 24
"""Frames that a GIF's colours are taken from."""

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
    if clip.format.moving:
        with whole_file(clip.out) as part:
            _encode(film, clip, part, progress, cancelled)
        return
    refuse_unwritable(clip.out)
    if clip.format.suffix == ".png":
        data = picture.png(film.frame(0))
    elif isinstance(film, Drawable):
        data = picture.svg(clip.size, film.paint)
    else:
        raise RenderError(
            f"The view {clip.view!r} cannot be drawn as SVG.", "Render a .png of it instead."
        )
    picture.write(clip.out, data)
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
