"""The fills of heat maps: even steps for the eye, and ink that reads on every one of them.

Colours are mixed in OKLab (Ottosson 2020), where equal distances look equally large. A scale runs
in a straight line from a neutral to a hue (or from one hue through the neutral to another), so
equal steps of the value are equal steps of colour. The two hues of the centred scale, blue and
orange, are told apart with every common colour deficiency. Fills stay light in the light scheme and
dark in the dark one, so one ink reads on all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtGui import QColor

from app.theme import Theme, text_on

STEPS = 128
"""Fills of a scale from its neutral to its end."""
LEAST, USUAL = math.log(1.1), math.log(2.0)
"""How far a centred scale reaches: 10 % to each side at least, so that noise does not look like
much; beyond a factor of 2 only for what is faster, so that one hopeless cell does not make all
others look alike."""

_NEUTRAL = {"light": (0.945, 0.0, 0.0), "dark": (0.30, 0.0, 0.0)}
_END = {"light": (0.66, 0.13), "dark": (0.53, 0.115)}
"""OKLab lightness and chroma of the ends."""
_SEQUENTIAL = {"light": (0.66, 0.105), "dark": (0.53, 0.085)}
_ABOVE, _BELOW, _ALONE = 250.0, 55.0, 178.0
"""Hues in degrees: more than 1, less than 1, of the scales without a middle."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to fills. centred: 1.0 is the neutral, and factors of f and 1/f are as far from it;
    low and high are then 1/f and f."""

    low: float
    high: float
    centred: bool

    def share(self, value: float) -> float:
        """Where a value lies: -1 to 1 of a centred scale, 0 to 1 of another; held at the ends."""
        if self.centred:
            if value <= 0:
                return -1.0
            return max(-1.0, min(math.log(value) / math.log(self.high), 1.0))
        span = self.high - self.low
        return max(0.0, min((value - self.low) / span, 1.0)) if span > 0 else 0.5

    def fill(self, value: float, now: Theme) -> QColor:
        return colour(self.share(value), self.centred, now.dark)

    def inks(self, value: float, now: Theme) -> tuple[QColor, QColor]:
        """The fill, and the ink that reads on it."""
        return _inks(round(self.share(value) * STEPS), self.centred, now.dark)

    def ticks(self) -> list[tuple[float, float]]:
        """(value, place from 0 to 1) of the figures under the scale's bar."""
        if self.centred:
            return [(self.low, 0.0), (1.0, 0.5), (self.high, 1.0)]
        middle = (self.low + self.high) / 2
        return [(self.low, 0.0), (middle, 0.5), (self.high, 1.0)]


def scale_of(values: list[float], centred: bool) -> Scale:
    """The scale of a map with these values; a centred one may end before the lowest."""
    if centred:
        logs = [math.log(v) for v in values if v > 0]
        reach = max(max(logs, default=0.0), min(USUAL, -min(logs, default=0.0)), LEAST)
        return Scale(math.exp(-reach), math.exp(reach), True)
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high - low < 1e-9 * max(abs(high), 1.0):  # one value only: the middle of the scale
        low, high = low - 0.5 * abs(low or 1.0), high + 0.5 * abs(high or 1.0)
    return Scale(low, high, False)


def colour(share: float, centred: bool, dark: bool) -> QColor:
    """The fill at a place of a scale."""
    return QColor.fromRgb(_rgb(round(share * STEPS), centred, dark))


@lru_cache(maxsize=2048)
def _inks(step: int, centred: bool, dark: bool) -> tuple[QColor, QColor]:
    fill = QColor.fromRgb(_rgb(step, centred, dark))
    return fill, text_on(fill)


@lru_cache(maxsize=2048)
def _rgb(step: int, centred: bool, dark: bool) -> int:
    scheme = "dark" if dark else "light"
    lightness, chroma = (_END if centred else _SEQUENTIAL)[scheme]
    hue = math.radians((_ABOVE if step >= 0 else _BELOW) if centred else _ALONE)
    end = lightness, chroma * math.cos(hue), chroma * math.sin(hue)
    share = abs(step) / STEPS
    mixed = [n + (e - n) * share for n, e in zip(_NEUTRAL[scheme], end, strict=True)]
    red, green, blue = (round(255 * v) for v in srgb(*mixed))
    return (255 << 24) | (red << 16) | (green << 8) | blue


def srgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """OKLab to sRGB, 0 to 1, cut off at the gamut's edge (bottosson.github.io/posts/oklab)."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (
        12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055
        for v in (max(0.0, min(v, 1.0)) for v in linear)
    )
    return red, green, blue
