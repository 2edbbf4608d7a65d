"""The cost model: Leviathan's special case, bounds and best lengths."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.cost import (
    Costs,
    best_gamma,
    expected_tokens,
    leviathan_speedup,
    measure,
    modelled_speedup,
    speedup_at,
    times,
    verify_aware_ceiling,
)
from engine.metrics import figures
from tests.engine.test_metrics import ROWS, Row, plain_run, run_of

ALPHA = st.floats(0, 1)
GAMMA = st.integers(0, 16)


def flat(c: float = 0.1, widest: int = 17, host: float = 0.0, gamma: int = 5) -> Costs:
    """Verify passes that all cost 10 ms."""
    return Costs(((gamma, 10),), ((1, 0.01), (widest, 0.01)), c * 0.01, host, gamma)


COSTS = st.builds(
    lambda single, growth, draft, host: Costs(
        ((4, 10),),
        tuple((k + 1, single * (1 + sum(growth[:k]))) for k in range(len(growth) + 1)),
        draft,
        host,
        4,
    ),
    st.floats(1e-4, 1.0),
    st.lists(st.floats(0, 2), min_size=4, max_size=16),
    st.floats(0, 1.0),
    st.floats(0, 0.1),
)


# expected tokens


@given(ALPHA, GAMMA)
def test_expected_tokens_lie_between_one_and_all(alpha: float, gamma: int) -> None:
    assert 1 <= expected_tokens(alpha, gamma) <= gamma + 1


@given(ALPHA, ALPHA, GAMMA)
def test_expected_tokens_grow_with_alpha(one: float, other: float, gamma: int) -> None:
    low, high = sorted((one, other))
    assert expected_tokens(low, gamma) <= expected_tokens(high, gamma)


@given(st.floats(0, 0.99), GAMMA)
def test_expected_tokens_equal_the_closed_form(alpha: float, gamma: int) -> None:
    closed = (1 - alpha ** (gamma + 1)) / (1 - alpha)
    assert expected_tokens(alpha, gamma) == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize(("alpha", "gamma", "tokens"), [(0, 5, 1), (1, 5, 6), (0.5, 2, 1.75)])
def test_expected_tokens_by_hand(alpha: float, gamma: int, tokens: float) -> None:
    assert expected_tokens(alpha, gamma) == tokens


# speedup


@given(ALPHA, GAMMA, st.floats(0, 2))
def test_flat_verification_is_leviathan(alpha: float, gamma: int, c: float) -> None:
    costs = flat(c)
    expected = leviathan_speedup(alpha, gamma, c)
    assert speedup_at(alpha, gamma, costs) == pytest.approx(expected, rel=1e-9)
    one_length = Costs(((gamma, 7),), costs.verify, costs.draft, 0.0, gamma)
    assert modelled_speedup(alpha, one_length) == pytest.approx(expected, rel=1e-9)


def test_leviathan_table() -> None:
    """Theorem 3.8 at α = 0.8, γ = 5, c = 0.04 by hand: 3.68928 / 1.2."""
    assert leviathan_speedup(0.8, 5, 0.04) == pytest.approx(3.68928 / 1.2)


def test_rounds_of_different_lengths_are_summed_not_averaged() -> None:
    costs = Costs(((0, 1), (4, 3)), ((1, 0.010), (5, 0.012)), 0.001, 0.0005, 4)
    tokens = 1 * 1 + 3 * expected_tokens(0.7, 4)
    seconds = 1 * (0.010 + 0.0005) + 3 * (0.004 + 0.012 + 0.0005)
    assert modelled_speedup(0.7, costs) == pytest.approx(tokens * 0.010 / seconds)


def test_unknown_costs_give_no_speedup() -> None:
    assert modelled_speedup(0.7, Costs((), (), None, None, 4)) is None
    no_single = Costs(((4, 3),), ((5, 0.012),), 0.001, 0.0005, 4)
    assert modelled_speedup(0.7, no_single) is None
    assert no_single.cost_ratio is no_single.verify_ratio(5) is None
    assert modelled_speedup(None, flat()) is None
    assert speedup_at(0.7, 17, flat(widest=9)) is None  # wider than anything measured
    assert best_gamma(0.7, no_single) is None


@given(ALPHA, COSTS)
def test_best_gamma_is_beaten_by_no_other(alpha: float, costs: Costs) -> None:
    best = best_gamma(alpha, costs)
    assert best is not None
    for gamma in range(17):
        other = speedup_at(alpha, gamma, costs)
        assert other is None or other <= best.speedup
        if other == best.speedup:
            assert best.gamma <= gamma


@given(COSTS)
def test_a_draft_that_is_never_right_is_best_left_out(costs: Costs) -> None:
    best = best_gamma(0.0, costs)
    assert best is not None
    assert best.gamma == 0


# costs of a run


def test_costs_are_medians_by_width() -> None:
    costs = measure(run_of(ROWS), plain_run(31))
    assert costs.proposals == ((0, 1), (3, 1), (4, 3))
    widths = dict(costs.verify)
    assert widths[1] == pytest.approx(8_015e-9)  # the baseline's, not the run's own 9,000
    assert widths[4] == pytest.approx(11_000e-9)
    assert widths[5] == pytest.approx(12_050e-9)
    assert costs.draft == pytest.approx(505e-9)
    assert costs.host == pytest.approx(300e-9)
    assert costs.main_width == 5
    assert costs.cost_ratio == pytest.approx(505 / 8_015)
    assert costs.verify_ratio(5) == pytest.approx(12_050 / 8_015)


def test_without_a_baseline_the_runs_own_single_passes_count() -> None:
    assert dict(measure(run_of(ROWS)).verify)[1] == pytest.approx(9_000e-9)
    assert measure(run_of(ROWS[:2])).single is None


def test_a_baseline_that_grows_is_measured_again() -> None:
    rows = [Row(target_ns=8_000)] * 3
    run, baseline = run_of(ROWS), run_of(rows, baseline=True)
    assert measure(run, baseline).single == pytest.approx(8_000e-9)
    longer = run_of(rows + [Row(target_ns=20_000)] * 9, baseline=True)
    assert measure(run, longer).single == pytest.approx(20_000e-9)


def test_verify_costs_between_measured_widths_are_linear() -> None:
    costs = Costs((), ((1, 0.010), (5, 0.014), (9, 0.034)), None, None, 4)
    assert costs.verify_at(3) == pytest.approx(0.012)
    assert costs.verify_at(7) == pytest.approx(0.024)
    assert costs.verify_at(10) is costs.verify_at(0) is None


def test_an_empty_run_has_no_costs() -> None:
    costs = measure(run_of([]))
    assert costs == Costs((), (), None, None, 0)
    assert costs.main_width is costs.single is None


@given(st.lists(st.integers(0, 8), min_size=1, max_size=30))
def test_flat_verification_has_tau_for_a_ceiling(accepted: list[int]) -> None:
    run = run_of([Row(8, a, 500, 8_000, 10) for a in accepted])
    baseline = run_of([Row(target_ns=8_000, host_ns=0)] * 10, baseline=True)
    f = figures(run)
    ceiling = verify_aware_ceiling(f, measure(run, baseline))
    assert f.tokens_per_pass is not None
    assert ceiling == pytest.approx(f.tokens_per_pass)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=30), st.integers(0, 50_000))
def test_dearer_verification_lowers_the_ceiling(accepted: list[int], extra: int) -> None:
    assume(extra > 0)
    run = run_of([Row(8, a, 500, 8_000 + extra, 10) for a in accepted])
    baseline = run_of([Row(target_ns=8_000, host_ns=0)] * 10, baseline=True)
    f = figures(run)
    ceiling = verify_aware_ceiling(f, measure(run, baseline))
    assert ceiling is not None
    assert f.tokens_per_pass is not None
    assert ceiling < f.tokens_per_pass


def test_no_run_of_even_rounds_beats_its_ceiling() -> None:
    """Plain decoding pays its host time for each token; a ceiling without it would lie below what
    is measured."""
    run = run_of([Row(4, 4, 0, 12_000, 0)] * 8)
    baseline = run_of([Row(target_ns=8_000, host_ns=700)] * 40, baseline=True)
    f, costs = figures(run, baseline), measure(run, baseline)
    assert costs.plain == pytest.approx(8.7e-6)
    assert f.speedup == pytest.approx(5 * 8.7 / 12)
    assert verify_aware_ceiling(f, costs) == pytest.approx(f.speedup)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.83, "0.83×"),
        (1.994, "1.99×"),
        (1.996, "2.0×"),
        (9.94, "9.9×"),
        (9.96, "10×"),
        (14, "14×"),
    ],
)
def test_times(ratio: float, text: str) -> None:
    assert times(ratio) == text
