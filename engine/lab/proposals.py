"""Every proposal that a drafter can make after a context, with its exact chance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.config import Config
from engine.drafting.base import ChoosesLength, Drafter, Proposal
from engine.drafting.length import length_kind
from engine.lab.cells import Cell, cells
from engine.tree import Parents, size_of

Row = NDArray[np.float64]
RowOf = Callable[[tuple[int, ...]], Row]
"""The next-token distribution [V] after a context and these tokens."""

_ROUNDING = 1e-6
"""Drafters draw in float32, so their cells end this near to where the exact row says."""
_PROBES = (1e-6, 0.3, 0.7, 1 - 1e-6)


@dataclass(frozen=True, slots=True)
class Weighed:
    """A proposal and its chance. q: a row [V] for each token, float64, sums to 1; None: one-hot."""

    ids: tuple[int, ...]
    q: tuple[Row, ...] | None
    parents: Parents | None
    chance: float


def all_proposals(
    drafter: Drafter,
    config: Config,
    context: Sequence[int],
    gamma: int,
    between: Callable[[], None] = lambda: None,
) -> list[Weighed]:
    """Every proposal of at most gamma tokens on a path, by calling `drafter.propose` for real on
    every cell of its draws. `drafter.begin` must have been called. between: called before each
    proposal; what it raises ends the enumeration.

    Drafters draw in float32, where a row's sum is 1 only up to 1e-7, and an unlikely token at its
    end may never come. What the drafter *does* is enumerated as it is: the widths of the cells that
    draw a token are its exact chance. Where they agree with the row that the drafter hands over, up
    to that rounding, the rule is handed these chances, in float64, as its q: each token is then
    drawn from the very q that it is judged by, and what remains of a total variation is the rule's
    fault. Where they do not agree, the drafter hands over another q than it draws from, and its own
    row is handed on.
    """
    size = size_of(config.branches, gamma)
    known: dict[tuple[float, ...], tuple[Weighed, Hashable]] = {}

    def propose(draws: tuple[float, ...]) -> tuple[Weighed, Hashable]:
        if draws not in known:
            between()
            length = length_kind(config.length_policy).make(config)
            if isinstance(drafter, ChoosesLength):
                length = drafter.length
            length.begin(gamma)
            known[draws] = _kept(drafter.propose(context, gamma, np.array(draws), length))
        return known[draws]

    def after(fixed: tuple[float, ...], q: tuple[Row, ...], chance: float) -> Iterator[Weighed]:
        """The proposals whose first draws are `fixed`, drawn from the rows q."""
        place, left = len(fixed), size - len(fixed)
        proposal, looks = propose((*fixed, *[0.5] * left))
        reported: Row | None = None
        if proposal.q is not None and place < len(proposal.ids):
            reported = proposal.q[place]
        elif all(propose((*fixed, *[x] * left))[1] == looks for x in _PROBES):
            rows = None if proposal.q is None else q
            yield Weighed(proposal.ids, rows, proposal.parents, chance)
            return

        def outcome(x: float) -> Hashable:
            return propose((*fixed, x, *[0.5] * (left - 1)))[1]

        edges: list[float] = [] if reported is None else np.cumsum(reported).tolist()
        found = cells(outcome, edges, _ROUNDING)
        made = [propose((*fixed, x, *[0.5] * (left - 1)))[0] for x, _ in found]
        drawn = _law_of_place(place, found, made)
        for (x, width), proposal in zip(found, made, strict=True):
            rows = q
            if proposal.q is not None and place < len(proposal.ids):
                own = proposal.q[place]
                close = np.abs(drawn - own).max() < 2 * _ROUNDING
                rows = (*q, drawn if close else own)
            yield from after((*fixed, x), rows, chance * width)

    return list(after((), (), 1.0))


def _law_of_place(place: int, found: Sequence[Cell], made: Sequence[Weighed]) -> Row:
    """The chance [V] of each token at a place, from the cells that draw it."""
    sizes = [row.size for proposal in made for row in proposal.q or ()]
    law = np.zeros(max(sizes, default=0))
    for cell, proposal in zip(found, made, strict=True):
        if proposal.q is not None and place < len(proposal.ids):
            law[proposal.ids[place]] += cell.width
    return law


def _kept(proposal: Proposal) -> tuple[Weighed, Hashable]:
    """A copy of what the next proposal may overwrite, and something that tells two apart."""
    ids, parents = tuple(proposal.ids), proposal.parents
    parents = None if parents is None else tuple(parents)
    rows = None
    if proposal.q is not None:
        rows = tuple(_exact(np.asarray(proposal.q[i], np.float64)) for i in range(len(ids)))
    looks = (ids, parents, rows is None, *[row.tobytes() for row in rows or ()])
    return Weighed(ids, rows, parents, 1.0), looks


def _exact(row: Row) -> Row:
    return row / row.sum()


def all_chains(q_of: RowOf, gamma: int, size: int) -> list[Weighed]:
    """Every chain of gamma tokens, each drawn from q_of of those before it; `size` tokens in the
    vocabulary."""
    found: list[Weighed] = []
    for ids in itertools.product(range(size), repeat=gamma):
        rows = tuple(q_of(ids[:i]) for i in range(gamma))
        chance = float(np.prod([row[token] for row, token in zip(rows, ids, strict=True)]))
        if chance > 0:
            found.append(Weighed(ids, rows, None, chance))
    return found
