"""Every lossless rule with every drafter, by enumeration: what is emitted follows the target."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from engine.backends.toy import ToyModel, lab_pair
from engine.config import Config
from engine.drafting.registry import DRAFTERS, make_drafter
from engine.drafting.table import NgramTable
from engine.errors import ConfigError
from engine.lab.exact import RoundLaw, TargetRows, round_law
from engine.lab.proposals import all_proposals
from engine.methods import check
from engine.rules import RULES
from tests.engine.laws import law_of_chains, tables
from tests.engine.toys import letters, ticking_clock

EXACT = 1e-12
CONTEXTS = [(1, 2, 0, 1, 2, 0, 1), (0, 1, 2)]  # a match for the lookups, and none


def round_of(config: Config, size: int, context=CONTEXTS[0], seed: int = 7) -> RoundLaw:
    """The exact law of one round on a random toy pair of `size` tokens."""
    check(config)
    target, draft = lab_pair(size, seed)
    text = np.random.default_rng(seed).integers(0, size, 60).tolist()
    table = NgramTable.build(text, order=3, vocabulary_size=size)
    drafter = make_drafter(config, draft, size, table)
    for _ in drafter.begin(context):
        pass
    proposals = all_proposals(drafter, config, context, config.gamma)
    assert sum(p.chance for p in proposals) == pytest.approx(1, abs=1e-12)
    rows = TargetRows(target, config, context)
    logits = rows.logits if config.greedy else None
    law = round_law(RULES[config.rule].verify(config), proposals, rows.p, config.gamma + 1, logits)
    assert sum(law.emitted.values()) == pytest.approx(1, abs=1e-12)
    return law


def runs(config: Config) -> bool:
    try:
        check(config)
    except ConfigError:
        return False
    return True


LOSSLESS = [name for name, rule in RULES.items() if rule.lossless]


def temperatures(rule: str, warm: float) -> tuple[float, ...]:
    return (0.0,) if rule == "greedy" else (0.0, warm)


CHAINS = [
    config
    for rule, drafter in itertools.product(LOSSLESS, DRAFTERS)
    for temperature in temperatures(rule, 0.9)
    if runs(config := Config(gamma=2, rule=rule, drafter=drafter, temperature=temperature))
]
TREES = [
    config
    for rule, drafter in itertools.product(LOSSLESS, ("model", "ngram-table"))
    for branches in ((3,), (2, 1), (1, 2))
    for temperature in temperatures(rule, 1.0)
    if runs(
        config := Config(
            gamma=len(branches),
            rule=rule,
            drafter=drafter,
            temperature=temperature,
            branches=branches,
        )
    )
]
POLICIES = [
    config
    for rule, drafter in itertools.product(LOSSLESS, DRAFTERS)
    for policy in ("confidence", "entropy", "throughput")
    if runs(
        config := Config(
            gamma=2,
            rule=rule,
            drafter=drafter,
            temperature=1.0,
            length_policy=policy,
            confidence=0.5,
            entropy_bound=0.5,
        )
    )
]


def named(config: Config) -> str:
    branches = "x".join(map(str, config.branches)) or "chain"
    return (
        f"{config.rule}-{config.drafter}-{branches}-T{config.temperature:g}-{config.length_policy}"
    )


@pytest.mark.parametrize("context", CONTEXTS, ids=["match", "no match"])
@pytest.mark.parametrize("config", CHAINS, ids=named)
def test_chains_follow_the_target(config, context):
    assert round_of(config, 4, context).tv < EXACT


@pytest.mark.parametrize("config", TREES, ids=named)
def test_trees_follow_the_target(config):
    assert round_of(config, 4).tv < EXACT


@pytest.mark.parametrize("config", POLICIES, ids=named)
def test_length_policies_do_not_bias(config):
    assert round_of(config, 4).tv < EXACT


@pytest.mark.parametrize("rule", ["rejection", "block", "sample-match"])
def test_three_tokens_deep(rule):
    assert round_of(Config(gamma=3, rule=rule, temperature=1.0), 4).tv < EXACT


@pytest.mark.parametrize("rule", ["rejection", "block", "sample-match"])
def test_eight_tokens_wide(rule):
    assert round_of(Config(gamma=2, rule=rule, temperature=1.0), 8).tv < EXACT


def test_a_tree_of_two_and_two():
    assert round_of(Config(gamma=2, branches=(2, 2), temperature=1.0), 3).tv < EXACT


@pytest.mark.parametrize("rule", ["rejection", "block"])
def test_filters_of_the_sampler(rule):
    config = Config(gamma=2, rule=rule, temperature=0.8, top_k=3, top_p=0.9)
    assert round_of(config, 5).tv < EXACT


@pytest.mark.parametrize("drafter", ["model", "ngram", "ngram-table"])
def test_typical_acceptance_is_seen_to_be_lossy(drafter):
    assert round_of(Config(gamma=2, rule="typical", drafter=drafter, temperature=1.0), 4).tv > 0.01


def test_lenience_biases_the_more_the_smaller_it_is():
    found = [
        round_of(Config(gamma=2, rule="lenient", temperature=1.0, lenience=lenience), 4).tv
        for lenience in (1.0, 0.7, 0.3)
    ]
    assert found[0] < EXACT
    assert 0.01 < found[1] < found[2]


P, Q = np.array([1 / 3, 2 / 3]), np.array([2 / 3, 1 / 3])


def known_toy(rule: str) -> RoundLaw:
    verify = RULES[rule].verify(Config(temperature=1.0))
    return law_of_chains(verify, lambda prefix: P, lambda prefix: Q, 2, 2)


@pytest.mark.parametrize(("rule", "accepted"), [("rejection", 10 / 9), ("block", 11 / 9)])
def test_expected_tokens_on_the_known_toy(rule, accepted):
    """Sun et al., arXiv 2403.10444, section 3."""
    law = known_toy(rule)
    assert law.accepted == pytest.approx(accepted, abs=1e-12)
    assert law.tokens == pytest.approx(1 + accepted, abs=1e-12)
    assert law.tv < EXACT


@pytest.mark.parametrize("seed", range(12))
def test_block_never_accepts_less_than_token_wise_rejection(seed):
    p_of, q_of = tables(seed, 3)
    config = Config(temperature=1.0)
    block, token = (
        law_of_chains(RULES[rule].verify(config), p_of, q_of, 3, 3)
        for rule in ("block", "rejection")
    )
    assert block.tv < EXACT
    assert block.accepted >= token.accepted - 1e-12


def test_what_each_rule_accepts_of_a_sampled_draft():
    """Rejection Σ min(p, q), sample and compare Σ p·q."""
    p_of, q_of = tables(3, 5)
    p, q = p_of(()), q_of(())
    config = Config(temperature=1.0)
    for rule, expected in (
        ("rejection", np.minimum(p, q).sum()),
        ("sample-match", (p * q).sum()),
    ):
        law = law_of_chains(RULES[rule].verify(config), p_of, q_of, 1, 5)
        assert law.accepted == pytest.approx(expected, abs=1e-12)


def test_more_siblings_are_accepted_more_often():
    config = {"gamma": 1, "temperature": 1.0}
    found = [round_of(Config(**config, branches=(b,)), 5).accepted for b in (1, 2, 3, 4)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_a_draft_that_knows_one_token_only_still_makes_a_tree():
    """Fewer siblings than asked for, where q has no more."""
    law = np.full((3, 3), -np.inf)
    law[:, 1] = 0.0
    clock = ticking_clock()
    target = ToyModel(np.random.default_rng(0).normal(size=(3, 3)), letters(3), clock=clock)
    draft = ToyModel(law, letters(3), clock=clock)
    config = Config(gamma=2, branches=(2, 2), temperature=1.0)
    drafter = make_drafter(config, draft, 3)
    for _ in drafter.begin((0, 1)):
        pass
    proposals = all_proposals(drafter, config, (0, 1), 2)
    assert [p.ids for p in proposals] == [(1, 1)]
    rows = TargetRows(target, config, (0, 1))
    law_of_round = round_law(RULES["rejection"].verify(config), proposals, rows.p, 3)
    assert law_of_round.tv < EXACT
