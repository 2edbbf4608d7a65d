"""Where two runs' texts part, and how they differ from there on: token ids, never characters.

Pure functions of token ids and of runs; no Qt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import Literal, NamedTuple

from engine.trace import Run

LIMIT = 2_000
"""Tokens of each text that are matched, counted from where they part: matching takes time that
grows with the square of it (0.1 s here)."""
WORDS = 6
"""Words quoted before a difference."""
AFTER = 4
"""Tokens quoted after it."""

SpanKind = Literal["equal", "changed", "added", "removed"]
_KINDS: dict[str, SpanKind] = {
    "equal": "equal",
    "replace": "changed",
    "insert": "added",
    "delete": "removed",
}


class Span(NamedTuple):
    """Tokens [start, stop) of the reference, and [other_start, other_stop) of the other run.

    added: only the other run has them. removed: only the reference. changed: each has its own.
    """

    kind: SpanKind
    start: int
    stop: int
    other_start: int
    other_stop: int


def first_difference(first: Sequence[int], second: Sequence[int]) -> int | None:
    """The first place where two texts have different tokens.

    None: one begins with the whole other. Runs may end at different lengths: that is agreement.
    """
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), None)


def spans(first: Sequence[int], second: Sequence[int], limit: int = LIMIT) -> list[Span]:
    """The difference of two token sequences, in order and without gaps.

    Matched from where they part, and for `limit` tokens of each: what is beyond is in no span.
    """
    at = first_difference(first, second)
    if at is None:
        at = min(len(first), len(second))
    found = [Span("equal", 0, at, 0, at)] if at else []
    ours, theirs = list(first[at : at + limit]), list(second[at : at + limit])
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    found += [
        Span(_KINDS[tag], at + a, at + b, at + c, at + d)
        for tag, a, b, c, d in matcher.get_opcodes()
    ]
    return found


@dataclass(frozen=True, slots=True)
class Parting:
    """The first difference. index: of the token in the output, from 0.

    piece, other_piece: the two tokens. before: the words that both wrote just before. after,
    other_after: how each goes on.
    """

    index: int
    piece: str
    other_piece: str
    before: str
    after: str
    other_after: str


WhyNot = Literal["", "prompts", "tokens"]
"""Why two texts are not compared: other prompts, or one prompt in other tokens."""


@dataclass(frozen=True, slots=True)
class TextDifference:
    """What another run's text has to do with the reference's.

    common: tokens at the start in which they agree. parting: None where one is the beginning of the
    other, or where they are not compared. whole: the spans reach to the end of both texts.
    """

    why_not: WhyNot
    common: int = 0
    parting: Parting | None = None
    spans: tuple[Span, ...] = ()
    whole: bool = True

    @property
    def same(self) -> bool:
        """Every token is the same."""
        return not self.why_not and self.whole and all(s.kind == "equal" for s in self.spans)


def compare_texts(reference: Run, other: Run, limit: int = LIMIT) -> TextDifference:
    """How `other`'s tokens differ from the reference's."""
    a, b = reference.started, other.started
    if a.prompt_ids != b.prompt_ids:
        return TextDifference("tokens" if a.prompt == b.prompt else "prompts")
    known = other.pieces
    if any(known.get(token, piece) != piece for token, piece in reference.pieces.items()):
        return TextDifference("tokens")  # two vocabularies: an id says nothing
    ours, theirs = reference.token_ids, other.token_ids
    at = first_difference(ours, theirs)
    common = min(len(ours), len(theirs)) if at is None else at
    found = tuple(spans(ours, theirs, limit))
    ends = (found[-1].stop, found[-1].other_stop) if found else (0, 0)
    parting = None if at is None else _parting(reference, other, at)
    return TextDifference("", common, parting, found, ends == (len(ours), len(theirs)))


def _parting(reference: Run, other: Run, at: int) -> Parting:
    return Parting(
        index=at,
        piece=reference.label(reference.token_ids[at]),
        other_piece=other.label(other.token_ids[at]),
        before=_last_words("".join(reference.text_parts[max(at - 4 * WORDS, 0) : at])),
        after=text_between(reference, at + 1, at + 1 + AFTER),
        other_after=text_between(other, at + 1, at + 1 + AFTER),
    )


def _last_words(text: str) -> str:
    """The end of a text, from the start of a word on."""
    words = text.split(" ")
    return text if len(words) <= WORDS else " ".join(words[-WORDS:])


def text_between(run: Run, start: int, stop: int) -> str:
    """What a run's tokens [start, stop) say."""
    return "".join(run.text_parts[max(start, 0) : stop])


def pieces_between(run: Run, start: int, stop: int) -> str:
    """The same with what has no text of its own: end marks, parts of characters."""
    ids = islice(run.token_ids, start, stop)
    return "".join(
        part or run.label(token)
        for part, token in zip(run.text_parts[start:stop], ids, strict=True)
    )
