"""The decoding loop: draft, verify, emit. One generator; everything else watches it.

Pausing is not calling `next()`, stepping is one `next()`, cancelling is `close()`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.backends.base import LanguageModel
from engine.config import Config
from engine.drafting.base import ChoosesLength, Drafter, Proposal
from engine.drafting.length import LengthPolicy, Outcome, length_kind
from engine.events import (
    AnyEvent,
    Drafted,
    FinishReason,
    LengthChosen,
    LengthReason,
    Notice,
    Prefilled,
    RunStarted,
    Verified,
)
from engine.rules import Rule
from engine.text import TextStream
from engine.tree import depth_within, size_of
from engine.turns import Turn, turns_of


class Uniforms(Protocol):
    """Where draws in [0, 1) come from: a generator of numpy, or draws that are given."""

    def random(self, size: int, /) -> NDArray[np.float64]: ...


def decode(
    target: LanguageModel,
    drafter: Drafter | None,
    rule: Rule,
    config: Config,
    rng: Uniforms,
    started: RunStarted,
    idle: Callable[[], int] = lambda: 0,
) -> Generator[AnyEvent, None, FinishReason]:
    """Decode `started.prompt_ids`: yield the run's events, `started` first; return why it ended.

    Each round is one target pass over [last, d1 .. dγ], or over the last token and a tree. All but
    the last prompt token are prefilled, so every emitted token belongs to a timed round. γ shrinks
    at the end so that exactly max_tokens are emitted. No drafter, or γ = 0, is plain decoding: the
    baseline.

    RunFinished is left to the consumer, who alone knows of cancellations and errors. idle:
    nanoseconds that the consumer has waited on purpose so far (paused, paced); all other time
    between verdicts that is no forward pass counts as host time. Caches are rewound at the end,
    however it comes.
    """
    length = length_kind(config.length_policy).make(config)
    adaptive = config.length_policy != "fixed" or isinstance(drafter, ChoosesLength)
    clock, vocabulary = target.clock, target.vocabulary
    sequence = count(1)
    text = TextStream(vocabulary)
    context = list(started.prompt_ids)
    n_prompt = len(context)
    limit = min(config.max_tokens, target.context - n_prompt)

    def gamma_at(length: int) -> int:
        """γ of a round that begins with so many tokens in the context."""
        remaining = limit - (length - n_prompt)
        gamma = min(config.gamma, remaining - 1) if drafter is not None else 0
        return depth_within(config.branches, gamma, target.context - length)

    def take_turn(gamma: int) -> Turn:
        size = size_of(config.branches, gamma)
        turn = Turn(gamma, size, rng.random(2 * size + 1))
        turns.begin(context, turn)
        return turn

    def take_turn_blind(gamma: int) -> Turn | None:
        """The round after one of at most γ tokens, if it is the same however many are accepted."""
        least, most = len(context) + 1, len(context) + gamma + 1
        if most - n_prompt >= limit or gamma_at(least) != gamma_at(most):
            return None
        return take_turn(gamma_at(most))

    try:
        yield started
        target.truncate(0)
        for start in range(0, n_prompt - 1, target.max_rows):
            chunk = context[start : min(start + target.max_rows, n_prompt - 1)]
            began = clock()
            target.extend(chunk, "none")
            spent = clock() - began
            yield Prefilled(next(sequence), clock(), len(chunk), spent, 0)
        if drafter is not None and config.gamma:
            for draft_ns in drafter.begin(context):
                yield Prefilled(next(sequence), clock(), 0, 0, draft_ns)
        if isinstance(drafter, ChoosesLength):
            length = drafter.length
        turns = turns_of(target, drafter, rule, config, length, n_prompt + limit)
        if turns.remark:
            yield Notice(next(sequence), clock(), "info", turns.remark, "")

        mark = clock() - idle()
        turn = take_turn(gamma_at(len(context)))
        for number in count():
            following = take_turn_blind(turn.gamma) if turns.ahead == "blind" else None
            proposal = turns.propose(context, turn)
            yield from _announce(number, proposal, turn.draws, sequence, clock, text)
            if adaptive and turn.gamma:
                yield _chosen(number, proposal, turn.gamma, length, next(sequence), clock())
            ids, parents, n = proposal.ids, proposal.parents, len(proposal.ids)
            draft_ns = sum(proposal.draft_ns) + proposal.wasted_ns

            judgement = turns.judge(context, turn, proposal)
            verdict, target_ns = judgement.verdict, judgement.target_ns
            path = range(verdict.n_accepted) if verdict.path is None else verdict.path
            accepted, ended = _until_end([ids[i] for i in path], vocabulary.end_ids)
            judged, path = verdict.judged, path[: len(accepted)]
            if ended:  # what came after the end of the text was not judged
                last = path[-1] if verdict.judged_at is None else verdict.judged_at.index(path[-1])
                judged = judged[: last + 1]
            for token in accepted:
                text.push(token)
            context += accepted
            fed = [0, *[i + 1 for i in path]]  # of the pass: the last token and the accepted ones
            if parents is None:
                target.truncate(len(context))
            else:
                target.keep(fed)
            if not ended:
                context.append(verdict.added_id)
            stopped = ended or verdict.added_id in vocabulary.end_ids
            finished = stopped or len(context) - n_prompt >= limit
            if turns.ahead != "no" and following is None and not finished:
                following = take_turn(gamma_at(len(context)))

            on_path = fed[: len(path) + (not ended)]
            tops = tuple([judgement.top(i) for i in on_path])
            residual, added_p = (None, None) if ended else judgement.added(on_path[-1])
            piece = "" if ended else text.push(verdict.added_id)
            added = () if ended else (verdict.added_id,)
            shown_ids = [t.ids for t in (*tops, residual) if t is not None]
            pieces = text.new_pieces(added, *shown_ids)
            now = clock() - idle()
            host_ns = max(now - mark - target_ns - draft_ns, 0)
            mark = now
            length.learn(Outcome(len(path), len(judged), n + 1, draft_ns, target_ns, host_ns))
            yield Verified(
                seq=next(sequence),
                t_ns=clock(),
                round=number,
                n_accepted=len(path),
                judged=judged,
                added_id=None if ended else verdict.added_id,
                added_piece=piece,
                added_kind="end" if ended else verdict.added_kind,
                added_u=None if ended else verdict.added_u,
                tops=tops,
                residual_top=residual,
                target_ns=target_ns,
                host_ns=host_ns,
                added_p=added_p,
                display=config.greedy,
                pieces=pieces,
                path=None if parents is None else tuple(path),
                judged_at=None if parents is None else (verdict.judged_at or ())[: len(judged)],
                weighed=() if ended else verdict.weighed,
            )
            if stopped:
                return "stop"
            if finished:
                break
            turn = following or take_turn(gamma_at(len(context)))
        if limit < config.max_tokens:
            yield Notice(
                next(sequence),
                clock(),
                "warning",
                f"The context of {target.context:,} tokens is full.",
                "Load the target with a larger context to decode further.",
            )
        return "length"
    finally:
        target.truncate(0)
        if drafter is not None:
            drafter.end()


def _announce(
    number: int,
    proposal: Proposal,
    draws: NDArray[np.float64],
    sequence: Iterator[int],
    clock: Callable[[], int],
    text: TextStream,
) -> Iterator[Drafted]:
    """One event a drafted token; the text stands afterwards where it stood."""
    parents, before = proposal.parents, text.mark()
    after: list[tuple[bytes, int]] = []  # where the text stands after each token of a tree
    for i, token in enumerate(proposal.ids):
        parent = i - 1 if parents is None else parents[i]
        if parents is not None:
            text.back(before if parent < 0 else after[parent])
        shown = proposal.tops[i] if proposal.tops else None
        yield Drafted(
            seq=next(sequence),
            t_ns=clock(),
            round=number,
            index=i,
            id=token,
            piece=text.push(token),
            q=1.0 if proposal.q is None else float(proposal.q[i][token]),
            draft_ns=proposal.draft_ns[i],
            parent=parent,
            u=None if proposal.q is None else float(draws[i]),
            top=shown,
            display=shown is not None and proposal.q is None,
            source=proposal.source,
            pieces=text.new_pieces((token,), shown.ids if shown else ()),
            match=proposal.match,
            origin=proposal.origin,
        )
        if parents is not None:
            after.append(text.mark())
    text.back(before)


def _chosen(
    number: int, proposal: Proposal, limit: int, length: LengthPolicy, seq: int, t_ns: int
) -> LengthChosen:
    """What the length policy made of a round."""
    n = len(proposal.ids)
    reason: LengthReason = length.reason
    if reason == "limit" and n < limit:
        reason = "no match"
    return LengthChosen(
        seq=seq,
        t_ns=t_ns,
        round=number,
        policy=length.name,
        n=n,
        limit=limit,
        reason=reason,
        value=length.value,
        threshold=length.threshold,
        draft_ns=proposal.wasted_ns,
    )


def _until_end(ids: list[int], end_ids: frozenset[int]) -> tuple[list[int], bool]:
    """The accepted ids to keep, and whether the last of them ends the text."""
    for i, token in enumerate(ids):
        if token in end_ids:
            return ids[: i + 1], True
    return ids, False
