"""What of a tree is shown where there is no room for all of it: pure, no Qt.

Tokens far from the accepted path are folded into a "+n" below their parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.tree import Parents, children, depths


@dataclass(frozen=True)
class Folded:
    """The shown nodes, parents before children and each column from top to bottom.

    index: the token of each node; of a "+n" the token (-1: context) that it hangs on. hidden: the
    tokens that a "+n" stands for. parent: place of the node before it, -1 for the root. depth: 1 …
    centres: middle of each node in rows from the top. spans: rows that belong to it.
    columns: nodes at depth 1, 2 …
    """

    index: tuple[int, ...]
    hidden: tuple[tuple[int, ...], ...]
    parent: tuple[int, ...]
    depth: tuple[int, ...]
    centres: tuple[float, ...]
    spans: tuple[int, ...]
    columns: tuple[list[int], ...]
    rows: int


def fold(
    parents: Parents,
    path: Sequence[int],
    *,
    columns: tuple[int, int],
    rows: tuple[int, int],
    first: int,
) -> Folded:
    """Fold a tree until it has room.

    columns, rows: how many there is room for without and with a "+n". first: at depth 1.
    """
    tree = _Folding(parents, path)
    if max(depths(parents), default=0) > columns[0]:
        tree.cut(columns[1])
    while len(tree.shown(-1)) > max(first, 2) and tree.trim(-1):
        pass
    while tree.rows() > max(rows[tree.folds_any], 1) and tree.shrink():
        pass
    return tree.result()


class _Folding:
    def __init__(self, parents: Parents, path: Sequence[int]) -> None:
        size = len(parents)
        follow = children(size, parents)
        self._kids: dict[int, list[int]] = {i: follow[i + 1] for i in range(-1, size)}
        self._depth = dict(enumerate(depths(parents)))
        self._path = set(path)
        self._hidden: dict[int, list[int]] = {}

    @property
    def folds_any(self) -> bool:
        return bool(self._hidden)

    def shown(self, node: int) -> list[int]:
        """Children of a token, -2 for a "+n"."""
        return [*self._kids[node], *([-2] if node in self._hidden else [])]

    def rows(self, node: int = -1) -> int:
        below = self.shown(node)
        return sum(1 if kid == -2 else self.rows(kid) for kid in below) if below else 1

    def _below(self, node: int) -> list[int]:
        """Tokens below one, those already hidden included."""
        found = list(self._hidden.get(node, ()))
        for kid in self._kids[node]:
            found += [kid, *self._below(kid)]
        return found

    def _hide(self, parent: int, kids: Sequence[int]) -> None:
        gone = self._hidden.setdefault(parent, [])
        for kid in kids:
            gone += [kid, *self._below(kid)]
            self._forget(kid)
        self._kids[parent] = [k for k in self._kids[parent] if k not in kids]

    def _forget(self, node: int) -> None:
        self._hidden.pop(node, None)
        for kid in self._kids.pop(node):
            self._forget(kid)

    def cut(self, depth: int) -> None:
        """Hide what lies below a depth."""
        for node in [n for n, d in self._depth.items() if d == depth]:
            if self._kids[node]:
                self._hide(node, list(self._kids[node]))

    def trim(self, node: int) -> bool:
        """Hide the last children of a token that are not on the path, so that a row is gained."""
        free = [kid for kid in self._kids[node] if kid not in self._path]
        count = 1 if node in self._hidden else 2
        if len(free) < count:
            return False
        self._hide(node, free[-count:])
        return True

    def shrink(self) -> bool:
        """Gain a row or more: the deepest branches go first, the path's own siblings last."""
        able = [
            node
            for node, kids in self._kids.items()
            if node >= 0 and node not in self._path and kids and self.rows(node) > 1
        ]
        if able:
            node = max(able, key=lambda n: (self._depth[n], n))
            self._hide(node, list(self._kids[node]))
            return True
        most = sorted(self._kids, key=lambda n: -len(self._kids[n]))
        return any(self.trim(node) for node in most)

    def result(self) -> Folded:
        index: list[int] = []
        hidden: list[tuple[int, ...]] = []
        parent: list[int] = []
        depth: list[int] = []
        centres: list[float] = []
        spans: list[int] = []
        row = 0

        def add(token: int, gone: tuple[int, ...], place: int, level: int) -> int:
            index.append(token)
            hidden.append(gone)
            parent.append(place)
            depth.append(level)
            centres.append(0.0)
            spans.append(1)
            return len(index) - 1

        def walk(token: int, place: int, level: int) -> float:
            nonlocal row
            found: list[float] = []
            for kid in self.shown(token):
                if kid == -2:
                    at = add(token, tuple(sorted(self._hidden[token])), place, level + 1)
                    centres[at] = row + 0.5
                    row += 1
                else:
                    at = add(kid, (), place, level + 1)
                    first = row
                    centres[at] = walk(kid, at, level + 1)
                    spans[at] = row - first
                found.append(centres[at])
            if found:
                return (found[0] + found[-1]) / 2
            row += 1
            return row - 0.5

        walk(-1, -1, 0)
        columns = tuple(
            [n for n, d in enumerate(depth) if d == level]
            for level in range(1, max(depth, default=0) + 1)
        )
        return Folded(
            tuple(index), tuple(hidden), tuple(parent), tuple(depth), tuple(centres), tuple(spans),
            columns, row,
        )  # fmt: skip
