"""Siblings without replacement: their rows, their law, their limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from engine.drafting.siblings import draw_siblings, top_children
from engine.sampling import draw

ROW = np.array([0.5, 0.0, 0.3, 0.15, 0.05], dtype=np.float32)


def drawn(row, k, u):
    rows = np.full((k, row.size), 7, dtype=row.dtype)
    return draw_siblings(row, k, u, rows), rows


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4))
def test_each_sibling_is_drawn_from_its_own_row(u):
    ids, rows = drawn(ROW, 4, u)
    assert len(set(ids)) == 4
    expected = ROW.astype(np.float64)
    for j, token in enumerate(ids):
        assert rows[j] == pytest.approx(expected / expected.sum(), abs=1e-6)
        assert rows[j].sum() == pytest.approx(1, abs=1e-6)
        assert token == draw(rows[j], u[j])
        assert rows[j][token] > 0
        expected[token] = 0


def law_p_value(draw_pair, samples=30_000):
    """χ² of ordered pairs against drawing without replacement."""
    rng = np.random.default_rng(3)
    counts: dict[tuple[int, int], int] = {}
    for u in rng.random((samples, 2)):
        pair = tuple(draw_pair(u))
        counts[pair] = counts.get(pair, 0) + 1
    row = ROW.astype(np.float64) / ROW.sum(dtype=np.float64)
    pairs = [(a, b) for a, b in itertools.permutations(range(5), 2) if row[a] * row[b] > 0]
    expected = [samples * row[a] * row[b] / (1 - row[a]) for a, b in pairs]
    observed = [counts.pop(pair, 0) for pair in pairs]
    return 0.0 if counts else chisquare(observed, expected).pvalue


def test_the_law_is_that_of_drawing_without_replacement():
    assert law_p_value(lambda u: drawn(ROW, 2, u)[0]) > 1e-9


def test_the_same_check_catches_siblings_that_use_one_draw():
    assert law_p_value(lambda u: drawn(ROW, 2, [u[0], u[0]])[0]) < 1e-9


def test_the_first_row_may_be_the_row_itself():
    rows = np.zeros((2, 5), dtype=np.float32)
    rows[0] = ROW
    ids = draw_siblings(rows[0], 2, [0.1, 0.1], rows)
    assert ids == [0, 2]
    assert rows[0].tolist() == ROW.tolist()
    assert rows[1] == pytest.approx([0, 0, 0.6, 0.3, 0.1], abs=1e-6)


def test_fewer_siblings_where_no_mass_is_left():
    ids, _ = drawn(ROW, 5, [0.99] * 5)
    assert sorted(ids) == [0, 2, 3, 4]
    one_hot = np.array([0, 1, 0], dtype=np.float32)
    assert drawn(one_hot, 3, [0.5] * 3)[0] == [1]


def test_a_vanishing_rest_is_still_a_distribution():
    row = np.array([1.0, 3e-44, 6e-44], dtype=np.float32)
    ids, rows = drawn(row, 3, [0.0, 0.5, 0.5])
    assert ids == [0, 2, 1]
    assert rows.sum(axis=1) == pytest.approx([1, 1, 1])


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.integers(1, 16))
def test_top_children_are_the_largest_and_the_lower_id_of_equals(values, k):
    weights = np.array(values, dtype=np.float32)
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    assert top_children(weights, k) == expected
    assert weights.tolist() == values


def test_top_children_leave_out_what_has_no_weight():
    assert top_children(np.array([-np.inf, 2.0, -np.inf]), 3) == [1]
