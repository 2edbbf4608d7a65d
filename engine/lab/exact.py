"""The exact law of what a round emits, by enumeration: small vocabularies only.

Nothing is simulated. The real drafter proposes and the real rule judges, once for every cell of
their draws (see `cells`), and each outcome weighs what its cells weigh. A round is lossless if the
tokens that it emits, completed from p to a fixed number, follow p's joint law; then so is a run.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.backends.base import LanguageModel
from engine.config import Config
from engine.lab.cells import cells
from engine.lab.proposals import Row, RowOf, Weighed
from engine.sampling import probabilities
from engine.tree import Parents, path_to
from engine.verify import Verdict, VerifyFn

Tokens = tuple[int, ...]
Law = dict[Tokens, float]
"""Chance of each sequence of first tokens."""
_OTHERS = (1e-9, 1 - 1e-9)


@dataclass(frozen=True, slots=True)
class RoundLaw:
    """What a round emits. emitted, target: law of the first tokens, and the target's own.
    accepted: mean number of accepted tokens."""

    emitted: Law
    target: Law
    accepted: float

    @property
    def tokens(self) -> float:
        """Mean number of emitted tokens: the accepted ones and the added one."""
        return self.accepted + 1.0

    @property
    def tv(self) -> float:
        """Total variation between the two laws; 0 where the round is lossless."""
        return total_variation(self.emitted, self.target)


def round_law(
    verify: VerifyFn,
    proposals: Iterable[Weighed],
    p_of: RowOf,
    length: int,
    judged_by: RowOf | None = None,
) -> RoundLaw:
    """The law of the first `length` tokens of a round with these proposals under a rule.

    p_of: the target's float64 rows; judged_by: the rows that the rule is handed, where they are
    others (logits at T = 0).
    """
    ends: Law = {}
    accepted = 0.0
    for proposal in proposals:
        paths = _contexts(proposal)
        rows = [(judged_by or p_of)(tokens) for tokens in paths]
        for verdict, weight in verdicts(verify, rows, proposal):
            chance = proposal.chance * weight
            accepted += chance * verdict.n_accepted
            tokens = (*paths[_last(verdict) + 1], verdict.added_id)
            ends[tokens] = ends.get(tokens, 0.0) + chance
    emitted: Law = {}
    for tokens, chance in ends.items():
        for full, rest in completions(tokens, length, p_of):
            emitted[full] = emitted.get(full, 0.0) + chance * rest
    return RoundLaw(emitted, dict(completions((), length, p_of)), accepted)


def verdicts(
    verify: VerifyFn, p: Sequence[Row], proposal: Weighed
) -> Iterator[tuple[Verdict, float]]:
    """Every outcome of a rule with its chance over u in [0, 1)^(n+1).

    Only the draws that matter in a branch are split: the coins that the verdict reports, cut at
    their accept_probability, then the draw of the added token, cut by what it is drawn from, then
    any other that turns out to matter.
    """
    n = len(proposal.ids)
    known: dict[tuple[float, ...], Verdict] = {}

    def judge(draws: dict[int, float], other: float = 0.5) -> Verdict:
        u = tuple([draws.get(i, other) for i in range(n + 1)])
        if u not in known:
            known[u] = verify(p, proposal.q, proposal.ids, np.array(u), proposal.parents)
        return known[u]

    def after(fixed: dict[int, float], weight: float) -> Iterator[tuple[Verdict, float]]:
        verdict = judge(fixed)
        place, edges = _next_draw(verdict, fixed, p, n)
        if place is None:
            if all(_looks(judge(fixed, x)) == _looks(verdict) for x in _OTHERS):
                yield verdict, weight
                return
            # The rule reads a draw that it does not report.
            place = next(i for i in range(n + 1) if i not in fixed)

        def outcome(x: float) -> Hashable:
            # A coin may matter only where later ones fail (block), or where they pass.
            drawn = {**fixed, place: x}
            return tuple([_looks(judge(drawn, other)) for other in _OTHERS])

        for x, width in cells(outcome, edges):
            yield from after({**fixed, place: x}, weight * width)

    yield from after({}, 1.0)


def _next_draw(
    verdict: Verdict, fixed: dict[int, float], p: Sequence[Row], n: int
) -> tuple[int | None, Sequence[float]]:
    """A reported draw that is not fixed yet, and where it says that it decides."""
    coins = list(zip(verdict.judged_at or range(n), verdict.judged, strict=False))
    coins += enumerate(verdict.weighed, start=len(verdict.judged))
    for place, judged in coins:
        if judged.u is not None and place not in fixed:
            return place, (judged.accept_probability,)
    if n in fixed or verdict.added_u is None:
        return None, ()
    weights = p[_last(verdict) + 1] if verdict.residual is None else verdict.residual
    sums = np.cumsum(weights)
    return n, (sums / sums[-1]).tolist()


def _looks(verdict: Verdict) -> Hashable:
    """What tells two verdicts apart: what they emit."""
    return verdict.n_accepted, verdict.path, verdict.added_id, verdict.added_kind


def _last(verdict: Verdict) -> int:
    """Index of the last accepted token, -1 for none."""
    if verdict.path is None:
        return verdict.n_accepted - 1
    return verdict.path[-1] if verdict.path else -1


def _contexts(proposal: Weighed) -> list[Tokens]:
    """The tokens up to the context's end (none) and up to each drafted token: where p's rows
    stand."""
    ids, parents = proposal.ids, proposal.parents
    if parents is None:
        return [ids[:i] for i in range(len(ids) + 1)]
    return [(), *[_path(i, ids, parents) for i in range(len(ids))]]


def _path(index: int, ids: Tokens, parents: Parents) -> Tokens:
    return tuple([ids[i] for i in path_to(index, parents)])


def completions(tokens: Tokens, length: int, p_of: RowOf) -> Iterator[tuple[Tokens, float]]:
    """All continuations of `tokens` to `length` with their chance under p; longer ones are cut."""
    if len(tokens) >= length:
        yield tokens[:length], 1.0
        return
    row = p_of(tokens)
    for token in np.flatnonzero(row).tolist():
        for full, rest in completions((*tokens, token), length, p_of):
            yield full, float(row[token]) * rest


def total_variation(a: Law, b: Law) -> float:
    """Half the L1 distance of two laws."""
    return 0.5 * sum(abs(a.get(k, 0.0) - b.get(k, 0.0)) for k in a.keys() | b.keys())


class TargetRows:
    """A model's logits and distributions [V] in float64 after a fixed context, each row computed
    once."""

    def __init__(self, model: LanguageModel, config: Config, context: Sequence[int]) -> None:
        self._model = model
        self._config = config
        self._context = list(context)
        self._logits: dict[Tokens, Row] = {}
        self._p: dict[Tokens, Row] = {}

    def logits(self, tokens: Tokens) -> Row:
        if tokens not in self._logits:
            model, ids = self._model, [*self._context, *tokens]
            model.truncate(0)
            for start in range(0, len(ids) - 1, model.max_rows):
                model.extend(ids[start : min(start + model.max_rows, len(ids) - 1)], "none")
            self._logits[tokens] = model.extend(ids[-1:], "last")[0].astype(np.float64)
            model.truncate(0)
        return self._logits[tokens]

    def p(self, tokens: Tokens) -> Row:
        if tokens not in self._p:
            config = self._config
            logits = self.logits(tokens)
            self._p[tokens] = probabilities(
                logits, config.temperature, config.top_k, config.top_p, out=logits.copy()
            )
        return self._p[tokens]
