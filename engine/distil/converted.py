"""What the GGUF file of a Hugging Face target would say of its tokenizer and rotation.

A file of metadata alone, which the export takes over as it does from a GGUF target. llama.cpp
splits text into words by rules that a file only names ("llama-bpe"), transformers by a pattern: the
right name is the one under which both read the same texts the same way.
"""

# pyright: basic
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import torch
from gguf import TokenType

from engine import corpus
from engine.backends import gguf_vocabulary
from engine.distil.target import FAMILIES, Target, head_size

_RULES = (
    "llama-bpe", "qwen2", "smollm", "gpt-2", "tekken", "gpt-4o", "deepseek-llm", "deepseek-coder",
    "starcoder", "falcon", "olmo", "default",
)  # fmt: skip
_CORPUS_CHARACTERS = 20_000
_PROBES = (
    "In 1789, 3.14159 and 1000000 are numbers; so are 12 345 and 7e-9.",
    "I'm sure you'LL say they've won't, isn't it?",
    "  two spaces,\n\n\nthree lines,\ttabs\t\t and an end   ",
    "def f(x):\n    return x**2  # naïve\n\n\n        pass",
    "Ünder café, straße, Ελλάδα, Привет, שלום, العربية, 深度学习, 日本語, 한국어",
    "🙂👩‍👩‍👧 ①②③ x²+y² ½ «quotes» “and” — dashes…",
    "CamelCaseWords_and_snake_case, http://a.b/c?d=e&f=g#h",
)


def write_metadata(target: Target, path: Path) -> bool:
    """Write the file; False, and no file, where GGUF has no words for this target."""
    found = False
    try:
        rotation = _rotation(target)
        stored = json.loads(target.tokenizer.backend_tokenizer.to_str())
        texts = [*_PROBES, corpus.read(corpus.BUNDLED)[:_CORPUS_CHARACTERS]]
        wanted = [target.vocabulary.encode(text, False) for text in texts]
        for settings in _candidates(stored) if rotation is not None else ():
            _write(target, path, stored["model"], settings, rotation)
            if gguf_vocabulary.read_texts(path, texts) == wanted:
                found = True
                break
    finally:
        if not found:
            path.unlink(missing_ok=True)
    return found


def _candidates(stored: dict[str, Any]) -> list[dict[str, Any]]:
    """Settings of the tokenizer, to be tried in turn."""
    model = stored["model"]
    if model.get("type") != "BPE":
        return []
    if model.get("byte_fallback"):
        return [{"model": "llama", "space": space} for space in (True, False)]
    return [{"model": "gpt2", "rule": rule} for rule in _RULES]


def _write(
    target: Target, path: Path, model: dict[str, Any], settings: dict[str, Any], rotation: Any
) -> None:
    arch = FAMILIES[target.config.model_type]
    writer = gguf.GGUFWriter(path, arch)
    vocabulary, tokenizer = target.vocabulary, target.tokenizer
    names = [vocabulary.name(i) for i in range(vocabulary.size)]
    writer.add_tokenizer_model(settings["model"])
    writer.add_token_list(names)
    writer.add_token_types([_type(target, i, name) for i, name in enumerate(names)])
    if settings["model"] == "gpt2":
        writer.add_tokenizer_pre(settings["rule"])
        merges = model["merges"]
        writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    else:  # of such a vocabulary the order is that of the merges
        writer.add_token_scores([-float(i) for i in range(len(names))])
        writer.add_add_space_prefix(settings["space"])
    begin = vocabulary.encode("", True)
    if begin or tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(begin[0] if begin else tokenizer.bos_token_id)
    writer.add_add_bos_token(bool(begin))
    for known, add in (
        (tokenizer.eos_token_id, writer.add_eos_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
    ):
        if known is not None and known < vocabulary.size:
            add(known)
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)
    base, factors = rotation
    writer.add_rope_dimension_count(head_size(target.config))
    writer.add_rope_freq_base(base)
    if factors is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _type(target: Target, token_id: int, name: str) -> TokenType:
    vocabulary = target.vocabulary
    if vocabulary.is_padding(token_id):
        return TokenType.UNUSED
    if vocabulary.is_control(token_id):
        unknown = token_id == target.tokenizer.unk_token_id
        return TokenType.UNKNOWN if unknown else TokenType.CONTROL
    if token_id in target.tokenizer.added_tokens_decoder:
        return TokenType.USER_DEFINED
    return TokenType.BYTE if vocabulary.is_byte(name) else TokenType.NORMAL


def _rotation(target: Target) -> tuple[float, Any] | None:
    """The base of the rotary frequencies, and by what the model divides each (None: by nothing);
    None for a rotation that llama.cpp cannot be told of in this way."""
    rotary = target.network.model.rotary_emb
    base = float(target.config.rope_parameters["rope_theta"])
    width = head_size(target.config)
    used = rotary.inv_freq.detach().cpu().double()
    plain = base ** (-torch.arange(0, width, 2, dtype=torch.double) / width)
    if used.shape != plain.shape or getattr(rotary, "attention_scaling", 1.0) != 1.0:
        return None
    factors = plain / used
    if torch.allclose(factors, torch.ones_like(factors), rtol=1e-4):
        return base, None
    # llama.cpp looks for factors of frequencies in this architecture only.
    return (base, factors.float().numpy()) if target.config.model_type == "llama" else None
