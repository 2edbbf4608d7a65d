"""Writes a made-up pair as two ordinary Hugging Face folders: both whole, or nothing."""

# pyright: basic
from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from engine.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from engine.backends.hf.synth import Pair

_SHARD = 2 * 10**9
_SPARE = 64 * 2**20  # tokenizers, and what a file system needs itself


def check_folder(folder: Path, n_bytes: int) -> None:
    """Raises ConfigError unless the folder is new or empty, and ModelError unless its disk has room
    for weights of so many bytes."""
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        part_taken = _part(folder).exists()
        free = shutil.disk_usage(next(up for up in folder.absolute().parents if up.exists())).free
    except OSError as error:
        raise _unwritable(folder, error) from error
    if taken:
        raise ConfigError(f"{folder} is there already.", "Choose a new or an empty folder.")
    if part_taken:
        raise ConfigError(
            f"{_part(folder)} is there: another run writes it, or was killed while it did.",
            "Delete it if none does, or choose another folder.",
        )
    if free < n_bytes + _SPARE:
        raise ModelError(
            f"The pair takes {(n_bytes + _SPARE) / 2**30:.1f} GiB of disk; "
            f"{free / 2**30:.1f} GiB are free.",
            "Make room, or choose another disk or a smaller shape.",
        )


def write_pair(
    pair: Pair,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    tell: Callable[[float], None] | None = None,
) -> None:
    """Write folder/target and folder/draft.

    tell receives fractions, and may raise to stop: nothing is left then, nor after an error. Raises
    what `check_folder` does, and ModelError for what cannot be written.
    """
    networks = {"target": pair.target_network, "draft": pair.draft_network}
    total = sum(_n_bytes(network) for network in networks.values())
    check_folder(folder, total)
    part, done = _part(folder), 0
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        for name, network in networks.items():
            tokenizer.save_pretrained(part / name)
            network.config.save_pretrained(part / name)
            network.generation_config.save_pretrained(part / name)
            for n_bytes in _write_weights(network, part / name):
                done += n_bytes
                if tell:
                    tell(done / total)
        if folder.exists():
            folder.rmdir()  # empty: not all systems rename onto it
        part.rename(folder)
    except (OSError, SafetensorError) as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_weights(network: LlamaForCausalLM, folder: Path) -> Iterator[int]:
    """Write one file after the other; give the bytes of each."""
    tensors = _tensors(network)
    split = split_torch_state_dict_into_shards(tensors, max_shard_size=_SHARD)
    for file, names in split.filename_to_tensors.items():
        shard = {name: tensors[name] for name in names}
        save_file(shard, folder / file, metadata={"format": "pt"})
        yield sum(tensor.nbytes for tensor in shard.values())
    if split.is_sharded:
        index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2), "utf-8")


def _tensors(network: LlamaForCausalLM) -> dict[str, torch.Tensor]:
    """By name, a tied head left out."""
    return {name: parameter.data for name, parameter in network.named_parameters()}


def _n_bytes(network: LlamaForCausalLM) -> int:
    return sum(tensor.nbytes for tensor in _tensors(network).values())


def _part(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.part")


def _unwritable(folder: Path, error: Exception) -> ModelError:
    reason = error.strerror if isinstance(error, OSError) else None
    return ModelError(
        f"{folder} cannot be written: {reason or error}.", "Choose another folder or disk."
    )
