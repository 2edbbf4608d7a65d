"""Where the parts of a heat map lie. Pure geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF

GAP = 2
"""Between cells."""
LEAST = (34, 20)
MOST = (240, 96)
NOTED = (320, 96)
"""Width and height of the smallest and the largest cell, gap included, and of the largest one where
notes stand under the figures."""
LINE = 8
"""Room at the left of a cell for the line of the optimum."""
TITLE = 24
"""Height of the line above the column labels, with the name of the columns."""
LEGEND = 48
"""Height of the legend, the gap above it included."""


class Sizes(NamedTuple):
    """What the labels need. side: width of the row labels. head: height of the column labels."""

    side: int
    head: int


@dataclass(frozen=True, slots=True)
class HeatLayout:
    """rows × columns cells of one size in whole pixels, right of their labels and under theirs."""

    n_rows: int
    n_columns: int
    sizes: Sizes
    cell_width: int
    cell_height: int

    @property
    def left(self) -> int:
        return self.sizes.side

    @property
    def top(self) -> int:
        return TITLE + self.sizes.head

    @property
    def right(self) -> int:
        return self.left + self.n_columns * self.cell_width

    @property
    def bottom(self) -> int:
        return self.top + self.n_rows * self.cell_height

    def cell(self, row: int, column: int) -> QRectF:
        """A cell, without the gap."""
        return QRectF(
            self.left + column * self.cell_width,
            self.top + row * self.cell_height,
            self.cell_width - GAP,
            self.cell_height - GAP,
        )

    def at(self, x: float, y: float) -> tuple[int, int] | None:
        """The cell under a point; the gap belongs to the cell before it."""
        column = int((x - self.left) // self.cell_width)
        row = int((y - self.top) // self.cell_height)
        if 0 <= row < self.n_rows and 0 <= column < self.n_columns:
            return row, column
        return None

    def row_label(self, row: int) -> QRectF:
        return QRectF(0, self.cell(row, 0).top(), self.left - 8, self.cell_height - GAP)

    def column_label(self, column: int) -> QRectF:
        return QRectF(
            self.left + column * self.cell_width, TITLE, self.cell_width - GAP, self.sizes.head
        )

    def legend(self, width: float) -> QRectF:
        return QRectF(0, self.bottom, width, LEGEND)

    def optimum(self, columns: tuple[int | None, ...]) -> list[list[QPointF]]:
        """Stepped lines along the left of each row's column, from the top of the first row to the
        bottom of the last: between rows they run in the gap, so that no figure is crossed. A row
        without one ends a line."""
        lines: list[list[QPointF]] = []
        line: list[QPointF] = []
        for row, column in enumerate(columns):
            if column is None:
                line = []
                continue
            box = self.cell(row, column)
            x = round(box.left()) + LINE / 2 + 0.5
            if not line:
                lines.append(line)
            seam = box.top() - GAP / 2
            line += [QPointF(x, seam), QPointF(x, seam + self.cell_height)]
        return lines


def arrange(
    n_rows: int,
    n_columns: int,
    sizes: Sizes,
    width: float,
    height: float,
    least: tuple[int, int] = LEAST,
    most: tuple[int, int] = MOST,
) -> HeatLayout:
    """Cells as large as the room allows, between `least` and `most`."""
    across = int(width - sizes.side) // max(n_columns, 1)
    down = int(height - TITLE - sizes.head - LEGEND) // max(n_rows, 1)
    return HeatLayout(
        n_rows,
        n_columns,
        sizes,
        max(least[0], min(across, most[0])),
        max(least[1], min(down, most[1])),
    )
