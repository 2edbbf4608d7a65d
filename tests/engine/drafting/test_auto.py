"""The drafter that picks drafter and length: what it chooses, and what it learns from."""

from __future__ import annotations

import numpy as np
import pytest

from engine.backends.toy import toy_draft, toy_target
from engine.config import Config
from engine.drafting.auto import COPIED, AutoDrafter
from engine.drafting.model import ModelDrafter
from engine.drafting.suffix import SuffixDrafter
from engine.events import Drafted, LengthChosen
from tests.engine.toys import demo_pair, emitted, flat_costs, run_events

CONFIG = Config(drafter="auto", gamma=16)
U = np.full(33, 0.5)
TEXT = [5, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
PROMPT = [*TEXT, 20, 21, *TEXT[:4]]


def proposed(drafter: AutoDrafter, context: list[int], gamma: int = 16):
    drafter.length.begin(gamma)
    return drafter.propose(context, gamma, U, drafter.length)


def test_where_passes_are_flat_it_copies_all_that_matches():
    drafter = AutoDrafter(CONFIG, flat_costs(step=0.0, draft=None))
    list(drafter.begin(PROMPT))
    proposal = proposed(drafter, PROMPT)
    assert proposal.ids == PROMPT[4:18]  # the whole rest
    assert proposal.origin == "suffix"
    assert proposal.source == (4, 18)
    assert drafter.length.reason == "no match", "there was no more to copy, nothing was refused"


def test_where_each_token_costs_a_pass_it_decodes_plainly_and_says_why():
    drafter = AutoDrafter(CONFIG, flat_costs(step=1.0, draft=None))
    list(drafter.begin(PROMPT))
    proposal = proposed(drafter, PROMPT)
    assert proposal.ids == []
    assert drafter.length.reason == "policy"
    assert drafter.length.value is not None
    assert drafter.length.threshold is not None
    assert drafter.length.value < drafter.length.threshold == 1.0


def test_without_a_match_there_is_nothing_to_weigh():
    drafter = AutoDrafter(CONFIG, flat_costs(step=0.0, draft=None))
    list(drafter.begin([1, 2, 3]))
    assert proposed(drafter, [1, 2, 3]).ids == []
    assert drafter.length.reason == "no match"


def test_it_learns_from_copies_that_it_did_not_propose():
    """At a price of 0.7 passes a token a first match of one is left alone. The text goes along with
    it all the same, and then such copies are made."""
    drafter = AutoDrafter(CONFIG, flat_costs(step=0.7, draft=None))
    list(drafter.begin([]))
    context, copies = [1], []
    for _ in range(60):
        copies.append(len(proposed(drafter, context).ids))
        context.append(1 + len(context) % 3)
    assert copies[3] == 0
    assert copies[-1] > 0


def test_it_unlearns_copies_that_fail():
    drafter = AutoDrafter(CONFIG, flat_costs(step=0.3, draft=None))
    list(drafter.begin([]))
    rng = np.random.default_rng(0)
    context = [0, 1, 0]
    early, late = 0, 0
    for i in range(120):
        n = len(proposed(drafter, context).ids)
        early, late = (early + n, late) if i < 20 else (early, late + n * (i >= 100))
        context.append(int(rng.integers(0, 4)))
    assert late < early


def test_chances_begin_where_they_were_measured():
    drafter = AutoDrafter(CONFIG, flat_costs(draft=None))
    for least, chance in COPIED:
        assert drafter._chance_of(least).value == pytest.approx(chance)
    assert drafter._chance_of(100).value == pytest.approx(COPIED[-1][1])


def test_a_cheap_model_drafts_where_nothing_matches():
    target, draft = demo_pair()
    config = Config(drafter="auto", gamma=8, max_tokens=48)
    events = run(config, target, draft, flat_costs(step=0.02, draft=0.02))
    origins = {event.origin for event in events if isinstance(event, Drafted)}
    assert origins == {"model", "suffix"}


def test_a_dear_model_is_never_asked():
    target, draft = demo_pair()
    config = Config(drafter="auto", gamma=8, max_tokens=48)
    events = run(config, target, draft, flat_costs(step=0.5, draft=0.9))
    origins = {event.origin for event in events if isinstance(event, Drafted)}
    assert "model" not in origins


def test_equal_runs_choose_alike_and_every_choice_is_told():
    config = Config(drafter="auto", gamma=8, max_tokens=40, temperature=0.7)
    runs = [run(config, *demo_pair(), flat_costs(step=0.2)) for _ in range(2)]
    choices = [
        [(e.round, e.n, e.reason, e.value, e.threshold) for e in events if is_choice(e)]
        for events in runs
    ]
    assert choices[0] == choices[1]
    assert len(choices[0]) > 5
    assert all(event.policy == "auto" for event in runs[0] if is_choice(event))
    assert emitted(runs[0]) == emitted(runs[1])


def is_choice(event) -> bool:
    return isinstance(event, LengthChosen)


def run(config, target, draft, costs):
    model = ModelDrafter(draft, config, target.vocabulary.size)
    drafter = AutoDrafter(config, costs, model)
    return run_events(config, target, draft, target.encode("the quick fox"), drafter=drafter)


def test_greedy_text_is_plain_decodings():
    config = Config(drafter="auto", gamma=8, max_tokens=40)
    target, draft = toy_target(), toy_draft()
    plain = run_events(config.baseline(), target, draft, target.encode("the"), drafter=None)
    drafter = AutoDrafter(config, flat_costs(step=0.1, draft=None))
    auto = run_events(config, target, draft, target.encode("the"), drafter=drafter)
    assert emitted(auto) == emitted(plain)


def test_it_begins_anew_with_each_run():
    drafter = AutoDrafter(CONFIG, flat_costs(step=0.3, draft=None))
    fresh = AutoDrafter(CONFIG, flat_costs(step=0.3, draft=None))
    for one in (drafter, fresh):
        list(one.begin(PROMPT))
    first = proposed(drafter, PROMPT).ids
    drafter.end()
    list(drafter.begin(PROMPT))
    assert proposed(drafter, PROMPT).ids == first == proposed(fresh, PROMPT).ids


def test_the_copy_is_the_suffix_drafters():
    copy = SuffixDrafter(CONFIG)
    list(copy.begin(PROMPT))
    drafter = AutoDrafter(CONFIG, flat_costs(step=0.0, draft=None))
    list(drafter.begin(PROMPT))
    wanted = copy.propose(PROMPT, 16, U, drafter._whole)
    found = proposed(drafter, PROMPT)
    assert (found.ids, found.match) == (wanted.ids, wanted.match)
