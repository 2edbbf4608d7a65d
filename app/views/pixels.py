"""How many device pixels a pixel of a view has: those of its screen, or of the picture that it is
rendered into."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from PySide6.QtWidgets import QWidget

_rendered: list[float] = []


def ratio_of(widget: QWidget) -> float:
    """Device pixels of one of the widget's pixels."""
    return _rendered[-1] if _rendered else widget.devicePixelRatioF()


@contextmanager
def rendered_at(ratio: float) -> Generator[None]:
    """While this lasts, views draw for a picture with so many pixels in one of theirs."""
    _rendered.append(ratio)
    try:
        yield
    finally:
        _rendered.pop()
