"""The loop on toy pairs: its law, its lengths, its caches, its clock, its text."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from engine.backends.toy import ToyModel, ToyVocabulary
from engine.config import Config
from engine.drafting.base import Proposal
from engine.drafting.length import length_kind
from engine.drafting.model import ModelDrafter
from engine.drafting.registry import make_drafter
from engine.errors import ModelError
from engine.events import Drafted, Notice, Prefilled, RunStarted, Verified
from engine.loop import decode
from engine.rules import RULES
from engine.sampling import probabilities
from tests.engine.toys import demo_pair, emitted, pair, run_events, started, ticking_clock


def joint_p_value(config, target, draft, samples, make=None):
    """χ² of the first three emitted tokens of `samples` runs against the target's exact law."""
    size = target.vocabulary.size
    prompt = (1, 2, 1, 2)
    rng = np.random.default_rng(11)
    logits = target.extend(range(size)).copy()
    target.truncate(0)
    rows = [
        probabilities(r.astype(np.float64), config.temperature, config.top_k, config.top_p)
        for r in logits
    ]
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(samples):
        drafter = make() if make else None
        events = run_events(config, target, draft, prompt, rng=rng, drafter=drafter)
        key = tuple(emitted(events)[:3])
        counts[key] = counts.get(key, 0) + 1
    observed, expected = [], []
    for a, b, c in itertools.product(range(size), repeat=3):
        chance = rows[prompt[-1]][a] * rows[a][b] * rows[b][c]
        observed.append(counts.pop((a, b, c), 0))
        expected.append(chance * samples)
    assert not counts, "tokens that the target can't emit"
    kept = [(o, e) for o, e in zip(observed, expected, strict=True) if e > 0]
    return chisquare([o for o, _ in kept], [e for _, e in kept]).pvalue


@pytest.mark.parametrize("drafter", ["model", "ngram"])
@pytest.mark.parametrize("top_k", [0, 2])
def test_joint_tokens_follow_the_target(drafter, top_k):
    config = Config(gamma=2, temperature=0.9, top_k=top_k, max_tokens=3, drafter=drafter, top=3)
    target, draft = pair(3, seed=5)
    assert joint_p_value(config, target, draft, 6000) > 1e-9


class DrafterThatHandsOverAnotherQ(ModelDrafter):
    """Trap: samples at one temperature, hands over the row of another."""

    def propose(self, context, gamma, u, length):
        proposal = super().propose(context, gamma, u, length)
        rows = np.array([proposal.q[i] for i in range(len(proposal.ids))]) ** 0.2
        proposal.q = rows / rows.sum(axis=1, keepdims=True) if len(rows) else rows
        return proposal


class DrafterThatDropsUnlikelyTokens(ModelDrafter):
    """Trap: a confidence stop applied after sampling."""

    def propose(self, context, gamma, u, length):
        proposal = super().propose(context, gamma, u, length)
        keep = 0
        while keep < len(proposal.ids) and proposal.q[keep][proposal.ids[keep]] > 0.4:
            keep += 1
        return Proposal(proposal.ids[:keep], proposal.q, proposal.draft_ns[:keep], proposal.tops)


@pytest.mark.parametrize("trap", [DrafterThatHandsOverAnotherQ, DrafterThatDropsUnlikelyTokens])
def test_the_same_check_catches_wrong_drafters(trap):
    config = Config(gamma=2, temperature=0.9, max_tokens=3, top=3)
    target, draft = pair(3, seed=5)
    assert joint_p_value(config, target, draft, 6000, lambda: trap(draft, config, 3)) < 1e-9


@pytest.mark.parametrize("drafter", ["model", "ngram"])
@pytest.mark.parametrize("gamma", [1, 4, 16])
def test_greedy_text_is_the_baselines(drafter, gamma):
    target, draft = demo_pair()
    config = Config(gamma=gamma, drafter=drafter, max_tokens=70)
    prompt = target.encode("the cat sat on the mat and the cat sat")
    plain = emitted(run_events(config.baseline(), target, None, prompt))
    assert len(plain) == 70
    assert emitted(run_events(config, target, draft, prompt)) == plain


@pytest.mark.parametrize("gamma", [0, 1, 3, 7])
@pytest.mark.parametrize("max_tokens", [1, 2, 5, 8])
def test_exactly_max_tokens(gamma, max_tokens):
    target, draft = pair(6)
    config = Config(gamma=gamma, temperature=1, max_tokens=max_tokens)
    assert len(emitted(run_events(config, target, draft))) == max_tokens


def test_plain_decoding_is_the_same_loop_without_proposals():
    target, _ = pair(4)
    events = run_events(Config(gamma=0, temperature=1, max_tokens=9), target)
    verdicts = [e for e in events if isinstance(e, Verified)]
    assert not any(isinstance(e, Drafted) for e in events)
    assert [(v.n_accepted, v.judged, v.added_kind) for v in verdicts] == [(0, (), "bonus")] * 9


def test_events_are_numbered_and_ordered():
    target, draft = demo_pair()
    events = run_events(Config(temperature=0.8, max_tokens=40), target, draft)
    assert [e.seq for e in events] == list(range(len(events)))
    assert [e.t_ns for e in events] == sorted(e.t_ns for e in events)
    assert isinstance(events[0], RunStarted)
    in_round = 0
    for event in events:
        if isinstance(event, Drafted):
            assert (event.index, event.parent) == (in_round, in_round - 1)
            in_round += 1
        elif isinstance(event, Verified):
            in_round = 0


class Watched(ToyModel):
    """A toy that remembers how many tokens each pass was fed."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.widths: list[int] = []

    def extend(self, ids, rows="all"):
        self.widths.append(len(ids))
        return super().extend(ids, rows)


def test_the_draft_is_fed_only_what_it_has_not_seen():
    target, draft = pair(3, seed=2)
    watched = Watched(draft._logits, draft.vocabulary, clock=draft.clock)
    config = Config(gamma=3, temperature=1, max_tokens=60)
    events = run_events(config, target, watched, (1, 2, 0))
    verdicts = [e for e in events if isinstance(e, Verified)]
    drafted = [sum(isinstance(e, Drafted) and e.round == v.round for e in events) for v in verdicts]
    expected = [2]  # the prompt without its last token
    unseen = 1
    for n, verdict in zip(drafted, verdicts, strict=True):
        expected += [unseen] + [1] * (n - 1) if n else []
        # After a full acceptance the last drafted token was never fed back.
        unseen = 2 if verdict.n_accepted == n else 1
    assert watched.widths == expected


def test_long_prompts_are_prefilled_in_chunks():
    target, draft = pair(5, max_rows=8)
    prompt = np.random.default_rng(0).integers(0, 5, 30).tolist()
    config = Config(gamma=2, max_tokens=5, temperature=1)
    chunks = [e for e in run_events(config, target, draft, prompt) if isinstance(e, Prefilled)]
    assert [c.tokens for c in chunks] == [8, 8, 8, 5, 0, 0, 0, 0]
    assert all((c.target_ns > 0) != (c.draft_ns > 0) for c in chunks)


def ending_pair(ends_after: int):
    """A greedy chain 1, 2, 3 … whose token after `ends_after` is the end of the text (0)."""
    size = 12
    law = np.full((size, size), -9.0)
    for i in range(size):
        law[i, (i + 1) % size if i != ends_after else 0] = 9.0
    words = ToyVocabulary(["<end>", *[f"w{i}" for i in range(1, size)]])
    clock = ticking_clock()
    return ToyModel(law, words, clock=clock), ToyModel(law, words, clock=clock)


@pytest.mark.parametrize("ends_after", [2, 3, 4, 5, 6, 7])
def test_an_end_of_text_ends_the_run_wherever_it_stands(ends_after):
    target, draft = ending_pair(ends_after)
    config = Config(gamma=4, max_tokens=50)
    events = run_events(config, target, draft, (1,))
    assert emitted(events) == [*range(2, ends_after + 1), 0]
    last = events[-1]
    if last.added_kind == "end":
        assert last.added_id is None
        assert len(last.judged) == last.n_accepted
    plain = run_events(config.baseline(), target, None, (1,))
    assert emitted(plain) == emitted(events)


def test_a_full_context_ends_the_run_and_says_so():
    target, draft = pair(4, context=12)
    events = run_events(Config(gamma=3, temperature=1, max_tokens=99), target, draft, (1, 2))
    assert len(emitted(events)) == 10
    assert isinstance(events[-1], Notice)
    assert "12 tokens is full" in events[-1].message


def test_time_adds_up_and_waiting_on_purpose_does_not_count():
    target, draft = demo_pair()
    config = Config(temperature=0.8, max_tokens=30)

    def decode_ns(events):
        verdicts = [e for e in events if isinstance(e, Verified)]
        drafts = sum(e.draft_ns for e in events if isinstance(e, Drafted))
        assert all(v.host_ns > 0 for v in verdicts)
        return drafts + sum(v.target_ns + v.host_ns for v in verdicts)

    events = run_events(config, target, draft)
    prefilled = [e for e in events if isinstance(e, Prefilled)][-1]
    wall = events[-1].t_ns - prefilled.t_ns
    assert decode_ns(events) == pytest.approx(wall, abs=5000)

    waited = 0

    def idle():
        return waited

    rule = RULES["rejection"]
    drafter = make_drafter(config, draft, target.vocabulary.size)
    run = decode(
        target,
        drafter,
        rule,
        config,
        np.random.default_rng(0),
        started(config, (1, 2), target),
        idle,
    )
    again = []
    for event in run:
        again.append(event)
        target._toy_clock.simulated_ns += 50_000_000  # the consumer waits, on purpose
        waited += 50_000_000
    assert decode_ns(again) == pytest.approx(decode_ns(events), abs=200_000)


@pytest.mark.parametrize("n_events", [1, 2, 3, 5, 8])
def test_closing_rewinds_both_caches(n_events):
    target, draft = demo_pair()
    config = Config(max_tokens=40)
    drafter = make_drafter(config, draft, target.vocabulary.size)
    run = decode(
        target,
        drafter,
        RULES["rejection"],
        config,
        np.random.default_rng(0),
        started(config, (1, 2, 3), target),
    )
    for _ in range(n_events):
        next(run)
    run.close()
    assert (target.length, draft.length) == (0, 0)


def test_a_failing_model_leaves_clean_caches():
    target, draft = demo_pair()
    target._fail_at = 20
    with pytest.raises(ModelError):
        run_events(Config(max_tokens=40), target, draft)
    assert (target.length, draft.length) == (0, 0)


class Bytes(ToyVocabulary):
    """Tokens that are single bytes of é, €, 😀 and a letter."""

    BYTES = (b"\xc3", b"\xa9", b"\xe2\x82", b"\xac", b"\xf0\x9f", b"\x98\x80", b"x", b"\xff")

    def __init__(self):
        super().__init__([f"t{i}" for i in range(len(self.BYTES))])

    def piece(self, token_id, *, special=False):
        return self.BYTES[token_id]


def chain(order):
    law = np.full((8, 8), -9.0)
    for a, b in itertools.pairwise(order):
        law[a, b] = 9.0
    return law


@pytest.mark.parametrize("gamma", [0, 1, 2, 3, 5])
def test_characters_may_span_tokens_and_rounds(gamma):
    order = [6, 0, 1, 2, 3, 4, 5, 6]
    clock = ticking_clock()
    target = ToyModel(chain(order), Bytes(), clock=clock)
    wrong = ToyModel(chain([6, 0, 1, 2, 7, 3, 4, 5, 6]), Bytes(), clock=clock)
    events = run_events(Config(gamma=gamma, max_tokens=7), target, wrong, (6,))
    text, drafted = "", []
    for event in events:
        if isinstance(event, Drafted):
            drafted.append(event.piece)
        elif isinstance(event, Verified):
            text += "".join(drafted[: event.n_accepted]) + event.added_piece
            drafted = []
    assert text == "é€😀x"


def test_each_piece_rides_along_once():
    target, draft = demo_pair()
    events = run_events(Config(temperature=0.9, max_tokens=80), target, draft)
    ids = [i for e in events for i, _ in getattr(e, "pieces", ())]
    assert len(ids) == len(set(ids))
    shown = {e.id for e in events if isinstance(e, Drafted)}
    for event in events:
        if isinstance(event, Verified):
            shown |= {i for row in event.tops for i in row.ids}
    assert shown <= set(ids)


def test_ngram_source_spans_point_at_what_was_copied():
    target, _ = demo_pair()
    prompt = target.encode("the cat sat on the mat and the cat sat on")
    events = run_events(Config(drafter="ngram", max_tokens=60), target, None, prompt)
    context = [*prompt, *emitted(events)]
    proposals = [e for e in events if isinstance(e, Drafted)]
    assert proposals
    for event in proposals:
        start, stop = event.source
        assert 0 < start < stop
        assert context[start + event.index] == event.id
        assert event.q == 1.0


def test_ngram_prefers_the_longest_then_the_most_recent_match():
    config = Config(drafter="ngram")
    drafter = make_drafter(config, None, 100)
    length = length_kind("fixed").make(config)
    list(drafter.begin([1, 2, 3, 50, 9, 3, 60, 1, 2, 3]))
    assert drafter.propose([1, 2, 3, 50, 9, 3, 60, 1, 2, 3], 2, None, length).ids == [50, 9]
    grown = [1, 2, 3, 50, 9, 3, 60, 1, 2, 3, 70, 3]
    assert drafter.propose(grown, 3, None, length).ids == [70, 3]
    assert drafter.propose([*grown, 99], 3, None, length).ids == []


def test_padding_only_differences_keep_the_law():
    """A draft table longer than the target's can't propose ids that the target lacks."""
    rng = np.random.default_rng(1)
    clock = ticking_clock()
    names = [f"w{i}" for i in range(3)]
    target = ToyModel(rng.normal(size=(3, 3)), ToyVocabulary(names), clock=clock)
    padded = ToyVocabulary([*names, "[PAD3]", "[PAD4]"])
    draft = ToyModel(rng.normal(size=(5, 5)), padded, clock=clock)
    config = Config(gamma=2, temperature=0.9, max_tokens=3, top=3)
    assert joint_p_value(config, target, draft, 6000) > 1e-9


def test_a_padding_id_that_the_draft_lacks_ends_drafting_not_the_run():
    names = ["w0", "w1", "[PAD2]"]
    law = np.full((3, 3), -9.0)
    law[:, 2] = 9.0  # the target emits its padding id at once
    clock = ticking_clock()
    target = ToyModel(law, ToyVocabulary(names), clock=clock)
    draft = ToyModel(np.zeros((2, 2)), ToyVocabulary(names[:2]), clock=clock)
    events = run_events(Config(gamma=2, max_tokens=6), target, draft, (0, 1))
    assert emitted(events) == [2] * 6
