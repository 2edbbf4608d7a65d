"""Drafting by copying after the longest match in the context."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.config import Config
from engine.drafting.base import Proposal
from engine.drafting.length import LengthPolicy
from engine.drafting.lookup import copied
from engine.drafting.suffix_automaton import SuffixAutomaton

_CHUNK = 4096


class SuffixDrafter:
    """Proposes the tokens that followed the longest suffix of the context that occurred before,
    `ngram_min` tokens at least (SAM decoding, arXiv 2411.04975).

    Like prompt lookup without a bound on the match, at the same cost: a suffix automaton of prompt
    and output, extended by each token. Of several occurrences it takes the most recent that the
    automaton knows in constant time. A one-hot proposal: q is None.
    """

    name = "suffix"

    def __init__(self, config: Config) -> None:
        self._minimum = config.ngram_min
        self._automaton = SuffixAutomaton()

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        self.end()
        for start in range(0, len(prompt), _CHUNK):
            began = time.perf_counter_ns()
            self._automaton.extend(prompt[start : start + _CHUNK])
            yield time.perf_counter_ns() - began

    def propose(
        self, context: Sequence[int], gamma: int, u: NDArray[np.float64], length: LengthPolicy
    ) -> Proposal:
        began = time.perf_counter_ns()
        automaton = self._automaton
        automaton.extend(context[automaton.size :])
        match, start = automaton.match, automaton.after
        if match < self._minimum:
            return Proposal()
        # In text that repeats itself the match overlaps the context's end, and little follows it.
        # Whole periods further back the same words stand, and enough of them.
        period = len(context) - start
        back = min((gamma - 1) // period, (match - self._minimum) // period) * period
        return copied(context, start - back, gamma, match - back, length, began)

    def end(self) -> None:
        self._automaton = SuffixAutomaton()
