"""Packed history: what was put in comes out, wherever it is asked for."""

from __future__ import annotations

import pytest

from engine.config import Config
from engine.history import UNPACKED, Pages, rounds_of
from engine.trace import Run, Trace
from tests.engine.toys import demo_pair, run_events


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("engine.trace.MARK_EVERY", 2)
    target, draft = demo_pair()
    trace = Trace(run_events(Config(temperature=1.0, max_tokens=160), target, draft))
    assert trace.run is not None
    return trace.run


@pytest.fixture
def events() -> list:
    target, draft = demo_pair()
    return run_events(Config(temperature=1.0, max_tokens=160), target, draft)


def test_every_event_is_there(run: Run, events: list) -> None:
    assert len(run.events.pages) > 2 * UNPACKED
    assert len(run.events) == len(events)
    # The clock of the toy pair runs on, so the two runs differ in their times alone.
    assert [type(e) for e in run.events] == [type(e) for e in events]
    seen = list(run.events)
    assert run.events == seen
    for i in (0, 1, len(seen) // 2, len(seen) - 1, -1, -2, -len(seen)):
        assert run.events[i] == seen[i]
    assert run.events[3:40:7] == seen[3:40:7]
    assert run.events[-5:] == seen[-5:]
    for i in (len(seen), -len(seen) - 1):
        with pytest.raises(IndexError):
            run.events[i]


def test_rounds_are_those_of_the_events(run: Run) -> None:
    made = rounds_of(list(run.events), 0)
    assert run.rounds[: len(made)] == made
    assert [r.index for r in run.rounds] == list(range(len(run.rounds)))


def test_only_a_few_pages_stay_unpacked(run: Run) -> None:
    pages = run.events.pages
    for i in range(0, len(run.events), 3):
        run.events[i]
    assert len(pages._unpacked) <= UNPACKED


def test_the_first_pages_share_their_bytes(run: Run) -> None:
    some = run.events.pages.first(4)
    assert len(some) == 4
    assert some.n_events == run.events.pages.ends[3]
    assert all(a is b for a, b in zip(some._packed, run.events.pages._packed, strict=False))
    some.add([], [])
    assert len(run.events.pages) != 5


def test_no_pages() -> None:
    assert Pages(4).n_events == 0
