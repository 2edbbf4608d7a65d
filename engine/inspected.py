"""What is known of one token: plain data, which `engine.inspection` gathers from a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.criterion import Criterion
from engine.trace import TokenState

QKind = Literal["row", "one-hot", "display", "none"]
DrawSource = Literal["residual", "p", "argmax"]


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its fate. text: what it adds to the text, or its own where that is nothing."""

    index: int
    id: int
    text: str
    state: TokenState


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the two models thought of one token; None: not recorded."""

    id: int
    text: str
    p: float | None
    q: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """One outcome of a draw; p None: not recorded."""

    id: int
    text: str
    p: float | None
    drawn: bool


@dataclass(frozen=True, slots=True)
class AddedDraw:
    """How the target's own token came about.

    source: drawn from the residual, drawn from p, or p's argmax (shares are then those of T = 1).
    shares: most probable first, the token itself always among them. others: mass of all that is
    not. u: the draw. normaliser: mass of max(0, weight·p - q), weight - overlap of the token that
    was rejected last (residual only).
    """

    source: DrawSource
    shares: tuple[Share, ...]
    others: float
    u: float | None
    added_p: float | None
    normaliser: float | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of one token.

    label: the token on its own, bytes of partial characters as <0xNN>; raw: those bytes; hidden:
    whether they say more than the text (nothing visible, or no whole character).
    before: the end of the text that the token follows. depth, of: its place (in a chain position
    and γ_r). sibling: (which, of how many), (1, 1) for an only child.
    judged: the drafted token whose numbers p, q and criterion are: the token itself; of an added
    token the one rejected before it; None after a full acceptance. judged_place: which of its
    siblings it is, 1 in a chain.
    added: what the target added in this token's place (after a rejection). next_sibling: the one
    that was judged next, by what this one's rejection left.
    p, q: the recorded ones of `judged`, as they were compared. elders: siblings rejected before it;
    p is then that of the residual which they left, where the rule tosses coins.
    candidates: by max(p, q); p is the target's own row, also for later siblings. p_most, q_most:
    what a candidate that was not recorded has at most; None: no row was recorded.
    at_one: the run is greedy and the rows are those of T = 1.
    """

    round: int
    index: int
    token: Token
    label: str
    raw: bytes
    hidden: bool
    before: str
    depth: int
    of: int
    is_tree: bool
    sibling: tuple[int, int]
    rule: str
    at_one: bool
    judged: Token | None
    judged_place: int
    added: Token | None
    next_sibling: Token | None
    p: float | None
    q: float | None
    q_kind: QKind
    draft_u: float | None
    elders: int
    overlap: float | None
    weight: float
    candidates: tuple[Candidate, ...]
    p_most: float | None
    q_most: float | None
    criterion: Criterion | None
    draw: AddedDraw | None
    source: tuple[int, int] | None
    match: int
    origin: str
