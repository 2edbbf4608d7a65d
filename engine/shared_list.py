"""A list that may begin with the first entries of another one, without copying them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar, cast, overload

T = TypeVar("T")


class SharedList(Sequence[T]):
    """The first `n` entries of `base`, which must stay as they are there, and then its own.

    Grows at the end, and can be cut there as far as its own entries go.
    """

    def __init__(self, base: list[T] | None = None, n: int = 0) -> None:
        self._base: list[T] = [] if base is None else base
        self._n = n
        self._own: list[T] = []

    def first(self, count: int) -> SharedList[T]:
        """Its first entries, shared."""
        if count <= self._n:
            return SharedList(self._base, count)
        return SharedList(self._own if not self._n else self[:count], count)

    def append(self, item: T) -> None:
        self._own.append(item)

    def extend(self, items: Iterable[T]) -> None:
        self._own.extend(items)

    def cut(self, count: int) -> None:
        """Drop all but the first entries; the shared ones cannot be dropped."""
        assert count >= self._n
        del self._own[count - self._n :]

    def __len__(self) -> int:
        return self._n + len(self._own)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        n = self._n
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return [self[i] for i in range(start, stop, step)]
            shared = self._base[start : min(stop, n)] if start < n else []
            return shared + self._own[max(start - n, 0) : max(stop - n, 0)]
        if index < 0:
            index += n + len(self._own)
            if index < 0:
                raise IndexError(index)
        return self._base[index] if index < n else self._own[index - n]

    def __iter__(self) -> Iterator[T]:
        return chain(islice(self._base, self._n), self._own)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return self[:] == list(cast("Sequence[object]", other))

    __hash__ = None  # type: ignore[assignment]
