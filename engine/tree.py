"""Shapes of proposals. A chain is a tree in which no token has a sibling.

A tree is given by its `parents`: for each drafted token the index of the token that it follows, -1
for the context. Parents come before their children. `branches` describes a regular tree: children
of each token at depth 1, 2 …, 1 where entries are missing (SpecInfer's expansion configuration,
Miao et al. 2024, arXiv 2305.09781, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence

Parents = Sequence[int]


def children(size: int, parents: Parents | None) -> list[list[int]]:
    """Indices of the tokens that follow the context (entry 0) and each token i (entry i + 1), in
    the order in which they were drawn. parents None: a chain of `size` tokens."""
    if parents is None:
        return [*([i] for i in range(size)), []]
    found: list[list[int]] = [[] for _ in range(size + 1)]
    for i, parent in enumerate(parents):
        found[parent + 1].append(i)
    return found


def depths(parents: Parents) -> list[int]:
    """Depth of each token: 1 for those that follow the context."""
    found: list[int] = []
    for parent in parents:
        found.append(1 if parent < 0 else found[parent] + 1)
    return found


def is_chain(parents: Parents) -> bool:
    """Whether no token has a sibling."""
    return all(parent == i - 1 for i, parent in enumerate(parents))


def path_to(index: int, parents: Parents) -> tuple[int, ...]:
    """Indices from the root down to `index`."""
    path: list[int] = []
    while index >= 0:
        path.append(index)
        index = parents[index]
    return tuple(reversed(path))


def width_at(branches: Sequence[int], depth: int) -> int:
    """Tokens at a depth (1, 2 …) of the regular tree; leaves, at its last depth."""
    width = 1
    for children_each in branches[:depth]:
        width *= children_each
    return width


def size_of(branches: Sequence[int], depth: int) -> int:
    """Tokens in the regular tree of that depth."""
    return sum(width_at(branches, d) for d in range(1, depth + 1))


def depth_within(branches: Sequence[int], depth: int, size: int) -> int:
    """The greatest depth, `depth` at most, of a regular tree of at most `size` tokens."""
    while depth > 0 and size_of(branches, depth) > size:
        depth -= 1
    return max(depth, 0)
