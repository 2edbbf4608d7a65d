"""The Draft box in words: who proposed, how much, and why no more; without any Qt."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.views import format as fmt
from app.views.length_text import length_words
from engine.drafting.registry import DRAFTERS
from engine.events import ModelInfo
from engine.trace import Round, Run, TokenState
from engine.tree import depths, size_of

NAMED = {
    "ngram": "n-gram",
    "suffix": "suffix",
    "ngram-table": "n-gram table",
    "chain": "chain",
    "early-exit": "early exit",
    "auto": "auto",
}
_SUBTITLES = {
    "ngram": "copied from the text",
    "suffix": "copied from the text",
    "ngram-table": "looked up, no model",
    "chain": "n-gram first, else the model",
    "early-exit": "the target's first layers",
    "auto": "what pays most",
}
_NOTHING = {
    "ngram": "no match in the text",
    "suffix": "no match in the text",
    "ngram-table": "no match in the table",
    "auto": "nothing to copy, no draft that pays",
}


@dataclass(frozen=True)
class Chip:
    """One chip in a box. index: place in the round, as in `Cell`."""

    text: str
    state: TokenState
    index: int
    glyph: bool


@dataclass(frozen=True)
class Box:
    """Words of one box. titles, main and detail: from the longest form to the shortest; the first
    that fits is shown, and the first two boxes name their models in the same form.

    note: said in place of chips.
    """

    titles: tuple[str, ...]
    subtitle: str = ""
    chips: list[Chip] = field(default_factory=list[Chip])
    note: str = ""
    main: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()


def shows_tree(run: Run, current: Round) -> bool:
    """Whether a round is drawn as a tree: from its first token on, where siblings are to come."""
    config = run.started.config
    if current.verified is None and current.drafted:
        return current.is_tree or any(b > 1 for b in config.branches[: config.gamma])
    return current.is_tree


def is_complete(run: Run, current: Round) -> bool:
    """Whether an open round has all of its proposal, so that the target's pass is on.

    A drafter that copies may have less to propose: then nothing tells before the verdict.
    """
    config, started = run.started.config, run.started
    if config.length_policy != "fixed" or DRAFTERS[config.drafter].chooses_gamma:
        return current.length is not None
    context = started.models.target.context
    limit = min(config.max_tokens, context - len(started.prompt_ids)) if context else None
    left = (limit or config.max_tokens) - _emitted_before(run, current)
    return len(current.drafted) >= size_of(config.branches, min(config.gamma, left - 1))


def _emitted_before(run: Run, current: Round) -> int:
    return run.columns.end_tokens[current.index - 1] if current.index else 0


def draft_box(run: Run, current: Round) -> Box:
    """What the Draft box says of a round."""
    if run.started.config.gamma == 0:
        return Box(
            ("1. Draft",), "switched off", main=("plain decoding",), detail=("γ = 0",),
            note="The target decodes alone, one token with each pass.",
        )  # fmt: skip
    titles, subtitle = _names(run, current)
    drafter = run.started.config.drafter
    n, ns, chosen = len(current.drafted), current.draft_ns, current.length
    if n == 0:
        if current.verified is None and chosen is None:
            return Box(titles, subtitle, note="…")
        main = f"0 tokens in {fmt.duration(ns)}" if ns else "0 tokens"
        refused = chosen is not None and chosen.reason != "no match"
        why = "none was worth its time" if drafter == "auto" else "the length policy wanted none"
        note = f"no proposal\n{why}" if refused else "no proposal"
        return Box(titles, subtitle, note=note, main=(main,), detail=_nothing(run, current))
    chips = [
        Chip(d.piece or run.label(d.id), TokenState.PENDING, d.index, False)
        for d in current.drafted
    ]
    took = fmt.duration(ns)
    main = (f"{fmt.count(n, 'token')} in {took}", f"{n} in {took}")
    if shows_tree(run, current):
        leaves = n - len(set(current.parents) - {-1})
        main = (f"{fmt.count(n, 'token')}, {fmt.count(leaves, 'leaf', 'leaves')} in {took}", *main)
    detail = () if chosen is None else length_words(chosen)
    return Box(titles, subtitle, chips, main=main, detail=detail or _each(run, current))


def _each(run: Run, current: Round) -> tuple[str, ...]:
    """How long a token took, and what tells of this proposal."""
    n = len(current.drafted)
    each = f"{fmt.duration(current.draft_ns / n)} each" if n > 1 else ""
    match = current.drafted[0].match
    told = f"match of {fmt.count(match, 'token')}" if match else ""
    if shows_tree(run, current):
        told = f"depth {max(depths(current.parents))}"
    return (f"{told} · {each}", told) if told and each else (told or each,)


def _nothing(run: Run, current: Round) -> tuple[str, ...]:
    """Why nothing was proposed."""
    config, chosen = run.started.config, current.length
    if chosen is not None and chosen.reason != "no match":
        return length_words(chosen)
    if _emitted_before(run, current) == config.max_tokens - 1:
        return ("the last token needs no draft",)
    return (_NOTHING.get(config.drafter, "the draft's context is full"),)


def _names(run: Run, current: Round) -> tuple[tuple[str, ...], str]:
    """Titles from the longest to the shortest, and the subtitle. A chain names the one of its two
    drafters that made the proposal."""
    config, models = run.started.config, run.started.models
    drafter = config.drafter
    origin = current.drafted[0].origin if current.drafted else ""
    maker = origin or drafter
    names = _of_model(models.draft) if maker == "model" else (NAMED.get(maker, maker),)
    titles = [f"1. Draft · {name}" for name in names]
    if origin and origin != drafter:
        prefix = NAMED.get(drafter, drafter)
        titles = [f"1. Draft · {prefix}: {names[0]}", f"1. Draft · {prefix}: {names[-1]}"]
    if len(titles) == 1:
        titles *= 2  # the target has two forms of its name
    return (*titles, "1. Draft"), _SUBTITLES.get(maker, "fast, approximate")


def _of_model(model: ModelInfo | None) -> tuple[str, ...]:
    return ("model",) if model is None else (model.name, fmt.short_name(model))
