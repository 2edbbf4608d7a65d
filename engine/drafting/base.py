"""What the loop needs of a drafter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.drafting.length import LengthPolicy
from engine.events import Top
from engine.tree import Parents
from engine.verify import RowsOf


@dataclass(slots=True)
class Proposal:
    """Drafted tokens and what they were drawn from.

    q: a row [V] for each token, the very distribution that it was drawn from (of a later sibling:
    without its elder siblings), or None for a one-hot proposal. draft_ns: forward time of each
    token (the first includes catching up with the tokens of the last verdict). tops: candidates for
    display. source: span of context positions that the proposal copies. match: tokens at the
    context's end that were found again. origin: which of a chain's drafters made it. parents: None
    for a chain of tokens. wasted_ns: forward time of a pass whose token was not proposed.
    """

    ids: list[int] = field(default_factory=list[int])
    q: RowsOf | None = None
    draft_ns: list[int] = field(default_factory=list[int])
    tops: list[Top] = field(default_factory=list[Top])
    source: tuple[int, int] | None = None
    match: int = 0
    origin: str = ""
    parents: Parents | None = None
    wasted_ns: int = 0


class Drafter(Protocol):
    """Proposes continuations. Rewound by `end`, so that it can serve the next run."""

    name: str

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        """Take in the prompt, yielding after each chunk the nanoseconds of forward time it took."""
        ...

    def propose(
        self, context: Sequence[int], gamma: int, u: NDArray[np.float64], length: LengthPolicy
    ) -> Proposal:
        """At most `gamma` tokens on a path to follow `context` (prompt and output), from draws
        u [one for each token]; fewer where `length` says so before one is drawn."""
        ...

    def end(self) -> None:
        """Forget the run (rewind caches)."""
        ...


@runtime_checkable
class ChoosesLength(Protocol):
    """A drafter that decides by itself how long its proposals are: `length` tells of it, and learns
    what became of each round, in place of the run's length policy."""

    @property
    def length(self) -> LengthPolicy: ...
