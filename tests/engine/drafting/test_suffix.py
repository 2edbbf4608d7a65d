"""Copying drafters: the suffix automaton against brute force, and what is proposed from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Config
from engine.drafting.ngram import NgramDrafter
from engine.drafting.suffix import SuffixDrafter
from engine.drafting.suffix_automaton import SuffixAutomaton
from tests.engine.drafting.policies import Willing

texts = st.integers(1, 4).flatmap(lambda n: st.lists(st.integers(0, n - 1), max_size=60))


def places_after(text, match):
    """Where earlier occurrences of the last `match` tokens end."""
    end = text[len(text) - match :]
    return [i for i in range(match, len(text)) if text[i - match : i] == end]


def longest_match(text):
    return max((n for n in range(1, len(text)) if places_after(text, n)), default=0)


@given(texts)
def test_the_longest_suffix_that_occurred_before_after_each_token(text):
    automaton = SuffixAutomaton()
    for size in range(1, len(text) + 1):
        automaton.extend(text[size - 1 : size])
        assert automaton.size == size
        assert automaton.match == longest_match(text[:size])
        if automaton.match:
            assert automaton.after in places_after(text[:size], automaton.match)


@given(texts)
def test_tokens_may_come_in_any_portions(text):
    one, many = SuffixAutomaton(), SuffixAutomaton()
    one.extend(text)
    for start in range(0, len(text), 7):
        many.extend(text[start : start + 7])
    assert (one.match, one.after, one.size) == (many.match, many.after, many.size)


def test_a_match_seen_again_is_the_more_recent_one():
    automaton = SuffixAutomaton()
    automaton.extend([1, 2, 50, 1, 2, 60, 1, 2, 70, 1, 2])
    assert (automaton.match, automaton.after) == (2, 8)


def test_a_suffix_of_a_longer_match_is_noted_too():
    automaton = SuffixAutomaton()
    automaton.extend([1, 2, 50, 9, 1, 2, 60, 9, 1, 2, 70, 8, 1, 2])
    assert (automaton.match, automaton.after) == (2, 10)


def test_states_and_transitions_stay_linear():
    automaton = SuffixAutomaton()
    text = [int(c) for c in "0110100110010110" * 20]
    automaton.extend(text)
    assert len(automaton._link) <= 2 * len(text)
    assert sum(map(len, automaton._next)) <= 3 * len(text)


def begun(drafter, prompt):
    list(drafter.begin(prompt))
    return drafter


@pytest.mark.parametrize("make", [SuffixDrafter, NgramDrafter])
@given(text=texts, gamma=st.integers(1, 9), minimum=st.integers(1, 3))
def test_proposals_copy_what_stands_in_the_context(make, text, gamma, minimum):
    config = Config(gamma=gamma, ngram_min=minimum)
    drafter = make(config)
    for size in range(1, len(text) + 1):
        context = text[:size]
        length = Willing()
        proposal = drafter.propose(context, gamma, None, length)
        if not proposal.ids:
            assert longest_match(context) < minimum
            assert (proposal.match, proposal.source, length.calls) == (0, None, [])
            continue
        start, stop = proposal.source
        assert proposal.ids == context[start:stop]
        assert 1 <= len(proposal.ids) == len(proposal.draft_ns) <= gamma
        assert minimum <= proposal.match <= longest_match(context)
        assert start in places_after(context, proposal.match)
        assert proposal.q is None
        assert proposal.parents is None
        kind = ("match", min(proposal.match, 8))
        calls = [(("wants", n), ("drew", kind)) for n in range(len(proposal.ids))]
        assert length.calls == [call for pair in calls for call in pair]


def test_repeating_text_is_continued_for_all_of_gamma():
    context = [9, *[1, 2, 3] * 6]
    drafter = begun(SuffixDrafter(Config()), context)
    proposal = drafter.propose(context, 8, None, Willing())
    assert proposal.ids == [1, 2, 3, 1, 2, 3, 1, 2]
    assert proposal.match == 9  # of 15: two periods further back


def test_a_period_further_back_keeps_the_shortest_match_allowed():
    context = [9, *[1, 2] * 3]
    drafter = begun(SuffixDrafter(Config(ngram_min=3)), context)
    proposal = drafter.propose(context, 8, None, Willing())
    assert (proposal.ids, proposal.match) == ([1, 2], 4)


@pytest.mark.parametrize("make", [SuffixDrafter, NgramDrafter])
def test_the_policy_cuts_the_copy(make):
    context = [1, 2, 3, 4, 5, 6, 1, 2, 3]
    drafter = begun(make(Config()), context)
    proposal = drafter.propose(context, 3, None, Willing(2))
    assert (proposal.ids, proposal.source, proposal.match) == ([4, 5], (3, 5), 3)
    unwanted = drafter.propose(context, 3, None, Willing(0))
    assert (unwanted.ids, unwanted.draft_ns, unwanted.source, unwanted.match) == ([], [], None, 3)


@pytest.mark.parametrize("make", [SuffixDrafter, NgramDrafter])
def test_the_end_of_a_run_is_forgotten(make):
    drafter = begun(make(Config()), [1, 2, 3, 1])
    assert drafter.propose([1, 2, 3, 1, 2], 1, None, Willing()).ids == [3]
    drafter.end()
    assert drafter.propose([2], 1, None, Willing()).ids == []
    begun(drafter, [2, 7, 2])
    assert drafter.propose([2, 7, 2], 1, None, Willing()).ids == [7]


def test_a_long_prompt_is_taken_in_by_portions():
    prompt = list(range(10_000))
    drafter = SuffixDrafter(Config())
    assert len(list(drafter.begin(prompt))) == 3
    assert drafter.propose([*prompt, 1234], 3, None, Willing()).ids == [1235, 1236, 1237]
