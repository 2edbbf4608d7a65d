"""transformers reads a GGUF file several times, entry by entry: half a minute for a small model."""

# pyright: basic
from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np

_LONG = 256  # entries: only the tokenizer has longer lists


class _BriefReader(gguf.GGUFReader):
    """Reads lists of the tokenizer as so many copies of their first entry: their lengths are all
    that is used, for the tokenizer itself is read elsewhere."""

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        if raw_type != gguf.GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        head = orig_offs + 12  # the type of its entries, and their number
        kind = gguf.GGUFValueType(int(self._get(orig_offs, np.uint32)[0]))
        count = int(self._get(orig_offs + 4, np.uint64)[0])
        if count <= _LONG or kind == gguf.GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        size, parts, places, types = super()._get_field_parts(head, kind)
        if kind == gguf.GGUFValueType.STRING:
            order = ">" if self.byte_order == "S" else "<"
            end, read, memory = head, struct.Struct(f"{order}Q").unpack_from, memoryview(self.data)  # pyright: ignore
            for _ in range(count):
                end += 8 + read(memory, end)[0]
        else:
            end = head + count * size
        return end - orig_offs, parts, places * count, [gguf.GGUFValueType.ARRAY, *types]


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """While this is open, transformers reads what it needs of GGUF files in seconds."""
    reader, names = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader = _BriefReader  # pyright: ignore
    gguf.get_tensor_name_map = functools.cache(names)  # otherwise made anew for every module
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = reader, names


def text_entry(path: Path, key: str) -> str | None:
    """A text among a file's metadata; None if it is missing."""
    with quick():
        field = gguf.GGUFReader(path).get_field(key)
    return None if field is None else str(field.contents())
