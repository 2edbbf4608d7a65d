"""What is to be rendered: the formats there are, and a wish that is checked before any work.

Free of Qt, so that the command line can refuse a wish at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from app.render.errors import RenderError

View = Literal["stream", "round", "race", "plots", "inspector", "all"]
SchemeName = Literal["light", "dark"]
Suffix = Literal[".mp4", ".gif", ".webp", ".png", ".svg"]
VIEWS: tuple[View, ...] = get_args(View)
SCHEMES: tuple[SchemeName, ...] = get_args(SchemeName)

LEAST, MOST = 64, 4096
"""Pixels of a side: below, nothing can be read; above, few players decode in hardware."""
SPEEDS = (0.01, 100.0)
END_HOLD_S = 1.5
"""A film that goes to the end rests there, for the last figures to be read."""
SIZES = {
    "1080p": (1920, 1080),
    "4k": (3840, 2160),
    "square": (1080, 1080),
    "portrait": (1080, 1920),
}


@dataclass(frozen=True)
class Format:
    """A kind of file. fps: frames a second unless others are asked for; 0: a single picture.
    most_fps: what players keep up with."""

    suffix: Suffix
    title: str
    fps: float = 0.0
    most_fps: float = 0.0

    @property
    def moving(self) -> bool:
        return self.fps > 0


FORMATS: dict[str, Format] = {
    f.suffix: f
    for f in (
        Format(".mp4", "MP4 video", 60, 120),
        # A GIF counts in hundredths of a second, and browsers slow down below two of them.
        Format(".gif", "GIF animation", 25, 50),
        Format(".webp", "WebP animation", 30, 60),
        Format(".png", "PNG picture"),
        Format(".svg", "SVG picture"),
    )
}


@dataclass(frozen=True)
class Clip:
    """A wish. start_s, stop_s: seconds of the recording (None: its end); speed: seconds of the
    recording in a second of the clip; size: width and height in pixels."""

    out: Path
    view: View = "all"
    size: tuple[int, int] = SIZES["1080p"]
    fps: float = 60.0
    scheme: SchemeName = "light"
    start_s: float = 0.0
    stop_s: float | None = None
    speed: float = 1.0

    @property
    def format(self) -> Format:
        """Raises RenderError for a suffix that names none."""
        return format_of(self.out)


def format_of(path: Path) -> Format:
    """The format that a file's name asks for. Raises RenderError."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise RenderError(
            f"{path.name!r} names no format that can be rendered.",
            f"Known endings: {', '.join(FORMATS)}.",
        )
    return found


def checked(
    out: Path,
    *,
    view: str = "all",
    size: str = "1080p",
    fps: float | None = None,
    scheme: str = "light",
    start_s: float = 0.0,
    stop_s: float | None = None,
    speed: float = 1.0,
) -> Clip:
    """The wish, if it can be fulfilled. Raises RenderError that names what cannot."""
    kind = format_of(out)
    if view not in VIEWS:
        raise RenderError(f"There is no view {view!r}.", f"Known views: {', '.join(VIEWS)}.")
    if scheme not in SCHEMES:
        raise RenderError(f"There is no theme {scheme!r}.", "Known themes: light, dark.")
    if not (math.isfinite(start_s) and start_s >= 0):
        raise RenderError(f"A clip cannot begin at {start_s:g} s.", "Give --from 0 or later.")
    if stop_s is not None and not (math.isfinite(stop_s) and stop_s > start_s):
        raise RenderError(
            f"A clip cannot end at {stop_s:g} s when it begins at {start_s:g} s.",
            "Give a --to that is later than --from.",
        )
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise RenderError(
            f"A speed of {speed:g} is out of range.",
            f"Give --speed between {SPEEDS[0]:g} and {SPEEDS[1]:g}.",
        )
    rate = kind.fps if fps is None else fps
    if kind.moving and not 1 <= rate <= kind.most_fps:
        raise RenderError(
            f"{_article(kind)} cannot show {rate:g} frames a second.",
            f"Give --fps between 1 and {kind.most_fps:g}.",
        )
    pixels = parsed_size(size)
    if kind.suffix == ".mp4" and (pixels[0] % 2 or pixels[1] % 2):
        even = f"{pixels[0] - pixels[0] % 2}x{pixels[1] - pixels[1] % 2}"
        raise RenderError(
            f"The width and height of an MP4 must be even, not {pixels[0]}x{pixels[1]}.",
            f"Give --size {even}, or render a .gif or .webp.",
        )
    return Clip(
        out, cast(View, view), pixels, rate or 1.0, cast(SchemeName, scheme), start_s, stop_s, speed
    )


def parsed_size(text: str) -> tuple[int, int]:
    """ "1920x1080", or the name of a size, as pixels. Raises RenderError."""
    named = SIZES.get(text.lower())
    if named is not None:
        return named
    width, _, height = text.lower().partition("x")
    if not all(side.isascii() and side.isdecimal() and len(side) < 9 for side in (width, height)):
        raise RenderError(
            f"{text[:40]!r} is no size.", f"Give 1920x1080, or one of: {', '.join(SIZES)}."
        )
    size = int(width), int(height)
    if min(size) < LEAST or max(size) > MOST:
        raise RenderError(
            f"A clip of {size[0]}x{size[1]} pixels cannot be rendered.",
            f"Give a width and a height between {LEAST} and {MOST}.",
        )
    return size


def _article(kind: Format) -> str:
    return f"An {kind.title}" if kind.suffix == ".mp4" else f"A {kind.title}"
