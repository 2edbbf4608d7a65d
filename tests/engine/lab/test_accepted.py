"""How many tokens each rule accepts, by enumeration: the papers' figures, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from engine.backends.toy import ToyModel, lab_pair
from engine.config import Config
from engine.drafting.registry import make_drafter
from engine.lab.exact import RoundLaw, TargetRows, round_law
from engine.lab.proposals import Weighed, all_proposals
from engine.rules import RULES
from tests.engine.laws import law_of_chains, tables
from tests.engine.toys import letters, ticking_clock

EXACT = 1e-12
P, Q = np.array([1 / 3, 2 / 3]), np.array([2 / 3, 1 / 3])
CONTEXT = (1, 2, 0, 1)


def drafted(config: Config, draft: ToyModel) -> list[Weighed]:
    drafter = make_drafter(config, draft, draft.vocabulary.size)
    for _ in drafter.begin(CONTEXT):
        pass
    return all_proposals(drafter, config, CONTEXT, config.gamma)


def of_chains(rule: str, p_of, q_of, gamma: int, size: int) -> RoundLaw:
    return law_of_chains(RULES[rule].verify(Config(temperature=1.0)), p_of, q_of, gamma, size)


@pytest.mark.parametrize(("rule", "accepted"), [("rejection", 10 / 9), ("block", 11 / 9)])
def test_expected_tokens_on_the_known_toy(rule, accepted):
    """Sun et al., arXiv 2403.10444, section 3."""
    found = of_chains(rule, lambda prefix: P, lambda prefix: Q, 2, 2)
    assert found.accepted == pytest.approx(accepted, abs=1e-12)
    assert found.tokens == pytest.approx(1 + accepted, abs=1e-12)
    assert found.tv < EXACT


@pytest.mark.parametrize("seed", range(12))
def test_block_never_accepts_less_than_token_wise_rejection(seed):
    p_of, q_of = tables(seed, 3)
    block, token = (of_chains(rule, p_of, q_of, 3, 3) for rule in ("block", "rejection"))
    assert block.tv < EXACT
    assert block.accepted >= token.accepted - 1e-12


def test_what_each_rule_accepts_of_a_sampled_draft():
    """Rejection Σ min(p, q), sample and compare Σ p·q."""
    p_of, q_of = tables(3, 5)
    p, q = p_of(()), q_of(())
    expected = {"rejection": np.minimum(p, q).sum(), "sample-match": (p * q).sum()}
    for rule, accepted in expected.items():
        assert of_chains(rule, p_of, q_of, 1, 5).accepted == pytest.approx(accepted, abs=1e-12)


def test_more_siblings_are_accepted_more_often():
    target, draft = lab_pair(5)
    found = []
    for branches in ((), (2,), (3,), (4,)):
        config = Config(gamma=1, temperature=1.0, branches=branches)
        rows = TargetRows(target, config, CONTEXT)
        verify = RULES["rejection"].verify(config)
        found.append(round_law(verify, drafted(config, draft), rows.p, 2).accepted)
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
    proposals = drafted(config, draft)
    assert [p.ids for p in proposals] == [(1, 1)]
    rows = TargetRows(target, config, CONTEXT)
    assert round_law(RULES["rejection"].verify(config), proposals, rows.p, 3).tv < EXACT
