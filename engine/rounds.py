"""Rounds and tokens as the fold of a run makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import msgspec

from engine.events import Drafted, Judged, LengthChosen, Verified
from engine.tally import path_of


class TokenState(IntEnum):
    """What became of a token (see the colour and glyph of each in the app's theme)."""

    PENDING = 0
    ACCEPTED = 1
    REJECTED = 2
    DISCARDED = 3
    RESAMPLED = 4
    BONUS = 5

    @property
    def emitted(self) -> bool:
        return self in _EMITTED


_EMITTED = (TokenState.ACCEPTED, TokenState.RESAMPLED, TokenState.BONUS)


class Cell(msgspec.Struct, frozen=True, gc=False):
    """One token as the views show it. index: place in the proposal; the added token has index γ_r,
    the number of tokens drafted in that round."""

    text: str
    state: TokenState
    round: int
    index: int
    id: int


@dataclass(slots=True)
class Round:
    """One proposal and, once `verified` is set, its verdict.

    length: what the length policy chose, where the run has one that chooses.
    """

    index: int
    drafted: list[Drafted] = field(default_factory=list[Drafted])
    verified: Verified | None = None
    length: LengthChosen | None = None

    @property
    def path(self) -> tuple[int, ...]:
        """Indices of the accepted tokens, in the order of the text."""
        if self.verified is None:
            return ()
        return path_of(self.verified)

    @property
    def is_tree(self) -> bool:
        """Whether any drafted token has a sibling."""
        return any(d.parent != d.index - 1 for d in self.drafted)

    @property
    def parents(self) -> tuple[int, ...]:
        """Of each drafted token the index of the one that it follows, -1 for the context."""
        return tuple([d.parent for d in self.drafted])

    def judged(self, index: int) -> Judged | None:
        """The numbers of the verdict on a drafted token; None if it was not judged. Block
        verification weighs the discarded ones too."""
        verdict = self.verified
        if verdict is None:
            return None
        if verdict.judged_at is not None:
            places = verdict.judged_at
            return verdict.judged[places.index(index)] if index in places else None
        weighed = (*verdict.judged, *verdict.weighed)
        return weighed[index] if index < len(weighed) else None

    @property
    def n_emitted(self) -> int:
        """Tokens that this round added to the output; 0 before the verdict."""
        if self.verified is None:
            return 0
        return self.verified.n_accepted + (self.verified.added_id is not None)

    @property
    def draft_ns(self) -> int:
        """All time of drafting, that of a pass without a token included."""
        return sum([d.draft_ns for d in self.drafted]) + self.wasted_ns

    @property
    def wasted_ns(self) -> int:
        """Time of a draft pass whose token was not proposed."""
        return self.length.draft_ns if self.length is not None else 0

    def state_of(self, index: int) -> TokenState:
        """State of the drafted token at `index`."""
        verdict = self.verified
        if verdict is None:
            return TokenState.PENDING
        if verdict.path is not None and verdict.judged_at is not None:
            if index in verdict.path:
                return TokenState.ACCEPTED
            return TokenState.REJECTED if index in verdict.judged_at else TokenState.DISCARDED
        if index < verdict.n_accepted:
            return TokenState.ACCEPTED
        if index < len(verdict.judged):
            return TokenState.REJECTED
        return TokenState.DISCARDED
