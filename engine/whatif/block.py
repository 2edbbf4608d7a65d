"""Block verification on bounds (see `verify.block`): it looks at all tokens before it keeps any."""

from __future__ import annotations

import msgspec

from engine.trace import TokenState
from engine.whatif import reasons
from engine.whatif.judging import after_all, after_block
from engine.whatif.known_rows import KnownRound
from engine.whatif.outcome import OutcomeAdded, OutcomeToken, coin
from engine.whatif.row_bounds import ONE, Span, ratio

Walked = tuple[list[OutcomeToken], OutcomeAdded | str]
"""The tokens, and what is added, or why it is not known."""


def block_walk(known: KnownRound, n: int, missing: str) -> Walked:
    """n: tokens that would be proposed; missing: why more are not known, if there are more."""
    tokens: list[OutcomeToken] = []
    weights = [ONE]
    for i in range(n):
        token = known.token(i)
        if token is None:
            return tokens, reasons.DRAFT
        p, q = known.p_of(i, i, token), known.q_of(i, token)
        weights.append(_weight_after(known, i, weights[i], p, q))
        label, u = known.run.label(token), coin(known.draws.judge[i])
        tokens.append(OutcomeToken(token, label, p.known, q.known, u))
        if token != known.round.drafted[i].id and i + 1 < n:
            return tokens, reasons.OTHER
    if missing:
        return tokens, missing
    if n == 0:
        return tokens, after_all(known, 0)

    chances = [_carried(known, i, n, weights) for i in range(n)]
    tokens = [
        msgspec.structs.replace(token, accept_probability=chance.known)
        for token, chance in zip(tokens, chances, strict=True)
    ]
    kept = 0
    for i in reversed(range(n)):
        u = known.draws.judge[i]
        if u < chances[i].low:
            kept = i + 1
            break
        if not u >= chances[i].high:
            return tokens, reasons.BLOCK
    ends = next((i + 1 for i in range(kept) if tokens[i].id == known.end_id), 0)
    _decide(tokens, ends or kept, bool(ends))
    if ends:
        return tokens, OutcomeAdded(None, "", "end")
    if kept == n:
        last = tokens[-1].id == known.round.drafted[n - 1].id
        return tokens, after_all(known, n) if last else reasons.OTHER
    return tokens, after_block(known, kept, weights[kept])


def _decide(tokens: list[OutcomeToken], kept: int, ended: bool) -> None:
    for i, token in enumerate(tokens):
        state = TokenState.ACCEPTED if i < kept else TokenState.DISCARDED
        if i == kept and not ended:
            state = TokenState.REJECTED
        tokens[i] = msgspec.structs.replace(token, state=state)


def _weight_after(known: KnownRound, index: int, before: Span, p: Span, q: Span) -> Span:
    """p_i: what scales p after the token at `index`."""
    judged = known.judged(index)
    if judged is not None and known.old.rule == "block":
        exact = min(1.0, judged.weight * judged.p / judged.q)
        return Span(exact, exact)
    after = ratio(Span(before.low * p.low, before.high * p.high), q)
    return Span(min(after.low, 1.0), min(after.high, 1.0))


def _carried(known: KnownRound, index: int, n: int, weights: list[Span]) -> Span:
    """h of a token: the chance of the prefix that ends with it."""
    weight = weights[index + 1]
    if index + 1 == n:
        return weight
    judged, recorded = known.judged(index), len(known.round.drafted)
    if judged is not None and known.old.rule == "block" and index + 1 < recorded:
        return Span(judged.accept_probability, judged.accept_probability)
    if weight.low >= 1.0:
        return ONE
    row = known.residual(index + 1, index + 1, weight)
    mass = Span(0.0, weight.high) if row is None else row.sum()
    high = 1.0 if weight.high >= 1.0 else mass.high / (mass.high + 1.0 - weight.high)
    return Span(min(mass.low / (mass.low + 1.0 - weight.low), high), high)
