"""The page of a comparison: which runs, their table, curves and texts, and what leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QKeyEvent, QTextCursor
from PySide6.QtTest import QSignalSpy, QTest
from pytestqt.qtbot import QtBot

from app import theme
from app.comparison import Member, compare_runs
from app.files import BUNDLED, DEMO
from app.models.compare_table import ROW, VALUE, CompareTable
from app.panels.compare import ComparePage
from app.panels.compare_texts import ONE
from app.recordings import read_entry
from app.views.plots.run_curves import RunRatesCard, RunSpeedupsCard
from app.views.run_inks import MOST, ink
from engine.recording import Recorder
from engine.trace import Run
from tests.app.traces import make_trace
from tests.app.wordy_runs import wordy_run

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

Key = Qt.Key
TEXT = "the old lighthouse on the island opens again on Saturday"
Named = tuple[str, Run, Run | None]


@pytest.fixture
def page(qtbot: QtBot) -> ComparePage:
    page = ComparePage()
    qtbot.addWidget(page)
    page.resize(1400, 860)
    page.show()
    return page


def named(name: str, text: str = TEXT, **options) -> Named:
    prompt = {k: v for k, v in options.items() if k == "prompt"}
    return name, wordy_run(text, **{"gamma": 3, **options}), wordy_run(text, **prompt)


def two() -> list[Named]:
    return [named("first"), named("second", TEXT.replace("opens", "closes"), gamma=5)]


def names(page: ComparePage) -> list[str]:
    return [member.name for member in page.members]


def shown(page: ComparePage) -> list[str]:
    return [banner.message for banner in page.banners.shown]


def recorded(path: Path, *runs: Run) -> Path:
    with Recorder(path) as record:
        for run in runs:
            for event in run.events:
                record(event)
    return path


# Which runs


def test_an_empty_page_says_what_to_do(page):
    assert page.pages.currentIndex() == 0
    assert page.first_button.isVisible()
    assert page.compared is None
    assert page.summary.text() == ""


def test_runs_appear_everywhere(page):
    page.set_runs(two())
    assert page.pages.currentIndex() == 1
    assert names(page) == ["first", "second"]
    assert page.summary.text() == "2 runs, like for like"
    assert page.view.table.table.columnCount() == 2
    assert [chip.accessibleName() for chip in page.view.chips.chips if chip.isVisible()] == [
        "A: first",
        "B: second",
    ]
    assert len(page.view.texts.columns) == 2
    assert all(len(card.csv().splitlines()) > 2 for card in page.view.cards)
    page.grab()


def test_one_run_asks_for_a_second(page):
    page.set_runs(two()[:1])
    assert page.view.texts.reason.text() == ONE
    assert page.compared.settings == ()
    page.grab()


def test_runs_go_one_by_one(page):
    page.set_runs([*two(), named("third", gamma=2)])
    page.view.chips.chips[1].cross.click()
    assert names(page) == ["first", "third"]
    QTest.keyClick(page.view.chips.chips[0], Key.Key_Delete)
    assert names(page) == ["third"]
    page.view.chips.chips[0].removed.emit()
    assert page.pages.currentIndex() == 0


@pytest.mark.parametrize(
    ("removed", "reference"), [(0, 0), (1, 1), (2, 1)], ids=["before", "itself", "after"]
)
def test_the_reference_stays_where_it_can(page, removed, reference):
    page.set_runs([*two(), named("third", gamma=2)])
    page.set_reference(1)
    page.remove(removed)
    assert page.reference == page.compared.reference == reference


def test_the_last_one_as_the_reference_goes_too(page):
    page.set_runs(two())
    page.set_reference(1)
    page.remove(1)
    assert page.reference == 0
    page.remove(0)
    assert page.reference == 0


def test_another_reference(page):
    page.set_runs(two())
    assert not page.view.chips.chips[0].make_reference.isEnabled()
    page.view.chips.chips[1].make_reference.trigger()
    assert page.reference == 1
    assert page.view.texts.sentences[1] == ""
    assert page.view.texts.sentences[0].startswith("A parts from B at token 7")
    page.grab()


def test_a_ninth_is_refused(page):
    runs = [named(f"run {i}", gamma=1 + i) for i in range(MOST + 1)]
    page.set_runs(runs[:MOST])
    assert not shown(page)
    assert not page.add_run(*runs[MOST])
    assert "8 runs" in shown(page)[0]
    page.add_file(DEMO)
    assert not page.reader.reading
    assert len(page.members) == MOST
    page.set_runs(runs)
    assert names(page) == [f"run {i}" for i in range(MOST)]
    assert shown(page)
    page.grab()


def test_a_run_that_is_here_already(page):
    page.set_runs(two())
    assert not page.add_run(*two()[1])
    assert shown(page) == ["This run is here already, as B."]


def test_names_are_made_unlike(page):
    page.set_runs([named("run")])
    assert page.add_run(*named("run", gamma=4))
    assert page.add_run(*named("run", gamma=5))
    assert names(page) == ["run", "run (2)", "run (3)"]


def test_clear_takes_all_away(page):
    page.set_runs(two())
    page.banners.notice("info", "Something")
    page.add_file(DEMO)
    page.clear()
    assert page.members == ()
    assert not page.reader.reading
    assert not shown(page)


# Recordings


def test_recordings_are_read_one_after_the_other(page, qtbot):
    for path in BUNDLED.values():
        page.add_file(path)
    assert "reading demo.jsonl" in page.summary.text()
    qtbot.waitUntil(lambda: len(page.members) == 2)
    assert names(page) == ["n-gram · γ 7", "Draft model · γ 5"]
    assert all(member.baseline is not None for member in page.members)
    assert "different prompts" in page.view.texts.reason.text()
    assert not page.view.texts.key.isVisible()
    assert page.summary.text() == "2 runs · different prompts and sampling"
    page.grab()


def test_a_recording_of_plain_decoding_alone(page, qtbot, tmp_path):
    page.add_file(recorded(tmp_path / "plain.jsonl", wordy_run(TEXT)))
    qtbot.waitUntil(lambda: len(page.members) == 1)
    assert names(page) == ["Plain decoding"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense\n", "Line 1 of bad.jsonl is not an event"),
        ("", "bad.jsonl holds no events"),
        (None, "There is no file bad.jsonl"),
    ],
)
def test_a_recording_that_cannot_be_read(page, qtbot, tmp_path, content, message):
    path = tmp_path / "bad.jsonl"
    if content is not None:
        path.write_text(content)
    page.set_runs(two())
    with qtbot.waitSignal(page.reader.failed):
        page.add_file(path)
    assert message in shown(page)[0]
    assert page.banners.shown[0]._hint.text(), "it says what to do"
    assert names(page) == ["first", "second"]


def test_the_next_is_read_after_one_that_fails(page, qtbot, tmp_path):
    page.add_file(tmp_path / "none.jsonl")
    page.add_file(DEMO)
    qtbot.waitUntil(lambda: len(page.members) == 1)
    assert len(shown(page)) == 1


def test_a_recording_without_a_token(page, qtbot, tmp_path):
    with qtbot.waitSignal(page.reader.found):
        page.add_file(recorded(tmp_path / "none.jsonl", wordy_run([])))
    assert shown(page) == ["none.jsonl holds no run with a token."]


def test_the_menu_lists_recordings(page, qtbot):
    page.entries = lambda: [read_entry(DEMO)]
    page.fill()
    first, _, browse = page.add_menu.actions()
    first.trigger()
    qtbot.waitUntil(lambda: len(page.members) == 1)
    page.ask_recording = lambda: ""
    browse.trigger()
    assert not page.reader.reading
    page.ask_recording = lambda: str(BUNDLED["sampled"])
    browse.trigger()
    qtbot.waitUntil(lambda: len(page.members) == 2)


def test_a_recording_that_is_dropped(page, qtbot):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(DEMO))])
    nothing = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    copy = Qt.DropAction.CopyAction
    page.dropEvent(QDropEvent(QPoint(9, 9), copy, data, nothing[1], nothing[0]))
    qtbot.waitUntil(lambda: len(page.members) == 1)


def test_a_run_is_replayed_from_its_recording_or_as_it_is(page, qtbot):
    runs = two()
    page.set_runs(runs[:1])
    page.add_file(DEMO)
    qtbot.waitUntil(lambda: len(page.members) == 2)
    wanted = QSignalSpy(page.replay_wanted)
    page.view.chips.chips[0].replay_wanted.emit()
    page.view.chips.chips[1].replay_wanted.emit()
    assert [wanted.at(i)[0] for i in range(2)] == [runs[0][1], DEMO]


# Texts


def formats(page: ComparePage, place: int) -> dict[str, str]:
    """Each marked part of a text: underlined or struck."""
    document = page.view.texts.columns[place].text.document()
    cursor = QTextCursor(document)
    found: dict[str, str] = {}
    for at in range(document.characterCount() - 1):
        cursor.setPosition(at)
        cursor.setPosition(at + 1, QTextCursor.MoveMode.KeepAnchor)
        style = cursor.charFormat()
        mark = "under" if style.fontUnderline() else "struck" if style.fontStrikeOut() else ""
        if mark:
            found[mark] = found.get(mark, "") + cursor.selectedText()
    return found


def test_what_differs_is_marked_without_colour_too(page):
    page.set_runs(two())
    assert formats(page, 0) == {}
    assert formats(page, 1) == {"struck": " opens", "under": " closes"}
    assert page.view.texts.key.isVisible()
    assert page.view.texts.sentences == [
        "",
        "B parts from A at token 7: A has “␣opens”, B “␣closes”, after “the old lighthouse on the "
        "island”.",
    ]
    assert "numerical tie" in page.view.texts.reason.text()


def test_a_text_that_is_the_same_has_no_marks(page):
    page.set_runs([named("first"), named("second", gamma=5)])
    assert formats(page, 1) == {}
    assert not page.view.texts.key.isVisible()
    assert page.view.texts.sentences[1] == "B wrote the same 10 tokens as A."


def test_lines_that_end_elsewhere_are_seen(page):
    page.set_runs([named("first", "a b"), ("second", wordy_run(["a", "\n", " b"]), None)])
    assert formats(page, 1)["under"].startswith("⏎")


def test_reasons_name_the_runs_that_they_are_about(page):
    sampled = named("third", "a new one", temperature=0.8)
    page.set_runs([*two(), sampled])
    assert page.view.texts.reason.text().startswith("B: Greedy")
    assert "C: Sampled in different ways" in page.view.texts.reason.text()


def test_only_some_have_another_prompt(page):
    page.set_runs([*two(), named("third", prompt="Sing a song")])
    assert page.view.texts.sentences[1].startswith("B parts from A")
    assert page.view.texts.differences[2].why_not == "prompts"
    assert page.view.texts.columns[2].sentence.isHidden()


# The table


def test_the_model_obeys_the_rules_of_item_models(qtmodeltester):
    model = CompareTable()
    qtmodeltester.check(model)
    members = [Member(*each) for each in two()]
    model.update(compare_runs(members))
    qtmodeltester.check(model)
    model.update(compare_runs(members[:1]))
    model.update(None)
    assert model.rowCount() == model.columnCount() == 0


def test_what_a_cell_tells():
    model = CompareTable()
    model.update(compare_runs([Member(*each) for each in two()]))
    row = next(i for i, line in enumerate(model.lines) if line.title == "Tokens/s")
    cell = model.index(row, 1)
    value = cell.data(VALUE)
    assert cell.data() == value.text
    assert cell.data(ROW).name == "Tokens/s"
    tip = cell.data(Qt.ItemDataRole.ToolTipRole)
    assert tip.startswith(f"Tokens/s: {value.text}, measured")
    assert "against A" in tip
    assert "measured" in cell.data(Qt.ItemDataRole.AccessibleTextRole)
    heading = model.headings()[0]
    assert model.index(heading, 0).data() is None
    assert not model.flags(model.index(heading, 0)) & Qt.ItemFlag.ItemIsSelectable
    across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
    spoken = Qt.ItemDataRole.AccessibleTextRole
    assert model.headerData(0, across, spoken) == "A, first, reference"
    assert model.headerData(row, down, spoken) == "Tokens/s, measured"
    assert "higher is better" in model.headerData(row, down, Qt.ItemDataRole.ToolTipRole)


def test_the_table_is_copied(page):
    page.set_runs(two())
    clipboard = QGuiApplication.clipboard()
    QTest.keyClick(page.view.table, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    whole = clipboard.text().splitlines()
    assert whole[0].startswith("| Figure | Kind | A: first (reference) | B: second")
    assert len(whole) == 2 + len(page.compared.rows)
    assert clipboard.mimeData().hasHtml()
    row = next(i for i, line in enumerate(page.view.table.table.lines) if line.title == "Speedup")
    page.view.table.selectRow(row)
    QTest.keyClick(page.view.table, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert len(clipboard.text().splitlines()) == 3
    assert clipboard.text().splitlines()[2].startswith("| Speedup")
    page.view.copy_button.click()
    assert len(clipboard.text().splitlines()) == len(whole)


def test_the_table_is_saved(page, tmp_path):
    page.set_runs(two())
    page.view.ask_file = lambda parent, name, kinds: ""
    page.view.save_button.click()
    page.view.ask_file = lambda parent, name, kinds: str(tmp_path / "table")
    page.view.save_button.click()
    saved = (tmp_path / "table.csv").read_text()
    assert saved == page.view.table.table.csv()
    assert "Tokens/s" in saved


def test_a_table_that_cannot_be_saved(page, tmp_path):
    page.set_runs(two())
    page.view.ask_file = lambda parent, name, kinds: str(tmp_path / "none" / "table.csv")
    page.view.save_button.click()
    assert len(shown(page)) == 1


# Curves


def test_curves_of_runs(qtbot):
    speedups, rates = RunSpeedupsCard(), RunRatesCard()
    for card in (speedups, rates):
        qtbot.addWidget(card)
        card.resize(400, 240)
    assert speedups.csv() == ""
    members = [Member(*two()[0]), Member("plain", wordy_run(TEXT))]
    for card in (speedups, rates):
        card.set_members(members)
        card.grab()
    assert list(speedups.names) == [0]
    assert list(rates.names) == [0, 1]
    assert speedups.captions[0] == "measured · B: no baseline"
    assert rates.captions == ["measured"]
    assert len(rates.plot._items) == 2
    rates.set_members(members[:1])
    assert len(rates.plot._items) == 1
    rates.set_members([])
    assert rates.plot.isHidden()


def test_no_baseline_at_all_says_what_to_do(qtbot):
    card = RunSpeedupsCard()
    qtbot.addWidget(card)
    card.set_members([Member("plain", wordy_run(TEXT))])
    assert "Measure" in card.empty_text()
    assert card.plot is None
    card.grab()


def test_letters_at_the_ends_do_not_cover_each_other(qtbot):
    card = RunRatesCard()
    qtbot.addWidget(card)
    card.resize(400, 240)
    card.set_members([Member(f"run {i}", wordy_run(TEXT, gamma=3)) for i in range(MOST)])
    card.grab()
    boxes = [box for _, box in card.plot.tags()]
    assert len(boxes) == MOST
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert max(box.bottom() for box in boxes) <= card.plot.plot.bottom() + 0.01


def test_the_crosshair_reads_all_runs(qtbot):
    card = RunRatesCard()
    qtbot.addWidget(card)
    card.resize(400, 240)
    card.set_members([Member("a", wordy_run(TEXT, gamma=3)), Member("b", wordy_run(TEXT))])
    card.grab()
    a, b = card.plot._runs
    assert a.at(4.0) == pytest.approx(float(a.y[0]))
    assert a.at(3.0) is None, "its first round ends at four tokens"
    assert b.at(4.0) == pytest.approx(float(b.y[3]))
    assert b.at(99.0) is None
    card.plot._pointer = card.plot.x_at(5.0)
    card.grab()


def test_simulated_curves_say_so(qtbot):
    card = RunRatesCard()
    qtbot.addWidget(card)
    toy = Member("toy", wordy_run(TEXT, simulated=True))
    card.set_members([toy])
    assert card.captions == ["simulated"]
    card.set_members([toy, Member("real", wordy_run(TEXT))])
    assert card.captions == ["measured, simulated"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("palette", ["standard", "okabe-ito"])
def test_hues_are_seen_and_their_letters_read(scheme, palette):
    now = theme.make_theme(scheme, palette)
    hues = [ink(now, place) for place in range(MOST)]
    assert len({hue.name() for hue in hues}) == MOST
    for hue in hues:
        assert min(theme.contrast(hue, ground) for ground in (now.panel, now.surface)) >= 3
        assert theme.contrast(theme.text_on(hue), hue) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marked_words_can_be_read(scheme):
    now = theme.make_theme(scheme)
    for text, hue, alpha in ((now.good_text, now.good, 0.14), (now.target_text, now.target, 0.1)):
        ground = theme.blend(theme.with_alpha(hue, alpha), now.surface)
        assert theme.contrast(text, ground) >= 4.5


# Keys and looks


def test_escape_closes_from_anywhere(page):
    page.set_runs(two())
    closed = QSignalSpy(page.closed)
    for widget in (
        page,
        page.view.table,
        page.view.texts.columns[0].text,
        page.view.chips.chips[0],
    ):
        QTest.keyClick(widget, Key.Key_Escape)
    assert closed.count() == 4
    page.close_button.click()
    assert closed.count() == 5


def test_escape_comes_before_the_windows_shortcuts(page):
    event = QKeyEvent(QEvent.Type.ShortcutOverride, Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    event.ignore()
    page.event(event)
    assert event.isAccepted()
    other = QKeyEvent(QEvent.Type.ShortcutOverride, Key.Key_Space, Qt.KeyboardModifier.NoModifier)
    other.ignore()
    page.event(other)
    assert not other.isAccepted()


def test_tab_goes_from_the_top_to_the_texts(page):
    page.set_runs(two())
    order = [page.add_button, page.close_button, *page.view.chips.chips[:2]]
    order += [page.view.table, page.view.copy_button, page.view.save_button]
    order += [column.text for column in page.view.texts.columns]
    at, seen = page.nextInFocusChain(), []
    while at is not page:
        if at in order:
            seen.append(at)
        at = at.nextInFocusChain()
    assert seen == order
    assert all(widget.accessibleName() for widget in order)


def test_it_follows_the_theme(page):
    page.set_runs(two())
    try:
        theme.set_scheme("dark")
        page.grab()
        assert formats(page, 1) == {"struck": " opens", "under": " closes"}
    finally:
        theme.set_scheme("system")


def test_a_narrow_page_stands_on_end(page):
    page.set_runs(two())
    page.resize(760, 700)
    assert page.view.splitter.orientation() == Qt.Orientation.Vertical
    page.resize(1400, 860)
    assert page.view.splitter.orientation() == Qt.Orientation.Horizontal
    page.grab()


def test_a_run_that_goes_on_is_taken_anew(page):
    run = make_trace(rounds=12).runs[-1]
    part = run.at(20)
    page.set_runs([("run", part, None)])
    before = page.compared
    for event in run.events[20:]:
        part.apply(event)
    page.refresh()
    assert page.compared != before
    assert len(page.view.texts.columns[0].text.toPlainText()) == len(run.text)
