"""Attention over a cache that is laid out once: rolling back is moving the place of writing.

Registered with transformers as an attention implementation of its own, so that every architecture
which lets its attention be chosen runs on it, whatever its layers look like.
"""

# pyright: basic
from __future__ import annotations

import threading
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from engine.errors import Cancelled, ModelError

NAME = "draftscope"
_UNKNOWN = ("position_bias", "cache")  # what changes the result and is not computed here


class Lane:
    """The cache of one model, and what the next pass does with it. All its layers share it.

    A pass of n tokens writes keys and values to `slots` and looks at the first `seen` places, where
    `mask` [n, seen] says so (None: a single token, which sees them all). Eager passes write to
    [start, start + n) and leave `slots` None: a plain copy is faster than an indexed one.
    """

    def __init__(self, context: int, device: torch.device) -> None:
        self.context = context
        self.device = device
        self.start = 0
        self.seen = 0
        self.slots: Tensor | None = None
        self.positions: Tensor | None = None
        self.mask: Tensor | None = None
        self.interrupted = threading.Event()
        self.layers: list[Any] = []  # attention modules; the cache is among their buffers
        self._places = torch.arange(context, device=device)
        self._dtype = torch.float32
        self._kinds: list[tuple[int, int | None]] = []
        self._folded: dict[tuple[int, int | None], Tensor | None] = {}

    def eager(self, start: int, n: int) -> None:
        """The next pass appends a chain of n tokens at `start`."""
        self.start, self.seen, self.slots = start, start + n, None
        self.positions = self._places[start : start + n]
        self._see(None if n == 1 else self._places[: self.seen] <= self.positions[:, None])

    def tree(self, start: int, positions: Tensor, mask: Tensor) -> None:
        """The next pass writes a tree's tokens at `start`, each at its depth: positions [n],
        mask [n, start + n]."""
        self.start, self.seen, self.slots = start, start + len(positions), None
        self.positions = positions
        self._see(mask)

    def fixed(self, start: Tensor, n: int, seen: int) -> None:
        """The next pass appends n tokens at the place that `start` [] holds when it runs: all
        shapes are fixed, so the pass can be captured and replayed."""
        self.seen = seen
        self.slots = self.positions = self._places[:n] + start
        self._see(self._places[:seen] <= self.positions[:, None])

    def _see(self, mask: Tensor | None) -> None:
        """Fold the mask once for all layers: their kinds are known after the first pass."""
        self.mask = mask
        self._folded = {kind: self._fold(*kind) for kind in self._kinds}

    def folded(self, groups: int, window: int | None) -> Tensor | None:
        """What is added to the scores [groups * n, seen] of queries that share a key head.

        window: the layer sees so many tokens back, if it slides. None: they see all.
        """
        kind = groups, window
        if kind not in self._folded:
            self._kinds.append(kind)
            self._folded[kind] = self._fold(groups, window)
        return self._folded[kind]

    def _fold(self, groups: int, window: int | None) -> Tensor | None:
        """As what is added to scores: a mask of truth values would be turned into that by every
        layer anew."""
        mask = self.mask
        if window is not None and window < self.seen:
            assert self.positions is not None
            near = self._places[: self.seen] > self.positions[:, None] - window
            mask = near if mask is None else mask & near
        if mask is None:
            return None
        hidden = torch.full((), float("-inf"), dtype=self._dtype, device=self.device)
        return torch.where(mask, hidden.new_zeros(()), hidden).repeat(groups, 1)

    @property
    def windows(self) -> list[int | None]:
        """The sliding windows of the layers, None for layers without."""
        return [window for _, window in self._kinds]

    def keep(self, base: int, path: list[int]) -> None:
        """Of the places from `base` on, keep those at `path`, one after the other."""
        if path == list(range(len(path))):
            return
        places = torch.tensor([base + i for i in path], device=self.device)
        for layer in self.layers:
            for cached in (layer.cached_keys, layer.cached_values):
                cached[:, :, base : base + len(path)] = cached[:, :, places]

    def size_bytes(self) -> int:
        return sum(
            cached.numel() * cached.element_size()
            for layer in self.layers
            for cached in (layer.cached_keys, layer.cached_values)
        )

    def adopt(self, layer: nn.Module, key: Tensor, value: Tensor) -> None:
        """Give a layer its part of the cache. Zeros: what a mask hides must still be a number."""
        for name, new in (("cached_keys", key), ("cached_values", value)):
            shape = (1, new.shape[1], self.context, new.shape[3])
            cached = torch.zeros(shape, dtype=new.dtype, device=new.device)
            layer.register_buffer(name, cached, persistent=False)
        self.layers.append(layer)
        self._dtype = key.dtype


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    sliding_window: int | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Write key and value [1, key heads, n, d] to the module's cache; attend to all that the pass
    sees. query [1, heads, n, d]; returns [1, n, heads, d]. transformers' interface.

    Raises Cancelled between layers after an interruption, off the GPU.
    """
    lane: Lane = module.lane
    if not hasattr(module, "cached_keys"):
        for name in _UNKNOWN:
            if more.get(name) is not None:
                raise ModelError(
                    f"This architecture's attention needs {name!r}, which is not supported.",
                    "Look for a GGUF version of the model.",
                )
        lane.adopt(module, key, value)
    keys, values = module.cached_keys, module.cached_values
    n = key.shape[2]
    if lane.slots is None:
        if lane.interrupted.is_set():
            raise Cancelled("Interrupted.")
        keys[:, :, lane.start : lane.start + n] = key
        values[:, :, lane.start : lane.start + n] = value
    else:
        keys.index_copy_(2, lane.slots, key)
        values.index_copy_(2, lane.slots, value)
    keys, values = keys[:, :, : lane.seen], values[:, :, : lane.seen]
    # Heads that share a key head become further queries of it: no keys are repeated.
    _, heads, _, width = query.shape
    groups = heads // key.shape[1]
    folded = query.reshape(1, key.shape[1], groups * n, width)
    mask = lane.folded(groups, sliding_window)
    if softcap is None and s_aux is None:
        out = scaled_dot_product_attention(folded, keys, values, attn_mask=mask, scale=scaling)
    else:
        out = _written_out(folded, keys, values, mask, scaling, softcap, s_aux, n)
    return out.reshape(1, heads, n, -1).transpose(1, 2), None


def _written_out(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    softcap: float | None,
    sinks: Tensor | None,
    n: int,
) -> Tensor:
    """Attention whose scores are capped (Gemma 2, arXiv 2408.00118, section 2) or share their
    softmax with a learnt sink [heads] (gpt-oss)."""
    scores = query @ keys.transpose(2, 3) * (scaling or query.shape[-1] ** -0.5)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    scores = scores.float()
    if mask is not None:
        scores = scores + mask
    if sinks is None:
        return torch.softmax(scores, dim=-1).to(values.dtype) @ values
    column = sinks.float().view(1, keys.shape[1], -1, 1).repeat_interleave(n, dim=2)
    weights = torch.softmax(torch.cat([scores, column], dim=-1), dim=-1)[..., :-1]
    return weights.to(values.dtype) @ values


AttentionInterface.register(NAME, attend)
