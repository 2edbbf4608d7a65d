"""Hugging Face folders and caches for tests: small, with weights that nothing can load."""

from __future__ import annotations

import json
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def model_folder(
    folder: Path, *, kind: str = "LlamaForCausalLM", weights: int = 120_000_000, shards: int = 1
) -> Path:
    """A folder that looks like a model of that many bytes (sparse files: they take no room)."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"architectures": [kind], "vocab_size": 9}))
    for i in range(1, shards + 1):
        name = "model" if shards == 1 else f"model-{i:05}-of-{shards:05}"
        with (folder / f"{name}.safetensors").open("wb") as file:
            file.truncate(weights // shards)
    return folder


def repository(cache: Path, source: str, **options) -> Path:
    """A model in a cache as huggingface_hub lays it out; returns its snapshot."""
    home = cache / f"models--{source.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    return model_folder(home / "snapshots" / COMMIT, **options)
