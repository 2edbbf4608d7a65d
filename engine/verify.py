"""Verification rules: pure functions of (p, q, drafted ids, uniform draws).

Every rule has the signature of `VerifyFn`. Shapes, for n drafted tokens: p [n+1, V], the target's
distribution after the context (row 0) and after each token i (row i + 1); q [n, V], what each token
was drawn from, or None for a one-hot proposal (n-gram and argmax drafts); ids [n]; u [n+1], uniform
draws in [0, 1): u[i] judges token i, u[n] draws the added token. parents [n] make the proposal a
tree (see `engine.tree`), None is a chain. p may be any object whose p[i] is row i: the loop hands
over rows that are computed when they are first asked for.

Rows are overwritten by no rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.events import AddedKind, Judged
from engine.sampling import Row, draw
from engine.tree import Parents, children

Draws = NDArray[np.float64]


class RowsOf(Protocol):
    """Anything with row access: an array [n, V], or rows computed on demand."""

    def __getitem__(self, index: int, /) -> Row: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule decided about one proposal.

    judged: the accepted tokens and the first rejected one (in a tree, all that were judged).
    residual: weights [V] (not normalised) that the added token was drawn from after a rejection;
    None where it was drawn from p. path, judged_at and weighed: see `events.Verified`.
    """

    n_accepted: int
    judged: tuple[Judged, ...]
    added_id: int
    added_kind: AddedKind
    added_u: float | None
    residual: Row | None = None
    path: tuple[int, ...] | None = None
    judged_at: tuple[int, ...] | None = None
    weighed: tuple[Judged, ...] = ()


class VerifyFn(Protocol):
    """A rule with its parameters filled in."""

    def __call__(
        self,
        p: RowsOf,
        q: RowsOf | None,
        ids: Sequence[int],
        u: Draws,
        parents: Parents | None = None,
        /,
    ) -> Verdict: ...


class _Descent:
    """Where a rule stands in a proposal: at the context, then at one accepted token after another.

    `here` lists the tokens that may follow, `row` is the row of p that they are judged by.
    """

    def __init__(self, size: int, parents: Parents | None) -> None:
        self._children = children(size, parents)
        self._tree = parents is not None
        self._path: list[int] = []
        self._judged: list[Judged] = []
        self._judged_at: list[int] = []
        self.row = 0
        self.here = self._children[0]

    def accepts(self, index: int, judged: Judged, accepted: bool) -> bool:
        """Note what became of a token, and stand at it if it was accepted; passes `accepted` on."""
        self._judged.append(judged)
        self._judged_at.append(index)
        if accepted:
            self._path.append(index)
            self.row = index + 1
            self.here = self._children[self.row]
        return accepted

    def end(
        self, added: int, kind: AddedKind, u: float | None, residual: Row | None = None
    ) -> Verdict:
        path = tuple(self._path) if self._tree else None
        judged_at = tuple(self._judged_at) if self._tree else None
        return Verdict(
            len(self._path), tuple(self._judged), added, kind, u, residual, path, judged_at
        )


def rejection(
    p: RowsOf,
    q: RowsOf | None,
    ids: Sequence[int],
    u: Draws,
    parents: Parents | None = None,
    /,
    *,
    lenience: float = 1.0,
) -> Verdict:
    """Token-wise speculative sampling (Leviathan et al. 2023, arXiv 2211.17192, Algorithm 1;
    Chen et al. 2023, arXiv 2302.01318, Algorithm 2).

    Accept x_i while u_i < min(1, p_i(x_i) / q_i(x_i)); at the first rejection draw from the
    residual max(0, p_i - q_i), renormalised; if all γ pass, draw a bonus token from p_{γ+1}.
    The output follows p exactly.

    In a tree, recursively over the siblings drawn without replacement (SpecInfer, Miao et al. 2024,
    arXiv 2305.09781, section 4.3; Jeon et al. 2024, arXiv 2402.14160, section 3): each rejection
    puts the renormalised residual in the place of p, and the next sibling is judged by it; when all
    are rejected, the last residual supplies the token.

    lenience l below 1 accepts with min(1, p / (l·q)) (arXiv 2211.17192, appendix A.5): lossy.
    """
    at = _Descent(len(ids), parents)
    while at.here:
        weights: Row = p[at.row]
        mass = 1.0
        for i in at.here:
            token = ids[i]
            q_row = None if q is None else q[i]
            p_token = float(weights[token]) / mass
            if q_row is None:
                q_token, overlap = 1.0, p_token
            else:
                q_token = float(q_row[token])
                shared = np.minimum(weights if mass == 1.0 else weights / mass, q_row)
                overlap = min(1.0, float(np.add.reduce(shared)))
            ratio = min(1.0, p_token / (lenience * q_token))
            judged = Judged(p_token, q_token, float(u[i]), ratio, overlap)
            if at.accepts(i, judged, float(u[i]) < ratio):
                break
            weights = _residual(weights, mass, q_row, token)
            mass = float(np.add.reduce(weights))
        else:
            v = float(u[len(ids)])
            return at.end(draw(weights, v), "resampled", v, weights)
    v = float(u[len(ids)])
    return at.end(draw(p[at.row], v), "bonus", v)


def _residual(weights: Row, mass: float, q_row: Row | None, token: int) -> Row:
    """max(0, weights / mass - q) [V], aligned by token id; q_row None: all mass on `token`."""
    if q_row is None:
        left = weights.copy()
        left[token] = 0
    else:
        left = np.subtract(weights if mass == 1.0 else weights / mass, q_row)
        np.maximum(left, 0, out=left)
    # Exactly p = q is never rejected; rounding may leave no mass all the same.
    return left if left.any() else weights


def lenient(
    p: RowsOf,
    q: RowsOf | None,
    ids: Sequence[int],
    u: Draws,
    parents: Parents | None = None,
    /,
    *,
    lenience: float,
) -> Verdict:
    """`rejection` with a bias: accept with min(1, p / (l·q)) (Leviathan et al. 2023, arXiv
    2211.17192, appendix A.5). No token becomes more than 1/l times as probable as under p by being
    accepted. l = 1 is exact, anything below is lossy."""
    return rejection(p, q, ids, u, parents, lenience=lenience)


def lenient_greedy(
    p: RowsOf,
    q: RowsOf | None,
    ids: Sequence[int],
    u: Draws,
    parents: Parents | None = None,
    /,
    *,
    lenience: float,
) -> Verdict:
    """`lenient` at T = 0, from logits p: accept a token whose probability at T = 1 is at least l
    times the most probable one's (arXiv 2211.17192, appendix A.5). Judged.p is that ratio."""
    at = _Descent(len(ids), parents)
    while at.here:
        row = p[at.row]
        best = int(row.argmax())
        for i in at.here:
            ratio = exp(min(0.0, float(row[ids[i]]) - float(row[best])))
            passed = ratio >= lenience
            judged = Judged(ratio, 1.0, None, float(passed), ratio, threshold=lenience)
            if at.accepts(i, judged, passed):
                break
        else:
            return at.end(best, "resampled", None)
    return at.end(int(p[at.row].argmax()), "bonus", None)


def block(
    p: RowsOf,
    q: RowsOf | None,
    ids: Sequence[int],
    u: Draws,
    parents: Parents | None = None,
    /,
) -> Verdict:
    """Block verification of a chain (Sun et al. 2025, arXiv 2403.10444, Algorithm 2).

    With p_0 = 1, p_i = min(1, p_{i-1}·p(x_i)/q(x_i)) and Z_i = Σ max(0, p_i·p - q) over the next
    place's rows, token i carries h_i = Z_i / (Z_i + 1 - p_i), the last one h_γ = p_γ. The longest
    prefix whose last token has u_i < h_i is kept: a token that would fail alone can be carried by
    those behind it. After it, draw from max(0, p_i·p - q), renormalised; from p after all γ.
    Exact, and never fewer tokens on average than token-wise rejection. Needs q.
    """
    n = len(ids)
    if n == 0:  # nothing was proposed, so there is no q either
        return Verdict(0, (), draw(p[0], float(u[0])), "bonus", float(u[0]))
    assert q is not None
    assert parents is None
    weight, kept, kept_weight = 1.0, 0, 1.0
    judged: list[Judged] = []
    pending: tuple[float, float, float, float, float] | None = None

    def judge(h: float) -> None:
        # The numbers of the last token, whose h needed the rows of the next place.
        nonlocal kept, kept_weight
        assert pending is not None
        p_token, q_token, draw_u, overlap, before = pending
        judged.append(Judged(p_token, q_token, draw_u, h, overlap, before))
        if draw_u < h:
            kept, kept_weight = len(judged), weight

    for i, token in enumerate(ids):
        p_row, q_row = p[i], q[i]
        mass = float(np.add.reduce(_scaled_residual(weight, p_row, q_row)))
        if pending is not None:
            # At p_i = 1 the prefix is kept whatever follows; without the case, rounding gives 0/0.
            judge(1.0 if weight >= 1.0 else mass / (mass + 1.0 - weight))
        p_token, q_token = float(p_row[token]), float(q_row[token])
        pending = (p_token, q_token, float(u[i]), max(weight - mass, 0.0), weight)
        weight = min(1.0, weight * p_token / q_token)
    if pending is not None:
        judge(weight)
    v = float(u[n])
    if kept == n:
        return Verdict(n, tuple(judged), draw(p[n], v), "bonus", v)
    residual = _scaled_residual(kept_weight, p[kept], q[kept])
    if not residual.any():
        residual = p[kept]
    first, rest = tuple(judged[: kept + 1]), tuple(judged[kept + 1 :])
    return Verdict(kept, first, draw(residual, v), "resampled", v, residual, weighed=rest)


def _scaled_residual(weight: float, p_row: Row, q_row: Row) -> Row:
    """max(0, weight·p - q) [V]."""
    left = np.multiply(p_row, p_row.dtype.type(weight))
    np.subtract(left, q_row, out=left)
    return np.maximum(left, 0, out=left)


def greedy(
    p: RowsOf,
    q: RowsOf | None,
    ids: Sequence[int],
    u: Draws,
    parents: Parents | None = None,
    /,
) -> Verdict:
    """Accept x_i while it is the target's most probable token, then add the target's own (Stern et
    al. 2018, arXiv 1811.03115, section 3).

    The limit of `rejection` at T = 0, where p is 0 or 1. Only the order in each row counts, so p
    may be logits. The smallest id wins a tie.
    """
    at = _Descent(len(ids), parents)
    while at.here:
        best = int(p[at.row].argmax())
        for i in at.here:
            match = ids[i] == best
            value = float(match)
            if at.accepts(i, Judged(value, 1.0, None, value, value), match):
                break
        else:
            return at.end(best, "resampled", None)
    return at.end(int(p[at.row].argmax()), "bonus", None)


def sample_match(
    p: RowsOf,
    q: RowsOf | None,
    ids: Sequence[int],
    u: Draws,
    parents: Parents | None = None,
    /,
) -> Verdict:
    """Sample and compare: draw a token from p at each place, keep the drafted one if it is the
    same, else take the one drawn and stop (what servers do with argmax drafts).

    The draw is inverse transform sampling with the drafted token's interval first, so that u_i <
    p_i(x_i) means "the same"; any other outcome follows p without x_i. That is `rejection` of a
    one-hot proposal, and exact whatever q is: x_i was drawn independently of u_i. A *sampled* draft
    is accepted with probability Σ p·q only, where rejection reaches Σ min(p, q).
    """
    verdict = rejection(p, None, ids, u, parents)
    if q is None:
        return verdict
    places = verdict.judged_at or range(len(verdict.judged))
    judged = tuple(
        Judged(j.p, float(q[i][ids[i]]), j.u, j.accept_probability, j.overlap)
        for i, j in zip(places, verdict.judged, strict=True)
    )
    return Verdict(
        verdict.n_accepted,
        judged,
        verdict.added_id,
        verdict.added_kind,
        verdict.added_u,
        verdict.residual,
        verdict.path,
        verdict.judged_at,
    )


def typical(
    p: RowsOf,
    q: RowsOf | None,
    ids: Sequence[int],
    u: Draws,
    parents: Parents | None = None,
    /,
    *,
    epsilon: float,
    delta: float,
) -> Verdict:
    """Typical acceptance (Medusa, Cai et al. 2024, arXiv 2401.10774, section 2.3.1): accept x_i if
    p_i(x_i) > min(ε, δ·exp(-H(p_i))), H the entropy in nats; then add a token drawn from p.

    Lossy: whatever is likely enough is taken, so the draft's taste colours the output. It tosses no
    coin, and q plays no part.
    """
    at = _Descent(len(ids), parents)
    v = float(u[len(ids)])
    while at.here:
        row = p[at.row]
        threshold = min(epsilon, delta * exp(-entropy(row)))
        for i in at.here:
            p_token = float(row[ids[i]])
            passed = p_token > threshold
            judged = Judged(p_token, _q_of(q, i, ids[i]), None, float(passed), p_token,
                            threshold=threshold)  # fmt: skip
            if at.accepts(i, judged, passed):
                break
        else:
            return at.end(draw(row, v), "resampled", v)
    return at.end(draw(p[at.row], v), "bonus", v)


def _q_of(q: RowsOf | None, index: int, token: int) -> float:
    return 1.0 if q is None else float(q[index][token])


def entropy(row: Row, total: float = 1.0) -> float:
    """Entropy in nats of weights [V] that sum to `total`; 0·log 0 is 0."""
    if total != 1.0:
        row = row / row.dtype.type(total)
    logs = np.log(np.maximum(row, np.finfo(row.dtype).tiny))
    return -float(np.dot(row, logs))
