"""Verification rules: pure functions of (p, q, drafted ids, uniform draws).

Every rule has the signature of `VerifyFn`. Shapes: p [γ+1, V], the target's distribution at each
place of the proposal and after it; q [γ, V], what each drafted token was drawn from, or None for a
one-hot proposal (n-gram and argmax drafts); ids [γ]; u [γ+1], uniform draws in [0, 1): u[i] judges
token i, u[γ] draws the added token. p may be any object whose p[i] is row i: the loop hands over
rows that are computed when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.events import AddedKind, Judged
from engine.sampling import Row, draw


class RowsOf(Protocol):
    """Anything with row access: an array [n, V], or rows computed on demand."""

    def __getitem__(self, index: int, /) -> Row: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule decided about one proposal.

    judged: the accepted tokens and the first rejected one. residual: weights [V] (not normalised)
    that the added token was drawn from after a rejection.
    """

    n_accepted: int
    judged: tuple[Judged, ...]
    added_id: int
    added_kind: AddedKind
    added_u: float | None
    residual: Row | None = None


VerifyFn = Callable[[RowsOf, RowsOf | None, Sequence[int], NDArray[np.float64]], Verdict]


@dataclass(frozen=True, slots=True)
class Rule:
    """A verification rule as the pickers show it.

    lossless: the output follows the target's own law whatever the draft. needs_temperature_zero:
    the rule judges by argmax only.
    """

    name: str
    title: str
    lossless: bool
    explanation: str
    source: str
    verify: VerifyFn
    needs_temperature_zero: bool = False


def rejection(p: RowsOf, q: RowsOf | None, ids: Sequence[int], u: NDArray[np.float64]) -> Verdict:
    """Token-wise speculative sampling (Leviathan et al. 2023, arXiv 2211.17192, Algorithm 1;
    Chen et al. 2023, arXiv 2302.01318, Algorithm 2).

    Accept x_i while u_i < min(1, p_i(x_i) / q_i(x_i)); at the first rejection draw from the
    residual max(0, p_i - q_i), renormalised; if all γ pass, draw a bonus token from p_{γ+1}.
    The output follows p exactly.
    """
    gamma = len(ids)
    judged: list[Judged] = []
    for i, token in enumerate(ids):
        p_row = p[i]
        p_token = float(p_row[token])
        if q is None:
            q_token, overlap = 1.0, p_token
        else:
            q_token = float(q[i][token])
            overlap = min(1.0, float(np.add.reduce(np.minimum(p_row, q[i]))))
        ratio = min(1.0, p_token / q_token)
        judged.append(Judged(p_token, q_token, float(u[i]), ratio, overlap))
        if u[i] >= ratio:
            weights = _residual(p_row, None if q is None else q[i], token)
            added = draw(weights, float(u[gamma]))
            return Verdict(i, tuple(judged), added, "resampled", float(u[gamma]), weights)
    added = draw(p[gamma], float(u[gamma]))
    return Verdict(gamma, tuple(judged), added, "bonus", float(u[gamma]))


def _residual(p_row: Row, q_row: Row | None, token: int) -> Row:
    """max(0, p - q) [V], aligned by token id; q_row None stands for all mass on `token`."""
    if q_row is None:
        weights = p_row.copy()
        weights[token] = 0
    else:
        weights = np.subtract(p_row, q_row)
        np.maximum(weights, 0, out=weights)
    # Exactly p = q is never rejected; rounding may leave no mass all the same.
    return weights if weights.any() else p_row


def greedy(p: RowsOf, q: RowsOf | None, ids: Sequence[int], u: NDArray[np.float64]) -> Verdict:
    """Accept x_i while it is the target's most probable token, then add the target's own.

    The limit of `rejection` at T = 0, where p is 0 or 1. Only the order in each row counts, so p
    may be logits. The smallest id wins a tie.
    """
    judged: list[Judged] = []
    for i, token in enumerate(ids):
        best = int(p[i].argmax())
        match = float(token == best)
        judged.append(Judged(match, 1.0, None, match, match))
        if token != best:
            return Verdict(i, tuple(judged), best, "resampled", None)
    return Verdict(len(ids), tuple(judged), int(p[len(ids)].argmax()), "bonus", None)


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            name="rejection",
            title="Rejection sampling",
            lossless=True,
            explanation=(
                "Each drafted token is kept with probability min(1, p/q). At the first rejection "
                "the target's residual, max(0, p - q), supplies the token instead. The output "
                "follows the target's distribution exactly, whatever the draft proposes."
            ),
            source="arXiv 2211.17192, 2302.01318",
            verify=rejection,
        ),
        Rule(
            name="greedy",
            title="Greedy match",
            lossless=True,
            explanation=(
                "A drafted token is kept if it is the one that the target itself would choose. "
                "The output is the target's greedy text. Needs temperature 0."
            ),
            source="arXiv 1811.03115",
            verify=greedy,
            needs_temperature_zero=True,
        ),
    )
}


def rule_named(name: str, temperature: float) -> Rule:
    """The rule of that name. Raises ConfigError if it is unknown or needs another temperature."""
    if name not in RULES:
        raise ConfigError(f"There is no rule {name!r}.", f"Known rules: {', '.join(RULES)}.")
    rule = RULES[name]
    if rule.needs_temperature_zero and temperature != 0:
        raise ConfigError(
            f"The rule {name!r} judges by argmax and needs temperature 0, not {temperature:g}.",
            "Set the temperature to 0, or choose the rule 'rejection'.",
        )
    return rule
