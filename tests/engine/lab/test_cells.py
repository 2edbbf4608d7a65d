"""Cutting draws where something changes, whether it says so or not."""

from __future__ import annotations

import pytest

from engine.lab.cells import cells


def steps(*edges):
    """How many edges lie at or below x."""
    return lambda x: sum(x >= edge for edge in edges)


def widths(found):
    return [cell.width for cell in found]


def test_cells_lie_between_the_edges_and_fill_the_draw():
    found = cells(steps(0.3, 0.7), [0.7, 0.3])
    assert widths(found) == pytest.approx([0.3, 0.4, 0.3], abs=1e-15)
    assert [steps(0.3, 0.7)(cell.place) for cell in found] == [0, 1, 2]


def test_edges_that_rounding_doubled_are_one():
    found = cells(steps(0.3), [0.3, 0.3 + 1e-16, 1.0, 0.0, 1 - 1e-16])
    assert widths(found) == pytest.approx([0.3, 0.7], abs=1e-15)


@pytest.mark.parametrize("said", [[], [0.5], [0.3, 0.9]])
def test_an_unsaid_change_is_found(said):
    found = cells(steps(0.3, 0.61803), said)
    total = {}
    for cell in found:
        value = steps(0.3, 0.61803)(cell.place)
        total[value] = total.get(value, 0.0) + cell.width
    assert total == pytest.approx({0: 0.3, 1: 0.31803, 2: 0.38197}, abs=1e-9)


def test_a_change_close_to_an_edge_is_that_edge():
    """A float32 drafter's cells end a little beside where its row says."""
    found = cells(steps(0.3 + 2e-7), [0.3], resolution=1e-6)
    assert widths(found) == [0.3, 0.7]
    found = cells(steps(0.3 + 2e-5), [0.3], resolution=1e-6)
    assert len(found) == 3


def test_nothing_known_and_nothing_there_is_one_cell():
    assert widths(cells(lambda x: "always", [])) == [1.0]
