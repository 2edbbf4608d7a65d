"""Length policies that only note what they were asked."""

from __future__ import annotations


class Willing:
    """Wants and likes everything up to `most` tokens; `calls` tells what it was asked and told."""

    name = "willing"
    reason = "limit"
    value = None
    threshold = None

    def __init__(self, most: int = 99, likes: int = 99) -> None:
        self._most, self._likes = most, likes
        self.calls: list[tuple] = []
        self.totals: list[tuple[float, float]] = []

    def begin(self, limit):
        pass

    def wants(self, n):
        self.calls.append(("wants", n))
        return n < self._most

    def likes(self, weights, total):
        self.calls.append(("likes",))
        self.totals.append((float(weights.sum()), total))
        self._likes -= 1
        return self._likes >= 0

    def drew(self, kind):
        self.calls.append(("drew", kind))

    def learn(self, outcome):
        pass
