"""What the person has set up: everything that a run needs, as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from engine.config import Config, ModelSpec
from engine.errors import DraftscopeError
from engine.events import RunStarted
from engine.job import Job
from engine.presets import first_prompt

Measure = Literal["measure", "reuse", "none"]
Field = Literal["prompt", "draft", "drafter", "rule", "sampling"]
TOY = "toy"


class Setup(msgspec.Struct, frozen=True):
    """The setup panel and the two pickers.

    target and draft: a file, `toy`, or "" for the embedded model; draft None: no draft chosen.
    threads 0: `window_threads()`. context 0 and gpu_layers -1: the backend's choice.
    """

    prompt: str = ""
    raw: bool = False
    target: str = ""
    draft: str | None = None
    config: Config = Config(drafter="ngram")
    measure: Measure = "measure"
    threads: int = 0
    gpu_layers: int = -1
    context: int = 0

    def job(self, recording: Path | None) -> Job:
        """What Run asks the engine for."""

        def spec(source: str) -> ModelSpec:
            return ModelSpec(
                source=source,
                threads=self.threads or window_threads(),
                gpu_layers=self.gpu_layers,
                context=self.context,
            )

        return Job(
            prompt=self.prompt,
            config=self.config,
            target=spec(self.target),
            draft=None if self.draft is None else spec(self.draft),
            raw=self.raw,
            baseline=self.measure,
            recording=recording,
        )

    def recorded(self, started: RunStarted) -> Setup:
        """This setup with the settings of a recorded run. A recording names no model files and
        does not say whether its prompt was raw: those stay as they are."""
        return msgspec.structs.replace(self, prompt=started.prompt, config=started.config)


def window_threads() -> int:
    """Threads of the engine beside a window: a core is kept for the window."""
    from engine.host import physical_cores

    return max(1, physical_cores() - 1)


def problems(setup: Setup) -> dict[Field, str]:
    """What would stop a run, in the engine's own words, by the field to look at."""
    from engine.drafting.registry import drafter_kind
    from engine.rules import rule_named

    found: dict[Field, str] = {}
    config = setup.config
    if not setup.prompt.strip():
        found["prompt"] = "The prompt is empty. Write one, or choose a preset."
    try:
        rule_named(config.rule, config.temperature)
    except DraftscopeError as error:
        found["rule"] = f"{error.message} {error.hint}"
    try:
        if config.gamma and drafter_kind(config.drafter).needs_model and setup.draft is None:
            found["draft"] = "This drafter needs a draft model: choose one in the toolbar."
    except DraftscopeError as error:
        found["drafter"] = f"{error.message} {error.hint}"
    try:
        config.validated()
    except DraftscopeError as error:
        found["sampling"] = f"{error.message} {error.hint}"
    return found


def default_setup() -> Setup:
    """The first start: a prompt that repeats itself, so that prompt lookup shows what it can do;
    the embedded model, or the toy pair where it is not installed. γ is 7: look-ups cost nothing,
    and kernels for eight tokens are often as fast as those for fewer."""
    from engine.backends.registry import embedded_model

    setup = Setup(prompt=first_prompt(), config=Config(drafter="ngram", gamma=7))
    try:
        embedded_model()
    except DraftscopeError:
        return with_target(setup, TOY)
    return setup


def with_target(setup: Setup, source: str) -> Setup:
    """Another target. The toy models come as a pair: neither shares a vocabulary with others."""
    setup = msgspec.structs.replace(setup, target=source)
    if source == TOY:
        return with_draft(setup, TOY)
    if setup.draft == TOY:
        return with_draft(setup, None)
    return setup


def with_draft(setup: Setup, source: str | None) -> Setup:
    """Another draft, and a drafter that uses it, or none and one that needs none."""
    from engine.drafting.registry import DRAFTERS

    drafter = setup.config.drafter
    needs = drafter in DRAFTERS and DRAFTERS[drafter].needs_model
    if source is not None and not needs:
        drafter = "model"
    elif source is None and needs:
        drafter = "ngram"
    config = msgspec.structs.replace(setup.config, drafter=drafter)
    return msgspec.structs.replace(setup, draft=source, config=config)


def uses_draft(setup: Setup) -> bool:
    """Whether a run would load the draft model."""
    from engine.drafting.registry import DRAFTERS

    kind = DRAFTERS.get(setup.config.drafter)
    return setup.config.gamma > 0 and (kind is None or kind.needs_model)
