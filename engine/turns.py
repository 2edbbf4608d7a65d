"""How the loop has a round computed: the proposal, the target's pass and the verdict.

On the host, with logits and numpy; or whole on a device, by a model that can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.backends.base import LanguageModel, Logits
from engine.config import Config
from engine.drafting.base import Drafter, Proposal
from engine.drafting.length import LengthPolicy
from engine.events import Top
from engine.rules import Rule
from engine.sampling import Row, display_top, probabilities, top
from engine.verify import RowsOf, Verdict


@dataclass(frozen=True, slots=True)
class Turn:
    """A round to be computed. gamma: tokens on a path at most, size: in the whole tree.
    draws [2 * size + 1]: those of the proposal, then those of the verdict."""

    gamma: int
    size: int
    draws: NDArray[np.float64]

    @property
    def proposing(self) -> NDArray[np.float64]:
        return self.draws[: self.size]

    def judging(self, proposed: int) -> NDArray[np.float64]:
        """[proposed + 1]: one for each token of the proposal, and that of the added one."""
        return self.draws[self.size : self.size + proposed + 1]


class Judgement(Protocol):
    """What became of a proposal. Rows are places of the target's pass: 0 is the last token of the
    context, i + 1 the drafted token i. Numbers of judged tokens are those of `verdict`."""

    verdict: Verdict
    target_ns: int

    def top(self, row: int) -> Top:
        """Candidates for display of a row of p; greedy ones can be asked for once."""
        ...

    def added(self, row: int) -> tuple[Top | None, float]:
        """Candidates of the residual, if the added token came from one, and the added token's
        probability. row: the last one on the path."""
        ...


class Turns(Protocol):
    """Computes the rounds of one run. Each is begun, then asked for its proposal, then judged.

    ahead: when to begin with the next one. "no": when its turn comes. "known": as soon as the
    context is, for `begin` sets a device to work. "blind": before this one is asked for, for the
    device itself knows the context. remark: what makes these rounds slower than they could be, ""
    if nothing does.
    """

    ahead: Literal["no", "known", "blind"]
    remark: str

    def begin(self, context: Sequence[int], turn: Turn) -> None: ...

    def propose(self, context: Sequence[int], turn: Turn) -> Proposal: ...

    def judge(self, context: Sequence[int], turn: Turn, proposal: Proposal) -> Judgement: ...


@runtime_checkable
class ComputesTurns(Protocol):
    """A target that can compute rounds where it lies, if `computes_turns`."""

    computes_turns: bool

    def turns(
        self,
        drafter: Drafter | None,
        rule: Rule,
        config: Config,
        room: int,
        tell: Callable[[float], None] = ...,
    ) -> Turns | None:
        """For runs of at most `room` tokens, prompt included; None if the methods do not allow it.
        The first time may take seconds: `tell` hears fractions, and may raise."""
        ...


def turns_of(
    target: LanguageModel,
    drafter: Drafter | None,
    rule: Rule,
    config: Config,
    length: LengthPolicy,
    room: int,
) -> Turns:
    """The target's own where it can, else passes on the host."""
    if not isinstance(target, ComputesTurns) or not target.computes_turns:
        return HostTurns(target, drafter, rule, config, length)
    own = target.turns(drafter, rule, config, room)
    if own is not None:
        return own
    remark = "Rounds of these methods are judged on the host, which waits for every pass."
    return HostTurns(target, drafter, rule, config, length, remark)


class HostTurns:
    """Every pass hands its logits to numpy."""

    ahead: Literal["no", "known", "blind"] = "no"

    def __init__(
        self,
        target: LanguageModel,
        drafter: Drafter | None,
        rule: Rule,
        config: Config,
        length: LengthPolicy,
        remark: str = "",
    ) -> None:
        self.remark = remark
        self._target, self._drafter, self._length = target, drafter, length
        self._config, self._verify = config, rule.verify(config)

    def begin(self, context: Sequence[int], turn: Turn) -> None:
        """Nothing to set to work."""

    def propose(self, context: Sequence[int], turn: Turn) -> Proposal:
        if self._drafter is None or not turn.gamma:
            return Proposal()
        self._length.begin(turn.gamma)
        return self._drafter.propose(context, turn.gamma, turn.proposing, self._length)

    def judge(self, context: Sequence[int], turn: Turn, proposal: Proposal) -> Judgement:
        target, ids, parents = self._target, proposal.ids, proposal.parents
        began = target.clock()
        if parents is None:
            logits = target.extend([context[-1], *ids])
        else:
            logits = target.extend([context[-1], *ids], "all", [-1, *[i + 1 for i in parents]])
        target_ns = target.clock() - began
        judged = _OnHost(self._config, logits, target_ns)
        judged.verdict = self._verify(
            judged.p, proposal.q, ids, turn.judging(len(ids)), proposal.parents
        )
        return judged


class _OnHost:
    """The target's distributions of one round, made in place of its logits, each when it is first
    asked for: rows after a rejection never are. Greedy rounds judge the logits themselves."""

    verdict: Verdict

    def __init__(self, config: Config, logits: Logits, target_ns: int) -> None:
        self._config = config
        self._logits = logits
        self._known: set[int] = set()
        self.p: RowsOf = logits if config.greedy else self
        self.target_ns = target_ns

    def __getitem__(self, index: int, /) -> Row:
        row = self._logits[index]
        if index not in self._known:
            config = self._config
            probabilities(row, config.temperature, config.top_k, config.top_p, out=row)
            self._known.add(index)
        return row

    def top(self, row: int) -> Top:
        """In greedy rounds this uses up the row."""
        if self._config.greedy:
            return display_top(self._logits[row], self._config.top)
        return top(self[row], self._config.top)

    def added(self, row: int) -> tuple[Top | None, float]:
        verdict = self.verdict
        if self._config.greedy:
            return None, 1.0
        if verdict.residual is None:
            return None, float(self[row][verdict.added_id])
        total = float(verdict.residual.sum())
        chance = float(verdict.residual[verdict.added_id]) / total
        return top(verdict.residual, self._config.top, total), chance
