"""The text that a target wrote, with its distributions: files that are whole or not there."""

# pyright: basic
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TOP = 32
"""Log-probabilities kept of each distribution: of a small chat model 32 hold about 0.97."""


@dataclass(slots=True)
class Text:
    """One text. chosen[i]: token i was drawn by the target; of these, in order, top_ids and
    top_logs [drawn, TOP] are the most probable tokens at T = 1 and their log-probabilities."""

    ids: NDArray[np.int32]
    chosen: NDArray[np.bool_]
    top_ids: NDArray[np.int32]
    top_logs: NDArray[np.float16]
    temperature: float
    held_out: bool


def write_part(path: Path, texts: list[Text]) -> None:
    """Write texts to one file, which has its name only when it is whole."""
    lengths = [len(text.ids) for text in texts]
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("wb") as file:
        np.savez(
            file,
            lengths=np.array(lengths, np.int32),
            ids=np.concatenate([text.ids for text in texts]),
            chosen=np.concatenate([text.chosen for text in texts]),
            top_ids=np.concatenate([text.top_ids for text in texts]),
            top_logs=np.concatenate([text.top_logs for text in texts]),
            temperature=np.array([text.temperature for text in texts], np.float32),
            held_out=np.array([text.held_out for text in texts]),
        )
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_parts(paths: Iterable[Path]) -> Iterator[Text]:
    """The texts of such files, in order."""
    for path in paths:
        with np.load(path) as stored:
            part = {name: stored[name] for name in stored.files}
        ends = np.cumsum(part["lengths"])
        drawn = np.cumsum(part["chosen"])
        for i, end in enumerate(ends):
            start = end - part["lengths"][i]
            first = drawn[start - 1] if start else 0
            last = drawn[end - 1] if end else 0
            yield Text(
                part["ids"][start:end],
                part["chosen"][start:end],
                part["top_ids"][first:last],
                part["top_logs"][first:last],
                float(part["temperature"][i]),
                bool(part["held_out"][i]),
            )
