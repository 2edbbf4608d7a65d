"""The sentence that a measurement comes down to."""

from __future__ import annotations

import pytest

from engine.cost import measure
from engine.forecast import Forecast
from engine.metrics import figures
from engine.trace import Run
from engine.verdict import verdict
from tests.engine.test_metrics import Row, run_of


def said(run: Run, baseline: Run | None) -> str:
    return verdict(figures(run, baseline), measure(run, baseline))


def base(tokens: int = 200) -> Run:
    return run_of([Row(target_ns=8_000_000, host_ns=100_000)] * tokens, baseline=True)


def runs(
    accepted: list[int], draft_us: int, target_us: int, gamma: int = 5, **options: bool
) -> Run:
    rows = [Row(gamma, a, draft_us * 1000, target_us * 1000, 100_000) for a in accepted * 10]
    return run_of(rows, **options)


def test_verdict_of_a_faster_run() -> None:
    text = said(runs([5, 3, 2, 1], 880, 8_500), base())
    assert text.startswith("2.3× faster, measured. Verifying 6 tokens costs 1.06 single passes ")
    assert "the draft costs 0.11 a token." in text


def test_verdict_blames_verification() -> None:
    text = said(runs([4, 3, 4, 3], 900, 27_200, gamma=4), base())
    assert text.startswith("1.18× faster, measured. Verifying 5 tokens costs 3.40 single passes")
    text = said(runs([4, 2, 3, 1], 900, 27_200, gamma=4), base())
    assert text == (
        "0.92×, measured: slower than plain decoding. Verifying 5 tokens costs 3.40 single passes "
        "here, so even a free draft tops out at 1.04×. The cost model puts γ = 1 at 1.04×."
    )


def test_verdict_blames_the_draft() -> None:
    text = said(runs([5, 3, 2, 4], 6_000, 9_000), base())
    assert "slower than plain decoding. The draft costs 0.75 single passes a token, 3.8 a" in text
    assert "a free one would reach 4.0× at most." in text


def test_verdict_blames_rejection() -> None:
    text = said(runs([0, 0, 1, 0], 900, 9_000), base())
    assert "Only 1.25 tokens come out of a pass: the target seldom agrees" in text
    assert text.endswith("The cost model puts γ = 1 at 1.06×.")
    assert said(runs([0, 0, 0, 1], 3_000, 12_000), base()).endswith(
        "The cost model finds no γ up to 5 that pays."
    )


def test_verdict_even() -> None:
    text = said(runs([1, 1, 2, 1], 1_000, 14_900, gamma=3), base())
    assert ": as fast as plain decoding." in text


def test_verdict_proposes_a_shorter_length() -> None:
    text = said(runs([2, 1, 3, 0], 2_000, 10_000, gamma=12), base())
    assert text.endswith("The cost model puts γ = 2 at 1.28×.")


def test_verdict_gives_no_advice_on_few_tokens() -> None:
    run = run_of([Row(12, 1, 2_000_000, 10_000_000)] * 2)
    assert "The cost model" not in said(run, base())


def test_verdict_without_a_baseline() -> None:
    assert said(runs([3], 900, 9_000), None) == (
        "No baseline measured, so no speedup is shown: choose Measure: before each run."
    )


def test_verdict_of_plain_decoding() -> None:
    assert said(base(), None) == (
        "Plain decoding: 123.5 tokens/s, measured. A draft has to beat this."
    )
    plain = run_of([Row(target_ns=8_000_000, host_ns=100_000)] * 20)
    assert said(plain, base()) == (
        "1.00×, measured: nothing was proposed, so this is plain decoding."
    )


def test_verdict_says_simulated() -> None:
    text = said(runs([5, 3, 2, 1], 880, 8_500, simulated=True), base())
    assert "simulated" in text
    assert "measured" not in text


def test_verdict_of_made_up_weights() -> None:
    rows = [5, 3, 2, 1], 880, 8_500
    assert said(runs(*rows, synthetic=True), base()) == said(runs(*rows), base()).replace(
        "measured", "measured times, simulated acceptance", 1
    )
    plain = run_of([Row(target_ns=8_000_000)] * 20, baseline=True, synthetic=True)
    assert "tokens/s, measured. A draft" in said(plain, None), "nothing is accepted there"


def test_verdict_before_the_first_round_is_silent() -> None:
    assert said(run_of([]), base()) == ""


@pytest.mark.parametrize("which", ["baseline", "run"])
def test_a_disturbed_measurement_is_no_gain(which: str) -> None:
    """One pass that took a hundred times as long makes a speedup that says nothing."""
    slow = Row(target_ns=900_000, host_ns=0)
    plain = [Row(target_ns=8_000, host_ns=0)] * 40
    rows = [Row(4, 3, 100, 12_000, 0)] * 20
    if which == "baseline":
        plain[5] = slow
    else:
        rows[5] = Row(4, 3, 100, 900_000, 0)
    run, baseline = run_of(rows), run_of(plain, baseline=True)
    costs = measure(run, baseline)
    assert max(costs.stretch, costs.plain_stretch) > 2
    said = verdict(figures(run, baseline), costs)
    assert f"something held up the {which}" in said
    assert "faster" not in said


# another drafter


def promised(speedup: float, drafter: str = "ngram", gamma: int = 4) -> Forecast:
    return Forecast(drafter, gamma, speedup, 2.0, 0.5)


def advised(run: Run, forecast: Forecast | None) -> str:
    return verdict(figures(run, base()), measure(run, base()), forecast)


NGRAM = "An n-gram drafter with γ = 4 would give about 1.2× on this prompt (modelled)."


def test_a_slow_run_is_told_of_a_drafter_that_would_gain() -> None:
    slow = runs([4, 2, 3, 1], 900, 27_200, gamma=4)
    assert advised(slow, promised(1.21)) == (
        "0.92×, measured: verifying 5 tokens costs 3.40 single passes here, so even a free draft "
        f"tops out at 1.04×. {NGRAM}"
    )
    assert advised(slow, promised(1.21, "suffix", 8)).endswith(
        "A suffix drafter with γ = 8 would give about 1.2× on this prompt (modelled)."
    )


@pytest.mark.parametrize("promise", [1.00, 1.05, 1.08])
def test_a_small_promise_is_kept_back(promise: float) -> None:
    slow = runs([4, 2, 3, 1], 900, 27_200, gamma=4)
    assert advised(slow, promised(promise)) == advised(slow, None)


def test_it_must_beat_what_was_measured() -> None:
    fast = runs([5, 3, 2, 1], 880, 8_500)
    speedup = figures(fast, base()).speedup
    assert speedup is not None
    assert advised(fast, promised(1.04 * speedup)) == advised(fast, None)
    assert advised(fast, promised(1.10 * speedup)).endswith("on this prompt (modelled).")


def test_it_must_beat_another_gamma() -> None:
    run = runs([2, 1, 3, 0], 2_000, 10_000, gamma=12)  # γ = 2 is at 1.28×
    assert advised(run, promised(1.25)).endswith("The cost model puts γ = 2 at 1.28×.")
    assert advised(run, promised(1.35)).endswith("on this prompt (modelled).")


def test_it_stands_where_no_gamma_pays() -> None:
    run = runs([0, 0, 0, 1], 3_000, 12_000)
    assert advised(run, promised(1.2)).endswith(NGRAM)
    assert "no γ" not in advised(run, promised(1.2))


def test_a_doubtful_measurement_gives_no_advice() -> None:
    rows = [Row(4, 3, 100_000, 12_000_000, 0)] * 20
    rows[5] = Row(4, 3, 100_000, 900_000_000, 0)
    assert "something held up" in advised(run_of(rows), promised(3.0))
    assert "modelled" not in advised(run_of(rows), promised(3.0))
