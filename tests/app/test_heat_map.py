"""The heat map: colours for the eye, geometry, keys and pointer, and what it does not draw anew."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QScrollArea

from app import theme
from app.experiment_maps import MapCell, MapState, MapTable
from app.experiment_words import Label
from app.views.heat_colours import STEPS, Scale, colour, scale_of, srgb
from app.views.heat_layout import GAP, LEAST, LEGEND, MOST, Sizes, arrange
from app.views.heat_map import HeatMap
from engine.experiments.results import Interval

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def cell(
    value: float | None, state: MapState = "done", reason: str = "", note: str = ""
) -> MapCell:
    if value is None:
        return MapCell(state=state, reason=reason)
    found = Interval(value, 0.9 * value, 1.1 * value, 6)
    return MapCell(found, state, f"{value:.2f}", reason, note)


def table(values, optimum=(), states=None) -> MapTable:
    """values[row][column]; states: of single places."""
    rows = [
        tuple((states or {}).get((r, c)) or cell(v) for c, v in enumerate(row))
        for r, row in enumerate(values)
    ]
    columns = len(rows[0])
    return MapTable(
        "Speedup", "measured", "speedup", True, "Drafter", "γ",
        tuple(Label(f"row {r}", f"all of row {r}") for r in range(len(rows))),
        tuple(Label(str(c + 1), f"γ = {c + 1}") for c in range(columns)),
        tuple(range(len(rows))), tuple(range(columns)), tuple(rows), tuple(optimum),
    )  # fmt: skip


GRID = [[0.6, 1.0, 1.4], [0.9, 1.1, 2.0]]


@pytest.fixture
def heat(qtbot) -> HeatMap:
    made = HeatMap()
    qtbot.addWidget(made)
    made.resize(640, 320)
    made.show_table(table(GRID, (2, 1)))
    made.show()
    return made


def oklab(fill: QColor) -> tuple[float, ...]:
    """The opposite way, for the check (bottosson.github.io/posts/oklab)."""

    def linear(v: float) -> float:
        return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4

    r, g, b = map(linear, (fill.redF(), fill.greenF(), fill.blueF()))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


# Colours


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("centred", [False, True])
def test_ink_reads_on_every_fill(dark: bool, centred: bool):
    for step in range(-STEPS if centred else 0, STEPS + 1):
        fill = colour(step / STEPS, centred, dark)
        assert theme.contrast(fill, theme.text_on(fill)) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("centred", [False, True])
def test_equal_steps_look_equally_large(dark: bool, centred: bool):
    shares = [i / 4 for i in range(-4 if centred else 0, 5)]
    places = [oklab(colour(share, centred, dark)) for share in shares]
    steps = [math.dist(a, b) for a, b in pairwise(places)]
    assert max(steps) < 1.12 * min(steps)


def test_a_scale_mixed_in_srgb_would_not_pass_as_even():
    # Negative control: the naive ramp from white to a pure hue.
    places = [oklab(QColor.fromRgbF(1 - i / 4, 1 - i / 4, 1)) for i in range(5)]
    steps = [math.dist(a, b) for a, b in pairwise(places)]
    assert max(steps) > 1.12 * min(steps)


def test_the_fills_lie_in_the_gamut():
    for share in (-1.0, 1.0):
        for dark in (False, True):
            back = oklab(colour(share, True, dark))
            again = QColor.fromRgbF(*srgb(back[0], back[1], back[2]))
            assert math.dist(oklab(again), back) < 0.01
    assert srgb(1.0, 0.0, 0.0) == pytest.approx((1, 1, 1), abs=1e-3)


def test_faster_and_slower_differ_for_colour_blind_eyes():
    # What protan and deutan eyes keep is lightness and the blue-yellow axis, OKLab's b.
    for dark in (False, True):
        slow, fast = (oklab(colour(share, True, dark)) for share in (-1.0, 1.0))
        assert fast[2] < -0.05
        assert slow[2] > 0.05


def test_one_is_the_middle_and_factors_are_as_far_from_it():
    scale = scale_of([0.5, 1.0, 2.0], True)
    assert scale.share(1.0) == 0
    assert scale.share(2.0) == -scale.share(0.5) == 1
    assert scale.share(0.0) == -1
    assert colour(0.0, True, False) == scale.fill(1.0, theme.make_theme("light"))


def test_a_hopeless_cell_does_not_make_the_others_alike():
    scale = scale_of([0.05, 1.3], True)
    assert scale.low == pytest.approx(0.5)
    assert scale.share(0.05) == -1
    assert scale.share(1.3) > 0.35


def test_noise_does_not_fill_the_scale():
    assert scale_of([0.99, 1.01], True).high == pytest.approx(1.1)


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0], [0.0]])
def test_scales_of_few_values(values: list[float]):
    scale = scale_of(values, False)
    assert scale.low < scale.high
    assert all(0 <= scale.share(v) <= 1 for v in values)
    assert Scale(1.0, 1.0, False).share(1.0) == 0.5


# Geometry


def test_cells_share_the_room_and_keep_to_their_bounds():
    sizes = Sizes(100, 20)
    some = arrange(4, 5, sizes, 800, 400)
    assert some.cell_width == 140
    assert some.right <= 800
    assert some.bottom <= 400 - LEGEND
    assert arrange(100, 100, sizes, 800, 400).cell_width == LEAST[0]
    one = arrange(1, 1, sizes, 8000, 4000)
    assert (one.cell_width, one.cell_height) == MOST


def test_every_point_of_a_cell_finds_it():
    layout = arrange(3, 4, Sizes(80, 20), 500, 300)
    for row in range(3):
        for column in range(4):
            box = layout.cell(row, column)
            assert layout.at(box.left(), box.top()) == (row, column)
            assert layout.at(box.right() - 1, box.bottom() - 1) == (row, column)
    assert layout.at(layout.left - 1, layout.top) is None
    assert layout.at(layout.right, layout.top) is None
    assert layout.at(layout.left, layout.bottom) is None


def test_the_optimum_runs_through_its_columns_and_between_rows():
    layout = arrange(4, 3, Sizes(80, 20), 500, 300)
    first, second = layout.optimum((1, 2, None, 0))
    assert len(first) == 4
    assert len(second) == 2
    for row, column in ((0, 1), (1, 2)):
        box = layout.cell(row, column)
        for point in first[2 * row : 2 * row + 2]:
            assert box.left() < point.x() < box.left() + 8
    # It crosses from one column to the next in the gap.
    assert first[1].y() == first[2].y() == layout.cell(1, 0).top() - GAP / 2
    assert layout.optimum((None, None)) == []


# The widget


def test_hovering_draws_no_cell_anew(heat: HeatMap, qtbot):
    heat.grab()
    assert heat.n_drawn == 1
    for place in ((0, 0), (1, 2), (0, 1)):
        with qtbot.waitSignal(heat.hovered) as told:
            qtbot.mouseMove(heat, centre(heat, place))
        assert tuple(told.args) == place
        heat.grab()
    with qtbot.waitSignal(heat.hovered) as told:
        qtbot.mouseMove(heat, QPoint(2, 2))
    assert told.args == [-1, -1]
    heat.choose((1, 1))
    heat.grab()
    assert heat.n_drawn == 1
    heat.show_table(table(GRID))
    heat.grab()
    assert heat.n_drawn == 2


def test_the_ring_is_seen(heat: HeatMap, qtbot):
    before = heat.grab().toImage()
    heat.choose((0, 1))
    after = heat.grab().toImage()
    box = heat.arranged.cell(0, 1).toAlignedRect().adjusted(-2, -2, 2, 2)
    assert before.copy(box) != after.copy(box)
    other = heat.arranged.cell(1, 0).toAlignedRect()
    assert before.copy(other) == after.copy(other)


def test_keys_move_and_open(heat: HeatMap, qtbot):
    moved: list[tuple[int, int]] = []
    heat.selected.connect(lambda row, column: moved.append((row, column)))
    K = Qt.Key
    for key in (K.Key_Right, K.Key_Right, K.Key_Down, K.Key_Down, K.Key_Home, K.Key_End):
        qtbot.keyClick(heat, key)
    # The first key finds the first cell; at an edge nothing is told.
    assert moved == [(0, 0), (0, 1), (1, 1), (1, 0), (1, 2)]
    qtbot.keyClick(heat, K.Key_Home, Qt.KeyboardModifier.ControlModifier)
    assert heat.chosen == (0, 0)
    with qtbot.waitSignal(heat.activated) as told:
        qtbot.keyClick(heat, K.Key_Return)
    assert told.args == [0, 0]


def test_click_chooses_and_double_click_opens(heat: HeatMap, qtbot):
    with qtbot.waitSignal(heat.selected) as told:
        qtbot.mouseClick(heat, Qt.MouseButton.LeftButton, pos=centre(heat, (1, 2)))
    assert told.args == [1, 2]
    with qtbot.assertNotEmitted(heat.selected):
        qtbot.mouseClick(heat, Qt.MouseButton.RightButton, pos=centre(heat, (0, 0)))
    with qtbot.waitSignal(heat.activated) as told:
        qtbot.mouseDClick(heat, Qt.MouseButton.LeftButton, pos=centre(heat, (0, 1)))
    assert told.args == [0, 1]


def test_tooltips_say_all_of_a_cell(heat: HeatMap):
    states = {
        (0, 0): cell(None, "refused", "The vocabularies differ."),
        (0, 1): cell(None, "absent"),
        (1, 1): cell(1.1, "partial", "1 of 6 not finished yet."),
    }
    heat.show_table(table(GRID, (2, 1), states))
    refused, _ = heat.tip_at(centre(heat, (0, 0)))
    assert "Refused" in refused
    assert "The vocabularies differ." in refused
    assert "no such combination" in heat.tip_at(centre(heat, (0, 1)))[0]
    partial, area = heat.tip_at(centre(heat, (1, 1)))
    assert "Speedup, measured: 1.10×, 95 % interval 0.99× to 1.21×, n = 6" in partial
    assert "Incomplete" in partial
    assert "cost model" in partial
    assert area.contains(centre(heat, (1, 1)))
    assert heat.tip_at(heat.arranged.row_label(1).center().toPoint())[0] == "all of row 1"
    assert heat.tip_at(heat.arranged.column_label(2).center().toPoint())[0] == "γ = 3"
    assert heat.tip_at(QPoint(1, 1))[0] == ""


def test_states_look_different(heat: HeatMap):
    def picture(made: MapCell):
        heat.show_table(table([[1.2, 1.2]], (), {(0, 1): made}))
        return heat.grab(heat.arranged.cell(0, 1).toAlignedRect()).toImage()

    looks = [
        picture(cell(1.2)),
        picture(cell(1.2, "partial")),
        picture(cell(None, "failed")),
        picture(cell(None, "waiting")),
        picture(cell(None, "refused")),
        picture(cell(None, "absent")),
    ]
    assert all(a != b for i, a in enumerate(looks) for b in looks[:i])
    assert picture(cell(1.2)) == looks[0]


def test_labels_stay_where_the_map_is_scrolled(heat: HeatMap, qtbot):
    area = QScrollArea()
    qtbot.addWidget(area)
    area.setWidgetResizable(True)
    area.setWidget(heat)
    area.resize(300, 200)
    heat.show_table(table([[1.0 + r / 40 + c / 40 for c in range(20)] for r in range(20)]))
    area.show()
    corner = QRectF(0, 24, 40, 12).toRect()
    head = heat.grab(corner).toImage()
    area.verticalScrollBar().setValue(100)
    area.horizontalScrollBar().setValue(100)
    heat.set_scrolled(QPoint(100, 100))
    assert heat.grab(corner.translated(100, 100)).toImage() == head
    under = QPointF(100.0 + heat.arranged.left - 20, 100.0 + heat.arranged.top + 40)
    assert heat.arranged.at(under.x(), under.y()) is not None
    assert "row" in heat.tip_at(under.toPoint())[0]
    assert heat._under(under) is None
    area.takeWidget()  # the test's own to close


def test_column_labels_stand_upright_where_they_are_too_wide(heat: HeatMap):
    assert not heat._upright
    made = table(GRID)
    wide = tuple(Label("a-prompt-with-a-very-long-name-indeed" * 2, "") for _ in made.columns)
    low = heat.arranged.top
    heat.show_table(dataclasses.replace(made, columns=wide))
    assert heat._upright
    assert heat.arranged.top > low


def test_nothing_to_show(heat: HeatMap, qtbot):
    heat.show_table(None)
    heat.grab()
    qtbot.keyClick(heat, Qt.Key.Key_Right)
    qtbot.mouseMove(heat, QPoint(100, 100))
    assert heat.chosen is None
    assert heat.tip_at(QPoint(100, 100))[0] == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_follows_the_theme(heat: HeatMap, scheme):
    theme.set_scheme("light" if scheme == "dark" else "dark")
    before = heat.grab().toImage()
    theme.set_scheme(scheme)
    assert heat.grab().toImage() != before
    theme.set_scheme("system")


def centre(heat: HeatMap, place: tuple[int, int]) -> QPoint:
    return heat.arranged.cell(*place).center().toPoint()
