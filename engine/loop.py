"""The decoding loop: draft, verify, emit. One generator; everything else watches it.

Pausing is not calling `next()`, stepping is one `next()`, cancelling is `close()`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.backends.base import LanguageModel, Logits
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
    Top,
    Verified,
)
from engine.rules import Rule
from engine.sampling import Row, display_top, probabilities, top
from engine.text import TextStream
from engine.tree import depth_within, size_of
from engine.verify import RowsOf, Verdict


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
    verify = rule.verify(config)
    length = length_kind(config.length_policy).make(config)
    adaptive = config.length_policy != "fixed" or isinstance(drafter, ChoosesLength)
    clock, vocabulary = target.clock, target.vocabulary
    sequence = count(1)
    text = TextStream(vocabulary)
    context = list(started.prompt_ids)
    n_prompt = len(context)
    limit = min(config.max_tokens, target.context - n_prompt)
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

        mark = clock() - idle()
        for number in count():
            remaining = limit - (len(context) - n_prompt)
            gamma = min(config.gamma, remaining - 1) if drafter is not None else 0
            gamma = depth_within(config.branches, gamma, target.context - len(context))
            size = size_of(config.branches, gamma)
            draws = rng.random(2 * size + 1)
            proposal = Proposal()
            if drafter is not None and gamma:
                length.begin(gamma)
                proposal = drafter.propose(context, gamma, draws[:size], length)
            yield from _announce(number, proposal, draws, sequence, clock, text)
            if adaptive and gamma:
                yield _chosen(number, proposal, gamma, length, next(sequence), clock())
            ids, parents, n = proposal.ids, proposal.parents, len(proposal.ids)
            draft_ns = sum(proposal.draft_ns) + proposal.wasted_ns

            began = clock()
            if parents is None:
                logits = target.extend([context[-1], *ids])
            else:
                logits = target.extend([context[-1], *ids], "all", [-1, *[i + 1 for i in parents]])
            target_ns = clock() - began
            rows = _Rows(config, logits)
            u = draws[size : size + n + 1]
            verdict = verify(rows.p, proposal.q, ids, u, parents)
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

            on_path = fed[: len(path) + (not ended)]
            tops = tuple([rows.top(i) for i in on_path])
            residual, added_p = (None, None) if ended else _added(verdict, rows, on_path, config)
            piece = "" if ended else text.push(verdict.added_id)
            added = () if ended else (verdict.added_id,)
            shown_ids = [t.ids for t in (*tops, residual) if t is not None]
            pieces = text.new_pieces(added, *shown_ids)
            now = clock() - idle()
            host_ns = now - mark - target_ns - draft_ns
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
            if ended or verdict.added_id in vocabulary.end_ids:
                return "stop"
            if len(context) - n_prompt >= limit:
                break
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


def _added(
    verdict: Verdict, rows: _Rows, on_path: Sequence[int], config: Config
) -> tuple[Top | None, float | None]:
    """Candidates of the residual (after a rejection) and the probability of the added token."""
    if config.greedy:
        return None, 1.0
    if verdict.residual is None:
        return None, float(rows[on_path[-1]][verdict.added_id])
    total = float(verdict.residual.sum())
    chance = float(verdict.residual[verdict.added_id]) / total
    return top(verdict.residual, config.top, total), chance


class _Rows:
    """The target's distributions of one round, made in place of its logits, each when it is first
    asked for: rows after a rejection never are. Greedy rounds judge the logits themselves."""

    def __init__(self, config: Config, logits: Logits) -> None:
        self._config = config
        self._logits = logits
        self._known: set[int] = set()
        self.p: RowsOf = logits if config.greedy else self

    def __getitem__(self, index: int, /) -> Row:
        row = self._logits[index]
        if index not in self._known:
            config = self._config
            probabilities(row, config.temperature, config.top_k, config.top_p, out=row)
            self._known.add(index)
        return row

    def top(self, index: int) -> Top:
        """For display; in greedy rounds this uses up the row."""
        if self._config.greedy:
            return display_top(self._logits[index], self._config.top)
        return top(self[index], self._config.top)
