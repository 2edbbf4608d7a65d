"""A draft that knows fewer tokens than its target, seen as one that knows them all: what it lacks
has the logit -inf, and is read as a similar token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from engine.backends.base import LanguageModel, Logits, Rows, Vocabulary, check_same_vocabulary
from engine.errors import VocabularyError
from engine.events import ModelInfo
from engine.trimming import Trimming


@runtime_checkable
class MayBeTrimmed(Protocol):
    """A model whose files may say that its vocabulary is a part of another one."""

    @property
    def trimming(self) -> Trimming | None: ...


def fitted(draft: LanguageModel, target: LanguageModel) -> LanguageModel:
    """The draft in the target's vocabulary. Raises VocabularyError, with the first differing token,
    if it has another one."""
    trimming = draft.trimming if isinstance(draft, MayBeTrimmed) else None
    if trimming is None:
        check_same_vocabulary(target.vocabulary, draft.vocabulary)
        return draft
    ours = draft.vocabulary
    for own, kept in enumerate(trimming.kept.tolist()):
        name = target.vocabulary.name(kept) if kept < target.vocabulary.size else None
        if name != ours.name(own):
            raise VocabularyError(
                f"The draft's tokens were taken from another vocabulary: token {kept} is {name!r} "
                f"in the target and {ours.name(own)!r} in the draft.",
                "Choose the target that the draft was made for, or make one for this target.",
            )
    return TrimmedModel(draft, trimming, target.vocabulary)


class TrimmedModel:
    """Implements `engine.backends.base.LanguageModel` in the target's token ids; owns nothing."""

    def __init__(self, draft: LanguageModel, trimming: Trimming, target: Vocabulary) -> None:
        self._draft = draft
        self._trimming = trimming
        size = min(trimming.size, target.size)
        self.vocabulary: Vocabulary = _Part(target, size)
        self.context: int = draft.context
        self.max_rows: int = draft.max_rows
        self.max_branches: int = draft.max_branches
        self.clock: Callable[[], int] = draft.clock
        self.info: ModelInfo = draft.info
        self._known = trimming.kept[trimming.kept < size].astype(np.intp)
        self._rows = np.empty((1, size), np.float32)

    @property
    def length(self) -> int:
        return self._draft.length

    def encode(self, text: str, *, raw: bool = False) -> list[int]:
        """In the draft's own tokens, told by the target's ids: where it lacks one, several."""
        return self._trimming.kept[self._draft.encode(text, raw=raw)].tolist()

    def extend(
        self, ids: Sequence[int], rows: Rows = "all", parents: Sequence[int] | None = None
    ) -> Logits:
        """Logits [rows, V]; -inf for tokens that the draft lacks."""
        own = self._trimming.own[np.asarray(ids, np.int64)].tolist()
        found = self._draft.extend(own, rows, parents)
        if len(found) > len(self._rows):
            self._rows = np.empty((len(found), self.vocabulary.size), np.float32)
        logits = self._rows[: len(found)]  # used up by the next call, as the draft's own are
        logits.fill(-np.inf)
        logits[:, self._known] = found[:, : len(self._known)]
        return logits

    def keep(self, path: Sequence[int]) -> None:
        self._draft.keep(path)

    def truncate(self, length: int) -> None:
        self._draft.truncate(length)

    def interrupt(self, on: bool) -> None:
        self._draft.interrupt(on)

    def set_threads(self, threads: int) -> None:
        self._draft.set_threads(threads)
        self.info = self._draft.info

    def close(self) -> None:
        self._draft.close()


class _Part:
    """The first tokens of a vocabulary."""

    def __init__(self, whole: Vocabulary, size: int) -> None:
        self._whole = whole
        self.size: int = size
        self.end_ids: frozenset[int] = frozenset(i for i in whole.end_ids if i < size)

    def name(self, token_id: int) -> str:
        return self._whole.name(token_id)

    def is_padding(self, token_id: int) -> bool:
        return self._whole.is_padding(token_id)

    def piece(self, token_id: int, *, special: bool = False) -> bytes:
        return self._whole.piece(token_id, special=special)
