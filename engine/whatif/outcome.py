"""What would have happened in a round: the change that is asked about, and the answer."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Literal

import msgspec

from engine.config import Config
from engine.events import AddedKind
from engine.trace import Round, TokenState

Source = Literal["recording", "models"]


class Change(msgspec.Struct, frozen=True):
    """Other settings for one round; None leaves a setting as it was recorded.

    u: (place in the proposal, coin) of tokens whose judging draw is another. added_u: another draw
    of the added token.
    """

    gamma: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    rule: str | None = None
    lenience: float | None = None
    epsilon: float | None = None
    delta: float | None = None
    u: tuple[tuple[int, float], ...] = ()
    added_u: float | None = None

    def config(self, recorded: Config) -> Config:
        """The configuration with the changed settings."""
        fields = msgspec.structs.asdict(self)
        del fields["u"], fields["added_u"]
        given = {name: value for name, value in fields.items() if value is not None}
        return msgspec.structs.replace(recorded, **given)

    @property
    def coins(self) -> dict[int, float]:
        return dict(self.u)


class OutcomeToken(msgspec.Struct, frozen=True):
    """One drafted token. id, state None: not known; p, q, accept_probability None: not known to
    four digits; u None: no coin was tossed."""

    id: int | None
    text: str
    p: float | None = None
    q: float | None = None
    u: float | None = None
    accept_probability: float | None = None
    state: TokenState | None = None


class OutcomeAdded(msgspec.Struct, frozen=True):
    """The token that the target adds; id None: an end of text was accepted, and nothing is."""

    id: int | None
    text: str
    kind: AddedKind
    u: float | None = None
    p: float | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What would have happened in a round.

    tokens: what would be drafted, in order; those behind the last one judged may be missing.
    parents: of a tree, as `engine.tree` describes it. added None: not known. exact: what the round
    emits is certain, and the state of every token; otherwise `reason` is why it is not.
    gamma: the γ that the round would have, which is less than asked for near the end of a run.
    note: what else should be said of it.
    """

    tokens: tuple[OutcomeToken, ...]
    added: OutcomeAdded | None
    exact: bool
    reason: str
    source: Source
    gamma: int
    parents: tuple[int, ...] | None = None
    path: tuple[int, ...] | None = None
    note: str = ""

    @property
    def accepted(self) -> tuple[OutcomeToken, ...]:
        """The accepted tokens in the order of the text, as far as they are known."""
        if self.path is not None:
            return tuple([self.tokens[i] for i in self.path])
        found: list[OutcomeToken] = []
        for token in self.tokens:
            if token.state is not TokenState.ACCEPTED:
                break
            found.append(token)
        return tuple(found)

    @property
    def emitted(self) -> tuple[int, ...]:
        """Ids that the round adds to the text, as far as they are known."""
        ids = [token.id for token in self.accepted]
        if self.added is not None:
            ids.append(self.added.id)
        return tuple([i for i in ids if i is not None])

    def differs_at(self, recorded: Round) -> int | None:
        """Which emitted token is the first that differs from the recorded round's: one is another,
        or only one of the rounds has it. None if none does, or if it is not known."""
        was = outcome_of(recorded, str).emitted
        now = self.emitted
        for i, (a, b) in enumerate(zip(was, now, strict=False)):
            if a != b:
                return i
        if len(now) > len(was) or (self.exact and len(now) < len(was)):
            return min(len(was), len(now))
        return None


def coin(u: float | None) -> float | None:
    return None if u is None or isnan(u) else u


def outcome_of(
    current: Round,
    label: Callable[[int], str],
    source: Source = "recording",
    gamma: int = 0,
    note: str = "",
) -> Outcome:
    """A round that has its verdict, as it happened. label: the text of a token."""
    verdict = current.verified
    assert verdict is not None
    tokens: list[OutcomeToken] = []
    for drafted in current.drafted:
        judged = current.judged(drafted.index)
        token = OutcomeToken(
            drafted.id, label(drafted.id), q=drafted.q, state=current.state_of(drafted.index)
        )
        if judged is not None:
            token = msgspec.structs.replace(
                token,
                p=judged.p,
                q=judged.q,
                u=judged.u,
                accept_probability=judged.accept_probability,
            )
        tokens.append(token)
    added = verdict.added_id
    return Outcome(
        tokens=tuple(tokens),
        added=OutcomeAdded(
            added,
            "" if added is None else label(added),
            verdict.added_kind,
            verdict.added_u,
            verdict.added_p,
        ),
        exact=True,
        reason="",
        source=source,
        gamma=gamma or len(tokens),
        parents=None if verdict.path is None else current.parents,
        path=verdict.path,
        note=note,
    )
