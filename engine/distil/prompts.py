"""What the target is asked when it writes text: the same for the same seed."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine import corpus

_FILE = corpus.BUNDLED.parents[1] / "prompts" / "distil.toml"
_SLOT = re.compile(r"\{(\w+)\}")
_SENTENCE_END = re.compile(r"(?<=[.!?]) ")
_OF_OURS = 0.65
"""So many of the prompts are ours; in the others the target writes the user's turn itself."""
TEMPERATURES = (0.0, 0.5, 0.8, 1.0)
HELD_OUT = 20
"""Every so many-th prompt is kept out of the training, to see how it goes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt; text None: the target writes the user's turn itself. held_out: not trained on."""

    text: str | None
    temperature: float
    held_out: bool


def asked(seed: int, number: int) -> Asked:
    """The prompt with that number. Some are a user's turn that is left to the target (Magpie,
    arXiv 2406.08464): its own questions are more diverse than any list of ours. Ours bring what it
    seldom asks for: texts to copy, to correct, to translate, to sum up."""
    draw = random.Random(f"{seed} {number}")
    held_out = number % HELD_OUT == HELD_OUT - 1
    stored = _stored()
    text = _filled(draw, draw.choice(stored.templates), None) if draw.random() < _OF_OURS else None
    return Asked(text, draw.choice(TEMPERATURES), held_out)


@dataclass(frozen=True, slots=True)
class _Stored:
    """templates: with slots. scenes: sentences with slots that make a text. lists: the entries of
    each slot. texts: paragraphs of the bundled corpus."""

    templates: list[str]
    scenes: list[list[str]]
    lists: dict[str, list[str]]
    texts: list[str]


@cache
def _stored() -> _Stored:
    stored = tomllib.loads(Path(_FILE).read_text("utf-8"))
    paragraphs = [" ".join(part.split()) for part in corpus.read(corpus.BUNDLED).split("\n\n")]
    return _Stored(
        stored["templates"],
        stored["scenes"],
        {slot: entries.split("\n")[:-1] for slot, entries in stored["lists"].items()},
        [part for part in paragraphs if 120 <= len(part) <= 600],
    )


def _filled(draw: random.Random, pattern: str, chosen: dict[str, str] | None) -> str:
    """The pattern with its slots filled. chosen: entries that slots keep, if they keep them."""

    def entry(slot: re.Match[str]) -> str:
        name = slot[1]
        if chosen is not None and name in chosen:
            return chosen[name]
        found = _entry(draw, name)
        if chosen is not None:
            chosen[name] = found
        return found

    return _SLOT.sub(entry, pattern)


def _entry(draw: random.Random, name: str) -> str:
    match name:
        case "a" | "b" | "c":
            return str(draw.randint(2, 99))
        case "text":
            return _text(draw)
        case "sentence":
            return draw.choice(_SENTENCE_END.split(_text(draw)))
        case "mistakes":
            return _with_mistakes(draw, _text(draw))
        case _:
            return draw.choice(_stored().lists[name.rstrip("2")])


def _text(draw: random.Random) -> str:
    """A paragraph of the corpus, or three to five sentences of a scene."""
    stored = _stored()
    if draw.random() < 0.4:
        return draw.choice(stored.texts)
    scene = draw.choice(stored.scenes)
    taken = sorted(draw.sample(range(len(scene)), min(len(scene), draw.randint(3, 5))))
    kept: dict[str, str] = {}
    sentences = [_filled(draw, scene[i], kept) for i in taken]
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _with_mistakes(draw: random.Random, text: str) -> str:
    """The text with a letter left out, doubled or moved in some of its longer words."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) > 4 and draw.random() < 0.2:
            at = draw.randrange(1, len(word) - 2)
            middle = draw.choice(("", word[at] * 2, word[at + 1] + word[at]))
            rest = at + (2 if len(middle) == 2 and middle[0] != middle[1] else 1)
            words[i] = word[:at] + middle + word[rest:]
    return " ".join(words)
