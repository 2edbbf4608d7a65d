"""Every combination of rule, drafter, length policy and tree that runs: recorded and read again."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from engine.config import Config
from engine.drafting.length import LENGTH_POLICIES
from engine.drafting.registry import DRAFTERS, make_drafter
from engine.drafting.table import NgramTable
from engine.errors import ConfigError
from engine.events import AnyEvent, Drafted, Verified
from engine.methods import check
from engine.rules import RULES
from engine.trace import Trace
from tests.engine.toys import demo_pair, flat_costs, run_events

PROMPT = "the cat sat on the mat and the cat sat on the mat and the cat"
TEXT = PROMPT + " ran to the house . the dog slept under the tree and the bird sang"


def combinations():
    for rule, drafter, policy, temperature, branches in itertools.product(
        RULES, DRAFTERS, LENGTH_POLICIES, (0.0, 0.8), ((), (2,), (2, 2))
    ):
        config = Config(
            gamma=3,
            rule=rule,
            drafter=drafter,
            length_policy=policy,
            temperature=temperature,
            branches=branches,
            max_tokens=30,
        )
        try:
            check(config)
        except ConfigError:
            continue
        yield config


@pytest.mark.parametrize("rule", RULES)
def test_every_method_is_recorded_whole(rule):
    decoder = msgspec.json.Decoder(AnyEvent)
    for config in combinations():
        if config.rule != rule:
            continue
        target, draft = demo_pair()
        table = NgramTable.build(target.encode(TEXT), vocabulary_size=target.vocabulary.size)
        drafter = make_drafter(config, draft, target.vocabulary.size, table, flat_costs())
        events = run_events(config, target, draft, target.encode(PROMPT), drafter=drafter)
        read = [decoder.decode(msgspec.json.encode(event)) for event in events]
        assert read == events, config
        run = Trace(read).run
        assert run.tally.tokens == 30, config
        for r in run.rounds:
            check_numbers(config, r.drafted, r.verified)


def check_numbers(config: Config, drafted: list[Drafted], verdict: Verified) -> None:
    """What the rule decided follows from the numbers it recorded."""
    path = range(verdict.n_accepted) if verdict.path is None else verdict.path
    places = range(len(verdict.judged)) if verdict.judged_at is None else verdict.judged_at
    for place, judged in zip(places, verdict.judged, strict=True):
        accepted = place in path
        assert 0 <= judged.overlap <= 1 + 1e-6
        if config.temperature > 0 and drafted[place].u is not None:
            assert judged.q == drafted[place].q
        if config.rule == "block" and not config.greedy:
            continue  # a token may be carried by those behind it: see below
        if judged.u is None:
            assert judged.accept_probability == float(accepted)
        else:
            assert (judged.u < judged.accept_probability) == accepted
    if config.rule == "block" and not config.greedy:
        passed = [j.u < j.accept_probability for j in (*verdict.judged, *verdict.weighed)]
        assert verdict.n_accepted == max((i + 1 for i, on in enumerate(passed) if on), default=0)
        assert len(passed) == len(drafted)
