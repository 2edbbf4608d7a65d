"""Drafting with a smaller model in a cache of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.backends.base import LanguageModel, Logits
from engine.config import Config
from engine.drafting.base import Proposal
from engine.drafting.length import LengthPolicy
from engine.drafting.siblings import draw_siblings, top_children
from engine.sampling import display_weights, probabilities, top
from engine.tree import depth_within, size_of


class ModelDrafter:
    """Draws each token from the draft's own distribution under the run's sampler, and hands over
    that row as q (Leviathan et al. 2023, section 2).

    With `branches` the proposal is a tree: siblings are drawn without replacement, and each level
    of the tree takes one pass of the draft.

    The draft's cache is kept between rounds: after a verdict it drops what was not accepted and
    feeds at most the tokens that it has not seen (one, or two after a full acceptance).
    """

    name = "model"

    def __init__(self, draft: LanguageModel, config: Config, vocabulary_size: int) -> None:
        self._draft = self.model = draft
        self._config = config
        # Padding may differ: ids beyond the target's table can't be proposed, others have q 0.
        self._common = min(vocabulary_size, draft.vocabulary.size)
        size = size_of(config.branches, config.gamma)
        self._rows = np.zeros((size, vocabulary_size), dtype=np.float32)
        self._fed: list[int] = []
        self._agreed = 0  # so many fed tokens are known to be the context's own
        self._tree_ids: list[int] = []  # tokens of the last proposal's tree that were fed
        self._tree_parents: list[int] = []

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        draft = self._draft
        self.end()
        for start in range(0, len(prompt) - 1, draft.max_rows):
            chunk = list(prompt[start : min(start + draft.max_rows, len(prompt) - 1)])
            began = draft.clock()
            draft.extend(chunk, "none")
            self._fed += chunk
            self._agreed = len(self._fed)
            yield draft.clock() - began

    def propose(
        self, context: Sequence[int], gamma: int, u: NDArray[np.float64], length: LengthPolicy
    ) -> Proposal:
        config, branches = self._config, self._config.branches
        gamma = depth_within(branches, gamma, self._draft.context - len(context))
        if max(context[self._agreed :], default=0) >= self._common:
            return Proposal()  # the target emitted a padding id that the draft's table lacks
        proposal = Proposal(q=None if config.greedy else self._rows)
        parents: list[int] = []
        level: list[int] = []  # the tokens whose children are drawn next
        for depth in range(gamma):
            if not length.wants(depth):
                break
            began = self._draft.clock()
            if depth == 0:
                logits = self._catch_up(context)
            else:
                logits = self._feed(level, proposal.ids, parents, bool(branches))
            spent = self._draft.clock() - began
            first = len(proposal.ids)
            for parent, row in zip(level or [-1], logits, strict=True):
                count = branches[depth] if depth < len(branches) else 1
                self._draw_children(proposal, row, count, u, length)
                parents += [parent] * (len(proposal.ids) - len(parents))
            level = list(range(first, len(proposal.ids)))
            if not level:
                proposal.wasted_ns = spent
                break
            # One pass for the whole level: its time is shared out, to the last nanosecond.
            share, rest = divmod(spent, len(level))
            proposal.draft_ns += [share + (i < rest) for i in range(len(level))]
        if branches:
            proposal.parents = parents
        return proposal

    def end(self) -> None:
        self._draft.truncate(0)
        self._fed = []
        self._agreed = 0
        self._tree_ids, self._tree_parents = [], []

    def _draw_children(
        self,
        proposal: Proposal,
        logits: Logits,
        count: int,
        u: NDArray[np.float64],
        length: LengthPolicy,
    ) -> None:
        """Draw at most `count` tokens from one row of logits [V'], which is used up, and add them
        to the proposal; none if the policy does not like the row."""
        config, first = self._config, len(proposal.ids)
        row = logits[: self._common]
        if config.greedy:
            ids = top_children(row, count)
            total = display_weights(row)
            if not length.likes(row, total):
                return
            shown = top(row, config.top, total)
            proposal.ids += ids
            proposal.tops += [shown] * len(ids)
            length.drew(_kind(float(row[ids[0]]) / total))
            return
        rows = self._rows[first : first + count, : self._common]
        probabilities(row, config.temperature, config.top_k, config.top_p, out=rows[0])
        if not length.likes(rows[0], 1.0):
            return
        ids = draw_siblings(rows[0], count, u[first : first + count], rows)
        proposal.ids += ids
        proposal.tops += [top(rows[i], config.top) for i in range(len(ids))]
        length.drew(_kind(float(rows[0, ids[0]])))

    def _feed(
        self, level: Sequence[int], ids: Sequence[int], parents: Sequence[int], tree: bool
    ) -> Logits:
        """Logits after each token of a level [len(level), V']."""
        fed = [ids[i] for i in level]
        if not tree:
            self._fed += fed
            return self._draft.extend(fed, "last")
        self._tree_ids += fed
        self._tree_parents += [parents[i] for i in level]
        return self._draft.extend(fed, "all", [parents[i] for i in level])

    def _catch_up(self, context: Sequence[int]) -> Logits:
        """Drop cached tokens that are not in the context, feed those that are missing; logits
        [1, V'] after the last one."""
        draft = self._draft
        if self._tree_ids:
            self._keep_path(context)
        shared = min(len(self._fed), len(context) - 1)
        for i in range(min(self._agreed, shared), shared):
            if self._fed[i] != context[i]:
                shared = i
                break
        draft.truncate(shared)
        del self._fed[shared:]
        self._agreed = len(context)
        pending = list(context[shared:])
        # More than one pass of unseen tokens only after many rounds drafted by other means.
        for start in range(0, len(pending) - draft.max_rows, draft.max_rows):
            draft.extend(pending[start : start + draft.max_rows], "none")
        rest = pending[-((len(pending) - 1) % draft.max_rows + 1) :]
        logits = draft.extend(rest, "last")
        self._fed += pending
        return logits

    def _keep_path(self, context: Sequence[int]) -> None:
        """Of the tree that was fed, keep the tokens that became part of the context."""
        path: list[int] = []
        nodes = list(zip(self._tree_ids, self._tree_parents, strict=True))
        for token in context[len(self._fed) : len(context) - 1]:
            at = path[-1] if path else -1
            found = next((i for i, node in enumerate(nodes) if node == (token, at)), None)
            if found is None:
                break
            path.append(found)
        self._draft.keep(path)
        self._fed += [self._tree_ids[i] for i in path]
        self._tree_ids, self._tree_parents = [], []


def _kind(q: float) -> tuple[str, int]:
    """What tokens of about this probability have in common, for policies that learn."""
    return "q", min(int(q * 5), 4)
