"""The token inspector: what each kind of token shows, walking, copies, the short story."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QKeyEvent, QPainter
from PySide6.QtWidgets import QApplication, QSlider

from app import motion, theme
from app.panels.inspector import InspectorPanel
from app.panels.inspector_page import EMPTY
from app.views.inspector import words
from app.views.inspector.copies import as_markdown, as_text
from app.views.inspector.figure import BLEED, Figure
from engine.inspection import inspect, places
from engine.trace import Run, TokenState, Trace
from tests.app.method_traces import (
    block_trace,
    copy_trace,
    lenient_trace,
    tree_trace,
    typical_trace,
)
from tests.app.traces import make_events, make_trace

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

TRACES = {
    "chain": lambda: make_trace(rounds=16, acceptance=0.5),
    "odd characters": lambda: make_trace(rounds=60, baseline=False),
    "greedy": lambda: make_trace(rounds=6, temperature=0.0),
    "open": lambda: make_trace(rounds=3, open_drafted=2),
    "no proposals": lambda: make_trace(rounds=9, no_proposal=0.5),
    "block": block_trace,
    "typical": typical_trace,
    "lenient": lambda: lenient_trace(0.8),
    "lenient at 0": lenient_trace,
    "tree": lambda: tree_trace((3, 2), 3),
    "copies": copy_trace,
    "chain of drafters": lambda: copy_trace("chain"),
}


@pytest.fixture(autouse=True)
def still() -> Iterator[None]:
    """Nothing moves unless a test wants it."""
    motion.set_reduced(True)
    yield
    motion.set_reduced(None)
    theme.set_scheme("system")
    theme.set_palette("standard")


@pytest.fixture
def panel(qtbot) -> InspectorPanel:
    theme.install(QApplication.instance())
    made = InspectorPanel()
    qtbot.addWidget(made)
    made.resize(390, 840)
    made.show()
    qtbot.waitExposed(made)
    made.setFocus()
    return made


def run_of(trace: Trace) -> Run:
    assert trace.run is not None
    return trace.run


def chain() -> Run:
    return run_of(make_trace(rounds=16, acceptance=0.75))


def place_of(run: Run, state: TokenState) -> tuple[int, int]:
    return next((c.round, c.index) for c in run.cells if c.state is state and c.round > 1)


def drawn(figure: Figure, progress: float) -> QImage:
    """A picture by itself, into an image."""
    figure.setProperty("progress", progress)
    width = figure.width() - 2 * BLEED
    image = QImage(width, max(figure.height_at(width), 1), QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    figure.draw(painter, float(width))
    painter.end()
    return image


# What is shown


@pytest.mark.parametrize(
    ("state", "sections"),
    [
        (TokenState.ACCEPTED, ["beliefs", "coin"]),
        (TokenState.REJECTED, ["beliefs", "coin", "shares"]),
        (TokenState.RESAMPLED, ["beliefs", "coin", "shares"]),
        (TokenState.BONUS, ["shares"]),
        (TokenState.DISCARDED, ["beliefs", "coin"]),
    ],
)
def test_each_fate_has_its_sections(panel, state, sections) -> None:
    run = chain()
    panel.show_token(run, *place_of(run, state))
    page = panel.page
    shown = [n for n in ("beliefs", "coin", "shares") if getattr(page, n).isVisible()]
    assert shown == sections
    assert [getattr(page, n).number for n in shown] == list(range(1, len(shown) + 1))
    assert state.name.lower() in page.header.accessibleDescription()


def test_the_numbers_are_said_to_those_who_cannot_see(panel) -> None:
    run = chain()
    number, index = place_of(run, TokenState.REJECTED)
    panel.show_token(run, number, index)
    judged = run.rounds[number].judged(index)
    assert judged is not None
    coin = panel.page.coin.accessibleDescription()
    assert f"{judged.u:.4f} ≥ {judged.accept_probability:.4f}: rejected" in coin
    beliefs = panel.page.beliefs.accessibleDescription()
    assert f"p {judged.p:.4f}, q {judged.q:.4f}" in beliefs
    verdict = run.rounds[number].verified
    assert verdict is not None
    assert f"drawn u = {verdict.added_u:.4f}" in panel.page.shares.accessibleDescription()
    assert panel.where.text() == f"round {number + 1} · position {index + 1} of 5"


@pytest.mark.parametrize("name", TRACES)
def test_every_token_can_be_drawn_and_told(panel, name: str) -> None:
    run = run_of(TRACES[name]())
    for number in range(len(run.rounds)):
        for index in places(run, number):
            panel.show_token(run, number, index)
            assert panel.place == (number, index)
            panel.grab()
            shown = panel.shown
            assert shown is not None
            assert as_text(run, shown)
            assert as_markdown(run, shown)
            for figure in panel.page.figures:
                assert bool(figure.accessibleDescription()) == figure.has_content


def test_without_a_token_it_says_what_to_do(panel) -> None:
    assert panel.place is None
    assert not panel.copy.isEnabled()
    panel.show_token(chain(), 2, 0)
    assert panel.copy.isEnabled()
    panel.show_token(chain(), 99, 0)
    assert panel.place is None
    panel.show_token(None)
    assert not any(figure.isVisible() for figure in panel.page.figures)
    assert EMPTY == "Click any token"


def test_unknown_probabilities_are_bounded() -> None:
    assert words.figure(None, 1e-4) == "< 0.0001"
    assert words.figure(None, 0.0123) == "≤ 0.0123"
    assert words.figure(None, None) == words.UNKNOWN
    assert words.figure(0.3121, 1e-4) == "0.3121"
    assert words.figure(1.2e-6, 1e-4) == "1.2e-06"


def test_ids_are_said_on_hover(panel) -> None:
    run = chain()
    panel.show_token(run, *place_of(run, TokenState.ACCEPTED))
    shown = panel.shown
    assert shown is not None
    panel.grab()
    said = panel.page.beliefs.words_at(QPointF(60, 45))
    assert re.search(rf"id ({'|'.join(str(c.id) for c in shown.candidates)})$", said)
    assert panel.page.beliefs.words_at(QPointF(60, 2)) == ""


def test_bytes_of_what_cannot_be_seen(panel) -> None:
    run = run_of(make_trace(rounds=60, baseline=False))
    cell = next(c for c in run.cells if c.text == "\n\n")
    panel.show_token(run, cell.round, cell.index)
    assert "bytes 0A 0A" in panel.page.header.accessibleDescription()


def test_the_token_in_question_is_never_left_out(panel) -> None:
    for make in TRACES.values():
        run = run_of(make())
        for cell in run.cells:
            shown = inspect(run, cell.round, cell.index)
            assert shown is not None
            for most in (1, 2, 6):
                listed = words.candidates(shown, most)
                if shown.judged is not None:
                    assert any(c.id == shown.token.id for c in listed)
                shares, others = words.shares(shown, most)
                assert not shown.draw or sum(s.drawn for s in shares) == 1
                total = sum(s.p or 0.0 for s in shares) + others
                assert not shown.draw or total >= 1 - 1e-6


# Room


def test_one_column_where_it_is_narrow_two_where_it_is_wide(panel) -> None:
    run = chain()
    panel.show_token(run, *place_of(run, TokenState.REJECTED))
    page = panel.page
    assert page.coin.geometry().top() >= page.beliefs.geometry().bottom()
    assert not panel.hint.isVisible()
    assert page.hint.isVisible()
    panel.resize(900, 640)
    assert page.coin.geometry().top() == page.beliefs.geometry().top()
    assert page.coin.geometry().left() > page.beliefs.geometry().center().x()
    assert page.shares.geometry().top() >= page.beliefs.geometry().bottom()
    assert panel.hint.isVisible()
    assert not page.hint.isVisible()


@pytest.mark.parametrize("width", [320, 390, 719, 720, 900, 1600])
def test_nothing_is_cut_off(panel, width: int) -> None:
    panel.resize(width, 500)
    for name in ("chain", "block", "tree"):
        run = run_of(TRACES[name]())
        for number in range(len(run.rounds)):
            for index in places(run, number):
                panel.show_token(run, number, index)
                page = panel.page
                for figure in page.figures:
                    if figure.isVisible():
                        box = figure.geometry()
                        assert page.rect().contains(box)
                        assert box.height() == figure.heightForWidth(box.width())


def test_a_scroll_bar_only_where_it_is_needed(panel) -> None:
    run, bar = chain(), panel.scroll_area.verticalScrollBar()
    panel.show_token(run, *place_of(run, TokenState.BONUS))
    assert bar.maximum() == 0
    panel.resize(390, 300)
    panel.show_token(run, *place_of(run, TokenState.REJECTED))
    assert bar.maximum() > 0
    assert panel.page.width() <= panel.scroll_area.viewport().width()


def test_a_footer_stands_below_and_keeps_its_arrows(panel, qtbot) -> None:
    slider = QSlider(Qt.Orientation.Horizontal)
    panel.add_footer(slider)
    assert not slider.isVisible()
    run = chain()
    place = place_of(run, TokenState.BONUS)
    panel.show_token(run, *place)
    assert slider.isVisible()
    assert slider.geometry().top() >= panel.page.shares.geometry().bottom()
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == 1
    assert panel.place == place


# Walking


def test_left_and_right_walk_over_the_borders_of_rounds(panel, qtbot) -> None:
    run = chain()
    everything = [(c.round, c.index) for c in run.cells]
    panel.show_token(run, *everything[0])
    seen: list[tuple[int, int]] = []
    panel.walked.connect(lambda number, index: seen.append((number, index)))
    qtbot.keyClick(panel, Qt.Key.Key_Left)
    assert not seen
    for _ in everything:
        qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert seen == everything[1:]
    for _ in range(4):
        qtbot.keyClick(panel, Qt.Key.Key_Left)
    assert panel.place == everything[-5]


def test_up_and_down_keep_the_position(panel, qtbot) -> None:
    run = chain()
    panel.show_token(run, 4, 2)
    qtbot.keyClick(panel, Qt.Key.Key_Down)
    assert panel.place == (5, 2)
    qtbot.keyClick(panel, Qt.Key.Key_Up)
    qtbot.keyClick(panel, Qt.Key.Key_Up)
    assert panel.place == (3, 2)
    panel.show_token(run, 0, 1)
    qtbot.keyClick(panel, Qt.Key.Key_Up)
    assert panel.place == (0, 1)


def test_up_and_down_go_from_added_token_to_added_token(panel, qtbot) -> None:
    run = run_of(make_trace(rounds=12, no_proposal=0.5))
    panel.show_token(run, 3, len(run.rounds[3].drafted))
    for number in (4, 5, 6):
        qtbot.keyClick(panel, Qt.Key.Key_Down)
        assert panel.place == (number, len(run.rounds[number].drafted))


def test_home_and_end_and_escape(panel, qtbot) -> None:
    run = chain()
    panel.show_token(run, 4, 2)
    qtbot.keyClick(panel, Qt.Key.Key_Home)
    assert panel.place == (0, 0)
    qtbot.keyClick(panel, Qt.Key.Key_End)
    assert panel.place == (15, len(run.rounds[15].drafted))
    with qtbot.waitSignal(panel.closed):
        qtbot.keyClick(panel, Qt.Key.Key_Escape)
    with qtbot.waitSignal(panel.closed):
        qtbot.mouseClick(panel.close_button, Qt.MouseButton.LeftButton)


def test_arrows_walk_from_the_buttons_too(panel, qtbot) -> None:
    panel.show_token(chain(), 4, 2)
    panel.close_button.setFocus()
    qtbot.keyClick(panel.close_button, Qt.Key.Key_Right)
    assert panel.place == (4, 3)
    assert panel.close_button.hasFocus()


@pytest.mark.parametrize(
    ("key", "modifier", "own"),
    [
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, True),
        (Qt.Key.Key_Up, Qt.KeyboardModifier.KeypadModifier, True),
        (Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier, True),
        (Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier, True),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier, False),
        (Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier, False),
    ],
)
def test_its_keys_come_before_the_windows_shortcuts(panel, key, modifier, own: bool) -> None:
    event = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifier)
    event.ignore()
    QApplication.sendEvent(panel, event)
    assert event.isAccepted() == own


def test_the_verdict_arrives(panel) -> None:
    events = list(make_events(rounds=1, acceptance=0.0, seed=2))
    trace = Trace(events[:-3])  # without the verdict, the notice and the end
    run = run_of(trace)
    panel.show_token(run, 0, 0)
    assert panel.page.coin.accessibleDescription().startswith("waiting for the target")
    panel.refresh()
    trace.apply(events[-3])
    panel.refresh()
    shown = panel.shown
    assert shown is not None
    assert shown.token.state is TokenState.REJECTED
    assert panel.page.shares.isVisible()


# Copies


def test_nothing_is_copied_unasked(panel, qtbot) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("mine")
    run = chain()
    panel.show_token(run, *place_of(run, TokenState.REJECTED))
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    panel.refresh()
    assert clipboard.text() == "mine"
    qtbot.keyClick(panel, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    shown = panel.shown
    assert shown is not None
    assert clipboard.text() == as_text(run, shown)


def test_text_holds_every_number() -> None:
    run = chain()
    number, index = place_of(run, TokenState.REJECTED)
    shown = inspect(run, number, index)
    assert shown is not None
    assert shown.criterion is not None
    assert shown.draw is not None
    text = as_text(run, shown)
    for one in shown.candidates:
        assert str(one.id) in text
        assert one.p is None or f"{one.p:.4f}" in text
    assert shown.criterion.verdict in text
    assert f"drawn u = {shown.draw.u:.4f}" in text
    assert f"round {number + 1} · position {index + 1} of 5" in text


def test_copies_say_what_their_figures_are() -> None:
    run = run_of(make_trace(rounds=6, temperature=0.0))
    shown = inspect(run, 2, 0)
    assert shown is not None
    for text in (as_text(run, shown), as_markdown(run, shown)):
        assert "T = 1, for display" in text


def test_markdown_is_a_table_whatever_the_tokens_are() -> None:
    from msgspec.structs import replace

    run = chain()
    number, index = place_of(run, TokenState.REJECTED)
    drafted = run.rounds[number].drafted
    drafted[index] = replace(drafted[index], piece="a|b*_`")
    shown = inspect(run, number, index)
    assert shown is not None
    lines = as_markdown(run, shown).splitlines()
    table = [line for line in lines if line.startswith("| ")]
    unescaped = [len(re.findall(r"(?<!\\)\|", line)) for line in table]
    assert set(unescaped) == {5, 4}  # four columns of candidates, three of shares
    assert any(r"a\|b\*\_\`" in line for line in table)


def test_the_picture_is_twice_as_fine(panel) -> None:
    run = chain()
    panel.show_token(run, *place_of(run, TokenState.REJECTED))
    image = panel.picture()
    assert image.width() == 2 * panel.page.width()
    assert image.devicePixelRatio() == 2
    assert panel.copy_picture() is None
    assert QGuiApplication.clipboard().image().width() == image.width()
    panel.show_token(None)
    panel.copy_text()
    assert QGuiApplication.clipboard().image().width() == image.width()


# The short story


def test_a_picture_depends_on_progress_alone(panel) -> None:
    run = chain()
    panel.show_token(run, *place_of(run, TokenState.REJECTED))
    for figure in panel.page.figures:
        whole = drawn(figure, 1.0)
        early = drawn(figure, 0.2)
        assert drawn(figure, 1.0) == whole
        assert drawn(figure, 0.2) == early
        assert early != whole  # else nothing would be told


def test_a_new_token_is_told_once(panel, qtbot) -> None:
    motion.set_reduced(False)
    run = chain()
    place = place_of(run, TokenState.REJECTED)
    panel.show_token(run, *place)
    assert panel.animating
    assert panel.page.coin.property("progress") < 1
    qtbot.waitUntil(lambda: not panel.animating)
    assert panel.page.coin.property("progress") == 1
    panel.show_token(run, place[0], 0)
    panel.show_token(run, *place)
    assert not panel.animating
    assert panel.page.coin.property("progress") == 1


@pytest.mark.parametrize("how", ["key", "click"])
def test_any_input_ends_the_story(panel, qtbot, how: str) -> None:
    motion.set_reduced(False)
    run = chain()
    panel.show_token(run, *place_of(run, TokenState.REJECTED))
    assert panel.animating
    if how == "key":
        qtbot.keyClick(panel, Qt.Key.Key_Shift)
    else:
        qtbot.mouseClick(panel.page, Qt.MouseButton.LeftButton)
    assert not panel.animating
    assert panel.page.coin.property("progress") == 1


def test_reduced_motion_shows_the_end_at_once(panel) -> None:
    run = chain()
    panel.show_token(run, *place_of(run, TokenState.REJECTED))
    assert not panel.animating
    assert panel.page.coin.property("progress") == 1


def test_what_reduces_motion() -> None:
    motion.set_reduced(False)
    assert not motion.reduced()
    motion.set_reduced(True)
    assert motion.reduced()
    motion.set_reduced(None)
    assert motion.reduced() in (True, False)


# Colours


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("palette", ["standard", "okabe-ito"])
def test_text_can_be_read_on_what_it_stands_on(scheme, palette) -> None:
    now = theme.make_theme(scheme, palette)

    def on(text: QColor, hue: QColor, alpha: float) -> float:
        return theme.contrast(text, theme.blend(theme.with_alpha(hue, alpha), now.window))

    from app.views.inspector import coin, shares

    assert on(now.good_text, now.good, coin.ACCEPT) >= 4.5
    assert on(now.target_text, now.target, coin.REJECT) >= 4.5
    strong = theme.blend(theme.with_alpha(now.warn, shares.STRONG), now.window)
    assert theme.contrast(theme.text_on(strong), strong) >= 4.5
    for text in (now.text, now.muted, now.target_text, now.draft_text, now.warn_text):
        assert theme.contrast(text, now.window) >= 4.5
