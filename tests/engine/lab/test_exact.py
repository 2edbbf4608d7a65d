"""Every lossless rule × drafter × shape × length policy follows the target exactly.

The real drafters and rules are enumerated on vocabularies of 3 to 8 tokens; what is left of the
total variation is float64 rounding.
"""

from __future__ import annotations

import pytest

from engine.config import Config
from engine.drafting.registry import DRAFTERS
from engine.errors import ConfigError
from engine.lab.proposals import all_chains
from engine.methods import check
from engine.rules import RULES
from tests.engine.lab.pairs import CONTEXTS, law, proposals
from tests.engine.laws import law_of_chains, tables

LOSSLESS = [name for name, rule in RULES.items() if rule.lossless]
SAMPLED = [name for name in LOSSLESS if not RULES[name].needs_temperature_zero]
# An early exit drafts as a model does; the laboratory's laws have no layers to leave early.
KINDS = {name: kind for name, kind in DRAFTERS.items() if not kind.needs_layers}
LOOKUPS = [name for name, kind in KINDS.items() if not kind.has_q]
DRAWING = [name for name, kind in KINDS.items() if kind.has_q]


def runnable(rules, drafters, **settings) -> list[tuple[str, str]]:
    """The rules and drafters that the engine combines; its refusals are tested elsewhere."""
    found = []
    for rule in rules:
        for drafter in drafters:
            try:
                check(Config(rule=rule, drafter=drafter, gamma=2, **settings))
            except ConfigError:
                continue
            found.append((rule, drafter))
    return found


def test_what_is_combined():
    assert set(SAMPLED) == {"rejection", "block", "sample-match"}
    assert len(runnable(SAMPLED, DRAWING, temperature=1.0)) == 6
    assert len(runnable(SAMPLED, LOOKUPS, temperature=1.0)) == 8
    assert len(runnable(SAMPLED, KINDS, temperature=1.0, branches=(2,))) == 4
    assert len(runnable(LOSSLESS, KINDS)) == 24
    assert len(runnable(LOSSLESS, KINDS, branches=(2,))) == 8


@pytest.mark.parametrize("rule", SAMPLED)
@pytest.mark.parametrize("drafter", DRAWING)
@pytest.mark.parametrize(
    ("size", "gamma"), [(8, 1), (8, 2), (5, 3)], ids=["V=8,γ=1", "V=8,γ=2", "V=5,γ=3"]
)
def test_chains(rule, drafter, size, gamma):
    config = Config(drafter=drafter, gamma=gamma, temperature=1.0)
    found = law(rule, config, size)
    assert sum(found.emitted.values()) == pytest.approx(1, abs=1e-12)
    assert found.tv < 1e-12
    assert 0.1 < found.accepted < gamma


@pytest.mark.parametrize(("rule", "drafter"), runnable(SAMPLED, LOOKUPS, temperature=1.0))
@pytest.mark.parametrize("context", CONTEXTS, ids=["long match", "match", "miss", "one token"])
@pytest.mark.parametrize("gamma", [1, 3])
def test_lookups_and_their_misses(rule, drafter, context, gamma):
    config = Config(drafter=drafter, gamma=gamma, temperature=1.0)
    assert law(rule, config, 4, context).tv < 1e-12


def test_the_contexts_have_hits_and_misses():
    for drafter in LOOKUPS:
        config = Config(drafter=drafter, gamma=3, temperature=1.0)
        one_hot = [
            any(p.q is None and p.ids for p in proposals(config, 4, context))
            for context in CONTEXTS
        ]
        assert one_hot[0]
        assert not one_hot[-1]


@pytest.mark.parametrize(
    ("rule", "drafter"), runnable(SAMPLED, KINDS, temperature=1.0, branches=(2,))
)
@pytest.mark.parametrize(
    ("branches", "gamma", "size"),
    [((2,), 1, 4), ((2,), 2, 4), ((3,), 2, 3), ((2, 2), 2, 3), ((2, 1, 1), 3, 3)],
    ids=str,
)
def test_trees(rule, drafter, branches, gamma, size):
    config = Config(drafter=drafter, gamma=gamma, temperature=1.0, branches=branches)
    assert all(p.parents is not None for p in proposals(config, size))
    found = law(rule, config, size)
    assert sum(found.emitted.values()) == pytest.approx(1, abs=1e-12)
    assert found.tv < 1e-12


STOPS = {
    ("model", "confidence"): {"confidence": 0.5},
    ("model", "entropy"): {"entropy_scale": 0.25, "entropy_bound": 0.465},
    ("model", "throughput"): {},
    ("ngram-table", "confidence"): {"confidence": 0.4},
    ("ngram-table", "entropy"): {"entropy_scale": 0.25, "entropy_bound": 0.45},
    ("ngram-table", "throughput"): {},
}
"""Thresholds that stop after some tokens and not after others."""


@pytest.mark.parametrize(("drafter", "policy"), STOPS)
def test_length_policies(drafter, policy):
    settings = STOPS[drafter, policy]
    config = Config(drafter=drafter, gamma=3, temperature=0.8, length_policy=policy, **settings)
    if policy != "throughput":  # whose first round proposes all
        assert len({len(p.ids) for p in proposals(config, 4)}) > 1
    for rule in SAMPLED:
        assert law(rule, config, 4).tv < 1e-12, rule


@pytest.mark.parametrize("rule", SAMPLED)
@pytest.mark.parametrize("drafter", DRAWING)
@pytest.mark.parametrize("sampler", [{"top_k": 2}, {"top_p": 0.7}, {"temperature": 2.0}], ids=str)
def test_samplers(rule, drafter, sampler):
    config = Config(**{"drafter": drafter, "gamma": 2, "temperature": 0.9, **sampler})
    assert law(rule, config, 5).tv < 1e-12


@pytest.mark.parametrize(
    ("rule", "drafter", "branches"),
    [(*both, shape) for shape in ((), (2,)) for both in runnable(LOSSLESS, KINDS, branches=shape)],
    ids=str,
)
def test_greedy_emits_the_targets_own_text(rule, drafter, branches):
    config = Config(drafter=drafter, gamma=3, temperature=0.0, branches=branches)
    found = law(rule, config, 5)
    assert found.tv == 0.0
    assert len(found.emitted) == 1


@pytest.mark.parametrize("branches", [(), (2,)], ids=["chain", "tree"])
def test_lossy_rules_and_the_exact_end_of_leniency(branches):
    config = Config(drafter="model", gamma=2, temperature=1.0, branches=branches)
    distances = []
    for lenience in (1.0, 0.8, 0.3):
        biased = Config(
            drafter="model", gamma=2, temperature=1.0, branches=branches, lenience=lenience
        )
        distances.append(law("lenient", biased, 4).tv)
    assert distances[0] < 1e-12 < 0.005 < distances[1] < distances[2]
    assert law("typical", config, 4).tv > 0.01


@pytest.mark.parametrize("drafter", ["ngram", "ngram-table"])
def test_typical_acceptance_is_lossy_with_other_drafters(drafter):
    assert law("typical", Config(drafter=drafter, gamma=2, temperature=1.0), 5).tv > 0.01


def test_more_siblings_are_accepted_more_often():
    found = [
        law("rejection", Config(gamma=1, temperature=1.0, branches=(b,)), 5).accepted
        for b in (1, 2, 3, 4)
    ]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_more_passes_by_block_than_by_rejection_than_by_comparison():
    config = Config(drafter="model", gamma=3, temperature=1.0)
    block, rejection, compared = (law(rule, config, 5).tokens for rule in
                                  ("block", "rejection", "sample-match"))  # fmt: skip
    assert block > rejection + 1e-3 > compared


def test_a_rule_is_cut_by_what_it_does_not_by_what_it_says():
    """A rule that reports another accept_probability than it uses is enumerated as it behaves."""
    p_of, q_of = tables(2, 3)
    rule = RULES["rejection"].verify(Config(temperature=1.0))

    def secretive(p, q, ids, u, parents=None):
        verdict = rule(p, q, ids, u, parents)
        judged = [type(j)(j.p, j.q, j.u, 0.123, j.overlap) for j in verdict.judged]
        return type(verdict)(
            verdict.n_accepted,
            tuple(judged),
            verdict.added_id,
            verdict.added_kind,
            verdict.added_u,
            verdict.residual,
        )

    def silent(p, q, ids, u, parents=None):
        verdict = rule(p, q, ids, u, parents)
        return type(verdict)(verdict.n_accepted, (), verdict.added_id, "bonus", None)

    for liar in (secretive, silent):
        found = law_of_chains(liar, p_of, q_of, 2, 3)
        assert sum(found.emitted.values()) == pytest.approx(1, abs=1e-12)
        assert found.tv < 1e-8


def test_all_chains_have_the_chance_of_one():
    _, q_of = tables(1, 4)
    assert sum(c.chance for c in all_chains(q_of, 3, 4)) == pytest.approx(1, abs=1e-14)
