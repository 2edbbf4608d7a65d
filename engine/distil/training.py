"""Stage two: the student learns the distributions that the target had over its own text.

The loss is the Kullback-Leibler divergence from the target's distribution, of which the most
probable tokens are stored (sequence-level knowledge distillation on the teacher's own samples, as
DistillSpec does it, arXiv 2310.08461).
"""

# pyright: basic
from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.backends.hf import devices
from engine.distil.figures import Learnt
from engine.distil.plan import Plan
from engine.distil.student import Student
from engine.distil.text import TOP, Text
from engine.errors import ModelError

SAVED_EVERY_S = 60.0
JUDGED_EVERY_S = 45.0
_WARM_UP = 0.03
_JUDGED_TOKENS = 6000
_CHUNK_BATCHES = 16
_PLACES_AT_ONCE = 256
"""Through the head: their logits stay in the processor's cache from there to the gradient."""


@dataclass(slots=True)
class _Example:
    """One text in the student's tokens. places: of the tokens before those that the target drew;
    ids and p [places, TOP]: what it would have drawn there, p adding up to one over what the
    student knows."""

    tokens: NDArray[np.int32]
    places: NDArray[np.int32]
    ids: NDArray[np.int32]
    p: NDArray[np.float16]


@dataclass(slots=True)
class _Held:
    """The same, to judge by: p as the target had it, and which one it had first."""

    example: _Example
    raw: NDArray[np.float32]
    first: NDArray[np.int32]


class Training:
    """The student's training: `run` goes on until the plan is fulfilled, `state` says where it is.

    A state that is saved and read back goes on as if nothing had happened.
    """

    def __init__(self, student: Student, plan: Plan, texts: list[Text], cost_ratio: float) -> None:
        self._student, self._plan, self._cost_ratio = student, plan, cost_ratio
        self._examples = [_example(student, text) for text in texts if not text.held_out]
        held = [text for text in texts if text.held_out]
        if not self._examples or not held:
            raise ModelError(
                "The target wrote too little text to train on.", "Have it write more tokens."
            )
        self._held = _held(student, held)
        self.tokens_a_pass = sum(len(example.places) for example in self._examples)
        trained = [p for p in student.network.parameters() if p.requires_grad]
        flat = [p for p in trained if p.ndim < 2]
        deep = [p for p in trained if p.ndim >= 2]
        self._optimiser = torch.optim.AdamW(
            [{"params": deep, "weight_decay": 0.05}, {"params": flat, "weight_decay": 0.0}],
            lr=plan.rate,
            betas=(0.9, 0.95),
        )
        self._trained = trained
        self._pass = self._step = 0  # the step within the pass
        self.seconds = 0.0
        self.tokens = 0

    @property
    def fraction(self) -> float:
        """Of the training, done: by time if the plan has minutes, else by tokens."""
        if self._plan.minutes:
            return min(1.0, self.seconds / (60 * self._plan.minutes))
        return min(1.0, self.tokens / (self._plan.passes * self.tokens_a_pass))

    def run(self, tell: Callable[[Learnt | float], None], save: Callable[[], None]) -> None:
        """Train to the end. tell: receives how far it is after each step, and what was learnt now
        and then; may raise to stop. save: called now and then."""
        saved = time.perf_counter()
        judged = -JUDGED_EVERY_S
        try:
            while self.fraction < 1.0:
                if self.seconds - judged >= JUDGED_EVERY_S:
                    judged = self.seconds
                    tell(self.judge())
                began = time.perf_counter()
                self._train_step()
                self.seconds += time.perf_counter() - began
                tell(self.fraction)
                if time.perf_counter() - saved >= SAVED_EVERY_S:
                    save()
                    saved = time.perf_counter()
            tell(self.judge())
        finally:  # also what was learnt until it was stopped
            save()

    def _train_step(self) -> None:
        batches = self._batches()
        if self._step >= len(batches):
            self._pass, self._step = self._pass + 1, 0
            batches = self._batches()
        batch = batches[self._step]
        self._optimiser.zero_grad(set_to_none=True)
        _add_gradients(self._student, [self._examples[i] for i in batch])
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        warm = min(1.0, (self.fraction + 1e-4) / _WARM_UP)
        for group in self._optimiser.param_groups:
            group["lr"] = self._plan.rate * warm * (1.0 - self.fraction)
        self._optimiser.step()
        self._step += 1
        self.tokens += sum(len(self._examples[i].places) for i in batch)

    def _batches(self) -> list[list[int]]:
        """The texts of this pass in batches of similar lengths, in an order of its own."""
        key = self._pass
        if getattr(self, "_made", None) is None or self._made[0] != key:  # pyright: ignore
            self._made = key, self._ordered(np.random.default_rng([self._plan.seed, key]))
        return self._made[1]

    def _ordered(self, draws: np.random.Generator) -> list[list[int]]:
        order = draws.permutation(len(self._examples))
        lengths = np.array([len(example.tokens) for example in self._examples])
        mean = max(1, int(lengths.mean()))
        chunk = max(1, self._plan.batch // mean) * _CHUNK_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), chunk):
            part = order[start : start + chunk]
            part = part[np.argsort(lengths[part], kind="stable")]
            batch: list[int] = []
            for i in part:
                if batch and (len(batch) + 1) * lengths[i] > self._plan.batch:
                    batches.append(batch)
                    batch = []
                batch.append(int(i))
            batches.append(batch)
        return [batches[i] for i in draws.permutation(len(batches))]

    @torch.no_grad()
    def judge(self) -> Learnt:
        """What was learnt so far, on held-out text."""
        network = self._student.network
        network.eval()
        loss = agreement = overlap = n = 0.0
        for held in self._held:
            example = held.example
            logits = _logits(self._student, _hidden(self._student, [example]))
            logs = torch.log_softmax(logits, dim=-1)
            ids, p = _labels([example], logs.device)
            divergence = (p * (p.clamp(min=1e-9).log() - logs.gather(1, ids))).sum()
            q = logs.gather(1, ids).exp()
            raw = torch.from_numpy(held.raw).to(logs.device)
            loss += float(divergence)
            overlap += float(torch.minimum(raw, q).sum())
            first = torch.from_numpy(held.first).long().to(logs.device)
            agreement += float((logs.argmax(dim=-1) == first).sum())
            n += len(example.places)
        network.train()
        return Learnt(
            self.fraction,
            self.seconds,
            self.tokens,
            loss / n,
            agreement / n,
            overlap / n,
            self._cost_ratio,
        )

    def save(self, path: Path) -> None:
        """Write the state; the file has its name only when it is whole."""
        trained = {
            name: p.detach().cpu()
            for name, p in self._student.network.named_parameters()
            if p.requires_grad
        }
        state = {
            "trained": trained,
            "optimiser": self._optimiser.state_dict(),
            "at": [self._pass, self._step, self.tokens],
            "seconds": self.seconds,
        }
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a state. Raises ModelError for a file that does not fit."""
        try:
            state: Any = torch.load(path, map_location="cpu", weights_only=True)
            parameters = dict(self._student.network.named_parameters())
            with torch.no_grad():
                for name, value in state["trained"].items():
                    parameters[name].copy_(value)
            self._optimiser.load_state_dict(state["optimiser"])
            self._pass, self._step, self.tokens = state["at"]
            self.seconds = state["seconds"]
        except (KeyError, RuntimeError, ValueError, EOFError) as error:
            raise ModelError(
                f"{path} cannot be read: {error}.", "Delete it: the training begins anew."
            ) from error


def _example(student: Student, text: Text) -> _Example:
    places = np.flatnonzero(text.chosen) - 1
    p = np.exp(text.top_logs.astype(np.float32))
    ids = student.own(text.top_ids)
    if student.trimming is not None:  # what it lacks has q 0: the rest is what can be learnt
        p = np.where(student.trimming.kept[ids] == text.top_ids, p, 0.0)
    p = p / np.maximum(p.sum(axis=1, keepdims=True), 1e-6)
    return _Example(student.own(text.ids), places.astype(np.int32), ids, p.astype(np.float16))


def _held(student: Student, texts: list[Text]) -> list[_Held]:
    found: list[_Held] = []
    total = 0
    for text in texts:
        if total >= _JUDGED_TOKENS:
            break
        example = _example(student, text)
        raw = np.exp(text.top_logs.astype(np.float32))
        known = np.ones_like(raw, bool)
        if student.trimming is not None:
            known = student.trimming.kept[example.ids] == text.top_ids
        first = np.where(known[:, 0], example.ids[:, 0], -1)
        found.append(_Held(example, raw * known, first.astype(np.int32)))
        total += len(example.places)
    return found


def _hidden(student: Student, examples: list[_Example]) -> Tensor:
    """What the head is given, at the places of all examples one after the other [places, width]."""
    network = student.network
    longest = max(len(example.tokens) for example in examples)
    tokens = np.zeros((len(examples), longest), np.int64)
    for row, example in zip(tokens, examples, strict=True):
        row[: len(example.tokens)] = example.tokens
    # Later tokens are hidden by causality: padding at the end needs no mask.
    at = np.concatenate([i * longest + e.places for i, e in enumerate(examples)])
    device = network.device
    with _mixed(device):
        hidden = network.model(
            input_ids=torch.from_numpy(tokens).to(device), use_cache=False
        ).last_hidden_state
    return hidden.flatten(0, 1)[torch.from_numpy(at).to(device)]


def _logits(student: Student, hidden: Tensor) -> Tensor:
    """[places, V'], in float32."""
    with _mixed(hidden.device):
        return student.network.lm_head(hidden).float()


def _mixed(device: torch.device) -> Any:
    """Mixed precision where the hardware multiplies bfloat16; the weights stay in float32."""
    mixed = devices.type_of("auto", None, device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=mixed)


def _labels(examples: list[_Example], device: Any) -> tuple[Tensor, Tensor]:
    ids = torch.from_numpy(np.concatenate([e.ids for e in examples])).long().to(device)
    p = torch.from_numpy(np.concatenate([e.p for e in examples])).float().to(device)
    return ids.view(-1, TOP), p.view(-1, TOP)


def _add_gradients(student: Student, examples: list[_Example]) -> None:
    """Of the mean cross entropy; it differs from the divergence by the target's entropy, a
    constant."""
    hidden = _hidden(student, examples)
    ids, p = _labels(examples, hidden.device)
    parts = [part.detach().requires_grad_() for part in hidden.split(_PLACES_AT_ONCE)]
    for part, its_ids, its_p in zip(
        parts, ids.split(_PLACES_AT_ONCE), p.split(_PLACES_AT_ONCE), strict=True
    ):
        logits = _logits(student, part)
        given = (its_p * logits.gather(1, its_ids)).sum(dim=-1)
        ((torch.logsumexp(logits, dim=-1) - given).sum() / len(ids)).backward()
    hidden.backward(torch.cat([part.grad for part in parts if part.grad is not None]))
