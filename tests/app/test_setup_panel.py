"""The setup panel: shows and gives back every setting, and says before a run what would stop it."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
)

from app.panels.baseline_box import MEASURES
from app.panels.setup import SetupPanel
from app.panels.slider import Slider
from app.setup import Setup, default_setup, problems, uses_draft, window_threads
from engine.config import Config
from engine.drafting.registry import DRAFTERS
from engine.events import ModelInfo
from engine.host import physical_cores
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
)


@pytest.mark.parametrize("setup", [FULL, Setup(), Setup(prompt="x", measure="reuse")])
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


def test_every_drafter_and_rule_is_offered_and_explained(panel: SetupPanel):
    box = panel.drafting
    for combo, known in ((box.drafter, DRAFTERS), (box.rule, RULES)):
        assert [combo.itemData(i) for i in range(combo.count())] == list(known)
        for i in range(combo.count()):
            tip = combo.itemData(i, Qt.ItemDataRole.ToolTipRole)
            assert known[combo.itemData(i)].explanation in tip
    for name, rule in RULES.items():
        box.rule.setCurrentIndex(box.rule.findData(name))
        assert rule.explanation in box._rule_text().replace("&#x27;", "'")
        assert box.lossless.text() == ("lossless" if rule.lossless else "not lossless")


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
        "rule": panel.drafting.rule_problem,
        "sampling": panel.sampling.problem,
    }
    shown = {box.text() for box in boxes.values() if not box.isHidden()}
    assert shown == set(found.values())


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
    assert job.draft is not None
    assert (job.draft.source, job.draft.context) == ("/m/b.gguf", 16384)
    assert uses_draft(FULL)
    assert Setup(prompt="x").job(None).draft is None


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
    assert len(keys) == len(set(keys)) >= 12
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
