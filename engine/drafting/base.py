"""What the loop needs of a drafter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.events import Top
from engine.verify import RowsOf


@dataclass(slots=True)
class Proposal:
    """Drafted tokens and what they were drawn from.

    q: rows [γ, V], or None for a one-hot proposal. draft_ns: forward time of each token (the first
    includes catching up with the tokens of the last verdict). tops: candidates for display.
    source: span of context positions that an n-gram proposal copies.
    """

    ids: list[int] = field(default_factory=list[int])
    q: RowsOf | None = None
    draft_ns: list[int] = field(default_factory=list[int])
    tops: list[Top] = field(default_factory=list[Top])
    source: tuple[int, int] | None = None


class Drafter(Protocol):
    """Proposes continuations. Rewound by `end`, so that it can serve the next run."""

    name: str

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        """Take in the prompt, yielding after each chunk the nanoseconds of forward time it took."""
        ...

    def propose(self, context: Sequence[int], gamma: int, u: NDArray[np.float64]) -> Proposal:
        """At most `gamma` tokens to follow `context` (prompt and output), from draws u [gamma]."""
        ...

    def end(self) -> None:
        """Forget the run (rewind caches)."""
        ...
