"""The pairs that benchmarks run on: the embedded model and requantised copies of it."""

from __future__ import annotations

import os
from pathlib import Path

from engine.backends.registry import embedded_model
from tests.engine.backends.quantise import quantise

PROMPTS = (
    "Explain in a few sentences why the sky is blue.",
    "Write a short story about a lighthouse keeper who finds a message in a bottle.",
    "List five things to pack for a week in the mountains, and say why.",
    "Write a Python function that returns the n-th Fibonacci number, then explain it.",
)


def quantised(kind: str) -> Path:
    """A copy of the embedded model as Q8_0, Q4_0 …, made once and kept beside the other caches."""
    cache = Path(os.environ.get("DRAFTSCOPE_BENCH_CACHE", Path.home() / ".cache" / "draftscope"))
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"SmolLM2-135M-Instruct.{kind}.gguf"
    if not path.exists():
        part = path.with_suffix(".part")
        quantise(embedded_model(), part, kind)
        part.rename(path)
    return path
