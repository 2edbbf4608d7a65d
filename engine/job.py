"""One job: load what is needed, measure the baseline, decode. Used by the thread and the CLI."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import numpy as np

from engine.backends import registry
from engine.backends.base import LanguageModel, check_same_vocabulary
from engine.config import Config, ModelSpec
from engine.drafting.registry import drafter_kind, make_drafter
from engine.errors import Cancelled, ConfigError, ErrorInfo, PromptError
from engine.events import (
    SCHEMA,
    AnyEvent,
    FinishReason,
    Models,
    Role,
    RunFinished,
    RunStarted,
)
from engine.gate import Gate
from engine.host import host
from engine.loop import decode
from engine.trace import Tally
from engine.verify import rule_named

BaselinePolicy = Literal["measure", "reuse", "none"]
ModelRole = Literal["target", "draft"]
Sink = Callable[[AnyEvent], None]


class Job(msgspec.Struct, frozen=True):
    """What Run asks for.

    baseline: measure it first, reuse the last one of the same configuration (measured if there is
    none), or none. recording: file to write the runs to.
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


class Baselines:
    """Events of measured baselines by what makes them comparable; the newest of each kind."""

    def __init__(self) -> None:
        self._runs: dict[bytes, list[AnyEvent]] = {}

    @staticmethod
    def key(config: Config, prompt_ids: tuple[int, ...], models: Models) -> bytes:
        """Same engine, target, prompt, sampler and token count; the draft plays no part."""
        plain = msgspec.structs.replace(
            config.baseline(), drafter="", rule="", length_policy="", ngram_min=1, ngram_max=1
        )
        return msgspec.json.encode((plain, prompt_ids, models.target))

    def get(self, key: bytes) -> list[AnyEvent] | None:
        return self._runs.get(key)

    def put(self, key: bytes, events: list[AnyEvent]) -> None:
        self._runs[key] = events


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
        rule = rule_named(config.rule, config.temperature)
        kind = drafter_kind(config.drafter)
        if config.length_policy != "fixed":
            raise ConfigError(
                f"There is no length policy {config.length_policy!r}.", "Known policies: fixed."
            )
        if not job.prompt.strip():
            raise PromptError("The prompt is empty.", "Write a prompt, or choose a preset.")
        speculative = config.gamma > 0
        wants_draft = speculative and kind.needs_model
        if wants_draft and job.draft is None:
            raise ConfigError(
                "The drafter 'model' needs a draft model.",
                "Choose a draft, or the drafter 'ngram', which needs none.",
            )
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
        models = Models(target.info, draft.info if draft else None)

        def started(role: Role, config: Config, baseline: str | None) -> RunStarted:
            return RunStarted(
                seq=0,
                t_ns=target.clock(),
                run_id=uuid.uuid4().hex,
                schema=SCHEMA,
                role=role,
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
                config=config,
                prompt=job.prompt,
                prompt_ids=prompt_ids,
                prompt_pieces=tuple(
                    target.vocabulary.piece(i, special=True).decode("utf-8", "replace")
                    for i in prompt_ids
                ),
                lossless=rule.lossless,
                host=host(),
                models=models if role == "speculative" else Models(target.info),
                baseline=baseline,
            )

        baseline_id: str | None = None
        if not speculative or job.baseline != "none":
            key = Baselines.key(config, prompt_ids, models)
            kept = self._baselines.get(key) if job.baseline == "reuse" and speculative else None
            if kept is None:
                plain = started("baseline", config.baseline(), None)
                kept = list[AnyEvent]()
                rng = np.random.default_rng(config.seed)
                events = decode(target, None, rule, plain.config, rng, plain, self.gate.idle_ns)
                reason = self._drive(events, plain, both(sink, kept.append))
                if reason in ("cancelled", "error") or not speculative:
                    return reason
                self._baselines.put(key, kept)
            else:
                for event in kept:
                    sink(event)
            first = kept[0]
            assert isinstance(first, RunStarted)
            baseline_id = first.run_id
        run = started("speculative", config, baseline_id)
        drafter = make_drafter(config, draft, target.vocabulary.size)
        rng = np.random.default_rng(config.seed)
        events = decode(target, drafter, rule, config, rng, run, self.gate.idle_ns)
        return self._drive(events, run, sink)

    def _drive(
        self,
        events: Generator[AnyEvent, None, FinishReason],
        started: RunStarted,
        sink: Sink,
    ) -> FinishReason:
        """Pull events through the gate into the sink; end the run with exactly one RunFinished."""
        tally = Tally()
        sequence = 0
        error: ErrorInfo | None = None
        reason: FinishReason = "cancelled"
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
        if sequence == 0:  # cancelled before the first event: nothing was started
            return reason
        now = self._loaded["target"][1].clock()
        sink(RunFinished(sequence, now, reason, tally.totals(), error))
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
