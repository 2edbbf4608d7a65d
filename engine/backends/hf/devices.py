"""Where a model computes and in what: the choices of a ModelSpec, settled for this machine."""

# pyright: basic
from __future__ import annotations

import importlib.util
import platform
from typing import Any

import torch

from engine.errors import ModelError

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_QUANTISED = {"int8": 8, "int4": 4}
SHORT = {torch.float32: "FP32", torch.bfloat16: "BF16", torch.float16: "FP16"}


def device_of(name: str) -> torch.device:
    """The device asked for; "auto": a GPU if torch can use one. Raises ModelError if there is no
    such device."""
    kind, _, number = name.partition(":")
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if kind == "cuda":
        if not torch.cuda.is_available():
            raise ModelError(
                f"This torch ({torch.__version__}) finds no CUDA device.",
                "Choose the device 'cpu', or install a build of torch for your GPU: "
                "https://pytorch.org/get-started/locally",
            )
        index = int(number or torch.cuda.current_device())
        if index >= torch.cuda.device_count():
            raise ModelError(
                f"There is no CUDA device {index}.",
                f"Choose 0 to {torch.cuda.device_count() - 1}.",
            )
        return torch.device("cuda", index)
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ModelError("There is no Metal device here.", "Choose the device 'cpu'.")
    return torch.device(kind)


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "CPU" if device.type == "cpu" else f"{platform.machine()} GPU (Metal)"


def type_of(precision: str, stored: torch.dtype | None, device: torch.device) -> torch.dtype:
    """What to compute in. auto: as stored; on a CPU without 16-bit units, and for float16 on any
    CPU, what it computes fastest. stored None: weights that can become anything."""
    if precision in _TYPES:
        return _TYPES[precision]
    small = stored in (torch.bfloat16, torch.float16) or stored is None
    if device.type != "cpu":
        return (stored or torch.bfloat16) if small else torch.float32
    return torch.bfloat16 if small and _dense_bfloat16() else torch.float32


def quantisation_of(precision: str, device: torch.device) -> Any:
    """transformers' configuration that quantises while loading; None for a dense precision.

    Raises ModelError where the library is missing or has no kernels for the device.
    """
    bits = _QUANTISED.get(precision)
    if bits is None:
        return None
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"{precision} needs the library bitsandbytes.",
            "Install it with: pip install bitsandbytes, or choose another precision.",
        )
    if device.type == "mps":
        raise ModelError(f"{precision} is not available on Metal.", "Choose float16.")
    from transformers import BitsAndBytesConfig

    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
    )


def _dense_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in checks)


def out_of_memory(error: BaseException) -> bool:
    """Whether torch, or the system below it, had no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
    )


def release() -> None:
    """Give memory that torch holds back to the device, and the C library's to the system."""
    import ctypes
    import gc

    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
    if platform.system() == "Linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
