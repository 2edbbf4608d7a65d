"""How long each proposal becomes: draft-length policies.

A policy decides *before* a token is drawn whether it is drawn at all, from what was drawn before it
and from its distribution. A token that was drawn is always proposed: dropping it because of what it
is would bias the output.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import inf, nextafter, sqrt
from statistics import median
from typing import Protocol

import numpy as np

from engine.config import Config
from engine.errors import ConfigError
from engine.events import LengthReason
from engine.sampling import Row
from engine.verify import entropy


@dataclass(slots=True)
class Outcome:
    """What became of a round, for policies that learn.

    accepted, judged: tokens on the path; rows: tokens in the target's pass.
    """

    accepted: int
    judged: int
    rows: int
    draft_ns: int
    target_ns: int
    host_ns: int


class LengthPolicy(Protocol):
    """Asked for each token of a round: `wants` before the draft computes its distribution, then
    `likes` with it, then told with `drew` that it was proposed.

    reason, value and threshold tell of the last decision, see `events.LengthChosen`; the reason is
    "limit" as long as the policy refused nothing.
    """

    name: str
    reason: LengthReason
    value: float | None
    threshold: float | None

    def begin(self, limit: int) -> None:
        """A round begins that may propose `limit` tokens on a path."""
        ...

    def wants(self, n: int) -> bool:
        """Whether to go on after `n` tokens. Called once a token, in order."""
        ...

    def likes(self, weights: Row, total: float) -> bool:
        """Whether to draw from weights [V] that sum to `total` (at T = 0: those of T = 1)."""
        ...

    def drew(self, kind: Hashable) -> None:
        """A token was proposed. kind: what its chance of acceptance may depend on."""
        ...

    def learn(self, outcome: Outcome) -> None:
        """The round is over."""
        ...


class FixedLength:
    """Always γ tokens. The base of the others."""

    name: str = "fixed"
    reason: LengthReason = "limit"
    value: float | None = None
    threshold: float | None = None

    def __init__(self, config: Config) -> None:
        self._config = config

    def begin(self, limit: int) -> None:
        self.reason, self.value, self.threshold = "limit", None, None

    def wants(self, n: int) -> bool:
        return True

    def likes(self, weights: Row, total: float) -> bool:
        return True

    def drew(self, kind: Hashable) -> None:
        """Nothing depends on it."""

    def learn(self, outcome: Outcome) -> None:
        """A fixed length has nothing to learn."""

    def _compare(self, value: float, threshold: float) -> bool:
        """Go on while value is at least the threshold."""
        self.value, self.threshold = value, threshold
        if value >= threshold:
            return True
        self.reason = "policy"
        return False


class ConfidenceLength(FixedLength):
    """Stop where the draft's most probable token has less than a threshold (the assistant's
    confidence threshold of transformers, p-min of llama.cpp, but before the token is drawn)."""

    name = "confidence"

    def likes(self, weights: Row, total: float) -> bool:
        return self._compare(float(weights.max()) / total, self._config.confidence)


class EntropyLength(FixedLength):
    """Stop where 1 - √(c·H(q)) falls below λ: a lower bound of the chance of acceptance from the
    draft's entropy H (AdaEDL, Agrawal et al. 2024, arXiv 2410.18351, section 3).

    The paper adapts λ to the acceptance seen; here it is the setting `entropy_bound`.
    """

    name = "entropy"

    def likes(self, weights: Row, total: float) -> bool:
        bound = 1.0 - sqrt(self._config.entropy_scale * max(entropy(weights, total), 0.0))
        return self._compare(bound, self._config.entropy_bound)


class ThroughputLength(FixedLength):
    """One more token while it brings more than its time is worth: while the chance that the whole
    prefix and it survive exceeds (t_draft + ΔT_v)·R.

    The chance is the product of the acceptance rates seen for tokens of that kind (a range of q, a
    length of match), newer rounds counting more; for the token to come, the rate of all. t_draft
    and T_v(k) are medians of recent passes, ΔT_v the step between widths, linear between and beyond
    those measured; R is the rate of recent rounds, tokens/s. The first rounds take lengths γ, 0,
    γ/2 and 1, so that widths are known; one that has proposed nothing for a while tries one token.
    Times differ from run to run, so the lengths do: they are recorded.
    """

    name = "throughput"
    FADE = 0.97
    PROBE = 12

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._passes: dict[int, deque[int]] = {}
        self._steps: deque[float] = deque(maxlen=32)
        self._seen: dict[Hashable, list[float]] = {}
        self._all = [1.0, 2.0]  # accepted and judged, with a prior of one half
        self._tokens = self._ns = 0.0
        self._asked = False
        self._round = self._idle = 0  # rounds that had something to propose, and refused in a row
        self._kinds: list[Hashable] = []
        self._survival = 1.0
        self._planned: int | None = None

    def begin(self, limit: int) -> None:
        super().begin(limit)
        self._kinds, self._survival, self._asked = [], 1.0, False
        warm_up = (limit, 0, (limit + 1) // 2, 1)
        self._planned = warm_up[self._round] if self._round < len(warm_up) else None
        if self._idle >= self.PROBE:
            self._planned = 1

    def wants(self, n: int) -> bool:
        self._asked = True
        if self._planned is not None:
            if n < self._planned:
                return True
            self.reason: LengthReason = "measuring"
            return False
        chance = self._survival * self._all[0] / self._all[1]
        step = median(self._steps) if self._steps else 0.0
        rate = self._tokens / self._ns if self._ns else 0.0
        price = (step + self._pass_ns(n + 2) - self._pass_ns(n + 1)) * rate
        # At equality the token brings nothing, where `_compare` would go on.
        return self._compare(chance, nextafter(price, inf))

    def drew(self, kind: Hashable) -> None:
        accepted, judged = self._seen.get(kind, self._all)
        self._kinds.append(kind)
        self._survival *= accepted / judged

    def learn(self, outcome: Outcome) -> None:
        if self._asked:
            self._round += 1
            self._idle = 0 if self._kinds else self._idle + 1
        self._passes.setdefault(outcome.rows, deque(maxlen=9)).append(outcome.target_ns)
        if self._kinds:
            self._steps.append(outcome.draft_ns / len(self._kinds))
        self._tokens = self._tokens * self.FADE + outcome.accepted + 1
        spent = outcome.draft_ns + outcome.target_ns + outcome.host_ns
        self._ns = self._ns * self.FADE + spent
        for i, kind in enumerate(self._kinds[: outcome.judged]):
            for counts in (self._seen.setdefault(kind, list(self._all)), self._all):
                counts[0] = counts[0] * self.FADE + (i < outcome.accepted)
                counts[1] = counts[1] * self.FADE + 1

    def _pass_ns(self, rows: int) -> float:
        """T_v(rows), from the medians of the widths measured."""
        widths = sorted(self._passes)
        medians = [float(median(self._passes[w])) for w in widths]
        if rows <= widths[-1] or len(widths) == 1:
            return float(np.interp(rows, widths, medians))
        slope = (medians[-1] - medians[-2]) / (widths[-1] - widths[-2])
        return medians[-1] + max(slope, 0.0) * (rows - widths[-1])


@dataclass(frozen=True, slots=True)
class LengthKind:
    """A draft-length policy as the pickers show it. needs_q: it reads the draft's probabilities."""

    name: str
    title: str
    explanation: str
    source: str
    make: Callable[[Config], LengthPolicy]
    needs_q: bool = False


LENGTH_POLICIES: dict[str, LengthKind] = {
    kind.name: kind
    for kind in (
        LengthKind(
            "fixed",
            "Fixed",
            "Proposes γ tokens in every round.",
            "arXiv 2211.17192",
            FixedLength,
        ),
        LengthKind(
            "confidence",
            "Confidence",
            "Stops where the draft is unsure: where its most probable token has less than the "
            "threshold. Decided before the token is drawn, so nothing is biased.",
            "arXiv 2405.04304 (a learned stop); llama.cpp's p-min",
            ConfidenceLength,
            needs_q=True,
        ),
        LengthKind(
            "entropy",
            "Entropy",
            "Stops where 1 - √(c·H) falls below λ: the entropy H of the draft bounds the chance "
            "of acceptance from below.",
            "AdaEDL, arXiv 2410.18351",
            EntropyLength,
            needs_q=True,
        ),
        LengthKind(
            "throughput",
            "Throughput",
            "Drafts one more token while the chance that it survives exceeds what its time is "
            "worth, with costs and acceptance measured in this very run.",
            "the marginal form of the cost model, arXiv 2211.17192, section 3.3",
            ThroughputLength,
        ),
    )
}


def length_kind(name: str) -> LengthKind:
    """Raises ConfigError for an unknown name."""
    if name not in LENGTH_POLICIES:
        raise ConfigError(
            f"There is no length policy {name!r}.",
            f"Known policies: {', '.join(LENGTH_POLICIES)}.",
        )
    return LENGTH_POLICIES[name]
