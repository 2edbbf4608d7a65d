"""Stage one: the target writes text, many answers at once, and tells its distributions."""

# pyright: basic
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from engine.distil.batches import Batch
from engine.distil.prompts import Asked
from engine.distil.text import TOP, Text

USER_MAX = 80
"""Tokens of a user's turn that the target writes itself, at most."""


@dataclass(frozen=True, slots=True)
class Chat:
    """The chat template in tokens: what stands before a user's turn, and what follows it up to
    where the answer begins. ends: tokens that end a turn."""

    before: list[int]
    after: list[int]
    ends: frozenset[int]


@dataclass(slots=True)
class _Row:
    """A text that is being written. waiting: tokens of the template that come next."""

    asked: Asked
    ids: list[int]
    chosen: list[bool]
    user: bool
    waiting: list[int] = field(default_factory=list)
    drawn: int = 0
    top_ids: list[np.ndarray] = field(default_factory=list)
    top_logs: list[np.ndarray] = field(default_factory=list)
    done: bool = False

    @property
    def temperature(self) -> float:
        """A user's turn is always drawn: the most probable one is one only."""
        return 1.0 if self.user else self.asked.temperature


def write(
    network: Any,
    chat: Chat,
    asked: list[Asked],
    encode: Callable[[str], list[int]],
    answer: int,
    seed: int,
    tell: Callable[[int], None],
) -> list[Text]:
    """Have the target answer, each answer of at most `answer` tokens.

    encode: the tokens of a user's turn. tell: receives the tokens drawn so far after every pass,
    and may raise to stop. Equal arguments give equal texts on one device.
    """
    rows = [_begun(prompt, chat, encode) for prompt in asked]
    longest = max(len(row.ids) for row in rows)
    room = longest + USER_MAX + len(chat.after) + answer + 2
    batch = Batch(network, room)
    draws = np.random.default_rng(seed)
    active = rows
    logits = batch.begin([row.ids for row in rows])
    total = 0
    while True:
        next_ids = _next(active, logits, chat, answer, draws)
        total += sum(not row.waiting for row in active if not row.done)
        tell(total)
        staying = [i for i, row in enumerate(active) if not row.done]
        if not staying:
            break
        # Texts that have ended cost as much as others, leaving them costs a copy of the cache.
        if len(staying) <= 0.8 * len(active):
            batch.keep(torch.tensor(staying, device=batch.device))
            active = [active[i] for i in staying]
            next_ids = [next_ids[i] for i in staying]
        logits = batch.step(torch.tensor(next_ids, device=batch.device))
    return [_finished(row) for row in rows]


def _begun(asked: Asked, chat: Chat, encode: Callable[[str], list[int]]) -> _Row:
    ids = list(chat.before)
    if asked.text is not None:
        ids += encode(asked.text) + chat.after
    return _Row(asked, ids, [False] * len(ids), asked.text is None)


def _next(
    rows: list[_Row], logits: torch.Tensor, chat: Chat, answer: int, draws: np.random.Generator
) -> list[int]:
    """Choose the next token of each text and note it; what to feed next."""
    logs = torch.log_softmax(logits.float(), dim=-1)
    top_logs, top_ids = (part.cpu().numpy() for part in logs.topk(TOP, dim=-1))
    drawn = _drawn(logs, [row.temperature for row in rows], draws.random(len(rows)))
    fed: list[int] = []
    for i, row in enumerate(rows):
        if row.done:
            fed.append(row.ids[-1])
            continue
        if row.waiting:
            token, chosen = row.waiting.pop(0), False
        else:
            token, chosen = int(drawn[i]), True
            row.top_ids.append(top_ids[i].astype(np.int32))
            row.top_logs.append(top_logs[i].astype(np.float16))
            row.drawn += 1
        row.ids.append(token)
        row.chosen.append(chosen)
        fed.append(token)
        if not chosen:
            continue
        if row.user:
            if token in chat.ends or row.drawn >= USER_MAX:
                row.waiting = list(chat.after)
                if row.waiting and row.waiting[0] == token:
                    del row.waiting[0]
                row.user, row.drawn = False, 0
        elif token in chat.ends or row.drawn >= answer:
            row.done = True
    return fed


def _drawn(logs: torch.Tensor, temperatures: list[float], u: np.ndarray) -> np.ndarray:
    """One token for each row of log-probabilities [texts, V]: the most probable at T = 0, else
    where the sum of the probabilities passes u [texts]."""
    greedy = logs.argmax(dim=-1)
    warm = torch.tensor(temperatures, device=logs.device)
    scaled = logs / warm.clamp(min=1e-3)[:, None]
    sums = torch.softmax(scaled, dim=-1).cumsum(dim=-1)
    at = torch.tensor(u, dtype=sums.dtype, device=logs.device)[:, None] * sums[:, -1:]
    sampled = torch.searchsorted(sums, at).squeeze(1).clamp(max=logs.shape[-1] - 1)
    return torch.where(warm == 0, greedy, sampled).cpu().numpy()


def _finished(row: _Row) -> Text:
    return Text(
        np.array(row.ids, np.int32),
        np.array(row.chosen),
        np.array(row.top_ids, np.int32).reshape(-1, TOP),
        np.array(row.top_logs, np.float16).reshape(-1, TOP),
        row.asked.temperature,
        row.asked.held_out,
    )
