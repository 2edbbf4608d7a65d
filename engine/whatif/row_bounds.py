"""What a recorded row says about the whole distribution: bounds, and what follows from them.

Events hold the most probable candidates of a row, rounded. Every unlisted entry is at most as large
as the smallest listed one, and together they hold what is left, so much can be said for certain:
which token a draw takes, or what another temperature makes of a probability. What is said here
holds for *every* row that could have been recorded so; where those disagree, the answer is None.
(But for one thing: two entries of a row are taken to differ in the last bit of a float32.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, inf, log
from typing import NamedTuple

from engine.events import Top
from engine.sampling import SHOWN_FROM

ROUNDED = 6e-8
"""Recorded candidates have seven decimals."""
SLACK = 4e-6
"""Rows, their sums and what is drawn from them are float32: sums of 150,000 entries."""


class Span(NamedTuple):
    """A number that lies between two."""

    low: float
    high: float

    @property
    def known(self) -> float | None:
        """The number, where the bounds agree to four digits."""
        return (self.low + self.high) / 2 if self.high - self.low <= 5e-5 else None

    def below(self, value: float) -> bool:
        return self.high < value

    def at_least(self, value: float) -> bool:
        return self.low >= value


ONE = Span(1.0, 1.0)


def ratio(a: Span, b: Span) -> Span:
    """a / b of numbers that are not negative."""
    return Span(a.low / b.high if b.high else 0.0, a.high / b.low if b.low else inf)


def share(part: Span, others: Span) -> Span:
    """part / (part + others)."""
    low = part.low / (part.low + others.high) if part.low else 0.0
    high = part.high / (part.high + others.low) if part.high else 0.0
    return Span(low, high)


@dataclass(frozen=True, slots=True)
class Sampler:
    """Temperature (above 0), top-k and top-p: what made logits a distribution."""

    temperature: float
    top_k: int = 0
    top_p: float = 1.0


@dataclass(frozen=True, slots=True)
class RowBounds:
    """Weights [size] of which some entries are bounded singly and the others together.

    listed: bounds by id; the first `ranked` of them are the largest entries of the row, in order.
    cap: no other entry is larger. rest: what the others sum to, at most `others` of them not 0.
    total: what all sum to, as far as it is known better than by adding up.
    """

    listed: dict[int, Span]
    ranked: int
    others: int
    cap: float
    rest: Span
    size: int
    total: Span

    @classmethod
    def recorded(
        cls, top: Top, k: int, size: int, exact: Mapping[int, float] | None = None
    ) -> RowBounds:
        """Of a distribution [size] recorded with at most k candidates. exact: what is known of
        single ids beside them."""
        listed = {
            i: Span(max(p - ROUNDED, 0.0), p + ROUNDED) for i, p in zip(top.ids, top.p, strict=True)
        }
        full = len(listed) == k
        cap = min(listed[top.ids[-1]].high, 1.0) if full else SHOWN_FROM + ROUNDED
        ranked = len(listed)
        for i, p in (exact or {}).items():
            listed[i] = Span(p, p)
        others = max(size - len(listed), 0)
        low = 1.0 - sum(span.high for span in listed.values()) - SLACK
        high = 1.0 - sum(span.low for span in listed.values()) + SLACK
        rest = Span(max(low, 0.0), min(max(high, 0.0), others * cap))
        rest = Span(min(rest), rest.high)
        return cls(listed, ranked, others, cap, rest, size, Span(1.0 - SLACK, 1.0 + SLACK))

    def of(self, token: int) -> Span:
        """Weight of an entry."""
        return self.listed.get(token, Span(0.0, min(self.cap, self.rest.high)))

    def probability(self, token: int) -> Span:
        """Weight of an entry as a share of the total."""
        own = self.of(token)
        found, by_total = share(own, self._sum_without(token)), ratio(own, self.total)
        return Span(max(found.low, by_total.low), min(found.high, by_total.high, 1.0))

    def best(self) -> int | None:
        """The id of the largest entry, unless it may be another's."""
        ids = list(self.listed)[: self.ranked]
        if not ids:
            return None
        first = self.listed[ids[0]].low
        second = self.listed[ids[1]].high if len(ids) > 1 else self.cap
        return ids[0] if first > second else None

    def draw(self, u: float) -> int | None:
        """The id that inverse transform sampling takes with u (see `sampling.draw`), if it is the
        same whatever the unlisted entries are, and wherever they stand."""
        for token in self.listed:
            if self._surely_takes(token, u):
                return token
        return None

    def entropy(self) -> Span:
        """Bounds of the entropy of the weights' shares, in nats."""
        low = high = 0.0
        for token in self.listed:
            span = self.probability(token)
            ends = [-x * log(x) if x > 0 else 0.0 for x in span]
            low += min(ends)
            # -x·log x has its maximum at 1/e.
            high += exp(-1) if span.low < exp(-1) < span.high else max(ends)
        listed = Span(*(sum(span[end] for span in self.listed.values()) for end in (0, 1)))
        rest = share(self.rest, listed)
        if rest.high > 0:
            # Least when the rest stands in as few entries as the cap allows, most when it is even.
            cap = self.cap / self.sum().low if self.sum().low else 1.0
            low += rest.low * -log(min(cap, 1.0))
            many = max(self.others, 1)
            even = min(rest.high, many * exp(-1))
            high += even * log(many / even)
        off = 8 * SLACK
        return Span(max(low - off, 0.0), high + off)

    def resampled(self, old: Sampler, new: Sampler) -> RowBounds | None:
        """The row under another sampler, where this one came from `old`, up to a factor. None where
        it cannot be told which entries the filters keep."""
        if new == old:
            return self
        row: RowBounds | None = self._unfiltered(old, new)._at(old.temperature / new.temperature)
        if 0 < new.top_k < row.size:
            row = row._largest(new.top_k)
        if new.top_p < 1.0:
            row = row._nucleus(new.top_p)
        return None if row is None else row._scaled()

    def without(self, token: int) -> RowBounds:
        """The weights with one entry set to 0: the residual of a one-hot proposal."""
        own = self.of(token)
        listed = {**self.listed, token: Span(0.0, 0.0)}
        others = self.others - (token not in self.listed)
        rest = self.rest
        if token not in self.listed:
            rest = Span(max(rest.low - own.high, 0.0), rest.high)
        total = Span(max(self.total.low - own.high, 0.0), max(self.total.high - own.low, 0.0))
        return RowBounds(listed, 0, others, self.cap, rest, self.size, total)

    def _sum_without(self, token: int | None) -> Span:
        spans = [span for i, span in self.listed.items() if i != token]
        rest = self.rest
        if token is not None and token not in self.listed:
            rest = Span(max(rest.low - self.cap, 0.0), rest.high)
        return Span(
            sum(span.low for span in spans) + rest.low, sum(span.high for span in spans) + rest.high
        )

    def sum(self) -> Span:
        """What all entries sum to."""
        added = self._sum_without(None)
        return Span(max(added.low, self.total.low), min(added.high, self.total.high))

    def _surely_takes(self, token: int, u: float) -> bool:
        own = self.listed[token]
        total = self.sum()
        before = [span for i, span in self.listed.items() if i < token]
        after = [span for i, span in self.listed.items() if i > token]
        # Unlisted entries on either side: no more than there are ids, none larger than the cap.
        room_before = min(token - len(before), self.others) * self.cap
        room_after = min(self.size - 1 - token - len(after), self.others) * self.cap
        rest_before = Span(
            max(self.rest.low - room_after, 0.0), min(self.rest.high, max(room_before, 0.0))
        )
        rest_after = Span(
            max(self.rest.low - room_before, 0.0), min(self.rest.high, max(room_after, 0.0))
        )
        low = Span(
            sum(span.low for span in before) + rest_before.low,
            sum(span.high for span in before) + rest_before.high,
        )
        high = Span(
            sum(span.low for span in after) + rest_after.low,
            sum(span.high for span in after) + rest_after.high,
        )
        # It is taken if before <= u·total < before + own. Either side is shown by the total, or by
        # what stands on the other side.
        starts = (
            low.high == 0
            or low.high + SLACK <= u * total.low
            or (1 - u) * low.high + SLACK <= u * (own.low + high.low)
        )
        ends = (
            high.high == 0
            or u * total.high + SLACK < low.low + own.low
            or u * high.high + SLACK < (1 - u) * (low.low + own.low)
        )
        return own.low > 0 and starts and ends

    def _unfiltered(self, old: Sampler, new: Sampler) -> RowBounds:
        """With the entries that the old filters removed and the new ones may keep."""
        same_top_k = old.top_k and 0 < new.top_k <= old.top_k
        ranked = list(self.listed)[: self.ranked]
        smallest = self.listed[ranked[-1]].high if ranked else self.cap
        removed = (1.0 - old.top_p) / old.top_p
        row = self
        if 0 < old.top_k < self.size:
            kept = max(old.top_k - self.ranked, 0)
            row = replace(row, others=min(row.others, kept))
            row = replace(row, rest=Span(row.rest.low if kept else 0.0,
                                         min(row.rest.high, row.others * row.cap)))  # fmt: skip
            if not same_top_k:
                removed = inf
        if removed == 0:
            return row
        others = max(self.size - len(self.listed), 0)
        cap = max(row.cap, smallest)
        # A listed entry that is 0 was removed itself.
        listed = {i: Span(s.low, s.high if s.high else cap) for i, s in row.listed.items()}
        most = min(row.rest.high + removed, others * cap)
        return replace(
            row, listed=listed, others=others, cap=cap, rest=Span(row.rest.low, most),
            total=Span(0.0, inf),
        )  # fmt: skip

    def _at(self, power: float) -> RowBounds:
        """Every weight to a power: what a change of temperature does, up to the total."""
        off = 2 * SLACK * max(1.0, power)

        def raised(span: Span) -> Span:
            return Span(span.low**power * (1 - off), span.high**power * (1 + off))

        listed = {i: raised(span) for i, span in self.listed.items()}
        many, cap, rest = max(self.others, 1), self.cap, self.rest
        even = raised(Span(rest.low / many, rest.high / many))
        packed = cap ** (power - 1) if cap > 0 else 0.0
        if power >= 1:
            low, high = many * even.low, rest.high * packed * (1 + off)
        else:
            low, high = rest.low * packed * (1 - off), many * even.high
        most = raised(Span(0.0, cap)).high
        bounds = Span(min(low, high), min(high, self.others * most))
        return replace(self, listed=listed, cap=most, rest=bounds, total=Span(0.0, inf))

    def _largest(self, k: int) -> RowBounds:
        """Only the k largest entries left."""
        ids = list(self.listed)
        if k <= self.ranked:
            return self._only(ids[:k])
        left = min(k - self.ranked, self.others)
        listed = dict(self.listed)
        for i in ids[self.ranked :]:
            listed[i] = Span(0.0, listed[i].high)
        # The largest of the others hold their share at least, unless others take their places.
        beside = len(ids) > self.ranked
        low = 0.0 if beside or not self.others else self.rest.low * left / self.others
        rest = Span(low, min(self.rest.high, left * self.cap))
        return replace(self, listed=listed, others=left, rest=rest)

    def _nucleus(self, top_p: float) -> RowBounds | None:
        """Only the smallest set of largest entries left whose share reaches top_p; None if it may
        be others."""
        ranked = list(self.listed)[: self.ranked]
        for n in range(1, len(ranked) + 1):
            kept = self._only(ranked[:n])
            beyond = replace(self, listed={i: s for i, s in self.listed.items()
                                           if i not in kept.listed})  # fmt: skip
            part = share(kept._sum_without(None), beyond._sum_without(None))
            if part.low >= top_p + SLACK:
                return kept
            if part.high >= top_p - SLACK:
                return None
        listed = dict(self.listed)
        for i in list(listed)[self.ranked :]:
            listed[i] = Span(0.0, listed[i].high)
        return replace(self, listed=listed, rest=Span(0.0, self.rest.high))

    def _only(self, ids: list[int]) -> RowBounds:
        listed = {i: self.listed[i] for i in ids}
        return RowBounds(listed, len(ids), 0, 0.0, Span(0.0, 0.0), self.size, Span(0.0, inf))

    def _scaled(self) -> RowBounds:
        """The same shares, of weights that sum to 1 at most: sums have errors of that scale."""
        most = self.sum().high
        if not 0 < most < inf:
            return self

        def scaled(span: Span) -> Span:
            return Span(span.low / most, span.high / most)

        listed = {i: scaled(span) for i, span in self.listed.items()}
        rest, total = scaled(self.rest), scaled(self.sum())
        return replace(self, listed=listed, cap=self.cap / most, rest=rest, total=total)


def residual(
    p: RowBounds, q: RowBounds, weight: Span = ONE, overlap: float | None = None
) -> RowBounds:
    """Bounds of max(0, weight·p - q). p, q: of distributions, scaled or not. overlap: Σ min(weight·
    p, q) where it was recorded (weight is then exact)."""
    listed: dict[int, Span] = {}
    for token in (*p.listed, *q.listed):
        own, other = p.probability(token), q.probability(token)
        listed[token] = Span(
            max(weight.low * own.low - other.high, 0.0),
            max(weight.high * own.high - other.low, 0.0),
        )
    scale = p.sum()
    cap = weight.high * (p.cap / scale.low if scale.low else 1.0)
    most = weight.high * min(p.rest.high / scale.low if scale.low else 1.0, 1.0)
    others = min(p.others, max(p.size - len(listed), 0))
    total = Span(0.0, weight.high + SLACK)
    rest = Span(0.0, min(most, others * cap))
    if overlap is not None:
        mass = weight.low - overlap
        total = Span(max(mass - SLACK, 0.0), mass + SLACK)
        least = total.low - sum(span.high for span in listed.values())
        most = total.high - sum(span.low for span in listed.values())
        rest = Span(max(min(least, rest.high), 0.0), max(min(rest.high, most), 0.0))
    return RowBounds(listed, 0, others, cap, rest, p.size, total)
