"""Pairs of made-up weights in the shape of known models: real costs, a chosen acceptance.

The draft is the first layers of the target and shares its tensors. What the target's other layers
add to the residual stream is scaled until p and q overlap as much as was asked for. Each token has
a random embedding, so that the next one depends on the last one above all.
"""

# pyright: basic
from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from engine.backends.hf.synth_calibration import calibrate
from engine.backends.hf.synth_files import write_pair
from engine.backends.hf.synth_tokenizer import BEGIN_ID, END_ID, check_size, make_tokenizer
from engine.backends.hf.synth_weights import fill
from engine.config import SEED_MAX
from engine.errors import ConfigError, ModelError

__all__ = ["SHAPES", "Pair", "Shape", "make_pair", "make_tokenizer", "shape_named", "write_pair"]

Progress = Callable[[float], None]
AGREEMENT_MIN, AGREEMENT_MAX = 0.05, 0.98
CONTEXT = 8192
_FILLING = 0.3  # the share of the time that making the weights takes


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a Llama network. tied: the head is the embedding. inner: width of the MLP."""

    name: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    tokens: int
    tied: bool


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("llama-8b", 4096, 32, 32, 8, 14336, 128_256, False),
        Shape("llama-1b", 2048, 16, 32, 8, 8192, 128_256, True),
        Shape("qwen-0.5b-like", 896, 24, 14, 2, 4864, 151_936, True),
        Shape("smollm2-135m", 576, 30, 9, 3, 1536, 49_152, True),
        Shape("tiny", 64, 4, 4, 2, 128, 512, True),
    )
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A target, and the draft that shares its tensors.

    agreement: mean of Σ min(p, q) at T = 1 over random contexts, the acceptance rate of sampling;
    greedy_agreement: the share of them with equal argmax.
    """

    target_network: LlamaForCausalLM
    draft_network: LlamaForCausalLM
    agreement: float
    greedy_agreement: float


def shape_named(name: str) -> Shape:
    """Raises ConfigError, with the known names."""
    if name not in SHAPES:
        raise ConfigError(f"There is no shape {name!r}.", f"Known shapes: {', '.join(SHAPES)}.")
    return SHAPES[name]


def check_pair(shape: Shape, draft_layers: int, agreement: float, seed: int) -> None:
    """Raises ConfigError for what `make_pair` cannot make."""
    check_size(shape.tokens)
    if not 1 <= draft_layers < shape.layers:
        raise ConfigError(
            f"The draft cannot have {draft_layers} of the {shape.layers} layers of {shape.name}.",
            f"Choose 1 to {shape.layers - 1} draft layers.",
        )
    if not AGREEMENT_MIN <= agreement <= AGREEMENT_MAX:
        raise ConfigError(
            f"An agreement of {agreement:g} cannot be made.",
            f"Choose one from {AGREEMENT_MIN} to {AGREEMENT_MAX}.",
        )
    if not 0 <= seed <= SEED_MAX:
        raise ConfigError(
            f"The seed is {seed:,}, outside 0 to {SEED_MAX:,}.", "Choose a seed in that range."
        )


def pair_bytes(shape: Shape, draft_layers: int, dtype: torch.dtype) -> tuple[int, int]:
    """Bytes of the weights of target and draft, as files; in memory the draft takes none."""
    layer = shape.width * (
        2 * shape.width
        + 2 * shape.width * shape.kv_heads // shape.heads
        + 3 * shape.inner
        + 2  # norms
    )
    rest = shape.width * (shape.tokens * (1 if shape.tied else 2) + 1)
    return (
        (shape.layers * layer + rest) * dtype.itemsize,
        (draft_layers * layer + rest) * dtype.itemsize,
    )


@torch.no_grad()
def make_pair(
    shape: Shape,
    *,
    draft_layers: int,
    agreement: float,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.bfloat16,
    tell: Progress | None = None,
) -> Pair:
    """Make a pair whose agreement is within 0.01 of the one asked for.

    Equal arguments give equal pairs on one kind of device. tell receives fractions, and may raise
    to stop. Raises ConfigError for settings that cannot be made, ModelError for what does not fit
    the machine's memory; a GPU's own says so itself.
    """
    check_pair(shape, draft_layers, agreement, seed)
    tell = tell or (lambda fraction: None)
    device = torch.device(device)
    if device.type == "cpu":
        _check_memory(shape, pair_bytes(shape, draft_layers, dtype)[0])
    target = _empty(_config(shape), device, dtype)
    generator = torch.Generator(device).manual_seed(seed)
    fill(target, draft_layers, generator, lambda done: tell(_FILLING * done))
    draft = _part(target, 0, draft_layers)
    measured = calibrate(
        draft,
        _part(target, draft_layers, shape.layers),
        agreement,
        seed,
        lambda done: tell(_FILLING + (1 - _FILLING) * done),
    )
    made_up = {"like": shape.name, "agreement": round(measured.agreement, 4), "seed": seed}
    for network in (target, draft):
        network.config.draftscope_synthetic = made_up
    tell(1.0)
    return Pair(target, draft, measured.agreement, measured.greedy)


def _check_memory(shape: Shape, n_bytes: int) -> None:
    free = psutil.virtual_memory().available
    if n_bytes > free:
        raise ModelError(
            f"{shape.name} takes {n_bytes / 2**30:.1f} GiB of memory; {free / 2**30:.1f} GiB are "
            "free.",
            "Close other programs, or choose a smaller shape or precision.",
        )


def _config(shape: Shape) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=shape.tokens,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        tie_word_embeddings=shape.tied,
        bos_token_id=BEGIN_ID,
        eos_token_id=END_ID,
        architectures=["LlamaForCausalLM"],
    )


def _empty(config: LlamaConfig, device: torch.device, dtype: torch.dtype) -> LlamaForCausalLM:
    """A network on the device whose weights are not set: no other copy of them is ever made."""
    network = _outline(config, dtype).to_empty(device=device)
    network.tie_weights()
    return _ready(network, device)


def _part(network: LlamaForCausalLM, first: int, end: int) -> LlamaForCausalLM:
    """A network of the layers [first, end) with the same tensors."""
    config = copy.deepcopy(network.config)
    config.num_hidden_layers = end - first
    part = _outline(config, network.dtype)
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in network.state_dict().items():
        layer = re.match(r"model\.layers\.(\d+)\.", name)
        if layer is None:
            tensors[name] = tensor
        elif first <= int(layer[1]) < end:
            tensors[f"model.layers.{int(layer[1]) - first}.{name[layer.end() :]}"] = tensor
    part.load_state_dict(tensors, assign=True)
    part.tie_weights()
    return _ready(part, network.device)


def _outline(config: LlamaConfig, dtype: torch.dtype) -> LlamaForCausalLM:
    with torch.device("meta"):
        return LlamaForCausalLM._from_config(config, dtype=dtype)


def _ready(network: LlamaForCausalLM, device: torch.device) -> LlamaForCausalLM:
    with torch.device(device):  # its table is no weight, and was not made with the outline
        network.model.rotary_emb = LlamaRotaryEmbedding(network.config)
    return network.requires_grad_(False).eval()
