"""Drafting with a smaller model in a cache of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.backends.base import LanguageModel
from engine.config import GAMMA_MAX, Config
from engine.drafting.base import Proposal
from engine.sampling import display_top, draw, probabilities, top


class ModelDrafter:
    """Draws each token from the draft's own distribution under the run's sampler, and hands over
    that row as q (Leviathan et al. 2023, section 2).

    The draft's cache is kept between rounds: after a verdict it drops what was not accepted and
    feeds at most the tokens that it has not seen (one, or two after a full acceptance).
    """

    name = "model"

    def __init__(self, draft: LanguageModel, config: Config, vocabulary_size: int) -> None:
        self._draft = draft
        self._config = config
        # Padding may differ: ids beyond the target's table can't be proposed, others have q 0.
        self._common = min(vocabulary_size, draft.vocabulary.size)
        self._rows = np.zeros((GAMMA_MAX, vocabulary_size), dtype=np.float32)
        self._fed: list[int] = []
        self._agreed = 0  # so many fed tokens are known to be the context's own

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

    def propose(self, context: Sequence[int], gamma: int, u: NDArray[np.float64]) -> Proposal:
        draft, config = self._draft, self._config
        gamma = min(gamma, draft.context - len(context))
        if max(context[self._agreed :], default=0) >= self._common:
            return Proposal()  # the target emitted a padding id that the draft's table lacks
        proposal = Proposal(q=None if config.greedy else self._rows)
        pending = self._catch_up(context) if gamma > 0 else []
        for i in range(gamma):
            began = draft.clock()
            # More than one pass of unseen tokens only after many rounds drafted by other means.
            for start in range(0, len(pending) - draft.max_rows, draft.max_rows):
                draft.extend(pending[start : start + draft.max_rows], "none")
            rest = pending[-((len(pending) - 1) % draft.max_rows + 1) :]
            logits = draft.extend(rest, "last")[-1, : self._common]
            proposal.draft_ns.append(draft.clock() - began)
            self._fed += pending
            if config.greedy:
                token = int(logits.argmax())
                proposal.tops.append(display_top(logits, config.top))
            else:
                row = self._rows[i, : self._common]
                probabilities(logits, config.temperature, config.top_k, config.top_p, out=row)
                token = draw(row, float(u[i]))
                proposal.tops.append(top(row, config.top))
            proposal.ids.append(token)
            pending = [token]
        return proposal

    def end(self) -> None:
        self._draft.truncate(0)
        self._fed = []
        self._agreed = 0

    def _catch_up(self, context: Sequence[int]) -> list[int]:
        """Drop cached tokens that are not in the context; return those still to be fed."""
        shared = min(len(self._fed), len(context) - 1)
        for i in range(min(self._agreed, shared), shared):
            if self._fed[i] != context[i]:
                shared = i
                break
        self._draft.truncate(shared)
        del self._fed[shared:]
        self._agreed = len(context)
        return list(context[shared:])
