"""One job: load what is needed, measure the baseline, decode. Used by the thread and the CLI."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from engine import calibration
from engine.backends import registry
from engine.backends.base import LanguageModel
from engine.config import Config, ModelSpec
from engine.divergence import first_divergence
from engine.drafting.registry import drafter_kind
from engine.errors import Cancelled, ErrorInfo, ModelError
from engine.events import (
    AnyEvent,
    Calibration,
    FinishReason,
    Level,
    Notice,
    Role,
    RunFinished,
    RunStarted,
    Verified,
)
from engine.gate import Gate
from engine.lab.check import Tell, checked, run_check
from engine.lab.result import CheckJob, CheckResult
from engine.loop import decode
from engine.preparation import Loaded, Loader, Loading, Preparation, Prepared
from engine.tally import Tally
from engine.text import label
from engine.whatif.rerun import Reruns, WhatIfJob, WhatIfResult

BaselinePolicy = Literal["measure", "reuse", "kept", "none"]
_KEPT_BASELINES = 8
Sink = Callable[[AnyEvent], None]


class Job(msgspec.Struct, frozen=True):
    """What Run asks for.

    baseline: measure it first, reuse the last one of the same configuration (measured if there is
    none), reuse it only if it is kept, or none. recording: file to write the runs to. corpus: text
    that an n-gram table counts; None: the bundled one.
    """

    prompt: str
    config: Config
    target: ModelSpec = ModelSpec()
    draft: ModelSpec | None = None
    raw: bool = False
    baseline: BaselinePolicy = "measure"
    recording: Path | None = None
    corpus: Path | None = None


class Remark(NamedTuple):
    """What a Notice says."""

    level: Level
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """A job with its models loaded and its prompt encoded."""

    job: Job
    ready: Prepared

    @property
    def target(self) -> LanguageModel:
        return self.ready.target

    def started(self, role: Role, baseline: list[AnyEvent] | None) -> RunStarted:
        """The first event of a run of this job, measured against `baseline`."""
        first = baseline[0] if baseline else None
        return self.ready.started(role, first.run_id if isinstance(first, RunStarted) else None)

    def baseline_key(self) -> bytes:
        """What makes two baselines comparable: engine, target as it was loaded (its file may have
        changed since), prompt, sampler, token count."""
        plain, ready = self.job.config.comparable(), self.ready
        return msgspec.json.encode(
            (plain, ready.prompt_ids, self.job.target, self.target.info, ready.target_load)
        )

    def compare(self, plain: list[int], other: list[int]) -> Remark | None:
        """A remark if a greedy run's text is not plain decoding's."""
        width = self.job.config.gamma + 1
        parted = first_divergence(self.target, self.ready.prompt_ids, plain, other, width)
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

    def __init__(
        self,
        loader: Loader = registry.load,
        gate: Gate | None = None,
        calibrations: calibration.Cache | None = None,
    ) -> None:
        self.gate = gate or Gate()
        self._calibrations = calibrations or calibration.Cache()
        self._preparation = Preparation(loader, self.gate)
        self._baselines = Baselines()
        self._reruns = Reruns(self.gate)

    def cancel(self) -> None:
        """Stop the job now, also inside a forward pass."""
        self.gate.cancel()
        self._preparation.interrupt()

    def close(self) -> None:
        """Free all models."""
        self._preparation.close()

    def run(
        self,
        job: Job,
        sink: Sink,
        loading: Loading = lambda part, fraction: None,
        loaded: Loaded = lambda role, model: None,
    ) -> FinishReason:
        """Do the job; every event goes to `sink`. Returns the reason of its last run.

        Raises DraftscopeError for what fails before a run starts (then no run was started) and
        Cancelled likewise. An error inside a run ends that run with reason "error".
        """
        ready = self._preparation.prepare(job, loading, loaded)
        speculative = job.config.gamma > 0
        ready = self._with_costs(ready, loading)
        ready.warm(self._told(loading))
        plan = _Plan(job, ready)
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

    def check(
        self,
        job: CheckJob,
        tell: Tell = lambda stage, done, total: None,
        loading: Loading = lambda part, fraction: None,
        loaded: Loaded = lambda role, model: None,
    ) -> CheckResult:
        """Check whether a rule, with a drafter, is lossless; `tell` hears how far it is.

        Raises DraftscopeError, and Cancelled.
        """
        job = checked(job)
        ready = self._with_costs(self._preparation.prepare(job, loading, loaded), loading)
        return run_check(job, ready, self.gate, tell)

    def calibrate(
        self,
        job: Job,
        loading: Loading = lambda part, fraction: None,
        loaded: Loaded = lambda role, model: None,
    ) -> Calibration:
        """Measure what passes of the job's models cost, and remember it.

        Raises DraftscopeError, and Cancelled.
        """
        return self._costs(self._preparation.prepare(job, loading, loaded), loading, anew=True)

    def _with_costs(self, ready: Prepared, loading: Loading) -> Prepared:
        """The same, with the costs that its drafter goes by."""
        config = ready.config
        if config.gamma == 0 or not drafter_kind(config.drafter).needs_costs:
            return ready
        return replace(ready, costs=self._costs(ready, loading, anew=False))

    def _told(self, loading: Loading) -> Callable[[float], None]:
        """Hears how far the capture of rounds is; a cancelled job ends there."""

        def tell(fraction: float) -> None:
            if self.gate.cancelled:
                raise Cancelled("Cancelled while rounds were prepared.")
            loading("graphs", fraction)

        return tell

    def _costs(self, ready: Prepared, loading: Loading, *, anew: bool) -> Calibration:
        target, draft = ready.target, ready.draft
        known = self._calibrations.get(target.info, None if draft is None else draft.info)
        if known is not None and not anew:
            return known
        found = calibration.measure(
            target, draft, ready.prompt_ids, self.gate, lambda done: loading("costs", done)
        )
        if not target.info.simulated:
            self._calibrations.put(found)
        return found

    def what_if(
        self,
        job: WhatIfJob,
        loading: Loading = lambda part, fraction: None,
        loaded: Loaded = lambda role, model: None,
    ) -> WhatIfResult:
        """Recompute one round under other settings, with the draws of the job.

        Raises DraftscopeError, also for other models than the recorded ones, and Cancelled.
        """
        ready = self._with_costs(self._preparation.prepare(job, loading, loaded), loading)
        return self._reruns.run(job, ready)

    def _measure(self, plan: _Plan, sink: Sink) -> tuple[FinishReason, list[AnyEvent]]:
        """Run plain decoding, and keep its events if it came to its end."""
        job, target = plan.job, plan.target
        started = plan.started("baseline", None)
        rng = np.random.default_rng(job.config.seed)
        events = decode(
            target, None, plan.ready.rule, started.config, rng, started, self.gate.idle_ns
        )
        measured: list[AnyEvent] = []
        reason = self._drive(events, target, both(sink, measured.append))
        if reason in ("stop", "length"):
            self._baselines.put(plan.baseline_key(), measured)
        return reason, measured

    def _speculate(self, plan: _Plan, baseline: list[AnyEvent] | None, sink: Sink) -> FinishReason:
        job, target = plan.job, plan.target
        config = job.config
        started = plan.started("speculative", baseline)
        drafter = plan.ready.drafter()
        if self.gate.slow:
            self.gate.step()
        rng = np.random.default_rng(config.seed)
        events = decode(target, drafter, plan.ready.rule, config, rng, started, self.gate.idle_ns)
        if baseline is None or not config.greedy:
            return self._drive(events, target, sink)
        plain = Tally()
        for event in baseline:
            plain.apply(event)
        return self._drive(
            events, target, sink, lambda tally: plan.compare(plain.token_ids[:], tally.token_ids[:])
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
                    if isinstance(event, Verified):
                        self.gate.end_round()
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


def both(first: Sink, second: Sink) -> Sink:
    """A sink that hands every event to two."""

    def sink(event: AnyEvent) -> None:
        first(event)
        second(event)

    return sink
