"""Model files: what can be said of one before it is loaded, and why llama.cpp refused it."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from engine.errors import ModelError

Scalar = str | int | float | bool

_MAGIC = b"GGUF"
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_LONGEST = 1 << 16
_AGAIN = "Download it again."
_OTHER = "Choose a language model in GGUF format."


def check(path: Path) -> Path:
    """The file to load: `path`, or the first part if it is a part of a split model.

    Raises ModelError with one sentence and a hint for what is not a whole GGUF language model, as
    far as the beginning of the file shows.
    """
    if path.is_dir():
        raise _folder(path)
    try:
        path = _first_part(path)
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise ModelError(f"There is no file {path}.", "Check the path.") from None
    except OSError as error:
        raise ModelError(
            f"{path.name} cannot be read: {error.strerror or error}.", "Check its permissions."
        ) from error
    if not magic:
        raise ModelError(f"{path.name} is empty.", _AGAIN)
    if magic != _MAGIC:
        raise ModelError(f"{path.name} is not a GGUF file.", _OTHER)

    metadata = read_metadata(path)
    architecture, kind = metadata.get("general.architecture"), metadata.get("general.type", "model")
    if architecture == "clip" or kind == "mmproj":
        raise ModelError(
            f"{path.name} is the vision or audio part of a model (mmproj), not a language model.",
            "Choose the model file that it belongs to.",
        )
    if kind == "adapter":
        raise ModelError(
            f"{path.name} is an adapter (LoRA), not a whole model.",
            "Choose the model that it was made for, or one that it was merged into.",
        )
    if kind == "imatrix":
        raise ModelError(f"{path.name} is an importance matrix, not a model.", _OTHER)
    return path


def is_gguf(path: Path) -> bool:
    """Whether the file begins as GGUF files do, whatever its name (Ollama's have no ending)."""
    try:
        with path.open("rb") as file:
            return file.read(4) == _MAGIC
    except OSError:
        return False


def read_metadata(path: Path) -> dict[str, Scalar]:
    """The scalars at the beginning of a GGUF file, up to the vocabulary: a few kilobytes are read.

    Damage ends the reading; what came before it is returned.
    """
    found: dict[str, Scalar] = {}
    try:
        with path.open("rb") as file:
            _, _, _, n_entries = struct.unpack("<4sIQQ", file.read(24))
            for _ in range(n_entries):
                key = _text(file)
                kind = _number(file, "<I")
                if kind == _ARRAY:
                    if key.startswith("tokenizer."):
                        break
                    _skip_array(file)
                elif kind == _STRING:
                    found[key] = _text(file)
                else:
                    found[key] = _number(file, _SCALARS[int(kind)])
    except (OSError, struct.error, KeyError, ValueError):
        pass
    return found


def explain(file_name: str, lines: Sequence[str]) -> ModelError:
    """What llama.cpp's log of a failed load means, as one sentence and a hint."""
    log = "\n".join(lines)
    for pattern, sentence, hint in _MEANINGS:
        match = re.search(pattern, log)
        if match:
            return ModelError(sentence.format(file_name, *match.groups()), hint)
    return ModelError(f"llama.cpp cannot load {file_name}: {cause(lines)}.", _OTHER)


_MEANINGS = (
    (
        r"unknown model architecture: '([^']*)'",
        "{0} is of the architecture {1!r}, which this version of llama.cpp does not know.",
        "Choose a model of another family, or a newer version of Draftscope.",
    ),
    (
        r"not within the file bounds",
        "{0} is incomplete: the file ends before its weights do.",
        _AGAIN,
    ),
    (
        r"GGUFv1 is no longer|bad GGUF version|this GGUF file (?:is )?version",
        "{0} has a version of the GGUF format that this llama.cpp does not read.",
        "Look for a file that was converted recently.",
    ),
    (
        r"failed to (?:read|load) (?:header|key-value pairs|tensor info|GGUF split)",
        "{0} is damaged or incomplete: its header cannot be read.",
        _AGAIN,
    ),
    (
        r"unknown pre-tokenizer type: '([^']*)'",
        "{0} has a tokenizer ({1}) that this version of llama.cpp does not know.",
        "Choose a model of another family, or a newer version of Draftscope.",
    ),
    (
        r"(?i)unable to allocate|failed to allocate|out of memory|cudaMalloc failed",
        "There is not enough memory to load {0}.",
        "Choose a smaller model or quantisation, a shorter context, or fewer layers on the GPU.",
    ),
    (
        r"key not found in model: (\S+)",
        "{0} is not a complete language model: it lacks the setting {1}.",
        _OTHER,
    ),
    (
        r"tensor '([^']*)' (?:not found|has wrong shape)",
        "{0} is not a complete language model: the tensor {1!r} is missing or of another shape.",
        _OTHER,
    ),
)


def cause(lines: Sequence[str]) -> str:
    """The first error of a log, which the later ones follow from, without its function's name."""
    text = lines[0] if lines else "it gave no reason"
    return re.sub(r"^\w+: (?:error loading model: )?", "", text).rstrip(". ")


def _folder(path: Path) -> ModelError:
    files = sorted(path.glob("*.gguf"))
    if files:
        names = ", ".join(file.name for file in files[:3])
        return ModelError(f"{path} is a folder.", f"Choose a file in it: {names}.")
    if (path / "config.json").exists():
        return ModelError(
            f"{path} holds a Hugging Face model; this version runs GGUF files.",
            "Look for a GGUF version of the model.",
        )
    return ModelError(f"{path} is a folder without a GGUF file.", "Choose a .gguf file.")


def _first_part(path: Path) -> Path:
    """Part 1 of a split model, after checking that all parts are there."""
    match = _SHARD.search(path.name)
    if match is None:
        return path
    total = int(match[2])
    stem = path.name[: match.start()]
    parts = [path.with_name(f"{stem}-{i:05}-of-{total:05}.gguf") for i in range(1, total + 1)]
    missing = [i for i, part in enumerate(parts, 1) if not part.exists()]
    if missing:
        raise ModelError(
            f"{stem} is split into {total} files; part {missing[0]} is missing.",
            "Download all parts into one folder.",
        )
    return parts[0]


def _number(file: BinaryIO, layout: str) -> int | float | bool:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))[0]


def _text(file: BinaryIO) -> str:
    length = int(_number(file, "<Q"))
    if length > _LONGEST:
        raise ValueError
    data = file.read(length)
    if len(data) < length:
        raise ValueError
    return data.decode("utf-8", "replace")


def _skip_array(file: BinaryIO) -> None:
    kind, count = int(_number(file, "<I")), int(_number(file, "<Q"))
    if count > _LONGEST:
        raise ValueError
    if kind == _STRING:
        for _ in range(count):
            _text(file)
    else:
        file.seek(count * struct.calcsize(_SCALARS[kind]), 1)
