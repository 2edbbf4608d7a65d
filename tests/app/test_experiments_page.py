"""The experiments page at work on the toy pair: begun, queued, held, stopped, resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtTest import QTest

from app.commands import State
from app.models.experiment_list import ExperimentList, status
from app.panels.experiments import ExperimentsPage, seconds_per_run
from app.window import MainWindow
from engine.experiments.ledger import RECORDINGS, RESULTS, SPEC
from engine.experiments.spec import PromptChoice, Spec

SPEC_OF_TOYS = Spec(
    title="Toys & more",
    target=("toy",),
    draft=("toy",),
    drafter=("ngram", "model"),
    gamma=(2, 4),
    prompts=PromptChoice(number=2),
    max_tokens=8,
    repeats=2,
)


@pytest.fixture
def page(window: MainWindow) -> ExperimentsPage:
    window.toggle_experiments()
    found = window.shows.experiments_page
    assert found is not None
    return found


def said(page: ExperimentsPage) -> str:
    return " ".join(banner.message for banner in page.banners.shown)


def wait_idle(qtbot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.controller.state is State.IDLE, timeout=20_000)


def complete(qtbot, window: MainWindow, page: ExperimentsPage, spec: Spec = SPEC_OF_TOYS) -> Path:
    page.begin(spec)
    wait_idle(qtbot, window)
    folder = page.model.entries[0].folder

    def read() -> bool:
        found = page._results
        return found is not None and all(c.state == "done" for c in found.cells.values())

    qtbot.waitUntil(read)
    return folder


def test_a_first_visit_says_what_to_do(page: ExperimentsPage, window: MainWindow):
    assert window.actions_by_id["experiments"].isChecked()
    assert page.column.empty.isVisible()
    assert not page.column.list.isVisible()
    for button in (page.column.start, page.column.hold, page.column.stop, page.column.remove):
        assert not button.isEnabled()
    page.closed.emit()
    assert window.pages.currentIndex() == 0
    assert not window.actions_by_id["experiments"].isChecked()


def test_an_experiment_runs_and_its_results_are_shown(qtbot, page, window: MainWindow):
    folder = complete(qtbot, window, page)
    entry = page.column.entry
    assert entry.folder == folder
    assert (entry.standing, entry.done, entry.total) == ("complete", 16, 16)
    assert status(entry).startswith("Complete · 16 runs")
    assert page.title.text() == "Toys & more"
    qtbot.waitUntil(lambda: page._results.n_runs == 16 + 4)
    assert (folder / "report.html").exists()
    assert (folder / "results.csv").exists()
    assert seconds_per_run(page._results) > 0
    assert window.presenter.run is None, "the run page is left alone"


def test_two_are_run_one_after_the_other(qtbot, page, window: MainWindow):
    page.begin(SPEC_OF_TOYS)
    page.begin(Spec(**{**_fields(SPEC_OF_TOYS), "title": "second"}))
    first, second = page.queue.running, page.queue.waiting[0]
    assert page.model.entry(second).standing == "waiting"
    qtbot.waitUntil(lambda: page.queue.running == second, timeout=20_000)
    assert page.model.entry(first).standing == "complete"
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: page.model.entry(second).standing == "complete")


def _fields(spec: Spec) -> dict:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


def test_one_that_waits_can_be_taken_back(qtbot, page, window: MainWindow):
    page.begin(SPEC_OF_TOYS)
    page.begin(SPEC_OF_TOYS)
    waiting = page.queue.waiting[0]
    page.queue.stop(waiting)
    assert page.queue.waiting == []
    assert page.model.entry(waiting).standing == "new"
    wait_idle(qtbot, window)
    assert not (waiting / RESULTS).exists()


def test_held_stopped_and_resumed(qtbot, page, window: MainWindow):
    long = Spec(**{**_fields(SPEC_OF_TOYS), "repeats": 40, "record": False})
    page.begin(long)
    qtbot.waitUntil(lambda: page.model.entries[0].done > 3, timeout=20_000)
    page.column.wanted.emit("hold")
    entry = page.column.entry
    assert entry.standing == "held"
    assert page.column.hold.text() == "Go on"
    assert page.column.doing.text().startswith("Paused. ")
    assert page.state.text().startswith("Paused · ")
    page.column.wanted.emit("hold")
    assert entry.standing == "running"
    assert page.state.text().startswith("Running · ")
    page.column.wanted.emit("stop")
    wait_idle(qtbot, window)
    entry = page.column.entry
    assert entry.standing == "stopped"
    assert 3 < entry.done < entry.total
    done = entry.done
    page.column.wanted.emit("start")
    qtbot.waitUntil(lambda: page.column.entry.done > done, timeout=20_000)
    page.column.wanted.emit("stop")
    wait_idle(qtbot, window)


def test_runs_wait_for_the_engine(qtbot, page, window: MainWindow):
    page.begin(SPEC_OF_TOYS)
    assert window.controller.state is State.SWEEPING
    assert not window.actions_by_id["run"].isEnabled()
    assert window.actions_by_id["stop"].isEnabled()
    wait_idle(qtbot, window)
    assert window.actions_by_id["run"].isEnabled()


def test_a_run_is_replayed_with_its_baseline(qtbot, page, window: MainWindow):
    complete(qtbot, window, page)
    run = next(iter(page._results.cells.values())).runs[0]
    page.view.replay_wanted.emit(run)
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: window.presenter.run is not None)
    assert window.pages.currentIndex() == 0
    shown = window.presenter.run
    assert shown.started.run_id == run.run_id
    assert window.controller.trace.baseline_of(shown).started.run_id == run.baseline


def test_runs_are_compared(qtbot, page, window: MainWindow):
    complete(qtbot, window, page)
    cells = list(page._results.cells.values())
    page.view.compare_wanted.emit([cells[0].runs[0], cells[-1].runs[0]])
    compare = window.shows.compare_page
    assert window.pages.currentWidget() is compare
    qtbot.waitUntil(lambda: len(compare.members) == 2)
    window.toggle_compare()
    assert window.pages.currentIndex() == 0


def test_events_that_were_not_kept_cannot_be_replayed(qtbot, page, window: MainWindow):
    complete(qtbot, window, page, Spec(**{**_fields(SPEC_OF_TOYS), "record": False}))
    page.view.replay_wanted.emit(next(iter(page._results.cells.values())).runs[0])
    assert "were not kept" in said(page)


def test_the_report_is_opened(qtbot, page, window: MainWindow):
    folder = complete(qtbot, window, page)
    opened: list[QUrl] = []
    page.open_url = opened.append
    page.column.wanted.emit("report")
    assert [Path(url.toLocalFile()) for url in opened] == [folder / "report.html"]


def test_deleting_goes_through_the_trash(qtbot, page, window: MainWindow):
    folder = complete(qtbot, window, page)
    gone: list[Path] = []
    page.trash = lambda path: not gone.append(path)
    page.column.wanted.emit("remove")
    assert gone == [folder]
    assert "in the trash" in said(page)


def test_a_folder_from_elsewhere(qtbot, page, window: MainWindow, tmp_path: Path):
    folder = complete(qtbot, window, page)
    elsewhere = tmp_path / "copied"
    folder.rename(elsewhere)
    page.ask_folder = lambda: str(elsewhere)
    page.column.wanted.emit("open")
    assert page.column.entry.folder == elsewhere
    qtbot.waitUntil(lambda: page._results is not None)
    page.column.wanted.emit("remove")
    assert elsewhere.exists()
    page.ask_folder = lambda: str(tmp_path)
    page.column.wanted.emit("open")
    assert "holds no experiment" in said(page)


def test_what_cannot_be_read_is_listed_with_its_reason(page, window: MainWindow):
    broken = page.model.root / "broken"
    broken.mkdir(parents=True)
    (broken / SPEC).write_text("{")
    page.look()
    assert page.model.entries[0].standing == "failed"
    assert "cannot be read" in said(page)


def test_what_a_crash_left_is_stopped_and_can_be_resumed(qtbot, page, window: MainWindow):
    folder = complete(qtbot, window, page)
    lines = (folder / RESULTS).read_bytes().splitlines(keepends=True)
    (folder / RESULTS).write_bytes(b"".join(lines[:-4]) + lines[-4][:20])
    page.look()
    entry = page.column.entry
    assert entry.standing == "stopped"
    page.column.wanted.emit("start")
    wait_idle(qtbot, window)
    assert page.column.entry.standing == "complete"
    assert len(list((folder / RECORDINGS).iterdir())) >= 20


def test_escape_closes_the_page_and_stops_nothing(qtbot, page, window: MainWindow):
    page.begin(SPEC_OF_TOYS)
    page.setFocus()
    QTest.keyClick(page, Qt.Key.Key_Escape)
    assert window.pages.currentIndex() == 0
    wait_idle(qtbot, window)
    assert page.model.entries[0].standing == "complete"


def test_the_list_is_a_sound_model(qtbot, qtmodeltester, page, window: MainWindow):
    complete(qtbot, window, page)
    model = ExperimentList(page.model.root)
    model.read()
    qtmodeltester.check(model)
