"""Drafting by looking up what followed the same words before: prompt lookup."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.config import Config
from engine.drafting.base import Proposal
from engine.drafting.length import LengthPolicy
from engine.drafting.lookup import copied


class NgramDrafter:
    """Proposes the tokens that followed the most recent earlier occurrence of the context's end,
    longest match first (prompt lookup decoding, Saxena 2023; LLMA, arXiv 2304.04487).

    A one-hot proposal: q is None. For each length n, a table maps every n-gram of the context to
    the position after its latest occurrence, so a look-up costs O(ngram_max) however long the text.
    """

    name = "ngram"

    def __init__(self, config: Config) -> None:
        self._lengths = range(config.ngram_max, config.ngram_min - 1, -1)
        self._clear()

    def _clear(self) -> None:
        self._after: dict[tuple[int, ...], int] = {}
        self._indexed = 0

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        self._clear()
        began = time.perf_counter_ns()
        self._index(prompt)
        yield time.perf_counter_ns() - began

    def propose(
        self, context: Sequence[int], gamma: int, u: NDArray[np.float64], length: LengthPolicy
    ) -> Proposal:
        began = time.perf_counter_ns()
        self._index(context)
        for n in self._lengths:
            start = self._after.get(tuple(context[-n:])) if len(context) > n else None
            if start is not None:
                return copied(context, start, gamma, n, length, began)
        return Proposal()

    def end(self) -> None:
        self._clear()

    def _index(self, context: Sequence[int]) -> None:
        """Enter the n-grams that end before the last token (the last ones have no continuation)."""
        for end in range(max(1, self._indexed), len(context)):
            for n in self._lengths:
                if n <= end:
                    self._after[tuple(context[end - n : end])] = end
        self._indexed = max(self._indexed, len(context))
