"""The cost model of speculative decoding, fed with measured times. Seconds throughout.

    expected tokens   E(α, γ) = (1 - α^(γ+1)) / (1 - α)                 Leviathan et al. 2023, Eq. 1
    modelled speedup  E·t_plain / (γ·t_draft + T_v(γ+1) + t_host)
    ceiling           τ, the tokens per pass: free draft, flat verify
    verify-aware      τ·t_plain / T_v(γ+1): free draft and host, verify as measured

t_plain = T_v(1) + the host time of a plain round: what plain decoding really takes for a token.
Rounds differ in length (n-gram drafts, adaptive policies, the last round), so for a run the
numerators and denominators are summed over its rounds. T_v(k), the time of one target pass over
k tokens, is *not* flat on most machines; with T_v flat and no host time the modelled speedup is
Leviathan's (1 - α^(γ+1)) / ((1 - α)(γc + 1)) (arXiv 2211.17192, Theorem 3.8).

The model takes each token to be accepted with the same α, independently of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from engine.metrics import Figures, Floats, Ints, column
from engine.trace import Run
from engine.tree import Parents, children

DISTURBED = 1.5
"""A run whose passes took this many times their medians in all was held up by something else: on a
busy machine llama.cpp's threads wait for each other, and a pass can take a hundred times longer."""

EVEN = (0.97, 1.03)
"""Speedups between these are called even: runs differ by as much from one time to the next."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a run's parts cost, as medians: one slow round (a first pass, a page fault) moves none.

    proposals: (γ_r, rounds): how many finished rounds proposed γ_r tokens, shortest first; rounds
    whose proposal had siblings are in `trees` instead: (parents of the proposal, rounds).
    verify: (k, seconds): T_v(k) for each width k measured, narrowest first. T_v(1) comes from the
    baseline's passes where there is one, else from the run's own single-token passes.
    draft: t_draft, one proposed token (a round's drafting / its proposed tokens). None: no draft.
    wasted: all time of draft passes that led to no token, of a length policy.
    host: t_host, one round's time that is neither draft nor target.
    gamma: the run's γ setting. plain_host: host time of one of the baseline's rounds.
    stretch, plain_stretch: time of all passes / the same passes at their medians, of the run and of
    its baseline; far above 1 where the machine was busy with something else.
    """

    proposals: tuple[tuple[int, int], ...]
    verify: tuple[tuple[int, float], ...]
    draft: float | None
    host: float | None
    gamma: int
    plain_host: float = 0.0
    stretch: float = 1.0
    plain_stretch: float = 1.0
    trees: tuple[tuple[tuple[int, ...], int], ...] = ()
    wasted: float = 0.0

    @property
    def rounds(self) -> Iterator[tuple[int, int, Callable[[float], float]]]:
        """(tokens proposed, rounds, E as a function of α) of every kind of round."""
        for gamma, count in self.proposals:
            yield gamma, count, partial(expected_tokens, gamma=gamma)
        for parents, count in self.trees:
            yield len(parents), count, partial(expected_tokens_of_tree, parents=parents)

    @property
    def plain(self) -> float | None:
        """t_plain: one token of plain decoding."""
        return self.single + self.plain_host if self.single else None

    @property
    def single(self) -> float | None:
        """T_v(1)."""
        return self.verify[0][1] if self.verify and self.verify[0][0] == 1 else None

    @property
    def cost_ratio(self) -> float | None:
        """c = t_draft / T_v(1)."""
        if self.draft is None or not self.single:
            return None
        return self.draft / self.single

    @property
    def main_width(self) -> int | None:
        """The width of most verifying passes (k ≥ 2); the wider one of two equally frequent."""
        rounds = [(count, gamma + 1) for gamma, count, _ in self.rounds if gamma > 0]
        return max(rounds)[1] if rounds else None

    def verify_at(self, width: int) -> float | None:
        """T_v(width) as measured, or linear between the measured widths around it.

        None outside them: batched kernels have cliffs, so nothing is said of wider passes.
        """
        if not self.verify or not self.verify[0][0] <= width <= self.verify[-1][0]:
            return None
        widths, seconds = zip(*self.verify, strict=True)
        return float(np.interp(width, widths, seconds))

    def verify_ratio(self, width: int) -> float | None:
        """T_v(width) / T_v(1): what a pass over `width` tokens costs in single passes."""
        wide, single = self.verify_at(width), self.single
        return wide / single if wide is not None and single else None


class Best(NamedTuple):
    gamma: int
    speedup: float


def measure(run: Run, baseline: Run | None = None) -> Costs:
    """The medians of the finished rounds of `run`, and T_v(1) from `baseline`."""
    columns = run.columns
    drafted = column(columns.drafted)
    target_ns = column(columns.target_ns)
    counts = np.bincount(drafted) if len(drafted) else np.empty(0, np.int64)
    gammas = [int(g) for g in np.flatnonzero(counts)]
    verify = {g + 1: _median_s(target_ns[drafted == g]) for g in gammas}
    usual = sum(seconds * int(counts[width - 1]) for width, seconds in verify.items())
    stretch = run.tally.verify_ns / 1e9 / usual if usual else 1.0
    plain_host, plain_stretch = 0.0, 1.0
    if baseline is not None and baseline.columns and not baseline.tally.drafted:
        verify[1], plain_host, plain_stretch = _plain_rounds_of(baseline)
    trees = dict(run.shapes)
    for parents, count in trees.items():
        counts[len(parents)] -= count
    some = drafted > 0
    wasted = column(columns.wasted_ns)
    per_token = (column(columns.draft_ns) - wasted)[some] / drafted[some]
    return Costs(
        proposals=tuple((g, int(counts[g])) for g in gammas if counts[g]),
        verify=tuple(sorted(verify.items())),
        draft=_median_s(per_token) if len(per_token) else None,
        host=_median_s(column(columns.host_ns)) if len(drafted) else None,
        gamma=run.started.config.gamma,
        plain_host=plain_host,
        stretch=stretch,
        plain_stretch=plain_stretch,
        trees=tuple(sorted(trees.items())),
        wasted=int(wasted.sum()) / 1e9,
    )


def _plain_rounds_of(baseline: Run) -> tuple[float, float, float]:
    """Median pass and host time of a baseline, and its stretch. Remembered: a finished one does not
    change, and sorting through a million rounds four times a second would be felt."""
    columns = baseline.columns
    known = _plain_rounds.get(baseline)
    if known is None or known[0] != len(columns):
        usual = _median_s(column(columns.target_ns))
        stretch = baseline.tally.verify_ns / 1e9 / (usual * len(columns)) if usual else 1.0
        known = len(columns), (usual, _median_s(column(columns.host_ns)), stretch)
        _plain_rounds[baseline] = known
    return known[1]


_plain_rounds: WeakKeyDictionary[Run, tuple[int, tuple[float, float, float]]] = WeakKeyDictionary()


def _median_s(ns: Ints | Floats) -> float:
    return float(np.median(ns)) / 1e9


def expected_tokens(alpha: float, gamma: int) -> float:
    """E: tokens a round emits on average when each of γ is accepted with probability α.

    (1 - α^(γ+1)) / (1 - α), and γ + 1 at α = 1 (arXiv 2211.17192, Eq. 1). Summed as
    1 + α + … + α^γ: the same number without the cancellation near α = 1.
    """
    total = 1.0
    for _ in range(gamma):
        total = 1.0 + alpha * total
    return total


def expected_tokens_of_tree(alpha: float, parents: Parents) -> float:
    """The same of a tree: 1 + Σ over its tokens of the chance that it is on the accepted path.

    Siblings are judged one after the other, each accepted with α once those before it failed: the
    k-th of them (0, 1 …) passes with α·(1 - α)^k. A chain gives Eq. 1.
    """
    chance = [1.0] * (len(parents) + 1)  # of the context, then of each token
    for parent, siblings in enumerate(children(len(parents), parents)):
        for k, i in enumerate(siblings):
            chance[i + 1] = chance[parent] * alpha * (1.0 - alpha) ** k
    return sum(chance)


def leviathan_speedup(alpha: float, gamma: int, c: float) -> float:
    """E / (γc + 1): the modelled speedup where T_v is flat and the host is free."""
    return expected_tokens(alpha, gamma) / (gamma * c + 1.0)


def speedup_at(alpha: float, gamma: int, costs: Costs) -> float | None:
    """Modelled speedup with every proposal γ long; None where a cost that it needs is unknown."""
    plain, wide = costs.plain, costs.verify_at(gamma + 1)
    if not plain or wide is None or costs.host is None or (gamma and costs.draft is None):
        return None
    round_s = gamma * (costs.draft or 0.0) + wide + costs.host
    return expected_tokens(alpha, gamma) * plain / round_s


def modelled_speedup(alpha: float | None, costs: Costs) -> float | None:
    """Modelled speedup of the run: both sides of the fraction summed over its own proposals."""
    token, host = costs.plain, costs.host
    if not token or host is None:
        return None
    plain, speculative = 0.0, costs.wasted
    for gamma, count, expected in costs.rounds:
        wide = costs.verify_at(gamma + 1)
        if wide is None or (gamma and (alpha is None or costs.draft is None)):
            return None
        plain += count * expected(alpha or 0.0) * token
        speculative += count * (gamma * (costs.draft or 0.0) + wide + host)
    return plain / speculative if speculative else None


def verify_aware_ceiling(figures: Figures, costs: Costs) -> float | None:
    """Speedup if drafting and the host were free: tokens·t_plain / Σ over rounds of T_v(γ_r+1)."""
    plain = costs.plain
    passes = 0.0
    for gamma, count, _ in costs.rounds:
        wide = costs.verify_at(gamma + 1)
        if wide is None:
            return None
        passes += count * wide
    return figures.tokens * plain / passes if plain and passes else None


def best_gamma(alpha: float, costs: Costs) -> Best | None:
    """The γ with the greatest modelled speedup among the widths measured or between them.

    The shortest of equals. γ = 0, plain decoding, takes part.
    """
    if not costs.verify:
        return None
    best: Best | None = None
    for gamma in range(costs.verify[-1][0]):
        speedup = speedup_at(alpha, gamma, costs)
        if speedup is not None and (best is None or speedup > best.speedup):
            best = Best(gamma, speedup)
    return best


def times(ratio: float) -> str:
    """A ratio for people: 0.83×, 1.31×, 2.1×, 14×."""
    if ratio < 1.995:
        return f"{ratio:.2f}×"
    return f"{ratio:.1f}×" if ratio < 9.95 else f"{ratio:.0f}×"
