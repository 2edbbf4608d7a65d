"""The results of an experiment as a view, its parts, and the reader of folders."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from app import experiment_reader, theme
from app.experiment_choice import ResultsChoice
from app.experiment_maps import with_waiting
from app.experiment_reader import ExperimentReader
from app.models.experiment_runs import ExperimentRuns, date_words
from app.panels.experiment_results import ResultsView
from app.panels.segments import Segments
from app.views.plots.calibration_card import CalibrationCard
from engine.errors import ErrorInfo
from engine.experiments.ledger import RESULTS
from engine.experiments.results import Definitions, Results, read_results
from tests.app.sweeps import SMALL, calibration, write_folder
from tests.app.test_experiment_maps import ONE, fate

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Results:
    folder = write_folder(tmp_path_factory.mktemp("small"), SMALL, recordings=True)
    return with_waiting(read_results(folder))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Results:
    return with_waiting(read_results(write_folder(tmp_path_factory.mktemp("pairs"), ONE, fate)))


@pytest.fixture
def view(qtbot, small: Results) -> ResultsView:
    made = ResultsView()
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show_results(small)
    made.show()
    return made


def click(qtbot, view: ResultsView, row: int, column: int) -> None:
    at = view.map.arranged.cell(row, column).center().toPoint()
    qtbot.mouseClick(view.map, Qt.MouseButton.LeftButton, pos=at)


# The view


def test_without_results_it_says_what_to_do(qtbot):
    view = ResultsView()
    qtbot.addWidget(view)
    view.show()
    assert view.pages.currentIndex() == 0
    assert "folder" in view.empty_words.text()
    assert not view.controls.isVisible()
    view.show_words("Reading …", "sweep")
    assert view.empty_title.text() == "Reading …"
    view.grab()


def test_the_best_cell_is_chosen_at_first(view: ResultsView):
    table, place = view.map.table, view.map.chosen
    assert table is not None
    assert place is not None
    chosen = table.at(*place)
    assert chosen is not None
    assert chosen.interval is not None
    assert chosen.interval.median == max(table.values)
    assert view.cell.title.text().endswith(f"γ {table.columns[place[1]].text}")


def test_choosing_a_cell_shows_its_runs(view: ResultsView, qtbot):
    click(qtbot, view, 1, 2)
    table = view.map.table
    assert table is not None
    inside = [run for cell in table.cells[1][2].cells for run in cell.runs]
    assert view.cell.runs.model_of.runs == inside
    assert view.cell.runs_count.text() == f"{len(inside)} runs"
    names = [row[0] for row in view.cell.figures.rows]
    assert names == ["Speedup", "Modelled speedup", "Acceptance rate α", "Tokens per pass τ",
                     "Tokens per second"]  # fmt: skip
    assert [row[-1] for row in view.cell.figures.rows].count("modelled") == 1


def test_the_definitions_change_every_view(view: ResultsView, qtbot):
    qtbot.mouseClick(view.controls.efficiency.buttons["drafted"], Qt.MouseButton.LeftButton)
    qtbot.mouseClick(view.controls.bonus.buttons["without"], Qt.MouseButton.LeftButton)
    assert view.choice.efficiency
    assert not view.choice.bonus
    names = [row[0] for row in view.cell.figures.rows]
    assert "Draft efficiency" in names
    assert "Accepted per pass" in names
    headings = [column.title for column in view.cell.runs.model_of.columns]
    assert "Efficiency" in headings
    assert "Accepted/pass" in headings
    titles = [view.controls.figure.itemText(i) for i in range(view.controls.figure.count())]
    assert "Draft efficiency" in titles
    view.set_choice(msgspec.structs.replace(view.choice, view="pairs", metric="acceptance"))
    assert view.map_title.text() == "Draft efficiency of the best setting"


def test_what_a_person_chooses_is_told_and_what_is_set_is_not(view: ResultsView, qtbot):
    with qtbot.assertNotEmitted(view.choice_changed):
        view.set_choice(ResultsChoice(metric="acceptance"))
    with qtbot.waitSignal(view.choice_changed) as told:
        view.controls.figure.activated.emit(view.controls.figure.findData("tokens_per_second"))
    assert isinstance(told.args[0], ResultsChoice)


def test_an_axis_that_is_taken_changes_places(view: ResultsView):
    rows = view.controls.rows
    rows.setCurrentIndex(rows.findData("gamma"))
    rows.activated.emit(rows.currentIndex())
    assert (view.choice.rows, view.choice.columns) == ("gamma", "drafter")


def test_filters_are_only_for_what_there_is_to_choose(view: ResultsView):
    shown = {key for key, combo in view.controls.filters.items() if combo.isVisible()}
    assert shown == {"temperature", "kind", "prompt"}
    combo = view.controls.filters["temperature"]
    combo.setCurrentIndex(2)
    combo.activated.emit(2)
    assert view.choice.filters == {"temperature": 0.8}
    assert combo.currentText() == "0.8"
    combo.setCurrentIndex(0)
    combo.activated.emit(0)
    assert view.choice.filters == {}


@pytest.mark.parametrize("width", [700, 1000, 1100, 1280, 1600])
def test_every_field_is_seen_at_every_width(qtbot, pairs: Results, width: int):
    view = ResultsView()
    qtbot.addWidget(view)
    view.resize(width, 800)
    view.show()
    for name in ("map", "pairs", "map"):
        view.set_choice(ResultsChoice(view=name))
        view.show_results(pairs)
        QApplication.processEvents()
        fields = view.controls.fields
        boxes = [field.geometry() for field in view.controls._fields.values() if field.isVisible()]
        assert len(boxes) > 4
        assert all(fields.rect().contains(box) for box in boxes)
        assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_filter_by_no_draft(qtbot, pairs: Results):
    view = ResultsView()
    qtbot.addWidget(view)
    view.set_choice(ResultsChoice(rows="target", columns="gamma"))
    view.show_results(pairs)
    combo = view.controls.filters["draft"]
    combo.setCurrentIndex(combo.findText("No draft"))
    combo.activated.emit(combo.currentIndex())
    assert view.choice.filters == {"draft": None}
    assert combo.currentText() == "No draft"


def test_reading_anew_keeps_what_is_chosen(view: ResultsView, qtbot, tmp_path: Path):
    click(qtbot, view, 1, 2)
    view.cell.runs.selectRow(2)
    run = view.cell.runs.chosen[0]
    part = with_waiting(read_results(write_folder(tmp_path, SMALL, most=64, recordings=True)))
    view.refresh(part)
    assert view.map.chosen == (1, 2)
    assert view.results is part
    view.refresh(with_waiting(read_results(write_folder(tmp_path, SMALL, recordings=True))))
    assert view.map.chosen == (1, 2)
    assert [r.run_id for r in view.cell.runs.chosen] in ([run.run_id], [])
    view.show_results(part)
    assert view.map.chosen != (1, 2)


def test_replay_and_compare(view: ResultsView, qtbot):
    click(qtbot, view, 0, 0)
    assert not view.cell.replay_button.isEnabled()
    view.cell.runs.selectRow(1)
    run = view.cell.runs.chosen[0]
    with qtbot.waitSignal(view.replay_wanted) as told:
        qtbot.mouseClick(view.cell.replay_button, Qt.MouseButton.LeftButton)
    assert told.args == [run]
    with qtbot.waitSignal(view.replay_wanted):
        qtbot.keyClick(view.cell.runs, Qt.Key.Key_Return)
    index = view.cell.runs.model_of.index(1, 0)
    with qtbot.waitSignal(view.replay_wanted):
        view.cell.runs.doubleClicked.emit(index)
    with qtbot.waitSignal(view.compare_wanted) as told:
        qtbot.mouseClick(view.cell.compare_button, Qt.MouseButton.LeftButton)
    assert told.args == [[run]]
    view.cell.runs.selectAll()
    assert len(view.cell.runs.chosen) > 8
    assert not view.cell.compare_button.isEnabled()


def test_runs_without_their_events_are_not_replayed(qtbot, pairs: Results):
    view = ResultsView()
    qtbot.addWidget(view)
    view.show_results(pairs)
    view.cell.runs.selectRow(0)
    assert not view.cell.replay_button.isEnabled()
    assert "not kept" in view.cell.replay_button.toolTip()
    with qtbot.assertNotEmitted(view.replay_wanted):
        view.cell.runs.opened.emit()


def test_a_refused_pair_is_explained(qtbot, pairs: Results):
    view = ResultsView()
    qtbot.addWidget(view)
    view.resize(1280, 800)
    view.set_choice(ResultsChoice(view="pairs"))
    view.show_results(pairs)
    view.show()
    click(qtbot, view, 1, 2)
    assert "The vocabularies differ." in view.cell.state.text()
    assert not view.cell.runs.isVisible()
    assert "vocabularies" in view.map.accessibleDescription()


def test_enter_goes_into_the_runs(view: ResultsView, qtbot):
    view.map.activated.emit(0, 0)
    assert len(view.cell.runs.chosen) == 1


def test_narrow_windows_put_the_panel_below(view: ResultsView):
    view.resize(700, 900)
    assert view.splitter.orientation() == Qt.Orientation.Vertical
    view.resize(1280, 800)
    assert view.splitter.orientation() == Qt.Orientation.Horizontal


def test_scrolling_moves_the_map_under_its_labels(view: ResultsView):
    view.set_choice(ResultsChoice(rows="prompt", columns="gamma"))
    view.area.verticalScrollBar().setRange(0, 50)
    view.area.verticalScrollBar().setValue(50)
    assert view.map._scrolled == QPoint(0, 50)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_paints(qtbot, pairs: Results, scheme):
    theme.set_scheme(scheme)
    view = ResultsView()
    qtbot.addWidget(view)
    view.resize(1280, 800)
    view.show()
    view.show_results(pairs)
    for name in ("map", "pairs", "calibration"):
        view.set_choice(ResultsChoice(view=name))
        assert not view.grab().isNull()
    theme.set_scheme("system")


# Calibration


def test_a_card_for_every_calibration(view: ResultsView, small: Results):
    view.set_choice(ResultsChoice(view="calibration"))
    assert view.pages.currentIndex() == 2
    assert len(view.calibrations.cards) == len(small.calibrations)
    cards = view.calibrations.cards
    view.refresh(small)
    assert view.calibrations.cards is cards


def test_a_curve_is_in_single_passes(qtbot):
    known = calibration("", "/models/draft.gguf")
    card = CalibrationCard("pair", known)
    qtbot.addWidget(card)
    card.resize(480, 300)
    assert card.singles[0][1] == 1.0
    assert card.singles[4][1] == pytest.approx(1 + 4 * 0.12)
    assert all(low <= middle <= high for low, middle, high in card.singles)
    assert card.step is not None
    assert card.step[1] == pytest.approx(0.14)
    assert card.at(1, 1).y() > card.at(1, 2).y()
    assert card.width_at(card.at(7, 0).x()) == 6
    assert card.width_at(-5) is None
    assert "5 tokens costs 1.48 single passes" in card.said()
    assert card.csv().splitlines()[0].startswith("width,verify_ns")
    assert len(card.csv().splitlines()) == 18
    assert "0.14" in card.said()
    assert CalibrationCard("alone", calibration()).step is None


# The list of runs


def test_runs_are_sorted_by_a_heading(small: Results):
    model = ExperimentRuns()
    runs = [run for cell in small.cells.values() for run in cell.runs][:20]
    model.update(runs, Definitions())
    titles = [column.title for column in model.columns]
    at = titles.index("Speedup")
    model.sort(at, Qt.SortOrder.DescendingOrder)
    speeds = [run.figures.speedup or 0 for run in model.runs]
    assert speeds == sorted(speeds, reverse=True)
    assert {run.run_id for run in model.runs} == {run.run_id for run in runs}
    text = model.index(0, titles.index("Text")).data()
    assert text in ("same", "differs", "sampled")
    assert model.row_of("none of them") is None


def test_a_setting_is_told_as_far_as_it_differs(small: Results):
    model = ExperimentRuns()
    cells = list(small.cells.values())
    one = cells[0]
    model.update(one.runs, Definitions())
    assert "Setting" not in [column.title for column in model.columns]
    other = next(cell for cell in cells if cell.setting.gamma != one.setting.gamma
                 and cell.setting.drafter == one.setting.drafter
                 and cell.setting.temperature == one.setting.temperature)  # fmt: skip
    model.update([*one.runs, *other.runs], Definitions())
    assert model.index(0, 1).data() == f"γ {one.setting.gamma}"


def test_dates():
    assert date_words("") == ""
    assert "Nov" in date_words("2026-11-25T12:00:00+00:00")


# Segments


def test_segments_tell_of_a_person_only(qtbot):
    made = Segments("Which", {"a": ("A", "first"), "b": ("B", "second")})
    qtbot.addWidget(made)
    made.show()
    with qtbot.assertNotEmitted(made.changed):
        made.value = "b"
    assert made.value == "b"
    with qtbot.waitSignal(made.changed) as told:
        qtbot.mouseClick(made.buttons["a"], Qt.MouseButton.LeftButton)
    assert told.args == ["a"]


# The reader


@pytest.fixture
def reader():
    made = ExperimentReader()
    yield made
    made.drop()
    made.wait()


def test_a_folder_is_read_in_a_thread(qtbot, tmp_path: Path, reader: ExperimentReader):
    folder = write_folder(tmp_path, SMALL, most=20)
    with qtbot.waitSignal(reader.found) as told:
        reader.read(folder)
        assert reader.reading
    assert told.args[0].n_runs == 20
    assert len(told.args[0].cells) == 36
    assert not reader.reading


def test_a_folder_that_cannot_be_read(qtbot, tmp_path: Path, reader: ExperimentReader):
    with qtbot.waitSignal(reader.failed) as told:
        reader.read(tmp_path)
    assert isinstance(told.args[0], ErrorInfo)
    assert told.args[0].hint
    write_folder(tmp_path, SMALL, most=3)
    with (tmp_path / RESULTS).open("ab") as file:
        file.write(b"{}\n")
    with qtbot.waitSignal(reader.failed) as told:
        reader.read(tmp_path)
    assert "Line 5" in told.args[0].message or "Line 6" in told.args[0].message


def test_a_newer_wish_drops_the_older(
    qtbot, tmp_path: Path, reader: ExperimentReader, monkeypatch: pytest.MonkeyPatch
):
    first = write_folder(tmp_path / "first", SMALL, most=4)
    second = write_folder(tmp_path / "second", SMALL, most=8)
    gate, read = threading.Event(), experiment_reader.read_results

    def held(folder: Path) -> Results:
        if folder == first:
            gate.wait(10)
        return read(folder)

    monkeypatch.setattr(experiment_reader, "read_results", held)
    found: list[Results] = []
    reader.found.connect(found.append)
    reader.read(first)
    with qtbot.waitSignal(reader.found):
        reader.read(second)
    gate.set()
    reader.wait()
    qtbot.wait(0)
    assert [results.folder for results in found] == [second]
    # Negative control: it would have come, had it been wanted.
    with qtbot.waitSignal(reader.found):
        reader.read(first)
    assert found[-1].folder == first
