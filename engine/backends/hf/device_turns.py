"""Rounds that stay on the target's device: one copy to it and one back for each."""

# pyright: basic
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from engine.backends.hf.device_round import Board, Draft, DraftSteps, Judging, Layout, SentProposal
from engine.backends.hf.device_rules import RULES as DEVICE_RULES
from engine.backends.hf.device_rules import DeviceRule
from engine.backends.hf.device_sampling import Sampler
from engine.backends.hf.early_exit import EarlyExit
from engine.backends.hf.graphs import Marks, Recorder, Work
from engine.backends.hf.model import HfModel, use_threads
from engine.config import Config
from engine.drafting.base import Drafter, Proposal
from engine.drafting.length import FixedLength
from engine.drafting.model import ModelDrafter
from engine.drafting.registry import DRAFTERS
from engine.errors import Cancelled
from engine.events import Judged, Top
from engine.rules import Rule
from engine.sampling import SHOWN_FROM
from engine.turns import Turn
from engine.verify import Verdict

_KEPT = 6
_BUCKET = 512  # tokens: attention looks at a whole number of these, so few graphs serve all runs


@dataclass(frozen=True, slots=True)
class Plan:
    """What one set of captured pieces serves. room: tokens of the longest run."""

    gamma: int
    drafts: bool
    rule: str
    sampler: Sampler
    shown: int
    room: int


def plan_for(
    target: HfModel, drafter: Drafter | None, rule: Rule, config: Config, room: int
) -> Plan | None:
    """None if the methods do not allow rounds on the device: trees, lengths that the host decides,
    rules that are lossy, and drafts on another device or with tables on the host."""
    name = "greedy" if config.greedy and rule.at_zero is None else rule.name
    if name not in DEVICE_RULES or (name == "greedy" and not config.greedy):
        return None
    gamma = config.gamma if drafter is not None else 0
    if gamma and (config.branches or config.length_policy != "fixed"):
        return None
    drafts = gamma > 0 and isinstance(drafter, ModelDrafter)
    if drafts and _draft_of(target, drafter) is None:
        return None
    if gamma and not drafts and not _copies(config.drafter):
        return None
    sampler = Sampler(config.temperature, config.top_k, config.top_p)
    places = room + gamma + 4  # pieces are tried out behind the run's own places
    seen = min(-(-places // _BUCKET) * _BUCKET, target.lane.context)
    return Plan(gamma, drafts, name, sampler, config.top, seen) if places <= seen else None


def _copies(name: str) -> bool:
    """Whether a drafter looks its tokens up: the host proposes them, with certainty."""
    kind = DRAFTERS[name]
    return not (kind.has_q or kind.needs_model or kind.may_use_model or kind.needs_table)


def _draft_of(target: HfModel, drafter: Drafter | None) -> Draft | None:
    if not isinstance(drafter, ModelDrafter):
        return None
    model = drafter.model
    if isinstance(model, EarlyExit):
        same = model.target is target
        return Draft(model.network.fast, 1, target.vocabulary.size) if same else None
    if not isinstance(model, HfModel) or model.device != target.device:
        return None
    common = min(target.vocabulary.size, model.vocabulary.size)
    return Draft(model.network.fast, 2, common)


def turns_for(
    target: HfModel,
    drafter: Drafter | None,
    rule: Rule,
    config: Config,
    room: int,
    tell: Callable[[float], None] = lambda fraction: None,
) -> DeviceTurns | None:
    """Rounds on the device for one run, if its methods allow it; their work is captured once for
    all runs like it, and `tell` hears how far that is."""
    plan = plan_for(target, drafter, rule, config, room)
    if plan is None:
        return None
    draft = _draft_of(target, drafter) if plan.drafts else None
    known = target.pieces
    for key in [k for k, pieces in known.items() if pieces.stale]:
        known.pop(key).close()
    key = (plan, None if draft is None else draft.network.key)
    if key not in known:
        while len(known) >= _KEPT:
            known.pop(next(iter(known))).close()
        with torch.inference_mode():
            known[key] = Pieces(target, draft, plan, tell)
    return DeviceTurns(known[key], drafter, config)


class Pieces:
    """The work of a round, captured. Serves all runs of one plan on one pair."""

    def __init__(
        self, target: HfModel, draft: Draft | None, plan: Plan,
        tell: Callable[[float], None] = lambda fraction: None,
    ) -> None:  # fmt: skip
        self.target, self.draft, self.plan = target, draft, plan
        self.recorder = Recorder(target.device)
        self.board = Board(
            target.device, plan.gamma, target.vocabulary.size, plan.shown, plan.sampler
        )
        self.first: Work | None = None
        self.further: Work | None = None
        self.sent: Work | None = None
        self.judging: dict[int, Judging] = {}
        self.forward: dict[int, Work] = {}
        self.verdict: dict[int, Work] = {}
        rule: DeviceRule = DEVICE_RULES[plan.rule]
        sizes = (plan.gamma,) if plan.drafts else sorted({0, plan.gamma})
        total = 2 * len(sizes) + (2 if draft else 1)
        done = 0

        def piece(work: Work) -> Work:
            nonlocal done
            made = self.recorder.piece(work, self._place_behind)
            done += 1
            tell(done / total)
            return made

        if draft is not None:
            steps = DraftSteps(self.board, draft, plan.room)
            self.first = piece(steps.first)
            self.further = piece(steps.further) if plan.gamma > 1 else None
        elif plan.gamma:
            self.sent = piece(SentProposal(self.board))
        for size in sizes:
            judging = Judging(
                self.board, target.network.fast, rule, size, plan.room, has_q=draft is not None
            )
            self.judging[size] = judging
            self.forward[size] = piece(judging.forward)
            self.verdict[size] = piece(judging.verdict)

    def _place_behind(self) -> None:
        """Trying a piece out writes to the caches: behind the places of any run."""
        board = self.board
        board.length.fill_(self.plan.room - self.plan.gamma - 1)
        board.step.fill_(min(1, self.plan.gamma - 1) if self.plan.gamma else 0)
        board.ids.zero_()
        board.tail.zero_()

    @property
    def stale(self) -> bool:
        """Whether the draft was closed meanwhile."""
        return self.draft is not None and self.draft.network.closed

    def close(self) -> None:
        self.recorder.close()
        self.judging.clear()
        self.forward.clear()
        self.verdict.clear()
        self.first = self.further = self.sent = None


class _Flight:
    """A round on its way to the device and back: what is sent, what returns, and when."""

    def __init__(self, pieces: Pieces) -> None:
        device = pieces.target.device
        pinned = device.type == "cuda"
        self.marks = Marks(device, pieces.target.clock)
        self.outbox = torch.zeros_like(pieces.board.inbox, device="cpu", pin_memory=pinned)
        self.results = {
            size: torch.zeros_like(judging.result, device="cpu", pin_memory=pinned)
            for size, judging in pieces.judging.items()
        }
        self.size = 0
        self.proposal = Proposal()
        self._landed = torch.cuda.Event() if pinned else None

    def departed(self) -> None:
        """All its work has been given to the device."""
        if self._landed is not None:
            self._landed.record()

    def wait(self) -> None:
        if self._landed is not None:
            self._landed.synchronize()

    def numbers(self) -> list[float]:
        return self.results[self.size].tolist()


class DeviceTurns:
    """Implements `engine.turns.Turns` with pieces of work on the device. Where the device drafts,
    a round is given to it before the one before has come back, so it never waits for the host."""

    def __init__(self, pieces: Pieces, drafter: Drafter | None, config: Config) -> None:
        self._pieces, self._drafter = pieces, drafter
        self._target = pieces.target
        self._length = FixedLength(config)
        self._placed = False
        self._copies = pieces.sent is not None
        self.ahead: Literal["no", "known", "blind"] = "known" if self._copies else "blind"
        self.remark = ""
        if pieces.recorder.remark:
            self.remark = f"No CUDA graph could be captured: {pieces.recorder.remark}."
        self._flights = deque([_Flight(pieces), _Flight(pieces)])
        self._begun: deque[_Flight] = deque()

    def begin(self, context: Sequence[int], turn: Turn) -> None:
        """Give the device the whole round."""
        if self._target.lane.interrupted.is_set():
            raise Cancelled("Interrupted.")
        use_threads(self._target.info.threads)
        flight = self._flights[0]
        self._flights.rotate(-1)
        self._begun.append(flight)
        with torch.inference_mode():
            if not self._placed:
                self._place(context)
            n = turn.gamma
            if self._copies and self._drafter is not None:
                flight.proposal = Proposal()
                if n:
                    flight.proposal = self._drafter.propose(
                        context, n, turn.proposing, self._length
                    )
                n = len(flight.proposal.ids)
            self._send(flight, turn, n)
            self._fly(flight, n)

    def _place(self, context: Sequence[int]) -> None:
        board = self._pieces.board
        board.tail.copy_(torch.tensor([0, *context[-2:]][-2:]))
        board.length.fill_(len(context))
        self._placed = True

    def _send(self, flight: _Flight, turn: Turn, n: int) -> None:
        gamma = self._pieces.plan.gamma
        out, judging = flight.outbox.numpy(), turn.judging(n)
        out[: turn.size] = turn.proposing
        out[gamma : gamma + n] = judging[:n]
        out[2 * gamma], out[2 * gamma + 1] = judging[n], n
        if self._copies:
            out[2 * gamma + 2 : 2 * gamma + 2 + n] = flight.proposal.ids
        self._pieces.board.inbox.copy_(flight.outbox, non_blocking=True)

    def _fly(self, flight: _Flight, n: int) -> None:
        pieces, marks = self._pieces, flight.marks
        marks.restart()
        marks.mark()
        if pieces.sent is not None:
            pieces.sent()
        elif pieces.first is not None:
            for i in range(n):
                step = pieces.first if i == 0 else pieces.further
                assert step is not None
                step()
                marks.mark()
        flight.size = size = min(s for s in pieces.judging if s >= n)
        marks.mark()
        pieces.forward[size]()
        marks.mark()
        pieces.verdict[size]()
        flight.results[size].copy_(pieces.judging[size].result, non_blocking=True)
        flight.departed()

    def propose(self, context: Sequence[int], turn: Turn) -> Proposal:
        """What was drafted; waits until the device has done the whole round."""
        flight = self._begun[0]
        flight.wait()
        if self._copies or not turn.gamma:
            return flight.proposal if self._copies else Proposal()
        n, layout, numbers = turn.gamma, self._layout(flight), flight.numbers()
        ids = [int(x) for x in numbers[layout.judged("ids")][:n]]
        greedy = self._pieces.board.q is None
        return Proposal(
            ids=ids,
            q=None if greedy else _Known(ids, numbers[layout.judged("q")][:n]),
            draft_ns=flight.marks.between()[:n],
            tops=[_top(numbers, *layout.drafted(i)) for i in range(n)],
        )

    def judge(self, context: Sequence[int], turn: Turn, proposal: Proposal) -> Judgement:
        flight = self._begun.popleft()
        n, layout, numbers = len(proposal.ids), self._layout(flight), flight.numbers()
        accepted, added, resampled = (int(x) for x in numbers[:3])
        greedy = self._pieces.board.q is None
        u = turn.judging(n)
        columns = [
            numbers[layout.judged(name)][:n]
            for name in ("p", "q", "accept_probability", "overlap", "weight")
        ]
        judged = tuple(
            Judged(p, q, None if greedy else float(coin), chance, overlap, weight)
            for p, q, chance, overlap, weight, coin in zip(*columns, u[:n], strict=True)
        )
        whole = self._pieces.plan.rule == "block"
        verdict = Verdict(
            n_accepted=accepted,
            judged=judged[: accepted + 1],
            added_id=added,
            added_kind="resampled" if resampled else "bonus",
            added_u=None if greedy else float(u[n]),
            weighed=judged[accepted + 1 :] if whole else (),
        )
        # The pass fed the last token and the proposal; the loop takes back what failed.
        self._target.advance(len(context) + n)
        return Judgement(verdict, flight.marks.between()[-1], numbers, layout, greedy)

    def _layout(self, flight: _Flight) -> Layout:
        return self._pieces.judging[flight.size].layout


class Judgement:
    """Implements `engine.turns.Judgement` with the numbers of one round."""

    def __init__(
        self, verdict: Verdict, target_ns: int, numbers: list[float], layout: Layout, greedy: bool
    ) -> None:
        self.verdict, self.target_ns = verdict, target_ns
        self._numbers, self._layout, self._greedy = numbers, layout, greedy

    def top(self, row: int) -> Top:
        return _top(self._numbers, *self._layout.row(row))

    def added(self, row: int) -> tuple[Top | None, float]:
        if self._greedy or self.verdict.added_kind != "resampled":
            return None, self._numbers[3]
        return _top(self._numbers, *self._layout.row(self._layout.size + 1)), self._numbers[3]


class _Known:
    """Rows of q of which only the drafted tokens' entries came to the host."""

    def __init__(self, ids: Sequence[int], q: Sequence[float]) -> None:
        self._rows = [{token: x} for token, x in zip(ids, q, strict=True)]

    def __getitem__(self, index: int, /) -> Any:
        return self._rows[index]


def _top(numbers: list[float], ids: slice, p: slice) -> Top:
    pairs = [(int(i), x) for i, x in zip(numbers[ids], numbers[p], strict=True) if x > SHOWN_FROM]
    return Top(tuple([i for i, _ in pairs]), tuple([round(x, 7) for _, x in pairs]))
