"""The colours of compared runs. A letter always stands beside: colour alone tells no run apart."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPixmap

from app.comparison_words import letter
from app.theme import Theme, sans, text_on

MOST = 8
"""Runs that can be told apart, and compared."""

_STANDARD = {
    "light": "#2368a0 #b4470c #15803d #7c3aed #0e7490 #be185d #7a5c00 #475569",
    "dark": "#5aa9e6 #f58a4b #4cc27e #b59cf5 #3fc4d8 #f07bb0 #e0b83a #a9b4c4",
}
_OKABE_ITO = {
    "light": "#0072b2 #c25400 #00805d #a8447f #2b78a6 #8a6100 #5f5f00 #1f2933",
    "dark": "#56b4e9 #e6813a #2cc295 #d98fbd #8ecdf2 #e69f00 #f0e442 #cfd6df",
}
DASHES: tuple[list[float], ...] = ([], [6, 3], [2, 2], [8, 3, 2, 3])
"""Of curves; the second four runs repeat them in other hues."""
BADGE = 18


def ink(now: Theme, place: int) -> QColor:
    """The hue of the run at a place; 3:1 on what it is drawn on."""
    palette = _OKABE_ITO if now.palette == "okabe-ito" else _STANDARD
    return QColor(palette[now.scheme].split()[place % MOST])


def paint_badge(painter: QPainter, hue: QColor, place: int, box: QRectF) -> None:
    """A run's letter on its hue, in a rounded square."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(hue)
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(text_on(hue))
    painter.setFont(sans(round(box.height() * 0.64), QFont.Weight.Bold))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter(place))


def badge(now: Theme, place: int, ratio: float) -> QPixmap:
    """The same as a picture, for headers."""
    return _badge(ink(now, place).name(), place, ratio)


@lru_cache(maxsize=128)
def _badge(colour: str, place: int, ratio: float) -> QPixmap:
    pixmap = QPixmap(round(BADGE * ratio), round(BADGE * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    paint_badge(painter, QColor(colour), place, QRectF(0, 0, BADGE, BADGE))
    painter.end()
    return pixmap
