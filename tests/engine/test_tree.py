"""Shapes of proposals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tree import (
    children,
    depth_within,
    depths,
    is_chain,
    path_to,
    size_of,
    width_at,
)

PARENTS = st.integers(0, 12).flatmap(
    lambda n: st.tuples(*(st.integers(-1, i - 1) for i in range(n)))
)
BRANCHES = st.lists(st.integers(1, 4), max_size=5).map(tuple)


def test_a_tree_of_two_and_two():
    parents = (-1, -1, 0, 0, 1, 1)
    assert children(6, parents) == [[0, 1], [2, 3], [4, 5], [], [], [], []]
    assert depths(parents) == [1, 1, 2, 2, 2, 2]
    assert path_to(5, parents) == (1, 5)
    assert not is_chain(parents)


def test_without_parents_it_is_a_chain():
    assert children(3, None) == children(3, (-1, 0, 1)) == [[0], [1], [2], []]
    assert is_chain((-1, 0, 1))
    assert is_chain(())


@given(PARENTS)
def test_every_token_is_one_child(parents):
    listed = sorted(i for group in children(len(parents), parents) for i in group)
    assert listed == list(range(len(parents)))


@given(PARENTS)
def test_a_path_is_as_long_as_it_is_deep(parents):
    below = depths(parents)
    for i in range(len(parents)):
        path = path_to(i, parents)
        assert len(path) == below[i]
        assert path[-1] == i
        assert [parents[j] for j in path] == [-1, *path[:-1]]


@given(BRANCHES, st.integers(0, 8))
def test_sizes_add_up(branches, depth):
    widths = [width_at(branches, d) for d in range(1, depth + 1)]
    assert size_of(branches, depth) == sum(widths)
    assert size_of((), depth) == depth
    assert widths == sorted(widths)


@given(BRANCHES, st.integers(0, 8), st.integers(-2, 200))
def test_the_depth_that_fits_is_the_greatest(branches, depth, room):
    fits = depth_within(branches, depth, room)
    assert 0 <= fits <= depth
    assert fits == 0 or size_of(branches, fits) <= room
    assert fits == depth or size_of(branches, fits + 1) > room


@pytest.mark.parametrize(
    ("branches", "size", "leaves"), [((), 4, 1), ((2,), 8, 2), ((3, 2), 21, 6)]
)
def test_known_sizes(branches, size, leaves):
    assert size_of(branches, 4) == size
    assert width_at(branches, 4) == leaves
