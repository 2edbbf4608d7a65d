"""The race's picture: the same moment is the same picture, and what it says is what is measured."""

from __future__ import annotations

import random

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app import theme
from app.race import Race
from app.views.race_card import card_text
from app.views.race_lane import lane_colours
from app.views.race_view import RaceView
from engine.metrics import figures
from engine.trace import Run, TokenState, Trace
from tests.app.traces import make_events, make_trace

SIZES = {"side by side": (1100, 620), "stacked": (560, 900)}


@pytest.fixture
def trace() -> Trace:
    return make_trace(rounds=31, seed=4, baseline_rounds=128)


@pytest.fixture
def make_view(qtbot: QtBot):
    def make(*runs: Run, size: tuple[int, int] = SIZES["side by side"]) -> tuple[Race, RaceView]:
        race, view = Race(), RaceView()
        qtbot.addWidget(view)
        view.resize(*size)
        race.set_runs(*runs)
        view.set_race(race)
        return race, view

    return make


def picture(view: RaceView) -> QImage:
    return view.grab().toImage()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_moment_is_one_picture_however_it_was_reached(make_view, trace, size):
    """Played, sought, from the end backward: pixel by pixel that of a view that only knows it."""
    race, view = make_view(*trace.runs, size=size)
    moments = [race.end_ns * i / 12 for i in range(13)]
    alone = {}
    for ns in moments:
        _, fresh = make_view(*trace.runs, size=size)
        fresh.show_at(ns)
        alone[ns] = picture(fresh)
    order = [*moments, *reversed(moments), *random.Random(1).sample(moments, len(moments))]
    for ns in order:
        view.show_at(ns)
        assert picture(view) == alone[ns]
    assert alone[moments[3]] != alone[moments[4]], "the moments do differ"


def test_the_streams_are_at_their_end(make_view, trace):
    race, view = make_view(*trace.runs, size=(760, 520))
    for ns in (0.2, 0.9, 0.5, 1.0):
        view.show_at(ns * race.end_ns)
        picture(view)
        for lane in view.lanes:
            bar = lane.tokens.verticalScrollBar()
            assert bar.value() == bar.maximum()
    assert bar.maximum() > 0
    assert not bar.isVisible(), "tokens keep their places when the first row leaves"


def test_the_streams_show_their_lanes(make_view, trace):
    race, view = make_view(*trace.runs)
    view.show_at(race.end_ns / 3)
    for lane, shown in zip(race.lanes, view.lanes, strict=True):
        assert len(shown.tokens._layout) == len(lane.shown.cells)
        assert shown.state == lane.state(race.end_ns / 3)


def test_at_the_finish_it_says_what_the_metrics_say(make_view, trace):
    baseline, run = trace.runs
    race, view = make_view(baseline, run)
    view.show_at(race.end_ns)
    said = card_text(race, view.state, view.names)
    speedup = figures(run, baseline).speedup
    assert said.ratio == f"{speedup:.1f}×"
    assert said.below == "Speculative is faster, measured"
    assert said.winner == 1
    assert [lane.mark for lane in view.lanes] == ["finished", "finished first"]


def test_no_ratio_before_the_finish(make_view, trace):
    race, view = make_view(*trace.runs)
    for i in range(20):
        view.show_at(race.end_ns * i / 20)
        said = card_text(race, view.state, view.names)
        assert "×" not in said.ratio
        assert not said.law


def test_who_leads(make_view, trace):
    race, view = make_view(*trace.runs)
    view.show_at(0)
    assert card_text(race, view.state, view.names)[:2] == (f"{race.tokens}", "tokens to go")
    view.show_at(race.end_ns / 4)
    lead = view.state.lead
    assert lead > 1
    said = card_text(race, view.state, view.names)
    assert said[:3] == (f"+{lead} tokens", "Speculative leads", 1)
    view.show_at(race.lanes[1].finish_ns)
    assert card_text(race, view.state, view.names).below == "Speculative has finished"
    assert view.lanes[0].mark == ""


def test_the_winner_is_named_when_it_is_the_standard_run(make_view):
    slow = make_trace(rounds=40, acceptance=0.02, baseline_rounds=60)
    race, view = make_view(*slow.runs)
    view.show_at(race.end_ns)
    said = card_text(race, view.state, view.names)
    assert said.below == "Standard is faster, measured"
    assert said.winner == 0
    assert float(said.ratio[:-1]) >= 1


def test_a_tie(make_view):
    run = make_trace(rounds=9).run
    race, view = make_view(run, run)
    view.show_at(race.end_ns / 2)
    assert card_text(race, view.state, view.names).ratio == "level"
    view.show_at(race.end_ns)
    said = card_text(race, view.state, view.names)
    assert said[:3] == ("1.00×", "equally fast, measured", None)
    assert [lane.mark for lane in view.lanes] == ["finished", "finished"]


def test_toys_are_simulated(make_view):
    race, view = make_view(*make_trace(rounds=20, simulated=True).runs)
    view.show_at(race.end_ns)
    assert card_text(race, view.state, view.names).below.endswith("simulated")


def test_made_up_weights_are_marked(make_view):
    race, view = make_view(*make_trace(rounds=20, synthetic=True).runs)
    view.show_at(race.end_ns)
    assert card_text(race, view.state, view.names).below.endswith("simulated acceptance")


def test_a_run_that_goes_on_stands_still_at_the_finish(make_view):
    short = Trace(make_events(rounds=12, seed=1)).run
    long = Trace(make_events(rounds=40, seed=2)).run
    race, view = make_view(short, long)
    view.show_at(race.end_ns)
    with_caret = view.lanes[1]
    finished = picture(view)
    with_caret.tokens.set_caret(True)
    assert picture(view) != finished, "negative control: it would have had a caret"


def test_another_race_forgets_the_last(make_view, trace, qtbot):
    race, view = make_view(*trace.runs)
    view.show_at(race.end_ns)
    race.set_runs(trace.runs[1], trace.runs[0])
    view.set_race(race)
    _, fresh = make_view(trace.runs[1], trace.runs[0])
    assert picture(view) == picture(fresh)
    race.set_runs(None, None)
    view.set_race(race)
    assert view.state is None
    assert not view.lanes[0].isVisibleTo(view)
    view.show_at(5)
    picture(view)


def test_lanes_stand_beside_or_above_each_other(make_view, trace):
    _, view = make_view(*trace.runs)
    left, right = (lane.geometry() for lane in view.lanes)
    assert left.top() == right.top()
    assert left.width() == right.width()
    assert left.right() < right.left()
    view.resize(*SIZES["stacked"])
    picture(view)
    above, below = (lane.geometry() for lane in view.lanes)
    assert above.bottom() < below.top()
    assert view._card().top() > below.bottom()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("palette", ["standard", "okabe-ito"])
def test_words_on_pills_can_be_read(scheme, palette):
    now = theme.make_theme(scheme, palette)
    grey = now.states[TokenState.DISCARDED].text
    pairs = [(grey, theme.with_alpha(now.host, 0.16)), (grey, theme.with_alpha(grey, 0.13))]
    pairs.append((now.warn_text, theme.with_alpha(now.warn, 0.16)))
    for ink in ("target", "draft", "good"):
        text = lane_colours(now, ink)[1]
        pairs.append((text, theme.with_alpha(text, 0.13)))
    for text, pill in pairs:
        assert theme.contrast(text, theme.blend(pill, now.window)) >= 4.5


def test_screen_readers_hear_both_lanes(make_view, trace):
    race, view = make_view(*trace.runs)
    view.show_at(race.end_ns)
    spoken = view.accessibleDescription()
    assert "Standard: " in spoken
    assert f"{race.tokens} of {race.tokens} tokens, 29 target calls" in spoken
    assert "finished first" in spoken
    assert "replayed together" in spoken
