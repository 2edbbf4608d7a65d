"""The setup panel: shows and gives back every setting, and says before a run what would stop it."""

from __future__ import annotations

from collections import Counter
from html import unescape
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QStyle,
    QStyleOptionComboBox,
)

from app.panels.baseline_box import MEASURES
from app.panels.branches_field import parse_branches, shape_text
from app.panels.choice import REMARK, TITLE
from app.panels.drafting_box import DraftingBox
from app.panels.fields import Explanation
from app.panels.setup import SetupPanel
from app.panels.slider import Slider
from app.setup import (
    Setup,
    default_setup,
    problems,
    uses_draft,
    window_threads,
    with_draft,
)
from engine.config import PRECISIONS, Config
from engine.drafting.length import LENGTH_POLICIES
from engine.drafting.registry import DRAFTERS
from engine.errors import ConfigError
from engine.events import ModelInfo
from engine.host import physical_cores
from engine.methods import check
from engine.presets import presets
from engine.rules import RULES

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def panel(qtbot) -> SetupPanel:
    panel = SetupPanel()
    qtbot.addWidget(panel)
    panel.resize(288, 800)
    panel.show()
    return panel


FULL = Setup(
    prompt="Hello.\nγ",
    raw=True,
    target="/m/a.gguf",
    draft="/m/b.gguf",
    config=Config(
        gamma=9,
        temperature=1.25,
        top_k=50,
        top_p=0.42,
        seed=77,
        max_tokens=2000,
        drafter="model",
        rule="greedy",
        top=5,
        ngram_max=6,
    ),
    measure="none",
    threads=7,
    gpu_layers=20,
    context=16384,
    corpus="/t/words.txt",
    device="cuda:1",
    precision="int8",
)
TREE = Setup(
    prompt="x",
    config=Config(
        gamma=3,
        temperature=0.8,
        drafter="ngram-table",
        rule="typical",
        length_policy="entropy",
        branches=(3, 2, 1),
        lenience=0.85,
        epsilon=0.11,
        delta=0.47,
        confidence=0.35,
        entropy_bound=0.15,
        entropy_scale=7.5,
    ),
)


@pytest.mark.parametrize("setup", [FULL, TREE, Setup(), Setup(prompt="x", measure="reuse")])
def test_every_setting_comes_back(panel: SetupPanel, setup: Setup):
    panel.setup = setup
    assert panel.setup == setup


def test_a_new_setup_is_told_of_once(panel: SetupPanel):
    told: list[Setup] = []
    panel.changed.connect(lambda: told.append(panel.setup))
    panel.setup = FULL
    assert told == [FULL]
    panel.setup = FULL
    assert len(told) == 1
    panel.sampling.seed.setValue(5)
    assert len(told) == 2
    assert told[-1].config.seed == 5


def test_a_value_can_be_typed_stepped_and_slid(qtbot, panel: SetupPanel):
    slider: Slider = panel.sampling.temperature
    told: list[float] = []
    slider.changed.connect(told.append)
    slider.edit.setFocus()
    slider.edit.setText("0,73")
    qtbot.keyClick(slider.edit, Qt.Key.Key_Return)
    assert slider.value == 0.73
    assert slider.slider.value() == 15
    qtbot.keyClick(slider.edit, Qt.Key.Key_Up)
    assert slider.value == 0.78
    slider.slider.setValue(4)
    assert slider.value == 0.2
    assert slider.edit.text() == "0.20"
    assert told == [0.73, 0.78, 0.2]


@pytest.mark.parametrize(("typed", "value"), [("9", 2.0), ("-1", 0.0), ("x", 0.5), ("nan", 0.5)])
def test_what_is_typed_stays_in_range(qtbot, panel: SetupPanel, typed: str, value: float):
    slider = panel.sampling.temperature
    slider.value = 0.5
    slider.edit.setText(typed)
    qtbot.keyClick(slider.edit, Qt.Key.Key_Return)
    assert slider.value == value
    assert slider.edit.text() == f"{value:.2f}"


def test_greedy_and_plain_decoding_are_named(panel: SetupPanel):
    panel.sampling.temperature.value = 0
    assert panel.sampling.temperature.note.text() == "greedy"
    panel.sampling.temperature.value = 0.01
    assert panel.sampling.temperature.note.text() == ""
    panel.drafting.gamma.value = 0
    assert panel.drafting.gamma.note.text() == "plain decoding"
    assert not panel.drafting.drafter.isEnabled()
    panel.drafting.gamma.value = 1
    assert panel.drafting.drafter.isEnabled()


def test_every_method_is_offered_and_explained(panel: SetupPanel):
    box = panel.drafting
    pickers = ((box.drafter, DRAFTERS), (box.rule, RULES), (box.length, LENGTH_POLICIES))
    for combo, known in pickers:
        assert [combo.itemData(i) for i in range(combo.count())] == list(known)
        for i in range(combo.count()):
            tip = combo.itemData(i, Qt.ItemDataRole.ToolTipRole)
            assert known[combo.itemData(i)].explanation in tip
            assert combo.itemData(i, TITLE) == known[combo.itemData(i)].title
    panel.sampling.temperature.value = 0.8
    box.gamma.value = 4
    for name, rule in RULES.items():
        box.rule.name = name
        said = unescape(box._rule_text()).replace("\xa0", " ")
        assert all(text in said for text in (rule.title, rule.explanation, rule.formula))
        assert rule.source in said
        assert box.lossless.text() == ("lossless" if rule.lossless else "not lossless")
    for name, policy in LENGTH_POLICIES.items():
        box.length.name = name
        assert policy.explanation in unescape(box._length_text())
        assert policy.source in unescape(box._length_text())
    for name, kind in DRAFTERS.items():
        box.drafter.name = name
        assert kind.source in unescape(box._drafter_text())


@pytest.mark.parametrize("button", range(5))
def test_every_question_mark_opens_an_explanation(panel: SetupPanel, button: int):
    panel.setup = TREE
    buttons = panel.drafting.findChildren(Explanation)
    assert len(buttons) == 5
    buttons[button].click()
    popover = buttons[button]._popover
    assert popover is not None
    assert popover.isVisible()
    popover.close()


def test_lossy_rules_are_marked_wherever_they_are_named(panel: SetupPanel):
    box = panel.drafting
    panel.setup = msgspec.structs.replace(FULL, config=Config(rule="lenient", temperature=0.8))
    assert box.lossless.text() == "not lossless"
    assert box.rule.currentText() == "Lenient, lossy"
    assert remark(box, "lenient") == remark(box, "typical") == "not lossless"
    assert remark(box, "rejection") == ""
    box.rule_parameters.sliders["lenience"].value = 1
    assert box.lossless.text() == "lossless"
    assert box.rule.currentText() == "Lenient"
    assert box.rule_parameters.sliders["lenience"].note.text() == "exact"
    panel.sampling.temperature.value = 0
    assert remark(box, "typical") == "", "at T = 0 it is greedy match"
    box.rule_parameters.sliders["lenience"].value = 0.5
    assert box.lossless.text() == "not lossless", "this one stays lossy at T = 0"
    box.gamma.value = 0
    assert box.lossless.text() == "lossless", "plain decoding is the target's own"


def remark(box: DraftingBox, rule: str) -> str:
    return box.rule.itemData(box.rule.findData(rule), REMARK)


def test_what_a_choice_needs_is_said_in_the_lists(panel: SetupPanel):
    panel.setup = Setup(prompt="x", config=Config(drafter="ngram", temperature=0.7))
    box = panel.drafting
    assert remark(box, "block") == "needs a q"
    assert remark(box, "greedy") == "needs T = 0"
    policies = [box.length.itemData(i, REMARK) for i in range(box.length.count())]
    assert policies == ["", "needs a q", "needs a q", ""]
    box.drafter.name = "model"
    assert remark(box, "block") == ""


def shown(panel: SetupPanel) -> set[str]:
    """Which of the fields that come and go are there."""
    box = panel.drafting
    parameters = (box.drafter_parameters, box.length_parameters, box.rule_parameters)
    sliders = {key: slider for each in parameters for key, slider in each.sliders.items()}
    fields = {"corpus": box.corpus, "branches": box.branches, **sliders}
    return {name for name, field in fields.items() if field.isVisible()}


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        (Config(drafter="ngram"), set()),
        (Config(drafter="suffix", length_policy="throughput"), set()),
        (Config(drafter="chain"), set()),
        (Config(drafter="model"), {"branches"}),
        (Config(drafter="ngram-table"), {"branches", "corpus"}),
        (Config(drafter="ngram", length_policy="confidence"), {"confidence"}),
        (Config(drafter="ngram", length_policy="entropy"), {"entropy_bound", "entropy_scale"}),
        (Config(drafter="ngram", rule="lenient"), {"lenience"}),
        (Config(drafter="ngram", rule="typical"), {"epsilon", "delta"}),
    ],
)
def test_only_what_applies_is_shown(panel: SetupPanel, config: Config, fields: set[str]):
    panel.setup = Setup(prompt="x", config=config)
    assert shown(panel) == fields


def early_setup(layer: int = 0, target: str = "org/model") -> Setup:
    return Setup(prompt="x", target=target, config=Config(drafter="early-exit", exit_layer=layer))


@pytest.mark.parametrize("layer", [0, 3, 32, 700])
def test_the_exit_layer_comes_back(panel: SetupPanel, layer: int):
    panel.setup = early_setup(layer)
    assert shown(panel) == {"exit_layer"}
    assert panel.setup.config == early_setup(layer).config
    assert type(panel.setup.config.exit_layer) is int


def test_the_exit_layer_stays_below_the_targets_layers(panel: SetupPanel):
    panel.setup = early_setup()
    slider = panel.drafting.drafter_parameters.sliders["exit_layer"]
    assert slider.note.text() == "Auto"
    panel.drafting.show_layers(30)
    assert slider.note.text() == "Auto: 7 of 30"
    assert slider.slider.maximum() == 29
    slider.slider.setValue(12)
    assert slider.note.text() == "of 30"
    assert panel.setup.config.exit_layer == 12
    slider.edit.setText("30")
    slider.edit.editingFinished.emit()
    assert panel.setup.config.exit_layer == 29
    panel.drafting.show_layers(16)
    assert panel.setup.config.exit_layer == 15
    panel.setup = msgspec.structs.replace(panel.setup, target="org/other")
    assert slider.note.text() == ""
    slider.edit.setText("79")
    slider.edit.editingFinished.emit()
    assert panel.setup.config.exit_layer == 79, "a target that is not loaded may have as many"


def test_an_early_exit_needs_layers():
    assert problems(early_setup()) == {}
    for target in ("", "toy", "/m/a.gguf"):
        found = problems(early_setup(target=target))
        assert list(found) == ["drafter"]
        assert "Choose one as the target" in found["drafter"]
    plain = early_setup(target="")
    plain = msgspec.structs.replace(plain, config=msgspec.structs.replace(plain.config, gamma=0))
    assert problems(plain) == {}


def test_at_gamma_0_what_plays_no_part_is_disabled(panel: SetupPanel):
    box = panel.drafting
    panel.setup = msgspec.structs.replace(TREE, corpus="")
    fields = (box.drafter, box.corpus, box.length, box.branches, box.rule)
    fields = (*fields, box.length_parameters, box.rule_parameters)
    assert all(field.isEnabled() for field in fields)
    box.gamma.value = 0
    assert not any(field.isEnabled() for field in fields)
    assert box.branches.line.isHidden()
    box.gamma.value = 2
    assert all(field.isEnabled() for field in fields)
    box.rule.name = "greedy"
    box.gamma.value = 0
    assert box.rule.isEnabled(), "it stops plain decoding at T > 0, so it must be in reach"


def test_the_greatest_gamma_follows_the_drafter(panel: SetupPanel):
    box = panel.drafting
    panel.setup = Setup(prompt="x", config=Config(drafter="ngram", gamma=30))
    assert box.gamma.value == 30
    box.drafter.name = "model"
    assert box.gamma.value == box.gamma.slider.value() == DRAFTERS["model"].gamma_max
    assert box.gamma.slider.maximum() == DRAFTERS["model"].gamma_max
    box.drafter.name = "suffix"
    assert box.gamma.slider.maximum() == DRAFTERS["suffix"].gamma_max
    assert box.gamma.value == DRAFTERS["model"].gamma_max
    panel.setup = Setup(prompt="x", config=Config(drafter="ngram", gamma=32))
    assert panel.setup.config.gamma == 32


@pytest.mark.parametrize(
    ("text", "branches"),
    [
        *((text, (2, 2)) for text in ("2,2", "2x2", "2·2", " 2 × 2 ", "2 2", "2*2")),
        ("1", ()),
        ("1 (chain)", ()),
        ("1·1", ()),
        ("3·2·1", (3, 2, 1)),
        ("1,4", (1, 4)),
        ("16", (16,)),
        *((text, None) for text in ("", "0", "17", "2,,x", "-2", "2,0", "tree", "\uff12", "2.5e3")),
        (",".join("2" * 33), None),
    ],
)
def test_shapes_are_read_as_people_write_them(text: str, branches: tuple[int, ...] | None):
    assert parse_branches(text) == branches
    if branches:
        assert parse_branches(shape_text(branches)) == branches


def test_branches_are_typed_checked_and_counted(qtbot, panel: SetupPanel):
    panel.setup = Setup(prompt="x", draft="", config=Config(gamma=3))
    field = panel.drafting.branches
    told: list[tuple[int, ...]] = []
    panel.changed.connect(lambda: told.append(panel.setup.config.branches))
    assert field.currentText() == "1 (chain)"
    assert field.line.isHidden()
    field.setFocus()
    qtbot.keyClicks(field.lineEdit(), "3,2")
    assert field.line.text() == "15 tokens, 6 leaves", "already while typing"
    assert told == []
    qtbot.keyClick(field.lineEdit(), Qt.Key.Key_Return)
    assert field.currentText() == "3·2"
    assert told == [(3, 2)]
    assert panel.drafting.gamma.note.text() == "tree depth"
    panel.drafting.gamma.value = 2
    assert field.line.text() == "9 tokens, 6 leaves"
    field.lineEdit().selectAll()
    qtbot.keyClicks(field.lineEdit(), "3,99")
    assert "16" in field.line.text()
    qtbot.keyClick(field.lineEdit(), Qt.Key.Key_Return)
    assert field.currentText() == "3·2", "what is no shape is put back"
    assert panel.setup.config.branches == (3, 2)


def test_branches_wait_while_a_drafter_has_none(panel: SetupPanel):
    panel.setup = Setup(prompt="x", draft="", config=Config(gamma=3, branches=(2,)))
    panel.drafting.drafter.name = "ngram"
    assert panel.setup.config.branches == ()
    assert problems(panel.setup) == {}
    panel.drafting.drafter.name = "ngram-table"
    assert panel.setup.config.branches == (2,)


def test_a_text_is_chosen_dropped_and_offered_again(qtbot, panel: SetupPanel, tmp_path):
    picker = panel.drafting.corpus
    panel.setup = Setup(prompt="x", config=Config(drafter="ngram-table"))
    assert picker.shown == "Bundled text"
    chosen, dropped = tmp_path / "a & b.txt", tmp_path / "c.txt"
    picker.ask_file = lambda: str(chosen)
    menu = picker.menu()
    menu.aboutToShow.emit()
    menu.actions()[-1].trigger()
    assert panel.setup.corpus == str(chosen)
    assert picker.shown == "a & b.txt"
    assert str(chosen) in picker.toolTip()
    picker.dropEvent(drop(dropped))
    assert panel.setup.corpus == str(dropped)
    picker.dropEvent(drop(tmp_path / "d.gguf"))
    assert panel.setup.corpus == str(dropped)
    picker.ask_file = str
    picker.browse()
    assert panel.setup.corpus == str(dropped), "a dialog that was left changes nothing"
    menu.aboutToShow.emit()
    names = [action.text() for action in menu.actions()]
    assert names == ["Bundled text", "c.txt", "a && b.txt", "", "Choose a file…"]
    menu.actions()[0].trigger()
    assert panel.setup.corpus == ""


def drop(path: Path) -> QDropEvent:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    # Qt does not keep the data alive.
    drop.data = data  # type: ignore[attr-defined]
    return QDropEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )


@pytest.mark.parametrize("width", [276, 288])
@pytest.mark.parametrize("short", [False, True])
def test_no_picker_clips_its_text(qtbot, panel: SetupPanel, width: int, short: bool):
    panel.resize(width, 300 if short else 1200)
    panel.setup = TREE
    box = panel.drafting
    panel.engine.more.click()
    panel.engine.show_for({"gguf", "hf"})
    engine = (panel.engine.on, panel.engine.precision)
    for combo in (box.drafter, box.length, box.rule, box.branches, *engine):
        option = QStyleOptionComboBox()
        combo.initStyleOption(option)
        room = combo.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            combo,
        )
        for i in range(combo.count()):
            text = combo.itemText(i)
            assert combo.fontMetrics().horizontalAdvance(text) <= room.width(), text


def test_presets_fill_the_prompt_and_can_be_undone(panel: SetupPanel):
    panel.prompt.text = "mine"
    panel.prompt.use(presets()[3])
    assert panel.prompt.text == presets()[3].text
    panel.prompt.edit.undo()
    assert panel.prompt.text == "mine"


def test_there_are_presets_of_every_kind():
    kinds = Counter(p.kind for p in presets())
    assert set(kinds) == {"Copy and edit", "Code", "Summarise", "Translate", "Maths", "Chat"}
    assert sum(kinds.values()) >= 10
    assert len({p.title for p in presets()}) == len(presets())
    assert default_setup().prompt == presets()[0].text


@pytest.mark.parametrize(
    ("setup", "fields"),
    [
        (Setup(prompt="x"), set()),
        (Setup(prompt="  \n"), {"prompt"}),
        (Setup(prompt="x", config=Config(drafter="model")), {"draft"}),
        (Setup(prompt="x", draft="", config=Config(drafter="model")), set()),
        (Setup(prompt="x", config=Config(drafter="model", gamma=0)), set()),
        (Setup(prompt="x", config=Config(drafter="ngram", rule="greedy", temperature=1)), {"rule"}),
        (Setup(prompt="x", config=Config(drafter="ngram", rule="greedy")), set()),
        (Setup(prompt="x", config=Config(drafter="unknown")), {"drafter"}),
        (Setup(prompt="x", config=Config(drafter="ngram", top_p=0)), {"sampling"}),
        (Setup(prompt="x", config=Config(drafter="ngram", rule="unknown")), {"rule"}),
        (Setup(prompt="x", config=Config(drafter="chain")), {"draft"}),
        (Setup(prompt="x", config=Config(drafter="suffix")), set()),
        (Setup(prompt="x", config=Config(drafter="ngram-table")), set()),
        (Setup(prompt="x", corpus="/no/t.txt", config=Config(drafter="ngram-table")), {"corpus"}),
        (Setup(prompt="x", corpus="/no/t.txt", config=Config(drafter="ngram")), set()),
        (Setup(prompt="x", draft="", config=Config(gamma=17)), {"gamma"}),
        (
            Setup(prompt="x", config=Config(drafter="ngram", rule="block", temperature=1)),
            {"rule"},
        ),
        (Setup(prompt="x", config=Config(drafter="ngram", rule="block")), set()),
        (
            Setup(prompt="x", config=Config(drafter="ngram", length_policy="entropy")),
            {"length_policy"},
        ),
        (
            Setup(prompt="x", config=Config(drafter="ngram", length_policy="unknown")),
            {"length_policy"},
        ),
        (Setup(prompt="x", draft="", config=Config(gamma=5, branches=(4, 4, 4))), {"branches"}),
        (Setup(prompt="x", config=Config(drafter="ngram", branches=(2,))), {"branches"}),
        (
            Setup(prompt="x", draft="", config=Config(branches=(2,), length_policy="entropy")),
            {"branches"},
        ),
        (
            Setup(prompt="x", draft="", config=Config(branches=(2,), rule="block", temperature=1)),
            {"branches"},
        ),
    ],
)
def test_problems_are_found_before_a_run(panel: SetupPanel, setup: Setup, fields: set[str]):
    found = problems(setup)
    assert set(found) == fields
    panel.show_problems(found)
    boxes = {
        "prompt": panel.prompt.problem,
        "draft": panel.drafting.draft_problem,
        "drafter": panel.drafting.draft_problem,
        "corpus": panel.drafting.corpus_problem,
        "gamma": panel.drafting.gamma_problem,
        "length_policy": panel.drafting.length_problem,
        "branches": panel.drafting.branches_problem,
        "rule": panel.drafting.rule_problem,
        "sampling": panel.sampling.problem,
    }
    shown = {box.text() for box in boxes.values() if not box.isHidden()}
    assert shown == set(found.values())


@pytest.mark.parametrize(
    "config",
    [
        Config(drafter="ngram", rule="block", temperature=1),
        Config(drafter="ngram", length_policy="confidence"),
        Config(gamma=5, branches=(4, 4, 4)),
        Config(gamma=20),
    ],
)
def test_problems_are_told_in_the_engines_words(config: Config):
    with pytest.raises(ConfigError) as refusal:
        check(config)
    (text,) = problems(Setup(prompt="x", draft="", config=config)).values()
    assert text == f"{refusal.value.message} {refusal.value.hint}"


def test_a_draft_brings_a_drafter_that_uses_it():
    for name, kind in DRAFTERS.items():
        setup = Setup(prompt="x", config=Config(drafter=name, gamma=kind.gamma_max))
        drafted = with_draft(setup, "/m/d.gguf")
        assert drafted.config.drafter == (
            name if kind.needs_model or kind.may_use_model else "model"
        )
        assert "gamma" not in problems(drafted)
        assert uses_draft(drafted)
        plain = with_draft(drafted, None)
        assert not uses_draft(plain)
        assert problems(plain) == {}
    first = default_setup()
    assert uses_draft(first)
    assert problems(first) == {}


def test_problems_go_away(panel: SetupPanel):
    panel.show_problems({"rule": "Needs temperature 0."})
    panel.show_problems({})
    assert panel.drafting.rule_problem.isHidden()


def test_a_core_is_kept_for_the_window(panel: SetupPanel):
    threads = window_threads()
    assert threads == max(1, physical_cores() - 1)
    assert panel.engine.threads.text() == f"Auto ({threads})"
    assert Setup(prompt="x").job(None).target.threads == threads
    assert msgspec.structs.replace(FULL).job(None).target.threads == 7


def test_a_job_carries_the_whole_setup(tmp_path):
    job = FULL.job(tmp_path / "r.jsonl")
    assert (job.prompt, job.raw, job.baseline) == (FULL.prompt, True, "none")
    assert job.config == FULL.config
    assert job.corpus == Path("/t/words.txt")
    assert job.draft is not None
    assert (job.draft.source, job.draft.context) == ("/m/b.gguf", 16384)
    assert (job.draft.device, job.target.precision) == ("cuda:1", "int8")
    checked = FULL.check(100, 2)
    assert (checked.target, checked.draft) == (job.target, job.draft)
    assert uses_draft(FULL)
    assert Setup(prompt="x").job(None).draft is None
    assert Setup(prompt="x").job(None).corpus is None


def test_the_baseline_line_ages(qtbot, panel: SetupPanel):
    line = panel.baseline.line
    assert line.text() == "not measured yet"
    panel.baseline.show_rate(25.14, "measured")
    assert line.text() == "25.1 tok/s measured just now"
    panel.baseline.show_rate(25.14, "measured", 8.2)
    assert line.text() == "25.1 tok/s measured 8 s ago"
    panel.baseline.show_rate(25.14, "simulated", 200)
    assert line.text() == "25.1 tok/s simulated 3 min ago"
    panel.baseline.show_rate(None, "")
    assert line.text() == "not measured yet"
    assert [panel.baseline.measure.itemData(i) for i in range(3)] == [m for _, m, _ in MEASURES]


def test_the_gpu_line_and_its_command(qtbot, qapp, panel: SetupPanel):
    assert panel.engine.copy.isHidden()
    panel.engine.show_advice("An NVIDIA RTX 4090 is here.", "pip install x")
    assert panel.engine.advice.isVisible()
    panel.engine.copy.click()
    assert qapp.clipboard().text() == "pip install x"
    panel.engine.show_advice("", "")
    assert panel.engine.advice.isHidden()
    panel.engine.show_model(ModelInfo("m", "llama.cpp", "CUDA 0", threads=8))
    assert panel.engine.device.text() == "CUDA 0 · 8 threads · llama.cpp"


def test_options_fold_away(panel: SetupPanel):
    assert not panel.engine.threads.isVisible()
    panel.engine.more.click()
    assert panel.engine.threads.isVisible()


@pytest.mark.parametrize(
    ("target", "draft", "fields"),
    [
        ("", None, {"layers"}),
        ("/m/a.gguf", "", {"layers"}),
        ("org/model", None, {"on", "precision"}),
        ("org/model", "/m/a.gguf", {"layers", "on", "precision"}),
        ("toy", "toy", set()),
    ],
)
def test_options_are_those_of_the_chosen_models(
    panel: SetupPanel, target: str, draft: str | None, fields: set[str]
):
    panel.engine.more.click()
    panel.setup = Setup(prompt="x", target=target, draft=draft)
    names = ("threads", "layers", "on", "precision", "context")
    visible = {name for name in names if getattr(panel.engine, name).isVisible()}
    assert visible == fields | {"threads", "context"}


def test_what_is_said_of_llama_cpp_goes_with_its_models(panel: SetupPanel):
    panel.engine.show_advice("llama.cpp can use your GPU.", "pip install x")
    panel.setup = Setup(prompt="x", target="org/model")
    assert not panel.engine.advice.isVisible()
    assert not panel.engine.copy.isVisible()
    panel.engine.show_advice("llama.cpp can use your GPU.", "pip install y")
    assert not panel.engine.copy.isVisible()
    panel.setup = Setup(prompt="x", target="org/model", draft="")
    assert panel.engine.advice.isVisible()
    assert panel.engine.copy.isVisible()


def test_every_precision_can_be_chosen(panel: SetupPanel):
    panel.setup = Setup(prompt="x", target="org/model", device="cuda:1")
    assert panel.engine.on.currentText() == "CUDA 1"
    choice = panel.engine.precision
    assert [choice.itemData(i) for i in range(choice.count())] == list(PRECISIONS)
    told: list[str] = []
    panel.changed.connect(lambda: told.append(panel.setup.precision))
    choice.name = "bfloat16"
    assert told == ["bfloat16"]
    assert panel.setup.job(None).target.precision == "bfloat16"
    panel.engine.on.name = "cpu"
    assert panel.setup.job(None).target.device == "cpu"


def test_the_panel_scrolls_when_it_is_short(qtbot, panel: SetupPanel):
    panel.resize(288, 400)
    qtbot.waitUntil(lambda: panel.verticalScrollBar().maximum() > 0)
    assert panel.horizontalScrollBar().maximum() == 0
    assert panel._column.width() <= panel.viewport().width()


def test_everything_has_a_name_and_can_be_reached(panel: SetupPanel):
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QPlainTextEdit, QSlider)
    controls = [w for kind in kinds for w in panel._column.findChildren(kind)]
    controls += [w for w in panel._column.findChildren(QLineEdit) if w.property("kind") == "value"]
    assert len(controls) > 15
    for control in controls:
        if control.objectName().startswith("qt_"):
            continue
        assert control.accessibleName() or getattr(control, "text", str)(), control
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control.accessibleName()


def test_alt_keys_are_unique_and_leave_the_menus_theirs(qtbot, panel: SetupPanel):
    keys = [s.key().toString() for s in panel._column.findChildren(QShortcut)]
    assert len(keys) == len(set(keys)) >= 16
    assert not {"Alt+F", "Alt+R", "Alt+V", "Alt+H"} & set(keys)
    panel.activateWindow()
    qtbot.keyClick(panel, Qt.Key.Key_T, Qt.KeyboardModifier.AltModifier)
    assert panel.sampling.temperature.slider.hasFocus()


def test_the_recorded_note(qtbot, panel: SetupPanel):
    assert panel.recorded.isHidden()
    panel.show_recorded("Target: a\nγ = 4")
    assert "Target: a" in [label.text() for label in panel.recorded.findChildren(QLabel)][1]
    with qtbot.waitSignal(panel.use_recorded):
        panel.recorded.use.click()
    panel.show_recorded("")
    assert panel.recorded.isHidden()
