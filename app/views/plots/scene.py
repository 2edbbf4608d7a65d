"""What a curve plot shows besides its curves. Free of pyqtgraph, which is imported late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtGui import QColor

from app.views.plots.axes import Tick


@dataclass(frozen=True)
class Line:
    """A dashed level with its name at the right; faint ones stand back."""

    value: float
    label: str
    faint: bool = False


@dataclass(frozen=True)
class Scene:
    """What a plot shows, apart from its curves.

    length, top: ends of the axes, which begin at 0. now: the large figure at the curve's head,
    as (figure, unit). ink, now_ink: colours of the main curve and of the figure.
    """

    length: float = 1.0
    top: float = 1.0
    ticks: Sequence[Tick] = ()
    lines: Sequence[Line] = ()
    now: tuple[str, str] = ("", "")
    ink: QColor = field(default_factory=QColor)
    now_ink: QColor = field(default_factory=QColor)
