"""Tiny GGUF files with random weights: a transformer and a recurrent model of 20 to 60 kB.

Written here because llama.cpp's own writer wants a package that only tests would need.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

WORDS = ("▁the", "▁cat", "▁sat", "▁on", "▁mat", "[PAD7]", "<|user|>", "<|end|>")
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}"
    "{% if not add_generation_prompt %}{{ raise_exception('no') }}{% endif %}"
)

_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6
_TOKENS = ("<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), *WORDS)
_TYPES = (
    *(_UNKNOWN, _CONTROL, _CONTROL),
    *(256 * (_BYTE,)),
    *(5 * (_NORMAL,)),
    *(_UNUSED, _CONTROL, _CONTROL),
)
_WIDTH, _INNER, _CONTEXT = 32, 64, 512


def write_gguf(path: Path, metadata: dict, tensors: dict[str, np.ndarray] | None = None) -> Path:
    """A GGUF file: metadata of str, bool, int, float and tuples of one of them; float32 tensors."""
    tensors = {name: tensor.astype("<f4") for name, tensor in (tensors or {}).items()}
    out = [struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))]
    for key, value in metadata.items():
        out += [_string(key), _value(value)]
    offset = 0
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        out += [_string(name), struct.pack(f"<I{len(shape)}Q", len(shape), *shape)]
        out.append(struct.pack("<IQ", 0, offset))
        offset += -(-tensor.nbytes // 32) * 32
    head = b"".join(out)
    with path.open("wb") as file:
        file.write(head + bytes(-len(head) % 32))
        for tensor in tensors.values():
            data = tensor.tobytes()
            file.write(data + bytes(-len(data) % 32))
    return path


def write_llama(path: Path, *, seed: int = 0, **changes: object) -> Path:
    """One transformer layer over bytes and a few words, that asks for `<s>` first. `changes` to the
    metadata, with `__` for a dot; None removes an entry."""
    rng = np.random.default_rng(seed)
    metadata = _common("llama") | {
        "llama.feed_forward_length": _INNER,
        "llama.attention.head_count": 2,
        "llama.rope.dimension_count": _WIDTH // 2,
    }
    square, wide = (_WIDTH, _WIDTH), (_INNER, _WIDTH)
    shapes = {
        "attn_q": square,
        "attn_k": square,
        "attn_v": square,
        "attn_output": square,
        "ffn_gate": wide,
        "ffn_up": wide,
        "ffn_down": wide[::-1],
    }
    tensors = _outer(rng) | {f"blk.0.{n}.weight": _random(rng, *s) for n, s in shapes.items()}
    tensors["blk.0.ffn_norm.weight"] = np.ones(_WIDTH)
    return write_gguf(path, _changed(metadata, changes), tensors)


def write_mamba(path: Path, **changes: object) -> Path:
    """One recurrent layer with the same vocabulary."""
    rng = np.random.default_rng(0)
    state, kernel, rank = 16, 4, 2
    metadata = _common("mamba") | {
        "mamba.feed_forward_length": 0,
        "mamba.attention.head_count": 0,
        "mamba.ssm.conv_kernel": kernel,
        "mamba.ssm.inner_size": _INNER,
        "mamba.ssm.state_size": state,
        "mamba.ssm.time_step_rank": rank,
    }
    tensors = _outer(rng) | {
        "blk.0.ssm_in.weight": _random(rng, 2 * _INNER, _WIDTH),
        "blk.0.ssm_conv1d.weight": _random(rng, _INNER, kernel),
        "blk.0.ssm_conv1d.bias": _random(rng, _INNER),
        "blk.0.ssm_x.weight": _random(rng, rank + 2 * state, _INNER),
        "blk.0.ssm_dt.weight": _random(rng, _INNER, rank),
        "blk.0.ssm_dt.bias": _random(rng, _INNER),
        "blk.0.ssm_a": -np.exp(_random(rng, _INNER, state)),
        "blk.0.ssm_d": _random(rng, _INNER),
        "blk.0.ssm_out.weight": _random(rng, _WIDTH, _INNER),
    }
    return write_gguf(path, _changed(metadata, changes), tensors)


def _common(architecture: str) -> dict:
    return {
        "general.architecture": architecture,
        "general.type": "model",
        "general.name": "Tiny",
        "general.size_label": "20K",
        f"{architecture}.block_count": 1,
        f"{architecture}.context_length": _CONTEXT,
        f"{architecture}.embedding_length": _WIDTH,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": _TOKENS,
        "tokenizer.ggml.scores": tuple(-float(i) for i in range(len(_TOKENS))),
        "tokenizer.ggml.token_type": _TYPES,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.chat_template": TEMPLATE,
    }


def _outer(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "token_embd.weight": _random(rng, len(_TOKENS), _WIDTH),
        "output_norm.weight": np.ones(_WIDTH),
        "output.weight": _random(rng, len(_TOKENS), _WIDTH),
        "blk.0.attn_norm.weight": np.ones(_WIDTH),
    }


def _random(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(0.0, 0.5, shape)


def _changed(metadata: dict, changes: dict[str, object]) -> dict:
    merged = metadata | {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in merged.items() if value is not None}


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: object) -> bytes:
    kind, data = _typed(value)
    return struct.pack("<I", kind) + data


def _typed(value: object) -> tuple[int, bytes]:
    match value:
        case str():
            return 8, _string(value)
        case bool():
            return 7, struct.pack("<?", value)
        case int():
            return 4, struct.pack("<I", value)
        case float():
            return 6, struct.pack("<f", value)
        case tuple():
            kind = 5 if isinstance(value[0], int) else _typed(value[0])[0]
            body = (struct.pack("<i", v) if kind == 5 else _typed(v)[1] for v in value)
            return 9, struct.pack("<IQ", kind, len(value)) + b"".join(body)
    raise TypeError(value)
