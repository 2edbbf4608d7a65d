"""What a loaded GGUF model is, and what it needs."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any, cast

import psutil
from llama_cpp import llama_cpp as C

from engine.backends import llama_library
from engine.errors import ConfigError, ModelError
from engine.trimming import KEY, Trimming

DEFAULT_CONTEXT = 4096


def check_generates_text(model: C.llama_model_p, file_name: str) -> None:
    if C.llama_model_has_encoder(model) or not C.llama_model_has_decoder(model):
        kind = "has an encoder"
    elif C.llama_model_is_diffusion(model):
        kind = "writes by diffusion"
    else:
        return
    raise ModelError(
        f"{file_name} {kind}; speculative decoding needs a model that writes left to right.",
        "Choose a decoder-only language model.",
    )


def context_length(model: C.llama_model_p, asked: int, on_cpu: bool) -> int:
    """Tokens to reserve; refused where llama.cpp would be killed instead of reporting it."""
    trained = C.llama_model_n_ctx_train(model) or DEFAULT_CONTEXT
    if not 0 <= asked <= trained:
        raise ConfigError(
            f"The model was trained for a context of {trained:,} tokens, not {asked:,}.",
            f"Choose a context of at most {trained:,} tokens; 0 leaves it to the model.",
        )
    length = asked or min(trained, DEFAULT_CONTEXT)
    needed, free = cache_bytes(model, length), psutil.virtual_memory().available
    if on_cpu and needed > free:
        raise ModelError(
            f"The cache for {length:,} tokens needs {needed / 2**30:.1f} GiB of memory; "
            f"{free / 2**30:.1f} GiB are free.",
            "Choose a shorter context, or close other programs.",
        )
    return length


def cache_bytes(model: C.llama_model_p, length: int) -> int:
    """Size of a key/value cache of 16-bit floats; an estimate: 0 where the first layer has none."""
    heads = C.llama_model_n_head(model)
    architecture = metadata(model, "general.architecture")
    default = C.llama_model_n_embd(model) // heads if heads else 0
    key, value = (
        int(metadata(model, f"{architecture}.attention.{part}_length") or default)
        for part in ("key", "value")
    )
    return (
        2 * length * C.llama_model_n_layer(model) * C.llama_model_n_head_kv(model) * (key + value)
    )


def device(model: C.llama_model_p, gpu_layers: int) -> str:
    gpus = llama_library.build().devices
    if not gpus or gpu_layers == 0:
        return "CPU"
    total = C.llama_model_n_layer(model) + 1  # the output counts as a layer
    share = f"{gpu_layers} of {total}" if 0 <= gpu_layers < total else f"all {total}"
    return f"{' + '.join(gpus)} ({share} layers)"


def name(model: C.llama_model_p, path: Path) -> str:
    name = re.split(r"[/\\]", metadata(model, "general.name"))[-1] or path.stem
    size = metadata(model, "general.size_label")
    return name if size.lower() in name.lower() else f"{name} {size}"


def quantisation(model: C.llama_model_p) -> str:
    """The short name people use: Q4_K_M for llama.cpp's "Q4_K - Medium"."""
    text = (C.llama_ftype_name(C.llama_model_ftype(model)) or b"").decode()
    text = re.sub(r" - (S|M|L)(mall|edium|arge)$", r"_\1", text.removeprefix("(guessed) "))
    return text.partition(" - ")[0].removeprefix("all ")


def metadata(model: C.llama_model_p, key: str) -> str:
    """A scalar of the file's metadata as text; "" if it is missing."""
    buffer = ctypes.create_string_buffer(512)
    n = C.llama_model_meta_val_str(model, key.encode(), cast(Any, buffer), len(buffer))
    if n >= len(buffer):
        buffer = ctypes.create_string_buffer(n + 1)
        n = C.llama_model_meta_val_str(model, key.encode(), cast(Any, buffer), len(buffer))
    return buffer.value.decode("utf-8", "replace") if n >= 0 else ""


def trimming(model: C.llama_model_p) -> Trimming | None:
    """Which tokens of a larger vocabulary the model knows; None if its own is whole. Raises
    ModelError if the list is damaged."""
    text = metadata(model, KEY)
    return Trimming.read(text) if text else None
