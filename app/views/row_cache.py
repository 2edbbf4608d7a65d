"""Pictures of finished rows, so that scrolling and a growing end repaint next to nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPixmap

from app.theme import Theme
from app.views.chips import STREAM_GLYPHS, ChipFont, paint_chip, pale
from app.views.token_layout import TokenLayout
from engine.trace import Cell

BUDGET = 64 << 20
"""Bytes of pixmaps kept."""


class RowCache:
    """One pixmap a row, least recently used out first. Clear it when anything but the end of the
    text changes: width, font, theme, pixel ratio or options."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._rows: OrderedDict[int, tuple[QPixmap, int]] = OrderedDict()
        self._bytes = 0
        self._key: object = None
        self.n_rendered = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row: int) -> bool:
        return row in self._rows

    def clear(self) -> None:
        self._rows.clear()
        self._bytes = 0

    def use(self, key: object) -> None:
        """Forget everything that was drawn under another key."""
        if key != self._key:
            self._key = key
            self.clear()

    def drop_from(self, row: int) -> None:
        """Forget `row` and those below it."""
        for known in [r for r in self._rows if r >= row]:
            self._bytes -= self._rows.pop(known)[1]

    def get(
        self,
        row: int,
        layout: TokenLayout,
        cells: Sequence[Cell],
        font: ChipFont,
        theme: Theme,
        ratio: float,
    ) -> QPixmap:
        """The picture of a row, its top left corner at x = 0 and the row's top."""
        known = self._rows.get(row)
        if known is not None:
            self._rows.move_to_end(row)
            return known[0]
        pixmap = render_row(row, layout, cells, font, theme, ratio)
        self.n_rendered += 1
        size = pixmap.width() * pixmap.height() * 4
        self._rows[row] = (pixmap, size)
        self._bytes += size
        while self._bytes > self._budget and len(self._rows) > 1:
            self._bytes -= self._rows.popitem(last=False)[1][1]
        return pixmap


def render_row(
    row: int,
    layout: TokenLayout,
    cells: Sequence[Cell],
    font: ChipFont,
    theme: Theme,
    ratio: float,
) -> QPixmap:
    """Draw the chips of one row on the surface colour."""
    height = layout.metrics.chip
    width = max(layout.right_of(row), 1.0)
    pixmap = QPixmap(round(width * ratio + 0.5), round(height * ratio + 0.5))
    pixmap.setDevicePixelRatio(ratio)
    # Opaque, so that text keeps its full quality and drawing it is a plain copy.
    pixmap.fill(theme.surface)
    painter = QPainter(pixmap)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
    painter.setFont(font.font)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for i in layout.cells_of(row):
        chip = layout.w[i]
        if chip <= 0:
            continue
        state, label = cells[i].state, layout.shapes[i].label
        style = theme.states[state]
        paint_chip(
            painter,
            QRectF(layout.x[i], 0, chip, height),
            label,
            style if label else pale(style),
            state,
            font,
            state in STREAM_GLYPHS,
            ratio,
        )
    painter.end()
    return pixmap
