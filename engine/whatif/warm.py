"""A model that keeps its text between rounds that begin alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.backends.base import LanguageModel, Logits, Rows


class WarmModel:
    """A `LanguageModel` over another one, which forgets nothing when it is rewound: what is fed
    again without asking for its logits costs no pass. The loop prefills each round it decodes; one
    what-if after another begins with the same text.

    Others may use the model in between: it is then empty, and what was held is forgotten.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.info = model.info
        self.vocabulary = model.vocabulary
        self.context = model.context
        self.max_rows = model.max_rows
        self.max_branches = model.max_branches
        self.clock = model.clock
        self._held: list[int] = []  # the text in the model's cache
        self._seen = 0  # so much of it is there for the user of this
        self._tree: list[int] = []

    @property
    def length(self) -> int:
        return self._seen + len(self._tree)

    def wake(self) -> None:
        """Before each use: see whether the cache is still as it was left."""
        self.info, self.context = self.model.info, self.model.context
        self._seen, self._tree = 0, []
        if self.model.length != len(self._held):
            self.forget()

    def forget(self) -> None:
        """Empty the model's cache."""
        self._held, self._seen, self._tree = [], 0, []
        self.model.truncate(0)

    def encode(self, text: str, *, raw: bool = False) -> list[int]:
        return self.model.encode(text, raw=raw)

    def extend(
        self, ids: Sequence[int], rows: Rows = "all", parents: Sequence[int] | None = None
    ) -> Logits:
        if rows == "none" and parents is None:
            ids = ids[self._pass_over(ids) :]
            if not ids:
                return np.empty((0, self.vocabulary.size), np.float32)
        if len(self._held) > self._seen and not self._tree:
            self.model.truncate(self._seen)
            del self._held[self._seen :]
        if parents is not None:
            logits = self.model.extend(ids, rows, parents)
            self._tree += ids
            return logits
        logits = self.model.extend(ids, rows)
        self._held += ids
        self._seen = len(self._held)
        return logits

    def keep(self, path: Sequence[int]) -> None:
        self.model.keep(path)
        if not self._tree:
            return
        self._held += [self._tree[i] for i in path]
        self._seen, self._tree = len(self._held), []

    def truncate(self, length: int) -> None:
        if self._tree:
            self.keep(())
        self._seen = min(self._seen, length)

    def interrupt(self, on: bool) -> None:
        self.model.interrupt(on)

    def set_threads(self, threads: int) -> None:
        self.model.set_threads(threads)

    def close(self) -> None:
        """The model belongs to whoever loaded it."""

    def _pass_over(self, ids: Sequence[int]) -> int:
        """How many of the ids are held already."""
        n = 0
        for held, token in zip(self._held[self._seen :], ids, strict=False):
            if held != token:
                break
            n += 1
        self._seen += n
        return n
