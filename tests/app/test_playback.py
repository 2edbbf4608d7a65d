"""Playback in the window: keys, scrubbing, words; slow motion on a live run; live equals replay."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from app import motion
from app.commands import State
from app.player import AS_RECORDED
from app.window import MainWindow
from engine.events import Drafted, Verified
from engine.metrics import figures
from engine.recording import read_trace
from engine.trace import Trace
from tests.engine.test_trace import assert_same

Key, Ctrl = Qt.Key, Qt.KeyboardModifier.ControlModifier
WAIT = 20_000


@pytest.fixture(autouse=True)
def still():
    """Pictures are compared: nothing moves in them."""
    yield
    motion.set_reduced(None)


def run_whole(qtbot, window: MainWindow) -> None:
    window.run()
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=WAIT)
    assert window.presenter.run.finished is not None


def shown(window: MainWindow):
    return window.presenter.run


def status(window: MainWindow) -> str:
    return window.status.verdict.text()


@pytest.fixture
def recorded(qtbot, window: MainWindow) -> MainWindow:
    """A window that shows a recording."""
    run_whole(qtbot, window)
    with qtbot.waitSignal(window.presenter.settled, timeout=WAIT):
        window.open_file(window.files.shown)
    assert window.presenter.is_recording
    return window


def test_the_commands_move_through_a_recording(recorded: MainWindow):
    window, act = recorded, recorded.actions_by_id
    whole = shown(window)
    act["to-start"].trigger()
    assert not shown(window).cells
    act["step"].trigger()
    assert isinstance(shown(window).events[-1], Drafted)
    act["next-round"].trigger()
    act["next-round"].trigger()
    assert shown(window).n_finished_rounds == 2
    act["previous-round"].trigger()
    assert shown(window).n_finished_rounds == 1
    there = shown(window).n_events
    act["step"].trigger()
    act["step-back"].trigger()
    assert shown(window).n_events == there
    act["to-end"].trigger()
    assert shown(window) is whole


def test_keys_move_through_a_recording(qtbot, recorded: MainWindow):
    window = recorded
    window.setFocus()
    qtbot.keyClick(window, Key.Key_Home, Ctrl)
    qtbot.keyClick(window, Key.Key_Right, Ctrl)
    assert shown(window).n_finished_rounds == 1
    qtbot.keyClick(window, Key.Key_F10)
    assert shown(window).n_events > 0
    qtbot.keyClick(window, Key.Key_BracketLeft)
    assert window.controller.player.speed == 0.5
    qtbot.keyClick(window, Key.Key_BracketRight)
    qtbot.keyClick(window, Key.Key_BracketRight)
    assert window.controller.player.speed == 2.0


def test_a_step_at_the_end_of_a_recording_begins_no_run(recorded: MainWindow):
    recorded.step()
    assert recorded.controller.state is State.IDLE
    assert recorded.presenter.is_recording


def test_play_goes_from_the_beginning_to_the_end(qtbot, recorded: MainWindow):
    window = recorded
    window.centre.transport.slider.setValue(8)
    assert window.controller.player.speed == 20.0
    button = window.toolbar.button("pause")
    assert button.accessibleName() == "Play"
    window.pause_or_resume()
    assert window.controller.player.playing
    assert button.accessibleName() == "Pause"
    assert "Playing at 20×" in status(window)
    qtbot.waitUntil(lambda: not window.controller.player.playing, timeout=WAIT)
    assert shown(window) is window.controller.player.whole
    assert status(window).startswith("Recording ")
    window.centre.transport.slider.setValue(9)
    assert window.controller.player.speed == AS_RECORDED
    assert window.centre.transport.label.text() == "as recorded"


def test_scrubbing_shows_the_run_as_it_was(recorded: MainWindow):
    window = recorded
    window.centre.timeline.scrubbed.emit(0)
    assert shown(window).n_finished_rounds == 1
    assert window.centre.round_view.shown_round == 0
    assert "Held at round 1" in status(window)
    assert len(window.centre.tokens._layout) == len(shown(window).cells)
    window.centre.timeline.follow_requested.emit()
    assert shown(window) is window.controller.player.whole


def test_a_token_that_is_looked_at_moves_nothing(recorded: MainWindow):
    window = recorded
    window.seek_round(1)
    n = shown(window).n_events
    window.centre.tokens.picked.emit(0, 0)
    assert window.centre.round_view.shown_round == 0
    assert shown(window).n_events == n
    window.step()
    assert window.centre.round_view.shown_round == shown(window).rounds[-1].index


def test_a_broken_recording_is_played_but_not_live(qtbot, recorded: MainWindow, tmp_path):
    window = recorded
    lines = window.files.shown.read_bytes().splitlines(keepends=True)
    path = tmp_path / "broken.jsonl"
    path.write_bytes(b"".join(lines[:-4]))
    with qtbot.waitSignal(window.presenter.settled, timeout=WAIT):
        window.open_file(path)
    assert not window.controller.player.live
    window.to_start()
    window.pause_or_resume()
    assert window.controller.player.playing
    window.controller.player.hold()


def test_without_a_run_there_is_nothing_to_play(window: MainWindow):
    act = window.actions_by_id
    for name in ("pause", "step-back", "to-start", "previous-round", "next-round", "to-end"):
        assert not act[name].isEnabled(), name
    assert act["step"].isEnabled(), "a step begins a run"


# Slow motion, live


def begin_slowly(qtbot, window: MainWindow, stop: int = 1) -> None:
    """Run until the run itself is on."""
    window.centre.transport.slider.setValue(stop)
    window.run()
    player = window.controller.player
    qtbot.waitUntil(lambda: player.live and not player.whole.is_baseline, timeout=WAIT)


def test_a_live_run_in_slow_motion_waits_for_the_picture(qtbot, window: MainWindow):
    begin_slowly(qtbot, window)
    player = window.controller.player
    qtbot.waitUntil(lambda: player.shown.n_finished_rounds >= 1 or not player.live, timeout=WAIT)
    ahead = []
    player.moved.connect(
        lambda: ahead.append(player.whole.n_finished_rounds - player.shown.n_finished_rounds)
    )
    player.set_speed(0.5)
    qtbot.waitUntil(lambda: not player.playing, timeout=60_000)
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=WAIT)
    assert max(ahead) <= 1
    run = shown(window)
    assert run.finished is not None
    assert run.finished.reason in ("stop", "length")
    assert player.at_end


def test_slow_motion_makes_the_same_run(qtbot, window: MainWindow):
    """Seed, tokens and simulated times are those of a run at full speed."""
    run_whole(qtbot, window)
    fast = shown(window)
    begin_slowly(qtbot, window, stop=3)
    qtbot.waitUntil(
        lambda: window.controller.state is State.IDLE and not window.controller.player.playing,
        timeout=60_000,
    )
    slow = shown(window)
    assert list(slow.token_ids) == list(fast.token_ids)
    assert figures(slow).acceptance_rate == figures(fast).acceptance_rate


def test_slow_motion_can_be_paused_and_stopped(qtbot, window: MainWindow):
    begin_slowly(qtbot, window, stop=0)
    player = window.controller.player
    window.pause_or_resume()
    assert window.controller.state is State.PAUSED
    assert not player.playing
    made = player.whole.n_finished_rounds
    n = player.shown.n_events
    window.pause_or_resume()
    assert window.controller.state is State.RUNNING
    assert player.playing
    assert player.shown.n_events >= n
    assert player.whole.n_finished_rounds <= made + 1
    window.stop()
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=WAIT)
    assert shown(window).finished.reason == "cancelled"
    assert player.at_end


def test_from_slow_motion_to_full_speed(qtbot, window: MainWindow):
    begin_slowly(qtbot, window, stop=0)
    window.centre.transport.slider.setValue(4)
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=WAIT)
    assert shown(window).finished.reason in ("stop", "length")
    assert window.controller.player.at_end


def test_a_step_in_slow_motion_holds_it(qtbot, window: MainWindow):
    begin_slowly(qtbot, window, stop=0)
    player = window.controller.player
    qtbot.waitUntil(lambda: player.whole.n_finished_rounds >= 1, timeout=WAIT)
    window.step()
    assert window.controller.state is State.PAUSED
    assert not player.playing
    for _ in range(12):
        before = player.shown.n_events
        window.step()
        qtbot.waitUntil(lambda n=before: player.shown.n_events > n or not player.live, timeout=WAIT)
    assert player.whole.n_finished_rounds >= 2
    window.stop()
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=WAIT)


def test_a_run_begun_by_a_step_shows_each_event_at_once(qtbot, window: MainWindow):
    window.centre.transport.slider.setValue(0)
    window.step()
    qtbot.waitUntil(lambda: window.controller.state is State.PAUSED, timeout=WAIT)
    qtbot.waitUntil(lambda: bool(shown(window).cells), timeout=WAIT)
    assert not window.controller.player.playing
    window.pause_or_resume()
    assert window.controller.player.playing, "and goes on in slow motion"
    window.stop()
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=WAIT)


# Live equals replay


def pictures(window: MainWindow) -> dict[str, QImage]:
    """What a moment of a run is, in every view of it. The timeline is left out: it shows the whole
    recording, of which a live run knows only the beginning."""
    centre = window.centre
    return {
        "round": centre.round_view.grab().toImage(),
        "tokens": centre.tokens.grab().toImage(),
        "legend": centre.legend.grab().toImage(),
    }


def test_live_and_replay_look_the_same_at_every_event(qtbot, make_window, settings):
    """A run is stepped through in one window; its recording, in another, shows the same pixels."""
    motion.set_reduced(True)
    live: MainWindow = make_window()
    live.step()
    qtbot.waitUntil(lambda: live.controller.state is State.PAUSED, timeout=WAIT)
    control = live.controller

    def settled() -> bool:
        """The step has been made, and told to the views."""
        told = control.pump._told == control.trace.n_events
        return (told and not control._owed) or control.state is State.IDLE

    seen: dict[int, dict[str, QImage]] = {}
    while len(seen) < 14 and control.state is not State.IDLE:
        qtbot.waitUntil(settled, timeout=WAIT)
        seen[shown(live).n_events] = pictures(live)
        live.step()
    live.controller.resume()
    qtbot.waitUntil(lambda: live.controller.state is State.IDLE, timeout=WAIT)
    run, path = live.controller.run, live.files.shown
    assert any(isinstance(run.events[n - 1], Verified) for n in seen)

    replay: MainWindow = make_window()
    with qtbot.waitSignal(replay.presenter.settled, timeout=WAIT):
        replay.open_file(path)
    again = replay.controller.run
    assert_same(run, again)
    for n in [*reversed(seen), *seen]:
        replay.controller.player._go(n)
        assert_same(Trace(run.events[:n]).run, shown(replay))
        for name, picture in pictures(replay).items():
            assert picture == seen[n][name], (n, name)


def test_what_was_live_is_what_was_written(qtbot, window: MainWindow):
    """fold(live) == fold(read(write(live)))."""
    run_whole(qtbot, window)
    written = read_trace(window.files.shown)
    assert len(written.runs) == len(window.controller.trace.runs)
    for ours, theirs in zip(window.controller.trace.runs, written.runs, strict=True):
        assert_same(ours, theirs)
