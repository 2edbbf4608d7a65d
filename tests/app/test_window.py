"""The window over real engine threads and toy models: every way a run can go is shown once."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app import theme
from app.commands import State
from app.crash import CrashLog
from app.files import DEMO
from app.panels.banner import Banner
from app.settings import Settings
from app.setup import default_setup
from app.window import MainWindow
from engine.errors import ErrorInfo
from engine.events import RunFinished
from engine.recording import read_events, read_trace
from engine.session import JobFinished, Loading
from engine.trace import Run
from tests.app.conftest import TOY
from tests.app.fake_session import FakeSession
from tests.app.held import Held
from tests.app.hub import model_folder
from tests.app.traces import make_events

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def wait_idle(qtbot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=20_000)


def run_whole(qtbot, window: MainWindow) -> Run:
    """Press Run, wait for the end."""
    with qtbot.waitSignal(window.presenter.settled, timeout=20_000):
        window.actions_by_id["run"].trigger()
    run = window.presenter.run
    assert run is not None
    return run


def same(a: Run, b: Run) -> bool:
    """Whether two folds hold the same."""
    return (
        a.started == b.started
        and a.finished == b.finished
        and a.cells == b.cells
        and a.token_ids == b.token_ids
        and a.columns == b.columns
        and a.totals == b.totals
    )


def recorded_ends(folder: Path) -> list[str]:
    """Reasons of all runs in all recordings."""
    return [
        event.reason
        for path in sorted(folder.glob("*.jsonl"))
        for event in read_events(path)
        if isinstance(event, RunFinished)
    ]


# Runs


def test_a_run_is_shown_measured_and_recorded(qtbot, window: MainWindow):
    run = run_whole(qtbot, window)
    assert run.finished.reason == "length"
    assert not run.is_baseline
    assert window.controller.trace.baseline_of(run).finished.reason == "length"
    assert window.plots.snapshot.figures.tokens == 24
    assert "24 tokens" in window.centre.legend._detail
    assert window.status.verdict.text()
    assert "toy" not in window.status.setup.text()
    assert "T 0.90 · seed 3" in window.status.setup.text()
    assert "tok/s" in window.setup_panel.baseline.line.text()
    assert recorded_ends(window.files.recordings.folder) == ["length", "length"]
    assert window.centre.banners.shown == []
    assert window.actions_by_id["save"].isEnabled()


def test_states_follow_the_engine(qtbot, window: MainWindow, held: Held):
    seen: list[State] = []
    window.controller.state_changed.connect(seen.append)
    run_whole(qtbot, window)
    assert seen == [State.LOADING, State.RUNNING, State.IDLE]


def hold_in_a_run(qtbot, window: MainWindow, held: Held, tokens: int = 14) -> None:
    """Start a run without a baseline, and wait until it stands still in a pass."""
    panel = window.setup_panel
    panel.setup = msgspec.structs.replace(panel.setup, measure="none")
    held.at = tokens
    window.run()
    qtbot.waitUntil(held.reached.is_set, timeout=20_000)
    qtbot.waitUntil(lambda: window.controller.state is State.RUNNING)


def test_stop_ends_the_run_once(qtbot, window: MainWindow, held: Held):
    hold_in_a_run(qtbot, window, held)
    ended: list[JobFinished] = []
    window.controller.ended.connect(ended.append)
    window.actions_by_id["stop"].trigger()
    assert window.controller.state is State.CANCELLING
    assert not window.actions_by_id["stop"].isEnabled()
    wait_idle(qtbot, window)
    assert window.presenter.run.finished.reason == "cancelled"
    assert [e.outcome for e in ended] == ["cancelled"]
    assert recorded_ends(window.files.recordings.folder) == ["cancelled"]
    assert window.centre.banners.shown == []
    assert window.status.verdict.text().startswith("Stopped.")
    held.release()
    assert run_whole(qtbot, window).finished.reason == "length", "the next run goes well"


def test_pause_and_resume(qtbot, window: MainWindow, held: Held):
    hold_in_a_run(qtbot, window, held)
    window.actions_by_id["pause"].trigger()
    assert window.controller.state is State.PAUSED
    assert window.toolbar.button("pause").accessibleName() == "Resume"
    assert window.status.verdict.text().startswith("Paused.")
    held.release()
    with qtbot.waitSignal(window.presenter.settled, timeout=20_000):
        window.actions_by_id["pause"].trigger()
    assert window.presenter.run.finished.reason == "length"
    assert window.toolbar.button("pause").accessibleName() == "Play", "it can be played again"


def visible(window: MainWindow) -> int:
    run = window.controller.run
    return run.tally.drafted + run.tally.rounds if run is not None else 0


@pytest.mark.parametrize("gamma", [0, 3])
def test_step_goes_from_token_to_token(qtbot, window: MainWindow, gamma: int):
    panel = window.setup_panel
    config = msgspec.structs.replace(panel.setup.config, gamma=gamma, max_tokens=6)
    panel.setup = msgspec.structs.replace(panel.setup, config=config)
    step = window.actions_by_id["step"]
    for n in range(1, 5):
        step.trigger()
        qtbot.waitUntil(lambda n=n: visible(window) == n, timeout=20_000)
        assert window.controller.state is State.PAUSED
    assert not window.controller.run.is_baseline or gamma == 0
    with qtbot.waitSignal(window.presenter.settled, timeout=20_000):
        window.pause_or_resume()
    assert window.controller.run.finished.reason == "length"
    assert len(window.controller.run.token_ids) == 6


def test_step_reuses_a_baseline_that_is_there(qtbot, window: MainWindow):
    run_whole(qtbot, window)
    window.step()
    qtbot.waitUntil(lambda: window.controller.state is State.PAUSED, timeout=20_000)
    run = window.controller.run
    qtbot.waitUntil(lambda: visible(window) == 1 and not window.controller.run.is_baseline)
    run = window.controller.run
    assert window.controller.trace.baseline_of(run) is not None
    window.stop()
    wait_idle(qtbot, window)


def test_stop_while_loading(qtbot, window: MainWindow, held: Held):
    held.loading = True
    window.run()
    qtbot.waitUntil(held.reached.is_set, timeout=20_000)
    qtbot.waitUntil(lambda: "Loading the target" in window.status.verdict.text())
    assert not window.centre.progress.isHidden()
    window.stop()
    held.release()
    wait_idle(qtbot, window)
    assert window.centre.progress.isHidden()
    assert window.presenter.run is None
    assert list(window.files.recordings.folder.glob("*.jsonl")) == [], "nothing was recorded"


def test_a_notice_becomes_a_banner(qtbot, make_window):
    session = FakeSession()
    window = make_window(make_session=lambda: session)
    window.run()
    session.say(*make_events(rounds=2))
    session.finish()
    wait_idle(qtbot, window)
    (banner,) = window.centre.banners.shown
    assert (banner.level, banner.message) == ("info", "The run reached its length.")


# Errors


def fail_loading(window: MainWindow, held: Held) -> str:
    held.broken = True
    return "The file is no model."


def fail_in_the_run(window: MainWindow, held: Held) -> str:
    held.fail_at = 20
    return "The toy model failed"


def fail_config(window: MainWindow, held: Held) -> str:
    panel = window.setup_panel
    config = msgspec.structs.replace(panel.setup.config, rule="greedy")
    panel.setup = msgspec.structs.replace(panel.setup, config=config)
    return "The rule 'greedy'"


def fail_prompt(window: MainWindow, held: Held) -> str:
    window.setup_panel.prompt.text = "   "
    return "The prompt is empty."


def fail_context(window: MainWindow, held: Held) -> str:
    window.setup_panel.prompt.text = "cat " * 5000
    return "The prompt has 5,000 tokens"


FAILURES = (fail_loading, fail_in_the_run, fail_config, fail_prompt, fail_context)


@pytest.mark.parametrize("fail", FAILURES)
def test_an_error_is_one_banner_and_the_app_goes_on(qtbot, window: MainWindow, held: Held, fail):
    message = fail(window, held)
    with qtbot.waitSignal(window.controller.ended, timeout=20_000) as ended:
        window.run()
    assert ended.args[0].outcome == "error"
    (banner,) = window.centre.banners.shown
    assert banner.level == "error"
    assert banner.message.startswith(message)
    assert "Traceback" in banner.details.toPlainText()
    assert window.controller.state is State.IDLE

    held.broken, held.fail_at = False, None
    window.setup_panel.setup = msgspec.structs.replace(TOY, context=2048)  # loads anew
    assert run_whole(qtbot, window).finished.reason == "length"
    assert window.centre.banners.shown == [], "a new run takes old errors away"


def test_the_last_run_stays_on_screen_after_an_error(qtbot, window: MainWindow):
    run = run_whole(qtbot, window)
    shown = window.files.shown
    window.setup_panel.prompt.text = ""
    with qtbot.waitSignal(window.controller.ended):
        window.run()
    assert window.presenter.run is run
    assert window.files.shown == shown
    assert read_trace(shown).run.token_ids == run.token_ids


def test_an_event_that_does_not_fit_is_one_banner(qtbot, make_window):
    session = FakeSession()
    window = make_window(make_session=lambda: session)
    window.run()
    events = list(make_events(rounds=3, reason="stop"))
    session.say(events[0], *events[4:])
    qtbot.waitUntil(lambda: "cancel" in session.calls)
    session.finish(ErrorInfo("X", "Something else."))
    wait_idle(qtbot, window)
    (banner,) = window.centre.banners.shown
    assert "stands where event" in banner.message


def test_a_lost_recording_is_a_warning_and_the_run_goes_on(qtbot, window: MainWindow):
    folder = window.files.recordings.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file stands where the folder should be")
    run = run_whole(qtbot, window)
    assert run.finished.reason == "length"
    (banner,) = window.centre.banners.shown
    assert banner.level == "warning"
    assert not window.actions_by_id["save"].isEnabled()


def test_a_banner_copies_opens_and_goes(qtbot, qapp, window: MainWindow):
    error = ErrorInfo("ModelError", "It broke.", "Mend it.", "Traceback: line 1")
    banner = window.centre.banners.error(error)
    banner._more.click()
    assert banner.details.isVisible()
    copy = next(b for b in banner.findChildren(QPushButton) if b.text() == "Copy")
    copy.click()
    assert qapp.clipboard().text() == "It broke.\nMend it.\nTraceback: line 1"
    window.centre.banners.error(error)
    assert len(window.centre.banners.shown) == 1, "the same message stands once"
    for i in range(5):
        window.centre.banners.notice("info", f"note {i}")
    assert len(window.centre.banners.shown) == 3
    window.centre.banners.shown[0].dismiss()
    window.centre.banners.clear()
    assert window.centre.banners.isHidden()


def test_an_uncaught_error_is_shown_and_logged(qtbot, make_window, settings: Settings, capsys):
    log = CrashLog(settings.folders.log)
    log.install()
    try:
        window: MainWindow = make_window(crash_log=log)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: bool(window.centre.banners.shown))
        assert "division by zero" in window.centre.banners.shown[0].message
        assert "ZeroDivisionError" in log.path.read_text(encoding="utf-8")
        assert "ZeroDivisionError" in capsys.readouterr().err
    finally:
        log.uninstall()


# Closing


def close(qtbot, window: MainWindow) -> None:
    window.close()
    assert not window.isVisible()
    assert not [t for t in threading.enumerate() if t.name == "engine"]


def test_closing_during_a_run_records_its_end(qtbot, window: MainWindow, held: Held):
    hold_in_a_run(qtbot, window, held)
    close(qtbot, window)
    assert recorded_ends(window.files.recordings.folder) == ["cancelled"]


def test_closing_while_paused(qtbot, window: MainWindow, held: Held):
    hold_in_a_run(qtbot, window, held)
    window.pause_or_resume()
    close(qtbot, window)
    assert recorded_ends(window.files.recordings.folder) == ["cancelled"]


def test_closing_while_loading(qtbot, window: MainWindow, held: Held):
    held.loading = True
    window.run()
    qtbot.waitUntil(held.reached.is_set, timeout=20_000)
    threading.Timer(0.05, held.release).start()
    close(qtbot, window)


def test_closing_an_idle_window_remembers_it(qtbot, make_window, settings: Settings):
    window: MainWindow = make_window()
    window.setup_panel.prompt.text = "the dog"
    window.view.toggle_plots()
    window.view.toggle_rejected()
    window.close()
    again = Settings(settings.folders)
    assert again.setup.prompt == "the dog"
    assert not again.view.plots_panel
    second: MainWindow = make_window(again)
    assert second.setup_panel.prompt.text == "the dog"
    assert second.side.isHidden()
    assert not second.centre.tokens.show_rejected
    assert not second.actions_by_id["plots"].isChecked()


# Recordings


def test_a_recording_shows_what_the_run_showed(qtbot, window: MainWindow, make_window):
    live = run_whole(qtbot, window)
    live_baseline = window.controller.trace.baseline_of(live)
    other: MainWindow = make_window()
    with qtbot.waitSignal(other.presenter.settled, timeout=20_000):
        other.open_file(window.files.shown)
    replayed = other.presenter.run
    assert same(replayed, live)
    assert same(other.controller.trace.baseline_of(replayed), live_baseline)
    assert other.plots.snapshot.figures == window.plots.snapshot.figures
    assert other.status.verdict.text().startswith(f"Recording {window.files.shown.name}. ")
    assert other.windowTitle() == f"{window.files.shown.name} – Draftscope"
    assert not other.setup_panel.recorded.isHidden()


def open_demo(qtbot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.presenter.settled, timeout=20_000):
        window.open_file(DEMO)


def test_the_demo_recording_opens(qtbot, window: MainWindow):
    open_demo(qtbot, window)
    run = window.presenter.run
    assert run.finished.reason == "stop"
    assert run.tally.accepted > 50
    assert run.tally.rejected > 0
    assert window.plots.snapshot.figures.speedup > 1


def test_its_settings_can_be_used_and_that_undone(qtbot, window: MainWindow):
    before = window.setup_panel.setup
    open_demo(qtbot, window)
    window.setup_panel.recorded.use.click()
    setup = window.setup_panel.setup
    started = window.presenter.run.started
    assert setup.config == started.config
    assert setup.prompt == started.prompt
    assert setup.target == before.target
    undo(window.centre.banners.shown[0])
    assert window.setup_panel.setup == before


def test_a_run_takes_the_recording_off_the_screen(qtbot, window: MainWindow):
    open_demo(qtbot, window)
    run_whole(qtbot, window)
    assert window.setup_panel.recorded.isHidden()
    assert window.windowTitle() == "Draftscope"
    assert not window.status.verdict.text().startswith("Recording")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no events"),
        (b"not json\n", "is not an event"),
        (b'{"type":"RunStarted","schema":99}\n', "newer Draftscope"),
        (None, "There is no file"),
    ],
)
def test_a_bad_recording_is_a_banner(qtbot, window: MainWindow, tmp_path: Path, data, message):
    run = run_whole(qtbot, window)
    path = tmp_path / "bad.jsonl"
    if data is not None:
        path.write_bytes(data)
    window.open_file(path)
    qtbot.waitUntil(lambda: bool(window.centre.banners.shown))
    assert message in window.centre.banners.shown[0].message
    assert window.presenter.run is run
    assert window.controller.state is State.IDLE


def test_save_copies_and_remembers(qtbot, window: MainWindow, tmp_path: Path):
    run_whole(qtbot, window)
    window.files.ask_save = lambda name: str(tmp_path / "mine")
    window.actions_by_id["save"].trigger()
    saved = tmp_path / "mine.jsonl"
    assert saved.read_bytes() == window.files.shown.read_bytes()
    assert window.settings.saved_recordings == [str(saved)]
    window.files.fill()
    texts = [a.text() for a in window.files._menu.actions()]
    assert len(texts) == 2
    assert any("mine.jsonl: the cat sat on the mat" in t for t in texts)
    assert all("(toy target · toy draft)" in t for t in texts)


def test_save_that_fails_is_a_banner(qtbot, window: MainWindow, tmp_path: Path):
    run_whole(qtbot, window)
    window.files.ask_save = lambda name: str(tmp_path / "no" / "such" / "a.jsonl")
    window.save_recording()
    assert "cannot be written" in window.centre.banners.shown[0].message
    window.files.ask_save = lambda name: ""
    window.save_recording()
    assert len(window.centre.banners.shown) == 1


def test_open_asks_for_a_file(qtbot, window: MainWindow):
    window.files.ask_open = lambda: ""
    window.open_recording()
    assert window.controller.state is State.IDLE
    window.files.ask_open = lambda: str(DEMO)
    with qtbot.waitSignal(window.presenter.settled, timeout=20_000):
        window.actions_by_id["open"].trigger()
    assert window.presenter.run is not None


# Keys, pointer and the rest


def drop(window: MainWindow, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPoint(5, 5).toPointF(),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)


def test_dropped_files(qtbot, window: MainWindow, tmp_path: Path):
    drop(window, tmp_path / "model.GGUF")
    assert window.setup_panel.setup.target == str(tmp_path / "model.GGUF")
    with qtbot.waitSignal(window.presenter.settled, timeout=20_000):
        drop(window, DEMO)
    assert window.presenter.run is not None


def test_a_dropped_folder_is_the_target_or_refused(qtbot, window: MainWindow, tmp_path: Path):
    drop(window, model_folder(tmp_path / "Mine-1.5"))
    assert window.setup_panel.setup.target == str(tmp_path / "Mine-1.5")
    (tmp_path / "other").mkdir()
    drop(window, tmp_path / "other")
    assert window.setup_panel.setup.target == str(tmp_path / "Mine-1.5")
    assert "other is no Hugging Face model" in window.centre.banners.shown[0].message


def test_a_recording_dropped_during_a_run_waits(qtbot, window: MainWindow, held: Held):
    hold_in_a_run(qtbot, window, held)
    drop(window, DEMO)
    assert "was not opened" in window.centre.banners.shown[0].message
    assert window.controller.state is State.RUNNING


NONE, CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
    """As the system does: to the window, which gives it to a shortcut or to what has the focus."""
    QTest.keyClick(window.windowHandle(), key, modifier)


def running_window(qtbot, make_window) -> tuple[MainWindow, FakeSession]:
    """An active window whose engine, played by the test, runs."""
    session = FakeSession()
    window: MainWindow = make_window(make_session=lambda: session)
    window.activateWindow()
    qtbot.waitActive(window)
    press(window, Qt.Key.Key_Return, CONTROL)
    assert session.calls == ["submit"]
    session.say(Loading("target", 0.5), *make_events(rounds=2, reason=None))
    qtbot.waitUntil(lambda: window.controller.state is State.RUNNING)
    return window, session


def finish(qtbot, window: MainWindow, session: FakeSession) -> None:
    session.finish(outcome="cancelled")
    wait_idle(qtbot, window)


def test_shortcuts(qtbot, make_window):
    window, session = running_window(qtbot, make_window)
    key = Qt.Key
    for pressed, called in (
        (key.Key_Space, "pause"),
        (key.Key_Space, "resume"),
        (key.Key_F10, "step"),
        (key.Key_Right, "step"),
        (key.Key_Escape, "cancel"),
    ):
        press(window, pressed)
        assert session.calls[-1] == called
    finish(qtbot, window, session)


def test_an_arrow_begins_no_run_but_f10_does(qtbot, make_window):
    session = FakeSession()
    window: MainWindow = make_window(make_session=lambda: session)
    window.activateWindow()
    qtbot.waitActive(window)
    press(window, Qt.Key.Key_Right)
    assert session.calls == []
    press(window, Qt.Key.Key_F10)
    assert session.calls == ["submit paused", "step"]
    assert session.jobs[0].baseline == "kept", "a first token must not wait for a baseline"
    finish(qtbot, window, session)


def test_typing_is_no_shortcut(qtbot, make_window):
    window, session = running_window(qtbot, make_window)
    panel = window.setup_panel
    panel.prompt.edit.setFocus()
    before = panel.prompt.text
    press(window, Qt.Key.Key_Space)
    press(window, Qt.Key.Key_Right)
    assert panel.prompt.text == " " + before
    panel.prompt.raw_box.setFocus()
    press(window, Qt.Key.Key_Space)
    assert panel.prompt.raw
    slider = panel.sampling.temperature.slider
    slider.setFocus()
    position = slider.value()
    press(window, Qt.Key.Key_Right)
    assert slider.value() == position + 1
    combo = panel.drafting.rule
    combo.setFocus()
    press(window, Qt.Key.Key_Down)
    assert combo.currentIndex() == 1
    assert session.calls == ["submit"]
    press(window, Qt.Key.Key_Return, CONTROL)
    assert session.calls == ["submit"], "Run waits for the end of the run"
    slider.setFocus()
    press(window, Qt.Key.Key_Space)
    assert session.calls[-1] == "pause", "a slider has no use for Space"
    finish(qtbot, window, session)


def test_the_theme_changes_and_is_remembered(window: MainWindow):
    window.view.use_scheme("light")
    window.actions_by_id["theme"].trigger()
    assert theme.theme().dark
    assert window.actions_by_id["theme"].isChecked()
    assert window.settings.view.scheme == "dark"
    window.view.toggle_palette()
    assert theme.palette_name() == "okabe-ito"
    window.view.follow_system_theme()
    assert window.settings.view.scheme == "system"
    assert window.actions_by_id["system-theme"].isChecked()


def test_a_round_picked_in_one_view_shows_in_all(qtbot, window: MainWindow):
    run_whole(qtbot, window)
    window.centre.tokens.picked.emit(2, 0)
    assert window.centre.round_view.shown_round == 2
    assert window.centre.timeline.shown_round == 2
    window.centre.timeline.scrubbed.emit(1)
    assert window.centre.round_view.shown_round == 1
    assert window.presenter.run.n_finished_rounds == 2
    window.to_end()
    assert window.centre.round_view.shown_round == window.presenter.run.n_finished_rounds - 1
    assert window.presenter.run is window.controller.run


def undo(banner: Banner) -> None:
    next(b for b in banner.findChildren(QPushButton) if b.text() == "Undo").click()


def test_reset_can_be_undone(window: MainWindow):
    window.reset_setup()
    assert window.setup_panel.setup == default_setup()
    undo(window.centre.banners.shown[0])
    assert window.setup_panel.setup == TOY


def test_diagnostics_name_no_prompt_and_no_path(qtbot, qapp, window: MainWindow):
    run_whole(qtbot, window)
    window.copy_diagnostics()
    text = qapp.clipboard().text()
    assert "Draftscope" in text
    assert "target: toy target" in text
    assert "the cat" not in text
    assert str(window.settings.folders.data) not in text


def test_sheets_open_beside_the_window(qtbot, window: MainWindow):
    window.show_shortcuts()
    first = window._sheet
    assert first.isVisible()
    assert not first.isModal()
    window.show_about()
    assert window._sheet is not first
    window._sheet.close()
    qtbot.waitUntil(lambda: window._sheet is None)


def test_the_machine_is_told(window: MainWindow):
    window._machine.found.emit("A processor", "A GPU is here.", "pip install x")
    engine = window.setup_panel.engine
    assert engine.device.text() == "A processor"
    assert engine.advice.text() == "A GPU is here."
    assert "GB" in engine.memory.text()


def test_it_fits_into_a_small_window(qtbot, window: MainWindow):
    window.resize(1100, 700)
    qtbot.waitUntil(lambda: window.width() == 1100)
    assert window.minimumSizeHint().width() <= 1100
    assert window.minimumSizeHint().height() <= 700
