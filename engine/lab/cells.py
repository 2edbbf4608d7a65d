"""Cells of a uniform draw: the intervals of [0, 1) on which nothing changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

MERGED = 1e-14
"""Edges that are closer than this are one: rounding made two of them."""
_GRID = tuple(i / 16 for i in range(1, 16))
Outcome = Callable[[float], Hashable]


class Cell(NamedTuple):
    """An interval of [0, 1): a place inside, and its width (what it weighs)."""

    place: float
    width: float


def cells(outcome: Outcome, edges: Sequence[float], resolution: float = 1e-9) -> list[Cell]:
    """Cut [0, 1) so that `outcome` is constant on each cell.

    edges: where it is said to change. Each interval between them is looked at in its middle and
    just inside both ends (`resolution` away); where the three differ, the change is searched by
    bisection, so that something that behaves otherwise than it says is cut by its behaviour. A
    change nearer to a known edge than twice the resolution is taken to be that edge.

    Without edges nothing is known: the draw is looked at on a grid, and equal neighbours are
    joined.
    """
    if not edges:
        return list(_joined(outcome, _cuts(outcome, _GRID, resolution)))
    cuts = _cuts(outcome, edges, resolution)
    return [Cell((low + high) / 2, high - low) for low, high in itertools.pairwise(cuts)]


def _cuts(outcome: Outcome, edges: Iterable[float], resolution: float) -> list[float]:
    """The edges, those that rounding doubled once, and the changes between them; 0 and 1."""
    cuts = [0.0, *_distinct(edges), 1.0]
    while found := [
        edge
        for low, high in itertools.pairwise(cuts)
        for edge in _changes(outcome, low, high, resolution)
    ]:
        cuts = [0.0, *_distinct([*cuts[1:-1], *found]), 1.0]
    return cuts


def _distinct(edges: Iterable[float]) -> Iterator[float]:
    """Sorted edges inside (0, 1), those that rounding doubled once."""
    last = 0.0
    for edge in sorted(edges):
        if edge - last > MERGED and 1.0 - edge > MERGED:
            yield edge
            last = edge


def _changes(outcome: Outcome, low: float, high: float, resolution: float) -> Iterator[float]:
    """Places inside an interval at which the outcome changes, one at most in each half."""
    inset = min(resolution, (high - low) / 4)
    places = (low + inset, (low + high) / 2, high - inset)
    for a, b in itertools.pairwise(places):
        if outcome(a) != outcome(b):
            edge = _bisect(outcome, a, b)
            if min(edge - low, high - edge) > 2 * resolution:
                yield edge


def _bisect(outcome: Outcome, low: float, high: float) -> float:
    """A place between two different outcomes at which it changes, to the last bit."""
    at_low = outcome(low)
    while (middle := (low + high) / 2) not in (low, high):
        if outcome(middle) == at_low:
            low = middle
        else:
            high = middle
    return high


def _joined(outcome: Outcome, cuts: list[float]) -> Iterator[Cell]:
    """The cells between the cuts, neighbours of one outcome joined."""
    start, seen = 0.0, outcome((cuts[0] + cuts[1]) / 2)
    for low, high in itertools.pairwise(cuts[1:]):
        here = outcome((low + high) / 2)
        if here != seen:
            yield Cell((start + low) / 2, low - start)
            start, seen = low, here
    yield Cell((start + 1.0) / 2, 1.0 - start)
