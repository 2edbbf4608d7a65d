"""The race: one clock, two lanes, and what each of them is at a moment."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.race import Race, common_tokens
from engine.events import Drafted, Verified
from engine.metrics import compare, figures
from engine.trace import Run, Trace
from tests.app.method_traces import tree_trace
from tests.app.traces import make_events, make_trace
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
def trace() -> Trace:
    return make_trace(rounds=20, seed=3, baseline_rounds=120)


@pytest.fixture
def race(qapp, clock, trace) -> Race:
    race = Race(clock=clock)
    assert race.set_runs(*trace.runs)
    return race


def run_of(**options) -> Run:
    run = Trace(make_events(**options)).run
    assert run is not None
    return run


def moments(race: Race, n: int = 60) -> list[float]:
    return [race.end_ns * i / n for i in range(n + 1)]


# Who races, and how far


@pytest.mark.parametrize("baseline_rounds", [30, 40, 77, 200])
def test_a_run_and_its_baseline_race_to_where_they_are_compared(qapp, baseline_rounds):
    """The race says what the speedup says."""
    trace = make_trace(rounds=20, seed=3, baseline_rounds=baseline_rounds)
    baseline, run = trace.runs
    race = Race()
    race.set_runs(baseline, run)
    expected = compare(run, baseline)
    assert race.lanes is not None
    assert race.tokens == expected.tokens
    assert [lane.finish_ns for lane in race.lanes] == [expected.baseline_ns, expected.run_ns]
    assert race.winner == 1
    assert race.ratio == pytest.approx(figures(run, baseline).speedup)
    assert race.end_ns == expected.baseline_ns


def test_the_sides_play_no_part(trace):
    baseline, run = trace.runs
    assert common_tokens(baseline, run) == common_tokens(run, baseline)
    race = Race()
    race.set_runs(run, baseline)
    assert race.winner == 0


def test_two_speculative_runs_race_to_the_shorter(qapp):
    short, long = run_of(rounds=12, seed=1), run_of(rounds=40, seed=2, gamma=3)
    race = Race()
    assert race.set_runs(short, long)
    assert race.cut
    assert race.tokens <= short.tally.tokens < long.tally.tokens
    ends = list(long.columns.end_tokens)
    assert race.tokens in ends, "no round of the longer is cut"
    last = race.lanes[0].n_rounds - 1
    before = short.columns.end_tokens[last - 1]
    assert before < race.tokens <= short.columns.end_tokens[last]


def test_runs_of_one_length_are_not_cut(qapp):
    run = run_of(rounds=9, seed=1)
    race = Race()
    race.set_runs(run, run)
    assert not race.cut
    assert race.tokens == run.tally.tokens
    assert race.winner is None
    assert race.ratio == 1.0


@pytest.mark.parametrize("pair", [(True, False), (False, True), (False, False)])
def test_nothing_to_race(qapp, pair):
    race = Race()
    runs = [run_of(rounds=4) if there else None for there in pair]
    assert not race.set_runs(*runs)
    assert race.state(0) is None
    race.toggle()
    race.step()
    race.to_end()
    assert not race.playing
    assert race.now_ns == 0


def test_a_run_without_a_token_cannot_race(qapp, trace):
    race = Race()
    assert not race.set_runs(trace.runs[0], run_of(rounds=0, reason="cancelled"))


# What a lane is at a moment


def test_the_state_is_counted_from_the_events(race):
    for ns in moments(race):
        for lane, state in zip(race.lanes, race.state(ns).lanes, strict=True):
            there = [e for e, at in zip(lane.whole.events, lane.whole.clock, strict=True)
                     if at <= ns][: lane.n_events]  # fmt: skip
            verdicts = [e for e in there if isinstance(e, Verified)]
            tokens = sum(v.n_accepted + (v.added_id is not None) for v in verdicts)
            assert state.n_events == len(there)
            assert state.tokens == min(tokens, race.tokens)
            assert state.target_calls == len(verdicts)
            assert state.verify_ns == sum(v.target_ns for v in verdicts)
            assert state.host_ns == sum(v.host_ns for v in verdicts)
            done = verdicts[-1].round if verdicts else -1
            drafted = [e for e in there if isinstance(e, Drafted) and e.round <= done]
            assert state.draft_ns == sum(d.draft_ns for d in drafted)
            took = state.draft_ns + state.verify_ns + state.host_ns
            if took:
                assert state.tokens_per_second == pytest.approx(tokens * 1e9 / took)
            else:
                assert state.tokens_per_second is None
            assert state.finished == (tokens >= race.tokens)
            assert state.elapsed_ns == min(ns, lane.finish_ns)


def test_a_lane_stays_at_its_finish(race):
    state = race.state(race.end_ns)
    assert state.done
    assert [lane.tokens for lane in state.lanes] == [race.tokens] * 2
    assert state.lanes[1] == race.state(race.lanes[1].finish_ns).lanes[1]
    assert not race.state(race.lanes[1].finish_ns).done
    before = race.state(race.lanes[1].finish_ns - 1)
    assert not before.lanes[1].finished, "not a nanosecond earlier"


def test_the_state_depends_on_the_time_alone(race):
    there = [race.state(ns) for ns in moments(race)]
    for ns in reversed(moments(race, 7)):
        race.seek_ns(ns)
    race.toggle()
    assert [race.state(ns) for ns in moments(race)] == there


def test_what_is_shown_is_the_fold_of_the_events_so_far(race):
    """Forward, backward, and where the run is shown whole."""
    walk = moments(race, 24) + moments(race, 5)[::-1] + [race.end_ns, race.end_ns / 3]
    for ns in walk:
        for lane in race.lanes:
            shown = lane.show(ns)
            n = race.state(ns).lanes[race.lanes.index(lane)].n_events
            assert_same(Trace(lane.whole.events[: max(n, 1)]).run, shown)


def test_a_longer_run_is_shown_up_to_the_finish(qapp):
    short, long = run_of(rounds=12, seed=1), run_of(rounds=40, seed=2)
    race = Race()
    race.set_runs(short, long)
    shown = race.lanes[1].show(race.end_ns * 2)
    assert shown.finished is None
    assert isinstance(shown.events[-1], Verified)
    assert shown.columns.end_tokens[-1] == race.tokens
    assert race.lanes[1].whole.n_events > shown.n_events


def test_a_run_that_breaks_off_races_to_its_last_verdict(qapp):
    broken = run_of(rounds=6, open_drafted=3, reason=None)
    race = Race()
    race.set_runs(run_of(rounds=200, role="baseline"), broken)
    shown = race.lanes[1].show(race.end_ns)
    assert isinstance(shown.events[-1], Verified)
    assert race.tokens == broken.columns.end_tokens[-1]


def test_rounds_that_took_no_time(qapp):
    events = [
        replace(e, target_ns=0, host_ns=0)
        if isinstance(e, Verified)
        else replace(e, draft_ns=0)
        if isinstance(e, Drafted)
        else e
        for e in make_events(rounds=5)
    ]
    timeless = Trace(events).run
    race = Race()
    race.set_runs(timeless, run_of(rounds=3, seed=2))
    assert race.ratio is None
    assert race.state(0).lanes[0].finished
    assert race.lanes[0].show(0).columns.end_tokens[-1] >= race.tokens


def test_a_tree_races_too(qapp):
    trace = tree_trace((2, 2), 3)
    race = Race()
    race.set_runs(trace.runs[0], trace.run)
    assert race.lanes is not None
    assert_same(trace.run, race.lanes[1].show(race.end_ns))


# The clock


def play(race: Race, clock: Clock, ms: float, n: int) -> None:
    for _ in range(n):
        clock.ns += round(ms * MS)
        race.tick()


@pytest.mark.parametrize("speed", [0.05, 1.0, 20.0])
def test_the_clock_goes_at_its_speed(race, clock, speed):
    race.set_speed(speed)
    race.play()
    play(race, clock, 4, 10)
    assert race.now_ns == pytest.approx(min(40 * MS * speed, race.end_ns), abs=1)


def test_speeds_have_bounds(race):
    race.set_speed(1000)
    assert race.speed == 20
    race.set_speed(0)
    assert race.speed == 0.05


def test_it_ends_when_the_later_lane_is_in(race, clock, qtbot):
    race.set_speed(2)
    race.toggle()
    moved = []
    race.moved.connect(lambda: moved.append(race.now_ns))
    with qtbot.waitSignal(race.finished, timeout=0, raising=False) as ended:
        while race.playing:
            play(race, clock, 16, 1)
    assert ended.signal_triggered
    assert moved == sorted(moved)
    assert moved[-1] == race.end_ns
    race.toggle()
    assert race.playing
    assert race.now_ns == 0, "raced again"


def test_a_stall_skips_no_more_than_a_quarter_of_a_second(race, clock):
    race.play()
    play(race, clock, 60_000, 1)
    assert race.now_ns == 250 * MS


def test_holding(race, clock):
    race.play()
    play(race, clock, 16, 3)
    race.hold()
    there = race.now_ns
    play(race, clock, 16, 3)
    assert race.now_ns == there
    race.play()
    play(race, clock, 16, 1)
    assert race.now_ns == there + 16 * MS, "the time that it was held is not made up for"


def test_seeking_goes_on_playing_and_stays_within(race, clock):
    race.play()
    race.seek_ns(100 * MS)
    assert race.playing
    race.seek_ns(-5)
    assert race.now_ns == 0
    race.seek_ns(1e15)
    assert race.now_ns == race.end_ns


def test_to_the_start_and_to_the_end(race):
    race.to_end()
    assert race.at_end
    assert not race.playing
    race.play()
    assert not race.playing, "there is nothing left to play"
    race.to_start()
    assert race.now_ns == 0


def test_steps_go_from_verdict_to_verdict_of_either_lane(race):
    ends = sorted({ns for lane in race.lanes for ns in lane.whole.columns.end_ns[: lane.n_rounds]})
    seen = []
    for _ in ends:
        race.step()
        seen.append(race.now_ns)
    assert seen == ends
    race.step()
    assert race.at_end
    back = []
    for _ in ends:
        race.step(-1)
        back.append(race.now_ns)
    assert back == [*ends[-2::-1], 0]


def test_other_runs_begin_at_the_start(race, trace):
    race.play()
    race.seek_ns(50 * MS)
    race.set_runs(*trace.runs)
    assert not race.playing
    assert race.now_ns == 0
