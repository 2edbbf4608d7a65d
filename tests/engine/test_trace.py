"""The fold: states, columns, refusals."""

from __future__ import annotations

import msgspec
import pytest

from engine.config import Config
from engine.errors import RecordingError
from engine.events import Drafted, RunFinished, Totals, Verified
from engine.trace import TokenState, Trace
from tests.engine.test_loop import ending_pair
from tests.engine.toys import demo_pair, emitted, run_events


@pytest.fixture
def events():
    target, draft = demo_pair()
    return run_events(Config(temperature=1.0, max_tokens=50), target, draft)


def test_columns_and_counts_agree_with_the_rounds(events):
    run = Trace(events).run
    columns, tally = run.columns, run.tally
    assert sum(columns.drafted) == tally.drafted
    assert sum(columns.accepted) == tally.accepted == sum(run.accepted_at)
    assert sum(columns.rejected) == tally.rejected
    assert sum(columns.emitted) == tally.tokens == 50
    assert sum(run.judged_at) == tally.accepted + tally.rejected
    assert columns.end_tokens[-1] == 50
    assert columns.end_ns[-1] == tally.decode_ns
    assert sum(n * count for n, count in enumerate(run.emitted_histogram)) == 50
    assert run.token_ids == emitted(events)


def test_cells_tell_what_became_of_each_token(events):
    run = Trace(events).run
    kept = [cell.id for cell in run.cells if cell.state.emitted]
    assert kept == run.token_ids
    for r in run.rounds:
        states = [cell.state for cell in run.cells if cell.round == r.index]
        n = r.verified.n_accepted
        assert states[:n] == [TokenState.ACCEPTED] * n
        if r.verified.added_kind == "resampled":
            discarded = [TokenState.DISCARDED] * (len(r.drafted) - n - 1)
            assert states[n:] == [TokenState.REJECTED, *discarded, TokenState.RESAMPLED]
        else:
            assert states[n:] == [TokenState.BONUS]


def test_the_open_rounds_tokens_are_pending_until_the_verdict(events):
    trace = Trace()
    for event in events:
        trace.apply(event)
        run = trace.run
        pending = [c for c in run.cells if c.state is TokenState.PENDING]
        if isinstance(event, Drafted):
            assert len(pending) == event.index + 1
            assert run.cells[run.n_closed_cells :] == pending
        elif isinstance(event, Verified):
            assert not pending
            assert run.n_closed_cells == len(run.cells)


def test_tokens_after_an_accepted_end_are_discarded_not_rejected():
    target, draft = ending_pair(4)
    run = Trace(run_events(Config(gamma=6, max_tokens=50), target, draft, (1,))).run
    assert run.rounds[-1].verified.added_kind == "end"
    assert (run.tally.rejected, sum(run.columns.rejected)) == (0, 0)
    assert run.tally.discarded > 0
    assert run.cells[-1].state is TokenState.DISCARDED


def test_events_that_do_not_fit_are_refused(events):
    finished = RunFinished(len(events), 1, "length", Totals())
    for wrong, says in [
        (events[1:], "does not begin with RunStarted"),
        ([events[0], *events[2:]], "where event 1 was expected"),
        ([*events, finished, finished], "follows the end"),
        ([*events, events[0]], "before the last one ended"),
    ]:
        with pytest.raises(RecordingError, match=says):
            Trace(wrong)


def test_a_round_out_of_order_is_refused(events):
    at = next(i for i, e in enumerate(events) if isinstance(e, Drafted))
    wrong = msgspec.structs.replace(events[at], round=7)
    with pytest.raises(RecordingError, match="Round 7"):
        Trace([*events[:at], wrong])
    wrong = msgspec.structs.replace(events[at], index=3)
    with pytest.raises(RecordingError, match="out of order"):
        Trace([*events[:at], wrong])


LISTS = (
    "cells n_closed_cells text_parts judged_at accepted_at emitted_histogram shapes n_prefilled "
    "events clock notices finished columns rounds totals token_ids n_finished_rounds"
).split()


def assert_same(run, other):
    for name in LISTS:
        assert getattr(run, name) == getattr(other, name), name
    assert all(other.pieces.get(key) == value for key, value in run.pieces.items())


@pytest.mark.parametrize("branches", [(), (2, 2)])
def test_a_run_at_any_event_is_what_the_fold_of_those_events_makes(branches, monkeypatch):
    monkeypatch.setattr("engine.trace.MARK_EVERY", 4)
    target, draft = demo_pair()
    events = run_events(Config(temperature=1.0, max_tokens=60, branches=branches), target, draft)
    whole = Trace(events).run
    assert len(whole.rounds) > 12
    for n in range(1, len(events) + 1):
        past = whole.at(n)
        assert_same(Trace(events[:n]).run, past)
        for event in events[n:]:  # and it goes on as the live one did
            past.apply(event)
        assert_same(whole, past)
    assert_same(whole, Trace(events).run)


def test_a_run_in_the_past_can_be_rewound_itself(events, monkeypatch):
    monkeypatch.setattr("engine.trace.MARK_EVERY", 4)
    whole = Trace(events).run
    assert_same(whole.at(40).at(17), whole.at(17))


def test_the_clock_is_decode_time(events):
    run = Trace(events).run
    ends = [run.clock[i] for i, e in enumerate(run.events) if isinstance(e, Verified)]
    assert ends == list(run.columns.end_ns)
    assert list(run.clock) == sorted(run.clock)
    drafted = [run.clock[i] for i, e in enumerate(run.events) if isinstance(e, Drafted)]
    assert len(set(drafted)) == len(drafted), "drafted tokens come one by one"
