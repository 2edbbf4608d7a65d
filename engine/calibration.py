"""What passes cost on this machine: T_v(k) and the draft step, measured before they are needed.

A run tells the cost of the widths that it used. The cost model, the drafter `auto` and an
experiment's forecasts need those that it did not use as well.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import platformdirs
from numpy.typing import NDArray

from engine.backends.base import LanguageModel
from engine.config import Config
from engine.cost import Costs
from engine.drafting.length import FixedLength
from engine.drafting.model import ModelDrafter
from engine.errors import Cancelled
from engine.events import Calibration, ModelInfo
from engine.gate import Gate
from engine.host import host

WIDTHS = tuple(range(1, 18))
DEPTH = 128
"""Tokens before the passes that are measured: about where a run of ordinary length is."""
DRAFTED = 4
"""Tokens of the proposals by which the draft step is measured."""
BUDGET_S = 6.0
ROUNDS = (5, 25)
Tell = Callable[[float], None]


def calibrated(costs: Costs, calibration: Calibration, drafter: str) -> Costs:
    """The costs of a run with what was measured before it in place of its own medians: T_v(k), and
    the draft step where the draft model made all proposals."""
    pairs = zip(calibration.widths, calibration.verify_ns, strict=True)
    step = calibration.draft_ns if drafter == "model" and costs.draft is not None else None
    return dataclasses.replace(
        costs,
        verify=tuple((width, ns / 1e9) for width, ns in pairs),
        draft=costs.draft if step is None else step / 1e9,
    )


def measure(
    target: LanguageModel,
    draft: LanguageModel | None,
    text: Sequence[int],
    gate: Gate,
    tell: Tell = lambda fraction: None,
    budget_s: float = BUDGET_S,
) -> Calibration:
    """Measure a pair. text: token ids of ordinary text, repeated as needed.

    All widths take turns in a shuffled order, so that a machine which grows slower meanwhile makes
    all of them slower. Each pass is made twice and the second one counts: a library that keeps the
    last computation's plan has it ready then, as in a run of rounds of equal width. Both caches
    are empty afterwards. Raises Cancelled.
    """
    depth = min(DEPTH, target.context - WIDTHS[-1] - 1)
    ids = [text[i % len(text)] for i in range(depth + WIDTHS[-1] + 1)]
    rng = np.random.default_rng(0)
    try:
        _fill(target, ids[:depth], gate)

        def one(width: int) -> int:
            spent = 0
            for _ in range(2):
                target.truncate(depth)
                began = target.clock()
                target.extend(ids[depth : depth + width], "all")
                spent = target.clock() - began
            return spent

        single = min(one(1) for _ in range(3))
        # Each width twice, at the mean of the narrowest and the widest.
        once_s = (single + one(WIDTHS[-1])) * len(WIDTHS) / 1e9
        low, high = ROUNDS
        rounds = int(np.clip(budget_s / max(once_s, 1e-9), low, high))
        times = np.zeros((rounds, len(WIDTHS)))
        steps: list[float] = []
        stepper = None if draft is None else _Steps(draft, target, ids[:depth], gate)
        for done in range(rounds):
            for i in rng.permutation(len(WIDTHS)):
                if not gate.wait():
                    raise Cancelled("The measurement was cancelled.")
                times[done, i] = one(WIDTHS[int(i)])
            if stepper is not None:
                steps += stepper.measure()
            tell((done + 1) / rounds)
    finally:
        target.truncate(0)
        if draft is not None:
            draft.truncate(0)
    quartiles: NDArray[np.float64] = np.quantile(times, (0.25, 0.5, 0.75), axis=0)
    of_step = np.quantile(steps, (0.25, 0.5, 0.75)).tolist() if steps else (None, None, None)
    return Calibration(
        target=target.info,
        draft=None if draft is None else draft.info,
        host=host(),
        depth=depth,
        rounds=rounds,
        widths=WIDTHS,
        verify_ns=tuple(quartiles[1].tolist()),
        verify_low_ns=tuple(quartiles[0].tolist()),
        verify_high_ns=tuple(quartiles[2].tolist()),
        draft_ns=of_step[1],
        draft_low_ns=of_step[0],
        draft_high_ns=of_step[2],
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _fill(model: LanguageModel, ids: Sequence[int], gate: Gate) -> None:
    model.truncate(0)
    for start in range(0, len(ids), model.max_rows):
        if not gate.wait():
            raise Cancelled("The measurement was cancelled.")
        model.extend(ids[start : start + model.max_rows], "none")


class _Steps:
    """Proposals of the real drafter, as if half of the rounds accepted everything and half nothing:
    what a drafted token takes includes catching up with the verdict."""

    def __init__(
        self, draft: LanguageModel, target: LanguageModel, ids: Sequence[int], gate: Gate
    ) -> None:
        config = Config(gamma=DRAFTED)
        self._drafter = ModelDrafter(draft, config, target.vocabulary.size)
        self._length = FixedLength(config)
        self._ids = list(ids)
        self._u = np.full(DRAFTED, 0.5)
        for _ in self._drafter.begin(self._ids):
            if not gate.wait():
                raise Cancelled("The measurement was cancelled.")

    def measure(self) -> list[float]:
        """Nanoseconds a token, of two rounds."""
        found: list[float] = []
        context = list(self._ids)
        for accepted in (True, False):
            proposal = self._drafter.propose(context, DRAFTED, self._u, self._length)
            if not proposal.ids:
                return []
            found.append(sum(proposal.draft_ns) / len(proposal.ids))
            context += [*(proposal.ids if accepted else ()), self._ids[0]]
        return found


class Cache:
    """Calibrations of this machine, by what they were measured with; a file that may be deleted."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()

    def get(self, target: ModelInfo, draft: ModelInfo | None) -> Calibration | None:
        """The one of these very models, device and thread count on this machine, if known."""
        found = self._read().get(_key(target, draft))
        if found is None and draft is None:
            return next(
                (c for c in self._read().values() if _key(c.target, None) == _key(target, None)),
                None,
            )
        return found

    def put(self, calibration: Calibration) -> None:
        """Remember it. A cache that cannot be written is done without."""
        known = self._read()
        known[_key(calibration.target, calibration.draft)] = calibration
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(known))
            part.replace(self.path)
        except OSError:
            part.unlink(missing_ok=True)

    def _read(self) -> dict[str, Calibration]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, Calibration])
        except (OSError, msgspec.DecodeError):
            return {}


def default_path() -> Path:
    return platformdirs.user_cache_path("draftscope", appauthor=False) / "calibrations.json"


def _key(target: ModelInfo, draft: ModelInfo | None) -> str:
    """Name, quantisation, size, device, threads and library of each, and the machine."""
    machine = host()
    parts = [
        (m.name, m.quantisation, m.size_bytes, m.device, m.threads, m.library)
        for m in (target, draft)
        if m is not None
    ]
    text = msgspec.json.encode((machine.cpu, machine.cores, machine.gpus, parts))
    return hashlib.blake2s(text, digest_size=12).hexdigest()
