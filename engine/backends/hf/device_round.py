"""One round as work for a device: draft steps, the target's pass, the verdict.

All of it reads and writes tensors that stay where they are, so each piece can be captured and
replayed, and a round needs one copy to the device and one back.
"""

# pyright: basic
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.backends.hf.device_rules import DeviceRule
from engine.backends.hf.device_sampling import (
    Sampler,
    display_weights,
    draw,
    probabilities,
    top,
)
from engine.backends.hf.network import Network


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft on the target's device. width: tokens that it feeds first: those of the context's end
    that its cache may lack (one if it shares the target's cache)."""

    network: Network
    width: int
    common: int


class Board:
    """What the pieces of a round share.

    tail [2]: the last tokens of the context, `length` [] its length. inbox: what the host sends:
    draws [γ] of the proposal, draws [γ] of the verdict, that of the added token, the number of
    proposed tokens, their ids [γ] where the host proposes. ids [γ], q [γ, V], top_ids and top_p
    [γ, k]: the proposal. step []: tokens drafted so far.
    """

    def __init__(
        self, device: torch.device, gamma: int, vocabulary: int, shown: int, sampler: Sampler
    ) -> None:
        def zeros(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        self.gamma, self.vocabulary, self.shown = gamma, vocabulary, min(shown, vocabulary)
        self.sampler = sampler
        self.tail, self.length, self.step = zeros(2), zeros(), zeros()
        self.inbox = zeros(3 * gamma + 2, dtype=torch.float64)
        self.ids = zeros(gamma)
        sampled = sampler.temperature > 0
        self.q = zeros(gamma, vocabulary, dtype=torch.float32) if sampled else None
        self.top_ids = zeros(gamma, self.shown)
        self.top_p = zeros(gamma, self.shown, dtype=torch.float32)

    @property
    def u_proposal(self) -> Tensor:
        return self.inbox[: self.gamma]

    @property
    def u_verdict(self) -> Tensor:
        return self.inbox[self.gamma : 2 * self.gamma]

    @property
    def u_added(self) -> Tensor:
        return self.inbox[2 * self.gamma]

    @property
    def proposed(self) -> Tensor:
        return self.inbox[2 * self.gamma + 1].to(torch.int64)

    @property
    def sent_ids(self) -> Tensor:
        return self.inbox[2 * self.gamma + 2 :]


class DraftSteps:
    """Draws tokens from the draft, one a step; its own output is its next input."""

    def __init__(self, board: Board, draft: Draft, seen: int) -> None:
        self._board, self._draft, self._seen = board, draft, seen

    def first(self) -> None:
        board, draft = self._board, self._draft
        board.step.zero_()
        self._step(board.tail[2 - draft.width :], board.length - draft.width)

    def further(self) -> None:
        board = self._board
        self._step(board.ids.index_select(0, (board.step - 1).view(1)),
                   board.length - 1 + board.step)  # fmt: skip

    def _step(self, ids: Tensor, start: Tensor) -> None:
        board, draft = self._board, self._draft
        draft.network.lane.fixed(start, len(ids), self._seen)
        fed = ids.clamp(max=draft.network.vocabulary_size - 1)
        logits = draft.network(fed[None], 1)
        assert logits is not None
        row, at = logits[:, : draft.common].float(), board.step.view(1)
        if board.q is None:
            token = row.argmax(-1)
            weights, total = display_weights(row)
        else:
            weights = probabilities(row, board.sampler)
            total = torch.ones_like(weights[:, 0])
            token = draw(weights, board.u_proposal.index_select(0, at))
            board.q[:, : draft.common].index_copy_(0, at, weights)
        top_ids, top_p = top(weights, total, board.shown)
        board.ids.index_copy_(0, at, token)
        # A draft of fewer tokens than are shown leaves the rest at probability 0.
        board.top_ids[:, : top_ids.shape[1]].index_copy_(0, at, top_ids)
        board.top_p[:, : top_p.shape[1]].index_copy_(0, at, top_p)
        board.step.add_(1)


class SentProposal:
    """Takes over the ids that the host proposed."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __call__(self) -> None:
        self._board.ids.copy_(self._board.sent_ids)


class Judging:
    """The target's pass over the last token and `size` places of the proposal, and the verdict.

    result: all numbers that the host needs, as float64 (which holds ids exactly); its parts are
    named by `Layout`.
    """

    def __init__(
        self, board: Board, target: Network, rule: DeviceRule, size: int, seen: int,
        has_q: bool
    ) -> None:  # fmt: skip
        self._board, self._target, self._rule = board, target, rule
        self._size, self._seen, self._has_q = size, seen, has_q
        self.layout = Layout(size, board.shown)
        device = board.ids.device
        self.logits = torch.zeros(size + 1, board.vocabulary, device=device)
        self.result = torch.zeros(self.layout.total, dtype=torch.float64, device=device)

    def forward(self) -> None:
        board, n = self._board, self._size + 1
        ids = torch.cat((board.tail[1:], board.ids[: self._size]))
        self._target.lane.fixed(board.length - 1, n, self._seen)
        logits = self._target(ids[None], n)
        assert logits is not None
        self.logits.copy_(logits)

    def verdict(self) -> None:
        board, size, greedy = self._board, self._size, self._board.q is None
        rows = self.logits if greedy else probabilities(self.logits, board.sampler)
        q = board.q[:size] if self._has_q and board.q is not None else None
        ids = board.ids[:size]
        outcome = self._rule(rows, q, ids, board.proposed, board.u_verdict[:size], board.u_added)
        if greedy:
            weights, total = display_weights(self.logits)
        else:
            weights, total = rows, torch.ones_like(rows[:, 0])
        shown = torch.cat((weights, outcome.residual[None]))
        # Where there is no residual its row is zeros, and so are its probabilities.
        mass = outcome.residual.sum().clamp(min=torch.finfo(torch.float32).tiny)
        top_ids, top_p = top(shown, torch.cat((total, mass[None])), board.shown)
        parts = (
            outcome.accepted, outcome.added, outcome.resampled, outcome.added_p, ids, outcome.p,
            outcome.q, outcome.accept_probability, outcome.overlap, outcome.weight,
            board.top_ids[:size], board.top_p[:size], top_ids, top_p,
        )  # fmt: skip
        torch.cat([part.reshape(-1).to(torch.float64) for part in parts], out=self.result)
        every = torch.cat((board.tail[1:], ids))
        last = every.index_select(0, outcome.accepted.view(1))
        board.tail.copy_(torch.cat((last, outcome.added.view(1))))
        board.length.add_(outcome.accepted + 1)


class Layout:
    """Where the parts of a result lie, for proposals of `size` tokens and k candidates shown."""

    def __init__(self, size: int, k: int) -> None:
        self.size, self.k = size, k
        self.total = 4 + 6 * size + 2 * size * k + 2 * (size + 2) * k

    def judged(self, name: str) -> slice:
        """The numbers of the places: ids, p, q, accept_probability, overlap or weight."""
        order = ("ids", "p", "q", "accept_probability", "overlap", "weight")
        first = 4 + order.index(name) * self.size
        return slice(first, first + self.size)

    def drafted(self, place: int) -> tuple[slice, slice]:
        """Ids and probabilities of the candidates of a drafted token."""
        first = 4 + 6 * self.size + place * self.k
        return self._two(first, self.size * self.k)

    def row(self, place: int) -> tuple[slice, slice]:
        """Those of a row of p; row size + 1 is the residual."""
        first = 4 + 6 * self.size + 2 * self.size * self.k + place * self.k
        return self._two(first, (self.size + 2) * self.k)

    def _two(self, first: int, apart: int) -> tuple[slice, slice]:
        return slice(first, first + self.k), slice(first + apart, first + apart + self.k)
