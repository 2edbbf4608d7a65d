"""What drafters that copy from the context share."""

from __future__ import annotations

import time
from collections.abc import Sequence

from engine.drafting.base import Proposal
from engine.drafting.length import LengthPolicy


def copied(
    context: Sequence[int], start: int, gamma: int, match: int, length: LengthPolicy, began: int
) -> Proposal:
    """The at most gamma tokens at context[start:], cut to what the policy wants; a one-hot proposal
    (q None), so the policy is asked for no distribution.

    match: tokens before `start` that the context ends with; it is set even if the policy wants no
    token, which tells "not wanted" from "not found". began: `perf_counter_ns` when the search did.
    """
    kind = ("match", min(match, 8))
    stop = start
    while stop < min(start + gamma, len(context)) and length.wants(stop - start):
        length.drew(kind)
        stop += 1
    if stop == start:
        return Proposal(match=match)
    share, rest = divmod(time.perf_counter_ns() - began, stop - start)
    return Proposal(
        ids=list(context[start:stop]),
        draft_ns=[share + (i < rest) for i in range(stop - start)],
        source=(start, stop),
        match=match,
    )
