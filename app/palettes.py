"""The colours themselves, as plain hex values: two schemes, and two sets of hues in each.

Every text colour reaches 4.5:1 on everything that it is drawn on, chips on tinted boxes included;
the tests compute it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Scheme = Literal["light", "dark"]
PaletteName = Literal["standard", "okabe-ito"]


class Neutral(NamedTuple):
    window: str
    panel: str
    surface: str
    line: str
    text: str
    muted: str
    hover: str
    pressed: str


class Hues(NamedTuple):
    """Each pair: the hue, and the same hue as text."""

    draft: tuple[str, str]
    target: tuple[str, str]
    good: tuple[str, str]
    warn: tuple[str, str]
    grey: tuple[str, str]
    primary: tuple[str, str]  # at rest, under the pointer


NEUTRALS: dict[Scheme, Neutral] = {
    "light": Neutral(
        "#ffffff", "#f7f8fa", "#ffffff", "#e3e6ea", "#1f2933", "#667085", "#f0f2f5", "#e6e9ee"
    ),
    "dark": Neutral(
        "#15181c", "#1c2026", "#15181c", "#2a3038", "#e6e9ee", "#9aa4b2", "#262b33", "#2f353e"
    ),
}
HUES: dict[tuple[PaletteName, Scheme], Hues] = {
    ("standard", "light"): Hues(
        ("#3498db", "#1b6396"),
        ("#e74c3c", "#a82a20"),
        ("#27ae60", "#156a38"),
        ("#f39c12", "#875000"),
        ("#999999", "#565f70"),
        ("#1b8047", "#166b3b"),
    ),
    ("standard", "dark"): Hues(
        ("#3498db", "#7cc4f2"),
        ("#e74c3c", "#f4978d"),
        ("#27ae60", "#6fd69b"),
        ("#f39c12", "#f6bd60"),
        ("#8b93a0", "#aeb6c2"),
        ("#1b8047", "#1d8549"),
    ),
    ("okabe-ito", "light"): Hues(
        ("#0072b2", "#00568a"),
        ("#d55e00", "#933f00"),
        ("#009e73", "#00664a"),
        ("#e69f00", "#7a5400"),
        ("#999999", "#565f70"),
        ("#007a59", "#00664a"),
    ),
    ("okabe-ito", "dark"): Hues(
        ("#56b4e9", "#86caf2"),
        ("#d55e00", "#ff9d5c"),
        ("#009e73", "#4fd3ac"),
        ("#e69f00", "#f5bf4f"),
        ("#8b93a0", "#aeb6c2"),
        ("#007a59", "#008562"),
    ),
}
