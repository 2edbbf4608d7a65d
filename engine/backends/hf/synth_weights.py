"""Random weights of a Llama network that make its next token depend on the last one above all."""

# pyright: basic
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from engine.backends.hf.synth_tokenizer import N_QUIET

# Spread of what all MLPs and attentions of the draft add to an embedding of spread 1: enough that a
# greedy text, though its next token depends on the last one above all, does not run in a circle.
_MLP, _ATTENTION = 2.0, 1.0
# The rest of the target's, as a share of its MLPs' 1: an attention's wanes as a text grows, and the
# overlap must not depend on the length.
_REST_ATTENTION = 0.3
_SHARPNESS = 2.0  # of queries and keys, so that an attention picks among the tokens
_SILU = 1.68  # 1 ÷ the spread of silu(a)·b of standard normals
_CONSTANT = 1 / 16  # share of an embedding's length that dimension 0 takes
_QUIET = 3.0  # the same of tokens that must never be produced, in multiples


def fill(
    network: LlamaForCausalLM,
    draft_layers: int,
    generator: torch.Generator,
    tell: Callable[[float], None],
) -> None:
    """Give a network whose first layers are its draft's random weights in place. The logits' spread
    is 1, and the layers after the draft's add about half as much as the draft's: both are to be
    calibrated. tell receives fractions, and may raise to stop.
    """

    def normal(weight: torch.Tensor, spread: float) -> None:
        weight.normal_(std=spread / math.sqrt(weight.shape[1]), generator=generator)

    config, n_layers = network.config, network.config.num_hidden_layers
    _fill_tokens(network.model.embed_tokens.weight, generator)
    if not config.tie_word_embeddings:
        _fill_tokens(network.lm_head.weight, generator)
    for i, layer in enumerate(cast(Any, network.model.layers)):
        tell((i + 1) / (n_layers + 1))
        attention, mlp = layer.self_attn, layer.mlp
        in_draft = i < draft_layers
        heard, thought = (_ATTENTION, _MLP) if in_draft else (_REST_ATTENTION, 1.0)
        share = 1 / math.sqrt(draft_layers if in_draft else n_layers - draft_layers)
        for part in (attention.q_proj, attention.k_proj):
            normal(part.weight, _SHARPNESS)
        for part in (attention.v_proj, mlp.gate_proj, mlp.up_proj):
            normal(part.weight, 1.0)
        normal(attention.o_proj.weight, heard * share)
        normal(mlp.down_proj.weight, _SILU * thought * share)
        for part in (attention.o_proj, mlp.down_proj):
            part.weight[0] = 0.0  # dimension 0 stays what the embedding made it
        for norm in (layer.input_layernorm, layer.post_attention_layernorm):
            norm.weight.fill_(1.0)
    network.model.norm.weight.copy_(_last_norm(config, generator))


def _fill_tokens(rows: torch.Tensor, generator: torch.Generator) -> None:
    """Random rows of one length, so that no token is more likely everywhere, and a constant in
    dimension 0 in place of a bias: larger for tokens that must not be produced.
    """
    width = rows.shape[1]
    rows.normal_(generator=generator)
    for some in rows.split(8192):
        some.mul_(math.sqrt(width) / torch.linalg.vector_norm(some, dim=1, keepdim=True))
    rows[:, 0] = _CONSTANT * math.sqrt(width)
    rows[:N_QUIET, 0] *= _QUIET


def _last_norm(config: LlamaConfig, generator: torch.Generator) -> torch.Tensor:
    """Weights [width] that give logits of spread 1.

    Random signs keep a token whose embedding is also its row of the head from predicting itself.
    The constant lowers all logits until the highest are near 0, where bfloat16 is finest, and the
    quiet tokens' far below.
    """
    width, device = config.hidden_size, generator.device
    signs = torch.randint(0, 2, (width,), generator=generator, device=device) * 2 - 1
    weight = signs / math.sqrt(width)
    spread = math.sqrt(1 + _MLP**2 + _ATTENTION**2)
    highest = math.sqrt(2 * math.log(config.vocab_size))
    weight[0] = -highest * spread / (_CONSTANT**2 * width)
    return weight
