"""A transformers network over many texts at once: one cache for all, each text with its own past.

Registered as an attention implementation, as that of single texts is (`backends.hf.attention`).
"""

# pyright: basic
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "draftscope-batch"
_FED_AT_ONCE = 16
"""Prompts: fed with others of similar length, few of their places are filled up in vain."""


class Batch:
    """Texts side by side in `room` places; shorter prompts begin later, so all end together.

    network: of transformers, made with the attention implementation `NAME`.
    """

    def __init__(self, network: Any, room: int) -> None:
        self._network = network
        self.device = network.device
        self._places = torch.arange(room, device=self.device)
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self._pads = torch.zeros(0, dtype=torch.long, device=self.device)
        self._room = room
        self._first = self._start = self._seen = 0
        self._fed: Tensor | None = None  # the texts that a pass is over; None: all
        self._positions = self._places
        self._masks: dict[tuple[int, int | None], Tensor] = {}
        for module in network.modules():
            if isinstance(getattr(module, "layer_idx", None), int):
                module.batch = self

    def begin(self, prompts: list[list[int]]) -> Tensor:
        """Feed the prompts; logits [texts, V] after each."""
        longest = max(len(ids) for ids in prompts)
        self._keys, self._values = {}, {}
        self._pads = torch.tensor([longest - len(ids) for ids in prompts], device=self.device)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        parts: list[Tensor] = []
        for i in range(0, len(order), _FED_AT_ONCE):
            fed = order[i : i + _FED_AT_ONCE]
            width = len(prompts[fed[-1]])
            ids = [[0] * (width - len(prompts[j])) + prompts[j] for j in fed]
            self._fed = torch.tensor(fed, device=self.device)
            self._first = self._seen = longest - width
            parts.append(self._pass(torch.tensor(ids, device=self.device)))
        self._fed, self._first = None, 0
        logits = torch.cat(parts)
        logits[torch.tensor(order, device=self.device)] = logits.clone()
        return logits

    def step(self, ids: Tensor) -> Tensor:
        """Feed one token to each text, ids [texts]; logits [texts, V]."""
        return self._pass(ids[:, None])

    def keep(self, texts: Tensor) -> None:
        """Go on with some of the texts only, by their indices."""
        self._pads = self._pads[texts]
        for cache in (self._keys, self._values):
            for layer, cached in cache.items():
                cache[layer] = cached[texts]

    @torch.inference_mode()
    def _pass(self, ids: Tensor) -> Tensor:
        self._start, n = self._seen, ids.shape[1]
        self._seen += n
        places = self._places[self._start : self._seen]
        self._positions = (places - self._pads_fed[:, None]).clamp(min=0)  # [texts, n]
        self._masks = {}
        hidden = self._network.model(
            input_ids=ids, position_ids=self._positions, use_cache=False
        ).last_hidden_state[:, -1]
        # The network's own head takes a view here, and copies its weights once for every text.
        return self._network.lm_head(hidden.contiguous())

    @property
    def _pads_fed(self) -> Tensor:
        return self._pads if self._fed is None else self._pads[self._fed]

    def cached(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Put a layer's keys and values [texts, key heads, n, d] into its cache; all of the past
        [texts, key heads, seen, d]."""
        for cache, new in ((self._keys, key), (self._values, value)):
            if layer not in cache:
                shape = (len(self._pads), new.shape[1], self._room, new.shape[3])
                cache[layer] = new.new_zeros(shape)
            if self._fed is None:
                cache[layer][:, :, self._start : self._seen] = new
            else:  # of a prompt, nothing is past
                cache[layer][self._fed, :, self._start : self._seen] = new
        if self._fed is not None:
            return key, value
        return self._keys[layer][:, :, : self._seen], self._values[layer][:, :, : self._seen]

    def mask(self, groups: int, window: int | None, dtype: torch.dtype) -> Tensor:
        """What is added to the scores [texts, 1, groups * n, seen]."""
        kind = groups, window
        if kind not in self._masks:
            seen = self._places[self._first : self._seen]
            now = self._places[self._start : self._seen, None]
            visible = (seen <= now) & (seen >= self._pads_fed[:, None, None])
            if window is not None:
                visible &= seen > now - window
            # Places before a text's beginning see themselves: a softmax over nothing is no number.
            visible |= seen == now
            hidden = torch.full((), float("-inf"), dtype=dtype, device=self.device)
            added = torch.where(visible, hidden.new_zeros(()), hidden)
            self._masks[kind] = added.repeat(1, groups, 1)[:, None]
        return self._masks[kind]


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """query [texts, heads, n, d]; returns [texts, n, heads, d]. transformers' interface."""
    batch: Batch = module.batch
    keys, values = batch.cached(module.layer_idx, key, value)
    texts, heads, n, width = query.shape
    groups = heads // key.shape[1]
    # Heads that share a key head become further queries of it: no keys are repeated.
    folded = query.reshape(texts, key.shape[1], groups * n, width)
    mask = batch.mask(groups, sliding_window, query.dtype)
    out = scaled_dot_product_attention(folded, keys, values, attn_mask=mask, scale=scaling)
    return out.reshape(texts, heads, n, width).transpose(1, 2), None


AttentionInterface.register(NAME, attend)
