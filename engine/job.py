"""One job: load what is needed, measure the baseline, decode. Used by the thread and the CLI."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import msgspec
import numpy as np

from engine.backends import registry
from engine.backends.base import LanguageModel, check_same_vocabulary
from engine.config import Config, ModelSpec
from engine.divergence import first_divergence
from engine.drafting.registry import drafter_kind, make_drafter, no_draft_model
from engine.errors import Cancelled, ConfigError, ErrorInfo, ModelError, PromptError
from engine.events import (
    SCHEMA,
    AnyEvent,
    FinishReason,
    Level,
    Models,
    Notice,
    Role,
    RunFinished,
    RunStarted,
)
from engine.gate import Gate
from engine.host import host
from engine.loop import decode
from engine.methods import check, check_leaves
from engine.rules import RULES, Rule
from engine.text import label
from engine.trace import Tally

BaselinePolicy = Literal["measure", "reuse", "kept", "none"]
ModelRole = Literal["target", "draft"]
_KEPT_BASELINES = 8
Sink = Callable[[AnyEvent], None]


class Job(msgspec.Struct, frozen=True):
    """What Run asks for.

    baseline: measure it first, reuse the last one of the same configuration (measured if there is
    none), reuse it only if it is kept, or none. recording: file to write the runs to.
    """

    prompt: str
    config: Config
    target: ModelSpec = ModelSpec()
    draft: ModelSpec | None = None
    raw: bool = False
    baseline: BaselinePolicy = "measure"
    recording: Path | None = None


class Loader(Protocol):
    """`registry.load`, or a stand-in of the tests."""

    def __call__(
        self, spec: ModelSpec, role: ModelRole, progress: Callable[[float], None] | None = None
    ) -> LanguageModel: ...


class Remark(NamedTuple):
    """What a Notice says."""

    level: Level
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """A job with its models loaded and its prompt encoded."""

    job: Job
    target: LanguageModel
    draft: LanguageModel | None
    prompt_ids: tuple[int, ...]
    rule: Rule

    def started(self, role: Role, baseline: list[AnyEvent] | None) -> RunStarted:
        """The first event of a run of this job, measured against `baseline`."""
        plain = role == "baseline"
        pieces = (self.target.vocabulary.piece(i, special=True) for i in self.prompt_ids)
        first = baseline[0] if baseline else None
        return RunStarted(
            seq=0,
            t_ns=self.target.clock(),
            run_id=uuid.uuid4().hex,
            schema=SCHEMA,
            role=role,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            config=self.job.config.baseline() if plain else self.job.config,
            prompt=self.job.prompt,
            prompt_ids=self.prompt_ids,
            prompt_pieces=tuple(label(piece) for piece in pieces),
            lossless=self.rule.lossless_in(self.job.config),
            host=host(),
            models=Models(self.target.info, None if plain or not self.draft else self.draft.info),
            baseline=first.run_id if isinstance(first, RunStarted) else None,
        )

    def baseline_key(self) -> bytes:
        """What makes two baselines comparable: engine, target, prompt, sampler, token count."""
        plain = self.job.config.comparable()
        return msgspec.json.encode((plain, self.prompt_ids, self.job.target, self.target.info))

    def compare(self, plain: list[int], other: list[int]) -> Remark | None:
        """A remark if a greedy run's text is not plain decoding's."""
        width = self.job.config.gamma + 1
        parted = first_divergence(self.target, self.prompt_ids, plain, other, width)
        if parted is None:
            return None
        words = [label(self.target.vocabulary.piece(i)) for i in (parted.plain_id, parted.other_id)]
        where = (
            f"The text differs from plain decoding's from token {parted.index} on: "
            f"{words[1]!r} instead of {words[0]!r}"
        )
        numbers = (
            f"top-2 margin {parted.margin:.3g}, and logits change by up to "
            f"{parted.kernel_difference:.3g} between passes of 1 and {width} tokens"
        )
        if parted.tie:
            return Remark("info", f"{where}. A numerical tie: {numbers}.", "")
        return Remark(
            "warning",
            f"{where}. Not a numerical tie: {numbers}.",
            "Greedy speculative decoding should not do this: please report it with the recording.",
        )


class Baselines:
    """Events of the last measured baselines, by what makes them comparable."""

    def __init__(self) -> None:
        self._runs: dict[bytes, list[AnyEvent]] = {}

    def get(self, key: bytes) -> list[AnyEvent] | None:
        return self._runs.get(key)

    def put(self, key: bytes, events: list[AnyEvent]) -> None:
        self._runs[key] = events
        while len(self._runs) > _KEPT_BASELINES:
            del self._runs[next(iter(self._runs))]


class JobRunner:
    """Runs jobs one after the other and keeps the models of the last one loaded.

    Belongs to one thread; `cancel` may come from any.
    """

    def __init__(self, loader: Loader = registry.load, gate: Gate | None = None) -> None:
        self.gate = gate or Gate()
        self._loader = loader
        self._loaded: dict[ModelRole, tuple[ModelSpec, LanguageModel]] = {}
        self._baselines = Baselines()

    def cancel(self) -> None:
        """Stop the job now, also inside a forward pass."""
        self.gate.cancel()
        for _, model in tuple(self._loaded.values()):
            model.interrupt(True)

    def close(self) -> None:
        """Free all models."""
        for role in tuple(self._loaded):
            self._unload(role)

    def run(
        self,
        job: Job,
        sink: Sink,
        loading: Callable[[ModelRole, float], None] = lambda role, fraction: None,
        loaded: Callable[[ModelRole, LanguageModel], None] = lambda role, model: None,
    ) -> FinishReason:
        """Do the job; every event goes to `sink`. Returns the reason of its last run.

        Raises DraftscopeError for what fails before a run starts (then no run was started) and
        Cancelled likewise. An error inside a run ends that run with reason "error".
        """
        config = job.config.validated()
        check(config)
        rule, kind = RULES[config.rule], drafter_kind(config.drafter)
        if not job.prompt.strip():
            raise PromptError("The prompt is empty.", "Write a prompt, or choose a preset.")
        speculative = config.gamma > 0
        wants_draft = speculative and kind.needs_model
        if wants_draft and job.draft is None:
            raise no_draft_model(kind.name)
        target = self._load("target", job.target, loading, loaded)
        draft = None
        if wants_draft and job.draft is not None:
            draft = self._load("draft", job.draft, loading, loaded)
            check_same_vocabulary(target.vocabulary, draft.vocabulary)

        prompt_ids = tuple(target.encode(job.prompt, raw=job.raw))
        if not prompt_ids:
            raise PromptError("The prompt has no tokens.", "Write a prompt, or choose a preset.")
        if len(prompt_ids) >= target.context:
            raise PromptError(
                f"The prompt has {len(prompt_ids):,} tokens; the context holds {target.context:,}.",
                "Shorten the prompt, or load the target with a larger context.",
            )
        if draft is not None and len(prompt_ids) >= draft.context:
            raise PromptError(
                f"The prompt has {len(prompt_ids):,} tokens; the draft's context holds "
                f"{draft.context:,}.",
                "Shorten the prompt, or choose the drafter 'ngram', which needs no context.",
            )
        plan = _Plan(job, target, draft, prompt_ids, rule)
        baseline: list[AnyEvent] | None = None
        kept = self._baselines.get(plan.baseline_key())
        if speculative and kept is not None and job.baseline in ("reuse", "kept"):
            baseline = kept
            for event in kept:
                sink(event)
        elif not speculative or job.baseline in ("measure", "reuse"):
            reason, baseline = self._measure(plan, sink)
            if not speculative or reason in ("cancelled", "error"):
                return reason
        return self._speculate(plan, baseline, sink)

    def _measure(self, plan: _Plan, sink: Sink) -> tuple[FinishReason, list[AnyEvent]]:
        """Run plain decoding, and keep its events if it came to its end."""
        job, target = plan.job, plan.target
        started = plan.started("baseline", None)
        rng = np.random.default_rng(job.config.seed)
        events = decode(target, None, plan.rule, started.config, rng, started, self.gate.idle_ns)
        measured: list[AnyEvent] = []
        reason = self._drive(events, target, both(sink, measured.append))
        if reason in ("stop", "length"):
            self._baselines.put(plan.baseline_key(), measured)
        return reason, measured

    def _speculate(self, plan: _Plan, baseline: list[AnyEvent] | None, sink: Sink) -> FinishReason:
        job, target = plan.job, plan.target
        config = job.config
        started = plan.started("speculative", baseline)
        drafter = make_drafter(config, plan.draft, target.vocabulary.size)
        rng = np.random.default_rng(config.seed)
        events = decode(target, drafter, plan.rule, config, rng, started, self.gate.idle_ns)
        if baseline is None or not config.greedy:
            return self._drive(events, target, sink)
        plain = Tally()
        for event in baseline:
            plain.apply(event)
        return self._drive(
            events, target, sink, lambda tally: plan.compare(plain.token_ids, tally.token_ids)
        )

    def _drive(
        self,
        events: Generator[AnyEvent, None, FinishReason],
        target: LanguageModel,
        sink: Sink,
        check: Callable[[Tally], Remark | None] = lambda tally: None,
    ) -> FinishReason:
        """Pull events through the gate into the sink; end the run with exactly one RunFinished.

        check: what it remarks on a run that ended by itself becomes a Notice before the end.
        """
        tally = Tally()
        sequence = 0
        error: ErrorInfo | None = None
        reason: FinishReason = "cancelled"
        remark: Remark | None = None
        with contextlib.closing(events):
            try:
                while self.gate.wait():
                    event = next(events)
                    sequence = event.seq + 1
                    tally.apply(event)
                    sink(event)
            except StopIteration as stop:
                reason = stop.value
            except Cancelled:
                reason = "cancelled"
            except Exception as problem:
                reason, error = "error", ErrorInfo.of(problem)
        if sequence == 0:  # nothing was started, so nothing is to be finished
            raise Cancelled("Cancelled before the run began.")
        if reason in ("stop", "length"):
            # The run is over: what hinders the check must not change how it ended.
            with contextlib.suppress(Cancelled, ModelError):
                remark = check(tally)
        if remark is not None:
            sink(Notice(sequence, target.clock(), *remark))
            sequence += 1
        sink(RunFinished(sequence, target.clock(), reason, tally.totals(), error))
        return reason

    def _load(
        self,
        role: ModelRole,
        spec: ModelSpec,
        loading: Callable[[ModelRole, float], None],
        loaded: Callable[[ModelRole, LanguageModel], None],
    ) -> LanguageModel:
        """The model of that specification, loaded unless it is already there."""
        kept = self._loaded.get(role)
        if kept is not None and _same_but_threads(kept[0], spec):
            model = kept[1]
            model.interrupt(False)
            if kept[0] != spec:
                model.set_threads(spec.threads)
                self._loaded[role] = (spec, model)
                loaded(role, model)
            return model
        self._unload(role)
        if role == "target":
            self._baselines = Baselines()  # the file may have changed

        def progress(fraction: float) -> None:
            if self.gate.cancelled:
                raise Cancelled("Loading was cancelled.")
            loading(role, fraction)

        progress(0.0)
        model = self._loader(spec, role, progress)
        self._loaded[role] = (spec, model)
        if self.gate.cancelled:
            raise Cancelled("Loading was cancelled.")
        loaded(role, model)
        return model

    def _unload(self, role: ModelRole) -> None:
        if role in self._loaded:
            _, model = self._loaded.pop(role)
            model.close()


def _same_but_threads(a: ModelSpec, b: ModelSpec) -> bool:
    return msgspec.structs.replace(a, threads=b.threads) == b


def both(first: Sink, second: Sink) -> Sink:
    """A sink that hands every event to two."""

    def sink(event: AnyEvent) -> None:
        first(event)
        second(event)

    return sink
