"""The rules against their exact laws, and wrong variants that the same check must catch."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.events import Judged
from engine.rules import RULES, rule_named
from engine.sampling import draw
from engine.verify import Verdict, greedy, rejection
from tests.engine.laws import complete, emitted_law, random_rows, total_variation


def tables(seed: int, size: int):
    """p and q as functions of the prefix (first-order: the last token decides)."""
    rng = np.random.default_rng(seed)
    p, q = random_rows(rng, size + 1, size), random_rows(rng, size + 1, size)
    return (
        lambda prefix: p[prefix[-1] if prefix else size],
        lambda prefix: q[prefix[-1] if prefix else size],
    )


def target_law(p_of, size, length):
    return dict(complete((), length, p_of, size))


@pytest.mark.parametrize(("size", "gamma", "seed"), [(4, 1, 1), (4, 2, 2), (3, 2, 3), (2, 3, 4)])
def test_rejection_follows_the_target_exactly(size, gamma, seed):
    p_of, q_of = tables(seed, size)
    law = emitted_law(rejection, p_of, q_of, gamma, size, gamma + 1)
    assert total_variation(law, target_law(p_of, size, gamma + 1)) < 1e-12


@pytest.mark.parametrize("gamma", [1, 2])
def test_rejection_of_a_one_hot_proposal_follows_the_target_exactly(gamma):
    p_of, _ = tables(5, 4)
    choice = np.eye(4)
    law = emitted_law(
        rejection, p_of, lambda prefix: choice[len(prefix) + 1], gamma, 4, gamma + 1, one_hot=True
    )
    assert total_variation(law, target_law(p_of, 4, gamma + 1)) < 1e-12


def test_expected_tokens_on_the_known_toy():
    """p = (1/3, 2/3), q = (2/3, 1/3), γ = 2: token-wise rejection accepts 10/9 tokens (Sun et al.
    2024, arXiv 2403.10444, section 3)."""
    p, q = np.array([1 / 3, 2 / 3]), np.array([2 / 3, 1 / 3])
    accepted = 0.0
    for first in range(2):
        for second in range(2):
            verdict = rejection(np.array([p, p, p]), np.array([q, q]), (first, second), np.zeros(3))
            a, b = (j.accept_probability for j in verdict.judged)
            accepted += q[first] * q[second] * (a + a * b)
    assert accepted == pytest.approx(10 / 9, abs=1e-12)


def residual_by_position(p, q, ids, u):
    """Trap: the residual subtracts q's sorted list from p's sorted list."""
    verdict = rejection(p, q, ids, u)
    if verdict.residual is None:
        return verdict
    i = verdict.n_accepted
    order_p, order_q = np.argsort(-p[i]), np.argsort(-q[i])
    weights = np.zeros_like(p[i])
    weights[order_p] = np.maximum(p[i][order_p] - q[i][order_q], 0)
    weights = weights if weights.any() else p[i]
    return Verdict(i, verdict.judged, draw(weights, u[-1]), "resampled", verdict.added_u, weights)


def resample_from_p(p, q, ids, u):
    """Trap: after a rejection the token is drawn from p instead of the residual."""
    verdict = rejection(p, q, ids, u)
    if verdict.residual is None:
        return verdict
    row = p[verdict.n_accepted]
    return Verdict(
        verdict.n_accepted, verdict.judged, draw(row, u[-1]), "resampled", verdict.added_u, row
    )


def truncated_draft(q_row, k=2):
    """What a draft samples from when it keeps its top-k."""
    row = np.where(q_row >= np.sort(q_row)[-k], q_row, 0)
    return row / row.sum()


@pytest.mark.parametrize("trap", [residual_by_position, resample_from_p])
def test_wrong_rules_are_caught(trap):
    p_of, q_of = tables(2, 4)
    law = emitted_law(trap, p_of, q_of, 2, 4, 3)
    assert total_variation(law, target_law(p_of, 4, 3)) > 0.01


@pytest.mark.parametrize(
    "sampled_from",
    [truncated_draft, lambda row: np.eye(row.size)[row.argmax()]],
    ids=["top-k draft, raw q", "argmax draft, soft q"],
)
def test_a_q_that_was_not_sampled_from_is_caught(sampled_from):
    """Trap: the proposal comes from one distribution, the verdict uses another."""
    p_of, q_of = tables(2, 4)

    def told_raw_q(p, q, ids, u):
        raw = np.array([q_of(ids[:i]) for i in range(len(ids))])
        return rejection(p, raw, ids, u)

    law = emitted_law(told_raw_q, p_of, lambda prefix: sampled_from(q_of(prefix)), 2, 4, 3)
    assert total_variation(law, target_law(p_of, 4, 3)) > 0.01


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
