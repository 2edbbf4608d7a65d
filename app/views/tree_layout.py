"""Where the tokens of a tree stand in a box: pure geometry, no Qt.

Left to right by depth, a column a depth; a row a leaf; each token at the middle of its children.
What finds no room shrinks: smaller chips, shortened labels, then marks in place of the chips of
columns that are too dense, and at last "+n" in place of tokens far from the accepted path. Lengths
are device independent pixels; x grows from the left edge of the area, y from its top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import NamedTuple, Protocol

from app.views.tree_folding import Folded, fold
from engine.tree import Parents

ROOT = 14.0
"""From the left edge to the first column: the dot that the tree grows from, and its lines."""
WIDEST_GAP = 48.0
ROOMY = 190.0
"""Width from which a second column keeps its labels before deep columns are cut off."""


class Scale(NamedTuple):
    """size: of the font. chip: height of a chip. pitch: from row to row at most. gap: between two
    columns at least. letters: of a label that are worth its chip."""

    size: int
    chip: float
    pitch: float
    gap: float
    letters: int


SCALES = (Scale(12, 22, 28, 18, 7), Scale(11, 19, 23, 14, 7), Scale(10, 18, 23, 10, 4))
LEAST_CHIP = 13.0
ROW_GAP = 2.0
MARK = 7.0
MARK_GAP = 7.0
MARK_PITCH = 8.0
MORE = 12.0
"""Height of a "+n", and the least pitch of rows where there is one."""


class Measure(Protocol):
    """How wide things are; `glyph` and padding included."""

    def chip(self, index: int, size: int) -> float:
        """The chip of a token with its whole label."""
        ...

    def letters(self, count: int, size: int) -> float:
        """A chip with a label of `count` letters."""
        ...

    def more(self, count: int, size: int) -> float:
        """ "+n"."""
        ...


class Kind(Enum):
    CHIP = "chip"
    MARK = "mark"
    MORE = "more"


@dataclass(frozen=True)
class Node:
    """A token's chip or mark, or a "+n".

    index: of the token; of the token (-1: context) below which a "+n" hides the tokens `hidden`.
    """

    kind: Kind
    index: int
    x: float
    y: float
    w: float
    h: float
    hidden: tuple[int, ...] = ()

    @property
    def middle(self) -> float:
        return self.y + self.h / 2


@dataclass(frozen=True)
class TreeLayout:
    """edges: pairs of places in `nodes`, parent and child; -1 is the root. root: its x and y."""

    scale: Scale
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    root: tuple[float, float]


def place(
    parents: Parents, path: Sequence[int], width: float, height: float, measure: Measure
) -> TreeLayout:
    """Place a tree in an area. path: the accepted tokens, hidden last."""
    least = SCALES[-1]
    label = measure.letters(least.letters, least.size) + least.gap
    mark = MARK + MARK_GAP
    # So many columns with labels at least, if only marks follow.
    labelled = 2 if width >= ROOMY else 1
    room = width - ROOT - labelled * label
    columns = max(labelled + int((room + MARK_GAP) // mark), 1)
    shorter = max(labelled + int((room - measure.more(99, least.size)) // mark), 1)
    folded = fold(
        parents,
        path,
        columns=(columns, min(shorter, columns)),
        rows=(int(height // MARK_PITCH), int(height // MORE)),
        first=int(height // (LEAST_CHIP + ROW_GAP)),
    )
    for scale in SCALES:
        placed = _Placement(folded, scale, width, height, measure).layout()
        if placed is not None:
            return placed
    raise AssertionError("the last scale always places")


class _Placement:
    """One try, at one scale."""

    def __init__(
        self, tree: Folded, scale: Scale, width: float, height: float, measure: Measure
    ) -> None:
        self._tree, self._scale, self._measure = tree, scale, measure
        self._width, self._last = width, scale is SCALES[-1]
        self._pitch = min(scale.pitch, height / max(tree.rows, 1))
        self._middles = [row * self._pitch for row in tree.centres]

    def layout(self) -> TreeLayout | None:
        """None: this scale finds no room."""
        heights = [self._height(column) for column in self._tree.columns]
        labelled = [h >= LEAST_CHIP for h in heights]
        if not self._last and any(h < self._scale.chip for h in heights):
            return None
        columns = self._columns(labelled)
        while columns is None:
            # The deepest labels go first: what they say, the marks' tooltips say too.
            deepest = max((c for c, on in enumerate(labelled) if on), default=0)
            if not self._last or deepest == 0:
                return self._forced(labelled, heights) if self._last else None
            labelled[deepest] = False
            columns = self._columns(labelled)
        return self._finish(columns, labelled, heights)

    def _height(self, column: list[int]) -> float:
        """Of the chips of a column; too little room for any gives less than LEAST_CHIP.

        Each keeps to the rows that are its own: a "+n" of another column may reach past it.
        """
        own = [self._tree.spans[n] for n in column if not self._tree.hidden[n]]
        return min(self._scale.chip, min(own, default=1) * self._pitch - ROW_GAP)

    def _columns(self, labelled: list[bool]) -> list[tuple[float, float]] | None:
        """Left edge and width of each column; None where labels become too short."""
        scale = self._scale
        wanted = [self._wanted(c, on) for c, on in enumerate(labelled)]
        gaps = [scale.gap if a or b else MARK_GAP for a, b in self._neighbours(labelled)]
        room = self._width - ROOT - sum(gaps)
        least = self._measure.letters(scale.letters, scale.size)
        fixed = sum(w for w, on in zip(wanted, labelled, strict=True) if not on)
        cap = _cap([w for w, on in zip(wanted, labelled, strict=True) if on], room - fixed)
        if cap is not None and cap < least:
            return None
        if fixed > room:
            return None
        widths = [
            min(w, cap) if on and cap is not None else w
            for w, on in zip(wanted, labelled, strict=True)
        ]
        spare = (room - sum(widths)) / max(len(gaps), 1)
        return self._lefts(widths, [min(g + max(spare, 0.0), max(WIDEST_GAP, g)) for g in gaps])

    def _forced(self, labelled: list[bool], heights: list[float]) -> TreeLayout:
        """Too narrow even for marks: every column takes an equal share."""
        count = len(labelled)
        gap = 4.0
        each = max((self._width - ROOT - gap * (count - 1)) / max(count, 1), 1.0)
        wanted = [min(self._wanted(c, on), each) for c, on in enumerate(labelled)]
        columns = self._lefts(wanted, [gap] * max(count - 1, 0))
        return self._finish(columns, labelled, heights)

    def _neighbours(self, labelled: list[bool]) -> list[tuple[bool, bool]]:
        return list(pairwise(labelled))

    def _wanted(self, column: int, labelled: bool) -> float:
        """Width of a column in which nothing is shortened."""
        tree, size = self._tree, self._scale.size
        found = [MARK]
        # Nothing follows a "+n" in its row: it may reach over the columns behind.
        behind = (len(tree.columns) - 1 - column) * (MARK + MARK_GAP)
        for n in tree.columns[column]:
            hidden = tree.hidden[n]
            if hidden:
                found.append(self._measure.more(len(hidden), size) - behind)
            elif labelled:
                found.append(self._measure.chip(tree.index[n], size))
        return max(found)

    @staticmethod
    def _lefts(widths: list[float], gaps: list[float]) -> list[tuple[float, float]]:
        x, found = ROOT, list[tuple[float, float]]()
        for width, gap in zip(widths, [*gaps, 0.0], strict=True):
            found.append((x, width))
            x += width + gap
        return found

    def _finish(
        self, columns: list[tuple[float, float]], labelled: list[bool], heights: list[float]
    ) -> TreeLayout:
        tree, size = self._tree, self._scale.size
        nodes: list[Node] = []
        for n, depth in enumerate(tree.depth):
            left, room = columns[depth - 1]
            index, hidden = tree.index[n], tree.hidden[n]
            if hidden:
                kind, h = Kind.MORE, min(MORE, self._pitch)
                w = min(self._measure.more(len(hidden), size), self._width - left)
            elif labelled[depth - 1]:
                kind, h = Kind.CHIP, heights[depth - 1]
                w = min(self._measure.chip(index, size), room)
            else:
                kind, h = Kind.MARK, min(MARK, self._pitch)
                w = min(MARK, room)
            nodes.append(Node(kind, index, left, self._middles[n] - h / 2, w, h, hidden))
        first = [self._middles[n] for n in tree.columns[0]] if tree.columns else [0.0]
        root = (3.0, (min(first) + max(first)) / 2)
        edges = tuple((parent, n) for n, parent in enumerate(tree.parent))
        return TreeLayout(self._scale, tuple(nodes), edges, root)


def _cap(wanted: list[float], room: float) -> float | None:
    """The width that the widest columns are cut to so that all fit; None: nothing is cut."""
    if sum(wanted) <= room:
        return None
    left = room
    for n, width in enumerate(sorted(wanted)):
        share = left / (len(wanted) - n)
        if width > share:
            return share
        left -= width
    return 0.0
