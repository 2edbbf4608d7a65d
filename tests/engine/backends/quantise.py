"""Other quantisations of a GGUF file, for pairs that share a vocabulary without a download."""

from __future__ import annotations

import os
from pathlib import Path

from llama_cpp import llama_cpp as C

from engine.backends import llama_library


def quantise(source: Path, target: Path, ftype: str = "Q4_0", threads: int = 2) -> Path:
    """Write `source` to `target` as `ftype` (Q4_0, Q8_0, F16 ...), from any quantisation."""
    params = C.llama_model_quantize_default_params()
    params.ftype = getattr(C, f"LLAMA_FTYPE_MOSTLY_{ftype}")
    params.allow_requantize = True
    params.nthread = threads
    llama_library.forget_log()
    if C.llama_model_quantize(os.fsencode(source), os.fsencode(target), params) != 0:
        raise RuntimeError("\n".join(llama_library.log_lines()))
    return target
