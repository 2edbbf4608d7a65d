"""Combinations that cannot run are refused with the reason and the nearest setting that works."""

from __future__ import annotations

import itertools

import pytest

from engine.config import Config
from engine.drafting.length import LENGTH_POLICIES
from engine.drafting.registry import DRAFTERS
from engine.errors import ConfigError
from engine.methods import check, check_leaves, is_tree
from engine.rules import RULES


@pytest.mark.parametrize(
    ("settings", "says", "hint"),
    [
        ({"drafter": "model", "gamma": 17}, "γ = 17", "γ = 16"),
        ({"drafter": "ngram", "rule": "block", "temperature": 1}, "needs the draft", "rejection"),
        ({"drafter": "chain", "rule": "block", "temperature": 1}, "needs the draft", "rejection"),
        ({"drafter": "suffix", "length_policy": "entropy"}, "reads the draft", "throughput"),
        ({"drafter": "ngram", "branches": (2,)}, "no trees", "no branches"),
        ({"rule": "block", "branches": (2,), "temperature": 1}, "chains only", "rejection"),
        ({"branches": (2,), "length_policy": "confidence"}, "chains only", "fixed"),
        ({"branches": (4, 4), "gamma": 6}, "84 tokens", "γ = 4"),
        ({"branches": (16, 16), "gamma": 2}, "272 tokens", "γ = 1"),
    ],
)  # fmt: skip
def test_refused_with_the_reason_and_what_works(settings, says, hint):
    with pytest.raises(ConfigError) as refused:
        check(Config(**settings))
    assert says in refused.value.message
    assert hint in refused.value.hint


def test_what_the_hint_says_works():
    check(Config(branches=(4, 4), gamma=4))
    check(Config(branches=(16, 16), gamma=1))
    check(Config(drafter="ngram", gamma=32))


def test_plain_decoding_and_unused_settings_are_not_refused():
    check(Config(gamma=0, drafter="ngram", rule="block", temperature=1, branches=(9, 9)))
    check(Config(gamma=2, drafter="ngram", branches=(1, 1, 5)))
    check(Config(drafter="ngram", rule="block"))  # greedy: judged by argmax


@pytest.mark.parametrize(
    ("branches", "gamma", "most", "hint"),
    [((3, 2), 4, 4, "γ = 1"), ((2, 2, 2), 3, 4, "γ = 2"), ((5,), 3, 4, "4 branches"),
     ((2,), 3, 1, "no branches")],
)  # fmt: skip
def test_more_leaves_than_the_backend_holds(branches, gamma, most, hint):
    with pytest.raises(ConfigError) as refused:
        check_leaves(Config(branches=branches, gamma=gamma), most, "The target")
    assert hint in refused.value.hint


def test_trees_that_fit_and_chains_pass():
    check_leaves(Config(branches=(2, 2), gamma=3), 4, "The target")
    check_leaves(Config(gamma=16), 1, "The target")
    assert not is_tree(Config(gamma=2, branches=(1, 1, 3)))


def test_every_combination_is_either_fine_or_refused_with_a_hint():
    fine, refused = 0, []
    for drafter, rule, policy, temperature, branches in itertools.product(
        DRAFTERS, RULES, LENGTH_POLICIES, (0.0, 1.0), ((), (2, 2))
    ):
        config = Config(
            drafter=drafter,
            rule=rule,
            length_policy=policy,
            temperature=temperature,
            branches=branches,
        )
        try:
            check(config)
        except ConfigError as error:
            refused.append(error)
        else:
            fine += 1
    assert fine > 60
    assert refused
    assert all(error.hint for error in refused)
