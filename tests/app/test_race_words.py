"""What a race says of its runs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app import race_words
from app.files import DEMO
from app.race import Race
from engine.events import RunStarted
from engine.recording import read_trace
from engine.trace import Run, Trace
from tests.app.traces import make_events, make_trace


def run_of(**options) -> Run:
    run = Trace(make_events(**{"rounds": 9, **options})).run
    assert run is not None
    return run


def changed(run: Run, **fields) -> Run:
    """The same run with another beginning: config fields by name, cpu, prompt_ids, lossless."""
    started = run.started
    if "cpu" in fields:
        started = replace(started, host=replace(started.host, cpu=fields.pop("cpu")))
    if "target" in fields:
        target = replace(started.models.target, name=fields.pop("target"))
        started = replace(started, models=replace(started.models, target=target))
    for name in ("prompt_ids", "lossless"):
        if name in fields:
            started = replace(started, **{name: fields.pop(name)})
    started = replace(started, config=replace(started.config, **fields))
    again = Trace([started if isinstance(e, RunStarted) else e for e in run.events]).run
    assert again is not None
    return again


def race_of(first: Run, second: Run) -> Race:
    race = Race()
    assert race.set_runs(first, second)
    return race


def names(first: Run, second: Run) -> list[str]:
    return [named.name for named in race_words.lane_names(first, second)]


def test_a_baseline_and_its_run_are_standard_and_speculative():
    trace = make_trace(rounds=9)
    assert names(*trace.runs) == ["Standard", "Speculative"]
    standard, speculative = race_words.lane_names(*trace.runs)
    assert standard.detail == "Qwen2.5-Coder 1.5B Q4_K_M · plain decoding"
    assert speculative.detail == (
        "Qwen2.5-Coder 1.5B Q4_K_M · draft Qwen2.5-Coder 0.5B · γ 5 · rejection"
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gamma": 3}, ["γ 5", "γ 3"]),
        ({"rule": "block"}, ["Rejection", "Block"]),
        ({"drafter": "ngram"}, ["Draft Qwen2.5-Coder 0.5B", "n-gram"]),
        ({"length_policy": "entropy"}, ["Fixed length", "Length by entropy"]),
        ({"branches": (2, 2)}, ["No branches", "Branches 2·2"]),
        ({"cpu": "Apple M4"}, ["8-core CPU", "Apple M4"]),
        ({"seed": 7}, ["Seed 0", "Seed 7"]),
        ({"top_p": 1.0}, ["Top-p 0.95", "No filter"]),
        ({"gamma": 3, "cpu": "Apple M4"}, ["γ 5 · 8-core CPU", "γ 3 · Apple M4"]),
        ({}, ["First", "Second"]),
    ],
)
def test_runs_of_a_kind_are_named_by_what_tells_them_apart(change, expected):
    run = run_of()
    assert names(run, changed(run, **change)) == expected


def test_details_do_not_repeat_the_name():
    run = run_of()
    first, second = race_words.lane_names(run, changed(run, gamma=3, cpu="Apple M4"))
    for named in (first, second):
        assert not set(named.name.split(" · ")) & set(named.detail.split(" · "))


def test_the_badge_says_that_both_are_recordings():
    badge = race_words.badge(*make_trace(rounds=9).runs)
    assert badge.forms[0] == "two recorded runs, one after the other, replayed together"
    assert not badge.warns


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"prompt_ids": (1, 2)}, "different prompts"),
        ({"target": "Another"}, "different models"),
        ({"cpu": "Apple M4"}, "different machines"),
        ({"temperature": 0.3}, "different sampling"),
        ({"seed": 9}, "different seeds"),
        ({"seed": 9, "cpu": "Apple M4", "prompt_ids": (1,)}, "prompts, seeds and machines"),
    ],
)
def test_the_badge_warns_of_what_else_differs(change, word):
    run = run_of()
    badge = race_words.badge(run, changed(run, **change))
    assert badge.warns
    assert word in badge.forms[0]
    assert word in badge.forms[-1], "the shortest form says it too"
    assert "one after the other" not in badge.forms[0]
    widths = [len(form) for form in badge.forms]
    assert widths == sorted(widths, reverse=True)


def test_another_method_is_no_reason_to_warn():
    run = run_of()
    assert not race_words.badge(run, changed(run, gamma=2, rule="block")).warns


def test_the_goal_says_why_it_is_no_further():
    whole = make_trace(rounds=9, baseline_rounds=200)
    assert race_words.goal(race_of(whole.runs[1], whole.runs[1])).startswith("to ")
    assert "as many as both" in race_words.goal(race_of(*whole.runs))
    assert "as many" not in race_words.goal(race_of(whole.runs[1], whole.runs[1]))
    assert race_words.goal(race_of(*whole.runs)).endswith("measured decode times")
    toy = make_trace(rounds=9, simulated=True)
    assert race_words.goal(race_of(*toy.runs)).endswith("simulated decode times")


def test_made_up_weights_simulate_acceptance():
    real, made_up = make_trace(rounds=9), make_trace(rounds=9, synthetic=True)
    for race in (race_of(*made_up.runs), race_of(real.runs[1], made_up.runs[1])):
        assert race_words.goal(race).endswith("measured decode times · simulated acceptance")
        assert race_words.ratio_kind(race) == "simulated acceptance"
    assert race_words.ratio_kind(race_of(*real.runs)) == "measured"


def test_how_a_time_came_about_adds_up():
    race = race_of(*read_trace(DEMO).runs)
    end = race.state(race.end_ns)
    standard, speculative = (
        race_words.times(lane, state) for lane, state in zip(race.lanes, end.lanes, strict=True)
    )
    assert standard == ("92 tokens × 6.44 ms = 592 ms", "92 × 6.44 ms = 592 ms", "592 ms")
    assert speculative == (
        "0.2 draft + 369 verify + 11.9 host = 381 ms", "0.2 + 369 + 11.9 = 381 ms", "381 ms",
    )  # fmt: skip
    start = race.state(0)
    assert race_words.times(race.lanes[0], start.lanes[0]) == ("0.0 ms",)
    assert race_words.calls(end.lanes[1]) == "16 target calls"


def test_parts_that_read_nothing_are_left_out_with_their_name():
    events = [replace(e, host_ns=1_000) if hasattr(e, "host_ns") else e for e in make_events()]
    run = Trace(events).run
    race = race_of(run, run)
    said = race_words.times(race.lanes[0], race.state(race.end_ns).lanes[0])
    assert " verify = " in said[0]
    assert "host" not in said[0]


def test_the_clock_keeps_its_unit():
    assert race_words.clock(0, 592e6) == "0.00 s"
    assert race_words.clock(381e6, 592e6) == "0.38 s"
    assert race_words.clock(3_456_789, 50e6) == "3.5 ms"


def test_toy_times_are_simulated():
    toy = make_trace(rounds=9, simulated=True)
    assert race_words.kind(race_of(*toy.runs)) == "simulated"
    assert race_words.kind(race_of(*make_trace(rounds=9).runs)) == "measured"
    assert race_words.kind(race_of(toy.runs[1], run_of())) == "simulated"


def test_the_law_of_the_two_texts():
    assert race_words.law(race_of(*read_trace(DEMO).runs)) == (
        "Both wrote the same 92 tokens",
        True,
    )
    first, second = run_of(seed=1), run_of(seed=2)
    assert race_words.law(race_of(first, second)) == (
        "Lossless: both follow the target's own distribution", True,
    )  # fmt: skip
    lossy = changed(second, rule="lenient", lossless=False)
    said, good = race_words.law(race_of(first, lossy))
    assert said.startswith("Not lossless: Lenient")
    assert not good
    elsewhere = changed(second, prompt_ids=(1, 2, 3))
    said, good = race_words.law(race_of(first, elsewhere))
    assert "not comparable" in said
    assert not good
    warmer = changed(second, temperature=1.4)
    assert "not comparable" in race_words.law(race_of(first, warmer))[0]


def test_two_of_a_kind_differ_in_hue():
    baseline, run = make_trace(rounds=9).runs
    assert race_words.inks(baseline, run) == ("target", "good")
    assert race_words.inks(run, baseline) == ("good", "target")
    for pair in ((run, run), (baseline, baseline)):
        assert len(set(race_words.inks(*pair))) == 2
