"""All events and rounds of a run, packed: a long recording would not fit into memory otherwise.

Finished rounds are kept as pages of packed bytes, a few rounds' worth each, and unpacked when they
are asked for; the last few pages stay unpacked. As objects they would take five times the room.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TypeVar, cast, overload

import msgspec

from engine.events import AnyEvent, Drafted, LengthChosen, Verified
from engine.rounds import Round

UNPACKED = 8
"""Pages kept as objects, the newest used."""
T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[AnyEvent]] = msgspec.msgpack.Decoder(list[AnyEvent])


class Pages:
    """Packed pages of `rounds_each` finished rounds, with the events up to the last one's verdict.

    ends[k]: events of the run up to the end of page k.
    """

    def __init__(self, rounds_each: int) -> None:
        self.rounds_each = rounds_each
        self.ends: list[int] = []
        self._packed: list[bytes] = []
        self._unpacked: OrderedDict[int, tuple[list[AnyEvent], list[Round]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._packed)

    @property
    def n_events(self) -> int:
        return self.ends[-1] if self.ends else 0

    def add(self, events: list[AnyEvent], rounds: list[Round]) -> None:
        """Close a page; it will be asked for again soon."""
        self._unpacked[len(self._packed)] = events, rounds
        self._packed.append(_encoder.encode(events))
        self.ends.append(self.n_events + len(events))
        self._forget()

    def first(self, count: int) -> Pages:
        """The first pages; their bytes are shared."""
        pages = Pages(self.rounds_each)
        pages.ends, pages._packed = self.ends[:count], self._packed[:count]
        for k, page in self._unpacked.items():
            if k < count:
                pages._unpacked[k] = page
        return pages

    def page(self, k: int) -> tuple[list[AnyEvent], list[Round]]:
        """The events and the rounds of page k."""
        known = self._unpacked.get(k)
        if known is None:
            events = _decoder.decode(self._packed[k])
            known = self._unpacked[k] = events, rounds_of(events, k * self.rounds_each)
            self._forget()
        else:
            self._unpacked.move_to_end(k)
        return known

    def _forget(self) -> None:
        while len(self._unpacked) > UNPACKED:
            self._unpacked.popitem(last=False)


def rounds_of(events: list[AnyEvent], first: int) -> list[Round]:
    """The finished rounds that some events make, the first of them with that index."""
    rounds: list[Round] = []
    current = Round(first)
    for event in events:
        match event:
            case Drafted():
                current.drafted.append(event)
            case LengthChosen():
                current.length = event
            case Verified():
                current.verified = event
                rounds.append(current)
                current = Round(first + len(rounds))
            case _:
                pass
    return rounds


class _Log(Sequence[T]):
    """What is in pages, and after them `open`, which is not yet."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.open: list[T] = []

    def _n_packed(self) -> int:
        raise NotImplementedError

    def _packed_at(self, index: int) -> T:
        raise NotImplementedError

    def append(self, item: T) -> None:
        self.open.append(item)

    def __len__(self) -> int:
        return self._n_packed() + len(self.open)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        n = self._n_packed()
        if index < 0:
            index += n + len(self.open)
        if index >= n:
            return self.open[index - n]
        if index < 0:
            raise IndexError(index)
        return self._packed_at(index)

    def __iter__(self) -> Iterator[T]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(cast("Sequence[object]", other))

    __hash__ = None  # type: ignore[assignment]


class EventLog(_Log[AnyEvent]):
    """The events of a run, in order."""

    def _n_packed(self) -> int:
        return self.pages.n_events

    def _packed_at(self, index: int) -> AnyEvent:
        k = bisect_right(self.pages.ends, index)
        start = self.pages.ends[k - 1] if k else 0
        return self.pages.page(k)[0][index - start]


class RoundLog(_Log[Round]):
    """The finished rounds of a run and, last, the open one."""

    def _n_packed(self) -> int:
        return len(self.pages) * self.pages.rounds_each

    def _packed_at(self, index: int) -> Round:
        k, place = divmod(index, self.pages.rounds_each)
        return self.pages.page(k)[1][place]
