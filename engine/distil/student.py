"""The small model: of the target's family, begun with what the target knows already."""

# pyright: basic
from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForCausalLM

from engine.backends import registry
from engine.backends.hf import loading
from engine.config import ModelSpec
from engine.distil.plan import Plan
from engine.distil.target import Target, head_size
from engine.distil.text import Text
from engine.errors import ModelError
from engine.trimming import Trimming

_BYTES = re.compile(r"<0x[0-9A-F]{2}>")


@dataclass(slots=True)
class Student:
    """network: of transformers, in float32. trimming: None if it knows all tokens of the target.
    frozen: its embeddings are the target's own and stay."""

    network: Any
    trimming: Trimming | None
    frozen: bool

    def own(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """The student's ids of the target's."""
        return ids if self.trimming is None else self.trimming.own[ids]


def layers_taken(plan: Plan, target_layers: int) -> list[int]:
    """Of a student as wide as the target: the layers that it begins with. The first ones read the
    text, the last one writes to the head."""
    return [*range(plan.layers - 1), target_layers - 1]


def trimming_of(target: Target, plan: Plan, texts: Iterable[Text]) -> Trimming | None:
    """The plan.vocabulary tokens that the target uses most, by the probability that it gives them
    in its text; control tokens, the template's and single bytes are always among them."""
    if not plan.vocabulary:
        return None
    size = target.vocabulary.size
    weight = np.zeros(size)
    for text in texts:
        if not text.held_out:
            np.add.at(weight, text.top_ids, np.exp(text.top_logs.astype(np.float32)))
    needed = {*target.chat.before, *target.chat.after, *target.vocabulary.end_ids}
    for i in range(size):
        name = target.vocabulary.name(i)
        basic = len(name) == 1 or _BYTES.fullmatch(name) or not target.vocabulary.piece(i)
        if basic and not target.vocabulary.is_padding(i):
            needed.add(i)
    weight[sorted(needed)] = np.inf
    kept = np.sort(np.argsort(-weight, kind="stable")[: max(plan.vocabulary, len(needed))])
    embedding = target.network.get_input_embeddings().weight
    return Trimming.of(kept.astype(np.int32), _nearest(embedding, kept))


@torch.no_grad()
def _nearest(embedding: Tensor, kept: NDArray[np.int64]) -> NDArray[np.int32]:
    """For each token the place among `kept` of the one with the most similar embedding [V]."""
    unit = torch.nn.functional.normalize(embedding.float(), dim=-1)
    ours = unit[torch.as_tensor(kept, device=unit.device)]
    found = [(part @ ours.T).argmax(dim=-1) for part in unit.split(2048)]
    nearest = torch.cat(found).cpu().numpy().astype(np.int32)
    nearest[kept] = np.arange(len(kept))  # itself, even where another one is as near
    return nearest


def make_student(target: Target, plan: Plan, trimming: Trimming | None) -> Student:
    """A student that has learnt nothing yet. Equal arguments give equal students."""
    config = _config(target, plan, trimming)
    torch.manual_seed(plan.seed)
    network = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="sdpa"
    ).to(target.device)
    wide = config.hidden_size == target.config.hidden_size
    kept = slice(None) if trimming is None else torch.from_numpy(trimming.kept).long()
    with torch.no_grad():
        embedding = target.network.get_input_embeddings().weight[kept].float()
        head = target.network.get_output_embeddings().weight[kept].float()
        if wide:
            state = target.network.state_dict()
            taken = layers_taken(plan, target.config.num_hidden_layers)
            for i, layer in enumerate(taken):
                prefix = f"model.layers.{layer}."
                part = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
                network.model.layers[i].load_state_dict(part)
            network.model.norm.load_state_dict({"weight": state["model.norm.weight"]})
        else:
            _, directions = torch.linalg.eigh(embedding.T @ embedding)
            projection = directions[:, -config.hidden_size :]
            embedding, head = embedding @ projection, head @ projection
        network.get_input_embeddings().weight.copy_(embedding)
        if not config.tie_word_embeddings:
            network.get_output_embeddings().weight.copy_(head)
    if wide:
        _freeze_outer(network)
    return Student(network, trimming, wide)


def begun_student(target: Target, plan: Plan) -> Student:
    """A draft of this target that is trained on. Raises ModelError for another target's."""
    spec = ModelSpec(plan.begin, "hf", device=plan.device, precision="float32").validated()
    source = registry.hugging_face_source(spec)
    opened = loading.open_network(source, spec, "sdpa")
    network, trimming = opened.network, loading.trimming_of(source, opened.config)
    size = network.config.vocab_size if trimming is None else trimming.size
    if opened.config.model_type != target.config.model_type or size != target.vocabulary.size:
        raise ModelError(
            f"{source.name} is no draft of {target.name}: architecture or vocabulary differ.",
            "Give a draft that was made for this target.",
        )
    wide = network.config.hidden_size == target.config.hidden_size
    network.train().requires_grad_(True)
    if wide:
        _freeze_outer(network)
    return Student(network, trimming, wide)


def _freeze_outer(network: Any) -> None:
    """The target's own embeddings fit already; learning them would cost most of the time."""
    network.get_input_embeddings().requires_grad_(False)
    network.get_output_embeddings().requires_grad_(False)


def _config(target: Target, plan: Plan, trimming: Trimming | None) -> Any:
    config = copy.deepcopy(target.config)
    width, size = config.hidden_size, head_size(config)
    groups = config.num_attention_heads // config.num_key_value_heads
    if plan.hidden and plan.hidden != width:
        heads = plan.hidden // size
        config.intermediate_size = round(plan.hidden * config.intermediate_size / width / 32) * 32
        config.hidden_size = plan.hidden
        config.num_attention_heads = heads
        config.num_key_value_heads = heads // groups if heads % groups == 0 else heads
        config.head_dim = size
    config.num_hidden_layers = plan.layers
    if getattr(config, "layer_types", None):
        taken = layers_taken(plan, target.config.num_hidden_layers)
        config.layer_types = [target.config.layer_types[i] for i in taken]
    config.dtype = torch.float32
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    if trimming is not None:
        config.vocab_size = len(trimming.kept)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            setattr(config, name, _own_ids(getattr(config, name, None), trimming))
    return config


def _own_ids(ids: Any, trimming: Trimming) -> Any:
    if isinstance(ids, list):
        return [int(trimming.own[i]) for i in ids]
    return None if ids is None else int(trimming.own[ids])
