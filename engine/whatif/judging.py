"""The verification rules on bounds: what a rule would decide, and what it would add.

Each function mirrors a rule of `engine.verify`, with the same words, and gives the same answer for
every row that could have been recorded so, or None.
"""

from __future__ import annotations

from math import exp

from engine.config import Config
from engine.events import AddedKind
from engine.trace import TokenState
from engine.whatif import reasons
from engine.whatif.known_rows import KnownRound
from engine.whatif.outcome import OutcomeAdded, OutcomeToken, coin
from engine.whatif.row_bounds import ONE, RowBounds, Span, ratio

_RESIDUALS = {"rejection": "p - q", "lenient": "p - q", "sample-match": "p - x", "typical": "p"}
"""What the token after a rejection is drawn from at T > 0, by rule; x: the rejected token."""
_NONE = Span(0.0, 0.0)
_ANY = Span(0.0, 1.0)


def judged(known: KnownRound, index: int, depth: int, token: int) -> OutcomeToken:
    """The token drafted at `index`, judged after `depth` accepted ones; its state is accepted,
    rejected, or None if that is not known."""
    new = known.new
    p, q, u = None, ONE, None
    if new.greedy:
        p, accepted = _greedily(known, index, depth, token)
        chance = p if new.rule != "lenient" else _certain(accepted)
    else:
        p, q = known.p_of(index, depth, token), known.q_of(index, token)
        if new.rule == "typical":
            accepted = _typically(known, index, depth, p)
            chance = _certain(accepted)
        else:
            u = known.draws.judge[index]
            chance = acceptance(new, p, q)
            accepted = True if u < chance.low else False if u >= chance.high else None
    state = None
    if accepted is not None:
        state = TokenState.ACCEPTED if accepted else TokenState.REJECTED
    label = known.run.label(token)
    return OutcomeToken(token, label, p.known, q.known, coin(u), chance.known, state)


def acceptance(config: Config, p: Span, q: Span) -> Span:
    """The number that u is compared with, for the rules that judge token by token."""
    if config.rule == "sample-match":
        return p
    if config.rule == "lenient":
        q = Span(config.lenience * q.low, config.lenience * q.high)
    found = ratio(p, q)
    return Span(min(1.0, found.low), min(1.0, found.high))


def after_rejection(known: KnownRound, index: int, depth: int, token: int) -> OutcomeAdded | str:
    """What is added when the token at `index` was rejected after `depth` accepted ones, or why it
    is not known."""
    if known.new.greedy:
        return _greedy(known, depth, "resampled")
    law, was = _law(known, known.new), _law(known, known.old)
    if law == was and _as_recorded(known, depth, "resampled"):
        return _recorded(known)
    row = known.p_row(depth)
    if law == "p - q":
        row = known.residual(index, depth)
    elif law == "p - x" and row is not None:
        row = row.without(token)
    return drawn(known, row, depth, "resampled")


def after_all(known: KnownRound, depth: int) -> OutcomeAdded | str:
    """The bonus token after `depth` tokens, all that were proposed."""
    if known.new.greedy:
        return _greedy(known, depth, "bonus")
    if _as_recorded(known, depth, "bonus"):
        return _recorded(known)
    return drawn(known, known.p_row(depth), depth, "bonus")


def after_block(known: KnownRound, kept: int, weight: Span) -> OutcomeAdded | str:
    """What block verification adds after it kept fewer tokens than were proposed."""
    if known.old.rule == "block" and _as_recorded(known, kept, "resampled"):
        return _recorded(known)
    return drawn(known, known.residual(kept, kept, weight), kept, "resampled")


def drawn(
    known: KnownRound, row: RowBounds | None, depth: int, kind: AddedKind
) -> OutcomeAdded | str:
    """A token drawn from a row with the round's last draw."""
    if row is None:
        return reasons.ADDED if depth < len(known.verdict.tops) else reasons.BEHIND
    u = known.draws.added
    token = row.draw(u)
    if token is None:
        return reasons.ADDED
    p = row.probability(token).known
    return OutcomeAdded(token, known.run.label(token), kind, coin(u), p)


def same_residuals(known: KnownRound) -> bool:
    """Whether later siblings are judged by the same distribution under both rules."""
    return known.new.greedy or _law(known, known.new) == _law(known, known.old)


def draws_from_p(known: KnownRound) -> bool:
    """Whether rejections leave p as it is."""
    return _law(known, known.new) == "p"


def _law(known: KnownRound, config: Config) -> str:
    law = "" if config.greedy else _RESIDUALS.get(config.rule, "")
    return "p - x" if law == "p - q" and known.one_hot else law


def _as_recorded(known: KnownRound, depth: int, kind: AddedKind) -> bool:
    """Whether the recorded token was added at this place, from the same row with the same draw."""
    verdict = known.verdict
    return (
        known.same_sampler
        and known.same_added_draw
        and verdict.added_kind == kind
        and verdict.n_accepted == depth
    )


def _recorded(known: KnownRound) -> OutcomeAdded | str:
    verdict = known.verdict
    added = verdict.added_id
    if added is None:
        return reasons.ADDED
    label = known.run.label(added)
    return OutcomeAdded(added, label, verdict.added_kind, verdict.added_u, verdict.added_p)


def _greedy(known: KnownRound, depth: int, kind: AddedKind) -> OutcomeAdded | str:
    best = known.best(depth)
    if best is None:
        return reasons.ADDED if depth < len(known.verdict.tops) else reasons.BEHIND
    return OutcomeAdded(best, known.run.label(best), kind, None, 1.0)


def _certain(accepted: bool | None) -> Span:
    return _ANY if accepted is None else ONE if accepted else _NONE


def _greedily(known: KnownRound, index: int, depth: int, token: int) -> tuple[Span, bool | None]:
    """At T = 0: is it the best, or (lenient) likely enough beside the best? p as it is judged."""
    was_lenient = known.old.rule == "lenient"
    judged, best = known.judged(index), known.best(depth)
    if known.new.rule != "lenient":
        accepted = None if best is None else token == best
        if accepted is None and was_lenient and judged is not None and judged.p < 1.0:
            accepted = False
        return _certain(accepted), accepted
    row, beside = known.p_row(depth), _ANY
    if was_lenient and judged is not None:
        beside = Span(judged.p, judged.p)
    elif token == best:
        beside = ONE
    elif row is not None and best is not None:
        beside = ratio(row.of(token), row.of(best))
        beside = Span(min(beside.low, 1.0), min(beside.high, 1.0))
    least = known.new.lenience
    return beside, True if beside.low >= least else False if beside.high < least else None


def _typically(known: KnownRound, index: int, depth: int, p: Span) -> bool | None:
    new, old, judged = known.new, known.old, known.judged(index)
    threshold = None
    same = old.rule == "typical" and (new.epsilon, new.delta) == (old.epsilon, old.delta)
    if same and judged is not None and judged.threshold is not None:
        threshold = Span(judged.threshold, judged.threshold)
    else:
        row = known.p_row(depth)
        if row is not None:
            h = row.entropy()
            ends = [min(new.epsilon, new.delta * exp(-x)) for x in (h.high, h.low)]
            threshold = Span(*ends)
    if threshold is None:
        return None
    return True if p.low > threshold.high else False if p.high <= threshold.low else None
