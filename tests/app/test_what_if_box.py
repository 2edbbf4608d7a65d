"""The what-if box: every change answered, and nothing claimed that is not known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt

from app import what_if_words as words
from app.panels.what_if import SIDE_BY_SIDE, WhatIfBox
from engine.config import Config, ModelSpec
from engine.job import Job, JobRunner
from engine.rules import RULES
from engine.trace import Run, TokenState, Trace
from engine.whatif.outcome import Change, outcome_of
from engine.whatif.rerun import what_if_job
from tests.app.traces import make_trace

TOY = ModelSpec("toy")
PROMPT = "the cat sat on the mat and the cat sat on the mat and the old dog ran to the house and"


@pytest.fixture(scope="module")
def runner() -> Iterator[JobRunner]:
    runner = JobRunner()
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def run(runner) -> Run:
    trace = Trace()
    config = Config(gamma=5, temperature=0.8, max_tokens=60, seed=3)
    runner.run(Job(PROMPT, config, TOY, TOY, baseline="none"), trace.apply)
    assert trace.run is not None
    return trace.run


@pytest.fixture
def box(qtbot) -> WhatIfBox:
    box = WhatIfBox()
    qtbot.addWidget(box)
    box.resize(390, 600)
    return box


def rejection(run: Run) -> tuple[int, int]:
    """A round in which a token was rejected, and that token."""
    for current in run.rounds:
        if current.verified.added_kind == "resampled":
            return current.index, current.verified.n_accepted
    raise AssertionError("nothing was rejected")


def asked(box: WhatIfBox) -> list[Change]:
    found: list[Change] = []
    box.recompute_wanted.connect(found.append)
    return found


def test_an_unchanged_round_is_shown_as_it_was(box, run):
    number, index = rejection(run)
    box.show_round(run, number, index)
    assert box.change == Change()
    assert not box.reset.isEnabled()
    assert box.card.outcome.exact
    assert box.card.badge.text() == "exact: from the recording"
    assert box.card.button.isHidden()
    assert box.card.accessibleName().startswith("as it was")


def test_a_changed_coin_decides_otherwise(box, run):
    number, index = rejection(run)
    box.show_round(run, number, index)
    box.controls.u.edit.value = 0.0
    assert box.change == Change(u=((index, 0.0),))
    assert box.card.outcome.tokens[index].state is TokenState.ACCEPTED
    assert "0." in box.controls.u.was.text()
    assert box.controls.u.was.text().endswith("→")
    assert box.reset.isEnabled()
    box.reset.click()
    assert box.change == Change()
    assert box.controls.u.was.text() == ""
    assert box.card.outcome.tokens[index].state is TokenState.REJECTED


def test_the_added_tokens_draw_can_be_changed(box, run):
    number, _ = rejection(run)
    box.show_round(run, number, len(run.rounds[number].drafted))
    box.controls.u.edit.value = 0.5
    assert box.change == Change(added_u=0.5)


def test_every_setting_makes_a_change(box, run):
    box.show_round(run, 1, 0)
    controls = box.controls
    controls.temperature.edit.value = 0.3
    controls.gamma.slider.setValue(2)
    controls.top_k.edit.value = 7
    controls.rule.choice.name = "lenient"
    controls.parameters.sliders["lenience"].value = 0.4
    expected = Change(gamma=2, temperature=0.3, top_k=7, rule="lenient", lenience=0.4)
    assert box.change == expected
    assert controls.temperature.was.text() == "0.80 →"
    assert controls.gamma.was.text() == "5 →"
    assert controls.rule.was.text() == "Rejection →"
    controls.rule.choice.name = "rejection"
    assert box.change.lenience is None, "a parameter of another rule is no change"
    box.reset.click()
    assert box.change == Change()


def test_what_the_recording_does_not_tell_is_asked_of_the_models(box, run, runner, qtbot):
    box.show_round(run, 1, 0)
    wanted = asked(box)
    box.controls.temperature.edit.value = 1.9
    assert not box.card.outcome.exact
    assert box.card.badge.text() == "not known from the recording"
    assert not box.card.button.isHidden()
    qtbot.mouseClick(box.card.button, Qt.MouseButton.LeftButton)
    assert wanted == [Change(temperature=1.9)]
    assert not box.card.button.isEnabled()
    assert box.card.button.text() == words.WAITING
    result = runner.what_if(what_if_job(run, 1, wanted[0], TOY, TOY))
    box.show_result(result)
    assert box.card.outcome == result.outcome
    assert box.card.badge.text() == "exact: recomputed with the models"
    assert box.card.button.isHidden()
    differs = result.outcome.differs_at(run.rounds[1]) is not None
    assert (words.DIFFERS in box.card.accessibleName()) is differs


def test_an_answer_to_an_earlier_question_is_left_out(box, run, runner):
    box.show_round(run, 1, 0)
    box.controls.temperature.edit.value = 1.9
    result = runner.what_if(what_if_job(run, 1, box.change, TOY, TOY))
    box.controls.temperature.edit.value = 1.8
    before = box.card.outcome
    box.show_result(result)
    assert box.card.outcome is before
    box.show_round(run, 2, 0)
    box.controls.temperature.edit.value = 1.9
    before = box.card.outcome
    box.show_result(result)
    assert box.card.outcome is before, "of another round"


def test_models_that_are_there_are_asked_without_a_click(box, run):
    box.automatic = True
    wanted = asked(box)
    box.show_round(run, 1, 0)
    box.controls.temperature.edit.value = 1.9
    box.controls.temperature.edit.value = 1.8
    assert wanted == [Change(temperature=1.9), Change(temperature=1.8)]


def test_a_failure_is_told_and_may_be_tried_again(box, run):
    box.show_round(run, 1, 0)
    box.controls.temperature.edit.value = 1.9
    box.card.button.click()
    short = box.heightForWidth(390)
    box.show_problem("The run was recorded with another target.")
    assert box.card.button.isEnabled()
    assert box.card.button.text() == words.RECOMPUTE
    assert box.heightForWidth(390) > short


def test_settings_that_no_run_can_have_are_explained(box, run):
    box.show_round(run, 1, 0)
    box.controls.rule.choice.name = "greedy"
    assert box.card.outcome is None
    assert box.card.badge.isHidden()
    assert box.card.button.isHidden()


def test_a_recording_whose_draws_do_not_follow_from_its_seed(box):
    run = make_trace(rounds=6).runs[1]
    wanted = asked(box)
    box.automatic = True
    box.show_round(run, 2, 0)
    box.controls.temperature.edit.value = 0.3
    assert not wanted
    assert box.card.button.isHidden()


def test_nothing_can_be_asked_before_the_verdict(box):
    run = make_trace(rounds=3, open_drafted=2).runs[1]
    for shown in ((None, 0, 0), (run, 3, 0), (run, 99, 0)):
        box.show_round(*shown)
        assert box.controls.isHidden()
        assert box.card.isHidden()
        assert box.heightForWidth(390) < 64
    box.show_round(run, 1, 0)
    assert not box.controls.isHidden()


@pytest.mark.parametrize("width", [320, 390, 560, SIDE_BY_SIDE, 900, 1200])
@pytest.mark.parametrize("rule", RULES)
def test_nothing_overlaps_or_sticks_out(box, run, width, rule):
    number, index = rejection(run)
    box.show_round(run, number, index)
    box.controls.rule.choice.name = rule
    box.resize(width, box.heightForWidth(width))
    box.show()
    children = [c for c in (box.controls, box.card) if not c.isHidden()]
    for child in children:
        assert box.rect().contains(child.geometry())
        assert child.height() >= child.heightForWidth(child.width())
    assert not box.controls.geometry().intersects(box.card.geometry())
    parts = [c for c in box.controls.children() if c.isVisible()]
    for i, part in enumerate(parts):
        assert box.controls.rect().contains(part.geometry())
        assert not any(part.geometry().intersects(other.geometry()) for other in parts[:i])
    for field in (box.controls.temperature, box.controls.gamma, box.controls.u):
        needed = field.label.sizeHint().width()
        assert field.label.width() >= needed
        assert not field.was.geometry().intersects(field.edit.geometry())
    for inside in (box.card.badge, box.card.button):
        assert inside.isHidden() or box.card.rect().contains(inside.geometry())


def test_whoever_holds_the_box_is_told_of_another_height(box, run, qtbot):
    told: list[QEvent.Type] = []

    class Filter(QObject):
        def eventFilter(self, watched, event):
            told.append(event.type())
            return False

    listener = Filter()
    box.installEventFilter(listener)
    box.show_round(run, 1, 0)
    box.controls.rule.choice.name = "typical"
    QCoreApplication.sendPostedEvents(box, QEvent.Type.LayoutRequest)
    assert QEvent.Type.LayoutRequest in told


def test_words():
    trace = make_trace(rounds=3)
    current = trace.runs[1].rounds[1]
    outcome = outcome_of(current, str)
    assert words.figures(outcome, 0).startswith("p 0.")
    assert "drawn with u" in words.figures(outcome, len(outcome.tokens))
    assert words.remarks(outcome, current, Change(gamma=9)) == [
        f"Only {outcome.gamma} could be proposed here: the run was near its end."
    ]
    assert words.spoken(outcome, current, Change()).startswith("as it was: ")
