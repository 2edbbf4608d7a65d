"""The figures of a run against sums by hand, against scipy, and against the script in the docs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest

from engine import metrics
from engine.config import Config
from engine.events import (
    SCHEMA,
    AnyEvent,
    Drafted,
    Host,
    Judged,
    ModelInfo,
    Models,
    Prefilled,
    RunFinished,
    RunStarted,
    Verified,
)
from engine.metrics import Curves, compare, figures, rate_curve, speedup_curve, waited_ns
from engine.tally import Tally
from engine.trace import Run
from tests.engine.toys import demo_pair, run_events

HOST = Host("Linux", "test processor", 2, 8 << 30, (), "3.11", "test")


class Row(NamedTuple):
    """One round: tokens proposed and accepted, and its times in nanoseconds."""

    drafted: int = 0
    accepted: int = 0
    draft_ns: int = 0  # of each drafted token
    target_ns: int = 10_000
    host_ns: int = 100
    ends: bool = False  # the last accepted token ends the text


def events_of(
    rows: Sequence[Row],
    *,
    baseline: bool = False,
    gamma: int | None = None,
    open_drafted: int = 0,
    simulated: bool = False,
    synthetic: bool = False,
) -> Iterator[AnyEvent]:
    """A run of exactly these rounds, `open_drafted` tokens of a further one, and no end."""
    if gamma is None:
        gamma = max((row.drafted for row in rows), default=0)
    seq = 0

    def step() -> dict[str, Any]:
        nonlocal seq
        seq += 1
        return {"seq": seq - 1, "t_ns": seq}

    yield RunStarted(
        **step(),
        run_id="baseline" if baseline else "run",
        schema=SCHEMA,
        role="baseline" if baseline else "speculative",
        started_at="2025-01-01T12:00:00Z",
        config=Config(gamma=gamma, max_tokens=1000),
        prompt="a",
        prompt_ids=(1,),
        prompt_pieces=("a",),
        lossless=True,
        host=HOST,
        models=Models(ModelInfo("target", "toy", "CPU", simulated=simulated, synthetic=synthetic)),
        baseline=None if baseline else "baseline",
    )
    yield Prefilled(**step(), tokens=1, target_ns=5_000_000, draft_ns=1_000_000)
    for r, row in enumerate([*rows, Row(open_drafted, draft_ns=77)]):
        for i in range(row.drafted):
            yield Drafted(
                **step(), round=r, index=i, id=i, piece="x", q=0.5, draft_ns=row.draft_ns,
                parent=i - 1,
            )  # fmt: skip
        if r == len(rows):
            return
        n_judged = min(row.accepted + (not row.ends), row.drafted)
        passed = row.accepted == row.drafted
        yield Verified(
            **step(),
            round=r,
            n_accepted=row.accepted,
            judged=tuple(Judged(0.5, 0.5, 0.1, 1.0, 0.9) for _ in range(n_judged)),
            added_id=None if row.ends else 7,
            added_piece="" if row.ends else "y",
            added_kind="end" if row.ends else "bonus" if passed else "resampled",
            added_u=0.5,
            tops=(),
            residual_top=None,
            target_ns=row.target_ns,
            host_ns=row.host_ns,
        )


def fold(events: Iterator[AnyEvent] | Sequence[AnyEvent]) -> Run:
    first, *rest = events
    assert isinstance(first, RunStarted)
    run = Run(first)
    for event in (first, *rest):
        run.apply(event)
    return run


def run_of(rows: Sequence[Row], **options: Any) -> Run:
    return fold(events_of(rows, **options))


def plain_run(tokens: int, target_ns: int = 8_000, host_ns: int = 200) -> Run:
    """A baseline whose passes cost one nanosecond more each time."""
    rows = [Row(target_ns=target_ns + i, host_ns=host_ns) for i in range(tokens)]
    return run_of(rows, baseline=True)


ROWS = (
    Row(4, 2, 500, 12_000, 300),
    Row(4, 4, 520, 12_100, 310),
    Row(0, 0, 0, 9_000, 290),
    Row(3, 0, 510, 11_000, 305),
    Row(4, 1, 500, 12_050, 299),
)
ROUNDS = st.lists(
    st.builds(
        lambda g, share, d, t, h: Row(g, round(share * g), d, t, h),
        st.integers(0, 16),
        st.floats(0, 1),
        st.integers(0, 5_000),
        st.integers(1, 50_000),
        st.integers(0, 2_000),
    ),
    max_size=40,
)


def test_counts_and_rates() -> None:
    f = figures(run_of(ROWS))
    assert (f.tokens, f.rounds, f.drafted, f.accepted) == (12, 5, 15, 7)
    assert (f.rejected, f.discarded, f.resampled, f.bonus) == (3, 5, 3, 2)
    assert f.acceptance_rate == 7 / 10  # not 7 / 15: discarded tokens were never judged
    assert f.draft_efficiency == 7 / 15
    assert f.tokens_per_pass == 12 / 5  # the round without a proposal included
    draft, verify, host = 2000 + 2080 + 1530 + 2000, 56_150, 1504
    assert (f.draft_s, f.verify_s, f.host_s) == (draft / 1e9, verify / 1e9, host / 1e9)
    assert f.tokens_per_second == pytest.approx(12e9 / (draft + verify + host), rel=1e-12)
    assert f.prefill_s == 6e-3
    assert not f.is_baseline
    assert not f.simulated
    assert not f.synthetic
    assert figures(run_of(ROWS, synthetic=True)).synthetic


def test_counts_equal_the_recorded_totals() -> None:
    run = run_of(ROWS)
    f, totals = figures(run), run.totals
    for name in ("tokens", "rounds", "drafted", "accepted", "rejected", "discarded", "bonus"):
        assert getattr(f, name) == getattr(totals, name)


def test_nothing_is_defined_before_the_first_verdict() -> None:
    f = figures(run_of([], open_drafted=3), plain_run(5))
    assert f.drafted == 0
    assert f.acceptance_rate is f.draft_efficiency is f.tokens_per_pass is None
    assert f.tokens_per_second is f.speedup is None
    assert f.baseline_tokens_per_second is not None  # the line to beat is known already


def test_an_open_round_changes_no_figure() -> None:
    assert figures(run_of(ROWS, open_drafted=3)) == figures(run_of(ROWS, open_drafted=0))


def test_plain_decoding_has_no_acceptance() -> None:
    f = figures(plain_run(7))
    assert f.acceptance_rate is f.draft_efficiency is None
    assert f.tokens_per_pass == 1
    assert f.is_baseline


def test_a_round_that_ends_the_text_adds_no_token() -> None:
    f = figures(run_of([Row(4, 2, 500), Row(4, 1, 500, ends=True)]))
    assert (f.tokens, f.accepted, f.rejected, f.discarded) == (4, 3, 1, 4)


# speedup


def test_the_documented_script_gives_the_headline_speedup() -> None:
    doc = metrics.__doc__
    assert doc is not None
    found = re.search(r"(    def rate.*?rate\(baseline\))", doc, re.DOTALL)
    assert found is not None
    streams = {}
    for name, rows, plain in (("speculative", ROWS, False), ("baseline", [Row()] * 12, True)):
        events = list(events_of(rows, baseline=plain))
        lines = [msgspec.json.encode(event) for event in events]
        streams[name] = [msgspec.json.decode(line) for line in lines]
    names: dict[str, Any] = dict(streams)
    exec(textwrap.dedent(found.group(1)), names)
    run, baseline = run_of(ROWS), run_of([Row()] * 12, baseline=True)
    assert figures(run, baseline).speedup == pytest.approx(names["speedup"], rel=1e-12)


def test_speedup_is_the_ratio_of_the_rates_shown() -> None:
    f = figures(run_of(ROWS), plain_run(30))
    assert f.compared_tokens == 12
    assert f.speedup is not None
    assert f.tokens_per_second is not None
    assert f.baseline_tokens_per_second is not None
    ratio = f.tokens_per_second / f.baseline_tokens_per_second
    assert f.speedup == pytest.approx(ratio, rel=1e-12)


def test_a_longer_baseline_counts_only_its_first_tokens() -> None:
    baseline = plain_run(400)
    compared = compare(run_of(ROWS), baseline)
    assert compared is not None
    assert compared.baseline_ns == sum(8_000 + i + 200 for i in range(12))


def test_a_shorter_baseline_counts_only_the_rounds_within_it() -> None:
    # Rounds end at 3, 8, 9, 10 and 12 tokens.
    run = run_of(ROWS)
    compared = compare(run, plain_run(11))
    assert compared is not None
    assert compared.tokens == 10
    assert compared.run_ns == run.columns.end_ns[3]
    assert compare(run, plain_run(2)) is None
    assert figures(run, plain_run(2)).speedup is None


def test_no_baseline_no_speedup() -> None:
    assert figures(run_of(ROWS)).speedup is None
    assert figures(run_of(ROWS)).baseline_tokens_per_second is None
    assert compare(run_of(ROWS), plain_run(0)) is None


def test_plain_decoding_against_itself_is_one() -> None:
    f = figures(run_of([Row(target_ns=8_000 + i, host_ns=200) for i in range(9)]), plain_run(9))
    assert f.speedup == 1.0


# acceptance by position


@pytest.mark.parametrize("trials", [1, 2, 3, 7, 31, 250, 100_000])
def test_wilson_agrees_with_scipy(trials: int) -> None:
    successes = np.unique(np.linspace(0, trials, 12).astype(np.int64))
    low, high = metrics.wilson(successes, np.full(len(successes), trials))
    for k, a, b in zip(successes, low, high, strict=True):
        exact = binomtest(int(k), trials).proportion_ci(method="wilson")
        assert a == pytest.approx(exact.low, abs=1e-12)
        assert b == pytest.approx(exact.high, abs=1e-12)


def test_wilson_without_a_trial_knows_nothing() -> None:
    low, high = metrics.wilson(np.array([0]), np.array([0]))
    assert (low[0], high[0]) == (0.0, 1.0)


def test_acceptance_by_position() -> None:
    a = metrics.acceptance_by_position(run_of(ROWS))
    assert_array_equal(a.judged, [4, 3, 2, 1])
    assert_array_equal(a.accepted, [3, 2, 1, 1])
    assert_allclose(a.rate, [3 / 4, 2 / 3, 1 / 2, 1])
    assert ((a.low <= a.rate) & (a.rate <= a.high)).all()
    assert a.high[3] == 1.0


def test_histogram_counts_rounds_by_tokens() -> None:
    assert_array_equal(metrics.tokens_per_pass_histogram(run_of(ROWS)), [0, 2, 1, 1, 0, 1])
    assert len(metrics.tokens_per_pass_histogram(run_of([]))) == 0


# curves


def test_speedup_curve_by_hand() -> None:
    run, baseline = run_of(ROWS), plain_run(50)
    tokens, ratio = speedup_curve(run, baseline)
    assert_array_equal(tokens, [3, 8, 9, 10, 12])
    base = np.cumsum([8_200 + i for i in range(50)])
    assert_allclose(ratio, base[tokens - 1] / np.array(run.columns.end_ns), rtol=1e-12)
    assert ratio[-1] == figures(run, baseline).speedup


def test_speedup_curve_ends_with_the_baseline() -> None:
    run, baseline = run_of(ROWS), plain_run(9)
    tokens, ratio = speedup_curve(run, baseline)
    assert_array_equal(tokens, [3, 8, 9])
    assert ratio[-1] == figures(run, baseline).speedup
    assert len(speedup_curve(run, plain_run(2))[0]) == 0
    assert len(speedup_curve(run, plain_run(0))[0]) == 0


def test_a_reference_that_is_not_plain_is_searched() -> None:
    """Time of the first round with at least n tokens out, for any kind of reference run."""
    run, reference = run_of(ROWS), run_of([Row(2, 2, 10, 9_000)] * 5)
    _, ratio = speedup_curve(run, reference)
    ends = np.array(reference.columns.end_ns)
    assert_allclose(ratio, ends[[0, 2, 2, 3, 3]] / np.array(run.columns.end_ns))
    assert ratio[-1] == figures(run, reference).speedup


def test_first_round_is_no_burst() -> None:
    """A first round that accepts all reads as its tokens over its whole time."""
    run = run_of([Row(16, 16, 1_000, 20_000, 500)])
    _, cumulative, moving = rate_curve(run)
    assert cumulative[0] == moving[0] == pytest.approx(17e9 / 36_500)


@given(ROUNDS, st.integers(1, 20))
def test_moving_window_equals_brute_force(rows: list[Row], window: int) -> None:
    run = run_of(rows)
    tokens, cumulative, moving = rate_curve(run, window=window)
    ends = [0, *run.columns.end_ns]
    counts = [0, *run.columns.end_tokens]
    assert_array_equal(tokens, counts[1:])
    for i in range(1, len(ends)):
        first = max(0, i - window)
        assert cumulative[i - 1] == pytest.approx(counts[i] * 1e9 / ends[i])
        expected = (counts[i] - counts[first]) * 1e9 / (ends[i] - ends[first])
        assert moving[i - 1] == pytest.approx(expected)


@given(ROUNDS, st.lists(st.integers(0, 40), max_size=5), st.integers(0, 120))
def test_growing_curves_equal_whole_ones(rows: list[Row], cuts: list[int], plain: int) -> None:
    """Fed in any pieces, also while the baseline still grows, the curves come out the same."""
    events = list(events_of(rows))
    verdicts = [i for i, event in enumerate(events) if isinstance(event, Verified)]
    stops = sorted(verdicts[c] for c in cuts if c < len(verdicts))
    reference = list(events_of([Row(target_ns=8_000 + i) for i in range(plain)], baseline=True))
    run, baseline = fold(events[:1]), fold(reference[:1])
    curves = Curves(run, baseline)
    done = 1
    for stop in [*stops, len(events) - 1]:
        for event in events[done : stop + 1]:
            run.apply(event)
        done = max(done, stop + 1)
        share = done * len(reference) // len(events)
        for event in reference[baseline.n_events : share]:
            baseline.apply(event)
        curves.update()
    for event in reference[baseline.n_events :]:
        baseline.apply(event)
    curves.update()
    assert not curves.update()
    tokens, cumulative, moving = rate_curve(run)
    assert_array_equal(curves.tokens, tokens)
    assert_array_equal(curves.cumulative, cumulative)
    assert_array_equal(curves.moving, moving)
    assert_array_equal(curves.speedup, speedup_curve(run, baseline)[1])


def test_curves_without_time_are_not_infinite() -> None:
    run = run_of([Row(target_ns=0, host_ns=0), Row(target_ns=5)])
    _, cumulative, _ = rate_curve(run)
    assert np.isnan(cumulative[0])
    assert cumulative[1] == 2e9 / 105
    assert np.isnan(speedup_curve(run, plain_run(5))[1][0])


def test_figures_leave_the_columns_free_to_grow() -> None:
    """A buffer that is still exported would make the next verdict raise BufferError."""
    events = list(events_of(ROWS))
    run, kept = fold(events[:1]), []
    baseline = plain_run(20)
    for event in events[1:]:
        run.apply(event)
        kept.append((figures(run, baseline), speedup_curve(run, baseline), rate_curve(run)))
    assert len(run.columns) == len(ROWS)


def test_finished_runs_agree_with_run_finished() -> None:
    tally = Tally()
    events = list(events_of(ROWS))
    for event in events:
        tally.apply(event)
    run = fold([*events, RunFinished(len(events), 0, reason="length", totals=tally.totals())])
    assert run.finished is not None
    assert figures(run).tokens == run.finished.totals.tokens


def test_waiting_is_what_passed_besides_decoding() -> None:
    target, draft = demo_pair()
    events = run_events(Config(temperature=1.0, max_tokens=30), target, draft)
    before = fold(events)
    held = next(i for i, e in enumerate(events) if isinstance(e, Verified))
    later = [
        msgspec.structs.replace(e, t_ns=e.t_ns + 5_000_000_000) if i >= held else e
        for i, e in enumerate(events)
    ]
    after = fold(later)
    assert waited_ns(after) - waited_ns(before) == 5_000_000_000
    assert after.columns.end_ns == before.columns.end_ns
    assert waited_ns(fold(events[:1])) == 0
