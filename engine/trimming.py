"""A draft that knows fewer tokens than its target: its head is cheaper, q is zero elsewhere."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError

KEY = "draftscope.trimming"
"""Where models carry it: as a string among the metadata of a GGUF file, as `draftscope_trimming` in
config.json."""


@dataclass(frozen=True, slots=True)
class Trimming:
    """kept [V']: the target's id of each of the draft's tokens, ascending. own [V]: the draft's id
    of each of the target's tokens; of one that it lacks, that of a similar token."""

    kept: NDArray[np.int32]
    own: NDArray[np.int32]

    @classmethod
    def of(cls, kept: NDArray[np.int32], own: NDArray[np.int32]) -> Trimming:
        """Raises ModelError unless the two fit each other."""
        fits = (
            len(kept) > 0
            and bool((np.diff(kept) > 0).all())
            and kept[0] >= 0
            and kept[-1] < len(own)
            and bool(((own >= 0) & (own < len(kept))).all())
            and np.array_equal(own[kept], np.arange(len(kept)))
        )
        if not fits:
            raise ModelError(
                "The list of the draft's tokens is damaged.", "Make or download the draft again."
            )
        return cls(kept, own)

    @property
    def size(self) -> int:
        """Tokens of the target."""
        return len(self.own)

    def text(self) -> str:
        """As a string for a model's metadata."""
        sizes = np.array([len(self.kept), len(self.own)], "<i4")
        packed = zlib.compress(
            sizes.tobytes() + self.kept.astype("<i4").tobytes() + self.own.astype("<i4").tobytes(),
            9,
        )
        return base64.b64encode(packed).decode()

    @classmethod
    def read(cls, text: str) -> Trimming:
        """From such a string. Raises ModelError for one that is damaged."""
        try:
            numbers = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), "<i4")
            kept, size = int(numbers[0]), int(numbers[1])
            if len(numbers) != 2 + kept + size:
                raise ValueError
        except (ValueError, IndexError, zlib.error):
            kept, size, numbers = 0, 0, np.zeros(2, np.int32)
        both = numbers[2:].astype(np.int32)
        return cls.of(both[:kept], both[kept:])
