"""Walks from the promise to the measured speedup: every step by hand, and that they add up."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cost import Costs, expected_tokens, measure, modelled_speedup, speedup_at
from engine.metrics import figures
from engine.trace import Run
from engine.waterfall import (
    ACCEPTANCE,
    ALL_ACCEPTED,
    BASELINE_TIME,
    DRAFT_TIME,
    HOST_TIME,
    MODELLED,
    REJECTED,
    VERIFY_TIME,
    VERIFY_WIDTH,
    Step,
    break_even_alpha,
    break_even_cost_ratio,
    gap,
    waterfall,
    worst,
)
from tests.app.method_traces import tree_trace
from tests.engine.test_cost import COSTS, flat
from tests.engine.test_metrics import ROUNDS, ROWS, Row, plain_run, run_of


def walked(run: Run, baseline: Run | None) -> tuple[Step, ...]:
    return waterfall(figures(run, baseline), run, baseline)


def gaps(run: Run, baseline: Run, costs: Costs | None = None) -> tuple[Step, ...]:
    f = figures(run, baseline)
    return gap(f.acceptance_rate, costs or measure(run, baseline), f, run, baseline)


def assert_adds_up(steps: tuple[Step, ...], end: float | None) -> None:
    value = 0.0
    for step in steps:
        assert step.change == step.value - value
        value = step.value
    assert value == pytest.approx(end, abs=1e-9)
    assert sum(step.change for step in steps) == pytest.approx(end, abs=1e-9)


# from the ceiling


def test_each_step_by_hand() -> None:
    baseline = run_of([Row(target_ns=8_000, host_ns=200)] * 30, baseline=True)
    run = run_of(ROWS, gamma=4)
    steps = walked(run, baseline)
    assert [step.name for step in steps] == [
        ALL_ACCEPTED, REJECTED, VERIFY_WIDTH, DRAFT_TIME, HOST_TIME,
    ]  # fmt: skip
    plain, verify, draft, host = 12 * 8_200, 56_150, 7_610, 1_504
    assert [step.value for step in steps] == pytest.approx(
        [20 / 5, 12 / 5, plain / verify, plain / (verify + draft), plain / (verify + draft + host)]
    )
    assert dict(steps[1].parts) == pytest.approx(
        {"rejected": -3 / 5, "discarded": -5 / 5, "end of text": 0}
    )
    assert_adds_up(steps, figures(run, baseline).speedup)


@given(ROUNDS, st.integers(1, 200))
def test_the_steps_add_up_to_the_measured_speedup(rows: list[Row], tokens: int) -> None:
    run, baseline = run_of(rows), plain_run(tokens)
    f = figures(run, baseline)
    steps = walked(run, baseline)
    if steps:
        assert_adds_up(steps, f.speedup)
        assert sum(part for _, part in steps[1].parts) == pytest.approx(steps[1].change, abs=1e-9)
        assert steps[0].value >= steps[1].value
        assert steps[2].value >= steps[3].value >= steps[4].value


def test_a_run_that_outlasts_its_baseline_is_cut() -> None:
    """What came after the baseline's end must not move a step."""
    baseline = plain_run(9)
    kept = [Row(4, 2, 500, 12_000, 300)] * 3
    alone = walked(run_of(kept), baseline)
    longer = walked(run_of([*kept, *[Row(4, 0, 9_000, 90_000, 9_000)] * 5]), baseline)
    assert longer == alone
    assert_adds_up(longer, figures(run_of(kept), baseline).speedup)
    # Negative control: inside the baseline's length they do.
    assert walked(run_of([*kept, Row(4, 0, 9_000, 90_000, 9_000)]), plain_run(10)) != alone


def test_an_end_of_text_is_a_part_of_its_own() -> None:
    run = run_of([Row(4, 4, 500, 12_000, 300), Row(4, 2, 500, 12_000, 300, ends=True)])
    rejected = walked(run, plain_run(20))[1]
    assert rejected.value == 7 / 2
    assert dict(rejected.parts) == {"rejected": 0, "discarded": -2 / 2, "end of text": -1 / 2}


def test_flat_passes_and_a_free_draft_lose_nothing() -> None:
    run = run_of([Row(4, 2, 0, 8_000, 0)] * 6)
    baseline = run_of([Row(target_ns=8_000, host_ns=0)] * 40, baseline=True)
    steps = walked(run, baseline)
    assert [step.value for step in steps] == pytest.approx([5, 3, 3, 3, 3])
    found = worst(steps)
    assert found is not None
    assert found.name == REJECTED


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (Row(4, 4, 0, 30_000, 0), VERIFY_WIDTH),
        (Row(4, 4, 9_000, 8_000, 0), DRAFT_TIME),
        (Row(4, 4, 0, 8_000, 30_000), HOST_TIME),
        (Row(4, 0, 0, 8_000, 0), REJECTED),
    ],
)
def test_the_worst_step_is_named(row: Row, name: str) -> None:
    found = worst(walked(run_of([row] * 5), plain_run(40)))
    assert found is not None
    assert found.name == name


def test_nothing_to_walk() -> None:
    assert walked(run_of(ROWS), None) == ()
    assert walked(run_of([]), plain_run(5)) == ()
    assert walked(run_of([Row()] * 5), plain_run(5)) == ()  # nothing proposed
    assert worst(()) is None


def test_of_a_tree_the_longest_path_counts() -> None:
    trace = tree_trace((2, 2, 1), 4, picks=((0, 1, 0, 0), (1, 0), ()) * 6)
    run = trace.run
    assert run is not None
    baseline = trace.baseline_of(run)
    steps = walked(run, baseline)
    f = figures(run, baseline)
    assert steps[0].value <= 5 < (f.drafted + f.rounds) / f.rounds
    assert steps[1].parts == ()
    assert_adds_up(steps, f.speedup)


# from the model


def test_the_gap_of_a_run_that_the_model_describes_is_nothing() -> None:
    """Every round alike and all accepted: medians are means, and α = 1 leaves nothing to chance."""
    run = run_of([Row(4, 4, 500, 12_000, 300)] * 6)
    baseline = run_of([Row(target_ns=8_000, host_ns=200)] * 40, baseline=True)
    steps = gaps(run, baseline)
    assert [step.name for step in steps] == [
        MODELLED, ACCEPTANCE, DRAFT_TIME, VERIFY_TIME, HOST_TIME, BASELINE_TIME,
    ]  # fmt: skip
    assert all(step.change == pytest.approx(0, abs=1e-9) for step in steps[1:])
    assert_adds_up(steps, figures(run, baseline).speedup)


@given(ROUNDS, st.integers(1, 200))
def test_the_gap_leads_from_the_model_to_the_measurement(rows: list[Row], tokens: int) -> None:
    run, baseline = run_of(rows), plain_run(tokens)
    f, costs = figures(run, baseline), measure(run, baseline)
    steps = gap(f.acceptance_rate, costs, f, run, baseline)
    modelled = modelled_speedup(f.acceptance_rate, costs)
    if modelled is None or f.speedup is None:
        assert steps == ()
    else:
        assert steps[0].value == modelled
        assert_adds_up(steps, f.speedup)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"draft": 1_500e-9}, DRAFT_TIME),
        ({"verify": ((1, 8_000e-9), (5, 30_000e-9))}, VERIFY_TIME),
        ({"host": 9_000e-9}, HOST_TIME),
        ({"plain_host": 9_000e-9}, BASELINE_TIME),
    ],
)
def test_a_calibrated_cost_that_is_off_is_named(changed: dict[str, object], name: str) -> None:
    run = run_of([Row(4, 4, 500, 12_000, 300)] * 6)
    baseline = run_of([Row(target_ns=8_000, host_ns=200)] * 40, baseline=True)
    costs = dataclasses.replace(measure(run, baseline), **changed)  # type: ignore[arg-type]
    steps = gaps(run, baseline, costs)
    found = worst(steps)
    assert found is not None
    assert found.name == name
    others = [step for step in steps[1:] if step.name != name]
    assert all(step.change == pytest.approx(0, abs=1e-9) for step in others)
    assert_adds_up(steps, figures(run, baseline).speedup)


def test_acceptance_that_comes_in_bursts_is_named() -> None:
    """All or nothing at α = 0.8: 3 tokens a pass, where independent ones would bring 3.36."""
    run = run_of([Row(4, a, 100, 8_000, 0) for a in (4, 0) * 10])
    steps = gaps(run, run_of([Row(target_ns=8_000, host_ns=0)] * 90, baseline=True))
    found = worst(steps)
    assert found is not None
    assert found.name == ACCEPTANCE
    assert found.change == pytest.approx((3 - expected_tokens(0.8, 4)) * 8_000 / 8_400)


# break-even


@given(COSTS, st.integers(1, 16))
def test_at_the_break_even_alpha_nothing_is_gained(costs: Costs, gamma: int) -> None:
    alpha = break_even_alpha(gamma, costs)
    if alpha is None:
        most = speedup_at(1.0, gamma, costs)
        assert most is None or most < 1
    else:
        reached = speedup_at(alpha, gamma, costs)
        assert reached is not None
        assert reached >= 1
        assert reached == pytest.approx(1, abs=1e-6) or alpha == 0


@given(COSTS, st.floats(0, 1), st.integers(1, 16))
def test_at_the_break_even_cost_ratio_nothing_is_gained(
    costs: Costs, alpha: float, gamma: int
) -> None:
    c = break_even_cost_ratio(alpha, gamma, costs)
    assert costs.single is not None
    draft = 0.0 if c is None else c * costs.single
    reached = speedup_at(alpha, gamma, dataclasses.replace(costs, draft=draft))
    if reached is None:
        assert c is None
    elif c is None:
        assert reached < 1
    else:
        assert reached == pytest.approx(1, rel=1e-9)


def test_break_even_by_hand() -> None:
    # γ = 1, flat passes, c = 0.5: 1 + α = 1.5.
    assert break_even_alpha(1, flat(0.5)) == pytest.approx(0.5)
    assert break_even_cost_ratio(0.5, 1, flat()) == pytest.approx(0.5)
    assert break_even_cost_ratio(0.8, 5, flat()) == pytest.approx((expected_tokens(0.8, 5) - 1) / 5)
    assert break_even_alpha(4, flat(0.0)) == 0  # a free draft never loses
    assert break_even_alpha(4, flat(2.0)) is None  # not even if all are accepted
    assert break_even_alpha(40, flat()) is None  # wider than anything measured
    assert break_even_cost_ratio(0.5, 0, flat()) is None
    dear = Costs((), ((1, 0.01), (5, 0.04)), 0.001, 0.0, 4)
    assert break_even_cost_ratio(0.1, 4, dear) is None
