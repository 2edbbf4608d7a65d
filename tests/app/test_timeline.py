"""The timeline: its data, what it shows, scrubbing and zooming."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from app import theme
from app.views.timeline import Timeline
from app.views.timeline_bars import BAR_HEIGHT, BAR_TOP
from app.views.timeline_data import TimelineData, smooth
from engine.trace import Run, Trace
from tests.app.method_traces import policy_trace, tree_trace
from tests.app.traces import make_events, make_trace

Key = Qt.Key


@pytest.fixture
def view(qtbot: QtBot) -> Timeline:
    widget = Timeline()
    qtbot.addWidget(widget)
    widget.resize(807, 76)  # 800 pixels of bars
    return widget


def run_of(trace: Trace) -> Run:
    assert trace.run is not None
    return trace.run


def data_of(rounds: int) -> tuple[TimelineData, Run]:
    run = run_of(make_trace(rounds=rounds, baseline=False))
    data = TimelineData()
    data.update(run.columns)
    return data, run


def press(view: Timeline, key: Qt.Key) -> None:
    view.keyPressEvent(QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))


def wheel(view: Timeline, x: int, dx: int, dy: int) -> None:
    at = QPointF(x, BAR_TOP)
    event = QWheelEvent(
        at, at, QPoint(0, 0), QPoint(dx, dy), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    view.wheelEvent(event)


# Data


def test_the_data_are_the_columns() -> None:
    data, run = data_of(50)
    assert list(data.end) == list(run.columns.end_ns)
    assert list(data.draft) == list(run.columns.draft_ns)
    assert data.total == run.tally.decode_ns
    assert [bool(r) for r in data.rejected] == [
        r.verified is not None and r.verified.n_accepted < len(r.drafted) for r in run.rounds
    ]


def test_the_trace_can_grow_while_the_data_are_held() -> None:
    # A numpy view of the trace's arrays would raise BufferError here.
    data = TimelineData()
    trace = Trace()
    kept = []
    for event in make_events(rounds=1500, gamma=1, reason=None):
        trace.apply(event)
        if trace.run is not None and data.update(trace.run.columns):
            kept.append(data.end)
    assert len(data) == 1500
    assert not data.update(run_of(trace).columns)
    assert kept[9][-1] == run_of(trace).columns.end_ns[9]


def test_a_moment_belongs_to_its_round() -> None:
    data, _ = data_of(20)
    assert data.at(0) == 0
    assert data.at(-5) == 0
    for i in range(20):
        middle = (data.start_of(i) + int(data.end[i])) / 2
        assert data.at(middle) == i
    assert data.at(data.total + 1) == 19
    assert data.between(0, data.total) == range(20)
    assert data.between(float(data.end[4]) + 1, float(data.end[6]) - 1) == range(5, 7)


def test_shares_add_up_and_match_the_totals() -> None:
    data, run = data_of(2000)
    d, t, h, bad = data.shares(0, data.total, 500)
    assert np.allclose(d + t + h, 1)
    tally = run.tally
    assert np.mean(d) == pytest.approx(tally.draft_ns / tally.decode_ns, rel=0.01)
    assert np.mean(t) == pytest.approx(tally.verify_ns / tally.decode_ns, rel=0.01)
    assert np.mean(bad) == pytest.approx(float(np.mean(data.rejected)), abs=0.05)


def test_shares_of_a_window_know_only_the_window() -> None:
    data, _ = data_of(300)
    d, t, _, _ = data.shares(data.total * 0.25, data.total * 0.5, 40)
    assert np.all(d + t > 0.5)
    d, t, h, bad = data.shares(0, data.total * 2, 40)
    assert np.all((d + t + h)[21:] == 0)
    assert np.all(bad[21:] == 0)


def test_one_phase_in_one_pixel_is_all_of_it() -> None:
    data, _ = data_of(3)
    # Single pixels within the first round, too short to smooth over rounds.
    d, t, _, _ = data.shares(0, float(data.draft[0]), 1)
    assert d[0] > 0
    assert d[0] + t[0] <= 1.0001


def test_smoothing_keeps_the_mean_and_ignores_the_unknown() -> None:
    values = np.array([0.0, 1.0, 0.0, 1.0, 9.0])
    known = np.array([True, True, True, True, False])
    assert smooth(values, 1, known) is values
    assert np.allclose(smooth(values, 5, known)[2], 0.5)


# The widget


def test_no_run_and_no_round(view: Timeline) -> None:
    view.set_run(None)
    view.grab()
    assert view.readout == ""
    view.set_run(run_of(Trace(islice(make_events(rounds=1), 2))))
    view.grab()
    assert view.readout == "no round yet"
    assert view.shown_round is None
    for key in (Key.Key_Left, Key.Key_End):
        press(view, key)
    view.zoom(2, 100)
    assert view.tooltip_at(100, BAR_TOP + 5) == ""


def test_the_readout_of_a_chosen_round(view: Timeline) -> None:
    run = run_of(make_trace(rounds=31))
    view.set_run(run)
    ms = run.columns.end_ns[16] / 1e6
    view.show_round(16)
    assert view.readout == f"round 17 of 31 · {ms:.0f} ms"
    view.show_round(None)
    assert view.readout.startswith("round 31 of 31")


def test_bars_stand_where_time_passed(view: Timeline) -> None:
    run = run_of(make_trace(rounds=10))
    view.set_run(run)
    image = view.grab().toImage()
    current = theme.theme()
    columns = run.columns
    y = BAR_TOP + BAR_HEIGHT // 2
    for i in range(9):
        start = columns.end_ns[i] - columns.draft_ns[i] - columns.target_ns[i] - columns.host_ns[i]
        draft = image.pixelColor(round(view._x_of(start + columns.draft_ns[i] / 2)), y)
        verify = start + columns.draft_ns[i] + columns.target_ns[i] / 2
        assert draft.blue() > draft.red()
        target = image.pixelColor(round(view._x_of(verify)), y)
        assert target.red() > target.blue()
    assert image.pixelColor(400, 24) == current.window


def test_a_young_run_does_not_fill_the_axis(view: Timeline) -> None:
    trace = make_trace(rounds=3, open_drafted=2)
    view.set_run(run_of(trace))
    low, high = view.visible_range
    assert low == 0
    assert high > 5 * view._data.total


def test_a_long_live_run_is_followed_and_then_shown_whole(view: Timeline) -> None:
    events = list(make_events(rounds=1000, seed=1))
    trace = Trace(events[:-2])
    run = run_of(trace)
    view.set_run(run)
    low, high = view.visible_range
    assert high == view._data.total
    assert low > 0
    assert (high - low) / view._data.mean == pytest.approx(200, rel=0.01)
    for event in events[-2:]:
        trace.apply(event)
    view.refresh()
    assert view.visible_range == (0, view._data.total)
    view.grab()


def test_a_click_goes_to_the_round_under_the_pointer(view: Timeline, qtbot: QtBot) -> None:
    run = run_of(make_trace(rounds=31))
    view.set_run(run)
    spy = QSignalSpy(view.scrubbed)
    middle = (run.columns.end_ns[10] + run.columns.end_ns[11]) / 2
    at = QPoint(round(view._x_of(middle)), BAR_TOP + 5)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseMove(view, at + QPoint(60, 0))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at + QPoint(60, 0))
    assert spy.at(0) == [11]
    assert view.shown_round is not None
    assert view.shown_round >= 11
    # The heading is no part of the axis.
    count = spy.count()
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(30, 5))
    assert spy.count() == count


def test_arrow_keys_scrub_and_end_follows(view: Timeline) -> None:
    view.set_run(run_of(make_trace(rounds=31)))
    scrubbed, follow = QSignalSpy(view.scrubbed), QSignalSpy(view.follow_requested)
    for key in (Key.Key_Left, Key.Key_Left, Key.Key_Right, Key.Key_Home, Key.Key_PageDown):
        press(view, key)
    assert [scrubbed.at(i)[0] for i in range(scrubbed.count())] == [29, 28, 29, 0, 10]
    press(view, Key.Key_End)
    assert follow.count() == 1
    assert view.shown_round == 30
    press(view, Key.Key_Right)
    assert scrubbed.at(scrubbed.count() - 1) == [30]


def test_the_wheel_zooms_about_the_pointer(view: Timeline) -> None:
    view.set_run(run_of(make_trace(rounds=200)))
    low, high = view.visible_range
    under = view._ns_at(300)
    wheel(view, 300, 0, 480)
    zoomed = view.visible_range
    assert zoomed[1] - zoomed[0] < high - low
    assert view._ns_at(300) == pytest.approx(under, rel=1e-6)
    view.grab()
    wheel(view, 300, -240, 0)
    assert view.visible_range[0] > zoomed[0]
    for _ in range(20):
        wheel(view, 300, 0, -480)
    assert view.visible_range == (low, high)


def test_zooming_stops_at_a_few_rounds(view: Timeline, qtbot: QtBot) -> None:
    view.set_run(run_of(make_trace(rounds=200)))
    view.zoom(1e9, 400)
    low, high = view.visible_range
    assert (high - low) / view._data.mean == pytest.approx(4, rel=0.01)
    press(view, Key.Key_Minus)
    assert view.visible_range[1] - view.visible_range[0] > high - low
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(30, 5))
    assert view.visible_range == (0, view._data.total)


def test_dragging_with_shift_pans(view: Timeline, qtbot: QtBot) -> None:
    view.set_run(run_of(make_trace(rounds=200)))
    view.zoom(8, 400)
    low, _ = view.visible_range
    spy = QSignalSpy(view.scrubbed)
    at = QPoint(400, BAR_TOP + 4)
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, shift, at)
    view.pan(-50)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, shift, at)
    assert view.visible_range[0] > low
    view.pan(1e9)
    assert view.visible_range[0] == 0
    assert spy.count() == 0


def test_a_round_outside_the_axis_is_brought_in(view: Timeline) -> None:
    view.set_run(run_of(make_trace(rounds=400)))
    view.zoom(20, 10)
    assert view.visible_range[0] == pytest.approx(0, abs=view._data.total * 0.02)
    view.show_round(350)
    low, high = view.visible_range
    assert low <= view._data.end[350] <= high


def test_a_zoomed_live_run_keeps_its_end_in_view(view: Timeline) -> None:
    events = list(make_events(rounds=300, seed=2, reason=None))
    trace = Trace(events[:1200])
    view.set_run(run_of(trace))
    view.zoom(3, 800)
    view.pan(-1e9)
    span = view.visible_range[1] - view.visible_range[0]
    for event in events[1200:]:
        trace.apply(event)
    view.refresh()
    low, high = view.visible_range
    assert high == pytest.approx(view._data.total)
    assert high - low == pytest.approx(span)


def test_the_readout_rests_while_rounds_fly_by(view: Timeline) -> None:
    events = list(make_events(rounds=40, seed=2))
    trace = Trace(events[:60])
    view.set_run(run_of(trace))
    before = view.readout
    for event in events[60:72]:
        trace.apply(event)
    view.refresh()
    assert view.readout == before
    assert view._later.isActive()
    for event in events[72:]:
        trace.apply(event)
    view.refresh()
    assert view.readout.startswith("round 40 of 40")


def test_the_tooltip_tells_the_times_of_a_round(view: Timeline) -> None:
    run = run_of(make_trace(rounds=31))
    view.set_run(run)
    text = view.tooltip_at(view._x_of(run.columns.end_ns[4] - 1e6), BAR_TOP + 5)
    assert text.startswith("Round 5: ")
    assert "draft" in text
    assert "verify" in text
    assert view.tooltip_at(100, 4) == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("rounds", [1, 40, 300, 5000])
def test_it_paints_any_number_of_rounds(view: Timeline, rounds: int, scheme: str) -> None:
    before = theme.scheme_choice()
    theme.set_scheme("dark" if scheme == "dark" else "light")
    try:
        view.set_run(run_of(make_trace(rounds=rounds, baseline=False)))
        view.show_round(rounds // 2)
        assert not view.grab().isNull()
    finally:
        theme.set_scheme(before)


def test_a_chosen_length_is_in_the_tooltip(view: Timeline) -> None:
    run = run_of(policy_trace())
    view.set_run(run)
    lines = view.tooltip_at(view._x_of(run.columns.end_ns[1] - 1e6), BAR_TOP + 5).splitlines()
    assert lines[0].startswith("Round 2: 4 tokens in ")
    assert lines[2] == "stopped at 3 of 7: confidence 0.31 < 0.40"
    # One that reached its limit needs no third line.
    first = view.tooltip_at(view._x_of(run.columns.end_ns[0] - 1e6), BAR_TOP + 5)
    assert len(first.splitlines()) == 2


def test_a_tree_with_many_rejections_is_one_round_with_rejections() -> None:
    run = run_of(tree_trace((3, 2), 3, picks=[(2, 1, 0), (0, 0, 0)]))
    assert list(run.columns.rejected) == [3, 0]
    data = TimelineData()
    data.update(run.columns)
    assert list(data.rejected) == [1, 0]
    assert data.shares(0, float(data.total), 40)[3].max() <= 1.0
