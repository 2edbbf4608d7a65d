"""What a model's source is: which library runs it, what people call it, what its files weigh."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from engine.backends import registry
from engine.backends.registry import path_of

Library = Literal["gguf", "hf", "toy"]
TOY = "toy"
EMBEDDED = ("", registry.EMBEDDED_DRAFT)
"""What ships: the model, and the draft that was distilled from it."""
_SHARD = re.compile(r"-\d{5}-of-(\d{5})\.safetensors$")


class Weights(NamedTuple):
    """The files of weights in a Hugging Face folder, their bytes, and whether none is missing."""

    files: int = 0
    size: int = 0
    whole: bool = True


def library_of(source: str) -> Library:
    """What runs it: llama.cpp its GGUF files and the embedded model "", torch the folders and hub
    ids of Hugging Face, and the toys need nothing."""
    if source == TOY:
        return "toy"
    path = path_of(source)
    if source in EMBEDDED or path.suffix.lower() == ".gguf" or path.is_file():
        return "gguf"
    return "hf"


def is_hub_id(source: str) -> bool:
    """Whether it names a model of the hub, such as org/name, and not a folder that is there."""
    named = registry.is_hub_id(source)
    return named and library_of(source) == "hf" and not path_of(source).is_dir()


def source_name(source: str) -> str:
    """Without folder or organisation; only a file has an ending, "Llama-3.2-1B" has none."""
    if source == registry.EMBEDDED_DRAFT:
        return registry.EMBEDDED_DRAFT_NAME
    path = path_of(source)
    return path.stem if path.suffix.lower() == ".gguf" else path.name or source


def why_no_model(folder: Path) -> str:
    """What a folder lacks to be a Hugging Face model; "" if it is one."""
    if (folder / "config.json").is_file():
        return ""
    return f"{folder.name or folder} is no Hugging Face model: it has no config.json."


def weights_of(folder: Path) -> Weights:
    """Some publishers add the same weights in a layout of their own: those do not count."""
    try:
        files = [file for file in folder.iterdir() if file.suffix == ".safetensors"]
    except OSError:
        return Weights()
    files = [file for file in files if file.name.startswith("model")] or files
    shards = [found for file in files if (found := _SHARD.search(file.name))]
    try:
        size = sum(file.stat().st_size for file in files)
    except OSError:  # a link of the hub's cache to what is not there yet
        return Weights(len(files), 0, False)
    return Weights(len(files), size, all(len(shards) == int(shard[1]) for shard in shards))


def folder_beside(sources: Iterable[str]) -> str:
    """The folder of the first source that lies on the disk, for a dialog to begin in."""
    return next((str(Path(each).parent) for each in sources if not is_hub_id(each)), "")


def size_words(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
