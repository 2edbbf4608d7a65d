"""The page of the race: who runs, what moves it, and recordings that are read for a lane."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.files import DEMO
from app.panels.race import ALONE, NO_TOKENS, NONE, RacePage
from app.panels.race_picker import CHOOSE, RunPicker, run_title
from app.panels.race_transport import STEPS
from app.recordings import read_entry
from engine.recording import Recorder
from engine.trace import Run, Trace
from tests.app.traces import make_events, make_trace

Key = Qt.Key


@pytest.fixture
def page(qtbot: QtBot) -> RacePage:
    page = RacePage()
    qtbot.addWidget(page)
    page.resize(1200, 700)
    return page


@pytest.fixture
def trace() -> Trace:
    return make_trace(rounds=20, seed=3)


def run_of(**options) -> Run:
    run = Trace(make_events(**options)).run
    assert run is not None
    return run


def racing(page: RacePage) -> list[Run]:
    lanes = page.current.lanes
    return [] if lanes is None else [lane.whole for lane in lanes]


def press(page: RacePage, key: Qt.Key, modifier=Qt.KeyboardModifier.NoModifier) -> QKeyEvent:
    event = QKeyEvent(QEvent.Type.KeyPress, key, modifier)
    page.keyPressEvent(event)
    return event


def entries_of(menu: QMenu) -> dict[str, object]:
    return {action.text(): action for action in menu.actions() if not action.isSeparator()}


# Who races


def test_a_recording_races_its_run_against_its_baseline(page, trace):
    page.race(trace)
    assert racing(page) == trace.runs
    assert page.view.state.ns == 0
    assert not page.current.playing
    assert [picker.shown for picker in page.pickers] == [run_title(run) for run in trace.runs]
    assert page.pickers[0].shown == "Standard · 40 tokens"


def test_any_two_runs(page):
    first, second = run_of(rounds=5), run_of(rounds=9, gamma=3)
    page.race_runs(first, second)
    assert racing(page) == [first, second]


def test_one_run_alone_says_what_to_do(page):
    page.race(make_trace(rounds=5, baseline=False))
    assert racing(page) == []
    assert page.view._empty == ALONE
    assert page.pickers[1].shown == CHOOSE
    assert not page.transport.play.isEnabled()
    page.grab()
    other = run_of(rounds=7, seed=4)
    page.choose(1, other)
    assert racing(page)[1] is other
    assert page.transport.play.isEnabled()


def test_nothing_at_all(page):
    page.race(Trace())
    assert page.view._empty == NONE
    for key in (Key.Key_Space, Key.Key_Home, Key.Key_End, Key.Key_Left, Key.Key_Right):
        press(page, key)
    assert not page.current.playing
    page.grab()


def test_a_run_without_tokens(page, trace):
    page.race_runs(trace.runs[0], run_of(rounds=0, reason="cancelled"))
    assert page.view._empty == NO_TOKENS
    page.grab()


def test_the_menu_offers_the_runs_of_this_recording(page, trace):
    page.race(trace)
    picker = page.pickers[1]
    picker.fill()
    offered = entries_of(picker.menu_of_runs)
    for run in trace.runs:
        assert run_title(run) in offered
    assert offered[run_title(trace.runs[1])].isChecked()
    assert not offered["Standard run of"].isEnabled(), "there are no recordings yet"
    offered[run_title(trace.runs[0])].trigger()
    assert racing(page) == [trace.runs[0]] * 2


def recorded(folder: Path, name: str, **options) -> Path:
    path = folder / name
    with Recorder(path) as record:
        for run in make_trace(rounds=8, **options).runs:
            for event in run.events:
                record(event)
    return path


def test_the_menu_offers_both_runs_of_recent_recordings(page, trace, qtbot, tmp_path):
    path = recorded(tmp_path, "other.jsonl", seed=9)
    for picker in page.pickers:
        picker.entries = lambda: [read_entry(path)]
    page.race(trace)
    picker = page.pickers[0]
    for word, plain in (("speculative", False), ("standard", True)):
        picker.fill()
        submenu = entries_of(picker.menu_of_runs)[f"{word.capitalize()} run of"].menu()
        with qtbot.waitSignal(page.current.replaced):
            submenu.actions()[0].trigger()
        assert racing(page)[0].started.config.seed == 9
        assert (racing(page)[0].started.config.gamma == 0) == plain
        assert racing(page)[1] is trace.runs[1]


def test_opening_a_file_takes_the_kind_that_was_there(page, trace, qtbot):
    page.race(trace)
    page.ask_recording = lambda: str(DEMO)
    for lane, gamma in ((0, 0), (1, 7)):
        with qtbot.waitSignal(page.current.replaced):
            page.pickers[lane].browse.emit()
        assert racing(page)[lane].started.config.gamma == gamma
    assert [run.tally.tokens for run in racing(page)] == [92, 92]


def test_a_cancelled_dialog_changes_nothing(page, trace):
    page.race(trace)
    page.ask_recording = lambda: ""
    page.pickers[0].browse.emit()
    assert not page.reader.reading
    assert racing(page) == trace.runs


def test_a_recording_without_that_kind_of_run(page, trace, qtbot, tmp_path):
    path = recorded(tmp_path, "alone.jsonl", baseline=False)
    page.race(trace)
    with qtbot.waitSignal(page.reader.found):
        page.open(0, path, "baseline")
    assert "alone.jsonl holds no standard run" in page.banners.shown[0].message
    assert racing(page) == trace.runs
    with qtbot.waitSignal(page.reader.found):
        page.open(0, path)
    assert racing(page)[0].started.config.gamma == 5, "a file that was chosen gives what it has"
    assert not page.banners.shown


def test_a_broken_file_is_told_of(page, trace, qtbot, tmp_path):
    path = tmp_path / "broken.jsonl"
    path.write_text('{"type": "RunStarted"}\n')
    page.race(trace)
    with qtbot.waitSignal(page.reader.failed):
        page.open(1, path)
    assert "broken.jsonl" in page.banners.shown[0].message
    assert racing(page) == trace.runs


def test_a_new_wish_drops_the_one_before(page, trace, qtbot, tmp_path):
    first = recorded(tmp_path, "first.jsonl", seed=7)
    second = recorded(tmp_path, "second.jsonl", seed=8)
    page.race(trace)
    found = QSignalSpy(page.reader.found)
    page.open(0, first)
    page.open(1, second)
    qtbot.waitUntil(lambda: not page.reader.reading)
    assert found.count() == 1
    assert racing(page)[0] is trace.runs[0]
    assert racing(page)[1].started.config.seed == 8


def test_reading_goes_in_slices(page, trace, tmp_path):
    path = recorded(tmp_path, "long.jsonl")
    times = iter(range(0, 10**12, 5_000_000))
    page.reader._clock = lambda: next(times)
    page.race(trace)
    page.open(0, path)
    page.reader._read()
    assert page.reader.reading, "a frame's budget is over long before the file"


# What moves it


def test_the_keys(page, trace):
    page.race(trace)
    race = page.current
    press(page, Key.Key_Space)
    assert race.playing
    press(page, Key.Key_Space)
    assert not race.playing
    press(page, Key.Key_End)
    assert race.now_ns == race.end_ns
    press(page, Key.Key_Left)
    assert 0 < race.now_ns < race.end_ns
    press(page, Key.Key_Home)
    assert race.now_ns == 0
    press(page, Key.Key_Right)
    assert race.now_ns == min(lane.whole.columns.end_ns[0] for lane in race.lanes)
    press(page, Key.Key_Up)
    assert race.speed == 2
    press(page, Key.Key_Down)
    press(page, Key.Key_Down)
    assert race.speed == 0.5
    closed = QSignalSpy(page.closed)
    press(page, Key.Key_Escape)
    assert closed.count() == 1


def test_other_keys_are_the_windows(page, trace):
    page.race(trace)
    assert not press(page, Key.Key_Q).isAccepted()
    assert not press(page, Key.Key_Space, Qt.KeyboardModifier.ControlModifier).isAccepted()
    assert not page.current.playing


@pytest.mark.parametrize(
    ("key", "modifier", "own"),
    [
        (Key.Key_Space, Qt.KeyboardModifier.NoModifier, True),
        (Key.Key_Escape, Qt.KeyboardModifier.NoModifier, True),
        (Key.Key_Right, Qt.KeyboardModifier.KeypadModifier, True),
        (Key.Key_Right, Qt.KeyboardModifier.ControlModifier, False),
        (Key.Key_F1, Qt.KeyboardModifier.NoModifier, False),
    ],
)
def test_its_keys_come_before_the_windows_shortcuts(page, key, modifier, own):
    event = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifier)
    event.ignore()
    page.event(event)
    assert event.isAccepted() == own


def test_the_buttons(page, trace):
    page.race(trace)
    race, row = page.current, page.transport
    row.play.click()
    assert race.playing
    assert row.play.accessibleName() == "Pause"
    row.end.click()
    assert race.at_end
    assert row.play.accessibleName() == "Play"
    row.start.click()
    assert race.now_ns == 0
    closed = QSignalSpy(page.closed)
    page.close_button.click()
    assert closed.count() == 1


def test_the_scrubber_and_the_race_follow_each_other(page, trace):
    page.race(trace)
    page.grab()  # lays it out
    race, row = page.current, page.transport
    page.seek_ns(race.end_ns / 4)
    assert row.scrubber.value() == pytest.approx(STEPS / 4, abs=1)
    assert race.now_ns == race.end_ns / 4, "showing the moment does not move it"
    row.scrubber.setValue(STEPS // 2)
    assert race.now_ns == pytest.approx(race.end_ns / 2)
    assert page.view.state.ns == race.now_ns
    at = QPoint(row.scrubber.width() * 3 // 4, row.scrubber.height() // 2)
    QTest.mouseClick(row.scrubber, Qt.MouseButton.LeftButton, pos=at)
    assert race.now_ns / race.end_ns == pytest.approx(0.75, abs=0.02)


def test_the_readout(page, trace):
    page.race(trace)
    race = page.current
    page.seek_ns(race.end_ns)
    end = f"{race.end_ns / 1e9:.2f}"
    assert page.transport.readout.text() == f"{end} / {end} s"


def test_the_scrubber_marks_both_finishes(page, trace):
    page.race(trace)
    places = [place for place, _ in page.transport.scrubber._marks]
    ends = [lane.finish_ns / page.end_ns for lane in page.current.lanes]
    assert places == ends
    page.current.set_runs(None, None)
    assert not page.transport.scrubber._marks


def test_the_speed(page, trace):
    page.race(trace)
    row = page.transport
    row.slider.setValue(0)
    assert page.current.speed == 0.05
    assert row.speed.text() == "0.05×"
    page.current.set_speed(20)
    assert row.slider.value() == row.slider.maximum()
    assert row.speed.text() == "20×"


def test_a_page_that_is_put_away_holds(page, trace):
    page.race(trace)
    page.current.play()
    QApplication.sendEvent(page, QHideEvent())
    assert not page.current.playing


def test_the_lanes_leave_the_keys_to_the_race(page, trace):
    page.race(trace)
    for lane in page.view.lanes:
        assert lane.tokens.focusPolicy() == Qt.FocusPolicy.NoFocus


def test_a_narrow_row_does_without_the_slider(page, trace):
    page.race(trace)
    page.resize(480, 700)
    page.grab()
    assert page.transport.slider.isHidden()
    page.resize(900, 700)
    page.grab()
    assert not page.transport.slider.isHidden()


def test_a_long_title_is_elided(qtbot):
    picker = RunPicker("Left lane")
    qtbot.addWidget(picker)
    picker.resize(120, 32)
    picker.show_run(run_of(rounds=3), "good")
    picker.grab()
    assert picker.toolTip() == picker.shown
