"""Children of one token in a tree of proposals: several tokens for the same place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.sampling import Row, draw
from engine.verify import RowsOf


def draw_siblings(
    row: Row, k: int, u: Sequence[float] | NDArray[np.float64], rows_out: RowsOf
) -> list[int]:
    """Draw at most k different ids from a distribution row [V], without replacement: sibling j with
    u[j] from rows_out[j] [V], which becomes `row` without its elder siblings, renormalised
    (SpecInfer, arXiv 2305.09781, section 4.3; Jeon et al. 2024, arXiv 2402.14160, section 3).

    rows_out[0] becomes `row` itself, and may be the same memory. Fewer than k where no mass is
    left; rows_out beyond those drawn then hold nothing of use.
    """
    if not np.may_share_memory(rows_out[0], row):
        np.copyto(rows_out[0], row)
    ids = [draw(rows_out[0], float(u[0]))]
    for j in range(1, k):
        rest = rows_out[j]
        np.copyto(rest, rows_out[j - 1])
        rest[ids[-1]] = 0
        mass = np.add.reduce(rest)
        if not mass > 0:
            break
        rest /= mass
        ids.append(draw(rest, float(u[j])))
    return ids


def top_children(weights: Row, k: int) -> list[int]:
    """Ids of the k largest entries of weights or logits [V], largest first, the lower id first of
    equals. Fewer where entries are -inf, or run out. `weights` is left as it was."""
    ids = [int(weights.argmax())]
    if k == 1:
        return ids
    # k is small: so many argmax passes beat a partition of the vocabulary.
    left = weights.copy()
    while len(ids) < min(k, left.size):
        left[ids[-1]] = -np.inf
        best = int(left.argmax())
        if left[best] == -np.inf:
            break
        ids.append(best)
    return ids
