"""Smaller quantisations of a GGUF file, written by llama.cpp: a target's own, as its draft."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from ctypes import byref
from pathlib import Path
from typing import Any, NamedTuple, cast

from engine.errors import Cancelled, ConfigError, ModelError

QUANTISATIONS = (*("Q2_K", "Q3_K_S", "Q3_K_M", "Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0"),)
"""What can be asked for, the fewest bits first."""
_WATCH_S = 0.1
_SIZE = re.compile(r"(model|quant) size *= *([0-9.]+) MiB")


class Forecast(NamedTuple):
    """What a quantisation would be: bytes of its weights, and cost_ratio: that by the target's.

    Decoding one token reads every weight once, so where memory is the limit a pass takes time in
    proportion. Where arithmetic is, formats differ by more and only measuring tells.
    """

    quantisation: str
    size: int
    cost_ratio: float


def forecast(source: Path) -> list[Forecast]:
    """The quantisations that are smaller than the model itself, smallest first; layers whose shape
    a format does not fit get another one, and that is in the sizes. Takes milliseconds: no weight
    is read. Raises ModelError for a file that llama.cpp cannot read."""
    from engine.backends import llama_library, preflight

    path = preflight.check(source)
    found: list[Forecast] = []
    for name in QUANTISATIONS:
        with llama_library.all_lines() as lines:
            _run(path, path, name, threads=1, dry_run=True)
        sizes = {kind: float(mib) for kind, mib in _SIZE.findall("\n".join(lines))}
        if sizes.get("model") and sizes.get("quant", 0.0) < sizes["model"]:
            size = round(sizes["quant"] * 2**20)
            found.append(Forecast(name, size, sizes["quant"] / sizes["model"]))
    return sorted(found, key=lambda each: each.size)


def _run(source: Path, out: Path, quantisation: str, threads: int, dry_run: bool) -> int:
    """llama.cpp's exit code."""
    from llama_cpp import llama_cpp as C

    from engine.host import physical_cores

    params = C.llama_model_quantize_default_params()
    params.ftype = getattr(C, f"LLAMA_FTYPE_MOSTLY_{quantisation}")
    params.allow_requantize = True
    params.dry_run = dry_run
    params.nthread = threads or physical_cores()
    files = os.fsencode(source), os.fsencode(out)
    return C.llama_model_quantize(*files, cast(Any, byref(params)))


def quantise(
    source: Path,
    out: Path,
    quantisation: str,
    tell: Callable[[float], None],
    threads: int = 0,
) -> None:
    """Write `source` to `out` as `quantisation`; the file has its name only when it is whole.

    tell: receives fractions, estimated from the bytes written; may raise. llama.cpp cannot be
    stopped half-way: a caller that raises leaves it running on a thread of its own until this
    process ends. Raises ConfigError for an unknown quantisation, ModelError for a file that
    llama.cpp cannot read or write.
    """
    if quantisation not in QUANTISATIONS:
        raise ConfigError(
            f"There is no quantisation {quantisation!r}.", f"Known: {', '.join(QUANTISATIONS)}."
        )
    if not source.is_file():
        raise ModelError(f"There is no file {source}.", "Give a GGUF file.")
    from engine.backends import llama_library

    part = out.with_name(f"{out.name}.part")
    codes: list[int] = []
    llama_library.forget_log()

    def work() -> None:
        codes.append(_run(source, part, quantisation, threads, dry_run=False))

    worker = threading.Thread(target=work, name="quantiser", daemon=True)
    worker.start()
    expected = max(1, source.stat().st_size)
    try:
        while worker.is_alive():
            written = part.stat().st_size if part.exists() else 0
            tell(min(0.99, written / expected))
            worker.join(_WATCH_S)
    except Cancelled:
        part.unlink(missing_ok=True)
        raise
    if codes != [0]:
        part.unlink(missing_ok=True)
        said = "; ".join(llama_library.log_lines()[-2:])
        raise ModelError(
            f"{source.name} cannot be written as {quantisation}: {said or 'llama.cpp refused'}.",
            "Choose another quantisation, or make room on the disk.",
        )
    part.replace(out)
    tell(1.0)
