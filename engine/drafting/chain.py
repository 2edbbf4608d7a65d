"""Two drafters in a row: copy where the text repeats itself, ask a model elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.drafting.base import Drafter, Proposal
from engine.drafting.length import LengthPolicy


class ChainDrafter:
    """Proposes with `first`, and with `second` where the first finds nothing.

    Each proposal keeps its own q (one-hot or a row), so any rule that judges both judges the chain.
    Which drafter is asked depends on the context alone, never on a draw: nothing is biased.
    """

    name = "chain"

    def __init__(self, first: Drafter, second: Drafter) -> None:
        self._first = first
        self._second = second

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        yield from self._first.begin(prompt)
        yield from self._second.begin(prompt)

    def propose(
        self, context: Sequence[int], gamma: int, u: NDArray[np.float64], length: LengthPolicy
    ) -> Proposal:
        proposal = self._first.propose(context, gamma, u, length)
        proposal.origin = self._first.name
        # A match without ids: found, but the policy wants no token. It is not asked again.
        if not proposal.ids and not proposal.match:
            proposal = self._second.propose(context, gamma, u, length)
            proposal.origin = self._second.name
        return proposal

    def end(self) -> None:
        try:
            self._first.end()
        finally:
            self._second.end()
