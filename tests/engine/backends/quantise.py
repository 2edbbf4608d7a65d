"""Other quantisations of a GGUF file, for pairs that share a vocabulary without a download."""

from __future__ import annotations

from pathlib import Path

from engine.backends.quantising import quantise as write


def quantise(source: Path, target: Path, ftype: str = "Q4_0", threads: int = 2) -> Path:
    """Write `source` to `target` as `ftype`, from any quantisation."""
    write(source, target, ftype, lambda fraction: None, threads)
    return target
