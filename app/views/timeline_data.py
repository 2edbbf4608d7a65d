"""Rounds on a time axis as numpy columns: what the timeline draws, without any Qt.

Times are nanoseconds of decode time (draft + verify + host) since the first round began.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from app.views import format as fmt
from app.views.length_text import length_words
from engine.trace import Columns, Run

Int = NDArray[np.int64]
Float = NDArray[np.float64]
SMOOTH_ROUNDS = 4
"""Rounds that a pixel column averages over where rounds are as narrow as pixels."""


def smooth(values: Float, width: int, known: NDArray[np.bool_]) -> Float:
    """Mean over the known ones of `width` neighbours; 0 where none of them is known."""
    if width < 2:
        return values
    box = np.ones(min(width, len(values)))
    count = np.convolve(known, box, mode="same")
    total = np.convolve(np.where(known, values, 0.0), box, mode="same")
    return total / np.maximum(count, 1.0)


class _Growing:
    """An int64 column that grows in place."""

    def __init__(self) -> None:
        self._data: Int = np.empty(1024, dtype=np.int64)
        self.n = 0

    def extend(self, values: array[int]) -> None:
        n = self.n + len(values)
        if n > len(self._data):
            grown: Int = np.empty(max(n, 2 * len(self._data)), dtype=np.int64)
            grown[: self.n] = self._data[: self.n]
            self._data = grown
        self._data[self.n : n] = values
        self.n = n

    @property
    def view(self) -> Int:
        return self._data[: self.n]


class TimelineData:
    """Copies of the columns that the timeline needs; `update` takes in only what is new."""

    def __init__(self) -> None:
        self._end, self._draft, self._target = _Growing(), _Growing(), _Growing()
        self._rejected = _Growing()

    def __len__(self) -> int:
        return self._end.n

    def update(self, columns: Columns) -> bool:
        """Says whether rounds were added."""
        done, n = self._end.n, len(columns)
        if done == n:
            return False
        # Slices of an array are copies. A numpy view of the array itself would forbid it to grow.
        self._end.extend(columns.end_ns[done:n])
        self._draft.extend(columns.draft_ns[done:n])
        self._target.extend(columns.target_ns[done:n])
        self._rejected.extend(array("q", [min(r, 1) for r in columns.rejected[done:n]]))
        return True

    @property
    def end(self) -> Int:
        """Where each round ends."""
        return self._end.view

    @property
    def draft(self) -> Int:
        return self._draft.view

    @property
    def target(self) -> Int:
        return self._target.view

    @property
    def rejected(self) -> Int:
        """1 for rounds with a rejected token."""
        return self._rejected.view

    @property
    def total(self) -> int:
        return int(self._end.view[-1]) if self._end.n else 0

    @property
    def mean(self) -> float:
        """Mean length of a round."""
        return self.total / self._end.n if self._end.n else 0.0

    def start_of(self, index: int) -> int:
        return int(self._end.view[index - 1]) if index > 0 else 0

    def at(self, ns: float) -> int:
        """The round that covers a moment, clamped to the rounds there are."""
        return int(min(max(np.searchsorted(self.end, ns, side="right"), 0), max(len(self) - 1, 0)))

    def between(self, low: float, high: float) -> range:
        """Rounds that touch a span of time."""
        if not len(self):
            return range(0)
        first = self.at(low)
        last = int(np.searchsorted(self.end, high, side="left"))
        return range(first, min(last + 1, len(self)))

    def shares(self, low: float, high: float, pixels: int) -> tuple[Float, Float, Float, Float]:
        """For each of `pixels` slices of a span: the shares of draft, verify and host time in it,
        and the share of its rounds with a rejection. Shares of an empty slice are 0."""
        edges = np.linspace(low, high, pixels + 1)
        rounds = self.between(low, high)
        window = slice(rounds.start, rounds.stop)
        end = self.end[window].astype(np.float64)
        start = np.concatenate(([float(self.start_of(rounds.start))], end[:-1]))
        draft = self.draft[window].astype(np.float64)
        target = self.target[window].astype(np.float64)
        # Cumulative time of a phase at any moment is piecewise linear: knots where phases change.
        knots = np.column_stack((start, start + draft, start + draft + target)).ravel()
        knots = np.append(knots, end[-1] if len(end) else low)

        def spent(amounts: Float, phase: int) -> Float:
            steps = np.zeros(len(knots))
            steps[phase + 1 :: 3] = amounts
            return np.diff(np.interp(edges, knots, np.cumsum(steps)))

        host = np.maximum(end - start - draft - target, 0.0)
        parts = [spent(draft, 0), spent(target, 1), spent(host, 2)]
        whole = np.maximum(sum(parts), 1e-9)
        filled = (edges[:-1] < self.total) & (edges[1:] > 0)
        d, t, h = (np.where(filled, part / whole, 0.0) for part in parts)

        # Wide enough to cover a few rounds, or single phases would flicker from pixel to pixel.
        kernel = int(np.ceil(SMOOTH_ROUNDS * self.mean * pixels / (high - low)))
        d, t, h = (np.where(filled, smooth(part, kernel, filled), 0.0) for part in (d, t, h))
        middles = (start + end) / 2
        place = np.clip(((middles - low) / (high - low) * pixels).astype(int), 0, pixels - 1)
        count = np.bincount(place, minlength=pixels)
        bad = np.bincount(place, weights=self.rejected[window], minlength=pixels)
        known = count > 0
        bad = np.where(known, bad / np.maximum(count, 1), 0.0)
        return d, t, h, np.where(filled, smooth(bad, kernel, known), 0.0)


def describe_round(run: Run, index: int) -> str:
    """A finished round in two or three lines: its tokens and time, its parts, why it was drafted
    that long."""
    c = run.columns
    draft, target, host = c.draft_ns[index], c.target_ns[index], c.host_ns[index]
    parts = [("draft", draft), ("verify", target), ("host", host)]
    each = " + ".join(f"{name} {fmt.duration(part)}" for name, part in parts if part)
    total = fmt.duration(draft + target + host)
    lines = [f"Round {index + 1:,}: {fmt.count(c.emitted[index], 'token')} in {total}", each]
    length = run.rounds[index].length
    lines += length_words(length)[:1] if length is not None else ()
    return "\n".join(lines)
