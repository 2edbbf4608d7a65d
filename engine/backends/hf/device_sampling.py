"""Logits to probabilities to tokens on the device of the logits: `engine.sampling` in torch.

Made to be captured in a CUDA graph: shapes depend on shapes alone, and nothing waits for the device
or copies to it. So no `.item()`, no boolean index, and no 0-d tensor as an index (which reads it).
"""
# pyright: basic

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_LOW_BITS = 0xFFFFFFFF
_PART = 1024


@dataclass(frozen=True)
class Sampler:
    """How tokens are drawn; the same for all rounds of a graph. top_k 0 and top_p 1: no filter."""

    temperature: float
    top_k: int = 0
    top_p: float = 1.0


def probabilities(logits: Tensor, sampler: Sampler) -> Tensor:
    """The distributions [n, V] that tokens are drawn from, of float32 logits [n, V]: temperature,
    then top-k, then top-p, each renormalised (Holtzman et al. 2020, section 3.1).

    Temperature 0 puts all mass on the first largest logit. Ties at the edge of a filter go to the
    lower id. top-p without top-k sorts whole rows.
    """
    if sampler.temperature == 0.0:
        best = logits.argmax(-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(-1, best, 1.0)
    if sampler.temperature != 1.0:
        # Away from the peak first, as numpy does it: dividing large logits would blur their order.
        logits = (logits - logits.amax(-1, keepdim=True)).div_(sampler.temperature)
    p = logits.softmax(-1)
    size = p.shape[-1]
    cut = 0 < sampler.top_k < size
    if not cut and sampler.top_p >= 1.0:
        return p
    values, ids = _largest(p, sampler.top_k) if cut else _sorted(p)
    if cut:
        values = _renormalised(values)
    if sampler.top_p < 1.0:
        mass = values.cumsum(-1, dtype=torch.float64)
        values[..., 1:].masked_fill_(mass[..., :-1] >= sampler.top_p, 0.0)
        values = _renormalised(values)
    return torch.zeros_like(p).scatter_(-1, ids, values)


def draw(weights: Tensor, u: Tensor) -> Tensor:
    """The ids [n] at which the float64 cumulative sums of `weights` [n, V] first exceed u [n] of
    their totals (any positive ones), u float64 in [0, 1): inverse transform sampling. Or one id []
    of weights [V] and u []. Never an id of weight 0.
    """
    sums = weights.cumsum(-1, dtype=torch.float64)
    # A parallel scan may round a sum up where nothing was added, at the end of the row too.
    sums = sums.masked_fill_(weights <= 0, 0.0)
    target = u.unsqueeze(-1) * sums.amax(-1, keepdim=True)
    return (sums > target).to(torch.uint8).argmax(-1)


def top(weights: Tensor, total: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k most probable ids [n, k] of float32 weights [n, V] that sum to `total` [n], and their
    probabilities [n, k], most probable first, the lower id of equals first. All V of a smaller
    vocabulary; none is left out for being improbable."""
    values, ids = _largest(weights, min(k, weights.shape[-1]))
    return ids, values / total.unsqueeze(-1)


def display_weights(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The weights [n, V] of T = 1 of logits [n, V], and what they sum to [n]."""
    weights = (logits - logits.amax(-1, keepdim=True)).exp_()
    return weights, weights.sum(-1)


def _largest(weights: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of float32 weights [n, V] (none negative) and their ids [n, k], largest first,
    the lower id of equals first.

    `topk` promises no order among equals. Here there are none: the bits of floats from 0 on order
    as they do, and below them a key carries V - 1 - id.
    """
    last = weights.shape[-1] - 1
    descending = torch.arange(last, -1, -1, device=weights.device)
    keys = weights.contiguous().view(torch.int32).to(torch.int64).bitwise_left_shift_(32)
    ids = last - _top_keys(keys.bitwise_or_(descending), k).bitwise_and_(_LOW_BITS)
    return weights.gather(-1, ids), ids


def _top_keys(keys: Tensor, k: int) -> Tensor:
    """The k largest of keys [n, V] (none negative), largest first. Long rows are cut up: the k
    largest of each part first, all parts at once, where one search in a row uses little of a GPU.
    """
    n, size = keys.shape
    parts = size // _PART
    if parts < 2 or k * parts > size:
        return keys.topk(k, -1).values
    padded = torch.nn.functional.pad(keys, (0, -size % _PART), value=-1)
    best = padded.view(n, -1, _PART).topk(min(k, _PART), -1).values
    return best.flatten(1).topk(k, -1).values


def _sorted(weights: Tensor) -> tuple[Tensor, Tensor]:
    values, ids = weights.sort(dim=-1, descending=True, stable=True)
    return values, ids


def _renormalised(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True)
