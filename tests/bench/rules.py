"""A rule's verdict on a large vocabulary, on one core: V = 150,000, γ = 8.

    python -m tests.bench.rules [--vocabulary 150000] [--gamma 8]

Rows are those of a language model's shape (a few likely tokens and a long tail), float32, not in
the processor's caches when the rule begins. Bar: 3 ms for every rule.
"""

from __future__ import annotations

import json
from statistics import median
from time import perf_counter_ns

import numpy as np
import typer

from engine.config import Config
from engine.host import host
from engine.rules import RULES
from engine.tree import size_of, width_at

REPEATS = 30


def rows(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """n rows [n, size] whose sorted probabilities fall like a language model's."""
    logits = (4.0 * rng.standard_normal((n, size))).astype(np.float32)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    return logits / logits.sum(axis=1, keepdims=True)


def main(vocabulary: int = 150_000, gamma: int = 8) -> None:
    rng = np.random.default_rng(0)
    evict = np.ones(64 << 20, dtype=np.uint8)
    result: dict[str, object] = {
        "cpu": host().cpu,
        "vocabulary": vocabulary,
        "gamma": gamma,
        "bar_ms": 3.0,
    }
    shapes: dict[str, tuple[int, ...]] = {"chain": (), "tree 2": (2,)}
    for shape, branches in shapes.items():
        depth = gamma if not branches else gamma // width_at(branches, 1)
        n = size_of(branches, depth)
        p, q = rows(rng, n + 1, vocabulary), rows(rng, n, vocabulary)
        parents = None if not branches else [i - 2 if i >= 2 else -1 for i in range(n)]
        for name, rule in RULES.items():
            if parents is not None and not rule.trees:
                continue
            temperature = 0.0 if rule.needs_temperature_zero else 1.0
            verify = rule.verify(Config(temperature=temperature))
            spent: list[int] = []
            for _ in range(REPEATS):
                # All are accepted, the longest way: u = 0 and tokens that both sides like.
                ids = [int(row.argmax()) for row in p[:n]]
                evict += 1
                began = perf_counter_ns()
                verify(p, q, ids, np.zeros(n + 1), parents)
                spent.append(perf_counter_ns() - began)
            result[f"{name}, {shape}, ms"] = round(median(spent) / 1e6, 2)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    typer.run(main)
