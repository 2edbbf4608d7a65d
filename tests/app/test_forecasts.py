"""What another drafter would have done reaches the status bar, live and from a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.forecasts import Forecasts
from app.window import MainWindow
from engine.cost import measure
from engine.forecast import forecast
from engine.recording import Recorder
from engine.trace import Run, Trace
from tests.app.traces import make_events, make_trace
from tests.screenshots.plots import costlier

WAIT = 20_000


def dear() -> Trace:
    """Passes over five tokens cost almost four single ones; its text repeats itself."""
    trace = Trace(make_events(rounds=700, role="baseline"))
    run = make_events(rounds=240, gamma=4, acceptance=0.7, baseline="baseline-0")
    for event in costlier(run, 3.2):
        trace.apply(event)
    return trace


def runs_of(trace: Trace) -> tuple[Run, Run]:
    assert trace.run is not None
    baseline = trace.baseline_of(trace.run)
    assert baseline is not None
    return trace.run, baseline


def test_it_is_known_after_some_turns_and_kept(qtbot: QtBot) -> None:
    run, baseline = runs_of(dear())
    costs, desk = measure(run, baseline), Forecasts()
    assert desk.of(run) is None
    with qtbot.waitSignal(desk.ready, timeout=WAIT):
        desk.ask(run, costs)
        desk.ask(run, costs)  # under way already
    found = desk.of(run)
    assert found is not None
    counted = {(f.drafter, f.gamma, f.tokens_per_pass) for f in forecast(run, costs)}
    assert (found.drafter, found.gamma, found.tokens_per_pass) in counted
    assert found.speedup > 1.1
    desk.ask(run, costs)
    assert not desk._turn.isActive()  # known


def test_the_last_one_asked_counts(qtbot: QtBot) -> None:
    desk = Forecasts()
    first, second = runs_of(dear()), runs_of(make_trace(rounds=31, baseline_rounds=200))
    desk.ask(first[0], measure(*first))
    with qtbot.waitSignal(desk.ready, timeout=WAIT):
        desk.ask(second[0], measure(*second))
    assert desk.of(first[0]) is None
    assert desk.of(second[0]) is not None


def test_a_run_that_goes_on_is_not_forecast() -> None:
    desk = Forecasts()
    run, baseline = runs_of(make_trace(rounds=20, reason=None))
    desk.ask(run, measure(run, baseline))
    assert not desk._turn.isActive()


def test_a_drafter_is_not_advised_to_itself(qtbot: QtBot) -> None:
    run, baseline = runs_of(make_trace(rounds=60, drafter="ngram"))
    desk = Forecasts()
    with qtbot.waitSignal(desk.ready, timeout=WAIT):
        desk.ask(run, measure(run, baseline))
    found = desk.of(run)
    assert found is not None
    assert found.drafter == "suffix"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "dear.jsonl"
    with Recorder(path) as recorder:
        for run in dear().runs:
            for event in run.events:
                recorder(event)
    return path


def test_the_status_bar_of_a_recording_names_it(
    qtbot: QtBot, window: MainWindow, recording: Path
) -> None:
    with qtbot.waitSignal(window.presenter.settled, timeout=WAIT):
        window.open_file(recording)
    qtbot.waitUntil(lambda: "drafter with γ" in window.status.verdict.text(), timeout=WAIT)
    text = window.status.verdict.text()
    assert text.startswith("Recording dear.jsonl. 0.")
    assert "measured: verifying 5 tokens costs 3." in text
    assert text.endswith("on this prompt (modelled).")
    window.actions_by_id["to-start"].trigger()
    assert "drafter with γ" not in window.status.verdict.text()
    window.actions_by_id["to-end"].trigger()
    qtbot.waitUntil(lambda: "drafter with γ" in window.status.verdict.text(), timeout=WAIT)
