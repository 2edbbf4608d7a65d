"""Counts of n-grams in a text, and the distribution that they give a next token."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engine.errors import Cancelled, ConfigError

CANDIDATES = 256
"""Most tokens that can follow one context: a draft step must not take a pass over all tokens."""
UNIGRAMS = 64
"""Most that come from the most frequent tokens of all."""
ORDERS = (2, 8)
_FORMAT = 1
_SHARE_MIN = 1e-30
_P_MIN = 1e-12
"""Shares and probabilities from here on, multiplied, are above 0 in float32."""
_DTYPES = (np.int64, np.int64, np.int32, np.float32, np.float32)


@dataclass(slots=True)
class _Level:
    """The contexts of one length that occur in the text, numbered 0 … n - 1, and what follows.

    keys: [n], ascending: number of the context without its oldest token, times V, plus that token.
    starts: [n + 1] into ids and p, which hold each context's next tokens, ascending, at most
    CANDIDATES of them, the most frequent. p: their discounted share of the context's count.
    back_off: [n], the share of each context that goes to the next shorter one.
    """

    keys: NDArray[np.int64]
    starts: NDArray[np.int64]
    ids: NDArray[np.int32]
    p: NDArray[np.float32]
    back_off: NDArray[np.float32]


class NgramTable:
    """A static n-gram model of a text's tokens.

    The probability of a token is that of interpolated absolute discounting (Ney, Essen and Kneser
    1994, "On structuring probabilistic dependences in stochastic language modelling"; Chen and
    Goodman 1999): with c(h, w) counts after the context h, T(h) different tokens after it and h'
    the context without its oldest token,

        P(w | h) = max(0, c(h, w) - D) / c(h) + D·T(h) / c(h) · P(w | h')

    D = n1 / (n1 + 2·n2) for each length of context, from how many n-grams occur once and twice.
    Only the CANDIDATES most probable tokens are kept, among those seen after the context or one of
    its shorter forms and the UNIGRAMS most frequent of all; the rest have probability 0.
    """

    def __init__(self, vocabulary_size: int, fingerprint: str, levels: Sequence[_Level]) -> None:
        self.vocabulary_size = vocabulary_size
        self.fingerprint = fingerprint
        self._levels = levels

    @property
    def order(self) -> int:
        """Longest n-gram: contexts have up to order - 1 tokens."""
        return len(self._levels)

    @classmethod
    def build(
        cls,
        ids: Sequence[int] | NDArray[np.integer[Any]],
        order: int = 4,
        *,
        vocabulary_size: int | None = None,
        fingerprint: str = "",
        progress: Callable[[float], None] = lambda done: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> NgramTable:
        """Count the n-grams of a text given as token ids.

        vocabulary_size: None for the largest id + 1. fingerprint: names the tokenizer, for whoever
        loads the table. progress: told the fraction done. Raises ConfigError for a text shorter
        than `order` and for ids outside the vocabulary, Cancelled after `cancelled` says so.
        """
        if not ORDERS[0] <= order <= ORDERS[1]:
            raise ConfigError(
                f"The order {order} of the n-gram table is outside {ORDERS[0]} to {ORDERS[1]}.",
                "4 suits most texts.",
            )
        tokens = np.asarray(ids, dtype=np.int64)
        if tokens.size < order:
            raise ConfigError(
                f"The text for the n-gram table has {tokens.size:,} tokens, fewer than {order}.",
                "Give a longer text, one that resembles what will be written.",
            )
        size = vocabulary_size or int(tokens.max()) + 1
        if tokens.min() < 0 or tokens.max() >= size:
            raise ConfigError(
                f"The text for the n-gram table has ids outside the vocabulary of {size:,} tokens.",
                "Encode it with the target's own tokenizer.",
            )
        levels: list[_Level] = []
        keys = np.zeros(1, dtype=np.int64)
        context = np.zeros(tokens.size, dtype=np.int64)  # number of the context before each place
        for depth in range(order):
            if cancelled():
                raise Cancelled("The n-gram table was cancelled.")
            if depth:
                older = tokens[: tokens.size - depth]
                keys, context = np.unique(context[1:] * size + older, return_inverse=True)
            levels.append(_count(keys, context, tokens[depth:], size, backs_off=depth > 0))
            progress((depth + 1) / order)
        return cls(size, fingerprint, levels)

    def candidates(
        self, context: Sequence[int]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], int]:
        """What may follow: ids [m], ascending, their weights [m], all above 0 (not normalised), and
        the length of the longest context found in the table; m is 1 to CANDIDATES."""
        node = 0
        found = [(self._levels[0], 0)]
        for depth in range(1, min(self.order - 1, len(context)) + 1):
            level, token = self._levels[depth], context[-depth]
            key = node * self.vocabulary_size + token
            node = int(level.keys.searchsorted(key))
            # An id beyond the table would read as the key of another context.
            if token >= self.vocabulary_size or node == level.keys.size or level.keys[node] != key:
                break
            found.append((level, node))
        share = 1.0
        ids: list[NDArray[np.int32]] = []
        weights: list[NDArray[np.float32]] = []
        for level, node in reversed(found):
            span = slice(level.starts[node], level.starts[node + 1])
            ids.append(level.ids[span])
            weights.append(level.p[span] * np.float32(share))
            share *= float(level.back_off[node])
            if share < _SHARE_MIN:
                break
        return *_most_probable(*_merged(ids, weights)), len(found) - 1

    def save(self, path: Path) -> None:
        """Write a single .npz, whole or not at all. Raises ConfigError if it can't be written."""
        arrays: dict[str, Any] = {
            "format": np.int64(_FORMAT),
            "order": np.int64(self.order),
            "vocabulary_size": np.int64(self.vocabulary_size),
            "fingerprint": np.array(self.fingerprint),
        }
        for depth, level in enumerate(self._levels):
            arrays |= {f"{f.name}_{depth}": getattr(level, f.name) for f in fields(level)}
        part = path.with_name(path.name + ".part")
        try:
            with part.open("wb") as file:
                np.savez_compressed(file, **arrays)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ConfigError(
                f"The n-gram table can't be written: {error}.", "Choose another folder."
            ) from error

    @classmethod
    def load(cls, path: Path) -> NgramTable:
        """Read what `save` wrote. Raises ConfigError for a file that is missing, damaged or of
        another kind."""
        try:
            # Opened here: numpy leaves a damaged file open.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _table_of(arrays)
        except OSError as error:
            raise ConfigError(
                f"The n-gram table can't be read: {error}.", "Choose a table that was saved here."
            ) from error
        except (
            *(ValueError, TypeError, KeyError, AttributeError, EOFError, MemoryError),
            *(OverflowError, NotImplementedError, RuntimeError, BadZipFile, zlib.error),
        ) as error:
            raise ConfigError(
                f"{path.name} is no n-gram table, or it is damaged ({error}).",
                "Make it again from its text.",
            ) from error


def _count(
    keys: NDArray[np.int64],
    context: NDArray[np.int64],
    following: NDArray[np.int64],
    size: int,
    backs_off: bool,
) -> _Level:
    """The level of contexts with these keys; `context` numbers them before each `following`.
    backs_off: there are shorter contexts to give a share to."""
    grams, counts = np.unique(context * size + following, return_counts=True)
    owners, ids = np.divmod(grams, size)
    starts = np.searchsorted(owners, np.arange(keys.size + 1))
    distinct = np.diff(starts)
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    # The bounds are for tiny texts, where nothing occurs once, or nothing twice.
    discount = min(max(once / max(once + 2 * twice, 1), 0.1), 0.9) if backs_off else 0.0
    totals = np.bincount(context, minlength=keys.size)
    kept = np.ones(ids.size, dtype=bool)
    most = CANDIDATES if backs_off else UNIGRAMS
    for node in np.flatnonzero(distinct > most):
        rare = np.argsort(-counts[starts[node] : starts[node + 1]], kind="stable")[most:]
        kept[starts[node] + rare] = False
    return _Level(
        keys=keys,
        starts=np.concatenate(([0], np.cumsum(kept)))[starts],
        ids=ids[kept].astype(np.int32),
        p=((counts - discount) / totals[owners])[kept].astype(np.float32),
        back_off=(discount * distinct / totals).astype(np.float32),
    )


def _merged(
    ids: Sequence[NDArray[np.int32]], weights: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Each id once, ascending, with the sum of its weights."""
    every = np.concatenate(ids)
    order = every.argsort(kind="stable")
    every = every[order]
    first = np.empty(every.size, dtype=bool)
    first[0] = True
    np.not_equal(every[1:], every[:-1], out=first[1:])
    starts = first.nonzero()[0]
    return every[starts], np.add.reduceat(np.concatenate(weights)[order], starts)


def _most_probable(
    ids: NDArray[np.int32], weights: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The CANDIDATES largest weights, the lower ids of equals; ids stay ascending."""
    if ids.size > CANDIDATES:
        edge = np.partition(weights, -CANDIDATES)[-CANDIDATES]
        kept = weights > edge
        equal = (weights == edge).nonzero()[0]
        kept[equal[: CANDIDATES - np.count_nonzero(kept)]] = True
        ids, weights = ids[kept], weights[kept]
    return ids, weights


def _table_of(arrays: Mapping[str, NDArray[Any]]) -> NgramTable:
    """Raises ValueError or KeyError where the arrays are not those of a table."""
    if int(arrays["format"]) != _FORMAT:
        raise ValueError(f"format {int(arrays['format'])} is not known")
    order, size = int(arrays["order"]), int(arrays["vocabulary_size"])
    if not ORDERS[0] <= order <= ORDERS[1] or size < 1:
        raise ValueError("the order or the vocabulary's size is out of range")
    levels: list[_Level] = []
    for depth in range(order):
        level = _Level(*[arrays[f"{f.name}_{depth}"] for f in fields(_Level)])
        _check(level, levels[-1].keys.size if levels else 1, size)
        levels.append(level)
    if levels[0].keys.tolist() != [0]:
        raise ValueError("the empty context is missing")
    return NgramTable(size, str(arrays["fingerprint"]), levels)


def _check(level: _Level, shorter: int, size: int) -> None:
    """Raise ValueError unless every look-up in the level stays inside it and has weights above 0.

    shorter: contexts of the level before.
    """
    for field, dtype in zip(fields(_Level), _DTYPES, strict=True):
        array: NDArray[Any] = getattr(level, field.name)
        if array.ndim != 1 or array.dtype != dtype or array.size == 0:
            raise ValueError(f"{field.name} has another shape")
    n, spans = level.keys.size, np.diff(level.starts)
    sound = (
        level.starts.size == n + 1
        and level.starts[0] == 0
        and level.starts[-1] == level.ids.size == level.p.size
        and spans.min() > 0
        and spans.max() <= CANDIDATES
        and level.keys[0] >= 0
        and level.keys[-1] < shorter * size
        and (np.diff(level.keys) > 0).all()
        and level.ids.min() >= 0
        and level.ids.max() < size
        and level.p.min() > _P_MIN
        and level.p.max() <= 1
        and level.back_off.size == n
        and level.back_off.min() >= 0
        and level.back_off.max() <= 1
    )
    if not sound:
        raise ValueError("its parts do not fit together")
