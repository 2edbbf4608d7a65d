"""Small distributions and their exact laws, by enumeration."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.verify import Verdict, VerifyFn

Row = NDArray[np.float64]


def random_rows(rng: np.random.Generator, n: int, size: int, sharpness: float = 1.5) -> Row:
    """n rows of distributions over `size` tokens, some entries exactly 0."""
    rows = np.exp(sharpness * rng.normal(size=(n, size)))
    rows[rng.random((n, size)) < 0.2] = 0
    rows[:, 0] += 1e-3
    return rows / rows.sum(axis=1, keepdims=True)


def cells(edges: Sequence[float]) -> Iterator[tuple[float, float]]:
    """(midpoint, width) of the intervals of [0, 1) that the edges cut out."""
    cuts = sorted({0.0, 1.0, *(e for e in edges if 0 < e < 1)})
    for low, high in itertools.pairwise(cuts):
        yield (low + high) / 2, high - low


def emitted_law(
    verify: VerifyFn,
    p_of: Callable[[tuple[int, ...]], Row],
    q_of: Callable[[tuple[int, ...]], Row],
    gamma: int,
    size: int,
    length: int,
    one_hot: bool = False,
) -> dict[tuple[int, ...], float]:
    """Exact law of the first `length` tokens that a round emits (completed from p where the round
    emits fewer), summed over every proposal and every interval of every draw.

    p_of and q_of give the next-token row after a prefix. The rule is called for real: its own
    thresholds, found by bisection over u, decide the intervals.
    """
    law: dict[tuple[int, ...], float] = {}
    for ids in itertools.product(range(size), repeat=gamma):
        q = np.array([q_of(ids[:i]) for i in range(gamma)]).reshape(gamma, size)
        p = np.array([p_of(ids[:i]) for i in range(gamma + 1)])
        chance = float(np.prod([q[i][token] for i, token in enumerate(ids)]))
        if chance == 0:
            continue
        handed = None if one_hot else q
        for verdict, weight in verdicts(verify, p, handed, ids):
            tokens = (*ids[: verdict.n_accepted], verdict.added_id)
            for full, rest in complete(tokens, length, p_of, size):
                law[full] = law.get(full, 0.0) + chance * weight * rest
    return law


def complete(
    tokens: tuple[int, ...], length: int, p_of: Callable[[tuple[int, ...]], Row], size: int
) -> Iterator[tuple[tuple[int, ...], float]]:
    """All continuations of `tokens` to `length` with their chance under p."""
    if len(tokens) >= length:
        yield tokens[:length], 1.0
        return
    row = p_of(tokens)
    for token in range(size):
        if row[token] > 0:
            for full, rest in complete((*tokens, token), length, p_of, size):
                yield full, float(row[token]) * rest


def verdicts(
    verify: VerifyFn, p: Row, q: Row | None, ids: tuple[int, ...]
) -> Iterator[tuple[Verdict, float]]:
    """Every outcome of the rule with its exact chance over u in [0, 1)^(γ+1)."""
    gamma = len(ids)

    def outcomes(prefix: list[float], place: int) -> Iterator[tuple[Verdict, float]]:
        if place > gamma:
            yield verify(p, q, ids, np.array(prefix)), 1.0
            return

        def signature(u: float) -> object:
            # What this draw alone can decide, the later draws fixed at two values.
            results = []
            for rest in (1e-9, 1 - 1e-9):
                tail = [rest] * (gamma - place)
                verdict = verify(p, q, ids, np.array([*prefix, u, *tail]))
                results.append((verdict.n_accepted, verdict.added_id))
            return tuple(results)

        edges = thresholds(signature)
        for middle, width in cells(edges):
            for verdict, weight in outcomes([*prefix, middle], place + 1):
                yield verdict, width * weight

    yield from outcomes([], 0)


def thresholds(signature: Callable[[float], object]) -> list[float]:
    """Places where a piecewise constant function of u changes, to the last bit."""
    grid = np.linspace(0, 1, 65)[:-1] + 1 / 131
    points = [0.0, *grid.tolist(), 1 - 2**-53]
    values = [signature(x) for x in points]
    edges: list[float] = []

    def search(low: float, high: float, at_low: object, at_high: object) -> None:
        if at_low == at_high:
            return
        middle = (low + high) / 2
        if middle <= low or middle >= high or high - low < 1e-16:
            edges.append(high)
            return
        at_middle = signature(middle)
        search(low, middle, at_low, at_middle)
        search(middle, high, at_middle, at_high)

    for (low, at_low), (high, at_high) in itertools.pairwise(zip(points, values, strict=True)):
        search(low, high, at_low, at_high)
    return edges


def total_variation(a: dict[tuple[int, ...], float], b: dict[tuple[int, ...], float]) -> float:
    """Half the L1 distance of two laws."""
    return 0.5 * sum(abs(a.get(k, 0.0) - b.get(k, 0.0)) for k in a.keys() | b.keys())
