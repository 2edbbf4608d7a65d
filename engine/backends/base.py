"""What the loop needs of a model, whatever library runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.errors import VocabularyError
from engine.events import ModelInfo

Logits = NDArray[np.float32]
Rows = Literal["all", "last", "none"]


class Vocabulary(Protocol):
    """The tokens of a model."""

    @property
    def size(self) -> int: ...

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end a text."""
        ...

    def name(self, token_id: int) -> str:
        """The token's entry in the vocabulary, as stored (control tokens too)."""
        ...

    def is_padding(self, token_id: int) -> bool:
        """Whether the entry only fills the table and is never produced by the tokenizer."""
        ...

    def piece(self, token_id: int, *, special: bool = False) -> bytes:
        """Bytes that the token adds to the text; control tokens add none unless `special`."""
        ...


class LanguageModel(Protocol):
    """One model with one text in its key/value cache, and for a while a tree after it. Used by one
    thread only.

    `max_rows` is the most tokens one `extend` may take (the loop feeds longer prompts in chunks).
    `max_branches` is the most leaves that a tree may have; 1: no trees. `clock` gives nanoseconds,
    `time.perf_counter_ns` unless simulated; a pair shares one clock.
    """

    info: ModelInfo
    vocabulary: Vocabulary
    context: int
    max_rows: int
    max_branches: int
    clock: Callable[[], int]

    @property
    def length(self) -> int:
        """Tokens in the cache, those of an open tree included."""
        ...

    def encode(self, text: str, *, raw: bool = False) -> list[int]:
        """Token ids of a prompt, in the model's chat template unless `raw`."""
        ...

    def extend(
        self, ids: Sequence[int], rows: Rows = "all", parents: Sequence[int] | None = None
    ) -> Logits:
        """Feed `ids` after the cached tokens; return logits [len(ids) | 1 | 0, vocabulary.size].

        parents: the ids are part of a tree. Of each one, the place of the token that it follows
        among all tokens fed with `parents` since the tree was begun (those of this call included),
        or -1 for the text before the tree; parents come before their children. The tree stays open,
        and may grow at any of its tokens in further calls with `parents`, until `keep` or
        `truncate` closes it; until then a call without `parents` raises ModelError. Each token sees
        the text and its own ancestors; every token takes a place of the context.

        The device is synchronised on return. The array is the caller's to overwrite, and may be a
        view that is valid only until the next call. Raises Cancelled after `interrupt`, ModelError
        when the library fails, for a full context, and for a tree that is malformed, has more than
        `max_branches` leaves, or more tokens in this call than one pass gives logits for (64 on
        llama.cpp). The cache and an open tree are then as before the call.
        """
        ...

    def keep(self, path: Sequence[int]) -> None:
        """Close the open tree: of its tokens, keep those at these places, root first, each the
        parent of the next; drop the others. () drops the whole tree, if one is open.

        Raises ModelError if that is no path of the tree, which then stays open.
        """
        ...

    def truncate(self, length: int) -> None:
        """Drop an open tree, and all but the first `length` tokens of the text (nothing, if it has
        no more).

        Raises ModelError if the cache cannot be rolled back.
        """
        ...

    def interrupt(self, on: bool) -> None:
        """Make a running or coming `extend` give up (on), or allow them again (off). Any thread."""
        ...

    def set_threads(self, threads: int) -> None:
        """Use so many processor threads from the next pass on; 0: all physical cores."""
        ...

    def close(self) -> None:
        """Free the model. Closing twice is harmless."""
        ...


@runtime_checkable
class HasLayers(Protocol):
    """A target whose first layers can draft for it."""

    def early_exit(self, layers: int) -> LanguageModel:
        """Its first `layers` layers and its head, sharing weights and cache; 0: a quarter of them.

        Raises ConfigError unless the model has more layers.
        """
        ...


def check_same_vocabulary(target: Vocabulary, draft: Vocabulary) -> None:
    """Raise VocabularyError unless the two agree up to padding at the end of the larger one.

    The message names the first differing token.
    """
    common = min(target.size, draft.size)
    for i in range(common):
        a, b = target.name(i), draft.name(i)
        if a != b and not (target.is_padding(i) and draft.is_padding(i)):
            raise VocabularyError(
                f"The draft has another vocabulary: token {i} is {a!r} in the target and {b!r} in "
                "the draft.",
                "Choose a draft of the same model family, or the n-gram drafter, which needs none.",
            )
    larger, which = (target, "target") if target.size > draft.size else (draft, "draft")
    for i in range(common, larger.size):
        if not larger.is_padding(i):
            raise VocabularyError(
                f"The draft has another vocabulary: only the {which} has token {i} "
                f"({larger.name(i)!r}).",
                "Choose a draft of the same model family, or the n-gram drafter, which needs none.",
            )
