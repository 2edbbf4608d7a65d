"""llama.cpp's batch: tokens with their positions, sequences and whether logits are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from llama_cpp import llama_cpp as C

from engine.backends.base import Rows


class Batch:
    """A batch of at most `capacity` tokens, each in at most `sequences` sequences; filled through
    persistent views, and all in sequence 0 unless told otherwise. Must be freed."""

    def __init__(self, capacity: int, sequences: int = 1) -> None:
        self.raw = C.llama_batch_init(capacity, 0, sequences)
        # numpy's types know no ctypes pointers
        self._tokens, self._positions, self._counts, self._outputs = (
            np.ctypeslib.as_array(cast(Any, column), (capacity,))
            for column in (self.raw.token, self.raw.pos, self.raw.n_seq_id, self.raw.logits)
        )
        self._counts[:] = 1
        for i in range(capacity):
            self.raw.seq_id[i][0] = cast(Any, 0)

    def fill(self, ids: Sequence[int], positions: object, rows: Rows) -> None:
        """Put in `ids` [n] at `positions` [n], logits wanted of all, the last or none."""
        n = len(ids)
        self.raw.n_tokens = n
        self._tokens[:n] = ids
        self._positions[:n] = positions
        self._outputs[:n] = rows == "all"
        self._outputs[n - 1] = rows != "none"

    def put_in_sequences(self, sequences: Sequence[Sequence[int]]) -> None:
        """Say of each token which sequences it belongs to."""
        for i, of_token in enumerate(sequences):
            self._counts[i] = len(of_token)
            row = self.raw.seq_id[i]
            for j, sequence in enumerate(of_token):
                row[j] = cast(Any, sequence)

    def free(self) -> None:
        C.llama_batch_free(self.raw)
