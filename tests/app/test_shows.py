"""The window's inspector, what-ifs, race, clips and presentation, all at work on a toy run."""

from __future__ import annotations

import pytest

from app.commands import State
from app.panels.side import newest_token
from app.window import MainWindow
from engine.errors import ErrorInfo
from engine.events import Drafted, Verified
from engine.trace import Trace
from engine.whatif.outcome import Change
from tests.app.method_traces import tree_trace
from tests.app.traces import make_events

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def run_whole(qtbot, window: MainWindow) -> None:
    window.run()
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=20_000)
    assert window.presenter.run.finished is not None


def test_a_click_on_a_token_opens_the_inspector(qtbot, window: MainWindow):
    run_whole(qtbot, window)
    assert not window.side.is_inspecting
    window.centre.tokens.picked.emit(1, 0)
    assert window.side.is_inspecting
    assert window.side.inspector.place == (1, 0)
    assert window.centre.round_view.shown_round == 1
    assert window.actions_by_id["inspector"].isChecked()
    window.side.inspector.walked.emit(0, 0)
    assert window.centre.round_view.shown_round == 0
    window.side.inspector.closed.emit()
    assert not window.side.is_inspecting


def test_a_click_shows_the_column_that_was_hidden(qtbot, window: MainWindow):
    run_whole(qtbot, window)
    window.view.toggle_plots()
    assert window.side.isHidden()
    window.centre.tokens.picked.emit(0, 0)
    assert not window.side.isHidden()


def test_steps_take_the_inspector_along(qtbot, window: MainWindow):
    run_whole(qtbot, window)
    window.to_start()
    window.step()
    window.toggle_inspector()
    assert window.side.inspector.place == (0, 0)
    seen = [window.side.inspector.place]
    for _ in range(6):
        window.step()
        seen.append(window.side.inspector.place)
        assert seen[-1] == newest_token(window.presenter.run)
    assert len(set(seen)) > 4
    window.step_back()
    assert window.side.inspector.place == seen[-2]


@pytest.mark.parametrize("trace", [Trace(make_events(rounds=30, seed=2)), tree_trace((2, 2), 2)])
def test_the_newest_token_is_the_one_that_was_decided_last(trace):
    run = trace.run
    for n in range(1, run.n_events + 1):
        past, event = run.at(n), run.events[n - 1]
        place = newest_token(past)
        if isinstance(event, Drafted):
            assert place == (event.round, event.index)
        elif isinstance(event, Verified):
            states = run.rounds[event.round]
            number, index = place
            assert number == event.round
            if index < len(states.drafted):
                rejected = len(event.judged) > event.n_accepted
                assert states.judged(index) is not None
                assert rejected or event.added_id is None
        else:
            assert place == (newest_token(run.at(n - 1)) if n > 1 else None)


def test_another_run_closes_what_was_looked_at(qtbot, window: MainWindow):
    run_whole(qtbot, window)
    window.inspect(0, 0)
    assert window.side.inspector.place == (0, 0)
    run_whole(qtbot, window)
    assert window.side.inspector.place is None


def test_what_if_is_answered_by_the_models(qtbot, window: MainWindow):
    run_whole(qtbot, window)
    window.inspect(0, 0)
    desk, box = window.what_if, window.what_if.box
    answers = []
    window.controller.what_ifs.done.connect(answers.append)
    desk._ask(Change(temperature=0.3))
    qtbot.waitUntil(lambda: bool(answers), timeout=20_000)
    assert answers[0].change == Change(temperature=0.3)
    assert window.controller.state is State.IDLE
    assert window.presenter.run.finished is not None, "the run on screen stays"
    assert box.isVisibleTo(window)


def test_what_if_that_fails_says_why(qtbot, window: MainWindow, monkeypatch):
    run_whole(qtbot, window)
    window.inspect(0, 0)
    said: list[str] = []
    monkeypatch.setattr(window.what_if.box, "show_problem", said.append)
    window.controller.what_ifs.failed.emit(ErrorInfo("ModelError", "It is gone.", "Find it.", ""))
    assert said == ["It is gone. Find it."]
    window.what_if._ask(Change(gamma=-1))
    assert "gamma" in said[1]
    assert window.controller.state is State.IDLE


def test_what_if_waits_for_no_run(qtbot, window: MainWindow, monkeypatch):
    run_whole(qtbot, window)
    window.inspect(0, 0)
    said: list[str] = []
    monkeypatch.setattr(window.what_if.box, "show_problem", said.append)
    window.controller._set(State.RUNNING)
    window.what_if._ask(Change(gamma=2))
    assert "run is over" in said[0]
    window.controller._set(State.IDLE)


def test_the_race_takes_the_place_of_the_run(qtbot, window: MainWindow):
    assert not window.actions_by_id["race"].isEnabled(), "nothing to race yet"
    run_whole(qtbot, window)
    window.toggle_race()
    page = window.shows.race_page
    assert window.pages.currentWidget() is page
    assert page.current.lanes is not None
    assert window.actions_by_id["race"].isChecked()
    page.closed.emit()
    assert window.pages.currentIndex() == 0
    assert not window.actions_by_id["race"].isChecked()
    window.toggle_race()
    run_whole(qtbot, window)
    assert window.pages.currentIndex() == 0, "a new run is shown"


def test_a_clip_is_offered_of_a_recording_that_is_whole(qtbot, window: MainWindow, monkeypatch):
    assert not window.actions_by_id["render"].isEnabled()
    run_whole(qtbot, window)
    assert window.actions_by_id["render"].isEnabled()
    from app.panels.render_dialog import RenderDialog

    opened = []
    monkeypatch.setattr(
        RenderDialog, "open_for", lambda self, path, length, at: opened.append((path, length, at))
    )
    window.seek_round(0)
    window.render_clip()
    path, length, at = opened[0]
    assert path == window.files.shown
    whole = window.controller.player.whole
    assert length == whole.clock[-1] / 1e9
    assert at == whole.columns.end_ns[0] / 1e9


def test_the_presentation_follows_and_leaves_with_the_window(qtbot, window: MainWindow):
    run_whole(qtbot, window)
    window.present()
    view = window.shows.presentation
    qtbot.waitUntil(lambda: view.stage is not None)
    assert window.actions_by_id["present"].isChecked()
    window.present()
    assert not view.isVisible()
    assert not window.actions_by_id["present"].isChecked()
    window.present()
    window.close()
    assert not view.isVisible()
