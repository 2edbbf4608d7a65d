"""A round under other settings, from the recording alone.

Draws keep their roles: one draft draw and one coin a place, one draw of the added token. What the
recorded rows decide, whatever the entries are that they leave out, is given as exact; where they do
not decide, the answer says so, and `engine.whatif.rerun` recomputes the round with the models.
"""

from __future__ import annotations

from engine.drafting.length import LENGTH_POLICIES
from engine.drafting.registry import drafter_kind
from engine.methods import check, is_tree
from engine.trace import Run, TokenState
from engine.tree import children, depths
from engine.whatif import reasons
from engine.whatif.block import Walked, block_walk
from engine.whatif.judging import (
    after_all,
    after_rejection,
    draws_from_p,
    judged,
    same_residuals,
)
from engine.whatif.known_rows import KnownRound
from engine.whatif.outcome import Change, Outcome, OutcomeAdded, OutcomeToken, outcome_of


def recorded_outcome(run: Run, number: int, change: Change) -> Outcome:
    """What round `number` would have been under `change`, as far as the recording tells.

    The round must have its verdict. Unchanged settings give the recorded verdict, recomputed from
    p, q and u. Raises ConfigError for settings that no run can have.
    """
    new = change.config(run.started.config).validated()
    check(new)
    known = KnownRound(run, number, change, new)
    n, missing, note = _places(known)
    tree = known.verdict.path is not None
    parents = path = None
    if tree:
        tokens, added, path = _tree_walk(known, missing)
        parents = tuple([d.parent for d in known.round.drafted[: len(tokens)]])
    elif known.redrawn and (is_tree(known.old) or is_tree(new)):
        tokens, added = [], reasons.SIBLINGS
    elif new.rule == "block" and not new.greedy:
        tokens, added = block_walk(known, n, missing)
    else:
        tokens, added = _chain_walk(known, n, missing)

    unknown = isinstance(added, str)
    unchanged = new == known.old and known.same_added_draw and not change.u
    if unknown and unchanged and known.end_id is not None and new.rule == "block":
        # The numbers of the tokens behind the end of the text are not recorded.
        return outcome_of(known.round, run.label, gamma=known.gamma)
    if not tree and (not unknown or not known.redrawn):
        tokens += _rest(known, tokens, n, unknown)
    return Outcome(
        tokens=tuple(tokens),
        added=None if isinstance(added, str) else added,
        exact=not unknown,
        reason=added if isinstance(added, str) else "",
        source="recording",
        gamma=known.gamma,
        parents=parents,
        path=path,
        note=note,
    )


def _places(known: KnownRound) -> tuple[int, str, str]:
    """How many tokens of a chain would be proposed, as far as they are recorded; why the others are
    not known, if there are more; a note."""
    n, policy = len(known.round.drafted), known.new.length_policy
    if LENGTH_POLICIES[policy].needs_q and not known.same_sampler:
        return 0, reasons.LENGTH, ""
    if policy == "throughput" or drafter_kind(known.new.drafter).chooses_gamma:
        moved = known.gamma != known.old_gamma or not known.same_sampler
        return min(n, known.gamma), "", reasons.THROUGHPUT if moved else ""
    # Fewer than γ were proposed where the policy refused more, or the drafter had no more.
    depth = max(depths(known.round.parents), default=0)
    if known.gamma > depth == known.old_gamma:
        return n, reasons.LONGER, ""
    return min(n, known.gamma), "", ""


def _chain_walk(known: KnownRound, n: int, missing: str) -> Walked:
    """Token by token, up to the first that is rejected or cannot be told."""
    tokens: list[OutcomeToken] = []
    for i in range(n):
        token = known.token(i)
        if token is None:
            return tokens, reasons.DRAFT
        tokens.append(judged(known, i, i, token))
        match tokens[-1].state:
            case None:
                return tokens, reasons.JUDGED if i < len(known.verdict.tops) else reasons.BEHIND
            case TokenState.REJECTED:
                return tokens, after_rejection(known, i, i, token)
            case _:
                pass
        if token == known.end_id:
            return tokens, OutcomeAdded(None, "", "end")
        if token != known.round.drafted[i].id:
            return tokens, reasons.OTHER
    return tokens, missing or after_all(known, n)


def _rest(
    known: KnownRound, tokens: list[OutcomeToken], n: int, unknown: bool
) -> list[OutcomeToken]:
    """The tokens of a chain behind those that were judged, as far as it is known what they are."""
    drafted, label = known.round.drafted, known.run.label
    rest: list[OutcomeToken] = []
    same = all(t.id == d.id for t, d in zip(tokens, drafted, strict=False))
    for i in range(len(tokens), n):
        token = known.token(i) if same else None
        if token is None:
            break
        state = None if unknown else TokenState.DISCARDED
        rest.append(OutcomeToken(token, label(token), q=known.q_of(i, token).known, state=state))
        same = token == drafted[i].id
    return rest


def _tree_walk(
    known: KnownRound, missing: str
) -> tuple[list[OutcomeToken], OutcomeAdded | str, tuple[int, ...]]:
    """Down a tree, siblings in order; known as long as the decisions are the recorded ones."""
    drafted, label = known.round.drafted, known.run.label
    parents = known.round.parents
    size = sum(depth <= known.gamma for depth in depths(parents))
    found: dict[int, OutcomeToken] = {}
    path: list[int] = []

    def ended(
        added: OutcomeAdded | str,
    ) -> tuple[list[OutcomeToken], OutcomeAdded | str, tuple[int, ...]]:
        state = None if isinstance(added, str) else TokenState.DISCARDED
        tokens = [
            found.get(d.index) or OutcomeToken(d.id, label(d.id), q=d.q, state=state)
            for d in drafted[:size]
        ]
        return tokens, added, tuple(path)

    if known.redrawn:
        return [], reasons.SIBLINGS, ()
    after = children(size, parents[:size])
    while here := after[path[-1] + 1 if path else 0]:
        depth = len(path)
        for nth, i in enumerate(here):
            if known.judged(i) is None or (nth and not same_residuals(known)):
                return ended(reasons.SIBLINGS)
            found[i] = judged(known, i, depth, drafted[i].id)
            if found[i].state is None:
                return ended(reasons.JUDGED)
            if found[i].state is TokenState.ACCEPTED:
                path.append(i)
                break
        if len(path) == depth:
            added = after_rejection(known, here[0], depth, drafted[here[0]].id)
            recorded = known.verdict.n_accepted == depth and same_residuals(known)
            alone = len(here) == 1 or known.new.greedy or draws_from_p(known)
            if alone or (recorded and known.same_added_draw):
                return ended(added)
            return ended(reasons.SIBLINGS)
        if drafted[path[-1]].id == known.end_id:
            return ended(OutcomeAdded(None, "", "end"))
        if tuple(path) != known.round.path[: depth + 1]:
            return ended(reasons.BEHIND)
    return ended(missing or after_all(known, len(path)))
