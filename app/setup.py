"""What the person has set up: everything that a run needs, as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from app.sources import TOY, Library, library_of
from engine.backends.registry import EMBEDDED_DRAFT
from engine.config import Config, ModelSpec
from engine.errors import DraftscopeError
from engine.events import RunStarted
from engine.job import Job
from engine.lab.result import CheckJob
from engine.presets import first_prompt

Measure = Literal["measure", "reuse", "none"]
Field = Literal[
    "prompt", "draft", "drafter", "corpus", "gamma", "length_policy", "branches", "rule", "sampling"
]


class Setup(msgspec.Struct, frozen=True):
    """The setup panel and the two pickers.

    target and draft: a source as of `ModelSpec`; draft None: no draft chosen. corpus: the text that
    an n-gram table counts, a file, or "" for the bundled one. threads 0: `window_threads()`.
    context 0, gpu_layers -1, device and precision "auto": the backend's choice.
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
    corpus: str = ""
    device: str = "auto"
    precision: str = "auto"

    @property
    def libraries(self) -> frozenset[Library]:
        """What runs the chosen models."""
        sources = [self.target] if self.draft is None else [self.target, self.draft]
        return frozenset(library_of(source) for source in sources)

    def job(self, recording: Path | None) -> Job:
        """What Run asks the engine for."""
        return Job(
            prompt=self.prompt,
            config=self.config,
            target=self._spec(self.target),
            draft=None if self.draft is None else self._spec(self.draft),
            raw=self.raw,
            baseline=self.measure,
            recording=recording,
            corpus=Path(self.corpus) if self.corpus else None,
        )

    def check(self, samples: int, tokens: int) -> CheckJob:
        """What the losslessness lab asks the engine for."""
        return CheckJob(
            prompt=self.prompt,
            config=self.config,
            target=self._spec(self.target),
            draft=None if self.draft is None else self._spec(self.draft),
            raw=self.raw,
            corpus=Path(self.corpus) if self.corpus else None,
            samples=samples,
            tokens=tokens,
        )

    def _spec(self, source: str) -> ModelSpec:
        return ModelSpec(
            source=source,
            threads=self.threads or window_threads(),
            gpu_layers=self.gpu_layers,
            context=self.context,
            device=self.device,
            precision=self.precision,
        )

    def recorded(self, started: RunStarted) -> Setup:
        """This setup with the settings of a recorded run. A recording names no model files and
        does not say whether its prompt was raw: those stay as they are."""
        return msgspec.structs.replace(self, prompt=started.prompt, config=started.config)


def window_threads() -> int:
    """Threads of the engine beside a window: a core is kept for the window."""
    from engine.host import physical_cores

    return max(1, physical_cores() - 1)


_PLAIN: dict[Field, Any] = {
    "branches": (),
    "length_policy": "fixed",
    "rule": "rejection",
    "gamma": 1,
    "drafter": "ngram",
}
"""What stops no run, for each field of a configuration that can."""


def problems(setup: Setup) -> dict[Field, str]:
    """What would stop a run, in the engine's own words, by the field to look at."""
    from engine.drafting.registry import DRAFTERS, no_draft_model

    found: dict[Field, str] = {}
    config = setup.config
    if not setup.prompt.strip():
        found["prompt"] = "The prompt is empty. Write one, or choose a preset."
    error = refused(config)
    if error is not None:
        found[_field_of(config, error)] = f"{error.message} {error.hint}"
    kind = DRAFTERS.get(config.drafter)
    if config.gamma and kind is not None:
        if kind.needs_model and setup.draft is None:
            error = no_draft_model(kind.name)
            found["draft"] = f"{error.message} {error.hint}"
        if kind.needs_layers and library_of(setup.target) != "hf":
            found["drafter"] = (
                f"The drafter {kind.name!r} runs layers of the target alone, which only Hugging "
                "Face models can. Choose one as the target, or another drafter."
            )
        if kind.needs_table and setup.corpus and not Path(setup.corpus).is_file():
            name = Path(setup.corpus).name
            found["corpus"] = f"{name} is no longer there. Choose another text."
    try:
        config.validated()
    except DraftscopeError as error:
        found["sampling"] = f"{error.message} {error.hint}"
    return found


def refused(config: Config) -> DraftscopeError | None:
    """What the engine says against a combination of methods."""
    from engine.methods import check

    try:
        check(config)
    except DraftscopeError as error:
        return error
    return None


def _field_of(config: Config, error: DraftscopeError) -> Field:
    """The field that an error is about: the first with which the error goes when it is plain."""
    for field, plain in _PLAIN.items():
        other = refused(msgspec.structs.replace(config, **{field: plain}))
        if other is None or other.message != error.message:
            return field
    return "drafter"


def is_lossless(config: Config) -> bool:
    """Whether a run would follow the target's own law; plain decoding always does."""
    from engine.rules import RULES

    return config.gamma == 0 or RULES[config.rule].lossless_in(config)


def default_setup() -> Setup:
    """The first start: the embedded model with the draft that was distilled from it, or the toy
    pair where it is not installed. γ is 3, so that whole proposals pass now and then."""
    from engine.backends.registry import embedded_draft, embedded_model

    config = Config(drafter="model", gamma=3)
    setup = Setup(prompt=first_prompt(), draft=EMBEDDED_DRAFT, config=config)
    try:
        embedded_model()
        embedded_draft()
    except DraftscopeError:
        return with_target(setup, TOY)
    return setup


def with_target(setup: Setup, source: str) -> Setup:
    """Another target. The toy models come as a pair: neither shares a vocabulary with others."""
    setup = msgspec.structs.replace(setup, target=source)
    if source == TOY:
        return with_draft(setup, TOY)
    if setup.draft == TOY or (setup.draft == EMBEDDED_DRAFT and source != ""):
        return with_draft(setup, None)
    return setup


def with_draft(setup: Setup, source: str | None) -> Setup:
    """Another draft, and a drafter that uses it, or none and one that needs none."""
    from engine.drafting.registry import DRAFTERS

    drafter = setup.config.drafter
    kind = DRAFTERS.get(drafter)
    needs = kind is not None and kind.needs_model
    if source is not None and not needs and not (kind is not None and kind.may_use_model):
        drafter = "model"
    elif source is None and needs:
        drafter = "ngram"
    gamma = setup.config.gamma
    if drafter in DRAFTERS:
        gamma = min(gamma, DRAFTERS[drafter].gamma_max)
    config = msgspec.structs.replace(setup.config, drafter=drafter, gamma=gamma)
    return msgspec.structs.replace(setup, draft=source, config=config)


def uses_draft(setup: Setup) -> bool:
    """Whether a run would load the draft model."""
    from engine.drafting.registry import DRAFTERS

    kind = DRAFTERS.get(setup.config.drafter)
    if kind is None or kind.needs_model:
        return setup.config.gamma > 0
    return setup.config.gamma > 0 and kind.may_use_model and setup.draft is not None
