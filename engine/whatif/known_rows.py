"""What the recording of one round tells of its distributions under other settings."""

from __future__ import annotations

from math import nan

from engine.config import Config
from engine.draws import Draws, depth_at, round_draws
from engine.events import Judged, Top, Verified
from engine.trace import Round, Run
from engine.whatif.outcome import Change
from engine.whatif.row_bounds import ONE, RowBounds, Sampler, Span, residual

_ANY = Span(0.0, 1.0)
_UNBOUNDED = 2**31
_PLAIN = Sampler(1.0)
"""What the rows of greedy runs are recorded under: T = 1, for display."""


class KnownRound:
    """A recorded round as other settings would see it: bounds of its rows, and its draws.

    Rows are looked up by their place on the accepted path (p) or in the proposal (q); None where
    nothing is recorded, or too little to say what the filters keep.

    same_sampler: temperature, top-k and top-p stay, so that the recorded numbers stand as they are.
    one_hot: under the new settings the proposal has no q.
    redrawn: each drafted token must be drawn anew, from another q.
    """

    def __init__(self, run: Run, number: int, change: Change, new: Config) -> None:
        self.run = run
        self.round: Round = run.rounds[number]
        verdict = self.round.verified
        assert verdict is not None
        self.verdict: Verified = verdict
        self.old, self.new = run.started.config, new
        self.gamma = depth_at(run, number, new)
        self.old_gamma = depth_at(run, number, self.old)
        old, both = self.old, (self.old, new)
        filters = [(c.temperature, 0, 1.0) if c.greedy else
                   (c.temperature, c.top_k, c.top_p) for c in both]  # fmt: skip
        self.same_sampler = filters[0] == filters[1]
        drafted = self.round.drafted
        drawn = any((d.top if old.greedy else d.u) is not None for d in drafted)
        self.one_hot = new.greedy or not drawn
        self.redrawn = drawn and not self.same_sampler
        self._from = _PLAIN if old.greedy else Sampler(old.temperature, old.top_k, old.top_p)
        self._to = _PLAIN if new.greedy else Sampler(new.temperature, new.top_k, new.top_p)
        self.size = run.started.models.target.vocabulary or _UNBOUNDED
        self.same_added_draw = change.added_u in (None, verdict.added_u)
        draws = round_draws(run, number) or _recorded_draws(self.round)
        self.draws = draws.changed(change.coins, change.added_u)
        self._rows: dict[tuple[str, int], RowBounds | None] = {}

    @property
    def end_id(self) -> int | None:
        """The end-of-text token that the round accepted, if it did."""
        if self.verdict.added_kind != "end":
            return None
        return self.round.drafted[self.round.path[-1]].id

    def judged(self, index: int) -> Judged | None:
        """The recorded numbers of a drafted token, where the sampler leaves them as they are."""
        return self.round.judged(index) if self.same_sampler else None

    def p_row(self, depth: int) -> RowBounds | None:
        """Row of p after `depth` accepted tokens; at T = 0, of T = 1."""
        key = ("p", depth)
        if key not in self._rows:
            self._rows[key] = self._p_row(depth)
        return self._rows[key]

    def q_row(self, index: int) -> RowBounds | None:
        """Row that a drafted token is drawn from; at T = 0, of T = 1."""
        key = ("q", index)
        if key not in self._rows:
            drafted = self.round.drafted[index]
            exact = {} if self.old.greedy else {drafted.id: drafted.q}
            self._rows[key] = self._bounds(drafted.top, exact)
        return self._rows[key]

    def best(self, depth: int) -> int | None:
        """The target's most probable token after `depth` accepted ones."""
        verdict = self.verdict
        if depth >= len(verdict.tops):
            return None
        if self.old.greedy:  # then the verdict itself tells
            if depth == verdict.n_accepted:
                return verdict.added_id
            if self.old.rule != "lenient":
                return self.round.drafted[self.round.path[depth]].id
        row = self._bounds(verdict.tops[depth], {}, self._from)
        return None if row is None else row.best()

    def token(self, index: int) -> int | None:
        """The token drafted at a place of a chain, where all before it are as recorded."""
        if not self.redrawn:
            return self.round.drafted[index].id
        if self.new.greedy:
            row = self._bounds(self.round.drafted[index].top, {}, self._from)
            return None if row is None else row.best()
        row = self.q_row(index)
        return None if row is None else row.draw(self.draws.draft[index])

    def p_of(self, index: int, depth: int, token: int) -> Span:
        """p of the token at a place of the proposal, judged after `depth` accepted ones (T > 0)."""
        judged = self.judged(index)
        if judged is not None and token == self.round.drafted[index].id:
            return Span(judged.p, judged.p)
        row = self.p_row(depth)
        return _ANY if row is None else row.probability(token)

    def q_of(self, index: int, token: int) -> Span:
        """q of the token at a place of the proposal."""
        if self.one_hot:
            return ONE
        drafted = self.round.drafted[index]
        if self.same_sampler and token == drafted.id:
            return Span(drafted.q, drafted.q)
        row = self.q_row(index)
        return _ANY if row is None else row.probability(token)

    def residual(self, index: int, depth: int, weight: Span = ONE) -> RowBounds | None:
        """max(0, weight·p - q) where the token at `index` was judged, by the row at `depth`."""
        p = self.p_row(depth)
        q = self.q_row(index) if index < len(self.round.drafted) else None
        if p is None or q is None:
            return None
        return residual(p, q, weight, self._overlap(index, weight))

    def _overlap(self, index: int, weight: Span) -> float | None:
        """Σ min(weight·p, q), where it was recorded."""
        judged = self.judged(index)
        if judged is None or weight != (judged.weight, judged.weight):
            return None
        return judged.overlap if self.old.rule in ("rejection", "lenient", "block") else None

    def _p_row(self, depth: int) -> RowBounds | None:
        if depth >= len(self.verdict.tops):
            return None
        exact: dict[int, float] = {}
        first = self._first_child(depth)
        judged = None if first is None else self.round.judged(first)
        if first is not None and judged is not None and not self.old.greedy:
            exact = {self.round.drafted[first].id: judged.p}
        return self._bounds(self.verdict.tops[depth], exact)

    def _first_child(self, depth: int) -> int | None:
        """The first of the tokens that follow `depth` accepted ones: it is judged by p itself."""
        path = self.round.path
        parent = path[depth - 1] if depth else -1
        return next((d.index for d in self.round.drafted if d.parent == parent), None)

    def _bounds(
        self, top: Top | None, exact: dict[int, float], to: Sampler | None = None
    ) -> RowBounds | None:
        if top is None:
            return None
        row = RowBounds.recorded(top, self.old.top, self.size, exact)
        return row.resampled(self._from, to or self._to)


def _recorded_draws(current: Round) -> Draws:
    """Those that the events hold, NaN for the others: where the seed does not lead to them."""
    draft = [nan if d.u is None else d.u for d in current.drafted]
    judge = [nan] * len(draft)
    for i in range(len(draft)):
        judged = current.judged(i)
        if judged is not None and judged.u is not None:
            judge[i] = judged.u
    verdict = current.verified
    added = verdict.added_u if verdict is not None else None
    return Draws(tuple(draft), tuple(judge), nan if added is None else added, len(draft))
