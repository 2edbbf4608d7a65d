"""Why a run is slower or faster than promised: speedups that lead from one figure to another, one
cause at a time. Seconds and speedups throughout; pure functions of `Run`.

`waterfall` goes from "all accepted" down to the measured speedup, everything on it measured; `gap`
from the modelled speedup to the measured one. Both end at `Figures.speedup`: the two runs are cut
where `metrics.compare` compares them. The changes of a walk add up to its last value.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from engine.cost import Costs, expected_tokens, modelled_speedup, speedup_at
from engine.metrics import Figures, Ints, column, compare
from engine.trace import Run
from engine.tree import depths

ALL_ACCEPTED = "all accepted"
REJECTED = "rejected and discarded"
VERIFY_WIDTH = "verify width"
DRAFT_TIME = "draft time"
HOST_TIME = "host time"
MODELLED = "modelled"
ACCEPTANCE = "acceptance"
VERIFY_TIME = "verify time"
BASELINE_TIME = "baseline time"


@dataclass(frozen=True, slots=True)
class Step:
    """One cause of a walk: the speedup once it counts, and by how much it changed the one before
    (the first step: from 0).

    parts: a finer split of the change, where there is one; they add up to it.
    """

    name: str
    value: float
    change: float
    parts: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class _Compared:
    """The rounds of a run, and the baseline's time, for the tokens that are compared."""

    tokens: int
    rounds: int
    most: float
    """Tokens the drafts could have brought: all drafted ones, of a tree the longest path."""
    accepted: int
    rejected: int
    discarded: int
    draft_s: float
    verify_s: float
    host_s: float
    baseline_s: float

    @property
    def speedup(self) -> float:
        return self.baseline_s / (self.draft_s + self.verify_s + self.host_s)


def waterfall(figures: Figures, run: Run, baseline: Run | None) -> tuple[Step, ...]:
    """From the promise to the measured speedup, in five steps:

    all accepted            (drafted + rounds) / rounds: every proposal passed whole, at the price
                            of a plain token a pass
    rejected and discarded  τ = tokens / rounds, the ceiling. parts: rejected, discarded, and the
                            rounds that an end of text left without an added token
    verify width            baseline's time / verify_s: passes cost what they cost
    draft time              baseline's time / (verify_s + draft_s)
    host time               baseline's time / (verify_s + draft_s + host_s): the measured speedup

    Of a tree the longest path counts as drafted, for siblings cannot all be accepted; its losses
    are not split. A step can rise: where a wide pass is no dearer, the host time that a pass spares
    shows under "verify width". Empty without a speedup, a proposal, or time for each part.
    """
    if figures.speedup is None or not figures.drafted:
        return ()
    c = _compared(run, baseline)
    if c is None or not c.most:
        return ()
    losses = (
        ("rejected", -c.rejected / c.rounds),
        ("discarded", -c.discarded / c.rounds),
        ("end of text", (c.tokens - c.accepted - c.rounds) / c.rounds),
    )
    speculative = c.verify_s + c.draft_s
    return _walk(
        (ALL_ACCEPTED, (c.most + c.rounds) / c.rounds),
        (REJECTED, c.tokens / c.rounds),
        (VERIFY_WIDTH, c.baseline_s / c.verify_s),
        (DRAFT_TIME, c.baseline_s / speculative),
        (HOST_TIME, c.speedup),
        parts={} if run.shapes else {REJECTED: losses},
    )


def gap(
    alpha: float | None, costs: Costs, figures: Figures, run: Run, baseline: Run | None
) -> tuple[Step, ...]:
    """From the modelled speedup to the measured one: each term of the model is replaced by what was
    measured, in the order acceptance (E(α) of independent tokens by the tokens that came), draft,
    verify, host and baseline time. What a term is blamed for depends a little on that order.

    costs: of the run itself, or calibrated ones; the first value is `modelled_speedup(alpha,
    costs)`. Each side is taken per round, so that a run cut at the baseline's length compares.
    Empty where the model or the measurement gives no figure.
    """
    modelled, token, host = modelled_speedup(alpha, costs), costs.plain, costs.host
    c = _compared(run, baseline) if figures.speedup is not None else None
    if modelled is None or token is None or host is None or c is None:
        return ()
    rounds = sum(count for _, count, _ in costs.rounds)
    draft = (costs.wasted + sum(n * g * (costs.draft or 0.0) for g, n, _ in costs.rounds)) / rounds
    verify = sum(n * (costs.verify_at(g + 1) or 0.0) for g, n, _ in costs.rounds) / rounds
    tau, drafting = c.tokens / c.rounds, c.draft_s / c.rounds
    verifying, hosting = c.verify_s / c.rounds, c.host_s / c.rounds
    return _walk(
        (MODELLED, modelled),
        (ACCEPTANCE, tau * token / (draft + verify + host)),
        (DRAFT_TIME, tau * token / (drafting + verify + host)),
        (VERIFY_TIME, tau * token / (drafting + verifying + host)),
        (HOST_TIME, tau * token / (drafting + verifying + hosting)),
        (BASELINE_TIME, c.speedup),
        parts={},
    )


def worst(steps: tuple[Step, ...]) -> Step | None:
    """The step after the first that changes the most, up or down. None without such a step."""
    return max(steps[1:], key=lambda step: abs(step.change), default=None)


def break_even_alpha(gamma: int, costs: Costs) -> float | None:
    """The acceptance rate at which proposals of γ tokens are as fast as plain decoding.

    By bisection: the modelled speedup grows with α. 0 where even α = 0 loses nothing; None where
    α = 1 is not enough, or a cost is unknown.
    """
    least, most = speedup_at(0.0, gamma, costs), speedup_at(1.0, gamma, costs)
    if least is None or most is None or most < 1.0:
        return None
    if least >= 1.0:
        return 0.0
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        reached = speedup_at(middle, gamma, costs)
        low, high = (low, middle) if reached is None or reached >= 1.0 else (middle, high)
    return high


def break_even_cost_ratio(alpha: float, gamma: int, costs: Costs) -> float | None:
    """The cost ratio c = t_draft / T_v(1) up to which proposals of γ tokens pay at this α.

    None where even a free draft loses, nothing is proposed, or a cost is unknown.
    """
    plain, wide, single, host = costs.plain, costs.verify_at(gamma + 1), costs.single, costs.host
    if not gamma or not plain or not single or wide is None or host is None:
        return None
    c = (expected_tokens(alpha, gamma) * plain - wide - host) / (gamma * single)
    return c if c >= 0.0 else None


def _walk(
    *points: tuple[str, float], parts: dict[str, tuple[tuple[str, float], ...]]
) -> tuple[Step, ...]:
    """Points as steps, each with what it changes."""
    before = (0.0, *(value for _, value in points))
    return tuple(
        Step(name, value, value - last, parts.get(name, ()))
        for (name, value), last in zip(points, before, strict=False)
    )


def _compared(run: Run, baseline: Run | None) -> _Compared | None:
    common = compare(run, baseline)
    if common is None:
        return None
    columns = run.columns
    rounds = bisect_right(columns.end_tokens, common.tokens)

    def total(name: str) -> int:
        return int(column(getattr(columns, name), 0, rounds).sum())

    drafted, accepted, rejected = total("drafted"), total("accepted"), total("rejected")
    verify_s = total("target_ns") / 1e9
    if not verify_s:
        return None
    return _Compared(
        tokens=common.tokens,
        rounds=rounds,
        most=_most(run, column(columns.drafted, 0, rounds)),
        accepted=accepted,
        rejected=rejected,
        discarded=drafted - accepted - rejected,
        draft_s=total("draft_ns") / 1e9,
        verify_s=verify_s,
        host_s=total("host_ns") / 1e9,
        baseline_s=common.baseline_ns / 1e9,
    )


def _most(run: Run, drafted: Ints) -> float:
    """Drafted tokens that could all be accepted. A tree's size gives its depth on the average of
    the whole run: columns keep sizes alone, and nearly always one size has one shape."""
    if not run.shapes:
        return float(drafted.sum())
    longest = np.arange(max(int(drafted.max()), *map(len, run.shapes)) + 1, dtype=np.float64)
    rounds = np.bincount(column(run.columns.drafted), minlength=len(longest))
    for parents, count in run.shapes.items():
        size = len(parents)
        longest[size] += (max(depths(parents)) - size) * count / max(int(rounds[size]), 1)
    return float(longest[drafted].sum())
