"""Presenter mode: what is on the stage, and how it is steered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAction, QImage, QKeyEvent

from app import motion, theme
from app.panels.present import PresentView, fitted, largest
from app.player import Player
from app.race import Race
from app.settings import Settings
from app.stage.stage import Size
from engine.trace import Run, Trace
from tests.app.traces import make_events

# Windows of the offscreen platform have no order and no frame.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Key = Qt.Key


@pytest.fixture
def trace() -> Trace:
    baseline = list(make_events(rounds=60, role="baseline", run_id="plain"))
    events = list(make_events(rounds=20, seed=4, baseline="plain"))
    return Trace([*baseline, *events])


@pytest.fixture
def player(qapp, trace) -> Player:
    player = Player(clock=lambda: 0)
    player.set_run(trace.run)
    return player


@pytest.fixture
def make(
    qtbot, settings: Settings, player: Player, trace: Trace
) -> Iterator[Callable[..., object]]:
    made = []

    def make(race: Race | None = None, actions: list[QAction] | None = None) -> PresentView:
        view = PresentView(settings, player, trace.baseline_of, lambda: race, actions or [])
        qtbot.addWidget(view)
        made.append(view)
        view.show()
        view.resize(1280, 800)
        view.build()
        return view

    yield make
    for view in made:
        view.close()
    theme.set_scheme("system")
    motion.set_reduced(None)


def press(view: PresentView, key: Qt.Key) -> None:
    view.keyPressEvent(QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))


def picture(view: PresentView) -> QImage:
    return view._picture.copy()


@pytest.mark.parametrize(
    ("shape", "room", "size"),
    [
        ((16, 9), (1920, 1200), (1920, 1080)),
        ((16, 9), (1000, 1000), (1000, 562)),
        ((1, 1), (1920, 1080), (1080, 1080)),
        ((9, 16), (3840, 2160), (1215, 2160)),
    ],
)
def test_the_stage_is_as_large_as_the_screen_allows(shape, room, size):
    assert largest(shape, Size(*room)) == size


def test_fixed_sizes():
    assert fitted((16, 9), 1080) == (1920, 1080)
    assert fitted((16, 9), 2160) == (3840, 2160)
    assert fitted((1, 1), 1080) == (1080, 1080)
    assert fitted((9, 16), 1080) == (1080, 1920)


def test_it_follows_the_player(make, player: Player):
    view = make()
    at_end = picture(view)
    player.seek_round(4)
    early = picture(view)
    assert early != at_end
    player.to_end()
    view.build()  # figures included, which come a little later
    assert picture(view) == at_end


def test_what_was_drawn_in_parts_is_what_is_drawn_at_once(make, player: Player):
    view = make()
    for index in (3, 4, 5, 12, 2):
        player.seek_round(index)
        view._follow(figures=True)
        parts = picture(view)
        view.build()
        assert picture(view) == parts


def test_keys_choose_view_and_shape(make, settings: Settings):
    view = make()
    seen = [picture(view)]
    for key, name in ((Key.Key_2, "round"), (Key.Key_3, "stream"), (Key.Key_5, "plots"),
                      (Key.Key_6, "inspector")):  # fmt: skip
        press(view, key)
        assert view.stage.view == name
        assert picture(view) not in seen
        seen.append(picture(view))
    press(view, Key.Key_A)
    assert view.now.shape == "1:1"
    assert view.stage.size_in_pixels == (800, 800)
    press(view, Key.Key_A)
    assert view.now.shape == "9:16"
    assert settings.presenting == view.now, "remembered"


def test_a_fixed_size_is_exact(make):
    view = make()
    view.change(fixed="1080p")
    assert view.size() == QSize(1920, 1080)
    assert view.stage.size_in_pixels == (1920, 1080)
    view.change(shape="1:1")
    assert view.size() == QSize(1080, 1080)
    view.change(fixed="")
    assert view.maximumWidth() > 10_000


def test_a_caption_is_typed(make, qtbot):
    view = make()
    before = picture(view)
    press(view, Key.Key_C)
    assert view.caption_field.isVisible()
    view.caption_field.setText("  One pass judges them all ")
    view.caption_field.returnPressed.emit()
    assert not view.caption_field.isVisible()
    assert view.now.caption == "One pass judges them all"
    assert picture(view) != before


def test_pressed_keys_are_named_for_a_while(make):
    view = make()
    view._show_keys("")
    still = picture(view)
    event = QKeyEvent(QEvent.Type.ShortcutOverride, Key.Key_F10, Qt.KeyboardModifier.NoModifier)
    view.event(event)
    assert view.stage.caption.keys == "F10"
    assert picture(view) != still
    view._unkey.timeout.emit()
    assert picture(view) == still
    press(view, Key.Key_K)
    view.event(event)
    assert view.stage.caption.keys == "", "switched off"


def test_the_theme_is_the_windows(make):
    view = make()
    theme.set_scheme("light")
    light = picture(view)
    theme.set_scheme("dark")
    dark = picture(view)
    assert light != dark
    assert dark.pixelColor(2, 2) == theme.theme().window


def test_the_race_has_its_own_clock(make, trace: Trace):
    race = Race()
    assert race.set_runs(trace.runs[0], trace.runs[1])
    view = make(race)
    press(view, Key.Key_4)
    assert view.stage.view == "race"
    start = picture(view)
    race.to_end()
    assert picture(view) != start
    press(view, Key.Key_Home)
    assert picture(view) == start
    press(view, Key.Key_Space)
    assert race.playing
    press(view, Key.Key_Space)
    press(view, Key.Key_Home)
    press(view, Key.Key_Right)
    assert race.now_ns > 0
    claimed = QKeyEvent(QEvent.Type.ShortcutOverride, Key.Key_Space, Qt.KeyboardModifier.NoModifier)
    claimed.ignore()
    view.event(claimed)
    assert claimed.isAccepted(), "it is not the window's player that plays"
    last = picture(view)
    view.close()
    race.to_end()
    assert picture(view) == last, "closed, it draws nothing"


def test_without_a_race_the_stage_says_so(make):
    view = make()
    press(view, Key.Key_4)
    assert not picture(view).isNull()


def test_escape_leaves(make, qtbot):
    view = make()
    with qtbot.waitSignal(view.closed):
        press(view, Key.Key_Escape)
    assert not view.isVisible()


def test_the_windows_shortcuts_work_in_it(make, qtbot):
    action = QAction("Play")
    action.setShortcut("Space")
    view = make(actions=[action])
    with qtbot.waitActive(view):
        view.activateWindow()
    with qtbot.waitSignal(action.triggered):
        qtbot.keyClick(view, Key.Key_Space)


def test_the_menu_shows_what_is_chosen(make):
    view = make()
    menu = view.menu()
    checked = [a.text() for a in menu.actions() if a.isChecked()]
    assert checked == ["All views", "Shape 16:9", "Full screen", "Show pressed keys"]
    next(a for a in menu.actions() if a.text() == "The round").trigger()
    assert view.now.view == "round"


def test_nothing_personal_is_on_the_stage(make, trace: Trace, player: Player):
    view = make()
    words = " ".join((view.stage.heading._title, view.stage.heading._detail))
    assert "/" not in words
    run: Run = trace.run
    assert run.started.models.target.name in words
