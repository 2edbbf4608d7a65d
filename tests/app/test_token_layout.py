"""Where chips stand: wrapping, newlines, indentation, growing and cutting, finding."""

from __future__ import annotations

import random
import time

import pytest

from app.views.token_layout import (
    DENSE,
    NORMAL,
    Shape,
    Shaper,
    TokenLayout,
    aside_of,
    label_of,
    visible,
)
from engine.trace import TokenState
from tests.app.method_traces import tree_parents

A, R, D, B = TokenState.ACCEPTED, TokenState.REJECTED, TokenState.DISCARDED, TokenState.BONUS
P = TokenState.PENDING


def width(label: str, state: TokenState) -> float:
    return 14.0 + 8 * len(label) + (0 if state is A else 14)


def shapes(*texts: str, state: TokenState = A) -> list[Shape]:
    shaper = Shaper(width)
    return [shaper.shape(text, state) for text in texts]


def layout_of(*texts: str, wide: float = 600) -> TokenLayout:
    layout = TokenLayout(wide)
    layout.extend(shapes(*texts))
    return layout


def rows(layout: TokenLayout) -> list[list[int]]:
    return [list(layout.cells_of(row)) for row in range(layout.n_rows)]


def random_cells(n: int, seed: int) -> list[tuple[str, TokenState]]:
    words = [" the", "\n", "    ", "   ", " return", "(x", "):\n", " a", "\n\n", "", "\t", " 上海"]
    rng = random.Random(seed)
    return [(rng.choice(words), rng.choice([A, A, A, R, D, B])) for _ in range(n)]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (" the", "the"),
        ("  two", "two"),
        ("\n", "⏎"),
        ("\n\n", "⏎⏎"),
        ("\n\n\n\n", "⏎×4"),
        ("\r\n", "⏎"),
        (":\n", ":⏎"),
        ("    ", "␣"),
        (" ", "␣"),
        ("\t\t", "⇥"),
        ("\tx", "x"),
        ("a\tb", "a⇥b"),
        ("", "∅"),
        ("\x00", "␀"),
        ("\x1b[0m", "␛[0m"),
        ("\u202e", "⟨202E⟩"),
        ("\u200b", "⟨200B⟩"),
        ("\u00a0", "⟨00A0⟩"),
        ("\ud800", "⟨D800⟩"),
        ("\u0301", "◌\u0301"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("上海", "上海"),
        ("<0xF0>", "<0xF0>"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_labels(text: str, label: str) -> None:
    assert label_of(text) == label


def test_visible_shows_every_character() -> None:
    assert visible(" a\n\t\x07") == "␣a⏎⇥␇"
    assert visible("a\u202eb") == "a⟨202E⟩b"


def test_chips_follow_each_other_with_a_gap() -> None:
    layout = layout_of("Here", " is")
    assert layout.rect(0) == (0, 0, 46, 28)
    assert layout.rect(1) == (51, 0, 30, 28)
    assert layout.end == (86, 0)


def test_rows_break_where_the_width_ends() -> None:
    layout = layout_of(*["aaaa"] * 7, wide=51 * 3 + NORMAL.hang)
    assert rows(layout) == [[0, 1, 2], [3, 4, 5], [6]]
    assert layout.rect(3) == (0, 38, 46, 28)
    assert layout.height == 2 * 38 + 28


def test_a_token_wider_than_the_view_is_cut_to_it() -> None:
    layout = layout_of("a", "x" * 59, "b", wide=200)
    assert rows(layout) == [[0], [1], [2]]
    assert layout.w[1] == 200 - NORMAL.hang


def test_rows_break_after_newlines() -> None:
    layout = layout_of("a", "\n", "b", ":\n", "c")
    assert rows(layout) == [[0, 1], [2, 3], [4]]


def test_an_empty_line_leaves_more_room_above_the_next_row() -> None:
    layout = layout_of("a", "\n\n", "b", "\n", "c")
    assert layout.top_of(1) == 38 + NORMAL.paragraph
    assert layout.top_of(2) == layout.top_of(1) + 38


def test_a_text_that_ends_in_a_newline_ends_in_an_empty_row() -> None:
    layout = layout_of("a", "\n")
    assert rows(layout) == [[0, 1], []]
    assert layout.end == (0, 38)


def test_a_line_end_stands_in_the_margin_rather_than_alone() -> None:
    # Three words fill the row; the fourth would begin the next one.
    layout = layout_of("aaaa", "aaaa", "aaaa", "\n", "b", wide=51 * 3 + NORMAL.hang)
    assert rows(layout) == [[0, 1, 2, 3], [4]]


def test_leading_spaces_indent_the_row() -> None:
    layout = layout_of("\n", "   ", " return", "\n", "       ", " x", "\n", "        y")
    step = NORMAL.column
    assert layout.x[2] == 4 * step
    assert layout.x[5] == 8 * step
    assert layout.x[7] == 8 * step
    # The spaces themselves are a chip as wide as the indentation.
    assert layout.x[4] == 0
    assert layout.w[4] == pytest.approx(7 * step - NORMAL.gap)


def test_spaces_after_a_newline_in_one_token_indent_too() -> None:
    layout = layout_of("{", "\n    ", "x")
    assert layout.x[2] == 4 * NORMAL.column


def test_a_single_leading_space_is_only_a_word_boundary() -> None:
    assert layout_of("\n", " word").x[1] == 0
    assert layout_of(" Paris").x[0] == 0


def test_continuation_rows_keep_the_indentation_of_their_line() -> None:
    layout = layout_of("\n", "    ", *["aaaa"] * 5, wide=200 + NORMAL.hang)
    continued = layout.row_of(6)
    assert continued == 2
    assert layout.x[layout.cells_of(continued)[0]] == 40


def test_deep_indentation_leaves_room_for_the_text() -> None:
    layout = layout_of("\n", " " * 80, "x", wide=200)
    assert layout.x[2] <= 200 * 0.4 + NORMAL.gap
    assert layout.row_of(2) == 1


def test_spaces_in_the_middle_of_a_line_are_as_wide_as_they_are_many() -> None:
    layout = layout_of("x", "      ", "y")
    assert layout.w[1] == 6 * NORMAL.column - NORMAL.gap
    assert layout_of("x", " " * 200, "y").w[1] == 16 * NORMAL.column - NORMAL.gap


def test_rejected_tokens_neither_break_nor_indent() -> None:
    shaper = Shaper(width)
    layout = TokenLayout(600)
    texts = [("a", A), ("\n", R), ("    ", D), ("\n", B), ("\n", R), ("   ", A), (" x", A)]
    layout.extend([shaper.shape(*t) for t in texts])
    assert rows(layout) == [[0, 1, 2, 3], [4, 5, 6]]
    # A rejected token at the start of a line pushes the text, but its spaces still count.
    assert layout.x[5] == layout.w[4] + NORMAL.gap
    assert layout.x[6] >= 4 * NORMAL.column


def test_pending_newlines_break_as_if_they_were_accepted() -> None:
    layout = TokenLayout(600)
    layout.extend(shapes("a", "\n", "b", state=P))
    assert layout.n_rows == 2


def test_hidden_tokens_take_no_room_and_are_not_found() -> None:
    shaper = Shaper(width)
    cells = [shaper.shape("aa", A), shaper.shape("no", R), shaper.shape("bb", A)]
    layout = TokenLayout(600)
    layout.extend(cells)
    assert layout.configure(600, NORMAL, True)
    assert layout.w[1] == 0
    assert layout.x[2] == layout.w[0] + NORMAL.gap
    assert layout.hit(layout.x[2] + 3, 5) == 2
    assert layout.step(0, 1) == 2
    assert layout.step(2, -1) == 0


def test_dense_flow_ignores_newlines_and_indentation() -> None:
    layout = layout_of("a", "\n\n", "    ", "b")
    layout.configure(600, DENSE, False)
    assert rows(layout) == [[0, 1, 2, 3]]
    assert layout.rect(0)[3] == DENSE.chip


def test_configure_says_whether_anything_moved() -> None:
    layout = layout_of("a")
    assert not layout.configure(600, NORMAL, False)
    assert layout.configure(500, NORMAL, False)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("metrics", [NORMAL, DENSE], ids=["normal", "dense"])
@pytest.mark.parametrize("hide", [False, True])
def test_growing_and_cutting_end_where_a_fresh_layout_does(
    seed: int, metrics: object, hide: bool
) -> None:
    rng = random.Random(100 + seed)
    shaper = Shaper(width)
    cells = [shaper.shape(*cell) for cell in random_cells(300, seed)]
    assert metrics in (NORMAL, DENSE)
    kind = NORMAL if metrics is NORMAL else DENSE
    grown = TokenLayout(260)
    grown.configure(260, kind, hide)
    done = 0
    while done < len(cells):
        step = rng.randrange(1, 9)
        grown.extend(cells[done : done + step])
        done = min(done + step, len(cells))
        if rng.random() < 0.3:
            done -= rng.randrange(0, min(step, done) + 1)
            grown.truncate(done)
    fresh = TokenLayout(260)
    fresh.configure(260, kind, hide)
    fresh.extend(cells)
    assert grown.x == fresh.x
    assert grown.w == fresh.w
    assert rows(grown) == rows(fresh)
    assert grown.end == fresh.end
    assert [grown.top_of(r) for r in range(grown.n_rows)] == [
        fresh.top_of(r) for r in range(fresh.n_rows)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_chips_never_overlap_nor_leave_the_width(seed: int) -> None:
    shaper = Shaper(width)
    layout = TokenLayout(300)
    layout.extend([shaper.shape(*cell) for cell in random_cells(500, seed)])
    for row in range(layout.n_rows):
        right = -1.0
        for cell in layout.cells_of(row):
            x, _, w, _ = layout.rect(cell)
            assert x >= right
            right = x + w
            assert right <= 300
    assert sum(len(row) for row in rows(layout)) == 500


def test_a_narrower_verdict_moves_back_into_the_row_above() -> None:
    layout = TokenLayout(51 * 3 + NORMAL.hang - 5)
    layout.extend(shapes("aaaa", "aaaa"))
    layout.extend(shapes("aaaa", state=P))
    assert layout.n_rows == 2
    layout.truncate(2)
    layout.extend(shapes("aaaa"))
    assert layout.n_rows == 1


def test_extending_changes_only_the_last_row() -> None:
    layout = layout_of(*["aaaa"] * 30, wide=200)
    last = layout.n_rows - 1
    assert layout.extend(shapes("bbbb")) in (last, last + 1)


def test_truncating_nothing_changes_nothing() -> None:
    layout = layout_of("a", "b")
    assert layout.truncate(2) == layout.n_rows
    layout.clear()
    assert len(layout) == 0
    assert rows(layout) == [[]]
    assert layout.end == (0, 0)


def test_every_chip_is_hit_at_its_middle_and_nothing_between_rows() -> None:
    shaper = Shaper(width)
    layout = TokenLayout(300)
    layout.extend([shaper.shape(*cell) for cell in random_cells(200, 3)])
    for cell in range(200):
        x, y, w, h = layout.rect(cell)
        assert layout.hit(x + w / 2, y + h / 2) == cell
        assert layout.hit(x + w / 2, y + h + 2) != cell
    assert layout.hit(-5, 5) is None
    assert layout.hit(5, -5) is None
    assert layout.hit(5, layout.height + 50) is None


def test_rows_between_finds_what_a_window_touches() -> None:
    layout = layout_of("a", "\n\n", "b", "\n", "c", "\n", "d")
    for top, bottom in [(0, 10), (30, 60), (45, 200), (-50, -10), (1000, 2000)]:
        found = set(layout.rows_between(top, bottom))
        needed = {
            r
            for r in range(layout.n_rows)
            if layout.top_of(r) < bottom and layout.top_of(r) + NORMAL.chip > top
        }
        assert needed <= found
        assert len(found - needed) <= 1


def test_rows_above_and_below_are_the_nearest() -> None:
    layout = layout_of("aaaa", "bb", "\n", "c", "dddddd", "\n", "e")
    assert layout.step_row(1, 1) == 4
    assert layout.step_row(3, -1) == 0
    assert layout.step_row(0, -1) == 0
    assert layout.step_row(6, 1) == 6


def test_a_hundred_thousand_tokens_are_placed_quickly() -> None:
    shaper = Shaper(width)
    layout = TokenLayout(800)
    layout.extend([shaper.shape(*cell) for cell in random_cells(100_000, 1)])
    took: list[float] = []
    for wide in (700, 900, 650):
        begin = time.perf_counter()
        layout.configure(wide, NORMAL, False)
        took.append(time.perf_counter() - begin)
    # Measured 0.03 s; the bound leaves room for a busy machine.
    assert min(took) < 0.15


def test_appending_to_a_long_text_costs_the_same_as_to_a_short_one() -> None:
    shaper = Shaper(width)
    layout = TokenLayout(800)
    layout.extend([shaper.shape(*cell) for cell in random_cells(100_000, 1)])
    tail = shapes(" a", " b")
    begin = time.perf_counter()
    for _ in range(100):
        layout.extend(tail)
    assert time.perf_counter() - begin < 0.1


def test_a_stub_is_no_part_of_the_text() -> None:
    shaper = Shaper(width)
    stub = shaper.stub(P)
    assert stub.ghost
    assert stub.label == ""
    assert shaper.stub(P) is stub
    assert shaper.stub(D) is not stub
    # A line end on another branch breaks no row.
    layout = TokenLayout(600)
    layout.extend([*shapes("a"), stub, stub, *shapes("b")])
    assert layout.n_rows == 1


@pytest.mark.parametrize(
    ("parents", "aside"),
    [
        ([], set()),
        ([-1, 0, 1], set()),
        ([-1, -1], {1}),
        ([-1, -1, 0, 0, 1, 1], {1, 3, 4, 5}),
        ([-1, -1, 1], {1, 2}),
    ],
)
def test_tokens_beside_the_first_branch(parents: list[int], aside: set[int]) -> None:
    assert aside_of(parents) == aside


def test_the_first_branch_grows_with_the_tree() -> None:
    parents = tree_parents((2, 2, 1), 4)
    assert sorted(set(range(14)) - aside_of(parents)) == [0, 2, 6, 10]
    for n in range(1, 14):
        first = set(range(n)) - aside_of(parents[:n])
        assert first == {0, 2, 6, 10} & set(range(n))


def places(layout: TokenLayout) -> object:
    cells = range(len(layout))
    return [layout.rect(cell) for cell in cells], rows(layout), layout.end, layout.height


@pytest.mark.parametrize("wide", [180, 420])
def test_the_first_tokens_of_a_layout_are_placed_as_if_they_were_all(wide: int) -> None:
    shaper = Shaper(width)
    all_shapes = [shaper.shape(text, state) for text, state in random_cells(160, seed=4)]
    whole = TokenLayout(wide)
    whole.extend(all_shapes)
    for count in range(len(all_shapes) + 1):
        alone = TokenLayout(wide)
        alone.extend(all_shapes[:count])
        part = whole.first(count)
        assert places(part) == places(alone)
        part.extend(all_shapes[count:])  # and both go on alike
        assert places(part) == places(whole)
