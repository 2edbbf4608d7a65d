"""Small random distributions, and what a rule makes of chains drawn from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.lab.exact import RoundLaw, round_law
from engine.lab.proposals import Row, RowOf, all_chains
from engine.verify import VerifyFn


def random_rows(rng: np.random.Generator, n: int, size: int, sharpness: float = 1.5) -> Row:
    """n rows of distributions over `size` tokens, some entries exactly 0."""
    rows = np.exp(sharpness * rng.normal(size=(n, size)))
    rows[rng.random((n, size)) < 0.2] = 0
    rows[:, 0] += 1e-3
    return rows / rows.sum(axis=1, keepdims=True)


def tables(seed: int, size: int) -> tuple[RowOf, RowOf]:
    """p and q as functions of the prefix (first-order: the last token decides)."""
    rng = np.random.default_rng(seed)
    p, q = random_rows(rng, size + 1, size), random_rows(rng, size + 1, size)
    return (
        lambda prefix: p[prefix[-1] if prefix else size],
        lambda prefix: q[prefix[-1] if prefix else size],
    )


def law_of_chains(
    verify: VerifyFn, p_of: RowOf, q_of: RowOf, gamma: int, size: int, *, one_hot: bool = False
) -> RoundLaw:
    """The law of the first gamma + 1 tokens after chains drawn from q_of."""
    chains = all_chains(q_of, gamma, size)
    if one_hot:
        chains = [replace(chain, q=None) for chain in chains]
    return round_law(verify, chains, p_of, gamma + 1)
