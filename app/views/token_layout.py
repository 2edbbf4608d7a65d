"""Where each token's chip stands: pure geometry, no Qt.

Rows break at newlines of the text, so that code reads as code, and where the width ends. Leading
spaces of a line indent its row. Rejected and discarded tokens are no part of the text: they stand
in the row but neither break nor indent it. All lengths are device independent pixels; x grows from
the left edge of the content, y from its top.
"""

from __future__ import annotations

import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from engine.trace import TokenState
from engine.tree import Parents, path_to

TAB_COLUMNS = 4
LABEL_LIMIT = 60
"""Longest label, in characters; the full text is in the tooltip."""
_IN_TEXT = frozenset({TokenState.PENDING, *(s for s in TokenState if s.emitted)})
_OUTER = " \t\n"
_NEWLINES = str.maketrans({"\r": None, "\v": "\n", "\f": "\n", "\x85": "\n"})


class Shape(NamedTuple):
    """What the layout knows of one token; the same for every token with this text and state.

    label: what its chip shows. width: of the chip. columns: leading (or only) spaces.
    blank: nothing but spaces. newlines: how many line ends it holds. tail: spaces after the last.
    bare: nothing but line ends and spaces.
    ghost: no part of the text: rejected, discarded, or pending in another branch of a tree.
    """

    label: str
    width: float
    columns: int
    blank: bool
    newlines: int
    tail: int
    bare: bool
    ghost: bool


def visible(text: str) -> str:
    """`text` with spaces, line ends, control and format characters made visible."""
    return "".join("␣" if c == " " else _visible(c) for c in text)


def _visible(char: str) -> str:
    if char == "\n":
        return "⏎"
    if char == "\t":
        return "⇥"
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    category = unicodedata.category(char)
    # Format characters include bidirectional overrides, which would reorder what stands beside
    # them; lone surrogates cannot be drawn at all.
    if category in ("Cc", "Cf", "Cs", "Zl", "Zp") or (category == "Zs" and char != " "):
        return f"⟨{code:04X}⟩"
    return char


def aside_of(parents: Parents) -> set[int]:
    """Tokens of a proposal that are not on its first branch. Before the verdict that branch stands
    in for the text: one text can be laid out, not sixteen."""
    after = -1
    for index, parent in enumerate(parents):
        if parent == after:
            after = index
    return set(range(len(parents))) - set(path_to(after, parents))


def label_of(text: str) -> str:
    """The text of a chip: outer spaces left out, line ends as ⏎, control characters visible."""
    clean = text.replace("\r\n", "\n")
    body = clean.strip(_OUTER)
    newlines = clean.count("\n")
    if not body:
        if newlines:
            return "⏎" * newlines if newlines <= 3 else f"⏎×{newlines}"
        return "⇥" if "\t" in clean else "␣" if clean else "∅"
    if len(body) > LABEL_LIMIT:
        body = body[: LABEL_LIMIT - 1] + "…"
    joined = "".join(
        # A joiner between two characters of an emoji belongs there.
        c if c == "\u200d" and 0 < i < len(body) - 1 else _visible(c) if c != " " else " "
        for i, c in enumerate(body)
    )
    if unicodedata.category(joined[0]).startswith("M"):
        joined = "◌" + joined
    before = len(clean) - len(clean.lstrip(_OUTER))
    after = len(clean) - len(clean.rstrip(_OUTER))
    lead = "⏎" * min(clean[:before].count("\n"), 3)
    trail = "⏎" * min(clean[len(clean) - after :].count("\n"), 3)
    return lead + joined + trail


def _columns(text: str) -> int:
    return sum(TAB_COLUMNS if c == "\t" else 1 for c in text)


class Shaper:
    """Makes the `Shape` of a token, and remembers it.

    measure(label, state) is the width of a chip that shows `label` in `state`.
    """

    def __init__(self, measure: Callable[[str, TokenState], float]) -> None:
        self._measure = measure
        self._known: dict[tuple[str, TokenState], Shape] = {}
        self._stubs: dict[TokenState, Shape] = {}

    def shape(self, text: str, state: TokenState) -> Shape:
        key = (text, state)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._make(text, state)
        return known

    def stub(self, state: TokenState) -> Shape:
        """A token that is no part of the text, without its label: a tree has so many on its other
        branches that they would bury the text."""
        known = self._stubs.get(state)
        if known is None:
            width = self._measure("", state)
            known = self._stubs[state] = Shape("", width, 0, False, 0, 0, False, True)
        return known

    def _make(self, text: str, state: TokenState) -> Shape:
        label = label_of(text)
        width = self._measure(label, state)
        if state not in _IN_TEXT:
            return Shape(label, width, 0, False, 0, 0, False, True)
        lines = text.replace("\r\n", "\n").translate(_NEWLINES).split("\n")
        first, last = lines[0], lines[-1]
        newlines = len(lines) - 1
        columns = _columns(first[: len(first) - len(first.lstrip(" \t"))])
        blank = newlines == 0 and not first.strip(" \t")
        tail = _columns(last) if newlines and not last.strip(" \t") else 0
        bare = newlines > 0 and not text.strip()
        return Shape(label, width, columns, blank, newlines, tail, bare, False)


@dataclass(frozen=True)
class Metrics:
    """Fixed lengths of the flow, in pixels."""

    chip: float = 28  # height of a chip
    pitch: float = 38  # from one row to the next
    gap: float = 5  # between two chips
    column: float = 10  # one space of indentation
    paragraph: float = 12  # more, after an empty line
    hang: float = 28  # at the right edge, for line ends only
    dense: bool = False  # rows break only where the width ends


NORMAL = Metrics()
DENSE = Metrics(chip=24, pitch=29, gap=4, hang=0, dense=True)


class TokenLayout:
    """Rows of chips. Append at the end, cut the end off; a new width places everything again."""

    def __init__(self, width: float = 600, metrics: Metrics = NORMAL) -> None:
        self.metrics = metrics
        self.width = width
        self.hide_ghosts = False
        self.shapes: list[Shape] = []
        self.x: array[float] = array("f")
        self.w: array[float] = array("f")
        # One entry a row: its first cell, top, indentation, the leading spaces so far of the line
        # that it stands in (-1: past them), and whether it began because a chip found no room.
        self._first: array[int] = array("q", [0])
        self._top: array[float] = array("d", [0.0])
        self._indent: array[float] = array("d", [0.0])
        self._fresh: array[int] = array("q", [0])
        self._wrapped: array[int] = array("b", [0])
        self._end_x = 0.0

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def n_rows(self) -> int:
        return len(self._first)

    @property
    def height(self) -> float:
        return self._top[-1] + self.metrics.chip

    @property
    def end(self) -> tuple[float, float]:
        """Where the next chip would begin: x, and the top of its row."""
        return self._end_x, self._top[-1]

    def clear(self) -> None:
        self.truncate(0)

    def first(self, count: int) -> TokenLayout:
        """A layout of the first `count` tokens; copies what is placed, so that it takes
        milliseconds for any number."""
        part = TokenLayout(self.width, self.metrics)
        part.hide_ghosts = self.hide_ghosts
        count = min(count, len(self.shapes))
        row = self.row_of(count) if count else 0
        while row and self._wrapped[row] and self._first[row] == count:
            row -= 1
        part.shapes = self.shapes[:count]
        part.x, part.w = self.x[: self._first[row]], self.w[: self._first[row]]
        part._first, part._top = self._first[: row + 1], self._top[: row + 1]
        part._indent, part._fresh = self._indent[: row + 1], self._fresh[: row + 1]
        part._wrapped = self._wrapped[: row + 1]
        part._flow(part._first[row])
        return part

    def configure(self, width: float, metrics: Metrics, hide_ghosts: bool) -> bool:
        """Place everything again if anything differs; says whether it did."""
        if (width, metrics, hide_ghosts) == (self.width, self.metrics, self.hide_ghosts):
            return False
        self.width, self.metrics, self.hide_ghosts = width, metrics, hide_ghosts
        self._place_from(0)
        return True

    def replace_shapes(self, shapes: Iterable[Shape]) -> None:
        """Other shapes for all tokens (another font, say), placed anew."""
        self.shapes = list(shapes)
        self._place_from(0)

    def truncate(self, count: int) -> int:
        """Keep the first `count` tokens. Returns the first row that changed."""
        if count >= len(self.shapes):
            return self.n_rows
        del self.shapes[count:]
        return self._place_from(count)

    def extend(self, shapes: Iterable[Shape]) -> int:
        """Append tokens. Returns the first row that changed."""
        start = len(self.shapes)
        self.shapes.extend(shapes)
        return self._place_from(start)

    def _place_from(self, cell: int) -> int:
        """Place the tokens from the row of `cell` on; returns that row."""
        row = self.row_of(cell) if cell else 0
        # Another token may find room where this one found none.
        while self._wrapped[row] and self._first[row] == cell:
            row -= 1
        start = self._first[row]
        del self.x[start:], self.w[start:]
        for column in (self._first, self._top, self._indent, self._fresh, self._wrapped):
            del column[row + 1 :]
        self._flow(start)
        return row

    def _flow(self, start: int) -> None:
        m, widest, hide = self.metrics, self.width, self.hide_ghosts
        avail = widest - m.hang
        gap, step, dense = m.gap, m.column, m.dense
        widest_indent = avail * 0.4
        add_x, add_w = self.x.append, self.w.append
        indent = self._indent[-1]
        fresh = self._fresh[-1] >= 0 and not dense
        columns = max(self._fresh[-1], 0)
        x, used = indent, False

        shapes = self.shapes if start == 0 else self.shapes[start:]
        for i, shape in enumerate(shapes, start):
            _, w, lead, blank, newlines, tail, bare, ghost = shape
            if ghost:
                if hide:
                    add_x(x)
                    add_w(0.0)
                    continue
            elif fresh:
                # In the leading spaces of a line: what follows stands in its column.
                wanted = min(columns * step, widest_indent)
                if blank:
                    columns += lead
                    x = max(x, wanted)
                    w = max(w, min(columns * step, widest_indent) - x - gap)
                else:
                    if lead > 1 or (lead and columns):
                        wanted = min((columns + lead) * step, widest_indent)
                    x = max(x, wanted)
                    fresh = False
                    indent = min(x, wanted) if used else x
            elif blank:
                w = max(w, min(lead, 16) * step - gap)
            # A line end may stand in the margin: alone in a row it would read as an empty line.
            if x + w > (widest if bare else avail):
                if used:
                    # Past the row's end, spaces indent no longer; rejected tokens decide nothing.
                    fresh = fresh and ghost
                    self._new_row(i, indent, columns if fresh else -1, 0.0, True)
                    x = indent
                    if blank:
                        w = max(shape.width, min(lead, 16) * step - gap)
                w = min(w, max(avail - x, 1.0))
            add_x(x)
            add_w(w)
            used = True
            x += w + gap
            if newlines and not dense:
                indent, x, used = 0.0, 0.0, False
                fresh, columns = True, tail
                self._new_row(i + 1, 0.0, tail, m.paragraph if newlines > 1 else 0.0, False)
        self._end_x = min(max(x, columns * step if fresh else 0.0), avail)

    def _new_row(self, first: int, indent: float, fresh: int, extra: float, wrapped: bool) -> None:
        self._first.append(first)
        self._top.append(self._top[-1] + self.metrics.pitch + extra)
        self._indent.append(indent)
        self._fresh.append(fresh)
        self._wrapped.append(wrapped)

    def row_of(self, cell: int) -> int:
        return max(bisect_right(self._first, cell) - 1, 0)

    def top_of(self, row: int) -> float:
        return self._top[row]

    def cells_of(self, row: int) -> range:
        last = self._first[row + 1] if row + 1 < self.n_rows else len(self.shapes)
        return range(self._first[row], last)

    def right_of(self, row: int) -> float:
        """Right edge of the last chip in a row."""
        cells = self.cells_of(row)
        return self.x[cells[-1]] + self.w[cells[-1]] if cells else 0.0

    def rect(self, cell: int) -> tuple[float, float, float, float]:
        """x, y, width and height of a token's chip."""
        return self.x[cell], self._top[self.row_of(cell)], self.w[cell], self.metrics.chip

    def rows_between(self, top: float, bottom: float) -> range:
        """Rows that touch the span from `top` to `bottom`."""
        first = max(bisect_right(self._top, top - self.metrics.pitch), 0)
        return range(first, max(bisect_left(self._top, bottom), first))

    def hit(self, x: float, y: float) -> int | None:
        """The token at a point, if a chip is there."""
        row = bisect_right(self._top, y) - 1
        if row < 0 or y > self._top[row] + self.metrics.chip:
            return None
        cells = self.cells_of(row)
        cell = bisect_right(self.x, x, cells.start, cells.stop) - 1
        if cell < cells.start or x > self.x[cell] + self.w[cell]:
            return None
        return cell

    def step(self, cell: int, by: int) -> int:
        """The nearest shown token before (`by` = -1) or after (1); `cell` itself at the ends."""
        at = cell + by
        while 0 <= at < len(self.shapes):
            if self.w[at] > 0:
                return at
            at += by
        return cell

    def step_row(self, cell: int, by: int) -> int:
        """The token above or below, nearest to the middle of `cell`."""
        middle = self.x[cell] + self.w[cell] / 2
        row = self.row_of(cell) + by
        while 0 <= row < self.n_rows:
            shown = [c for c in self.cells_of(row) if self.w[c] > 0]
            if shown:
                return min(shown, key=lambda c: abs(self.x[c] + self.w[c] / 2 - middle))
            row += by
        return cell
