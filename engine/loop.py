"""The decoding loop: draft, verify, emit. One generator; everything else watches it.

Pausing is not calling `next()`, stepping is one `next()`, cancelling is `close()`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import count

import numpy as np

from engine.backends.base import LanguageModel, Logits
from engine.config import Config
from engine.drafting.base import Drafter, Proposal
from engine.events import (
    AnyEvent,
    Drafted,
    FinishReason,
    Notice,
    Prefilled,
    RunStarted,
    Top,
    Verified,
)
from engine.sampling import Row, display_top, probabilities, top
from engine.text import TextStream
from engine.verify import RULES, RowsOf, Rule, Verdict


def decode(
    target: LanguageModel,
    drafter: Drafter | None,
    rule: Rule,
    config: Config,
    rng: np.random.Generator,
    started: RunStarted,
    idle: Callable[[], int] = lambda: 0,
) -> Generator[AnyEvent, None, FinishReason]:
    """Decode `started.prompt_ids`: yield the run's events, `started` first; return why it ended.

    Each round is one target pass over [last, d1 .. dγ]. All but the last prompt token are
    prefilled, so every emitted token belongs to a timed round. γ shrinks at the end so that exactly
    max_tokens are emitted. No drafter, or γ = 0, is plain decoding: the baseline.

    RunFinished is left to the consumer, who alone knows of cancellations and errors. idle:
    nanoseconds that the consumer has waited on purpose so far (paused, paced); all other time
    between verdicts that is no forward pass counts as host time. Caches are rewound at the end,
    however it comes.
    """
    if config.greedy:
        rule = RULES["greedy"]  # the limit of every rule at T = 0
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

        mark = clock() - idle()
        for number in count():
            remaining = limit - (len(context) - n_prompt)
            gamma = min(config.gamma, remaining - 1) if drafter is not None else 0
            draws = rng.random(2 * gamma + 1)
            proposal = Proposal()
            if drafter is not None and gamma:
                proposal = drafter.propose(context, gamma, draws[:gamma])
            before = text.mark()
            for i, token in enumerate(proposal.ids):
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
                    parent=i - 1,
                    u=None if proposal.q is None else float(draws[i]),
                    top=shown,
                    display=shown is not None and proposal.q is None,
                    source=proposal.source,
                    pieces=text.new_pieces((token,), shown.ids if shown else ()),
                )
            text.back(before)

            began = clock()
            logits = target.extend([context[-1], *proposal.ids])
            target_ns = clock() - began
            rows = _Rows(config, logits)
            u = draws[gamma : gamma + len(proposal.ids) + 1]
            verdict = rule.verify(rows.p, proposal.q, proposal.ids, u)
            n_accepted, ended = _until_end(proposal.ids[: verdict.n_accepted], vocabulary.end_ids)
            judged = verdict.judged[:n_accepted] if ended else verdict.judged
            for token in proposal.ids[:n_accepted]:
                text.push(token)
            context += proposal.ids[:n_accepted]
            target.truncate(len(context))
            if not ended:
                context.append(verdict.added_id)

            n_rows = len(judged) + (verdict.added_kind == "bonus" and not ended)
            tops = tuple(rows.top(i) for i in range(n_rows))
            residual, added_p = (None, None) if ended else _added(verdict, rows.p, config)
            piece = "" if ended else text.push(verdict.added_id)
            added = () if ended else (verdict.added_id,)
            shown_ids = [t.ids for t in (*tops, residual) if t is not None]
            pieces = text.new_pieces(added, *shown_ids)
            now = clock() - idle()
            host_ns = now - mark - target_ns - sum(proposal.draft_ns)
            mark = now
            yield Verified(
                seq=next(sequence),
                t_ns=clock(),
                round=number,
                n_accepted=n_accepted,
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


def _until_end(ids: Sequence[int], end_ids: frozenset[int]) -> tuple[int, bool]:
    """How many accepted ids to keep, and whether the last of them ends the text."""
    for i, token in enumerate(ids):
        if token in end_ids:
            return i + 1, True
    return len(ids), False


def _added(verdict: Verdict, p: RowsOf, config: Config) -> tuple[Top | None, float | None]:
    """Candidates of the residual (after a rejection) and the probability of the added token."""
    if config.greedy:
        return None, 1.0
    if verdict.residual is None:
        return None, float(p[verdict.n_accepted][verdict.added_id])
    total = float(verdict.residual.sum())
    chance = float(verdict.residual[verdict.added_id]) / total
    return top(verdict.residual, config.top, total), chance


class _Rows:
    """The target's distributions of one round, made in place of its logits, each when it is first
    asked for: rows after a rejection never are. Greedy rounds judge the logits themselves."""

    def __init__(self, config: Config, logits: Logits) -> None:
        self._config = config
        self._logits = logits
        self._known = 0
        self.p: RowsOf = logits if config.greedy else self

    def __getitem__(self, index: int, /) -> Row:
        config = self._config
        while self._known <= index:
            row = self._logits[self._known]
            probabilities(row, config.temperature, config.top_k, config.top_p, out=row)
            self._known += 1
        return self._logits[index]

    def top(self, index: int) -> Top:
        """For display; in greedy rounds this uses up the row."""
        if self._config.greedy:
            return display_top(self._logits[index], self._config.top)
        return top(self[index], self._config.top)
