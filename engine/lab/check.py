"""Whether a rule, with a drafter, is lossless: the exact law, samples, or the greedy text."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import msgspec
import numpy as np

from engine.config import ModelSpec
from engine.divergence import first_divergence
from engine.errors import Cancelled, ConfigError
from engine.gate import Gate
from engine.lab.exact import RoundLaw, TargetRows, round_law
from engine.lab.memo import BYTES, MemoModel
from engine.lab.proposals import Weighed, all_proposals
from engine.lab.report import Findings, result_of
from engine.lab.result import CheckJob, CheckResult, Stage
from engine.lab.sampled import Tokens, emitted_by, sample
from engine.lab.statistics import compare
from engine.loop import decode
from engine.preparation import LAB, Prepared
from engine.tree import width_at

Tell = Callable[[Stage, int, int], None]
"""Told what is being done, how much of it, of how much."""

SAMPLES, SAMPLES_TOY = 2_000, 20_000
SAMPLES_RANGE = (100, 1_000_000)
TOKENS_MAX = 3
_PROPOSALS_MAX = 1_500
_SIZES = (5, 4, 3)
_TOLD_EVERY_S = 0.05


def checked(job: CheckJob) -> CheckJob:
    """The job with its defaults filled in and the toy pair chosen, the largest whose law can be
    enumerated. Raises ConfigError for what cannot be checked."""
    if job.config.gamma == 0:
        raise ConfigError(
            "γ = 0 is plain decoding: there is nothing to check.", "Choose γ = 1 or more."
        )
    if not 1 <= job.tokens <= TOKENS_MAX:
        raise ConfigError(
            f"{job.tokens} tokens cannot be compared jointly.", f"Choose 1 to {TOKENS_MAX}."
        )
    low, high = SAMPLES_RANGE
    if job.samples and not low <= job.samples <= high:
        raise ConfigError(
            f"The number of samples is {job.samples:,}, outside {low:,} to {high:,}.",
            f"Choose a value from {low:,} to {high:,}; {SAMPLES:,} suit most models.",
        )
    if job.target.source != "toy":
        return msgspec.structs.replace(job, samples=job.samples or SAMPLES)
    config = job.config.validated()
    sizes = [s for s in _SIZES if n_proposals(config.branches, config.gamma, s) <= _PROPOSALS_MAX]
    pair = f"{LAB}{sizes[0] if sizes else _SIZES[0]}"

    def small(spec: ModelSpec) -> ModelSpec:
        return msgspec.structs.replace(spec, source=pair) if spec.source == "toy" else spec

    return msgspec.structs.replace(
        job,
        samples=job.samples or SAMPLES_TOY,
        target=small(job.target),
        draft=None if job.draft is None else small(job.draft),
    )


def n_proposals(branches: tuple[int, ...], gamma: int, size: int) -> int:
    """How many proposals a drafter can make that draws each place of the regular tree from all of
    `size` tokens."""
    total = 1
    for depth in range(1, gamma + 1):
        siblings = min(branches[depth - 1] if depth <= len(branches) else 1, size)
        ways = 1
        for k in range(siblings):
            ways *= size - k
        total *= ways ** width_at(branches, depth - 1)
    return total


class _Check:
    """One check: where it stands, whom it tells, and how it is held and cancelled."""

    def __init__(self, job: CheckJob, ready: Prepared, gate: Gate, tell: Tell) -> None:
        self._job, self._ready, self._gate, self._tell = job, ready, gate, tell
        self._told_at = 0.0

    def run(self) -> CheckResult:
        ready, config = self._ready, self._ready.config
        found = Findings()
        small = self._job.target.source.startswith(LAB)
        try:
            if small:
                size = ready.target.vocabulary.size
                found.too_many = n_proposals(config.branches, config.gamma, size) > _PROPOSALS_MAX
                if not found.too_many:
                    found.exact = self._enumerate()
            if config.greedy:
                self._decode(found)
            else:
                self._sample(found, remembered=not small)
        finally:
            ready.target.truncate(0)
            if ready.draft is not None:
                ready.draft.truncate(0)
        return result_of(self._job, ready, found)

    def _proceed(self) -> None:
        """Wait while paused. Raises Cancelled."""
        if not self._gate.wait():
            raise Cancelled("The check was cancelled.")

    def _count(self, stage: Stage, done: int, total: int) -> None:
        """Tell how far it is, often enough to be seen."""
        now = time.monotonic()
        if done in (0, total) or now - self._told_at > _TOLD_EVERY_S:
            self._told_at = now
            self._tell(stage, done, total)

    def _enumerate(self) -> RoundLaw:
        ready, config = self._ready, self._ready.config
        self._count("exact", 0, 0)
        drafter = ready.drafter()
        for _ in drafter.begin(ready.prompt_ids):
            self._proceed()
        proposals = all_proposals(drafter, config, ready.prompt_ids, config.gamma, self._proceed)
        drafter.end()

        def one_by_one() -> Iterator[Weighed]:
            for done, proposal in enumerate(proposals, start=1):
                self._proceed()
                yield proposal
                self._count("exact", done, len(proposals))

        rows = TargetRows(ready.target, config, ready.prompt_ids)
        return round_law(
            ready.rule.verify(config),
            one_by_one(),
            rows.p,
            max(config.gamma + 1, self._job.tokens),
            rows.logits if config.greedy else None,
        )

    def _sample(self, found: Findings, *, remembered: bool) -> None:
        ready, job = self._ready, self._job
        if remembered:
            room = BYTES if ready.draft is None else BYTES // 2
            ready = replace(
                ready,
                target=MemoModel(ready.target, ready.prompt_ids, room),
                draft=ready.draft and MemoModel(ready.draft, ready.prompt_ids, room),
            )

        def draw(stage: Stage) -> Counter[Tokens]:
            plain = stage == "plain"

            def between(done: int) -> None:
                self._count(stage, done, job.samples)
                self._proceed()

            self._count(stage, 0, job.samples)
            self._proceed()
            return sample(
                ready.target,
                None if plain else ready.drafter(),
                ready.rule,
                ready.started("baseline" if plain else "speculative"),
                np.random.default_rng([ready.config.seed, plain]),
                samples=job.samples,
                tokens=job.tokens,
                between=between,
            )

        found.plain = draw("plain")
        found.speculative = draw("speculative")
        found.samples = compare(found.plain, found.speculative, ready.config.seed)

    def _decode(self, found: Findings) -> None:
        """At T = 0: one text without and one with speculation."""
        ready = self._ready
        texts: list[list[int]] = []
        stages: tuple[Stage, Stage] = ("plain", "speculative")
        for stage in stages:
            plain = stage == "plain"
            started = ready.started("baseline" if plain else "speculative")
            events = decode(
                ready.target,
                None if plain else ready.drafter(),
                ready.rule,
                started.config,
                np.random.default_rng(started.config.seed),
                started,
            )
            text: list[int] = []
            with closing(events):
                for tokens in emitted_by(events, self._proceed):
                    text += tokens
                    self._count(stage, len(text), ready.config.max_tokens)
            texts.append(text)
        self._tell("scoring", 0, 0)
        self._proceed()
        found.greedy = True
        found.compared = min(map(len, texts))
        found.divergence = first_divergence(
            ready.target, ready.prompt_ids, texts[0], texts[1], ready.config.gamma + 1
        )


def run_check(job: CheckJob, ready: Prepared, gate: Gate, tell: Tell) -> CheckResult:
    """Do a job that was `checked`, with its models ready. Held and cancelled between samples,
    rounds and proposals by the gate, and inside a pass by the model's `interrupt`.

    Raises Cancelled, and DraftscopeError where a model fails.
    """
    return _Check(job, ready, gate, tell).run()
