"""The rules against their exact laws; the wrong variants are in `lab/test_traps.py`."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.events import Judged
from engine.rules import RULES, rule_named
from engine.verify import (
    block,
    greedy,
    lenient,
    lenient_greedy,
    rejection,
    sample_match,
    typical,
)
from tests.engine.laws import law_of_chains, tables


@pytest.mark.parametrize(("size", "gamma", "seed"), [(4, 1, 1), (4, 2, 2), (3, 2, 3), (2, 3, 4)])
def test_rejection_follows_the_target_exactly(size, gamma, seed):
    p_of, q_of = tables(seed, size)
    assert law_of_chains(rejection, p_of, q_of, gamma, size).tv < 1e-12


@pytest.mark.parametrize("gamma", [1, 2])
def test_rejection_of_a_one_hot_proposal_follows_the_target_exactly(gamma):
    p_of, _ = tables(5, 4)
    choice = np.eye(4)
    law = law_of_chains(
        rejection, p_of, lambda prefix: choice[len(prefix) + 1], gamma, 4, one_hot=True
    )
    assert law.tv < 1e-12


@pytest.mark.parametrize(("rule", "accepted"), [(rejection, 10 / 9), (block, 11 / 9)])
def test_expected_tokens_on_the_known_toy(rule, accepted):
    """p = (1/3, 2/3), q = (2/3, 1/3), γ = 2: token-wise rejection accepts 10/9 tokens, block
    verification 11/9 (Sun et al. 2025, arXiv 2403.10444, section 3)."""
    p, q = np.array([1 / 3, 2 / 3]), np.array([2 / 3, 1 / 3])
    law = law_of_chains(rule, lambda prefix: p, lambda prefix: q, 2, 2)
    assert law.accepted == pytest.approx(accepted, abs=1e-12)
    assert law.tokens == pytest.approx(accepted + 1, abs=1e-12)
    assert law.tv < 1e-12


@pytest.mark.parametrize(("size", "gamma"), [(2, 3), (3, 2), (4, 2), (3, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_block_is_exact_and_never_below_token_wise_rejection(size, gamma, seed):
    p_of, q_of = tables(seed, size)
    by_block = law_of_chains(block, p_of, q_of, gamma, size)
    assert by_block.tv < 1e-12
    assert by_block.accepted >= law_of_chains(rejection, p_of, q_of, gamma, size).accepted - 1e-12


def test_acceptance_of_sampled_drafts():
    """Rejection accepts Σ min(p, q), sample and compare Σ p·q."""
    p, q = np.random.default_rng(3).dirichlet(np.ones(6), 2)
    rates = {
        rule: law_of_chains(rule, lambda prefix: p, lambda prefix: q, 1, 6).accepted
        for rule in (rejection, sample_match)
    }
    assert rates[rejection] == pytest.approx(np.minimum(p, q).sum(), abs=1e-12)
    assert rates[sample_match] == pytest.approx((p * q).sum(), abs=1e-12)
    assert rates[rejection] > 1.5 * rates[sample_match]


def test_lossy_rules_are_seen_to_be_lossy():
    p_of, q_of = tables(2, 4)
    typically = partial(typical, epsilon=0.09, delta=0.3)
    assert law_of_chains(typically, p_of, q_of, 2, 4).tv > 0.01
    distances = [
        law_of_chains(partial(lenient, lenience=bias), p_of, q_of, 2, 4).tv
        for bias in (1.0, 0.9, 0.5)
    ]
    assert distances[0] < 1e-12 < distances[1] < distances[2]


def test_judged_carries_the_numbers_of_each_decision():
    p = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7], [0.0, 0.0, 1.0]])
    q = np.array([[0.25, 0.75, 0.0], [0.8, 0.1, 0.1]])
    verdict = rejection(p, q, (1, 0), np.array([0.6, 0.2, 0.99]))
    assert verdict.n_accepted == 1
    first, second = verdict.judged
    assert first == Judged(0.5, 0.75, 0.6, 0.5 / 0.75, 0.75)
    assert (second.p, second.q, second.u) == (0.1, 0.8, 0.2)
    assert second.accept_probability == pytest.approx(0.125)
    assert second.overlap == pytest.approx(0.1 + 0.1 + 0.1)
    assert verdict.residual == pytest.approx([0, 0.1, 0.6])
    assert verdict.residual.sum() == pytest.approx(1 - second.overlap)
    assert (verdict.added_id, verdict.added_kind, verdict.added_u) == (2, "resampled", 0.99)


def test_p_zero_is_rejected_even_by_a_draw_of_zero():
    verdict = rejection(np.array([[0.0, 1.0], [1.0, 0.0]]), None, (0,), np.zeros(2))
    assert (verdict.n_accepted, verdict.added_id) == (0, 1)


def test_equal_p_and_q_are_always_accepted():
    row = np.array([0.25, 0.75])
    verdict = rejection(np.array([row, row]), np.array([row]), (0,), np.array([1 - 2**-53, 0.5]))
    assert (verdict.n_accepted, verdict.added_kind, verdict.added_id) == (1, "bonus", 1)


def test_greedy_takes_logits_and_breaks_ties_to_the_lower_id():
    logits = np.array([[0.0, 3.0, 3.0], [5.0, 1.0, 0.0], [0.0, 0.0, 9.0]])
    verdict = greedy(logits, None, (1, 0), np.zeros(3))
    assert (verdict.n_accepted, verdict.added_id, verdict.added_kind) == (2, 2, "bonus")
    verdict = greedy(logits, None, (2, 0), np.zeros(3))
    assert (verdict.n_accepted, verdict.added_id, verdict.added_kind) == (0, 1, "resampled")
    assert verdict.judged == (Judged(0.0, 1.0, None, 0.0, 0.0),)


def test_greedy_is_rejection_at_temperature_zero():
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = np.eye(5)[rng.integers(0, 5, 4)]
        ids = rng.integers(0, 5, 3).tolist()
        u = rng.random(4)
        a, b = greedy(p, None, ids, u), rejection(p, None, ids, u)
        assert (a.n_accepted, a.added_id, a.added_kind) == (b.n_accepted, b.added_id, b.added_kind)


def test_block_carries_a_token_that_would_fail_alone():
    """x_1 fails by itself (p/q = 1/2), but x_2 makes up for it: p_2 = min(1, 1/2 · 0.8/0.2) = 1."""
    p = np.array([[0.4, 0.6], [0.8, 0.2], [0.5, 0.5]])
    q = np.array([[0.8, 0.2], [0.2, 0.8]])
    verdict = block(p, q, (0, 0), np.array([0.99, 0.99, 0.7]))
    assert (verdict.n_accepted, verdict.added_kind, verdict.added_id) == (2, "bonus", 1)
    first, second = verdict.judged
    # Z_2 = max(0, 0.5·0.8 - 0.2) = 0.2, so h_1 = 0.2 / (0.2 + 1 - 0.5).
    assert first.accept_probability == pytest.approx(0.2 / 0.7)
    assert (first.weight, second.weight) == (1.0, 0.5)
    assert second.accept_probability == pytest.approx(1.0)
    assert verdict.weighed == ()
    assert rejection(p, q, (0, 0), np.array([0.99, 0.99, 0.7])).n_accepted == 0


def test_block_tells_of_the_tokens_behind_the_rejected_one():
    p = np.array([[0.4, 0.6], [0.2, 0.8], [0.5, 0.5]])
    q = np.array([[0.8, 0.2], [0.8, 0.2]])
    verdict = block(p, q, (0, 0), np.array([0.9, 0.9, 0.5]))
    assert (verdict.n_accepted, verdict.added_kind) == (0, "resampled")
    assert [len(verdict.judged), len(verdict.weighed)] == [1, 1]
    assert verdict.weighed[0].accept_probability == pytest.approx(0.5 * 0.25)
    assert verdict.residual == pytest.approx([0, 0.4])


def test_siblings_are_judged_by_what_the_last_rejection_left():
    p = np.array([[0.5, 0.3, 0.2], [1, 0, 0], [0, 1, 0]])
    q = np.array([[0.6, 0.3, 0.1], [0, 0.75, 0.25]])
    verdict = rejection(p, q, (0, 1), np.array([0.9, 0.9, 0.5]), (-1, -1))
    first, second = verdict.judged
    assert first.accept_probability == pytest.approx(5 / 6)
    assert second.p == pytest.approx(0)  # of the residual (0, 0, 1)
    assert second.q == 0.75
    assert (verdict.path, verdict.judged_at) == ((), (0, 1))
    assert verdict.added_id == 2
    passed = rejection(p, q, (0, 1), np.array([0.8, 0.9, 0.5]), (-1, -1))
    assert (passed.path, passed.judged_at, passed.added_kind) == ((0,), (0,), "bonus")


def test_greedy_walks_down_a_tree():
    logits = np.array([[0.0, 3.0, 1.0], [9.0, 0, 0], [0, 9.0, 0], [0, 0, 9.0], [9.0, 0, 0]])
    verdict = greedy(logits, None, (0, 1, 0, 1), np.zeros(5), (-1, -1, 0, 1))
    assert (verdict.path, verdict.judged_at) == ((1, 3), (0, 1, 3))
    assert (verdict.n_accepted, verdict.added_id, verdict.added_kind) == (2, 0, "bonus")


def test_sample_and_compare_draws_from_p_alone():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    q = np.array([[0.1, 0.8, 0.1]])
    verdict = sample_match(p, q, (1,), np.array([0.29, 0.9]))
    assert (verdict.n_accepted, verdict.judged[0].q) == (1, 0.8)
    assert verdict.judged[0].accept_probability == 0.3
    verdict = sample_match(p, q, (1,), np.array([0.31, 0.9]))
    assert verdict.residual == pytest.approx([0.5, 0, 0.2])
    assert verdict.added_id == 2


def test_typical_accepts_what_is_likely_enough():
    p = np.array([[0.5, 0.45, 0.05], [0.1, 0.1, 0.8]])
    rule = partial(typical, epsilon=0.09, delta=0.3)
    verdict = rule(p, None, (1,), np.array([0.999, 0.999]))
    assert (verdict.n_accepted, verdict.added_id) == (1, 2)
    assert verdict.judged[0].u is None
    assert verdict.judged[0].threshold == 0.09
    verdict = rule(p, None, (2,), np.array([0.0, 0.6]))
    assert (verdict.n_accepted, verdict.added_id) == (0, 1)


def test_lenient_at_temperature_zero_compares_with_the_best_token():
    logits = np.log(np.array([[0.5, 0.4, 0.1], [0.2, 0.2, 0.6]]))
    assert lenient_greedy(logits, None, (1,), np.zeros(2), lenience=0.7).n_accepted == 1
    refused = lenient_greedy(logits, None, (1,), np.zeros(2), lenience=0.9)
    assert (refused.n_accepted, refused.added_id) == (0, 0)
    assert refused.judged[0].p == pytest.approx(0.8)


def test_every_rule_explains_itself():
    for name, rule in RULES.items():
        assert rule.name == name
        assert len(rule.explanation.split()) > 10
        assert rule.source


def test_unknown_and_unfit_rules_are_refused():
    with pytest.raises(ConfigError, match="no rule 'nope'") as refused:
        rule_named("nope", 0)
    assert "rejection" in refused.value.hint
    with pytest.raises(ConfigError, match="needs temperature 0"):
        rule_named("greedy", 0.5)
