"""The model that is learnt from: loaded for many texts at once, and looked over first."""

# pyright: basic
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard

from engine.backends import registry
from engine.backends.hf import gguf_reading, loading
from engine.backends.hf.loading import Source
from engine.backends.hf.vocabulary import HfVocabulary
from engine.config import ModelSpec
from engine.distil import batches
from engine.distil.plan import Plan
from engine.distil.writing import Chat
from engine.errors import ConfigError, ModelError
from engine.host import physical_cores

FAMILIES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""Architectures that can be exported: transformers' name, and that in GGUF files."""
_MARK = "\u2062mark\u2062"  # stands for the user's turn in a template; nobody writes it


@dataclass(slots=True)
class Target:
    """network: of transformers, attending by `batches.NAME`. gguf: the file it was read from."""

    network: Any
    tokenizer: Any
    config: Any
    vocabulary: HfVocabulary
    chat: Chat
    name: str
    gguf: Path | None
    licence: str

    @property
    def device(self) -> torch.device:
        return self.network.device

    def encode(self, text: str) -> list[int]:
        """The tokens of a piece of a text."""
        return self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def load_target(plan: Plan, progress: Callable[[float], None] | None = None) -> Target:
    """Load the target of a plan. Raises ModelError and ConfigError, before any long work, for one
    that no draft can be made for."""
    torch.set_num_threads(plan.threads or physical_cores())
    spec = ModelSpec(
        plan.target, "hf", threads=plan.threads, device=plan.device, precision=plan.precision
    ).validated()
    source = registry.hugging_face_source(spec)
    opened = loading.open_network(source, spec, batches.NAME, progress)
    config, name = opened.config, source.title or source.gguf or source.name
    check_family(config, name)
    check_shape(plan, config)
    head = opened.network.get_output_embeddings().weight
    generation = getattr(opened.network, "generation_config", None)
    ends = getattr(generation, "eos_token_id", None)
    ends = ends if isinstance(ends, list) else [ends]
    vocabulary = HfVocabulary(opened.tokenizer, head.shape[0], [i for i in ends if i is not None])
    target = Target(
        opened.network,
        opened.tokenizer,
        config,
        vocabulary,
        Chat([], [], frozenset()),
        name,
        source.folder / source.gguf if source.gguf else None,
        _licence(source),
    )
    target.chat = _chat(target)
    return target


def check_family(config: Any, name: str) -> None:
    """Raise ModelError for an architecture that the export does not know."""
    if config.model_type not in FAMILIES:
        raise ModelError(
            f"{name} is of the architecture {config.model_type!r}, which drafts cannot be made of.",
            f"Known architectures: {', '.join(FAMILIES)}.",
        )


def head_size(config: Any) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def check_shape(plan: Plan, config: Any) -> None:
    """Raise ConfigError for a student that cannot be built, or not be quantised."""
    size = head_size(config)
    if plan.hidden and plan.hidden % size:
        raise ConfigError(
            f"The hidden size {plan.hidden} is no multiple of the heads' size {size}.",
            f"Choose {max(1, plan.hidden // size) * size} or "
            f"{(plan.hidden // size + 1) * size}, or 0 for the target's own width.",
        )
    if (plan.hidden or config.hidden_size) % 32:
        raise ConfigError(
            f"The hidden size {plan.hidden or config.hidden_size} is no multiple of 32, which "
            "quantisations need.",
            "Choose a multiple of 32.",
        )
    if plan.layers > config.num_hidden_layers:
        raise ConfigError(
            f"The target has {config.num_hidden_layers} layers; a draft with {plan.layers} would "
            "be no smaller.",
            f"Choose at most {config.num_hidden_layers} layers.",
        )
    if plan.vocabulary and plan.vocabulary > config.vocab_size:
        raise ConfigError(
            f"The target has {config.vocab_size:,} tokens; the draft cannot have "
            f"{plan.vocabulary:,}.",
            "Choose fewer, or 0 for all.",
        )


def _licence(source: Source) -> str:
    """As the model's files name it; "" if they do not."""
    if source.gguf:
        return gguf_reading.text_entry(source.folder / source.gguf, "general.license") or ""
    card = source.folder / "README.md"
    if not card.is_file():
        return ""
    try:
        named = ModelCard.load(card).data.get("license")
    except ValueError:  # what stands at its beginning is no YAML
        return ""
    return str(named or "")


def _chat(target: Target) -> Chat:
    """The template around a user's turn."""
    text = target.vocabulary.template(_MARK)
    if text is None:
        raise ModelError(
            f"{target.name} has no chat template: it cannot be asked to write its own text.",
            "Choose a chat model (Instruct, Chat, it).",
        )
    before, mark, after = text.partition(_MARK)
    if not mark or not after:
        raise ModelError(
            f"The chat template of {target.name} changes the user's text.",
            "Choose a model with an ordinary template.",
        )
    ends = target.vocabulary.end_ids
    return Chat(target.vocabulary.encode(before, True), target.encode(after), ends)
