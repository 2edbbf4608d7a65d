"""Whether two samples come from one law: χ² on joint outcomes, total variation, and its noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import erfc, exp, fsum, lgamma, log, sqrt

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
FALSE_ALARM = 1e-9
"""How often the test may call two samples of one law different."""
_EXPECTED = 5.0
_RELABELLINGS = 200
_SURE = 1.645
"""A bias is called detectable that shows in 95 % of tests: so many standard deviations."""
_LARGEST = 1e6


@dataclass(frozen=True, slots=True)
class Comparison:
    """chi2, degrees_of_freedom, p_value: of Pearson's test of homogeneity, outcomes of an expected
    count below 5 merged. tv: total variation between the samples' frequencies; tv_noise: its mean
    for two samples of one law. detectable: total variation between two laws (over the merged
    outcomes) from which on the test finds a difference in at least 95 of 100 cases."""

    chi2: float
    degrees_of_freedom: int
    p_value: float
    tv: float
    tv_noise: float
    detectable: float


def compare(
    a: Mapping[tuple[int, ...], int], b: Mapping[tuple[int, ...], int], seed: int = 0
) -> Comparison:
    """Compare two samples of the same size, given as counts of their outcomes."""
    outcomes = sorted(a.keys() | b.keys())
    counts = np.array([[a.get(o, 0), b.get(o, 0)] for o in outcomes], dtype=np.int64)
    n = int(counts[:, 0].sum())
    if n == 0 or int(counts[:, 1].sum()) != n:
        raise ValueError("two samples of one size are needed")
    bins = _merged(counts)
    # Equal sizes: both expect (a + b) / 2, so Σ (a - e)²/e + (b - e)²/e is Σ (a - b)²/(a + b).
    chi2 = float(((bins[:, 0] - bins[:, 1]) ** 2 / bins.sum(axis=1)).sum())
    freedom = len(bins) - 1
    return Comparison(
        chi2=chi2,
        degrees_of_freedom=freedom,
        p_value=chi2_tail(chi2, freedom),
        tv=float(np.abs(counts[:, 0] - counts[:, 1]).sum()) / (2 * n),
        tv_noise=_noise(counts.sum(axis=1), n, seed),
        detectable=_detectable(freedom, n),
    )


def _merged(counts: Counts) -> Counts:
    """Bins [m, 2] of an expected count of at least 5 each: the rare outcomes become one."""
    totals = counts.sum(axis=1)
    rare = totals < 2 * _EXPECTED
    bins = counts[~rare]
    rest = counts[rare].sum(axis=0)
    if rest.sum() >= 2 * _EXPECTED or not len(bins):
        return np.vstack([bins, rest])
    bins[bins.sum(axis=1).argmin()] += rest
    return bins


def _noise(totals: Counts, n: int, seed: int) -> float:
    """Mean total variation of two samples of one law: all outcomes pooled and dealt out again."""
    rng = np.random.default_rng(seed)
    moved = 0
    for _ in range(_RELABELLINGS):
        dealt = rng.multivariate_hypergeometric(totals, n, method="marginals")
        moved += int(np.abs(2 * dealt - totals).sum())
    return moved / (_RELABELLINGS * 2 * n)


def _detectable(freedom: int, n: int) -> float:
    """The bias d (total variation) that shows with near certainty.

    Under it χ² is noncentral with λ = n/2·Σ Δ²/p ≥ 2·n·d² (Cauchy-Schwarz), mean k + λ and variance
    2·(k + 2λ); the λ whose mean lies 1.645 standard deviations above the threshold solves a
    quadratic equation (normal approximation).
    """
    if freedom == 0:
        return 1.0
    above, z2 = chi2_threshold(FALSE_ALARM, freedom) - freedom, _SURE**2
    root = sqrt(4 * above * z2 + 4 * z2 * z2 + 2 * z2 * freedom)
    return min(1.0, sqrt((above + 2 * z2 + root) / (2 * n)))


def chi2_tail(x: float, freedom: int) -> float:
    """P(χ² > x) for a whole number of degrees of freedom, by its finite sum (Abramowitz and Stegun
    26.4.4, 26.4.5). Exact, and ten lines, where a library would weigh more than all of ours."""
    if x <= 0 or freedom == 0:
        return 1.0
    half, odd = x / 2, freedom % 2
    powers = [k + odd / 2 for k in range((freedom - odd) // 2)]
    terms = [exp(a * log(half) - half - lgamma(a + 1)) for a in powers]
    return min(1.0, fsum(terms) + (erfc(sqrt(half)) if odd else 0.0))


def chi2_threshold(p: float, freedom: int) -> float:
    """The x with P(χ² > x) = p."""
    low, high = 0.0, _LARGEST
    while (middle := (low + high) / 2) not in (low, high):
        if chi2_tail(middle, freedom) > p:
            low = middle
        else:
            high = middle
    return high
