"""The dialog "New experiment": what it holds, what it says, and what Start hands over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app import theme
from app.experiment_setup import from_setup, spec_toml
from app.panels.experiment_dialog import HEIGHT, WIDTH, ExperimentDialog
from app.panels.experiment_form import ExperimentForm
from app.panels.experiment_models import ModelsField
from app.panels.experiment_numbers import read_numbers
from app.panels.experiment_prompts import NO_KIND
from app.setup import Setup
from engine.config import Config
from engine.experiments.prompts import KINDS
from engine.experiments.spec import PromptChoice, Spec, read_spec

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
replace = msgspec.structs.replace
FIRST = from_setup(Setup(draft="toy", config=Config(temperature=0.8), target="toy", threads=2))
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """Two files that are there."""
    files = [tmp_path / "big.gguf", tmp_path / "small.gguf"]
    for file in files:
        file.touch()
    return [str(file) for file in files]


@pytest.fixture
def form(qtbot: QtBot, models: list[str]) -> ExperimentForm:
    form = ExperimentForm(lambda: models, lambda _: [], lambda: "")
    qtbot.addWidget(form)
    form.resize(960, 700)
    form.spec = FIRST
    form.show()
    return form


@pytest.fixture
def dialog(qtbot: QtBot, models: list[str]) -> ExperimentDialog:
    dialog = ExperimentDialog(recent=lambda: models)
    qtbot.addWidget(dialog)
    dialog.open_with(FIRST)
    return dialog


def settle() -> None:
    QApplication.processEvents()


EVERYTHING = Spec(
    title="All",
    target=("toy", ""),
    draft=("toy",),
    drafter=("ngram", "model"),
    gamma=(16, 1),
    temperature=(0.125, 0.0),
    rule=("block", "rejection"),
    length_policy=("entropy", "fixed"),
    prompts=PromptChoice(kinds=("copy", "chat"), number=7),
    top_k=40,
    top_p=0.999,
    max_tokens=128,
    repeats=5,
    seed=2**31 - 1,
    threads=3,
    gpu_layers=12,
    context=2048,
    record=False,
)


@pytest.mark.parametrize("spec", [Spec(), FIRST, EVERYTHING])
def test_a_spec_comes_back_as_it_was_given(form: ExperimentForm, spec: Spec):
    form.spec = spec
    assert form.spec == spec
    assert form.problem == ""


def test_another_spec_leaves_nothing_of_the_one_before(form: ExperimentForm):
    form.spec = EVERYTHING
    form.spec = Spec()
    assert form.spec == Spec()


def test_setting_a_spec_is_no_change_by_a_person(form: ExperimentForm, qtbot: QtBot):
    with qtbot.assertNotEmitted(form.changed):
        form.spec = EVERYTHING
        settle()


def test_the_summary_follows_what_is_typed(form: ExperimentForm, qtbot: QtBot):
    with qtbot.waitSignal(form.told):
        form.gammas.edit.setText("2 4")
    assert form.spec.gamma == (2, 4)
    assert form.summary.words.text().startswith("3 drafters, 2 γ, 2 T, 12 prompts: 120 cells, ")
    with qtbot.waitSignal(form.told):
        form.repeats.setValue(1)
    assert "120 runs and 24 baselines" in form.summary.words.text()
    assert "about" not in form.summary.words.text()
    form.seconds_per_run = 1.0
    assert form.summary.words.text().endswith("about 2 min")


def test_many_changes_are_told_of_once(form: ExperimentForm, qtbot: QtBot):
    told: list[bool] = []
    form.told.connect(lambda: told.append(True))
    for text in ("2", "2,", "2, 3", "2, 3, 4"):
        form.gammas.edit.setText(text)
    settle()
    assert told == [True]


def test_the_problem_never_lags_behind(form: ExperimentForm):
    form.gammas.edit.setText("0")
    assert form.problem.startswith("0 is plain decoding")


def test_refused_cells_are_told_of_with_their_reasons(form: ExperimentForm, qtbot: QtBot):
    assert not form.summary.refused.isVisible()
    with qtbot.waitSignal(form.told):
        form.policies.boxes["entropy"].click()
    assert form.summary.refused.isVisible()
    assert "cells are refused: The length policy 'entropy'" in form.summary.refused.text()
    assert form.summary.refused.toolTip().startswith("72 cells: The length policy")
    assert not form.summary.why.isVisible()
    assert form.problem == ""
    form.spec = replace(FIRST, drafter=("ngram", "suffix", "model"), rule=("block", "rejection"))
    form.spec = replace(form.spec, length_policy=("entropy", "fixed"))
    reasons = form.summary.refused.toolTip().splitlines()
    assert form.summary.refused.text().endswith(f"refused, for {len(reasons)} reasons")
    assert len(reasons) > 1
    assert form.summary.why.isVisible()


def test_an_experiment_of_refused_cells_only_cannot_start(form: ExperimentForm):
    form.spec = replace(FIRST, drafter=("ngram",), length_policy=("entropy",))
    assert form.problem.startswith("Every cell is refused.")


def test_a_problem_stands_below_its_field(form: ExperimentForm):
    form.gammas.edit.setText("2, four")
    form.temperatures.edit.setText("7")
    for box in form.rules.boxes.values():
        box.setChecked(False)
    form.tell()
    assert form.gammas.problem.text().startswith("“four” is no whole number.")
    assert form.temperatures.problem.text().startswith("The temperature is 7")
    assert form.spec.gamma == FIRST.gamma  # the last that could be read
    assert form.problem
    form.gammas.edit.setText("2")
    form.temperatures.edit.setText("0")
    form.rules.boxes["block"].click()
    form.tell()
    assert form.problem == ""
    assert not form.gammas.problem.isVisible()
    assert not form.temperatures.problem.isVisible()


@pytest.mark.parametrize(
    ("text", "values"),
    [("2, 4, 8", (2, 4, 8)), (" 2;4 8, ", (2, 4, 8)), ("", ()), (",", ()), ("-1", (-1,))],
)
def test_numbers_are_separated_by_what_people_type(text: str, values: tuple[int, ...]):
    assert read_numbers(text, int) == values


@pytest.mark.parametrize("text", ["2, x", "1.5", "2..4", "²"])
def test_what_is_no_number_is_named(text: str):
    with pytest.raises(ValueError, match="is no whole number"):
        read_numbers(text, int)


def test_checks_keep_the_order_they_were_given_in(form: ExperimentForm):
    form.spec = replace(FIRST, drafter=("ngram", "model"))
    form.drafters.boxes["suffix"].click()
    assert form.spec.drafter == ("ngram", "model", "suffix")
    form.drafters.boxes["ngram"].click()
    form.drafters.boxes["ngram"].click()
    assert form.spec.drafter == ("model", "suffix", "ngram")


def test_arrow_keys_go_from_check_to_check(form: ExperimentForm, qtbot: QtBot):
    boxes = list(form.drafters.boxes.values())
    qtbot.waitExposed(form)
    form.activateWindow()
    boxes[0].setFocus()
    qtbot.keyClick(boxes[0], Qt.Key.Key_Down)
    assert form.focusWidget() is boxes[1]
    qtbot.keyClick(boxes[1], Qt.Key.Key_Up)
    qtbot.keyClick(boxes[0], Qt.Key.Key_Up)
    assert form.focusWidget() is boxes[0]
    kinds = list(form.prompts.kinds.boxes.values())  # in rows of three
    kinds[1].setFocus()
    qtbot.keyClick(kinds[1], Qt.Key.Key_Down)
    assert form.focusWidget() is kinds[4]


def test_an_unknown_name_is_shown_rather_than_dropped(form: ExperimentForm):
    form.spec = replace(FIRST, drafter=("ngram", "guess"))
    assert form.spec.drafter == ("ngram", "guess")
    assert form.problem.startswith("There is no drafter 'guess'")


# Models


def texts(field: ModelsField) -> list[str]:
    return [field.list.item(i).text() for i in range(field.list.count())]


def test_models_have_names(form: ExperimentForm, models: list[str]):
    form.spec = replace(FIRST, target=("", "toy", *models))
    assert texts(form.targets) == ["SmolLM2 135M Instruct", "Toy", "big", "small"]
    assert form.targets.list.item(2).toolTip() == models[0]


def test_the_menu_adds_what_is_not_there_yet(form: ExperimentForm, models: list[str]):
    form.targets.fill()
    actions = {action.text(): action for action in form.targets.menu.actions()}
    assert list(actions) == [
        "SmolLM2 135M Instruct",
        "Toy pair",
        "big",
        "small",
        "",
        "Choose files…",
    ]
    assert not actions["Toy pair"].isEnabled()
    assert actions["Toy pair"].isChecked()
    actions["big"].trigger()
    assert form.spec.target == ("toy", models[0])


def test_what_is_a_target_is_offered_as_a_draft(form: ExperimentForm, tmp_path: Path):
    other = tmp_path / "other.gguf"
    other.touch()
    form.targets.add([str(other)])
    form.drafts.fill()
    assert "other" in [action.text() for action in form.drafts.menu.actions()]


def test_files_can_be_chosen_and_a_cancelled_dialog_changes_nothing(
    form: ExperimentForm, models: list[str], qtbot: QtBot
):
    form.drafts.ask_models = lambda title: [*models, "toy"]
    form.drafts.browse()
    assert form.spec.draft == ("toy", *models)
    form.drafts.ask_models = lambda title: []
    with qtbot.assertNotEmitted(form.changed):
        form.drafts.browse()


def test_a_selected_model_is_removed(form: ExperimentForm, models: list[str], qtbot: QtBot):
    form.spec = replace(FIRST, target=("toy", *models))
    assert not form.targets.remove_button.isEnabled()
    form.targets.list.setCurrentRow(1)
    form.targets.remove_button.click()
    assert form.spec.target == ("toy", models[1])
    qtbot.keyClick(form.targets.list, Qt.Key.Key_Delete)
    qtbot.keyClick(form.targets.list, Qt.Key.Key_Delete)
    assert form.spec.target == ()
    assert form.problem == "Add at least one target."
    qtbot.keyClick(form.targets.list, Qt.Key.Key_Delete)  # of nothing


def dropped(widget: QWidget, paths: list[str]) -> bool:
    """Drag files over a widget and let go; whether it would take them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path) for path in paths])
    copy, keys = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, LEFT, keys)
    enter.ignore()
    QApplication.sendEvent(widget, enter)
    if enter.isAccepted():
        QApplication.sendEvent(widget, QDropEvent(QPointF(5, 5), copy, data, LEFT, keys))
    return enter.isAccepted()


def test_gguf_files_can_be_dropped(form: ExperimentForm, models: list[str], tmp_path: Path):
    target = form.targets.list.viewport()
    assert dropped(target, [models[0], str(tmp_path / "notes.txt"), models[1]])
    assert form.spec.target == ("toy", *models)
    assert not dropped(target, [str(tmp_path / "notes.txt")])
    assert dropped(target, [models[0]])  # it is there already
    assert form.spec.target == ("toy", *models)


def test_a_model_that_is_gone_stops_the_experiment(form: ExperimentForm, models: list[str]):
    Path(models[0]).unlink()
    form.drafts.add([models[0]])
    assert form.problem == "big.gguf is no longer there. Remove it, or choose another."
    form.tell()
    assert form.drafts.problem.isVisible()


# Prompts


def test_kinds_of_prompts_are_chosen(form: ExperimentForm, qtbot: QtBot):
    assert list(form.prompts.kinds.boxes) == list(KINDS)
    assert form.spec.prompts == PromptChoice(number=12)
    form.prompts.kinds.boxes["chat"].click()
    assert form.spec.prompts.kinds == KINDS[1:]
    form.prompts.number.setValue(0)
    assert form.prompts.note.text() == "60 of 72 prompts"
    form.prompts.kinds.boxes["chat"].click()
    assert form.spec.prompts == PromptChoice()
    assert form.prompts.note.text() == "all 72 prompts"
    for kind in KINDS:
        form.prompts.kinds.boxes[kind].click()
    assert form.problem == NO_KIND


def test_a_file_of_ones_own(form: ExperimentForm, tmp_path: Path):
    file = tmp_path / "mine.jsonl"
    file.write_text('{"text": "one", "kind": "x"}\n{"text": "two"}\n{"text": "three"}\n', "utf-8")
    form.prompts.ask_prompts = lambda: str(file)
    form.prompts.own.click()
    assert form.prompts.own.text() == "mine.jsonl"
    assert form.prompts.own.isChecked()
    assert list(form.prompts.kinds.boxes) == ["x", ""]
    assert form.spec.prompts == PromptChoice(file=str(file), number=12)
    assert form.prompts.note.text() == "all 3 prompts"
    form.prompts.kinds.boxes["x"].click()
    assert form.spec.prompts.kinds == ("",)
    assert form.problem == ""
    form.prompts.suite.click()
    assert form.spec.prompts == PromptChoice(number=12)
    assert list(form.prompts.kinds.boxes) == list(KINDS)


def test_a_cancelled_dialog_leaves_the_suite(form: ExperimentForm):
    form.prompts.own.click()
    assert form.prompts.suite.isChecked()
    assert form.spec.prompts == FIRST.prompts


def test_a_file_that_cannot_be_read_says_why(form: ExperimentForm, tmp_path: Path):
    file = tmp_path / "mine.txt"
    file.touch()
    form.prompts.ask_prompts = lambda: str(file)
    form.prompts.own.click()
    form.tell()
    assert form.prompts.problem.text().startswith("mine.txt is empty.")
    assert not form.prompts.kinds.isVisible()


# The dialog


def test_start_hands_over_the_spec_and_closes(dialog: ExperimentDialog, qtbot: QtBot):
    dialog.form.title.setText("Mine")
    with qtbot.waitSignal(dialog.asked) as asked:
        qtbot.keyClick(dialog.form.title, Qt.Key.Key_Return)
    assert asked.args == [replace(FIRST, title="Mine")]
    assert not dialog.isVisible()


def test_a_number_being_typed_counts_when_return_starts(dialog: ExperimentDialog, qtbot: QtBot):
    dialog.form.repeats.setFocus()
    dialog.form.repeats.lineEdit().setText("2")
    with qtbot.waitSignal(dialog.asked) as asked:
        qtbot.keyClick(dialog.form.repeats, Qt.Key.Key_Return)
    assert asked.args is not None
    assert asked.args[0].repeats == 2


def test_escape_asks_for_nothing(dialog: ExperimentDialog, qtbot: QtBot):
    with qtbot.assertNotEmitted(dialog.asked):
        qtbot.keyClick(dialog.form.title, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_start_waits_until_the_spec_is_one(dialog: ExperimentDialog, qtbot: QtBot):
    with qtbot.waitSignal(dialog.form.told):
        dialog.form.gammas.edit.setText("2, x")
    assert not dialog.start_button.isEnabled()
    assert not dialog.save_button.isEnabled()
    assert dialog.start_button.toolTip().startswith("“x” is no whole number.")
    assert dialog.form.summary.words.text().startswith("“x” is no whole number.")
    with qtbot.assertNotEmitted(dialog.asked):
        qtbot.keyClick(dialog.form.gammas.edit, Qt.Key.Key_Return)
        dialog.start()
    with qtbot.waitSignal(dialog.form.told):
        dialog.form.gammas.edit.setText("2")
    assert dialog.start_button.isEnabled()


def test_return_right_after_a_wrong_key_does_not_start(dialog: ExperimentDialog, qtbot: QtBot):
    with qtbot.assertNotEmitted(dialog.asked):
        dialog.form.gammas.edit.setText("0")
        qtbot.keyClick(dialog.form.gammas.edit, Qt.Key.Key_Return)
    assert dialog.isVisible()


def test_what_is_typed_stays_while_the_dialog_is_open(dialog: ExperimentDialog):
    dialog.form.title.setText("Mine")
    dialog.open_with(Spec())
    assert dialog.form.spec.title == "Mine"
    dialog.reject()
    dialog.open_with(Spec(), 2.0)
    assert dialog.form.spec == Spec()
    assert "about" in dialog.form.summary.words.text()


def test_a_spec_is_saved_and_opened(dialog: ExperimentDialog, tmp_path: Path):
    suggested: list[str] = []

    def ask(suggestion: str) -> str:
        suggested.append(suggestion)
        return str(tmp_path / "mine")

    dialog.form.spec = replace(EVERYTHING, title="γ & T: which?")
    dialog.ask_save = ask
    dialog.save_button.click()
    assert suggested == ["γ-t-which.toml"]
    assert read_spec(tmp_path / "mine.toml") == dialog.form.spec
    dialog.form.spec = FIRST
    dialog.ask_open = lambda: str(tmp_path / "mine.toml")
    dialog.open_button.click()
    assert dialog.form.spec == replace(EVERYTHING, title="γ & T: which?")


def said(dialog: ExperimentDialog) -> list[str]:
    from app.panels.banner import Banner

    return [banner.message for banner in dialog.banners.findChildren(Banner)]


def test_a_bad_spec_is_refused_with_line_and_key(dialog: ExperimentDialog, tmp_path: Path):
    file = tmp_path / "bad.toml"
    file.write_text(spec_toml(FIRST).replace("repeats = 3", 'repeats = "x"'), encoding="utf-8")
    line = 1 + file.read_text("utf-8").splitlines().index('repeats = "x"')
    dialog.ask_open = lambda: str(file)
    dialog.open_spec()
    assert len(said(dialog)) == 1
    assert said(dialog)[0].startswith(f"bad.toml, line {line}, repeats: ")
    assert dialog.form.spec == FIRST
    file.write_text("", encoding="utf-8")
    dialog.open_spec()
    assert said(dialog)[-1].startswith("bad.toml is empty")


def test_a_spec_that_cannot_be_written_says_so(dialog: ExperimentDialog, tmp_path: Path):
    dialog.ask_save = lambda _: str(tmp_path / "no folder" / "x.toml")
    dialog.save_spec()
    assert said(dialog) == ["x.toml cannot be written: No such file or directory."]


def test_cancelled_file_dialogs_change_nothing(dialog: ExperimentDialog):
    dialog.ask_open = lambda: ""
    dialog.ask_save = lambda _: ""
    dialog.open_spec()
    dialog.save_spec()
    assert dialog.form.spec == FIRST
    assert said(dialog) == []


def reached(widget: QWidget) -> list[QWidget]:
    """What Tab goes through, from the first field on."""
    found: list[QWidget] = []
    at = widget.nextInFocusChain()
    while at is not None and at is not widget:
        if at.focusPolicy() & Qt.FocusPolicy.TabFocus and at.isVisible() and at.isEnabled():
            found.append(at)
        at = at.nextInFocusChain()
    return found


def test_tab_goes_through_the_form_in_reading_order(dialog: ExperimentDialog):
    form = dialog.form
    wanted: list[QWidget] = [
        form.targets.list, form.drafts.list, form.prompts.suite, form.prompts.number,
        *list(form.drafters.boxes.values())[:1], *list(form.rules.boxes.values())[:1],
        *list(form.policies.boxes.values())[:1], form.gammas.edit, form.temperatures.edit,
        form.top_k, form.top_p, form.tokens, form.repeats, form.seed, form.threads, form.record,
        dialog.open_button, dialog.save_button, dialog.cancel_button, dialog.start_button,
    ]  # fmt: skip
    order = reached(form.title)
    assert [widget for widget in order if widget in wanted] == wanted


def test_everything_that_takes_the_focus_has_a_name(dialog: ExperimentDialog):
    for widget in reached(dialog.form.title):
        if widget.metaObject().className() == "QScrollArea":
            continue
        text: Callable[[], str] | None = getattr(widget, "text", None)
        assert widget.accessibleName() or (text is not None and text()), widget


def test_no_two_fields_share_a_key(dialog: ExperimentDialog):
    from PySide6.QtGui import QShortcut

    keys = [shortcut.key().toString() for shortcut in dialog.findChildren(QShortcut)]
    buttons = (dialog.open_button, dialog.save_button, dialog.cancel_button, dialog.start_button)
    keys += [button.shortcut().toString() for button in buttons]
    assert len(keys) == len(set(keys)) >= 20


def test_alt_and_a_letter_go_to_a_field(dialog: ExperimentDialog, qtbot: QtBot):
    qtbot.waitExposed(dialog)
    QTest.keyClick(dialog, Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
    assert dialog.focusWidget() is dialog.form.temperatures.edit


def test_a_narrow_form_stacks_its_columns(form: ExperimentForm):
    settle()
    assert form.drafters.mapTo(form, QPoint()).y() < form.drafts.mapTo(form, QPoint()).y()
    form.resize(480, 1000)
    settle()
    assert form.drafters.mapTo(form, QPoint()).y() > form.prompts.mapTo(form, QPoint()).y()


def test_the_fields_stay_where_they_are_when_a_scroll_bar_comes(dialog: ExperimentDialog):
    def right() -> int:
        field = dialog.form.title
        return field.mapTo(dialog, QPoint(field.width(), 0)).x()

    dialog.resize(WIDTH, HEIGHT)
    settle()
    bar = dialog.area.verticalScrollBar()
    before, shown = right(), bar.isVisible()
    dialog.resize(dialog.width(), dialog.minimumHeight())
    settle()
    assert (shown, bar.isVisible()) == (False, True)
    assert right() == before


def test_the_dots_follow_the_theme(form: ExperimentForm):
    def dot() -> str:
        image = form.targets.list.item(0).icon().pixmap(10, 10).toImage()
        return image.pixelColor(image.width() // 2, image.height() // 2).name()

    theme.set_scheme("light")
    try:
        before = dot()
        assert before == theme.theme().target.name()
        theme.set_scheme("dark")
        assert dot() == theme.theme().target.name()
    finally:
        theme.set_scheme("system")
