"""The bars of the timeline: one a phase while there is room, shares of time where there is not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap

from app import theme
from app.views.timeline_data import TimelineData

BAR_TOP, BAR_HEIGHT = 40, 26
DOT_Y = BAR_TOP + BAR_HEIGHT + 8
HEIGHT = 86


def paint_bars(
    painter: QPainter,
    current: theme.Theme,
    data: TimelineData,
    low: float,
    high: float,
    width: int,
    ratio: float,
) -> None:
    """One bar for each phase of each round from `low` to `high`, and a small gap between rounds."""
    scale = width / (high - low)
    roomy = data.mean * scale >= 12
    gap = 2.0 if roomy else 1.0
    hues = [_soft(hue, current) for hue in (current.draft, current.target, current.host)]
    dot = _dot(current, ratio)
    if not roomy:
        # Hundreds of narrow bars: plain rectangles take a tenth of the time of rounded ones.
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setClipRect(QRectF(-4, 0, width + 8, HEIGHT))
    for i in data.between(low, high):
        start, end = data.start_of(i), int(data.end[i])
        cuts = (start, start + int(data.draft[i]), start + int(data.draft[i] + data.target[i]))
        edges = [(ns - low) * scale for ns in (*cuts, end)]
        right = max(edges[3] - gap, edges[0] + 1)
        for (left, stop), hue in zip(pairwise(edges), hues, strict=True):
            wide = min(stop, right) - left
            box = QRectF(left, BAR_TOP, wide, BAR_HEIGHT)
            if roomy and wide > 4:
                painter.setBrush(hue)
                painter.drawRoundedRect(box, 2, 2)
            elif wide >= 0.6:
                painter.fillRect(box, hue)
        if data.rejected[i]:
            painter.drawPixmap(QPointF((edges[0] + right) / 2 - 4, DOT_Y - 4), dot)


def _dot(current: theme.Theme, ratio: float) -> QPixmap:
    """The mark under a round with a rejection."""
    dot = QPixmap(round(8 * ratio), round(8 * ratio))
    dot.setDevicePixelRatio(ratio)
    dot.fill(Qt.GlobalColor.transparent)
    painter = QPainter(dot)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(current.target)
    painter.drawEllipse(QPointF(4, 4), 2.6, 2.6)
    painter.end()
    return dot


def paint_shares(
    painter: QPainter,
    current: theme.Theme,
    data: TimelineData,
    low: float,
    high: float,
    width: int,
    ratio: float,
) -> None:
    """Too many rounds for bars: each pixel column shows how its time was spent."""
    pixels, height = max(round(width * ratio), 1), max(round(BAR_HEIGHT * ratio), 1)
    draft, target, host, bad = data.shares(low, high, pixels)
    level = (np.arange(height)[::-1, None] + 0.5) / height
    image = np.empty((height, pixels), dtype=np.uint32)
    image[:] = _rgb(current.window)
    # From the bottom: draft, verify, host.
    image[level < draft + target + host] = _rgb(_soft(current.host, current))
    image[level < draft + target] = _rgb(_soft(current.target, current))
    image[level < draft] = _rgb(_soft(current.draft, current))
    _draw_pixels(painter, image, QRectF(0, BAR_TOP, width, BAR_HEIGHT))

    faint = [theme.with_alpha(current.target, k / 24) for k in range(17)]
    steps = np.array([_rgb(theme.blend(c, current.window)) for c in faint], dtype=np.uint32)
    shade = steps[np.clip(np.ceil(bad * 16), 0, 16).astype(int)][None, :]
    _draw_pixels(painter, shade, QRectF(0, DOT_Y - 2, width, 4))


def _soft(hue: QColor, current: theme.Theme) -> QColor:
    return theme.blend(theme.with_alpha(hue, 0.88), current.window)


def _rgb(colour: QColor) -> int:
    return colour.rgb() & 0xFFFFFFFF


def _draw_pixels(painter: QPainter, pixels: np.ndarray, target: QRectF) -> None:
    """Draw 0xAARRGGBB pixels, stretched over `target`."""
    height, width = pixels.shape
    data = np.ascontiguousarray(pixels)
    image = QImage(data.data, width, height, 4 * width, QImage.Format.Format_RGB32)
    painter.drawImage(target, image)
