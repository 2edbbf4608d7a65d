"""The lossless verification rules on the device of their arguments: `engine.verify` in torch.

Of chains, with one difference of form: a proposal fills n of its γ places, so that one CUDA graph
serves all lengths. Places from n on are padding, whatever they hold (NaN too). Like
`device_sampling`, nothing here waits for the device, and shapes depend on shapes alone.

Arguments of every rule, for γ ≥ 0 places: p [γ+1, V], the target's distributions (logits for
`greedy`), row 0 after the context, row i + 1 after token i; q [γ, V], what each token was drawn
from, or None for a one-hot proposal; ids [γ] int64; n [] int64, tokens proposed; u [γ] float64,
u[i] judges token i; added_u [] float64 draws the added token. After all n, that comes from p[n].
"""
# pyright: basic

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.backends.hf.device_sampling import draw


@dataclass(frozen=True)
class Outcome:
    """What a rule decided about one proposal.

    accepted [] int64, of the n tokens proposed. p, q, accept_probability, overlap, weight [γ]
    float64: the numbers of `engine.events.Judged` at every place; they mean something at the places
    that the rule judged (`block`: at all n). added [] int64; resampled [] bool: after a rejection,
    else it is the bonus token. residual [V]: the weights (not normalised) that the added token was
    drawn from after a rejection, else zeros; always zeros of `greedy`. added_p [] float64: the
    added token's probability under what it was drawn from.
    """

    accepted: Tensor
    p: Tensor
    q: Tensor
    accept_probability: Tensor
    overlap: Tensor
    weight: Tensor
    added: Tensor
    resampled: Tensor
    residual: Tensor
    added_p: Tensor


DeviceRule = Callable[[Tensor, Tensor | None, Tensor, Tensor, Tensor, Tensor], Outcome]


def rejection(
    p: Tensor, q: Tensor | None, ids: Tensor, n: Tensor, u: Tensor, added_u: Tensor
) -> Outcome:
    """Token-wise speculative sampling: `engine.verify.rejection` (Leviathan et al. 2023, arXiv
    2211.17192, Algorithm 1)."""
    offered, ids = _offered(ids, n)
    p_token = _of_tokens(p[:-1], ids)
    if q is None:
        q_token, overlap = torch.ones_like(p_token), p_token
    else:
        q_token = _of_tokens(q, ids)
        overlap = torch.minimum(p[:-1], q).sum(-1, dtype=torch.float64).clamp_(max=1.0)
    ratio = (p_token / q_token).clamp_(max=1.0)
    accepted = _leading((u < ratio) & offered)
    row = _row(p, accepted)
    left = row
    if ids.shape[0]:
        at = accepted.clamp(max=ids.shape[0] - 1)
        if q is None:
            left = row.scatter(0, ids.index_select(0, at.view(1)), 0.0)
        else:
            left = (row - _row(q, at)).clamp_(min=0.0)
    weight = torch.ones_like(p_token)
    added = _added(row, left, accepted < n, added_u)
    return Outcome(accepted, p_token, q_token, ratio, overlap, weight, *added)


def block(
    p: Tensor, q: Tensor | None, ids: Tensor, n: Tensor, u: Tensor, added_u: Tensor
) -> Outcome:
    """Block verification: `engine.verify.block` (Sun et al. 2025, arXiv 2403.10444, Algorithm 2).
    Needs q, unless γ = 0."""
    size = ids.shape[0]
    if size == 0:
        return rejection(p, q, ids, n, u, added_u)
    assert q is not None
    offered, ids = _offered(ids, n)
    p_token, q_token = _of_tokens(p[:-1], ids), _of_tokens(q, ids)
    # p_i = min(1, p_{i-1}·p/q) for all i at once: a walk of log(p/q) reflected at 0 is how far it
    # stands below the highest point that it has reached.
    walk = (p_token / q_token).log_().cumsum(0)
    after = (walk - walk.cummax(0).values.clamp_(min=0.0)).exp_()
    weights = torch.cat((torch.ones_like(after[:1]), after))
    before = weights[:-1]
    scaled = p[:-1] * before.to(p.dtype).unsqueeze(-1)
    mass = scaled.sub_(q).clamp_(min=0.0).sum(-1, dtype=torch.float64)
    # h_i of token i needs the mass of the next place; the last token's h is its p_i.
    place = torch.arange(size, device=ids.device)
    following = mass.roll(-1)
    carried = (following / (following + 1.0 - after)).masked_fill_(after >= 1.0, 1.0)
    h = torch.where(place == n - 1, after, carried)
    accepted = ((place + 1) * ((u < h) & offered)).amax()
    row = _row(p, accepted)
    kept_weight = weights.index_select(0, accepted.view(1)).to(p.dtype)
    left = (row * kept_weight - _row(q, accepted.clamp(max=size - 1))).clamp_(min=0.0)
    overlap = (before - mass).clamp_(min=0.0)
    added = _added(row, left, accepted < n, added_u)
    return Outcome(accepted, p_token, q_token, h, overlap, before, *added)


def greedy(
    p: Tensor, q: Tensor | None, ids: Tensor, n: Tensor, u: Tensor, added_u: Tensor
) -> Outcome:
    """Accept while a token is the target's most probable one: `engine.verify.greedy` (Stern et al.
    2018, arXiv 1811.03115, section 3). The smallest id wins a tie; q and the draws play no part."""
    offered, ids = _offered(ids, n)
    best = p.argmax(-1)
    match = (ids == best[:-1]) & offered
    accepted = _leading(match)
    value = match.to(torch.float64)
    one = torch.ones_like(value)
    added = best.index_select(0, accepted.view(1)).squeeze(0)
    certain = torch.ones((), dtype=torch.float64, device=p.device)
    residual = torch.zeros_like(p[0])
    return Outcome(accepted, value, one, value, value, one, added, accepted < n, residual, certain)


def sample_match(
    p: Tensor, q: Tensor | None, ids: Tensor, n: Tensor, u: Tensor, added_u: Tensor
) -> Outcome:
    """Sample from p and compare: `engine.verify.sample_match`, which is `rejection` of a one-hot
    proposal. q is only reported."""
    outcome = rejection(p, None, ids, n, u, added_u)
    if q is None:
        return outcome
    return replace(outcome, q=_of_tokens(q, _offered(ids, n)[1]))


RULES: dict[str, DeviceRule] = {
    "rejection": rejection,
    "block": block,
    "greedy": greedy,
    "sample-match": sample_match,
}


def _offered(ids: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    """Which places [γ] were proposed, and the ids with a harmless one at the others."""
    offered = torch.arange(ids.shape[0], device=ids.device) < n
    return offered, ids.masked_fill(~offered, 0)


def _of_tokens(rows: Tensor, ids: Tensor) -> Tensor:
    """Each row's entry of its token, float64 [γ]."""
    return rows.gather(1, ids.unsqueeze(1)).squeeze(1).to(torch.float64)


def _row(rows: Tensor, index: Tensor) -> Tensor:
    return rows.index_select(0, index.view(1)).squeeze(0)


def _leading(passed: Tensor) -> Tensor:
    """How many of `passed` [γ] are true before the first that is not."""
    return passed.to(torch.int64).cumprod(0).sum()


def _added(
    row: Tensor, left: Tensor, rejected: Tensor, added_u: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The last four fields of an Outcome: the token drawn from `left` [V] after a rejection, else
    from p's row."""
    # Exactly p = q is never rejected; rounding may leave no mass all the same.
    weights = torch.where(rejected & (left > 0).any(), left, row)
    token = draw(weights, added_u)
    total = weights.sum(dtype=torch.float64).masked_fill(~rejected, 1.0)
    chance = weights.index_select(0, token.view(1)).squeeze(0) / total
    return token, rejected, weights.masked_fill(~rejected, 0.0), chance
