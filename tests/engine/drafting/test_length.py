"""Draft-length policies: what they decide, when, and that a run records it."""

from __future__ import annotations

import itertools
from math import log, sqrt

import numpy as np
import pytest

from engine.backends.toy import ToyModel
from engine.config import Config
from engine.drafting.length import (
    LENGTH_POLICIES,
    Outcome,
    ThroughputLength,
    length_kind,
)
from engine.drafting.model import ModelDrafter
from engine.errors import ConfigError
from engine.events import Drafted, LengthChosen, Verified
from engine.trace import Trace
from tests.engine.toys import demo_pair, letters, run_events, ticking_clock


def policy(name, **settings):
    return length_kind(name).make(Config(length_policy=name, **settings))


@pytest.mark.parametrize(("peak", "likes"), [(0.41, True), (0.4, True), (0.39, False)])
def test_confidence_compares_the_best_candidate(peak, likes):
    chosen = policy("confidence", confidence=0.4)
    chosen.begin(4)
    weights = np.array([peak, (1 - peak) / 2, (1 - peak) / 2]) * 3
    assert chosen.likes(weights, 3.0) is likes
    assert (chosen.value, chosen.threshold) == (pytest.approx(peak), 0.4)
    assert chosen.reason == ("limit" if likes else "policy")


@pytest.mark.parametrize("n", [1, 2, 8, 500])
def test_entropy_compares_the_bound_of_the_paper(n):
    chosen = policy("entropy", entropy_bound=0.3, entropy_scale=0.2)
    chosen.begin(4)
    bound = 1 - sqrt(0.2 * log(n))
    assert chosen.likes(np.full(n, 1 / n), 1.0) is (bound >= 0.3)
    assert chosen.value == pytest.approx(bound, abs=1e-6)


def learned(costs, chance, rounds=40, draft_ns=1e6, gamma=4):
    """A throughput policy after rounds in which passes cost `costs(rows)` and `chance` pass."""
    chosen = ThroughputLength(Config(length_policy="throughput"))
    rng = np.random.default_rng(0)
    for _ in range(rounds):
        chosen.begin(gamma)
        n = 0
        while n < gamma and chosen.wants(n):
            chosen.drew("any")
            n += 1
        passed = int(np.argmin([*(rng.random(n) < chance), False]))
        spent = int(draft_ns * n)
        judged = min(passed + 1, n)
        chosen.learn(Outcome(passed, judged, n + 1, spent, int(costs(n + 1)), 0))
    chosen.begin(gamma)
    n = 0
    while n < gamma and chosen.wants(n):
        chosen.drew("any")
        n += 1
    return n, chosen


def test_throughput_drafts_all_where_passes_are_flat_and_the_draft_is_good():
    assert learned(lambda rows: 20e6, 0.9)[0] == 4


def test_throughput_drafts_nothing_where_each_row_costs_a_pass():
    n, chosen = learned(lambda rows: 20e6 * rows, 0.5)
    assert n == 0
    assert chosen.reason == "policy"
    assert chosen.value < chosen.threshold


def test_throughput_drafts_less_for_a_worse_draft():
    lengths = [learned(lambda rows: 18e6 + 2e6 * rows, a, 300)[0] for a in (0.2, 0.6, 0.97)]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


def test_throughput_tries_a_token_after_many_rounds_without():
    chosen = ThroughputLength(Config(length_policy="throughput"))
    tried = []
    for _ in range(60):
        chosen.begin(4)
        n = 0
        while n < 4 and chosen.wants(n):
            chosen.drew("any")
            n += 1
        tried.append((n, chosen.reason))
        chosen.learn(Outcome(0, min(n, 1), n + 1, 10**7 * n, 10**7 * (n + 1), 0))
    assert [n for n, _ in tried[:4]] == [4, 0, 2, 1]
    later = [n for n, _ in tried[4:]]
    assert later.count(1) >= 3
    assert set(later) == {0, 1}
    assert all(reason == "measuring" for n, reason in tried if n == 1)


def test_the_policy_of_a_run_is_recorded_round_by_round():
    target, draft = demo_pair()
    config = Config(gamma=6, temperature=0.9, max_tokens=80, length_policy="confidence")
    events = run_events(config, target, draft)
    chosen = [e for e in events if isinstance(e, LengthChosen)]
    verdicts = [e for e in events if isinstance(e, Verified)]
    drafted = [sum(isinstance(e, Drafted) and e.round == v.round for e in events) for v in verdicts]
    by_round = {e.round: e for e in chosen}
    assert len({e.n for e in chosen}) > 2
    for verdict, n in zip(verdicts, drafted, strict=True):
        choice = by_round.get(verdict.round)
        if choice is None:
            assert n == 0  # the last token needs no draft
            continue
        assert choice.n == n <= choice.limit
        if choice.reason == "policy":
            assert choice.value < choice.threshold == 0.4
            assert choice.draft_ns > 0
        else:
            assert (choice.reason, choice.n, choice.draft_ns) == ("limit", choice.limit, 0)


def test_the_time_of_a_refused_pass_counts_as_drafting():
    target, draft = demo_pair()
    config = Config(gamma=6, temperature=0.9, max_tokens=80, length_policy="confidence")
    events = run_events(config, target, draft)
    run = Trace(events).run
    drafted = sum(e.draft_ns for e in events if isinstance(e, Drafted))
    refused = sum(e.draft_ns for e in events if isinstance(e, LengthChosen))
    assert refused > 0
    assert run.tally.draft_ns == sum(run.columns.draft_ns) == drafted + refused
    assert sum(run.columns.wasted_ns) == refused
    assert sum(r.draft_ns for r in run.rounds) == drafted + refused


@pytest.mark.parametrize("name", ["confidence", "entropy"])
def test_a_drawn_token_is_always_proposed(name):
    """Decided before drawing: tokens far below the threshold are proposed too."""
    target, draft = demo_pair()
    config = Config(
        gamma=6, temperature=1.5, max_tokens=300, length_policy=name, confidence=0.3,
        entropy_bound=0.2,
    )  # fmt: skip
    drafted = [e for e in run_events(config, target, draft) if isinstance(e, Drafted)]
    assert min(e.q for e in drafted) < 0.1
    if name == "confidence":
        assert all(e.top.p[0] >= 0.3 for e in drafted)


def test_a_looked_up_proposal_that_ends_says_so():
    target, _ = demo_pair()
    prompt = target.encode("the cat sat on the mat and the cat sat")
    config = Config(gamma=6, drafter="ngram", length_policy="throughput", max_tokens=60)
    chosen = [e for e in run_events(config, target, None, prompt) if isinstance(e, LengthChosen)]
    reasons = {e.reason for e in chosen}
    assert {"no match", "measuring"} <= reasons
    assert all(e.n < e.limit for e in chosen if e.reason in ("policy", "no match"))


def test_the_refused_pass_leaves_the_draft_in_step():
    """What a refused pass fed is part of the text: the next round feeds one token less of it."""
    law = np.full((6, 6), -9.0)
    for a, b in itertools.pairwise([1, 2, 3, 4, 5, 1]):
        law[a, b] = 9.0
    law[3] = 0.0  # after token 3 the draft has no idea
    clock = ticking_clock()
    target = ToyModel(np.where(law == 0, np.eye(6)[4] * 9, law), letters(6), clock=clock)
    draft = ToyModel(law, letters(6), clock=clock)
    config = Config(gamma=4, max_tokens=30, length_policy="confidence")
    drafter = ModelDrafter(draft, config, 6)
    events = run_events(config, target, draft, (1,), drafter=drafter)
    refused = [e for e in events if isinstance(e, LengthChosen) and e.reason == "policy"]
    assert refused
    assert Trace(events).run.token_ids == ([2, 3, 4, 5, 1] * 6)[:30]


def test_every_policy_explains_itself_and_unknown_ones_are_refused():
    for name, kind in LENGTH_POLICIES.items():
        assert kind.name == name == kind.make(Config()).name
        assert len(kind.explanation.split()) > 5
        assert kind.source
    with pytest.raises(ConfigError, match="no length policy 'nope'") as refused:
        length_kind("nope")
    assert "throughput" in refused.value.hint
