"""The drafter that picks drafter and length for each round by what a round is expected to bring."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from engine.config import Config
from engine.drafting.base import Proposal
from engine.drafting.length import FixedLength, Outcome
from engine.drafting.model import ModelDrafter
from engine.drafting.suffix import SuffixDrafter
from engine.events import Calibration, LengthReason

FADE = 0.97
"""What a round's figures still count for one round later."""
COPIED = ((1, 0.30), (2, 0.45), (3, 0.55), (4, 0.62), (6, 0.70), (9, 0.80), (16, 0.90))
"""Chance that a copy is right for one more token, by how many tokens matched, from this many on.
Where a run begins; set by hand. On 54 texts of the embedded model (18 prompts of the suite, T = 0
and 0.8) the rates were 0.19, 0.44, 0.64, 0.66, 0.74, 0.86 and 0.95."""
PRIOR = 4.0
"""Tokens that these chances count for."""
MODEL = 0.6
"""The same of a draft model; set by hand."""
HOPE = 0.85
"""A draft model that would not pay at this chance is never tried."""
TRIED = 0.01
"""Share of the time that may go into trying a draft model that is not expected to pay."""
STAKE = 0.015
"""What may be lost against plain decoding, as a share of the whole run's plain time. What was won
may be staked as well, so a run that goes well stakes more. In a replay of those 54 texts on four
shapes of T_v the worst run lost 7 % where a pass of two tokens costs two, and 3 % elsewhere."""


@dataclass(slots=True)
class _Chance:
    """How often a token of a kind was right, newer ones counting more."""

    right: float
    seen: float

    @property
    def value(self) -> float:
        return self.right / self.seen

    def learn(self, right: bool) -> None:
        self.right = self.right * FADE + right
        self.seen = self.seen * FADE + 1.0


class AutoLength(FixedLength):
    """Tells what `AutoDrafter` decided, and decides token by token while its model drafts: one more
    while the chance that the prefix and it survive exceeds what its time is worth."""

    name = "auto"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.outcome: Outcome | None = None
        self.prices: list[float] = []  # of each further token of the model, in tokens
        self.kinds: list[object] = []
        self.of_kind: dict[object, _Chance] = {}
        self.of_all = _Chance(MODEL * PRIOR, PRIOR)
        self.survival = 1.0

    def begin(self, limit: int) -> None:
        super().begin(limit)
        self.kinds, self.survival, self.prices = [], 1.0, []

    def wants(self, n: int) -> bool:
        if n == 0 or n >= len(self.prices):
            return n < len(self.prices)
        return self._compare(self.survival * self.of_all.value, self.prices[n])

    def drew(self, kind: object) -> None:
        self.kinds.append(kind)
        self.survival *= self.of_kind.get(kind, self.of_all).value

    def learn(self, outcome: Outcome) -> None:
        self.outcome = outcome
        for i, kind in enumerate(self.kinds[: outcome.judged]):
            right = i < outcome.accepted
            known = self.of_all
            self.of_kind.setdefault(kind, _Chance(known.value * PRIOR, PRIOR)).learn(right)
            known.learn(right)

    def say(self, reason: LengthReason, value: float | None, threshold: float | None) -> None:
        """What was decided, for `LengthChosen`."""
        self.reason: LengthReason = reason
        self.value, self.threshold = value, threshold


@dataclass(slots=True)
class _Plan:
    """A proposal that could be made. worth: tokens expected, less what its time could bring
    otherwise. next_value, next_price: of the first token that was left out."""

    n: int
    worth: float
    next_value: float | None = None
    next_price: float | None = None


class AutoDrafter:
    """Each round, of copying (as the suffix drafter), drafting with the model where there is one,
    and nothing, what is worth most: expected tokens less R times its time, R being the rate that
    this run has reached (tokens a nanosecond of modelled time). That is the decision which
    maximises the long-run rate (renewal reward; the marginal form of arXiv 2211.17192, section
    3.3).

    Nothing is proposed that is expected to lose more, where it loses, than is left to stake
    (`STAKE`): a run in which little is right is hardly slower than plain decoding.

    Costs are the calibrated ones. What a copy is worth is learnt without paying for it: each round
    has its copy looked up, whether it is proposed or not, and the text that follows shows how far
    it was right. At T > 0 that is unbiased too, since a copied token is accepted with its own
    probability, which is how often the text takes it. A model's chances are learnt from its
    proposals. Choices depend on the text and the calibration alone, so equal runs choose alike.
    """

    name = "auto"

    def __init__(
        self, config: Config, costs: Calibration, model: ModelDrafter | None = None
    ) -> None:
        self.length = AutoLength(config)
        self._config, self._model = config, model
        self._copy = SuffixDrafter(config)
        self._whole = FixedLength(config)
        widths = range(1, config.gamma + 2)
        self._pass = [costs.verify_at(width) for width in widths]  # [k]: with k drafted tokens
        self._step = costs.draft_ns
        self._clear()

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        self._clear()
        yield from self._copy.begin(prompt)
        if self._model is not None and self._may_pay():
            yield from self._model.begin(prompt)

    def propose(
        self, context: Sequence[int], gamma: int, u: NDArray[np.float64], length: object
    ) -> Proposal:
        began = time.perf_counter_ns()
        self._learn(context)
        copy = self._copy.propose(context, gamma, u, self._whole)
        if copy.ids:
            self._pending.append((len(context), copy.match, copy.ids))
        rate = self._tokens / self._ns
        copying = self._plan(self._copy_chances(copy), 0.0, rate)
        drafting = self._plan_model(gamma, rate)
        if drafting is not None and drafting.worth > copying.worth:
            return self._draft(context, gamma, u, drafting, rate)
        n = copying.n
        refused = n < len(copy.ids)
        reason: LengthReason = "limit" if n == gamma else "policy" if refused else "no match"
        self.length.say(reason, copying.next_value, copying.next_price)
        self._paid = 0.0
        if n == 0:
            return Proposal(match=copy.match)
        assert copy.source is not None
        share, rest = divmod(time.perf_counter_ns() - began, n)
        return Proposal(
            ids=copy.ids[:n],
            draft_ns=[share + (i < rest) for i in range(n)],
            source=(copy.source[0], copy.source[0] + n),
            match=copy.match,
            origin="suffix",
        )

    def end(self) -> None:
        self._copy.end()
        if self._model is not None:
            self._model.end()
        self._clear()

    def _clear(self) -> None:
        self.length = AutoLength(self._config)
        self._chances = [_Chance(p * PRIOR, PRIOR) for _, p in COPIED]
        self._pending: list[tuple[int, int, list[int]]] = []
        self._seen = 0
        # As if one token had been decoded plainly: R begins there.
        self._tokens, self._ns = 1.0, self._pass[0]
        self._total = self._tried = self._paid = 0.0
        self._left = STAKE * self._config.max_tokens * self._pass[0]

    def _learn(self, context: Sequence[int]) -> None:
        """What the last round brought, and which copies the text went along with."""
        if (outcome := self.length.outcome) is not None:
            spent = self._pass[min(outcome.rows, len(self._pass)) - 1] + self._paid
            self._tokens = self._tokens * FADE + outcome.accepted + 1
            self._ns = self._ns * FADE + spent
            self._total += spent
            self._left += (outcome.accepted + 1) * self._pass[0] - spent
            self.length.outcome = None
        going: list[tuple[int, int, list[int]]] = []
        for place, match, ids in self._pending:
            right = True
            for i in range(max(self._seen - place, 0), min(len(context) - place, len(ids))):
                right = context[place + i] == ids[i]
                self._chance_of(match + i).learn(right)
                if not right:
                    break
            if right and len(context) - place < len(ids):
                going.append((place, match, ids))
        self._pending, self._seen = going, len(context)

    def _chance_of(self, match: int) -> _Chance:
        found = self._chances[0]
        for (least, _), chance in zip(COPIED, self._chances, strict=True):
            if match < least:
                break
            found = chance
        return found

    def _copy_chances(self, copy: Proposal) -> list[float]:
        return [self._chance_of(copy.match + i).value for i in range(len(copy.ids))]

    def _plan(self, chances: Sequence[float], step_ns: float, rate: float) -> _Plan:
        """The length that is worth most, with chances of each token after those before it."""
        best = _Plan(0, 1.0 - rate * self._pass[0])
        expected, survival = 1.0, 1.0
        gains: list[tuple[float, float]] = []
        for n, chance in enumerate(chances, start=1):
            survival *= chance
            expected += survival
            spent = n * step_ns + self._pass[n]
            worth = expected - rate * spent
            price = rate * (step_ns + self._pass[n] - self._pass[n - 1])
            gains.append((survival, price))
            if worth > best.worth and self._shortfall(chances[:n], spent) <= self._left:
                best = _Plan(n, worth)
        if best.n < len(gains):
            best.next_value, best.next_price = gains[best.n]
        return best

    def _shortfall(self, chances: Sequence[float], spent: float) -> float:
        """What a proposal is expected to lose where it loses: E[max(0, spent - plain time of the
        tokens that come)]."""
        total, survival = 0.0, 1.0
        for tokens, chance in enumerate((*chances, 0.0), start=1):
            total += survival * (1.0 - chance) * max(spent - tokens * self._pass[0], 0.0)
            survival *= chance
        return total

    def _plan_model(self, gamma: int, rate: float) -> _Plan | None:
        """What drafting with the model is worth; None without one, or where it is out of the
        question. A model that is not expected to pay is tried now and then."""
        if self._step is None or self._model is None or not self._may_pay():
            return None
        plan = self._plan([self.length.of_all.value] * gamma, self._step, rate)
        if plan.n:
            return plan
        spent = self._step + self._pass[1] - self._pass[0]
        if self._tried + spent <= TRIED * self._total:
            self._tried += spent
            return _Plan(1, inf)
        return None

    def _may_pay(self) -> bool:
        """Whether a model that is right with the chance HOPE would beat plain decoding."""
        return self._step is not None and bool(
            self._plan([HOPE] * self._config.gamma, self._step, 1.0 / self._pass[0]).n
        )

    def _draft(
        self,
        context: Sequence[int],
        gamma: int,
        u: NDArray[np.float64],
        plan: _Plan,
        rate: float,
    ) -> Proposal:
        assert self._model is not None
        assert self._step is not None
        length, step = self.length, self._step
        trying = plan.worth == inf
        most = 1 if trying else gamma
        length.prices = [rate * (step + self._pass[n + 1] - self._pass[n]) for n in range(most)]
        proposal = self._model.propose(context, gamma, u, length)
        proposal.origin = "model"
        if trying:
            length.say("measuring", None, None)
        self._paid = step * len(proposal.ids)
        return proposal
