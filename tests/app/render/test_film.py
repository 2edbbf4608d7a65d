"""Films: a frame is a function of its number, and drawing in parts leaves no trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from PySide6.QtGui import QImage, QPainter

from app import motion, theme
from app.files import DEMO
from app.render.clip import END_HOLD_S, VIEWS
from app.render.errors import RenderError
from app.render.film import Film
from app.stage.parts import setting_words
from engine.recording import read_trace
from engine.trace import Trace
from tests.app.method_traces import tree_trace
from tests.app.traces import make_events

SIZE = (640, 360)


@pytest.fixture(autouse=True)
def restored(qapp) -> Iterator[None]:
    yield
    theme.set_scheme("system")
    motion.set_reduced(None)


@pytest.fixture
def trace() -> Trace:
    baseline = list(make_events(rounds=30, role="baseline", run_id="plain"))
    return Trace([*baseline, *make_events(rounds=6, seed=4, baseline="plain", acceptance=0.6)])


def film(trace: Trace, view="all", size=SIZE, fps=20.0, scheme="light", **options) -> Film:
    return Film(trace, view, size, fps, scheme, **options)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_frame_is_a_function_of_its_number(trace: Trace, view: str, scheme: str):
    """In order, at random, and in another film that draws each frame anew: the same pixels."""
    # Slow, so that a verification is seen in motion.
    options = {"start_s": 0.03, "stop_s": 0.075, "speed": 0.03, "fps": 10, "scheme": scheme}
    first, second = film(trace, view, **options), film(trace, view, **options)
    n = first.n_frames
    assert n >= 14
    frames = [first.frame(i).copy() for i in range(n)]
    assert {(f.width(), f.height()) for f in frames} == {SIZE}
    assert {f.format() for f in frames} == {QImage.Format.Format_RGB32}
    order = list(range(n))
    random.Random(1).shuffle(order)
    for i in order:
        second._fresh = True  # all of it, not only what changed
        assert second.frame(i) == frames[i], i
    for i in order:
        assert first.frame(i) == frames[i], i
    assert any(a != b for a, b in pairwise(frames)), "something moves"


def test_it_says_whether_anything_changed(trace: Trace):
    moving = film(trace, "stream", stop_s=0.05, fps=200)
    before, same = moving.frame(0).copy(), 0
    for i in range(1, moving.n_frames):
        now = moving.frame(i).copy()
        if not moving.changed():
            assert now == before
            same += 1
        before = now
    again = film(trace, "stream", stop_s=0.05)
    again.frame(0)
    assert again.changed()
    again.frame(0)
    assert not again.changed()


def test_it_lasts_as_long_as_the_run_and_then_rests(trace: Trace):
    seconds = trace.run.clock[-1] / 1e9
    whole = film(trace)
    assert whole.duration_s == pytest.approx(seconds + END_HOLD_S)
    assert whole.n_frames == pytest.approx(20 * whole.duration_s, abs=1)
    end = whole.frame(whole.n_frames - 1).copy()
    assert whole.frame(whole.n_frames - 5) == end, "it rests"
    slow = film(trace, speed=0.25)
    assert slow.duration_s == pytest.approx(4 * seconds + END_HOLD_S)
    part = film(trace, start_s=0.01, stop_s=0.03)
    assert part.duration_s == pytest.approx(0.02)
    assert film(trace, start_s=seconds + 1).n_frames == 0
    assert film(trace, fps=0.0).n_frames >= 1, "a picture"


def test_the_size_is_exact_and_larger_ones_are_only_finer(trace: Trace):
    for size in ((640, 360), (360, 360), (360, 640), (1280, 720)):
        picture = film(trace, "all", size, start_s=0.04).frame(0)
        assert (picture.width(), picture.height()) == size
    small = film(trace, "round", (640, 360), start_s=0.04).frame(0).copy()
    large = film(trace, "round", (1280, 720), start_s=0.04).frame(0)
    down = large.scaled(640, 360, mode=_smooth())
    off = [
        abs(a - b)
        for x in range(0, 640, 7)
        for y in range(0, 360, 7)
        for a, b in zip(
            small.pixelColor(x, y).getRgb()[:3], down.pixelColor(x, y).getRgb()[:3], strict=True
        )
    ]
    assert sum(off) / len(off) < 4


def _smooth():
    from PySide6.QtCore import Qt

    return Qt.TransformationMode.SmoothTransformation


def test_a_race_needs_two_runs(trace: Trace):
    alone = Trace(make_events(rounds=5))
    with pytest.raises(RenderError, match="one run only"):
        film(alone, "race")
    assert film(alone, "race", against=trace).n_frames > 0
    empty = Trace(make_events(rounds=0))
    with pytest.raises(RenderError, match="no token"):
        film(alone, "race", against=empty)


@pytest.mark.parametrize(
    "odd",
    [
        Trace(make_events(rounds=4, reason=None, open_drafted=2)),
        Trace(make_events(rounds=6, role="baseline")),
        Trace(make_events(rounds=4, temperature=0.0, drafter="ngram")),
        tree_trace((2, 2), 2),
        Trace(make_events(rounds=0, reason="error")),
    ],
    ids=["truncated", "plain", "greedy copies", "tree", "failed"],
)
@pytest.mark.parametrize("view", [v for v in VIEWS if v != "race"])
def test_odd_runs_are_shown_too(odd: Trace, view: str):
    made = film(odd, view, (320, 180), speed=0.2)
    for i in sorted({0, made.n_frames // 2, made.n_frames - 1}):
        assert not made.frame(i).isNull() or not made.n_frames


def test_it_can_be_drawn_as_shapes(trace: Trace):
    image = QImage(*SIZE, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    made = film(trace, "round", start_s=0.04)
    made.paint(painter)
    painter.end()
    assert image == film(trace, "round", start_s=0.04).frame(0)


def test_the_slow_figures_change_four_times_a_second(trace: Trace):
    made = film(trace, "plots", fps=40, speed=0.05)
    frames = [made.frame(i).copy() for i in range(40)]
    changes = [i for i in range(1, 40) if frames[i] != frames[i - 1]]
    assert all(i % 10 == 0 for i in changes)


def test_nothing_personal_is_said(trace: Trace):
    demo = read_trace(DEMO)
    for run in (trace.run, demo.run):
        words = " ".join(setting_words(run))
        assert "/" not in words
        assert "\\" not in words
        assert run.started.models.target.name in words
