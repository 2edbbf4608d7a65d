"""Drafting from counts of a text: no second model, and a true q."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.config import Config
from engine.drafting.base import Proposal
from engine.drafting.length import LengthPolicy
from engine.drafting.ngram_table import NgramTable
from engine.drafting.siblings import draw_siblings, top_children
from engine.errors import ConfigError
from engine.events import Top
from engine.sampling import Row, probabilities, top
from engine.tree import is_chain

Ids = NDArray[np.int32]


class TableDrafter:
    """Draws each token from an n-gram table's distribution under the run's sampler, and hands over
    that row as q (an n-gram model as the draft: Leviathan et al. 2023, arXiv 2211.17192, section
    4.2). With `branches` the proposal is a tree whose siblings are drawn without replacement.

    The sampler works on the table's few candidates; its result is scattered into a row [V], and the
    token is drawn from that row. Only the entries that the row held before are cleared.

    Raises ConfigError if the table holds ids that the target lacks.
    """

    name = "ngram-table"

    def __init__(self, config: Config, table: NgramTable, vocabulary_size: int) -> None:
        if table.vocabulary_size > vocabulary_size:
            raise ConfigError(
                f"The n-gram table is made for {table.vocabulary_size:,} tokens, and the target "
                f"has {vocabulary_size:,}.",
                "Make the table with the target's own tokenizer.",
            )
        self._config = config
        self._table = table
        self._size = vocabulary_size
        self._rows: list[Row] = []  # [V] each; they grow to the largest proposal
        self._held: list[Ids] = []  # where each row may not be 0

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        """The table looks at the context's end only: nothing to take in."""
        return iter(())

    def propose(
        self, context: Sequence[int], gamma: int, u: NDArray[np.float64], length: LengthPolicy
    ) -> Proposal:
        branches = self._config.branches
        proposal = Proposal(q=None if self._config.greedy else self._rows)
        parents: list[int] = []
        reach = self._table.order - 1
        level = {-1: tuple(context[-reach:])}  # what the table sees before each next child
        for depth in range(gamma):
            if not length.wants(depth):
                break
            count = branches[depth] if depth < len(branches) else 1
            children: dict[int, tuple[int, ...]] = {}
            for parent, recent in level.items():
                began = time.perf_counter_ns()
                first = len(proposal.ids)
                self._draw_children(proposal, recent, count, u, length)
                drawn = range(first, len(proposal.ids))
                parents += [parent] * len(drawn)
                for i in drawn:
                    children[i] = (*recent, proposal.ids[i])[-reach:]
                spent = time.perf_counter_ns() - began
                if drawn:
                    share, rest = divmod(spent, len(drawn))
                    proposal.draft_ns += [share + (i < rest) for i in range(len(drawn))]
                else:
                    proposal.wasted_ns += spent
            if not children:
                break
            level = children
        if not is_chain(parents):
            proposal.parents = parents
        return proposal

    def end(self) -> None:
        """Nothing is kept of a run."""

    def _draw_children(
        self,
        proposal: Proposal,
        recent: Sequence[int],
        count: int,
        u: NDArray[np.float64],
        length: LengthPolicy,
    ) -> None:
        """Add at most `count` tokens to follow `recent`; none if the policy does not like what they
        would be drawn from."""
        config, first = self._config, len(proposal.ids)
        ids, weights, match = self._table.candidates(recent)
        if first == 0:
            proposal.match = match
        if config.greedy:
            total = float(weights.sum())
            if not length.likes(weights, total):
                return
            places = top_children(weights, count)
            proposal.ids += ids[places].tolist()
            proposal.tops += [_top(ids, weights, total, config.top)] * len(places)
            length.drew(_kind(float(weights[places[0]]) / total))
            return
        logits = np.log(weights)
        q = probabilities(logits, config.temperature, config.top_k, config.top_p, out=logits)
        if not length.likes(q, 1.0):
            return
        rows = self._scatter(first, count, ids, q)
        drawn = draw_siblings(rows[0], count, u[first : first + count], rows)
        proposal.ids += drawn
        proposal.tops += [_top(ids, rows[j][ids], 1.0, config.top) for j in range(len(drawn))]
        length.drew(_kind(float(rows[0][drawn[0]])))

    def _scatter(self, first: int, count: int, ids: Ids, q: NDArray[np.float32]) -> list[Row]:
        """The rows of `count` siblings from index `first` on, q in the first of them."""
        while len(self._rows) < first + count:
            self._rows.append(np.zeros(self._size, dtype=np.float32))
            self._held.append(np.empty(0, dtype=np.int32))
        self._rows[first][self._held[first]] = 0
        self._rows[first][ids] = q
        # The rows of later siblings become copies of the first one.
        self._held[first : first + count] = [ids] * count
        return self._rows[first : first + count]


def _top(ids: Ids, weights: Row, total: float, k: int) -> Top:
    """The k most probable candidates for display."""
    if k < weights.size:  # sorting the few is faster
        few = (weights >= np.partition(weights, -k)[-k]).nonzero()[0]
        ids, weights = ids[few], weights[few]
    shown = top(weights, k, total)
    return Top(tuple(ids[list(shown.ids)].tolist()), shown.p)


def _kind(q: float) -> tuple[str, int]:
    """What tokens of about this probability have in common, for policies that learn."""
    return "q", min(int(q * 5), 4)
