"""The token stream: following, selection, tooltips, options, and how little it paints."""

from __future__ import annotations

from itertools import islice

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent
from pytestqt.qtbot import QtBot

from app import theme
from app.views.chips import ChipFont
from app.views.copied_text import source_text
from app.views.legend import Legend
from app.views.row_cache import RowCache
from app.views.source_light import cells_of_output
from app.views.token_layout import TokenLayout
from app.views.token_tooltip import token_tooltip
from app.views.token_view import TokenView
from engine.config import Config
from engine.events import Drafted
from engine.trace import Cell, Run, TokenState, Trace
from tests.app.method_traces import Script, copy_trace, tree_round, tree_trace
from tests.app.traces import PROMPT, make_events, make_trace

Key = Qt.Key


@pytest.fixture
def view(qtbot: QtBot) -> TokenView:
    widget = TokenView()
    qtbot.addWidget(widget)
    widget.resize(600, 300)
    return widget


def run_of(trace: Trace) -> Run:
    assert trace.run is not None
    return trace.run


def paint(view: TokenView) -> QImage:
    return view.grab().toImage()


def press(view: TokenView, key: Qt.Key) -> None:
    view.keyPressEvent(QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))


def click(qtbot: QtBot, view: TokenView, cell: int) -> None:
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.cell_rect(cell).center())


def test_nothing_to_show_says_how_to_begin(view: TokenView) -> None:
    view.set_run(None)
    image = paint(view)
    assert any(
        image.pixelColor(x, y) != theme.theme().surface
        for x in range(200, 400)
        for y in range(130, 170)
    )


def test_a_run_without_tokens_yet_is_reading_the_prompt(view: TokenView) -> None:
    trace = Trace(islice(make_events(rounds=1, reason=None), 2))
    view.set_run(trace.run)
    paint(view)


def test_a_run_that_failed_before_its_first_token(view: TokenView) -> None:
    view.set_run(Trace(make_events(rounds=0, reason="error")).run)
    paint(view)


def test_every_cell_has_a_chip(view: TokenView) -> None:
    run = run_of(make_trace(rounds=5))
    view.set_run(run)
    assert len(view._layout) == len(run.cells)


def test_growing_event_by_event_ends_where_a_whole_run_does(view: TokenView, qtbot: QtBot) -> None:
    trace = Trace()
    for event in make_events(rounds=12, seed=2, acceptance=0.6):
        trace.apply(event)
        if trace.run is not None:
            if view._run is None:
                view.set_run(trace.run)
            view.refresh()
    whole = TokenView()
    qtbot.addWidget(whole)
    whole.resize(view.size())
    whole.set_run(trace.run)
    # Both scroll, so both have the same width.
    assert view._layout.width == whole._layout.width
    assert view._layout.x == whole._layout.x
    assert paint(view) == paint(whole)


def test_what_was_prepared_is_not_placed_again(
    view: TokenView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, at_once = Trace(), TokenView()
    qtbot.addWidget(at_once)
    at_once.resize(view.size())
    view.set_run(run_of(make_trace(rounds=2)))
    for event in make_events(rounds=40, seed=2):
        trace.apply(event)
        view.prepare(trace.run)
    run = run_of(trace)
    placed: list[int] = []
    extend = TokenLayout.extend
    monkeypatch.setattr(
        TokenLayout, "extend", lambda self, new: (placed.append(len(new)), extend(self, new))[1]
    )
    view.set_run(run)
    assert sum(placed) == 0
    at_once.set_run(run)
    assert sum(placed) == len(run.cells)  # negative control
    assert view._layout.x == at_once._layout.x
    assert paint(view) == paint(at_once)


@pytest.mark.parametrize("change", ["width", "dense", "text", "another", "none"])
def test_what_was_prepared_fits_what_is_shown_later(
    view: TokenView, qtbot: QtBot, change: str
) -> None:
    run, other = run_of(make_trace(rounds=40, seed=2)), run_of(make_trace(rounds=30, seed=3))
    at_once = TokenView()
    qtbot.addWidget(at_once)
    at_once.resize(view.size())
    view.prepare(other if change == "another" else run)
    for widget in (view, at_once):
        if change == "width":
            widget.resize(420, 300)
        widget.set_dense(change == "dense")
        widget.set_show_rejected(change != "text")
    if change == "none":
        view.prepare(None)
    view.set_run(run)
    at_once.set_run(run)
    assert view._layout.x == at_once._layout.x
    assert paint(view) == paint(at_once)


def test_refresh_without_news_does_nothing(
    view: TokenView, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.set_run(run_of(make_trace(rounds=3)))
    monkeypatch.setattr(TokenLayout, "extend", lambda *_: pytest.fail("laid out again"))
    view.refresh()


def test_only_changed_rows_are_drawn_again(view: TokenView) -> None:
    events = make_events(rounds=120, seed=3, reason=None)
    trace = Trace(islice(events, 500))
    view.resize(600, 800)
    view.set_run(trace.run)
    paint(view)
    drawn = view._cache.n_rendered
    for event in islice(events, 4):
        trace.apply(event)
    view.refresh()
    paint(view)
    # The last row, perhaps a new one, and what scrolled into view.
    assert view._cache.n_rendered - drawn <= 4
    paint(view)
    assert view._cache.n_rendered - drawn <= 4


def test_the_cache_is_bounded(view: TokenView) -> None:
    run = run_of(make_trace(rounds=200))
    view.set_run(run)
    layout = view._layout
    cache, font = RowCache(budget=400_000), ChipFont(13)
    for row in range(layout.n_rows):
        cache.get(row, layout, run.cells, font, theme.theme(), 1.0)
    assert 0 < len(cache) < layout.n_rows
    assert layout.n_rows - 1 in cache
    cache.drop_from(layout.n_rows - 1)
    assert layout.n_rows - 1 not in cache


def test_a_new_theme_draws_the_rows_anew(view: TokenView) -> None:
    view.set_run(run_of(make_trace(rounds=4)))
    light = paint(view)
    before = theme.scheme_choice()
    theme.set_scheme("dark")
    try:
        dark = paint(view)
    finally:
        theme.set_scheme(before)
    assert dark != light
    assert paint(view) == light


def test_the_end_is_followed_until_the_person_scrolls_away(view: TokenView) -> None:
    events = make_events(rounds=100, seed=5, reason=None)
    trace = Trace(islice(events, 300))
    view.set_run(trace.run)
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    assert view.following

    for event in islice(events, 60):
        trace.apply(event)
    view.refresh()
    assert bar.value() == bar.maximum()

    bar.setValue(10)
    assert not view.following
    for event in islice(events, 60):
        trace.apply(event)
    view.refresh()
    assert bar.value() == 10
    assert not view._jump.isHidden()

    view._jump.click()
    assert view.following
    assert view._jump.isHidden()


def test_a_finished_run_needs_no_way_to_the_end(view: TokenView) -> None:
    view.set_run(run_of(make_trace(rounds=100)))
    view.verticalScrollBar().setValue(0)
    assert view._jump.isHidden()


def test_a_new_width_keeps_what_stood_at_the_top(view: TokenView) -> None:
    view.set_run(run_of(make_trace(rounds=200)))
    view.verticalScrollBar().setValue(1500)
    top = view._layout.rows_between(1500 - 16, 1500)
    cell = view._layout.cells_of(top.start).start
    view.resize(420, 300)
    view.grab()
    rect = view.cell_rect(cell)
    assert -40 <= rect.top() <= 60


def test_a_click_picks_a_token(qtbot: QtBot, view: TokenView) -> None:
    run = run_of(make_trace(rounds=3))
    view.set_run(run)
    with qtbot.waitSignal(view.picked) as picked:
        click(qtbot, view, 3)
    assert picked.args == [run.cells[3].round, run.cells[3].index]
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert view._selected == -1


def test_the_pointer_over_a_token_is_told(view: TokenView) -> None:
    view.set_run(run_of(make_trace(rounds=3)))
    seen: list[int] = []
    view.hovered.connect(seen.append)
    for at in (view.cell_rect(2).center(), QPoint(1, 1)):
        move = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(at), QPointF(at), Qt.MouseButton.NoButton,
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        view.mouseMoveEvent(move)
        paint(view)
    assert seen == [2, -1]


def test_keys_walk_the_tokens(view: TokenView) -> None:
    run = run_of(make_trace(rounds=20))
    view.set_run(run)
    places: list[tuple[int, int]] = []
    view.picked.connect(lambda r, i: places.append((r, i)))
    press(view, Key.Key_Home)
    assert places[-1] == (0, 0)
    press(view, Key.Key_Right)
    press(view, Key.Key_Right)
    press(view, Key.Key_Left)
    assert view._selected == 1
    press(view, Key.Key_Down)
    assert view._layout.row_of(view._selected) == 1
    press(view, Key.Key_Up)
    assert view._layout.row_of(view._selected) == 0
    press(view, Key.Key_End)
    assert view._selected == len(run.cells) - 1
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()
    press(view, Key.Key_Return)
    assert places[-1] == (run.cells[-1].round, run.cells[-1].index)
    press(view, Key.Key_PageUp)
    assert view.verticalScrollBar().value() < view.verticalScrollBar().maximum()
    press(view, Key.Key_Escape)
    assert view._selected == -1
    press(view, Key.Key_Left)
    assert view._selected == len(run.cells) - 1


def test_keys_do_nothing_without_a_run(view: TokenView) -> None:
    for key in (Key.Key_Left, Key.Key_Home, Key.Key_PageDown, Key.Key_Escape):
        press(view, key)
    assert view._selected == -1


def test_select_shows_the_ring_and_emits_nothing(qtbot: QtBot, view: TokenView) -> None:
    view.set_run(run_of(make_trace(rounds=60)))
    paint(view)
    with qtbot.assertNotEmitted(view.picked):
        view.select(2, 1)
    cell = view._selected
    rect = view.cell_rect(cell)
    assert 0 <= rect.top() < view.viewport().height()
    above = view.viewport().pos() + QPoint(rect.center().x(), rect.top() - 2)
    assert _near(paint(view).pixelColor(above), theme.theme().text)
    view.clear_selection()
    assert view._selected == -1


def test_showing_a_round_brings_it_into_view_once(view: TokenView) -> None:
    view.set_run(run_of(make_trace(rounds=100)))
    view.show_round(3)
    value = view.verticalScrollBar().value()
    assert value < view.verticalScrollBar().maximum()
    view.show_round(4)
    assert abs(view.verticalScrollBar().value() - value) < 200
    paint(view)
    view.show_round(None)
    paint(view)
    view.show_round(10_000)
    paint(view)


def test_hiding_rejected_tokens_leaves_the_text(view: TokenView) -> None:
    run = run_of(make_trace(rounds=10, acceptance=0.4))
    view.set_run(run)
    view.set_show_rejected(False)
    assert not view.show_rejected
    hidden = [i for i, c in enumerate(run.cells) if view._layout.w[i] == 0]
    assert {run.cells[i].state for i in hidden} == {TokenState.REJECTED, TokenState.DISCARDED}
    paint(view)
    view.set_show_rejected(True)
    assert all(w > 0 for w in view._layout.w)


def test_dense_flow_needs_fewer_rows(view: TokenView) -> None:
    view.set_run(run_of(make_trace(rounds=30)))
    paint(view)
    rows = view._layout.n_rows
    view.set_dense(True)
    assert view.dense
    assert view._layout.n_rows < rows
    paint(view)
    view.set_dense(False)
    assert view._layout.n_rows == rows


def test_chips_carry_their_state_colour(view: TokenView) -> None:
    run = run_of(make_trace(rounds=8, acceptance=0.5))
    view.set_run(run)
    view.verticalScrollBar().setValue(0)
    image = paint(view)
    origin = view.viewport().pos()
    current = theme.theme()
    for cell in range(12):
        rect = view.cell_rect(cell)
        ground = image.pixelColor(origin + rect.topLeft() + QPoint(5, 5))
        style = current.states[run.cells[cell].state]
        wanted = theme.blend(style.fill, current.surface)
        assert _near(ground, wanted), (cell, run.cells[cell].state.name)


def _near(first: QColor, second: QColor) -> bool:
    parts = (
        (first.red(), second.red()), (first.green(), second.green()), (first.blue(), second.blue())
    )  # fmt: skip
    return all(abs(a - b) <= 3 for a, b in parts)


# The card about a token


def test_the_card_of_a_judged_token_has_its_figures() -> None:
    run = run_of(make_trace(rounds=20))
    current = next(r for r in run.rounds if r.verified and r.verified.n_accepted < len(r.drafted))
    assert current.verified is not None
    index = current.verified.n_accepted
    judged, drafted = current.verified.judged[index], current.drafted[index]
    card = token_tooltip(run, current.index, index)
    assert judged.u is not None
    for figure in (judged.p, drafted.q, judged.u, judged.accept_probability, judged.overlap):
        assert f"{figure:.4f}" in card
    assert f"id {drafted.id}" in card
    assert "rejected" in card
    assert f"round {current.index + 1}" in card


def test_the_card_of_a_discarded_token_says_that_nobody_judged_it() -> None:
    run = run_of(make_trace(rounds=20))
    cell = next(c for c in run.cells if c.state is TokenState.DISCARDED)
    card = token_tooltip(run, cell.round, cell.index)
    assert "never judged" in card
    assert ">p<" not in card


def test_the_card_of_an_added_token_names_its_source() -> None:
    run = run_of(make_trace(rounds=30))
    for state, words in ((TokenState.RESAMPLED, "residual"), (TokenState.BONUS, "all passed")):
        cell = next(c for c in run.cells if c.state is state)
        assert words in token_tooltip(run, cell.round, cell.index)


def test_the_card_of_a_pending_token() -> None:
    run = run_of(make_trace(rounds=2, open_drafted=2))
    assert "waiting" in token_tooltip(run, 2, 1)


def test_the_card_of_plain_decoding() -> None:
    run = run_of(make_trace(rounds=2, gamma=0))
    assert "nothing was proposed" in token_tooltip(run, 0, 0)


def test_the_card_quotes_what_an_ngram_proposal_copies() -> None:
    run = run_of(make_trace(rounds=20, drafter="ngram"))
    current = next(r for r in run.rounds if r.index > 5 and r.drafted)
    source = current.drafted[0].source
    assert source is not None
    assert source_text(run, source) in token_tooltip(run, current.index, 0)
    assert source_text(run, (0, 3)) == "Write␣a␣Python"
    n = len(PROMPT)
    assert source_text(run, (n - 1, n + 1)) == "⏎" + run.text_parts[0]
    assert len(source_text(run, (0, 1000))) <= 48
    assert source_text(run, (500_000, 500_001)) == ""


def test_cards_escape_markup_and_show_spaces() -> None:
    trace = Trace()
    for event in make_events(rounds=1, gamma=1, reason=None):
        strange = isinstance(event, Drafted)
        trace.apply(replace(event, piece=" <b>\u202e") if strange else event)
    card = token_tooltip(run_of(trace), 0, 0)
    assert "␣&lt;b&gt;⟨202E⟩" in card


def test_no_card_outside_the_run() -> None:
    run = run_of(make_trace(rounds=2, open_drafted=1))
    assert token_tooltip(run, 99, 0) == ""
    assert token_tooltip(run, 2, 5) == ""


def test_the_legend_paints_wide_and_narrow(qtbot: QtBot) -> None:
    legend = Legend("Output")
    qtbot.addWidget(legend)
    for width in (900, 560, 300, 120):
        legend.resize(width, 28)
        legend.set_detail(f"128 tokens · {width} target calls")
        assert not legend.grab().isNull()


# Trees


def test_cells_of_a_tree_are_found(view: TokenView) -> None:
    run = run_of(tree_trace((2, 2, 1), 4))
    view.set_run(run)
    for at, cell in enumerate(run.cells):
        assert view._find(cell.round, cell.index) == at
    view.show_round(2)
    span = view._round_span()
    assert span is not None
    assert [run.cells[i].round for i in (*span, span[1] + 1)] == [2, 2, 3]


def test_hiding_the_branches_of_a_tree_leaves_the_text(view: TokenView) -> None:
    run = run_of(tree_trace((2, 2, 2, 2), 4))
    view.set_run(run)
    view.set_show_rejected(False)
    shown = [c for i, c in enumerate(run.cells) if view._layout.w[i] > 0]
    assert "".join(c.text for c in shown) == run.text
    assert all(c.state.emitted for c in shown)
    paint(view)


def test_pruned_tokens_are_stubs(view: TokenView) -> None:
    run = run_of(tree_trace((2, 2, 1), 4))
    view.set_run(run)
    for shape, cell in zip(view._layout.shapes, run.cells, strict=True):
        assert (shape.label == "") == (cell.state is TokenState.DISCARDED)
    chain = run_of(make_trace(rounds=10))
    view.set_run(chain)
    assert all(shape.label for shape in view._layout.shapes)


def test_one_branch_of_a_pending_tree_stands_in_for_the_text(view: TokenView) -> None:
    run = run_of(tree_trace((2, 2, 1), 4, open_drafted=7))
    view.set_run(run)
    pending = [s for s, c in zip(view._layout.shapes, run.cells, strict=True) if c.round == 4]
    # Indices 0, 2 and 6 are the first branch.
    assert [i for i, shape in enumerate(pending) if not shape.ghost] == [0, 2, 6]
    view.set_dense(True)
    assert [bool(s.label) for s in view._layout.shapes[-7:]] == [bool(s.label) for s in pending]
    paint(view)


def test_a_tree_that_grows_ends_where_a_whole_run_does(view: TokenView, qtbot: QtBot) -> None:
    script = Script(Config(gamma=3, branches=(2, 2), temperature=0.8), baseline=False)
    view.set_run(run_of(script.trace))
    for picks in ((1, 0, 0), (0,), (1, 1, 0)):
        tree_round(script, picks)
        view.refresh()
    whole = TokenView()
    qtbot.addWidget(whole)
    whole.resize(view.size())
    whole.set_run(script.trace.run)
    assert view._layout.shapes == whole._layout.shapes
    assert paint(view) == paint(whole)


# What a token was copied from


def move_to(view: TokenView, at: QPoint) -> None:
    where = QPointF(at)
    view.mouseMoveEvent(
        QMouseEvent(
            QEvent.Type.MouseMove, where, where, Qt.MouseButton.NoButton,
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        )
    )  # fmt: skip


def test_pointing_at_a_copy_lights_up_its_source(view: TokenView) -> None:
    run = run_of(copy_trace())
    view.resize(900, 300)
    view.set_run(run)
    plain = paint(view)
    cell = view._find(4, 1)
    assert cell is not None
    move_to(view, view.cell_rect(cell).center())
    lit = [run.cells[i] for i in view.source_cells]
    assert [c.text for c in lit] == [d.piece for d in run.rounds[4].drafted]
    assert all(c.state.emitted for c in lit)
    assert run.cells[view._source[1]].text == run.rounds[4].drafted[1].piece
    below = view.viewport().pos() + view.cell_rect(view.source_cells[0]).bottomLeft()
    marked = paint(view).pixelColor(below + QPoint(8, 5))
    assert marked != plain.pixelColor(below + QPoint(8, 5))
    move_to(view, QPoint(1, 1))
    assert view.source_cells == []
    assert paint(view) == plain


def test_a_source_in_the_prompt_lights_up_nothing(view: TokenView) -> None:
    view.set_run(run_of(copy_trace()))
    view.show_source(2, 0)
    assert view.source_cells == []
    view.show_source(0, 0)
    assert view.source_cells == []
    view.show_source(4, 0)
    assert len(view.source_cells) == 4
    for place in ((-1, -1), (99, 0), (4, 99)):
        view.show_source(*place)
        assert view.source_cells == []


def test_output_positions_are_the_emitted_cells() -> None:
    for trace in (
        make_trace(rounds=20, acceptance=0.5),
        tree_trace((2, 2, 1), 4),
        make_trace(rounds=4, gamma=0),
    ):
        run = run_of(trace)
        emitted = [i for i, c in enumerate(run.cells) if c.state.emitted]
        n = len(run.cells)
        for start in range(len(emitted)):
            for stop in (start, start + 1, start + 5, len(emitted)):
                wanted = emitted[start:stop]
                assert cells_of_output(run, range(start, max(stop, start)), n) == wanted
        assert cells_of_output(run, range(len(emitted), len(emitted) + 3), n) == []


def test_a_light_does_not_walk_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run, a short span near its start and one near its end: few cells are read."""
    run = run_of(make_trace(rounds=4000, seed=2))
    read: list[int] = []

    class Counted(list[Cell]):
        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            read.append(index)
            return super().__getitem__(index)

    n = len(run.cells)
    run.cells = Counted(run.cells)
    for start in (3, len(run.token_ids) - 20):
        read.clear()
        assert len(cells_of_output(run, range(start, start + 5), n)) == 5
        assert len(read) < 100


def test_a_light_over_rows_and_hidden_tokens(view: TokenView) -> None:
    run = run_of(copy_trace())
    view.resize(260, 300)
    view.set_run(run)
    view.show_source(4, 2)
    assert len(view._lit(view.source_cells)) > 1
    paint(view)
    view.set_show_rejected(False)
    paint(view)
    view.set_dense(True)
    paint(view)


@pytest.mark.parametrize("dense", [False, True])
def test_a_moment_of_a_run_looks_as_it_did_then(view: TokenView, qtbot: QtBot, dense: bool) -> None:
    """Going to and fro paints pixel by pixel what a live run painted at that event."""
    events = list(make_events(rounds=40, seed=6, acceptance=0.6))
    whole = run_of(Trace(events))
    view.set_dense(dense)
    view.set_run(whole)
    paint(view)
    past = whole
    for n in (len(events), 150, 60, 61, 62, 63, 64, 171, 20, 190, 4, len(events), 33):
        if n == past.n_events + 1 and past is not whole:
            past.apply(events[n - 1])
            view.refresh()
        else:
            past = whole.at(n) if n < len(events) else whole
            view.set_run(past)
        live = TokenView()
        qtbot.addWidget(live)
        live.resize(view.size())
        live.set_dense(dense)
        live.set_run(run_of(Trace(events[:n])))
        assert paint(view) == paint(live), n


def test_a_moment_after_the_width_changed(view: TokenView) -> None:
    events = list(make_events(rounds=40, seed=6))
    whole = run_of(Trace(events))
    view.set_run(whole)
    view.set_run(whole.at(70))
    view.resize(430, 300)
    view.set_run(whole)
    assert len(view._layout) == len(whole.cells)
    there = [view.cell_rect(cell) for cell in range(len(whole.cells))]
    view.resize(431, 300)
    view.resize(430, 300)
    assert there == [view.cell_rect(cell) for cell in range(len(whole.cells))]


@pytest.mark.parametrize("change", ["nothing", "width", "font", "hidden"])
def test_a_run_placed_while_it_was_read_looks_like_one_placed_at_once(
    view: TokenView, qtbot: QtBot, change: str
) -> None:
    events = list(make_events(rounds=60, seed=8, acceptance=0.6))
    view.set_run(run_of(Trace(make_events(rounds=3))))
    trace = Trace()
    for i, event in enumerate(events):
        trace.apply(event)
        if i % 40 == 0:
            view.prepare(trace.run)
    if change == "width":
        view.resize(420, 300)
    elif change == "font":
        view.set_dense(True)
    elif change == "hidden":
        view.set_show_rejected(False)
    view.set_run(trace.run)
    fresh = TokenView()
    qtbot.addWidget(fresh)
    fresh.resize(view.size())
    fresh.set_dense(view.dense)
    fresh.set_show_rejected(view.show_rejected)
    fresh.set_run(trace.run)
    assert paint(view) == paint(fresh)


def test_what_was_placed_ahead_is_dropped_with_the_recording(view: TokenView) -> None:
    trace = Trace(make_events(rounds=10))
    view.prepare(trace.run)
    view.prepare(None)
    assert view._ahead is None
    other = run_of(Trace(make_events(rounds=4, seed=9)))
    view.prepare(trace.run)
    view.set_run(other)
    assert len(view._layout) == len(other.cells)
