"""The tree that a model's cache holds after its text, and which sequences of the cache hold it.

A cache that knows sequences holds a tree as one sequence per leaf: each token belongs to the
sequences of all leaves below it, so attention sees its own branch and no other. The text is
sequence 0, which the first leaf carries on. Pure bookkeeping: the backends do what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import ModelError


@dataclass(frozen=True, slots=True)
class Growth:
    """What one call adds to a tree.

    positions: of each new token, counted from the start of the text. sequences: of each new token,
    those of the leaves below it. copies: (source, new sequence, length): before the pass, begin a
    new sequence with the first `length` positions of another. undo: (sequence, position): after a
    failed pass, remove from each sequence what lies at that position and beyond.
    """

    parents: Sequence[int]
    positions: list[int]
    sequences: list[list[int]]
    copies: list[tuple[int, int, int]]
    undo: list[tuple[int, int]]
    tips: list[int]


class OpenTree:
    """A tree after a text of `base` tokens. Tokens are known by the order in which they were fed,
    -1 is the text."""

    def __init__(self, base: int) -> None:
        self.base = base
        self._parents: list[int] = []
        self._positions: list[int] = []
        self._homes: list[int] = []  # a sequence that holds the token
        self._tips = [-1]  # the last token of each sequence

    @property
    def leaves(self) -> int:
        """Sequences in use: 0 to leaves - 1."""
        return len(self._tips)

    def plan(self, parents: Sequence[int], max_branches: int) -> Growth:
        """What tokens with these parents would add; the tree stays as it is until `grow`.

        Raises ModelError for parents that do not come first, and for too many leaves.
        """
        first = len(self._parents)
        every = [*self._parents, *parents]
        positions = list(self._positions)
        for i, parent in enumerate(parents, first):
            if not -1 <= parent < i:
                raise ModelError(
                    f"Token {i} of a tree cannot follow token {parent}.",
                    "Parents come before their children; -1 is the text before the tree.",
                )
            positions.append(self._held(parent, positions))

        inner, tips = set(parents), list(self._tips)
        sequences: list[list[int]] = [[] for _ in parents]
        copies: list[tuple[int, int, int]] = []
        undo: list[tuple[int, int]] = []
        for leaf in range(first, len(every)):
            if leaf in inner:
                continue
            cached = leaf
            while cached >= first:
                cached = every[cached]
            held = self._held(cached, positions)
            sequence = self._homes[cached] if cached >= 0 else 0
            if tips[sequence] == cached:  # nobody carries that sequence on yet
                tips[sequence] = leaf
                undo.append((sequence, held))
            else:
                copies.append((sequence, len(tips), held))
                sequence = len(tips)
                tips.append(leaf)
                undo.append((sequence, 0))
            token = leaf
            while token >= first:
                sequences[token - first].append(sequence)
                token = every[token]
        if len(tips) > max_branches:
            raise ModelError(
                f"A tree of {len(tips)} leaves was fed; this model's cache holds {max_branches}.",
                f"Choose branches with at most {max_branches} leaves.",
            )
        return Growth(parents, positions[first:], sequences, copies, undo, tips)

    def grow(self, growth: Growth) -> None:
        """Add what was planned."""
        self._parents += growth.parents
        self._positions += growth.positions
        self._homes += [s[0] for s in growth.sequences]
        self._tips = growth.tips

    def sequence_of(self, path: Sequence[int]) -> int:
        """A sequence that holds this path. Raises ModelError unless each token of it is the parent
        of the next, and the first one follows the text."""
        above = -1
        for i in path:
            if not 0 <= i < len(self._parents) or self._parents[i] != above:
                raise ModelError(
                    f"{tuple(path)} is no path in the tree.",
                    "A path begins after the text; each token of it is the parent of the next.",
                )
            above = i
        return self._homes[above] if path else 0

    def gaps(self, path: Sequence[int]) -> list[tuple[int, int]]:
        """Tokens off the path that were fed before its last one: (sequence, position) of each."""
        kept = set(path)
        before = range(path[-1] if path else 0)
        return [(self._homes[i], self._positions[i]) for i in before if i not in kept]

    def _held(self, token: int, positions: Sequence[int]) -> int:
        """Positions from the start of the text to `token`, itself included."""
        return positions[token] + 1 if token >= 0 else self.base


def check_call(ids: Sequence[int], parents: Sequence[int], max_branches: int) -> None:
    """Raise ModelError unless a model with so many branches can be fed `ids` with `parents`."""
    if max_branches < 2:
        raise ModelError(
            "This model's cache holds no trees.", "Draft chains with it: leave branches empty."
        )
    if len(parents) != len(ids):
        raise ModelError(
            f"{len(ids)} tokens of a tree came with {len(parents)} parents.",
            "Give each token one parent.",
        )


def nothing_open() -> ModelError:
    return ModelError("No tree is open: there is no path to keep.", "Feed a tree first.")


def still_open() -> ModelError:
    return ModelError(
        "A tree is open: the text cannot go on.", "Keep a path of the tree, or truncate, first."
    )
