"""How long each proposal becomes: draft-length policies.

A policy decides *before* a token is drawn whether it is drawn at all, from what was drawn before it
and from its distribution. A token that was drawn is always proposed: dropping it because of what it
is would bias the output.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.config import Config
from engine.errors import ConfigError
from engine.events import LengthReason
from engine.sampling import Row


@dataclass(slots=True)
class Outcome:
    """What became of a round, for policies that learn.

    accepted, judged: tokens on the path; rows: tokens in the target's pass.
    """

    accepted: int
    judged: int
    rows: int
    draft_ns: int
    target_ns: int
    host_ns: int


class LengthPolicy(Protocol):
    """Asked for each token of a round: `wants` before the draft computes its distribution, then
    `likes` with it, then told with `drew` that it was proposed.

    reason, value and threshold tell of the last decision, see `events.LengthChosen`.
    """

    name: str
    reason: LengthReason
    value: float | None
    threshold: float | None

    def begin(self, limit: int) -> None:
        """A round begins that may propose `limit` tokens on a path."""
        ...

    def wants(self, n: int) -> bool:
        """Whether to go on after `n` tokens. Called once a token, in order."""
        ...

    def likes(self, weights: Row, total: float) -> bool:
        """Whether to draw from weights [V] that sum to `total` (at T = 0: those of T = 1)."""
        ...

    def drew(self, kind: Hashable) -> None:
        """A token was proposed. kind: what its chance of acceptance may depend on."""
        ...

    def learn(self, outcome: Outcome) -> None:
        """The round is over."""
        ...
