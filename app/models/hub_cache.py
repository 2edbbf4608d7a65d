"""The Hugging Face models that are on this machine already: a walk of the cache, without its
library, whose import would take longer than all else that a picker does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import expandvars
from pathlib import Path

import msgspec

from app.sources import Weights, weights_of
from engine.backends.hf import installed
from engine.backends.registry import path_of
from engine.errors import ModelError

_MOST = 1 << 20
"""Bytes of a config.json that are read."""


@dataclass(frozen=True)
class Hub:
    """The models of the cache by their ids. reason: why no Hugging Face model can be run, ""
    if they can."""

    models: Mapping[str, Weights]
    reason: str = ""


EMPTY = Hub({})


class _Config(msgspec.Struct):
    architectures: list[str] | None = None


def look(folder: Path | None = None) -> Hub:
    """What is there now. folder: the cache; None: where huggingface_hub keeps it."""
    return Hub(cached_models(folder or cache_folder()), why_none_runs())


def why_none_runs() -> str:
    try:
        installed.require()
    except ModelError:
        return f"Install first: {installed.INSTALL}"
    return ""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """As huggingface_hub decides."""
    if found := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return path_of(expandvars(found))
    if found := environment.get("HF_HOME"):
        return path_of(expandvars(found)) / "hub"
    return path_of(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface" / "hub"


def cached_models(folder: Path) -> dict[str, Weights]:
    """Those that the loader would take: text models with weights as safetensors. Whatever else lies
    there, and what cannot be read, is passed over."""
    try:
        names = sorted((path.name for path in folder.iterdir()), key=str.casefold)
    except OSError:
        return {}
    found: dict[str, Weights] = {}
    for name in names:
        kind, *parts = name.split("--")
        if kind == "models" and len(parts) == 2:
            weights = _weights(folder / name)
            if weights.files:
                found["/".join(parts)] = weights
    return found


def _weights(repository: Path) -> Weights:
    """Of the snapshot that the id stands for; none if it is no text model."""
    commit = _read(repository / "refs" / "main").decode("ascii", "replace").strip()
    snapshot = repository / "snapshots" / commit
    if not commit.isalnum():
        return Weights()
    try:
        config = msgspec.json.decode(_read(snapshot / "config.json"), type=_Config)
    except (msgspec.MsgspecError, RecursionError):
        return Weights()
    text = any("ForCausalLM" in name for name in config.architectures or ())
    return weights_of(snapshot) if text else Weights()


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe would never end
            return b""
        with path.open("rb") as file:
            return file.read(_MOST)
    except (OSError, ValueError):
        return b""
