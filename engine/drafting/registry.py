"""The drafters by name."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from engine.backends.base import LanguageModel
from engine.config import Config
from engine.drafting.auto import AutoDrafter
from engine.drafting.base import Drafter
from engine.drafting.chain import ChainDrafter
from engine.drafting.model import ModelDrafter
from engine.drafting.ngram import NgramDrafter
from engine.drafting.suffix import SuffixDrafter
from engine.drafting.table import NgramTable, TableDrafter
from engine.errors import ConfigError
from engine.events import Calibration

CHAIN_MATCH = 3
"""Shortest match for which a chain copies instead of asking its model: shorter ones are mostly
accidents, and the model does better."""


@dataclass(frozen=True, slots=True)
class DrafterKind:
    """A drafting method as the pickers show it.

    gamma_max: its longest proposal. has_q: it draws from a distribution of its own, which rules and
    length policies can read; a chain has one in some rounds only, so it counts as having none.
    trees: it can propose siblings. needs_table: it needs an n-gram table. may_use_model: it makes
    use of a draft model if there is one. chooses_gamma: it decides the length of each proposal by
    itself, up to γ; no length policy is asked. needs_costs: it goes by a calibration. needs_layers:
    it drafts with layers of the target itself.
    """

    name: str
    title: str
    explanation: str
    source: str
    needs_model: bool = False
    needs_table: bool = False
    has_q: bool = False
    trees: bool = False
    gamma_max: int = 16
    may_use_model: bool = False
    chooses_gamma: bool = False
    needs_costs: bool = False
    needs_layers: bool = False


DRAFTERS: dict[str, DrafterKind] = {
    kind.name: kind
    for kind in (
        DrafterKind(
            "model",
            "Draft model",
            "A smaller model of the same vocabulary proposes γ tokens, one after the other.",
            "arXiv 2211.17192",
            needs_model=True,
            has_q=True,
            trees=True,
        ),
        DrafterKind(
            "ngram",
            "n-gram (prompt lookup)",
            "Copies what followed the same words earlier in the prompt or the output. Costs "
            "nothing, needs no second model, and helps where the text repeats itself.",
            "arXiv 2304.04487; prompt lookup decoding, Saxena 2023",
            gamma_max=32,
        ),
        DrafterKind(
            "suffix",
            "Suffix automaton",
            "Finds the longest end of the text that occurred before, however long, and copies what "
            "followed it. Like the n-gram drafter without a limit on the match.",
            "arXiv 2411.04975",
            gamma_max=32,
        ),
        DrafterKind(
            "chain",
            "Chain: n-gram, then model",
            "Copies where at least three words match, which costs nothing, and asks the draft "
            "model everywhere else.",
            "arXiv 2304.04487, 2211.17192",
            needs_model=True,
        ),
        DrafterKind(
            "ngram-table",
            "n-gram table",
            "Draws from counts of what followed the same words in a training text. No second "
            "model, a draft step of microseconds, and a true q.",
            "back-off counts: Ney, Essen and Kneser 1994; arXiv 2211.17192, section 4.2",
            needs_table=True,
            has_q=True,
            trees=True,
        ),
        DrafterKind(
            "early-exit",
            "Early exit",
            "Drafts with the target's own first layers and its head: no second model, shared "
            "weights, a shared cache. Pays where the late layers change little.",
            "arXiv 2309.08168; arXiv 2404.16710",
            has_q=True,
            needs_layers=True,
        ),
        DrafterKind(
            "auto",
            "Auto: what pays most",
            "Decides in every round between a copy, the draft model and plain decoding, and how "
            "many tokens, by costs that were measured and chances that it learns. γ is the most "
            "that it may propose.",
            "the marginal form of the cost model, arXiv 2211.17192, section 3.3",
            may_use_model=True,
            chooses_gamma=True,
            needs_costs=True,
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


def no_draft_model(drafter: str) -> ConfigError:
    """What is said both before anything is loaded and where the drafter is made."""
    return ConfigError(
        f"The drafter {drafter!r} needs a draft model.",
        "Choose a draft, or the drafter 'ngram', which needs none.",
    )


def make_drafter(
    config: Config,
    draft: LanguageModel | None,
    vocabulary_size: int,
    table: NgramTable | None = None,
    costs: Calibration | None = None,
) -> Drafter:
    """The drafter that the configuration names. Raises ConfigError if it lacks its model, its table
    or its costs."""
    match drafter_kind(config.drafter).name:
        case "ngram":
            return NgramDrafter(config)
        case "suffix":
            return SuffixDrafter(config)
        case "ngram-table":
            if table is None:
                raise ConfigError(
                    "The drafter 'ngram-table' has no table.", "Give a text to count (--corpus)."
                )
            return TableDrafter(config, table, vocabulary_size)
        case "auto":
            if costs is None:
                raise ConfigError("The drafter 'auto' has no costs to go by.", "Calibrate first.")
            model = None if draft is None else ModelDrafter(draft, config, vocabulary_size)
            return AutoDrafter(config, costs, model)
        case _:
            pass
    if draft is None:
        raise no_draft_model(config.drafter)
    model = ModelDrafter(draft, config, vocabulary_size)
    if config.drafter in ("model", "early-exit"):
        return model
    low = max(config.ngram_min, CHAIN_MATCH)
    matching = msgspec.structs.replace(config, ngram_min=low, ngram_max=max(config.ngram_max, low))
    return ChainDrafter(NgramDrafter(matching), model)
