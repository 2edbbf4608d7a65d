"""The drafters by name."""

from __future__ import annotations

from dataclasses import dataclass

from engine.backends.base import LanguageModel
from engine.config import Config
from engine.drafting.base import Drafter
from engine.drafting.model import ModelDrafter
from engine.drafting.ngram import NgramDrafter
from engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class DrafterKind:
    """A drafting method as the pickers show it."""

    name: str
    title: str
    needs_model: bool
    explanation: str


DRAFTERS: dict[str, DrafterKind] = {
    kind.name: kind
    for kind in (
        DrafterKind(
            "model",
            "Draft model",
            True,
            "A smaller model of the same vocabulary proposes γ tokens, one after the other.",
        ),
        DrafterKind(
            "ngram",
            "n-gram (prompt lookup)",
            False,
            "Copies what followed the same words earlier in the prompt or the output. Costs "
            "nothing, needs no second model, and helps where the text repeats itself.",
        ),
    )
}


def drafter_kind(name: str) -> DrafterKind:
    """Raises ConfigError for an unknown name."""
    if name not in DRAFTERS:
        raise ConfigError(
            f"There is no drafter {name!r}.", f"Known drafters: {', '.join(DRAFTERS)}."
        )
    return DRAFTERS[name]


def no_draft_model() -> ConfigError:
    """What is said both before anything is loaded and where the drafter is made."""
    return ConfigError(
        "The drafter 'model' needs a draft model.",
        "Choose a draft, or the drafter 'ngram', which needs none.",
    )


def make_drafter(config: Config, draft: LanguageModel | None, vocabulary_size: int) -> Drafter:
    """The drafter that the configuration names. Raises ConfigError if it lacks its model."""
    kind = drafter_kind(config.drafter)
    if kind.name == "ngram":
        return NgramDrafter(config)
    if draft is None:
        raise no_draft_model()
    return ModelDrafter(draft, config, vocabulary_size)
