"""What a model's source is: which library runs it, what people call it, what its files weigh."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from engine.backends.registry import path_of

Library = Literal["gguf", "hf", "toy"]
TOY = "toy"
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+", re.ASCII)
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.safetensors$")


def library_of(source: str) -> Library:
    """What runs it: llama.cpp its GGUF files and the embedded model "", torch the folders and hub
    ids of Hugging Face, and the toys need nothing."""
    if source == TOY:
        return "toy"
    path = path_of(source)
    if not source or path.suffix.lower() == ".gguf" or path.is_file():
        return "gguf"
    return "hf"


def is_hub_id(source: str) -> bool:
    """Whether it names a model of the hub, such as org/name, and not a folder that is there."""
    named = _HUB_ID.fullmatch(source) is not None
    return named and library_of(source) == "hf" and not path_of(source).is_dir()


def source_name(source: str) -> str:
    """Without folder or organisation; only a file has an ending, "Llama-3.2-1B" has none."""
    path = path_of(source)
    return path.stem if path.suffix.lower() == ".gguf" else path.name or source


def why_no_model(folder: Path) -> str:
    """What a folder lacks to be a Hugging Face model; "" if it is one."""
    if (folder / "config.json").is_file():
        return ""
    return f"{folder.name or folder} is no Hugging Face model: it has no config.json."


def weights_bytes(folder: Path) -> int:
    """Bytes of the weights in a Hugging Face folder; 0 while one of their files is missing.

    Some publishers add the same weights in a layout of their own: those do not count."""
    try:
        files = [file for file in folder.iterdir() if file.suffix == ".safetensors"]
        files = [file for file in files if file.name.startswith("model")] or files
        return sum(file.stat().st_size for file in files) if _is_whole(files) else 0
    except OSError:
        return 0


def _is_whole(files: Iterable[Path]) -> bool:
    shards = [found for file in files if (found := _SHARD.search(file.name))]
    return all(len(shards) == int(shard[2]) for shard in shards)


def size_words(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
