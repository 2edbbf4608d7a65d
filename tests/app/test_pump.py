"""The pump: everything arrives, in order, in a few milliseconds a frame and with one signal."""

from __future__ import annotations

from itertools import count
from queue import SimpleQueue

import pytest

from app.pump import Pump
from engine.errors import ErrorInfo
from engine.events import AnyEvent, ModelInfo
from engine.session import (
    CheckDone,
    CheckProgress,
    JobFinished,
    JobStarted,
    Loaded,
    Loading,
    RecordingLost,
)
from engine.trace import Trace
from tests.app.checks import check_result
from tests.app.traces import make_events

LOST = ErrorInfo("RecordingError", "The disk is full.")


class Log:
    """Every signal of a pump, in order."""

    def __init__(self, pump: Pump) -> None:
        self.said: list[tuple] = []
        for name in (
            "advanced",
            "job_started",
            "loading",
            "loaded",
            "recording_lost",
            "check_progress",
            "check_done",
            "job_finished",
            "broken",
            "replay_progress",
            "replay_finished",
        ):
            getattr(pump, name).connect(lambda *args, name=name: self.said.append((name, *args)))

    def names(self) -> list[str]:
        return [entry[0] for entry in self.said]

    def of(self, name: str) -> list[tuple]:
        return [entry[1:] for entry in self.said if entry[0] == name]


@pytest.fixture(autouse=True)
def every_frame(monkeypatch) -> None:
    """Tell of news in every frame, however little it is."""
    monkeypatch.setattr("app.pump.CALM_FRAMES", 1)


@pytest.fixture
def outbox(qapp) -> SimpleQueue:
    return SimpleQueue()


def make_pump(outbox: SimpleQueue, **options) -> tuple[Pump, Log]:
    pump = Pump(**options)
    pump.attach(outbox)
    return pump, Log(pump)


def put(outbox: SimpleQueue, *messages) -> None:
    for message in messages:
        outbox.put(message)


def run_events(**options) -> list[AnyEvent]:
    return list(make_events(rounds=5, reason="stop", **options))


def test_a_frame_folds_what_has_come_and_says_so_once(outbox):
    pump, log = make_pump(outbox, clock=lambda: 0)
    events = run_events()
    put(outbox, JobStarted(1), *events)
    pump.drain()
    assert log.said == [("job_started", 1), ("advanced", 0, len(events))]
    assert pump.trace.run.token_ids == Trace(events).run.token_ids


def test_thousands_of_events_take_one_signal_a_frame(outbox):
    pump, log = make_pump(outbox, clock=lambda: 0)
    put(outbox, JobStarted(1), *make_events(rounds=1000, reason="stop"))
    pump.drain()
    assert len(log.of("advanced")) == 1
    pump.drain()
    assert len(log.of("advanced")) == 1, "a frame without news says nothing"


def test_little_news_may_wait_a_frame_but_not_longer(outbox, monkeypatch):
    monkeypatch.setattr("app.pump.CALM_FRAMES", 2)
    pump, log = make_pump(outbox, clock=lambda: 0)
    events = run_events()
    put(outbox, JobStarted(1), *events[:5])
    pump.drain()
    assert log.of("advanced") == []
    pump.drain()
    assert log.of("advanced") == [(0, 5)]
    put(outbox, *events[5:], JobFinished(1, "done"))
    pump.drain()
    assert log.names()[-2:] == ["advanced", "job_finished"], "the end waits for nothing"
    assert log.of("advanced")[-1] == (5, len(events))


def test_much_news_is_told_at_once(outbox, monkeypatch):
    monkeypatch.setattr("app.pump.CALM_FRAMES", 2)
    pump, log = make_pump(outbox, clock=lambda: 0)
    put(outbox, JobStarted(1), *list(make_events(rounds=30))[:100])
    pump.drain()
    assert log.of("advanced") == [(0, 100)]


def test_a_frame_ends_when_its_time_is_up(outbox):
    ticks = count()
    pump, log = make_pump(outbox, budget_ns=5, clock=lambda: next(ticks))
    events = run_events()
    put(outbox, JobStarted(1), *events)
    frames = 0
    while not outbox.empty():
        pump.drain()
        frames += 1
    ranges = log.of("advanced")
    assert frames > 2
    assert [first for first, _ in ranges] == [0, *(last for _, last in ranges[:-1])]
    assert ranges[-1][1] == len(events)


def test_the_end_of_a_job_comes_after_its_last_events_and_ends_the_frame(outbox):
    pump, log = make_pump(outbox, clock=lambda: 0)
    finished = JobFinished(1, "done")
    put(outbox, JobStarted(1), *run_events(), finished, JobStarted(2), *run_events())
    pump.drain()
    assert log.names() == ["job_started", "advanced", "job_finished"]
    first = pump.trace
    pump.drain()
    assert pump.trace is not first
    assert len(pump.trace.runs) == 1


def test_the_last_run_stays_until_the_next_one_starts(outbox):
    pump, _ = make_pump(outbox, clock=lambda: 0)
    put(outbox, JobStarted(1), *run_events(), JobFinished(1, "done"))
    pump.drain()
    before = pump.trace
    put(outbox, JobStarted(2), JobFinished(2, "error", LOST))
    pump.drain()
    assert pump.trace is before


def test_a_baseline_and_its_run_are_one_trace(outbox):
    pump, log = make_pump(outbox, clock=lambda: 0)
    plain = run_events(role="baseline")
    put(outbox, JobStarted(1), *plain, *run_events(baseline="baseline-0"))
    pump.drain()
    assert [r.is_baseline for r in pump.trace.runs] == [True, False]
    assert len(log.of("advanced")) == 1


def test_of_many_loading_messages_the_newest_is_told(outbox):
    pump, log = make_pump(outbox, clock=lambda: 0)
    put(outbox, JobStarted(1), *(Loading("target", i / 100) for i in range(50)))
    pump.drain()
    assert log.of("loading") == [("target", 0.49)]
    info = ModelInfo("m", "toy", "CPU")
    put(outbox, Loading("target", 0.99), Loaded("target", info), RecordingLost(LOST))
    pump.drain()
    assert log.names()[-2:] == ["loaded", "recording_lost"]


def test_an_event_that_does_not_fit_is_told_once(outbox):
    pump, log = make_pump(outbox, clock=lambda: 0)
    events = run_events()
    put(outbox, JobStarted(1), events[0], *events[3:], JobFinished(1, "done"))
    pump.drain()
    assert len(log.of("broken")) == 1
    assert log.names()[-1] == "job_finished"
    put(outbox, JobStarted(2), *events)
    pump.drain()
    assert pump.trace.n_events == len(events), "the next job is folded again"


def test_a_recording_is_read_in_slices_and_shown_at_the_end(outbox):
    ticks = count(0, 1_000_000)
    pump, log = make_pump(outbox, clock=lambda: next(ticks))
    events = run_events()
    before = pump.trace
    pump.start_replay(iter(events), "a.jsonl", expected=len(events))
    pump.drain()
    assert pump.trace is before
    assert 0 < log.of("replay_progress")[-1][0] < 1
    assert pump.reading is not None
    assert 0 < pump.reading.n_events < len(events)
    while not log.of("replay_finished"):
        pump.drain()
    assert log.said[-2:] == [("advanced", 0, len(events)), ("replay_finished", None)]
    assert pump.trace.run.token_ids == Trace(events).run.token_ids
    assert pump.reading is None
    assert not pump.active


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "a.jsonl holds no events."),
        (run_events()[1:], "Line 1 of a.jsonl: The stream does not begin"),
        ([*run_events()[:4], *run_events()[6:]], "Line 5 of a.jsonl: Event 6"),
    ],
)
def test_a_bad_recording_leaves_the_old_run(outbox, events, message):
    pump, log = make_pump(outbox, clock=lambda: 0)
    before = pump.trace
    pump.start_replay(iter(events), "a.jsonl")
    pump.drain()
    (error,) = log.of("replay_finished")[0]
    assert error.message.startswith(message)
    assert pump.trace is before
    assert not pump.active


def test_the_timer_drains_by_itself(qtbot, outbox):
    pump, _ = make_pump(outbox)
    put(outbox, JobStarted(1), *run_events(), JobFinished(1, "done"))
    with qtbot.waitSignal(pump.job_finished):
        pump.start()
    pump.stop()


def test_a_check_tells_its_progress_once_a_frame_and_then_its_result(outbox: SimpleQueue):
    pump, log = make_pump(outbox)
    for done in range(50):
        outbox.put(CheckProgress(1, done, 50, "plain"))
    pump.drain()
    assert log.said == [("check_progress", "plain", 49, 50)]
    outbox.put(CheckProgress(1, 50, 50, "speculative"))
    outbox.put(CheckDone(1, check_result()))
    outbox.put(JobFinished(1, "done"))
    pump.drain()
    assert log.names()[1:] == ["check_done", "job_finished"]
    assert log.of("check_done") == [(check_result(),)]
    assert pump.trace.n_events == 0
