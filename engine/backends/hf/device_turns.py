"""Rounds that stay on the target's device: one copy to it and one back for each."""

# pyright: basic
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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


class DeviceTurns:
    """Implements `engine.turns.Turns` with pieces of work on the device."""

    ahead = True

    def __init__(self, pieces: Pieces, drafter: Drafter | None, config: Config) -> None:
        self._pieces, self._drafter = pieces, drafter
        self._target = pieces.target
        self._length = FixedLength(config)
        self._placed = False
        device = self._target.device
        self._pins = device.type == "cuda"
        self.remark = ""
        if pieces.recorder.remark:
            self.remark = f"No CUDA graph could be captured: {pieces.recorder.remark}."
        self._marks = Marks(device, self._target.clock)
        self._outbox = torch.zeros(
            pieces.board.inbox.shape, dtype=torch.float64, pin_memory=self._pins
        )
        self._results = {
            size: torch.zeros(j.layout.total, dtype=torch.float64, pin_memory=self._pins)
            for size, j in pieces.judging.items()
        }
        self._size = 0
        self._proposal = Proposal()
        self._done: torch.cuda.Event | None = torch.cuda.Event() if self._pins else None

    def begin(self, context: Sequence[int], turn: Turn) -> None:
        """Give the device the whole round."""
        if self._target.lane.interrupted.is_set():
            raise Cancelled("Interrupted.")
        pieces, board, gamma = self._pieces, self._pieces.board, self._pieces.plan.gamma
        use_threads(self._target.info.threads)
        with torch.inference_mode():
            if not self._placed:
                self._placed = True
                board.tail.copy_(torch.tensor([*context[-2:]][-2:]))
                board.length.fill_(len(context))
            n = turn.gamma
            if self._drafter is not None and n and not pieces.plan.drafts:
                self._proposal = self._drafter.propose(context, n, turn.proposing, self._length)
                n = len(self._proposal.ids)
            out = self._outbox.numpy()
            out[: turn.size] = turn.proposing
            judging = turn.judging(n)
            out[gamma : gamma + n] = judging[:n]
            out[2 * gamma], out[2 * gamma + 1] = judging[n], n
            if not pieces.plan.drafts:
                out[2 * gamma + 2 : 2 * gamma + 2 + n] = self._proposal.ids[:n]
            board.inbox.copy_(self._outbox, non_blocking=True)
            self._marks.restart()
            self._marks.mark()
            if pieces.plan.drafts:
                for i in range(n):
                    (pieces.first if i == 0 else pieces.further)()  # type: ignore[misc]
                    self._marks.mark()
            elif pieces.sent is not None:
                pieces.sent()
            self._size = size = min(s for s in pieces.judging if s >= n)
            self._marks.mark()
            pieces.forward[size]()
            self._marks.mark()
            pieces.verdict[size]()
            self._results[size].copy_(pieces.judging[size].result, non_blocking=True)
            if self._done is not None:
                self._done.record()

    def propose(self, context: Sequence[int], turn: Turn) -> Proposal:
        """What the device drafted; waits until it has done the whole round."""
        if self._done is not None:
            self._done.synchronize()
        if not self._pieces.plan.drafts:
            proposal, self._proposal = self._proposal, Proposal()
            return proposal
        n, layout = turn.gamma, self._layout
        numbers = self._numbers = self._read()
        ids = [int(x) for x in numbers[layout.judged("ids")][:n]]
        q = numbers[layout.judged("q")][:n]
        greedy = self._pieces.board.q is None
        return Proposal(
            ids=ids,
            q=None if greedy else _Known(ids, q),
            draft_ns=self._spans()[:n],
            tops=[_top(numbers, *layout.drafted(i)) for i in range(n)],
        )

    def judge(self, context: Sequence[int], turn: Turn, proposal: Proposal) -> Judgement:
        n, layout, numbers = len(proposal.ids), self._layout, self._read()
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
        return Judgement(verdict, self._spans()[-1], numbers, layout, greedy)

    @property
    def _layout(self) -> Layout:
        return self._pieces.judging[self._size].layout

    def _read(self) -> list[float]:
        return self._results[self._size].tolist()

    def _spans(self) -> list[int]:
        """Nanoseconds of the draft steps, of what lies between, and of the target's pass."""
        return self._marks.between()


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
