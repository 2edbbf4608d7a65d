"""Where two greedy texts part, and whether rounding explains it.

Greedy speculative output equals plain decoding's in exact arithmetic. Kernels for several tokens
add up in another order than those for one, so two nearly equal logits can change places.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from engine.backends.base import LanguageModel, Logits


class Divergence(msgspec.Struct, frozen=True):
    """The first difference between two continuations of a prompt.

    index: place in the output. margin: by how much the plain token's logit leads the other's in a
    single-token pass. kernel_difference: largest change of any logit when the same prefix is scored
    in a pass of the run's width instead.
    """

    index: int
    plain_id: int
    other_id: int
    margin: float
    kernel_difference: float

    @property
    def tie(self) -> bool:
        """Whether rounding alone can have swapped the two tokens: each may move by the kernels'
        difference."""
        return self.margin <= 2 * self.kernel_difference


def first_divergence(
    target: LanguageModel,
    prompt: Sequence[int],
    plain: Sequence[int],
    other: Sequence[int],
    width: int,
) -> Divergence | None:
    """Compare two outputs of `prompt`; re-score the prefix where they part. None: they agree.

    One being a prefix of the other is agreement: runs may end at different lengths. width: tokens
    in one verify pass. Uses, and leaves empty, the target's cache.
    """
    pairs = zip(plain, other, strict=False)
    index = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    if index is None:
        return None
    prefix = [*prompt, *plain[:index]]
    single = _last_row(target, prefix, 1)
    wide = _last_row(target, prefix, width)
    target.truncate(0)
    return Divergence(
        index,
        plain[index],
        other[index],
        margin=float(abs(single[plain[index]] - single[other[index]])),
        kernel_difference=float(np.abs(single - wide).max()),
    )


def _last_row(target: LanguageModel, ids: Sequence[int], width: int) -> Logits:
    """Logits [V] after `ids`, the last `width` of them fed in one pass."""
    target.truncate(0)
    width = min(width, len(ids))
    rest = len(ids) - width
    for start in range(0, rest, target.max_rows):
        target.extend(ids[start : min(start + target.max_rows, rest)], "none")
    return target.extend(ids[rest:], "last")[-1].copy()
