"""The uniform draws of a recorded round, by role: all of them, also those that nothing came of.

Events hold the draws of judged tokens only. The others follow from the run's seed: the loop draws
2·size + 1 numbers a round, so the draws of any round can be found without those before it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.config import Config
from engine.trace import Round, Run
from engine.tree import size_of


class Draws(msgspec.Struct, frozen=True):
    """What one round was decided by; draws keep their role when γ changes.

    draft: place i of the proposal was drawn with draft[i]. judge: its coin. added: draws the token
    that the target adds. recorded: so many places have the run's own draws, later ones new ones.
    confirmed: so many were compared with recorded ones, and equal; 0 where a run recorded none.
    """

    draft: tuple[float, ...]
    judge: tuple[float, ...]
    added: float
    recorded: int
    confirmed: int = 0

    @property
    def size(self) -> int:
        return len(self.draft)

    def reaching(self, size: int, seed: int, number: int) -> Draws:
        """The same draws for `size` places at least; those that the run did not draw come from a
        generator of their own, seeded with the run's seed and the round's number."""
        more = size - self.size
        if more <= 0:
            return self
        # A row a place, so that what place 7 gets does not depend on how many places there are.
        new = np.random.default_rng((seed, number)).random((size - self.recorded, 2))[-more:]
        draft, judge = (tuple(column.tolist()) for column in new.T)
        return msgspec.structs.replace(self, draft=self.draft + draft, judge=self.judge + judge)

    def changed(self, judge: Mapping[int, float], added: float | None = None) -> Draws:
        """With other coins at some places, or another draw of the added token. Places beyond the
        proposal are left out."""
        coins = tuple([judge.get(i, u) for i, u in enumerate(self.judge)])
        return msgspec.structs.replace(
            self, judge=coins, added=self.added if added is None else added
        )

    def laid_out(self, size: int, n: int) -> NDArray[np.float64]:
        """[2·size + 1]: as the loop draws them for `size` places of which `n` were proposed."""
        row = np.zeros(2 * size + 1)
        row[:size] = self.draft[:size]
        row[size : size + n] = self.judge[:n]
        row[size + n] = self.added
        return row


def round_draws(run: Run, number: int) -> Draws | None:
    """All draws of a round that has its verdict, replayed from the seed.

    None if a recorded draw differs from the replayed one: the recording was edited, or another
    version of numpy drew. Raises IndexError for a round that is not there.
    """
    current, config = run.rounds[number], run.started.config
    sizes = _sizes(run, number)
    bits = np.random.PCG64(config.seed)
    bits.advance(int(2 * sizes[:number].sum()) + number)
    size, n = int(sizes[number]), len(current.drafted)
    if n > size:
        return None
    drawn = np.random.Generator(bits).random(2 * size + 1).tolist()
    # The added token's draw stands after the judged ones; those behind it were never looked at.
    draws = Draws(
        tuple(drawn[:size]),
        (*drawn[size : size + n], *drawn[size + n + 1 :]),
        drawn[size + n],
        size,
    )
    confirmed = _confirmed(draws, current)
    if confirmed is None:
        return None
    return msgspec.structs.replace(draws, confirmed=confirmed)


def depth_at(run: Run, number: int, config: Config) -> int:
    """γ of a round as the loop would choose it with another configuration's γ and branches after
    the same text: it shrinks near the end of the run and of the context."""
    return int(_depths(run, number, config)[number])


def remaining_at(run: Run, number: int) -> int:
    """The most tokens that the run could still emit before a round."""
    before = run.columns.end_tokens[number - 1] if number else 0
    return _limit(run) - before


def _sizes(run: Run, number: int) -> NDArray[np.int64]:
    """Places that the loop drew for, in rounds 0 … number [number + 1]."""
    config = run.started.config
    if run.is_baseline:
        return np.zeros(number + 1, dtype=np.int64)
    by_depth = np.array([size_of(config.branches, d) for d in range(config.gamma + 1)])
    return by_depth[_depths(run, number, config)]


def _depths(run: Run, number: int, config: Config) -> NDArray[np.int64]:
    """γ of rounds 0 … number [number + 1], as `engine.loop.decode` finds it."""
    started = run.started
    emitted = np.zeros(number + 1, dtype=np.int64)
    emitted[1:] = run.columns.end_tokens[:number]
    gamma = np.minimum(config.gamma, _limit(run) - emitted - 1)
    room = _context(run) - len(started.prompt_ids) - emitted
    by_depth = [size_of(config.branches, d) for d in range(config.gamma + 1)]
    deepest = np.searchsorted(by_depth, room, side="right") - 1
    return np.maximum(np.minimum(gamma, deepest), 0)


def _limit(run: Run) -> int:
    """The most tokens that the run could emit."""
    started = run.started
    return min(started.config.max_tokens, _context(run) - len(started.prompt_ids))


def _context(run: Run) -> int:
    """Tokens that the target's context holds; without end where the recording does not say."""
    return run.started.models.target.context or 2**40


def _confirmed(draws: Draws, current: Round) -> int | None:
    """How many recorded draws are equal; None if one differs."""
    pairs: list[tuple[float | None, float]] = []
    for drafted in current.drafted:
        pairs.append((drafted.u, draws.draft[drafted.index]))
        judged = current.judged(drafted.index)
        if judged is not None:
            pairs.append((judged.u, draws.judge[drafted.index]))
    if current.verified is not None:
        pairs.append((current.verified.added_u, draws.added))
    recorded = [(a, b) for a, b in pairs if a is not None]
    return len(recorded) if all(a == b for a, b in recorded) else None
