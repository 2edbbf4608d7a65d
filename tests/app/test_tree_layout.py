"""Trees in a box, without a screen: nothing overlaps, nothing leaves the area, nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.views.tree_layout import SCALES, Kind, Node, TreeLayout, place
from engine.tree import children, depths
from tests.app.method_traces import tree_parents

PHONE, WINDOW, SCREEN = (104, 76), (213, 152), (880, 416)
"""Areas of the narrowest window, of one of 1600 x 900, and of one on a 4K screen."""


class Letters:
    """A token's label has as many letters as `lengths` says."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths = lengths

    def chip(self, index: int, size: int) -> float:
        return self.letters(self._lengths[index % len(self._lengths)], size)

    def letters(self, count: int, size: int) -> float:
        return round(count * size * 0.6 + (18 if size <= 10 else 28))

    def more(self, count: int, size: int) -> float:
        return len(f"+{count}") * size * 0.6 + 6


WORDS = Letters((4, 6, 1, 9, 3, 2, 12))


def laid_out(
    parents: Sequence[int], area: tuple[float, float], path: Sequence[int] = ()
) -> TreeLayout:
    return place(parents, path, *area, WORDS)


def check(placed: TreeLayout, parents: Sequence[int], area: tuple[float, float]) -> None:
    """What holds of every tree in every area."""
    nodes = placed.nodes
    width, height = area
    for node in nodes:
        assert node.w > 0
        assert node.h > 0
        assert node.x >= 0
        assert node.x + node.w <= width + 1e-6
        assert node.y >= -1e-6
        assert node.y + node.h <= height + 1e-6
    for one, other in combinations(nodes, 2):
        assert not _overlap(one, other), (one, other)
    below = depths(parents)
    for parent, child in placed.edges:
        left = nodes[parent].x + nodes[parent].w if parent >= 0 else placed.root[0]
        assert left < nodes[child].x
        if parent >= 0 and nodes[child].kind is not Kind.MORE:
            assert parents[nodes[child].index] == nodes[parent].index
    shown = [n.index for n in nodes if n.kind is not Kind.MORE]
    hidden = [i for n in nodes for i in n.hidden]
    assert sorted(shown + hidden) == list(range(len(parents)))
    columns: dict[int, float] = {}
    for node in nodes:
        if node.kind is not Kind.MORE:
            assert columns.setdefault(below[node.index], node.x) == node.x


def _overlap(one: Node, other: Node) -> bool:
    across = one.x < other.x + other.w - 1e-6 and other.x < one.x + one.w - 1e-6
    down = one.y < other.y + other.h - 1e-6 and other.y < one.y + one.h - 1e-6
    return across and down


@pytest.mark.parametrize("area", [PHONE, WINDOW, SCREEN])
@pytest.mark.parametrize(
    ("branches", "depth"),
    [
        ((2,), 2), ((2,), 16), ((3,), 16), ((2, 2, 1), 4), ((3, 2), 3), ((2, 2, 2, 2), 4),
        ((2, 2, 2, 2, 1), 6), ((16, 1, 1), 3), ((4, 4), 5), ((1, 1, 2), 5), ((2, 2, 2, 2, 2), 5),
        ((1,), 5), ((16,), 1), ((1, 16), 2),
    ],
)  # fmt: skip
def test_every_tree_has_room_everywhere(
    branches: tuple[int, ...], depth: int, area: tuple[float, float]
) -> None:
    parents = tree_parents(branches, depth)
    check(laid_out(parents, area), parents, area)
    follow = children(len(parents), parents)
    path = [follow[0][-1]]
    while follow[path[-1] + 1]:
        path.append(follow[path[-1] + 1][-1])
    check(laid_out(parents, area, path), parents, area)


@given(
    st.lists(st.integers(0, 1_000_000), min_size=1, max_size=63),
    st.tuples(st.integers(100, 900), st.integers(76, 420)),
    st.integers(0, 62),
)
def test_every_shape_has_room(seeds: list[int], area: tuple[int, int], tip: int) -> None:
    """Any tree of at most 16 leaves and 63 tokens, any path in it."""
    parents: list[int] = []
    leaves: set[int] = set()
    for i, seed in enumerate(seeds):
        parent = seed % (i + 1) - 1
        if len(leaves) == 16:
            parent = sorted(leaves)[seed % 16]  # only growth at leaves keeps their number
        parents.append(parent)
        leaves = (leaves - {parent}) | {i}
    index, path = tip % len(parents), list[int]()
    while index >= 0:
        path.insert(0, index)
        index = parents[index]
    check(laid_out(parents, area, path), parents, area)


def test_sixteen_leaves_are_all_shown_in_the_window() -> None:
    parents = tree_parents((2, 2, 2, 2), 4)
    placed = laid_out(parents, WINDOW)
    leaves = [n for n in placed.nodes if depths(parents)[n.index] == 4]
    assert len({n.y for n in leaves}) == 16
    assert not any(n.hidden for n in placed.nodes)
    # The leaves are marks; what they hang on has its labels.
    assert {n.kind for n in leaves} == {Kind.MARK}
    assert {n.kind for n in placed.nodes if n not in leaves} == {Kind.CHIP}


def test_on_a_large_screen_nothing_shrinks() -> None:
    for branches, depth in (((2, 2, 2, 2), 4), ((3, 2), 3)):
        placed = laid_out(tree_parents(branches, depth), SCREEN)
        assert placed.scale == SCALES[0]
        assert {n.kind for n in placed.nodes} == {Kind.CHIP}


def test_siblings_keep_their_order_and_parents_their_middle() -> None:
    parents = tree_parents((3, 2), 2)
    placed = laid_out(parents, SCREEN)
    by = {n.index: n for n in placed.nodes}
    assert by[0].y < by[1].y < by[2].y
    for kids in children(len(parents), parents)[1:4]:
        parent = by[parents[kids[0]]]
        assert parent.middle == pytest.approx((by[kids[0]].middle + by[kids[-1]].middle) / 2)


def test_the_accepted_path_stays_when_branches_fold() -> None:
    parents = tree_parents((2, 2, 2, 2), 4)
    path = [1, 4, 10, 22]
    placed = laid_out(parents, (213, 76), path)
    shown = {n.index for n in placed.nodes if n.kind is not Kind.MORE}
    assert set(path) <= shown
    assert any(n.hidden for n in placed.nodes)


def test_many_siblings_fold_into_one_row() -> None:
    parents = tree_parents((16, 1, 1), 3)
    placed = laid_out(parents, (213, 76), [15, 31, 47])
    more = [n for n in placed.nodes if n.hidden]
    assert len(more) == 1
    assert more[0].index == -1
    assert {15, 31, 47} <= {n.index for n in placed.nodes if not n.hidden}


def test_deep_chains_are_cut_at_the_end_of_the_box() -> None:
    parents = tree_parents((2,), 16)
    placed = laid_out(parents, WINDOW)
    ends = [n for n in placed.nodes if n.hidden]
    assert len(ends) == 2
    assert all(len(n.hidden) > 1 for n in ends)
    # Two columns keep their labels.
    labelled = {depths(parents)[n.index] for n in placed.nodes if n.kind is Kind.CHIP}
    assert labelled == {1, 2}
