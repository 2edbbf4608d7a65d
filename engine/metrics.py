"""Figures of a run, recomputed from its events: pure functions of `Run`, no state, no clock.

Times are seconds unless a name ends in `_ns`. Everything is measured on finished rounds: the tokens
and the time of a round whose verdict is not in yet are left out of every figure, so that a figure
never mixes work with a result that has yet to come. Prefill stands apart from all rates.

The measured speedup, in five lines, from the two runs' events (here of equal length):

    def rate(events):
        v = [e for e in events if e["type"] == "Verified"]
        d = sum(e["draft_ns"] for e in events if e["type"] == "Drafted")
        tokens = sum(e["n_accepted"] + (e["added_id"] is not None) for e in v)
        return tokens / (d + sum(e["target_ns"] + e["host_ns"] for e in v))
    speedup = rate(speculative) / rate(baseline)
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.events import Prefilled, RunStarted, Verified
from engine.synthetic import is_synthetic
from engine.trace import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Z95 = 1.959963984540054
"""The normal distribution's 97.5 % quantile: two-sided 95 %."""

WINDOW = 16
"""Rounds in the moving window of the tokens/s curve."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run. None: not defined yet (nothing judged, no time passed, no baseline).

    acceptance_rate: α = accepted / (accepted + rejected); discarded tokens were never judged.
    draft_efficiency: accepted / drafted.
    tokens_per_pass: τ = tokens / rounds; a round is one target pass, with a proposal or without.
    tokens_per_second: tokens / (draft_s + verify_s + host_s).
    compared_tokens: the count n at which both runs are compared, see `compare`.
    baseline_tokens_per_second: the baseline's rate over its own first n tokens.
    speedup: baseline's time for n tokens / this run's time for n tokens. While this run is not
    the longer one, it equals tokens_per_second / baseline_tokens_per_second.
    simulated: the target is a toy model, so no time here is a real model's. synthetic: weights are
    made up, so what was accepted says nothing about real ones.
    """

    tokens: int
    rounds: int
    drafted: int
    accepted: int
    rejected: int
    discarded: int
    resampled: int
    bonus: int
    acceptance_rate: float | None
    draft_efficiency: float | None
    tokens_per_pass: float | None
    tokens_per_second: float | None
    compared_tokens: int
    baseline_tokens_per_second: float | None
    speedup: float | None
    draft_s: float
    verify_s: float
    host_s: float
    prefill_s: float
    is_baseline: bool
    simulated: bool
    synthetic: bool


class Comparison(NamedTuple):
    """Both runs' decode time for the same number of tokens."""

    tokens: int
    run_ns: int
    baseline_ns: int


class Acceptance(NamedTuple):
    """Acceptance by proposal position, with its Wilson 95 % interval; one entry a position.

    A position is judged only if every token before it passed: rate is conditional on that.
    """

    judged: Ints
    accepted: Ints
    rate: Floats
    low: Floats
    high: Floats


def column(values: array[int], start: int = 0, stop: int | None = None) -> Ints:
    """A copy of one of the run's columns, or of its part from `start` up to `stop`.

    A copy because an array that is exported as a buffer cannot grow: a view that outlived its
    caller, in a traceback say, would make the next round raise BufferError.
    """
    part = values if not start and stop is None else values[start:stop]
    return np.array(part, dtype=np.int64)


def figures(run: Run, baseline: Run | None = None) -> Figures:
    """Every headline figure of `run`, measured against `baseline` where there is one."""
    columns, tally = run.columns, run.tally
    rounds = len(columns)
    tokens = columns.end_tokens[-1] if rounds else 0
    decode_ns = columns.end_ns[-1] if rounds else 0
    drafted = int(column(columns.drafted).sum())
    accepted, rejected = tally.accepted, tally.rejected
    compared = compare(run, baseline)
    return Figures(
        tokens=tokens,
        rounds=rounds,
        drafted=drafted,
        accepted=accepted,
        rejected=rejected,
        discarded=drafted - accepted - rejected,
        resampled=tally.resampled,
        bonus=tally.bonus,
        acceptance_rate=_ratio(accepted, accepted + rejected),
        draft_efficiency=_ratio(accepted, drafted),
        tokens_per_pass=_ratio(tokens, rounds),
        tokens_per_second=_ratio(tokens * 1e9, decode_ns),
        compared_tokens=compared.tokens if compared else 0,
        baseline_tokens_per_second=_baseline_rate(baseline, compared),
        speedup=_ratio(compared.baseline_ns, compared.run_ns) if compared else None,
        draft_s=int(column(columns.draft_ns).sum()) / 1e9,
        verify_s=tally.verify_ns / 1e9,
        host_s=tally.host_ns / 1e9,
        prefill_s=tally.prefill_ns / 1e9,
        is_baseline=run.is_baseline,
        simulated=run.started.models.target.simulated,
        synthetic=is_synthetic(run.started.models),
    )


def compare(run: Run, baseline: Run | None) -> Comparison | None:
    """Decode times of both runs at the same token count n, or None without common ground.

    Two runs can differ in length (one meets an end of text, one is stopped, one is still going),
    and late tokens cost more than early ones, so whole-run rates must not be divided by each other.
    n is the token count at the end of the run's last round that is within the baseline's length:
    no round is cut in two, so nothing is interpolated. The baseline's time is that of its first
    round with at least n tokens out; it emits one token a round, so exactly n.
    """
    if baseline is None or not baseline.columns or not run.columns:
        return None
    ends, theirs = run.columns.end_tokens, baseline.columns.end_tokens
    last = len(ends) - 1
    if ends[last] > theirs[-1]:
        last = bisect_right(ends, theirs[-1]) - 1
    if last < 0 or ends[last] == 0:
        return None
    n = ends[last]
    at = bisect_left(theirs, n)
    return Comparison(n, run.columns.end_ns[last], baseline.columns.end_ns[at])


def waited_ns(run: Run) -> int:
    """Time that passed while rounds were held on purpose (paused, stepped, in slow motion): between
    the prompt's end and the last verdict, and part of neither decode time nor any figure."""
    opening, last = run.started.t_ns, -1
    for event in run.events:
        if not isinstance(event, RunStarted | Prefilled):
            break
        opening = event.t_ns
    for at in range(run.n_events - 1, -1, -1):
        if isinstance(run.events[at], Verified):
            last = at
            break
    return max(run.events[last].t_ns - opening - run.clock[last], 0) if last >= 0 else 0


def acceptance_by_position(run: Run) -> Acceptance:
    """Acceptance at each proposal position: accepted[i] / judged[i] and its interval."""
    judged = np.array(run.judged_at, dtype=np.int64)
    accepted = np.array(run.accepted_at, dtype=np.int64)
    rate = np.divide(accepted, judged, out=np.full(len(judged), np.nan), where=judged > 0)
    return Acceptance(judged, accepted, rate, *wilson(accepted, judged))


def wilson(successes: Ints, trials: Ints, z: float = Z95) -> tuple[Floats, Floats]:
    """Wilson's score interval of a proportion; (0, 1) without a trial.

    With p = k/n: (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    Wilson, E. B. (1927), JASA 22(158):209-212. It stays inside [0, 1] and keeps its level at the
    few trials that the late positions have, where p ± z·√(p(1-p)/n) does neither.
    """
    n: Floats = np.maximum(trials, 1).astype(np.float64)
    p: Floats = successes / n
    centre: Floats = p + z * z / (2 * n)
    half: Floats = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale: Floats = 1 + z * z / n
    # Exact at the ends, where rounding leaves 1e-17 or 1 - 1e-16.
    low = np.where(successes == 0, 0.0, (centre - half) / scale)
    high = np.where(successes == trials, 1.0, (centre + half) / scale)
    known = trials > 0
    return np.where(known, low, 0.0), np.where(known, high, 1.0)


def tokens_per_pass_histogram(run: Run) -> Ints:
    """Entry n: the number of rounds that emitted n tokens. Empty before the first verdict."""
    return np.array(run.emitted_histogram, dtype=np.int64)


def speedup_curve(run: Run, baseline: Run, start: int = 0) -> tuple[Ints, Floats]:
    """Tokens emitted and measured speedup at the end of each round from `start` on.

    At n tokens: baseline's time for its first n tokens / this run's time for its first n. Both are
    cumulative, so one lucky round never reads as thousands of tokens/s. The curve ends where the
    baseline does, and its last value is the headline speedup. Rounds without a token or without
    time give NaN.
    """
    theirs = baseline.columns
    reach = theirs.end_tokens[-1] if theirs else 0
    tokens = column(run.columns.end_tokens, start)
    tokens = tokens[: int(np.searchsorted(tokens, reach, side="right"))]
    if not len(tokens) or not reach:
        return np.empty(0, np.int64), np.empty(0)
    ours_ns = column(run.columns.end_ns, start)[: len(tokens)]
    if baseline.emitted_histogram == [0, len(theirs)]:
        # One token a round, so token n came in round n: no search, and no need for the rest.
        first = max(int(tokens[0]) - 1, 0)
        theirs_ns = column(theirs.end_ns, first, int(tokens[-1]))[np.maximum(tokens - 1, 0) - first]
    else:
        at = np.searchsorted(column(theirs.end_tokens), tokens, side="left")
        theirs_ns = column(theirs.end_ns)[at]
    known = (ours_ns > 0) & (tokens > 0)
    return tokens, np.divide(theirs_ns, ours_ns, out=np.full(len(tokens), np.nan), where=known)


def rate_curve(run: Run, start: int = 0, window: int = WINDOW) -> tuple[Ints, Floats, Floats]:
    """Tokens emitted, tokens/s so far and tokens/s over the last `window` rounds, by round.

    All times are decode times (draft + verify + host). The window's rate is the tokens of its
    rounds over the time of its rounds, drafting included: a burst of accepted tokens counts with
    the time that it took to propose and verify it. NaN where no time has passed.
    """
    if start >= len(run.columns):
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    lead = min(start, window)  # rounds before `start` that the first windows reach back to
    tokens = column(run.columns.end_tokens, start - lead)
    ns = column(run.columns.end_ns, start - lead)
    rows = np.arange(lead, len(tokens))
    inside = rows >= window
    back = np.maximum(rows - window, 0)
    # Before the run has `window` rounds the window reaches back to its start: 0 tokens at 0 ns.
    d_tokens = tokens[rows] - np.where(inside, tokens[back], 0)
    d_ns = ns[rows] - np.where(inside, ns[back], 0)
    return tokens[lead:], _rate(tokens[rows], ns[rows]), _rate(d_tokens, d_ns)


def _rate(tokens: Ints, ns: Ints) -> Floats:
    return np.divide(tokens * 1e9, ns, out=np.full(len(ns), np.nan), where=ns > 0)


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None


def _baseline_rate(baseline: Run | None, compared: Comparison | None) -> float | None:
    """tokens/s of the baseline over the compared tokens; of all of it before there are any."""
    if compared is not None:
        return _ratio(compared.tokens * 1e9, compared.baseline_ns)
    if baseline is None or not baseline.columns:
        return None
    return _ratio(baseline.columns.end_tokens[-1] * 1e9, baseline.columns.end_ns[-1])


class Curves:
    """The curves of one run, grown round by round: a frame pays for its new rounds only.

    tokens, cumulative and moving (tokens/s) have one entry a finished round; speedup has one for
    each of the first rounds, up to the baseline's length.
    """

    def __init__(self, run: Run, baseline: Run | None, window: int = WINDOW) -> None:
        self._run, self._baseline, self._window = run, baseline, window
        self._rates = _Rows(3)
        self._speedups = _Rows(1)

    def update(self) -> bool:
        """Take in what the runs gained; whether any curve grew."""
        before = len(self._rates), len(self._speedups)
        run, baseline = self._run, self._baseline
        if len(run.columns) > len(self._rates):
            self._rates.extend(*rate_curve(run, len(self._rates), self._window))
        if baseline is not None and len(run.columns) > len(self._speedups):
            self._speedups.extend(speedup_curve(run, baseline, len(self._speedups))[1])
        return before != (len(self._rates), len(self._speedups))

    @property
    def tokens(self) -> Floats:
        return self._rates.rows(0)

    @property
    def cumulative(self) -> Floats:
        return self._rates.rows(1)

    @property
    def moving(self) -> Floats:
        return self._rates.rows(2)

    @property
    def speedup(self) -> Floats:
        return self._speedups.rows(0)


class _Rows:
    """Equally long float arrays that grow together; doubling keeps an append cheap."""

    def __init__(self, n: int) -> None:
        self._data = np.empty((n, 256))
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def extend(self, *values: Ints | Floats) -> None:
        end = self._n + len(values[0])
        if end > self._data.shape[1]:
            grown = np.empty((len(self._data), max(end, 2 * self._data.shape[1])))
            grown[:, : self._n] = self._data[:, : self._n]
            self._data = grown
        for row, new in zip(self._data, values, strict=True):
            row[self._n : end] = new
        self._n = end

    def rows(self, index: int) -> Floats:
        return self._data[index, : self._n]
