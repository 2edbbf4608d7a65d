"""Playback: what is shown at which moment, and how it moves on."""

from __future__ import annotations

import pytest

from app.player import AS_RECORDED, Player
from engine.events import Drafted, RunFinished, Verified
from engine.recording import Recorder, read_trace
from engine.trace import Run, Trace
from tests.app.traces import make_events
from tests.engine.test_trace import assert_same

MS = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def run() -> Run:
    return Trace(make_events(rounds=30, seed=3)).run


@pytest.fixture
def player(qapp, clock) -> Player:
    return Player(clock=clock)


def frames(player: Player, clock: Clock, ms: float, n: int = 1) -> None:
    for _ in range(n):
        clock.ns += round(ms * MS)
        player.tick()


def test_a_run_is_first_shown_whole(player, run):
    player.set_run(run)
    assert player.shown is run
    assert player.at_end
    assert not player.playing


def test_play_begins_again_and_ends_at_the_whole_run(player, run, clock):
    player.set_run(run)
    player.toggle()
    assert player.playing
    assert player.at_start
    assert not player.shown.cells
    seen = []
    while player.playing:
        frames(player, clock, 5)
        seen.append(player.shown.n_events)
    assert seen == sorted(seen)
    assert player.shown is run


@pytest.mark.parametrize("speed", [0.05, 1.0, 20.0])
def test_events_come_at_their_measured_times(player, run, clock, speed):
    player.set_run(run)
    player.set_speed(speed)
    player.toggle()
    first = player.now_ns
    for _ in range(25):
        frames(player, clock, 8)
        now = player.now_ns
        assert player.shown.clock[-1] <= now
        if not player.at_end:
            assert run.clock[player.shown.n_events] > now
    expected = min(first + 25 * 8 * MS * speed, run.clock[-1])
    assert now == pytest.approx(expected, abs=1)


def test_what_is_shown_is_the_fold_of_the_events_so_far(player, run, clock, tmp_path):
    """Live equals replay, through the file and at any moment."""
    with Recorder(tmp_path / "run.jsonl") as record:
        for event in run.events:
            record(event)
    again = read_trace(tmp_path / "run.jsonl").run
    assert_same(run, again)
    player.set_run(again)
    player.toggle()
    while player.playing:
        frames(player, clock, 7)
        n = player.shown.n_events
        assert_same(Trace(run.events[:n]).run, player.shown)


def test_steps_end_at_tokens_and_verdicts(player, run):
    player.set_run(run)
    player.to_start()
    kinds = []
    for _ in range(20):
        player.step_event()
        kinds.append(type(player.shown.events[-1]))
    assert set(kinds) == {Drafted, Verified}
    there = player.shown.n_events
    player.step_event()
    player.step_event(-1)
    assert player.shown.n_events == there


def test_steps_by_rounds(player, run):
    player.set_run(run)
    player.to_start()
    for n in (1, 2, 3):
        player.step_round()
        assert player.shown.n_finished_rounds == n
        assert isinstance(player.shown.events[-1], Verified)
    player.step_event()  # into the fourth
    player.step_round(-1)
    assert player.shown.n_finished_rounds == 3
    assert isinstance(player.shown.events[-1], Verified)
    player.step_round(-1)
    assert player.shown.n_finished_rounds == 2
    for _ in range(5):
        player.step_round(-1)
    assert player.at_start


def test_seeking_a_round_shows_its_verdict(player, run):
    player.set_run(run)
    for index in (17, 3, 29, 0):
        player.seek_round(index)
        assert player.shown.n_finished_rounds == index + 1
        assert isinstance(player.shown.events[-1], Verified)


def test_seeking_a_moment_between_two_events(player, run):
    player.set_run(run)
    for n in range(4, len(run.clock), 5):
        moment = (run.clock[n - 1] + run.clock[n]) / 2
        player.seek_ns(moment)
        if run.clock[n - 1] < moment < run.clock[n]:
            assert player.shown.n_events == n
            assert player.now_ns == moment


def test_rounds_that_took_no_time_are_found(player):
    events = [
        _timeless(e) if isinstance(e, Drafted | Verified) else e for e in make_events(rounds=9)
    ]
    player.set_run(Trace(events).run)
    for index in (4, 0, 8):
        player.seek_round(index)
        assert player.shown.n_finished_rounds == index + 1


def _timeless(event):
    import msgspec

    if isinstance(event, Drafted):
        return msgspec.structs.replace(event, draft_ns=0)
    return msgspec.structs.replace(event, target_ns=0, host_ns=0)


def test_the_verdict_that_comes_is_known_before_it_is_there(player, run):
    player.set_run(run)
    player.seek_round(4)
    before = player.shown.n_events
    while isinstance(run.events[player.shown.n_events], Drafted):
        player.step_event()
    verdict, passed = player.upcoming()
    assert verdict is run.rounds[5].verified
    assert passed == 0
    assert player.shown.n_events > before
    n = player.shown.n_events
    player.seek_ns(run.clock[n - 1] + 0.25 * (run.clock[n] - run.clock[n - 1]))
    assert player.upcoming()[1] == pytest.approx(0.25)
    player.seek_round(5)
    assert player.upcoming() is None, "a drafted token comes next"


def test_as_recorded_keeps_the_pauses(player, clock):
    events = list(make_events(rounds=6))
    start = events[0].t_ns
    player.set_run(Trace(events).run)
    player.set_speed(AS_RECORDED)
    player.toggle()
    for _ in range(12):
        frames(player, clock, 10)
        n = player.shown.n_events
        wall = events[n - 1].t_ns - start
        assert wall <= player._now
        if n < len(events):
            assert events[n].t_ns - start > player._now


def test_a_stalled_frame_skips_no_more_than_a_quarter_of_a_second(player, run, clock):
    player.set_run(run)
    player.to_start()
    player.play()
    frames(player, clock, 5000)
    assert player.now_ns <= 250 * MS or player.at_end


class Engine:
    """Makes the events of a live run when it is asked to."""

    def __init__(self, player: Player) -> None:
        self.events = list(make_events(rounds=20, seed=5))
        self.trace = Trace(self.events[:1])
        self.player = player
        self.next = 1
        player.hungry.connect(self.make_round)

    def make_round(self) -> None:
        for n, event in enumerate(self.events[self.next :]):
            if isinstance(event, Verified | RunFinished):
                self.make(n + 1)
                return

    def make(self, n: int) -> None:
        for event in self.events[self.next : self.next + n]:
            self.trace.apply(event)
        self.next = min(self.next + n, len(self.events))
        self.player.grew()


def test_a_live_run_is_followed(player):
    engine = Engine(player)
    player.set_run(engine.trace.run, live=True)
    engine.make(9)
    player.grew()
    assert player.shown is engine.trace.run
    assert not player.playing


def test_looking_back_in_a_live_run_and_catching_up(player, clock):
    engine = Engine(player)
    player.set_run(engine.trace.run, live=True)
    engine.make(60)
    player.grew()
    player.seek_round(2)
    engine.make(10)
    player.grew()
    assert player.shown.n_finished_rounds == 3, "it stays where the person looks"
    player.to_end()
    assert player.shown is engine.trace.run


def test_slow_motion_holds_the_engine_at_each_verdict(player, clock):
    engine = Engine(player)
    player.set_speed(0.25)
    player.set_run(engine.trace.run, live=True)
    assert player.playing
    shown = 0
    while engine.trace.run.finished is None:
        frames(player, clock, 16)
        assert engine.trace.run.n_finished_rounds - player.shown.n_finished_rounds <= 1
        assert player.shown is not engine.trace.run
        assert player.shown.n_events >= shown
        shown = player.shown.n_events
    while player.playing:
        frames(player, clock, 16)
    assert player.shown is engine.trace.run
    assert isinstance(player.shown.events[-1], RunFinished)


def test_the_picture_rests_while_the_engine_works(player, clock):
    engine = Engine(player)
    player.hungry.disconnect(engine.make_round)
    asked = []
    player.hungry.connect(lambda: asked.append(engine.next))
    player.set_speed(0.5)
    player.set_run(engine.trace.run, live=True)
    frames(player, clock, 16, 30)
    assert len(asked) == 1, "asked once"
    assert player.shown.n_events == 1
    engine.make(3)  # a part of the round
    frames(player, clock, 16, 30)
    assert player.shown.n_events == 1
    assert len(asked) == 1
    engine.make_round()
    frames(player, clock, 16, 30)
    assert player.shown.n_finished_rounds == 1
    assert len(asked) == 2


def test_slow_motion_paused_asks_for_nothing(player, clock):
    engine = Engine(player)
    player.set_speed(0.5)
    player.set_run(engine.trace.run, live=True)
    frames(player, clock, 16, 20)
    player.hold()
    made = engine.next
    frames(player, clock, 0, 3)
    assert engine.next <= made + 7
    player.play()
    frames(player, clock, 16, 40)
    assert engine.next > made


def test_leaving_slow_motion_goes_to_the_live_end(player, clock):
    engine = Engine(player)
    player.set_speed(0.1)
    player.set_run(engine.trace.run, live=True)
    frames(player, clock, 16, 5)
    player.set_speed(1.0)
    assert player.shown is engine.trace.run
    assert not player.playing


def test_slow_motion_can_begin_in_the_middle(player, clock):
    engine = Engine(player)
    player.set_run(engine.trace.run, live=True)
    engine.make(40)
    player.grew()
    player.set_speed(0.25)
    assert player.playing
    assert player.shown is not engine.trace.run


def test_a_baseline_is_never_slowed(player):
    player.set_speed(0.25)
    baseline = Trace(list(make_events(rounds=8, role="baseline", reason=None))).run
    player.set_run(baseline, live=True)
    assert player.shown is baseline
    assert not player.playing
