"""The waterfall's card: what it draws and says in each state of a run, and that it has its room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QRectF
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from app.theme import install, set_scheme
from app.views.plots import PlotsPanel
from app.views.plots.waterfall_card import LABELS, N_ROWS, WaterfallCard, change_text
from engine.metrics import figures
from engine.waterfall import DRAFT_TIME, HOST_TIME, REJECTED, VERIFY_WIDTH
from tests.app.traces import make_trace
from tests.screenshots.plots import SCENES, Pair, pair, slower

WINDOW = (390, 787)
"""The panel in a window of 1600 x 900."""


@pytest.fixture(autouse=True)
def _themed(qapp: QApplication) -> Iterator[None]:
    install(qapp)
    set_scheme("light")
    yield
    _kept.clear()
    set_scheme("system")


_kept: list[PlotsPanel] = []
"""Panels of the running test: a card does not outlive its own."""


def shown(qtbot: QtBot, runs: Pair, size: tuple[int, int] = WINDOW) -> PlotsPanel:
    panel = PlotsPanel()
    qtbot.addWidget(panel)
    panel.resize(*size)
    panel.set_run(*runs)
    panel.show()
    panel.refresh(force=True)
    QApplication.processEvents()
    _kept.append(panel)
    return panel


def finished() -> Pair:
    return pair(make_trace(rounds=31, baseline_rounds=200))


def test_a_bar_for_each_cause(qtbot: QtBot) -> None:
    run, baseline = finished()
    assert run is not None
    card = shown(qtbot, (run, baseline)).waterfall
    steps = card.steps()
    assert [step.name for step in steps] == list(LABELS)
    assert len(steps) == N_ROWS
    assert steps[-1].value == pytest.approx(figures(run, baseline).speedup, abs=1e-9)
    assert card.captions == ("measured",)


def test_bars_float_from_value_to_value(qtbot: QtBot) -> None:
    card = shown(qtbot, finished()).waterfall
    steps = card.steps()
    assert card.bar(0).left() == card.track.left()
    for i in range(1, N_ROWS):
        assert steps[i].change < 0
        assert card.bar(i).right() == pytest.approx(card.x_at(steps[i - 1].value))
        assert card.bar(i).left() == pytest.approx(card.x_at(steps[i].value))


@pytest.mark.parametrize("width", [240, 340, 390, 700])
@pytest.mark.parametrize("scene", ["finished", "slower", "gamma16", "close", "tree", "first"])
def test_nothing_covers_anything(qtbot: QtBot, scene: str, width: int) -> None:
    card = shown(qtbot, SCENES[scene](), (width, 850)).waterfall
    assert card.steps()
    for i in range(N_ROWS):
        bar, change = card.bar(i), card.change_box(i)
        assert card.track.adjusted(-0.1, 0, 1.1, 0).contains(bar)
        assert card.track.contains(change) or change == QRectF()
        assert not bar.intersects(change)


def pointed(card: WaterfallCard, index: int) -> tuple[bool, bool]:
    """Whether the upper left and right corners of a bar are cut off."""
    image, bar = card.grab().toImage(), card.bar(index)
    y, x = int(bar.top()) + 1, (int(bar.left()) + 1, int(bar.right()) - 1)
    hue = image.pixelColor(int(bar.center().x()), int(bar.center().y()))
    left, right = (image.pixelColor(at, y) != hue for at in x)
    return left, right


def test_a_bar_points_where_it_leads(qtbot: QtBot) -> None:
    """A pass over five tokens that is cheaper than a plain token, its host time included, gains."""
    card = shown(qtbot, slower(0.8, rounds=44, gamma=4, acceptance=0.7)).waterfall
    gain = [step.name for step in card.steps()].index(VERIFY_WIDTH)
    assert card.steps()[gain].change > 0.05
    assert card.bar(gain).left() == pytest.approx(card.x_at(card.steps()[gain - 1].value))
    assert pointed(card, gain) == (False, True)
    loss = [step.name for step in card.steps()].index(DRAFT_TIME)
    assert pointed(card, loss) == (True, False)


def test_changes_have_signs() -> None:
    assert change_text(0.052) == "+0.05"
    assert change_text(-0.052) == "−0.05"
    assert change_text(-0.001) == "0.00"
    assert change_text(-11.76) == "−11.8"


@pytest.mark.parametrize(
    ("scene", "text"),
    [
        ("empty", WaterfallCard.hint),
        ("no-baseline", "No baseline measured: choose Measure: before each run"),
        ("baseline", "This run is the baseline"),
        ("plain", "Plain decoding proposes nothing"),
    ],
)
def test_it_says_why_there_is_nothing(qtbot: QtBot, scene: str, text: str) -> None:
    card = shown(qtbot, SCENES[scene]()).waterfall
    assert card.steps() == ()
    assert card.empty_text() == text
    assert card.captions == ()
    assert card.csv() == ""
    assert card.accessibleDescription() == ("" if scene == "empty" else text)


def test_a_shorter_baseline_is_named(qtbot: QtBot) -> None:
    card = shown(qtbot, pair(make_trace(rounds=31, baseline_rounds=40))).waterfall
    assert card.snapshot is not None
    compared = card.snapshot.figures.compared_tokens
    assert card.captions[0] == f"measured · first {compared} tokens"


def test_toys_are_simulated(qtbot: QtBot) -> None:
    card = shown(qtbot, SCENES["toy"]()).waterfall
    assert card.captions == ("simulated",)
    assert card.csv().splitlines()[0] == "step,speedup_simulated,change_simulated"
    assert "measured" not in card.tip(1)


def test_its_tooltips_explain(qtbot: QtBot) -> None:
    card = shown(qtbot, SCENES["slower"]()).waterfall
    names = [step.name for step in card.steps()]
    rejected = card.tip(names.index(REJECTED)).splitlines()
    assert rejected[0].startswith("Rejected and discarded tokens")
    assert rejected[1].startswith("Tokens a pass: rejected −")
    assert "discarded −" in rejected[1]
    for name in (VERIFY_WIDTH, DRAFT_TIME, HOST_TIME):
        first, model, even = card.tip(names.index(name)).splitlines()
        assert " −" in first
        assert model.startswith("Modelled 0.66×, measured 0.67×: most by acceptance, +0.")
        assert even == "Breaks even (modelled, γ = 4) at α = 0.90"


def test_the_tooltip_under_the_pointer(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    card = shown(qtbot, finished()).waterfall
    told: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda at, text, widget: told.append(text))
    for i in range(N_ROWS):
        at = card.row(i).center().toPoint()
        QApplication.sendEvent(card, QHelpEvent(QEvent.Type.ToolTip, at, card.mapToGlobal(at)))
    assert told == [card.tip(i) for i in range(N_ROWS)]


def test_it_is_read_out(qtbot: QtBot) -> None:
    text = shown(qtbot, finished()).waterfall.accessibleDescription()
    assert text.startswith("all accepted 6.0×, rejected and discarded −2.26 to 3.7×, ")
    assert text.endswith("to 2.1×")


@pytest.mark.parametrize("scene", list(SCENES)[:11])
def test_all_cards_have_room_in_the_window(qtbot: QtBot, scene: str) -> None:
    """Without scrolling, at 1600 x 900."""
    panel = shown(qtbot, SCENES[scene]())
    assert not panel.verticalScrollBar().maximum()
    assert all(card.height() >= card.least_height for card in panel.cards)


def test_in_less_height_the_panel_scrolls(qtbot: QtBot) -> None:
    """The negative control: the cards keep their height."""
    panel = shown(qtbot, finished(), (390, 700))
    assert panel.verticalScrollBar().maximum()
    assert panel.waterfall.height() >= panel.waterfall.least_height
