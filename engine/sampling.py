"""Logits to probabilities to tokens: pure functions, vocabulary-sized rows.

Float32 throughout on real models: a row is drawn from, recorded and verified in the same precision,
because verifying another q than the one sampled from would bias the output.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.events import Top

Row = NDArray[np.floating[Any]]
FloatT = TypeVar("FloatT", np.float32, np.float64)

_BLOCK = 256
_TOP_FLOOR = 1e-3
SHOWN_FROM = 1e-4
"""Candidates below this probability are not worth a line: views show four digits."""


def softmax(
    logits: NDArray[FloatT], temperature: float = 1.0, out: NDArray[FloatT] | None = None
) -> NDArray[FloatT]:
    """Probabilities [V] of logits [V] at a temperature above 0."""
    result = np.subtract(logits, _peak(logits), out=out)
    if temperature != 1.0:
        result /= result.dtype.type(temperature)
    np.exp(result, out=result)
    result /= np.add.reduce(result)
    return result


def _peak(row: NDArray[FloatT]) -> FloatT:
    """The largest entry; argmax runs less code than max, which counts when caches are cold."""
    return row[row.argmax()]


def probabilities(
    logits: NDArray[FloatT],
    temperature: float,
    top_k: int = 0,
    top_p: float = 1.0,
    out: NDArray[FloatT] | None = None,
) -> NDArray[FloatT]:
    """The distribution [V] that a token is drawn from: temperature, then top-k, then top-p.

    Temperature 0 is greedy: all mass on the first largest logit. Ties at the edge of top-k and
    top-p go to the lower id. Each filter renormalises (Holtzman et al. 2020, section 3.1).
    """
    if temperature == 0.0:
        result = out if out is not None else np.empty_like(logits)
        result.fill(0)
        result[logits.argmax()] = 1
        return result
    result = softmax(logits, temperature, out)
    if 0 < top_k < result.size:
        _keep(result, _largest(result, top_k))
    if top_p < 1.0:
        _keep(result, _nucleus(result, top_p))
    return result


def draw(weights: Row, u: float) -> int:
    """The id at which the cumulative sum of `weights` [V] (any positive total) first exceeds
    u of its total, u in [0, 1): inverse transform sampling.

    Sums block by block, in float64 across blocks and inside the one that is hit: ten times faster
    than one long cumulative sum as exact. Never an id of weight 0.
    """
    n_whole = weights.size // _BLOCK * _BLOCK
    ends: NDArray[np.float64] = np.empty(n_whole // _BLOCK + 1)
    ends[:-1] = weights[:n_whole].reshape(-1, _BLOCK).sum(axis=1)
    ends[-1] = weights[n_whole:].sum()
    np.cumsum(ends, out=ends)
    target = u * float(ends[-1])
    block = min(int(np.searchsorted(ends, target, side="right")), ends.size - 1)
    start = block * _BLOCK
    inside = np.cumsum(weights[start : start + _BLOCK], dtype=np.float64)
    if block:
        target -= float(ends[block - 1])
    place = int(np.searchsorted(inside, target, side="right"))
    if place == inside.size:  # rounding between the two sums: the last id that has weight
        place = int(np.flatnonzero(weights[start : start + _BLOCK])[-1])
    return start + place


def top(weights: Row, k: int, total: float = 1.0) -> Top:
    """The at most k most probable ids of weights [V] that sum to `total`, most probable first.

    Probabilities below 1e-4 are left out and the others rounded to seven decimals: they are for
    display, and recordings stay small; exact p and q of judged tokens are recorded beside them.
    """
    candidates = (weights > SHOWN_FROM * total).nonzero()[0]
    values = weights[candidates]
    order = (-values).argsort(kind="stable")[:k]
    p = (values[order] / total).tolist()
    return Top(tuple(candidates[order].tolist()), tuple([round(x, 7) for x in p]))


def display_top(logits: NDArray[FloatT], k: int) -> Top:
    """The k most probable ids at T = 1, for greedy runs, whose own p is 0 or 1. Overwrites
    `logits` [V]."""
    return top(logits, k, display_weights(logits))


def display_weights(logits: NDArray[FloatT]) -> float:
    """Turn `logits` [V] into the weights of T = 1, in place; return what they sum to.

    In place because right after a pass everything else is out of the processor's caches, and a
    second row would double the time.
    """
    logits -= _peak(logits)
    np.exp(logits, out=logits)
    return float(np.add.reduce(logits))


def _largest(row: Row, k: int) -> NDArray[np.intp]:
    """Ids of the k largest entries of a distribution, largest first; the lower id of equals."""
    if row.size <= k:
        candidates = np.arange(row.size)
    else:
        # Few entries of a real distribution pass the floor: sorting those beats a partition.
        candidates = (row > _TOP_FLOOR).nonzero()[0]
        if candidates.size < k:
            edge = np.partition(row, row.size - k)[row.size - k]
            candidates = (row >= edge).nonzero()[0]
    order = np.argsort(-row[candidates], kind="stable")[:k]
    return candidates[order]


def _nucleus(row: Row, top_p: float) -> NDArray[np.intp]:
    """Ids of the smallest set of largest entries whose mass reaches top_p."""
    k = 64
    while True:
        ids = _largest(row, k)
        mass = np.cumsum(row[ids], dtype=np.float64)
        if mass[-1] >= top_p or ids.size == row.size:
            return ids[: int(np.searchsorted(mass, top_p)) + 1]
        k *= 8


def _keep(row: NDArray[FloatT], ids: NDArray[np.intp]) -> None:
    """Zero everything but `ids`, renormalise in place."""
    kept = row[ids]
    row.fill(0)
    row[ids] = kept / kept.sum()
