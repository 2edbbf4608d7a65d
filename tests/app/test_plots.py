"""The plots panel: what it says in each state of a run, and how it behaves under the mouse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.theme import Scheme, contrast, install, set_palette, set_scheme, theme
from app.views.plots import PlotsPanel, axes, labels
from app.views.plots.curve_plot import CurvePlot
from app.views.plots.time_card import under_white
from engine.cost import times
from engine.trace import Run, Trace
from tests.app.traces import make_events, make_trace
from tests.screenshots.plots import SCENES, pair

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(autouse=True)
def _themed(qapp: QApplication) -> Iterator[None]:
    install(qapp)
    set_scheme("light")
    yield
    set_palette("standard")
    set_scheme("system")


def shown(
    qtbot: QtBot, run: Run | None, baseline: Run | None = None, width: int = 340
) -> PlotsPanel:
    panel = PlotsPanel()
    qtbot.addWidget(panel)
    panel.resize(width, 850)
    panel.set_run(run, baseline)
    panel.show()
    panel.refresh(force=True)
    QApplication.processEvents()
    return panel


def plot_of(panel: PlotsPanel) -> CurvePlot:
    assert panel.speedup.plot is not None
    return panel.speedup.plot


def finished() -> tuple[Run | None, Run | None]:
    return pair(make_trace(rounds=31, baseline_rounds=200))


# states


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [240, 340, 700])
@pytest.mark.parametrize("scene", [s for s in SCENES if s != "long"])
def test_every_state_is_painted(qtbot: QtBot, scene: str, width: int, scheme: Scheme) -> None:
    """No warning of Qt's, nothing wider than the column, and more than the bare panel."""
    set_scheme(scheme)
    panel = shown(qtbot, *SCENES[scene](), width=width)
    image = panel.grab().toImage()
    assert panel.widget().width() <= width
    colours = {image.pixelColor(x, y).name() for x in range(0, width, 5) for y in range(0, 850, 7)}
    assert theme().panel.name() in colours
    assert len(colours) > 3


def test_nothing_to_show(qtbot: QtBot) -> None:
    panel = shown(qtbot, None)
    assert panel.snapshot is None
    for card in panel.cards:
        assert card.csv() == ""
        assert card.accessibleDescription() == ""
    assert panel.speedup.empty_text() == "Speedup against the measured baseline"


def test_headline_speedup(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    assert panel.snapshot is not None
    speedup = panel.snapshot.figures.speedup
    assert speedup is not None
    assert panel.speedup.scene(panel.snapshot).now == (times(speedup), "")
    assert panel.speedup.main_curve()[-1] == pytest.approx(speedup)
    assert panel.speedup.accessibleDescription() == f"{times(speedup)}, measured"


def test_lines_name_their_kind(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    assert panel.snapshot is not None
    names = [line.label for line in panel.speedup.scene(panel.snapshot).lines]
    assert names[0].startswith("verify-aware ceiling ")
    assert names[1].startswith("modelled ")
    assert panel.speedup.captions[0].startswith("measured")


def test_toy_figures_are_called_simulated(qtbot: QtBot) -> None:
    panel = shown(qtbot, *SCENES["toy"]())
    cards = (
        panel.speedup, panel.rate, panel.acceptance, panel.lengths, panel.time, panel.waterfall,
    )  # fmt: skip
    for card in cards:
        assert "simulated" in card.captions[0]
        assert not any("measured" in caption for caption in card.captions)


def test_of_made_up_weights_only_the_times_are_measured(qtbot: QtBot) -> None:
    baseline, run = make_trace(synthetic=True).runs
    panel = shown(qtbot, run, baseline)
    for card in (panel.acceptance, panel.lengths):
        assert card.captions[0].startswith("simulated")
    assert all("simulated" in caption for caption in panel.acceptance.captions), "narrow ones too"
    for card in (panel.speedup, panel.rate, panel.time, panel.waterfall):
        assert card.captions[0].startswith("measured")
    assert panel.snapshot is not None
    assert panel.snapshot.remark == "simulated acceptance, measured time"


def test_without_a_baseline_it_says_why(qtbot: QtBot) -> None:
    panel = shown(qtbot, *SCENES["no-baseline"]())
    text = panel.speedup.empty_text()
    assert text == "No baseline measured:\nchoose Measure: before each run"
    assert panel.speedup.captions == ()
    assert panel.speedup.csv() == ""
    assert panel.speedup.plot is None or not panel.speedup.plot.isVisible()
    assert panel.rate.plot is not None
    assert panel.rate.plot.isVisible()


def test_a_baseline_run_says_so(qtbot: QtBot) -> None:
    panel = shown(qtbot, *SCENES["baseline"]())
    assert panel.speedup.empty_text() == "This run is the baseline"
    assert panel.acceptance.empty_text() == "Plain decoding proposes nothing"


def test_plain_decoding_proposes_nothing(qtbot: QtBot) -> None:
    panel = shown(qtbot, *SCENES["plain"]())
    assert panel.acceptance.empty_text() == "Plain decoding proposes nothing"
    assert panel.speedup.empty_text() == ""
    assert [name for name, _ in panel.time.parts()] == ["verify", "host"]


def test_before_the_first_verdict(qtbot: QtBot) -> None:
    trace = make_trace(rounds=0, baseline_rounds=20, open_drafted=3)
    panel = shown(qtbot, *pair(trace))
    assert panel.acceptance.empty_text()
    assert panel.lengths.bars() == ()
    assert panel.time.parts() == []


def test_positions_keep_their_places(qtbot: QtBot) -> None:
    """All γ positions have a slot from the first verdict on, judged or not."""
    panel = shown(qtbot, *pair(make_trace(rounds=1, gamma=8, acceptance=0.0)))
    bars = panel.acceptance.bars()
    assert [label for label, _ in bars] == [str(i) for i in range(1, 9)]
    assert bars[0][1] == 0.0
    assert all(np.isnan(rate) for _, rate in bars[1:])
    assert panel.acceptance.tip(3) == "Position 4: none judged yet"
    assert "0 of 1 judged" in panel.acceptance.tip(0)


def test_a_shorter_baseline_is_named_in_the_caption(qtbot: QtBot) -> None:
    panel = shown(qtbot, *pair(make_trace(rounds=31, baseline_rounds=40)))
    assert panel.snapshot is not None
    n = panel.snapshot.figures.compared_tokens
    assert panel.speedup.captions[0] == f"measured · first {n} tokens"


def test_figures_line(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    assert [item.name for item in panel.figures.items()] == ["α", "draft efficiency", "c", "T_v(6)"]
    assert all(box.right() <= panel.figures.width() for _, box in panel.figures.boxes())
    narrow = shown(qtbot, *finished(), width=240)
    assert narrow.figures.height() > panel.figures.height()


# refreshing


def growing() -> tuple[Trace, Iterator[object]]:
    trace = Trace(make_events(rounds=200, role="baseline"))
    events = make_events(rounds=20, baseline="baseline-0")
    trace.apply(next(events))
    return trace, events


def test_curves_follow_at_once_and_labels_in_their_turn(qtbot: QtBot) -> None:
    trace, events = growing()
    assert trace.run is not None
    panel = shown(qtbot, trace.run, trace.runs[0])
    taken: list[object] = []
    panel.snapshot_taken.connect(taken.append)
    assert panel._labels_due.isActive()
    for event in events:
        trace.apply(event)  # type: ignore[arg-type]
        panel.refresh()
    assert taken == []
    assert len(plot_of(panel).main.xData) == 20
    panel._labels_due.timeout.emit()  # a quarter of a second later, without another refresh
    assert len(taken) == 1
    assert panel.snapshot is not None
    assert panel.snapshot.figures.rounds == 20
    assert panel.snapshot.finished
    panel._labels_due.timeout.emit()
    assert len(taken) == 1  # nothing new


def test_force_does_not_wait(qtbot: QtBot) -> None:
    trace, events = growing()
    panel = shown(qtbot, trace.run, trace.runs[0])
    for event in events:
        trace.apply(event)  # type: ignore[arg-type]
    panel.refresh(force=True)
    assert panel.snapshot is not None
    assert panel.snapshot.figures.rounds == 20


def test_in_a_frame_of_many_the_cards_come_one_by_one(qtbot: QtBot) -> None:
    trace, events = growing()
    panel = shown(qtbot, trace.run, trace.runs[0])
    for event in events:
        trace.apply(event)  # type: ignore[arg-type]
    panel._labels_due.stop()
    panel.refresh(part=0)

    def new() -> int:
        return sum(card.snapshot is panel.snapshot for card in panel.cards)

    assert panel.snapshot is not None
    assert panel.snapshot.finished
    seen = []
    while new() < len(panel.cards):
        panel._show_next()
        seen.append(new())
    assert seen == list(range(1, len(panel.cards) + 1))
    assert not panel._card_due.isActive()
    assert len(plot_of(panel).main.xData) == 20


def test_a_curve_that_grew_by_less_than_can_be_seen_waits(qtbot: QtBot) -> None:
    run, baseline = pair(make_trace(rounds=3000, baseline_rounds=16_000))
    assert run is not None
    events = list(run.events)
    part = Trace(events[:-40]).run
    assert part is not None
    panel = shown(qtbot, part, baseline)
    drawn = len(plot_of(panel).main.xData)
    assert drawn == part.n_finished_rounds
    while part.n_finished_rounds == drawn:
        part.apply(events[part.n_events])
    panel.refresh(part=0)
    assert len(plot_of(panel).main.xData) == drawn
    panel.refresh(force=True)
    assert len(plot_of(panel).main.xData) == drawn + 1
    # Negative control: where there is room for it, it is drawn at once.
    few = Trace(events[:40]).run
    assert few is not None
    panel = shown(qtbot, few, baseline)
    drawn = few.n_finished_rounds
    while few.n_finished_rounds == drawn:
        few.apply(events[few.n_events])
    panel.refresh(part=0)
    assert len(plot_of(panel).main.xData) == drawn + 1


def test_a_hidden_panel_draws_when_it_is_shown(qtbot: QtBot) -> None:
    panel = PlotsPanel()
    qtbot.addWidget(panel)
    panel.set_run(*finished())
    assert panel.speedup.plot is None
    panel.show()
    assert len(plot_of(panel).main.xData) == 31


def test_another_run_replaces_the_first(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    panel.set_run(*pair(make_trace(rounds=7, seed=5, baseline_rounds=60)))
    assert len(plot_of(panel).main.xData) == 7
    panel.set_run(None)
    assert not plot_of(panel).isVisible()
    assert panel.snapshot is None


def test_pyqtgraph_is_not_imported_with_the_panel() -> None:
    """It costs a sixth of the time in which the window must be on the screen."""
    code = "import sys, app.views.plots as p; print([m for m in sys.modules if 'pyqtgraph' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_plot_is_made_after_the_first_paint(qtbot: QtBot) -> None:
    panel = PlotsPanel()
    qtbot.addWidget(panel)
    panel.resize(340, 850)
    panel.show()
    assert panel.speedup.plot is None
    qtbot.waitUntil(lambda: panel.speedup.plot is not None)


# mouse


def wheel(
    panel: PlotsPanel,
    delta: int,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """Turn the wheel over the speedup curve, through the window, as the system does."""
    plot = plot_of(panel)
    at = plot.viewport().mapTo(panel, plot.plot.center().toPoint())
    QTest.wheelEvent(panel.windowHandle(), QPointF(at), QPoint(0, delta), stateKey=modifiers)
    QApplication.processEvents()


def test_the_wheel_scrolls_the_column(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    panel.resize(340, 400)
    QApplication.processEvents()
    plot = plot_of(panel)
    before = plot.view.viewRange()
    wheel(panel, -120)
    assert plot.view.viewRange() == before
    assert plot.following
    assert panel.verticalScrollBar().value() > 0


def test_control_and_wheel_look_closer_and_double_click_returns(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    plot = plot_of(panel)
    whole = plot.view.viewRange()[0]
    wheel(panel, 480, CONTROL)
    assert not plot.following
    low, high = plot.view.viewRange()[0]
    assert high - low < whole[1] - whole[0]
    qtbot.mouseDClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(100, 60))
    assert plot.following
    assert plot.view.viewRange()[0] == pytest.approx(whole)


def test_zooming_out_follows_again(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    plot = plot_of(panel)
    wheel(panel, 480, CONTROL)
    wheel(panel, -2400, CONTROL)
    assert plot.following


def test_dragging_the_whole_run_does_not_stop_it(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    plot = plot_of(panel)
    plot.view.sigRangeChangedManually.emit([True, False])
    assert plot.following


def test_the_crosshair_finds_the_nearest_round(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    plot = plot_of(panel)
    for index in (0, 9, 30):
        pixel = plot.x_at(panel.speedup.tokens[index])
        assert plot.nearest(pixel + 0.4) == index
    assert plot.nearest(plot.plot.left() - 5) is None
    assert plot.nearest(plot.plot.left()) == 0
    text = panel.speedup.describe(30)
    assert text.endswith(times(float(panel.speedup.main_curve()[30])))
    before = plot.grab().toImage()
    qtbot.mouseMove(plot.viewport(), QPoint(100, 60))
    assert plot.grab().toImage() != before


# right click


MENU = [
    "Copy image", "Copy data as CSV", "", "Save as PNG…", "Save as SVG…", "Save data as CSV…",
]  # fmt: skip


def test_the_menu_copies_and_saves_and_nothing_else(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    for card in panel.cards:
        menu = card.build_menu()
        assert [a.text() for a in menu.actions()] == MENU
        assert all(action.isEnabled() for action in menu.actions())
    empty = shown(qtbot, None)
    disabled = [a.text() for a in empty.rate.build_menu().actions() if not a.isEnabled()]
    assert disabled == ["Copy data as CSV", "Save data as CSV…"]


def test_copies(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    panel.speedup.copy_csv()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "tokens,speedup_measured"
    assert len(lines) == 32
    panel.time.copy_image()
    copied = QGuiApplication.clipboard().image()
    assert copied.size() == 2 * (panel.time.size() + QSize(32, 32))
    assert copied.pixelColor(4, 4) == theme().panel


@pytest.mark.parametrize(
    "name", ["speedup", "rate", "acceptance", "lengths", "time", "waterfall", "figures"]
)
def test_csv_is_rectangular(qtbot: QtBot, name: str) -> None:
    panel = shown(qtbot, *finished())
    lines = getattr(panel, name).csv().splitlines()
    assert len(lines) > 1
    assert len({line.count(",") for line in lines}) == 1


# look


def test_a_change_of_theme_reaches_everything(qtbot: QtBot) -> None:
    panel = shown(qtbot, *finished())
    light = panel.grab().toImage()
    assert light.pixelColor(5, 5) == theme().panel
    set_scheme("dark")
    QApplication.processEvents()
    dark = panel.grab().toImage()
    assert dark.pixelColor(5, 5) == theme().panel
    plot = panel.speedup.mapTo(panel, plot_of(panel).pos()) + QPoint(40, 60)
    assert dark.pixelColor(plot).lightnessF() < 0.3 < light.pixelColor(plot).lightnessF()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("palette", ["standard", "okabe-ito"])
def test_white_reads_on_the_time_bar(scheme: Scheme, palette: str) -> None:
    set_scheme(scheme)
    set_palette(palette)  # type: ignore[arg-type]
    for hue in (theme().draft, theme().target):
        assert contrast(under_white(hue), QColor("#ffffff")) >= 4.5


@given(st.floats(1e-3, 1e6), st.integers(1, 8))
def test_axes_hold_what_they_show(highest: float, marks: int) -> None:
    top, step = axes.nice_top(highest, marks)
    assert highest <= top
    assert 0 < len(axes.steps(top, step)) <= 2 * marks + 1
    assert axes.steps(top, step)[-1] <= top * (1 + 1e-9)


@given(st.integers(0, 1_000_000), st.integers(1, 1_000_000))
def test_the_token_axis_is_long_enough(tokens: int, limit: int) -> None:
    length = axes.nice_length(tokens, limit)
    assert length >= max(tokens, 1)
    assert length <= max(limit, tokens, 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (25.0, "25"), (1000.0, "1000"), (12_500.0, "12.5k"), (1_500_000.0, "1.5M")],
)
def test_figures_on_axes(value: float, text: str) -> None:
    assert axes.number(value) == text


@given(
    st.lists(st.floats(20, 170), min_size=0, max_size=2),
    st.floats(40, 290),
    st.floats(20, 170),
)
def test_labels_keep_clear_of_each_other(levels: list[float], x: float, y: float) -> None:
    """In a plot with room for all, names and figure never overlap."""
    plot = QRectF(28, 4, 272, 175)
    texts = ["verify-aware ceiling 2.3×", "modelled 1.48×"][: len(levels)]
    placed = labels.place(plot, levels, texts, QPointF(x, y), QSizeF(60, 20))
    assert placed.now is not None
    boxes = [*placed.names, placed.now]
    assert not any(a.intersects(b) for a, b in combinations(boxes, 2))
    assert all(box.right() <= plot.right() + 1 for box in boxes)


def test_labels_stay_where_they_are() -> None:
    """A head that wobbles by a pixel does not make the figure jump."""
    plot, levels, texts = QRectF(28, 4, 272, 175), [60.0, 90.0], ["ceiling", "modelled"]
    first = labels.place(plot, levels, texts, QPointF(200, 75), QSizeF(60, 20))
    for y in (74.0, 76.0, 75.0):
        again = labels.place(
            plot, levels, texts, QPointF(200, y), QSizeF(60, 20), last=first.choice
        )
        assert again.choice == first.choice


def test_positions_of_trees_are_depths(qtbot: QtBot) -> None:
    panel = shown(qtbot, *SCENES["tree"]())
    card = panel.acceptance
    assert card.title == "Acceptance by depth"
    assert card.accessibleName() == card.title
    assert [label for label, _ in card.bars()] == ["1", "2", "3", "4"]
    assert card.tip(0).startswith("Depth 1: ")
    assert card.csv().startswith("depth,judged")
    assert card.accessibleDescription().startswith("depth 1: ")
    panel.set_run(*finished())
    panel.refresh(force=True)
    assert card.title == "Acceptance by position"
    assert card.tip(0).startswith("Position 1: ")
    lengths = shown(qtbot, *SCENES["tree"]()).lengths
    assert [label for label, _ in lengths.bars()][-1] == "5"  # the path and one more
