"""Logits to tokens, against direct formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax as scipy_softmax

from engine.sampling import display_top, draw, probabilities, softmax, top

logits_of = arrays(np.float64, st.integers(2, 700), elements=st.floats(-30, 30, width=32))


@given(logits_of, st.floats(0.05, 5))
def test_softmax_is_scipys(logits, temperature):
    assert softmax(logits, temperature) == pytest.approx(scipy_softmax(logits / temperature))


def test_softmax_does_not_touch_its_input_and_writes_where_told():
    logits = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    out = np.empty_like(logits)
    assert softmax(logits, 0.5, out) is out
    assert logits.tolist() == [1, 2, 3]


def test_temperature_zero_is_one_hot_on_the_first_largest():
    assert probabilities(np.array([1.0, 4.0, 4.0]), 0.0).tolist() == [0, 1, 0]


def brute_force(logits, temperature, top_k, top_p):
    p = scipy_softmax(logits.astype(np.float64) / temperature)
    order = np.argsort(-p, kind="stable")
    if top_k:
        p[order[top_k:]] = 0
        p /= p.sum()
    if top_p < 1:
        mass = np.cumsum(p[order])
        p[order[np.searchsorted(mass, top_p) + 1 :]] = 0
        p /= p.sum()
    return p


@pytest.mark.parametrize("size", [5, 300, 5000])
@pytest.mark.parametrize("top_k", [0, 1, 3, 40, 4999])
@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.3])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_filters_equal_a_full_sort(size, top_k, top_p, temperature):
    logits = np.random.default_rng(size + top_k).normal(0, 3, size)
    mine = probabilities(logits, temperature, top_k, top_p)
    assert mine == pytest.approx(brute_force(logits, temperature, top_k, top_p), abs=1e-12)


def test_ties_at_the_edge_go_to_the_lower_id():
    assert np.flatnonzero(probabilities(np.zeros(1000), 1.0, top_k=3)).tolist() == [0, 1, 2]


@given(
    arrays(np.float32, st.integers(1, 900), elements=st.floats(0, 1, width=32)),
    st.floats(0, 1, exclude_max=True),
)
def test_draw_inverts_the_cumulative_sum(weights, u):
    weights[0] += np.float32(0.25)
    total = weights.astype(np.float64)
    ends = np.cumsum(total)
    drawn = draw(weights, u)
    assert weights[drawn] > 0
    assert ends[drawn] / ends[-1] >= u - 1e-9
    assert (ends[drawn] - total[drawn]) / ends[-1] <= u + 1e-9


@pytest.mark.parametrize("size", [3, 256, 257, 49152])
def test_draw_reaches_the_last_token_and_skips_zeros(size):
    weights = np.zeros(size, dtype=np.float32)
    weights[[0, -1]] = 0.5
    assert draw(weights, 0.0) == 0
    assert draw(weights, 0.5) == size - 1
    assert draw(weights, 1 - 2**-53) == size - 1


def test_draws_follow_the_row():
    """χ² at a false-fail rate of 1e-9."""
    from scipy.stats import chisquare

    row = softmax(np.random.default_rng(3).normal(0, 2, 600))
    draws = np.random.default_rng(4).random(200_000)
    counts = np.bincount([draw(row, u) for u in draws], minlength=600)
    big = row * draws.size >= 10
    observed = np.append(counts[big], counts[~big].sum())
    expected = np.append(row[big], row[~big].sum()) * draws.size
    assert chisquare(observed, expected).pvalue > 1e-9


@pytest.mark.parametrize("size", [4, 1000, 150000])
@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0])
def test_top_equals_a_full_sort(size, spread):
    row = softmax(np.random.default_rng(size).normal(0, spread, size).astype(np.float32))
    shown = top(row, 10)
    order = np.argsort(-row, kind="stable")[:10]
    order = order[row[order] > 1e-4]
    assert list(shown.ids) == order.tolist()
    assert shown.p == pytest.approx(row[order].tolist(), abs=5e-8)


def test_top_leaves_the_improbable_out():
    assert top(np.array([0.0, 0.25, 0.75, 9e-5]), 10).ids == (2, 1)
    assert top(np.array([0.0, 1.0, 3.0]), 10, 4.0).p == (0.75, 0.25)


def test_display_top_is_temperature_one():
    logits = np.array([0.0, np.log(3.0)])
    assert display_top(logits, 2).p == (0.75, 0.25)
