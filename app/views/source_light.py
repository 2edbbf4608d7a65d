"""The light on the tokens that a proposal was copied from."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from app import theme
from app.views.chips import RADIUS
from app.views.copied_text import output_span
from app.views.token_layout import TokenLayout
from engine.trace import Run

GROW = 3.0
"""How far the light reaches around a chip."""


def first_cell(run: Run, round_index: int, index: int, stop: int) -> int:
    """The first cell, of the first `stop`, at a place of a round or behind it: cells stand in the
    order of (round, index)."""
    place = (round_index, index)
    return bisect_left(run.cells, place, hi=stop, key=lambda c: (c.round, c.index))


def cells_of_output(run: Run, positions: range, stop: int) -> list[int]:
    """The cells, of the first `stop`, that show these positions of the output."""
    if not positions:
        return []
    ends = run.columns.end_tokens
    number = bisect_right(ends, positions.start)
    cell = first_cell(run, number, 0, stop)
    # Rejected tokens stand between those of the output.
    skip = positions.start - (ends[number - 1] if number else 0)
    found: list[int] = []
    while cell < stop and len(found) < skip + len(positions):
        if run.cells[cell].state.emitted:
            found.append(cell)
        cell += 1
    return found[skip:]


def source_cells(run: Run, round_index: int, index: int, stop: int) -> tuple[list[int], int]:
    """The cells that the proposal of a token copies, and the one that the token itself does (-1:
    none is on screen, or it cannot be told)."""
    if not 0 <= round_index < len(run.rounds):
        return [], -1
    drafted = run.rounds[round_index].drafted
    source = drafted[index].source if 0 <= index < len(drafted) else None
    if source is None:
        return [], -1
    span = output_span(run, source)
    cells = cells_of_output(run, span, stop)
    at = source[0] + index - len(run.started.prompt_ids) - span.start
    own = source[1] - source[0] == len(drafted) and 0 <= at < len(cells)
    return cells, cells[at] if own else -1


def pieces_of(cells: Sequence[int], layout: TokenLayout) -> list[tuple[int, int]]:
    """Runs of neighbours in one row, as first and last cell."""
    found: list[tuple[int, int]] = []
    for cell in cells:
        if layout.w[cell] <= 0:
            continue
        if found:
            first, last = found[-1]
            if cell == last + 1 and layout.row_of(cell) == layout.row_of(last):
                found[-1] = (first, cell)
                continue
        found.append((cell, cell))
    return found


def paint_light(
    painter: QPainter, current: theme.Theme, pieces: Sequence[Sequence[QRect]], own: QRect | None
) -> None:
    """A halo around the chips of each piece, with a double underline; a ring around the token's
    own source. The chips themselves keep their colours."""
    for chips in pieces:
        area = QRectF(chips[0].united(chips[-1])).adjusted(-GROW, -GROW, GROW, GROW)
        halo, holes = QPainterPath(), QPainterPath()
        halo.addRoundedRect(area, RADIUS + GROW, RADIUS + GROW)
        for chip in chips:
            holes.addRoundedRect(QRectF(chip), RADIUS, RADIUS)
        painter.fillPath(halo.subtracted(holes), theme.with_alpha(current.draft, 0.4))
        painter.setPen(QPen(current.draft, 1.5))
        for y in (area.bottom() + 1, area.bottom() + 3.5):
            painter.drawLine(QPointF(area.left() + 4, y), QPointF(area.right() - 4, y))
    if own is not None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(current.draft, 2.0))
        ring = QRectF(own).adjusted(-1.5, -1.5, 1.5, 1.5)
        painter.drawRoundedRect(ring, RADIUS + 1.5, RADIUS + 1.5)
