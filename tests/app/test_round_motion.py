"""A verification in slow motion: its parts, what it ends at, and what stops it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QImage, QKeyEvent

from app import motion
from app.playback_motion import SHORTEST_NS, SkipAtInput, motion_of
from app.player import AS_RECORDED, Player
from app.views.round_motion import PASS, TOSS, TRAVEL, Motion, words
from app.views.round_view import RoundView
from engine.events import Drafted, Verified
from engine.trace import Run, Trace
from tests.app.method_traces import tree_trace
from tests.app.traces import make_events


@pytest.fixture(autouse=True)
def moving():
    motion.set_reduced(False)
    yield
    motion.set_reduced(None)


@pytest.fixture
def run() -> Run:
    return Trace(make_events(rounds=20, seed=3, acceptance=0.6)).run


@pytest.fixture
def view(qtbot, run) -> RoundView:
    view = RoundView()
    qtbot.addWidget(view)
    view.resize(880, 290)
    return view


@pytest.fixture
def player(qapp, run) -> Player:
    player = Player(clock=lambda: 0)
    player.set_run(run)
    return player


def before_verdict(run: Run, number: int) -> int:
    """Events before the verdict of a round."""
    return next(
        i for i, e in enumerate(run.events) if isinstance(e, Verified) and e.round == number
    )


def rejecting(run: Run) -> int:
    """A round of which a token was rejected and another accepted."""
    return next(
        r.index
        for r in run.rounds
        if 0 < r.verified.n_accepted < len(r.verified.judged) < len(r.drafted)
    )


def picture(view: RoundView) -> QImage:
    return view.grab().toImage()


def test_each_part_looks_different_and_alike_when_drawn_again(view, run):
    number = rejecting(run)
    n = before_verdict(run, number)
    view.set_run(run.at(n))
    view.set_exact(True)
    still = picture(view)
    seen = []
    for t in (0.05, 0.2, 0.34, 0.5, 0.6, 0.8, 0.9, 0.97):
        view.set_motion(run.events[n], t)
        first = picture(view)
        view.set_motion(None)
        assert picture(view) == still, "nothing is left of it"
        view.set_motion(run.events[n], t)
        assert picture(view) == first
        assert all(first != other for other in (still, *seen))
        seen.append(first)


def test_tokens_take_their_states_one_after_the_other(run):
    number = rejecting(run)
    verdict = run.rounds[number].verified
    judged = len(verdict.judged)
    story = Motion(verdict, [[], [], []])
    tosses = [story.toss(t / 1000)[0] for t in range(1001)]
    assert tosses == sorted(tosses)
    assert set(tosses) == set(range(judged + 1))
    assert story.toss(PASS - 0.001) == (0, 0.0)
    assert story.toss(TOSS) == (judged, 0.0)


def test_the_words_compare_the_recorded_draw(view, run):
    number = rejecting(run)
    verdict = run.rounds[number].verified
    view.set_run(run.at(before_verdict(run, number)))
    box = view._text.boxes[1]
    story = Motion(verdict, [[], [], []])
    said = [words(story, box, 1, PASS + (TOSS - PASS) * (i + 0.5) / len(verdict.judged)).main[0]
            for i in range(len(verdict.judged))]  # fmt: skip
    for text, judged in zip(said, verdict.judged, strict=True):
        sign = "<" if judged.u < judged.accept_probability else "≥"
        assert text == f"u {judged.u:.4f} {sign} {judged.accept_probability:.4f}"
    assert "pass" in words(story, box, 1, (TRAVEL + PASS) / 2).main[0]


def test_only_a_pass_that_lasts_on_screen_moves(player, run):
    n = before_verdict(run, rejecting(run))
    player.seek_ns((run.clock[n - 1] + run.clock[n]) / 2)
    verdict = run.events[n]
    length = verdict.target_ns + verdict.host_ns
    player.speed = 0.9 * length / SHORTEST_NS
    assert motion_of(player)[0] is verdict
    player.speed = 1.1 * length / SHORTEST_NS
    assert motion_of(player)[0] is None
    player.speed = AS_RECORDED
    assert motion_of(player)[0] is None


def test_reduced_motion_moves_nothing(player, run):
    n = before_verdict(run, rejecting(run))
    player.speed = 0.01
    player.seek_ns((run.clock[n - 1] + run.clock[n]) / 2)
    assert motion_of(player)[0] is not None
    motion.set_reduced(True)
    assert motion_of(player)[0] is None


def test_any_input_ends_it_and_the_next_one_moves_again(qapp, player, run):
    n = before_verdict(run, rejecting(run))
    player.speed = 0.01
    player.seek_ns((run.clock[n - 1] + run.clock[n]) / 2)
    watch = SkipAtInput(player, player)
    watch.watch(True)
    told = []
    player.moved.connect(lambda: told.append(motion_of(player)[0]))
    key = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier)
    assert not watch.eventFilter(player, key), "the input goes where it was meant to"
    assert told == [None]
    watch.watch(False)
    later = next(
        i for i in range(n + 1, run.n_events)
        if isinstance(run.events[i], Verified) and isinstance(run.events[i - 1], Drafted)
    )  # fmt: skip
    player.seek_ns((run.clock[later - 1] + run.clock[later]) / 2)
    assert motion_of(player)[0] is run.events[later]


def test_a_round_that_is_looked_at_and_a_tree_stand_still(view, run):
    n = before_verdict(run, rejecting(run))
    view.set_run(run.at(n))
    view.show_round(0)
    view.set_motion(run.events[n], 0.5)
    assert not view.moving
    tree = tree_trace((2, 2), 2).run
    m = before_verdict(tree, 0)
    view.set_run(tree.at(m))
    view.set_motion(tree.events[m], 0.5)
    assert not view.moving


def test_the_coin_is_in_the_air_between_two_looks(view, run):
    """At the middle of a throw there is ink above the chip that is judged."""
    n = before_verdict(run, rejecting(run))
    view.set_run(run.at(n))
    view.set_exact(True)
    judged = len(run.events[n].judged)
    t = PASS + (TOSS - PASS) * 0.5 / judged
    view.set_motion(run.events[n], t)
    chip = view._motion.chips[1][0].rect
    above = QPointF(chip.center().x(), chip.top() - 18)
    with_coin = picture(view).pixelColor(above.toPoint())
    view.set_motion(None)
    assert picture(view).pixelColor(above.toPoint()) != with_coin
