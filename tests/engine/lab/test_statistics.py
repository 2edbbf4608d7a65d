"""The test of two samples: against scipy, and how often it is right."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from engine.lab.statistics import FALSE_ALARM, chi2_tail, chi2_threshold, compare


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 24, 101, 1500])
def test_the_tail_of_chi_squared_is_scipys(freedom):
    for share in (0.01, 0.5, 1.0, 1.3, 3.0):
        x = freedom * share
        assert chi2_tail(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-9)
    assert chi2_tail(0.0, freedom) == 1.0


@pytest.mark.parametrize("freedom", [1, 2, 24, 301])
def test_the_threshold_is_scipys(freedom):
    found = chi2_threshold(FALSE_ALARM, freedom)
    assert found == pytest.approx(stats.chi2.isf(FALSE_ALARM, freedom), rel=1e-9)


def sample(law, n, seed):
    drawn = np.random.default_rng(seed).choice(len(law), n, p=law)
    return Counter((int(i),) for i in drawn)


LAW = np.array([0.4, 0.3, 0.15, 0.1, 0.03, 0.015, 0.004, 0.001])


def test_the_statistic_is_pearsons_with_rare_outcomes_merged():
    a, b = sample(LAW, 600, 1), sample(LAW, 600, 2)
    found = compare(a, b)
    counts = np.array([[a[i,], b[i,]] for i in range(len(LAW))])
    rare = counts.sum(axis=1) < 10
    assert rare.any()
    bins = np.vstack([counts[~rare], counts[rare].sum(axis=0)])
    if bins[-1].sum() < 10:
        bins[bins[:-1].sum(axis=1).argmin()] += bins[-1]
        bins = bins[:-1]
    expected = stats.chi2_contingency(bins, correction=False)
    assert found.chi2 == pytest.approx(expected.statistic)
    assert found.degrees_of_freedom == expected.dof
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.tv == pytest.approx(np.abs(counts[:, 0] - counts[:, 1]).sum() / 1200)


def test_equal_laws_show_the_noise_that_is_foretold():
    found = [compare(sample(LAW, 500, 2 * i), sample(LAW, 500, 2 * i + 1)) for i in range(40)]
    assert np.mean([f.tv for f in found]) == pytest.approx(
        np.mean([f.tv_noise for f in found]), rel=0.15
    )
    p_values = [f.p_value for f in found]
    assert 0.35 < np.mean(p_values) < 0.65
    assert min(p_values) > 1e-4


def test_a_bias_of_the_detectable_size_shows():
    n = 3000
    size = compare(sample(LAW, n, 0), sample(LAW, n, 1)).detectable
    assert 0.05 < size < 0.2
    # The hardest bias of that size to find: every outcome changes by the same factor.
    signs = np.array([1, -1, -1, 1, 1, 1, 1, 1])
    up = LAW[signs > 0].sum()
    biased = LAW * np.where(signs > 0, 1 + size / up, 1 - size / (1 - up))
    assert np.abs(biased - LAW).sum() / 2 == pytest.approx(size)
    shown = [
        compare(sample(LAW, n, 10 + i), sample(biased, n, 50 + i)).p_value < FALSE_ALARM
        for i in range(40)
    ]
    assert np.mean(shown) > 0.9


def test_one_outcome_and_few_samples_show_nothing():
    found = compare(Counter({(1, 2): 100}), Counter({(1, 2): 100}))
    assert (found.chi2, found.degrees_of_freedom, found.p_value) == (0.0, 0, 1.0)
    assert (found.tv, found.tv_noise, found.detectable) == (0.0, 0.0, 1.0)
    assert compare(Counter({(1,): 4}), Counter({(2,): 4})).p_value == 1.0


def test_samples_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        compare(Counter({(1,): 4}), Counter({(1,): 5}))
