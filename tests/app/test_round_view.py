"""The three boxes and the card below them: words, figures, chips, following."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from app import theme
from app.palettes import Scheme
from app.views import format as fmt
from app.views.chips import ChipFont
from app.views.draft_text import Chip, is_complete, shows_tree
from app.views.length_text import length_words
from app.views.round_boxes import title_level, wrap
from app.views.round_text import EMPTY, RoundText, describe
from app.views.round_tree import style_in_tree
from app.views.round_view import RoundView
from engine.config import Config
from engine.events import LengthChosen, LengthReason, ModelInfo
from engine.trace import Round, Run, TokenState, Trace
from tests.app.method_traces import (
    Script,
    block_trace,
    copy_trace,
    policy_trace,
    tree_parents,
    tree_trace,
    typical_trace,
)
from tests.app.traces import make_events, make_trace


@pytest.fixture
def view(qtbot: QtBot) -> RoundView:
    widget = RoundView()
    qtbot.addWidget(widget)
    widget.dwell_ms = 0
    widget.resize(890, widget.sizeHint().height())
    return widget


def run_of(trace: Trace) -> Run:
    assert trace.run is not None
    return trace.run


def text_of(trace: Trace, index: int) -> RoundText:
    run = run_of(trace)
    return describe(run, run.rounds[index], trace.baseline_of(run))


def first(run: Run, kind: str) -> Round:
    """The first round whose verdict added a token of this kind."""
    return next(r for r in run.rounds if r.verified and r.verified.added_kind == kind)


# Figures


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0.0 ms"),
        (2_400, "2 µs"),
        (94_000, "94 µs"),
        (95_000, "0.1 ms"),
        (5_100_000, "5.1 ms"),
        (15_440_000, "15.4 ms"),
        (99_940_000, "99.9 ms"),
        (99_960_000, "100 ms"),
        (262_300_000, "262 ms"),
        (999_400_000, "999 ms"),
        (999_600_000, "1.00 s"),
        (1_264_000_000, "1.26 s"),
        (308_000_000_000, "308 s"),
    ],
)
def test_durations(ns: int, text: str) -> None:
    assert fmt.duration(ns) == text


def test_sums_leave_out_what_reads_as_nothing() -> None:
    assert fmt.sum_of([5_100_000, 9_700_000, 600_000]) == "5.1 + 9.7 + 0.6 = 15.4 ms"
    assert fmt.sum_of([2_400, 9_700_000, 600_000]) == "9.7 + 0.6 = 10.3 ms"
    assert fmt.sum_of([0, 9_700_000, 0]) == "9.7 ms"


def test_what_is_written_adds_up() -> None:
    assert fmt.sum_of([12_000, 9_960_000, 770_000]) == "10.0 + 0.7 = 10.7 ms"
    assert fmt.sum_of([5_040_000, 9_740_000, 640_000]) == "5.0 + 9.7 + 0.7 = 15.4 ms"
    assert fmt.sum_of([600_400_000, 700_400_000]) == "0.60 + 0.70 = 1.30 s"
    assert fmt.product_of(4, 8_100_000) == "4 × 8.1 ms = 32.4 ms"
    assert fmt.product_of(9, 8_690_000) == "9 × 8.69 ms = 78.2 ms"
    assert fmt.product_of(9, 300_000_000) == "9 × 300 ms = 2.70 s"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.14, "2.1×"),
        (0.97, "0.97×"),
        (1.04, "1.04×"),
        (0.62, "0.6×"),
        (0.03, "0.03×"),
        (123, "123×"),
    ],
)
def test_ratios(value: float, text: str) -> None:
    assert fmt.ratio(value) == text


def test_probabilities_and_counts() -> None:
    assert fmt.probability(0.45634) == "0.4563"
    assert fmt.probability(0.0) == "0.0000"
    assert fmt.probability(3.2e-7) == "3.2e-07"
    assert fmt.count(1, "token") == "1 token"
    assert fmt.count(1234, "target call") == "1,234 target calls"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Qwen2.5-Coder 0.5B", "0.5B"),
        ("SmolLM2-135M-Instruct", "135M"),
        ("llama-3.2-1b", "1B"),
        ("Toy target", "Toy target"),
        ("model-3Best", "model-3Best"),
    ],
)
def test_short_names(name: str, short: str) -> None:
    assert fmt.short_name(ModelInfo(name, backend="gguf", device="CPU")) == short


# Words


def test_a_round_with_a_rejection() -> None:
    trace = make_trace(seed=2)
    run = run_of(trace)
    current = first(run, "resampled")
    assert current.verified is not None
    n = current.verified.n_accepted
    draft, verify, result = describe(run, current, trace.baseline_of(run)).boxes
    assert draft.titles == ("1. Draft · Qwen2.5-Coder 0.5B", "1. Draft · 0.5B", "1. Draft")
    assert draft.main[0] == f"5 tokens in {fmt.duration(current.draft_ns)}"
    assert draft.detail[0].endswith(" each")
    assert verify.main[0] == f"1 pass in {fmt.duration(current.verified.target_ns)}"
    assert verify.detail == ("verifies all 5",)
    assert [c.state for c in verify.chips] == [current.state_of(i) for i in range(5)]
    assert all(c.glyph for c in verify.chips)
    assert result.main[0] == f"{n} accepted + 1 resampled"
    assert [c.index for c in result.chips] == [*range(n), 5]
    assert result.chips[-1].state is TokenState.RESAMPLED


def test_a_round_in_which_all_passed() -> None:
    trace = make_trace(seed=1)
    run = run_of(trace)
    result = describe(run, first(run, "bonus"), None).boxes[2]
    assert result.main[0] == "5 accepted + 1 bonus"
    assert result.chips[-1].state is TokenState.BONUS


def test_the_ratio_can_be_recomputed() -> None:
    trace = make_trace(seed=4)
    run, baseline = run_of(trace), trace.runs[0]
    current = run.rounds[6]
    assert current.verified is not None
    total = current.draft_ns + current.verified.target_ns + current.verified.host_ns
    each = baseline.tally.decode_ns / baseline.tally.tokens
    told = describe(run, current, baseline).comparison
    assert told.ratio == pytest.approx(each * current.n_emitted / total)
    assert told.kind == "measured"
    assert told.standard[0].startswith(fmt.product_of(current.n_emitted, each))
    assert told.speculative[0].endswith(f"= {fmt.duration(total)}, 1 call")


def test_an_open_round_says_what_is_awaited() -> None:
    trace = make_trace(rounds=3, open_drafted=2)
    text = text_of(trace, 3)
    assert text.phase == "Draft"
    assert text.boxes[0].main[0].startswith("2 tokens in ")
    assert text.boxes[1].main == ("awaiting the proposal",)
    assert {c.state for c in text.boxes[1].chips} == {TokenState.PENDING}
    assert text.boxes[2].note == "…"
    assert text.comparison.ratio is None
    complete = text_of(make_trace(rounds=3, open_drafted=5), 3)
    assert complete.phase == "Verify"
    assert complete.boxes[1].main == ("verifying…",)


def test_no_baseline_says_why() -> None:
    alone = make_trace(rounds=3, baseline=False)
    assert "switched off" in text_of(alone, 0).comparison.standard[0]
    lost = Trace(make_events(rounds=3, baseline="gone"))
    assert "not part of this recording" in text_of(lost, 0).comparison.standard[0]
    empty = make_trace(rounds=3, baseline_rounds=0)
    assert "no token" in text_of(empty, 0).comparison.standard[0]
    assert text_of(alone, 0).comparison.ratio is None


def test_a_round_without_a_proposal() -> None:
    trace = make_trace(rounds=10, drafter="ngram", no_proposal=1.0)
    draft, verify, result = text_of(trace, 2).boxes
    assert draft.titles[0] == "1. Draft · n-gram"
    assert draft.subtitle == "copied from the text"
    assert draft.note == "no proposal"
    assert draft.detail == ("no match in the text",)
    assert verify.note == "no proposal to verify"
    assert result.main[0] == "1 token from the target"


def test_plain_decoding() -> None:
    text = text_of(make_trace(rounds=3, gamma=0), 1)
    assert text.boxes[0].main == ("plain decoding",)
    assert text.boxes[0].detail == ("γ = 0",)
    assert "γ = 0" in text.comparison.speculative[0]
    assert text.comparison.ratio is None
    baseline = make_trace(rounds=3).runs[0]
    assert "baseline" in describe(baseline, baseline.rounds[0], None).comparison.speculative[0]


def test_toy_times_are_simulated() -> None:
    text = text_of(make_trace(rounds=3, simulated=True), 1)
    assert text.badge == "simulated"
    assert text.comparison.kind == "simulated"
    assert text_of(make_trace(rounds=3), 1).badge == ""


def test_made_up_weights_take_real_time() -> None:
    text = text_of(make_trace(rounds=3, synthetic=True), 1)
    assert text.badge == "simulated acceptance, measured time"
    assert text.comparison.kind == "measured"


# Chips in a box


def chips(n: int, text: str = "word") -> list[Chip]:
    return [Chip(text, TokenState.PENDING, i, False) for i in range(n)]


def test_chips_that_find_no_room_are_counted(qapp: object) -> None:
    font = ChipFont(12)
    area = QRectF(0, 0, 200, 60)
    placed, fits = wrap(chips(30), area, font)
    assert not fits
    last = placed[-1]
    assert last.chip is None
    assert last.label == f"+{last.more}"
    assert last.more + len(placed) - 1 == 30
    assert all(area.contains(p.rect) for p in placed)


def test_chips_that_find_room_wrap(qapp: object) -> None:
    placed, fits = wrap(chips(6), QRectF(0, 0, 200, 60), ChipFont(12))
    assert fits
    assert len({p.rect.top() for p in placed}) == 2


def test_a_long_token_is_cut_to_the_box(qapp: object) -> None:
    placed, fits = wrap(chips(1, "x" * 200), QRectF(0, 0, 120, 60), ChipFont(12))
    assert fits
    assert placed[0].rect.width() == 120


@pytest.mark.parametrize("width", [460, 500, 640, 890, 1400])
def test_sixteen_tokens_stay_in_their_boxes(view: RoundView, width: int) -> None:
    trace = make_trace(rounds=4, gamma=16, acceptance=0.95)
    view.resize(width, view.sizeHint().height())
    view.set_run(run_of(trace), trace.runs[0])
    view.grab()
    for box, frame in enumerate(view._boxes()):
        rects = [rect for rect, _ in view.chip_rects(box)]
        assert rects
        assert all(frame.contains(rect) for rect in rects)
        for one, other in pairwise(rects):
            assert not one.intersects(other)


def test_titles_take_the_longest_form_that_fits_everywhere(qapp: object) -> None:
    boxes = text_of(make_trace(rounds=2), 0).boxes
    assert title_level(boxes, 600) == 0
    assert title_level(boxes, 270) == 1
    assert title_level(boxes, 160) == 2
    assert title_level(EMPTY.boxes, 160) == 0


# The widget


def test_without_a_run_it_explains_the_method(view: RoundView) -> None:
    view.set_run(None)
    assert view.shown_round is None
    assert "guesses" in EMPTY.boxes[0].note
    view.grab()
    assert view.accessibleDescription().startswith("Speculative decoding")


def test_it_follows_the_newest_round(view: RoundView) -> None:
    trace = Trace()
    for event in make_events(rounds=5, seed=1, reason=None):
        trace.apply(event)
        if trace.run is not None:
            if view._run is None:
                view.set_run(trace.run)
            view.refresh()
            rounds = trace.run.rounds
            if rounds:
                assert view.shown_round == rounds[-1].index


def test_when_rounds_come_fast_it_shows_verdicts(view: RoundView) -> None:
    events = list(make_events(rounds=6, seed=1, reason=None))
    trace = Trace(events[:2])
    view.set_run(run_of(trace))
    # Two verdicts and half a proposal within one frame.
    cut = 2 + 6 + 6 + 3
    for event in events[2:cut]:
        trace.apply(event)
    view.refresh()
    assert view.shown_round == 1
    trace.apply(events[cut])
    view.refresh()
    assert view.shown_round == 2


def test_a_verdict_rests_before_the_next_round_shows(view: RoundView, qtbot: QtBot) -> None:
    events = list(make_events(rounds=6, seed=1, reason=None))
    trace = Trace(events[:8])
    view.dwell_ms = 60_000
    view.set_run(run_of(trace))
    assert view.shown_round == 0
    for event in events[8:14]:
        trace.apply(event)
    view.refresh()
    assert view.shown_round == 0
    assert view._hold.isActive()
    # A finished run does not wait.
    view.dwell_ms = 0
    view._hold.timeout.emit()
    assert view.shown_round == 1


def test_a_chosen_round_stays(view: RoundView) -> None:
    trace = make_trace(rounds=9)
    view.set_run(run_of(trace), trace.runs[0])
    view.show_round(4)
    view.refresh()
    assert view.shown_round == 4
    view.show_round(400)
    assert view.shown_round == 8
    view.show_round(None)
    assert view.shown_round == 8


def test_a_click_on_a_chip_picks_its_token(view: RoundView, qtbot: QtBot) -> None:
    trace = make_trace(rounds=9)
    view.set_run(run_of(trace), trace.runs[0])
    view.show_round(3)
    spy = QSignalSpy(view.picked)
    rect, index = view.chip_rects(2)[-1]
    qtbot.mouseMove(view, rect.center().toPoint())
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=rect.center().toPoint())
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.rect().topLeft())
    assert spy.count() == 1
    assert spy.at(0) == [3, index]


@pytest.mark.parametrize("width", [420, 500, 759, 760, 1600])
@pytest.mark.parametrize(
    "trace",
    [
        make_trace(rounds=3, open_drafted=3),
        make_trace(rounds=3, simulated=True),
        make_trace(rounds=3, synthetic=True),
        make_trace(rounds=3, baseline=False),
        make_trace(rounds=3, gamma=0),
        make_trace(rounds=3, drafter="ngram", no_proposal=1.0),
    ],
    ids=["open", "toy", "synthetic", "alone", "plain", "no-proposal"],
)
def test_every_state_paints_at_every_width(view: RoundView, trace: Trace, width: int) -> None:
    view.resize(width, view.minimumSizeHint().height())
    view.set_run(run_of(trace), trace.baseline_of(run_of(trace)))
    view.show_round(len(run_of(trace).rounds) - 1)
    assert not view.grab().isNull()


# Trees


TREES = [
    ((2,), 2), ((2, 2, 1), 4), ((3, 2), 3), ((2, 2, 2, 2), 4), ((2, 2, 2, 2, 1), 6), ((2,), 16),
    ((16, 1, 1), 3),
]  # fmt: skip


def test_a_tree_in_words() -> None:
    trace = tree_trace((2, 2, 1), 4)
    run = run_of(trace)
    text = text_of(trace, 0)
    draft, verify, result = text.boxes
    assert text.tree is not None
    assert text.tree.path == run.rounds[0].path
    assert draft.main[0].startswith("14 tokens, 4 leaves in ")
    assert draft.detail[0].startswith("depth 4 · ")
    assert verify.main[0].startswith("1 pass over 15 tokens in ")
    assert verify.detail == ("verifies all 14",)
    assert [c.index for c in result.chips] == [*run.rounds[0].path, 14]
    assert result.main[0] == "4 accepted + 1 bonus"
    assert text_of(make_trace(rounds=2), 0).tree is None


def test_a_tree_that_grows() -> None:
    parents = tree_parents((2, 2, 1), 4)
    for n in range(1, len(parents)):
        trace = tree_trace((2, 2, 1), 4, picks=(), open_drafted=n)
        text = text_of(trace, 0)
        assert text.phase == "Draft"
        assert text.tree is not None
        assert text.boxes[1].main == ("awaiting the proposal",)
    text = text_of(tree_trace((2, 2, 1), 4, picks=(), open_drafted=14), 0)
    assert text.phase == "Verify"
    assert text.boxes[1].main == ("verifying…",)


def test_the_last_tree_of_a_run_is_smaller() -> None:
    script = Script(Config(gamma=4, branches=(2, 2), max_tokens=3))
    script.propose(["a", "b", "c", "d"], [-1, -1, 0, 0])
    assert not is_complete(run_of(script.trace), run_of(script.trace).rounds[0])
    script.propose([], [])
    run = run_of(tree_trace((2, 2), 4, picks=(), open_drafted=6))
    assert not is_complete(run, run.rounds[0])  # 128 tokens are wanted: depth 4
    assert shows_tree(run, run.rounds[0])


def test_what_follows_a_tree_is_complete_by_what_is_left() -> None:
    script = Script(Config(gamma=4, branches=(2, 2), max_tokens=2))
    script.propose(["a", "b"], [-1, -1])
    # One token and the target's own: depth 1.
    assert is_complete(run_of(script.trace), run_of(script.trace).rounds[0])


@pytest.mark.parametrize(("branches", "depth"), TREES)
@pytest.mark.parametrize("width", [420, 520, 826, 890, 2828])
def test_trees_stay_in_their_boxes(
    view: RoundView, branches: tuple[int, ...], depth: int, width: int
) -> None:
    trace = tree_trace(branches, depth)
    n = len(tree_parents(branches, depth))
    for height in (view.minimumSizeHint().height(), 0):
        view.resize(width, view.height())
        view.set_run(run_of(trace), trace.runs[0])
        view.resize(width, height or view.sizeHint().height())
        for shown in (0, 2):
            view.show_round(shown)
            assert not view.grab().isNull()
            for box, frame in enumerate(view._boxes()):
                rects = [rect for rect, _ in view.chip_rects(box)]
                assert rects
                assert all(frame.contains(rect) for rect in rects)
            hidden = sum(p.more for p in view._placed[1])
            chips = sum(p.chip is not None for p in view._placed[1])
            assert chips + hidden == n


def test_the_same_tree_stands_in_both_boxes(view: RoundView) -> None:
    trace = tree_trace((3, 2), 3)
    view.set_run(run_of(trace), trace.runs[0])
    view.show_round(1)
    draft, verify = view._boxes()[:2]
    for (one, index), (other, same) in zip(view.chip_rects(0), view.chip_rects(1), strict=True):
        assert index == same
        assert one.translated(verify.topLeft() - draft.topLeft()) == other


def test_chips_of_a_tree_can_be_clicked_and_pointed_at(view: RoundView, qtbot: QtBot) -> None:
    trace = tree_trace((2, 2, 2, 2), 4)
    view.set_run(run_of(trace), trace.runs[0])
    view.resize(890, view.sizeHint().height())
    view.show_round(1)
    picked: list[tuple[int, int]] = []
    hovered: list[tuple[int, int]] = []
    view.picked.connect(lambda *place: picked.append(place))
    view.hovered.connect(lambda *place: hovered.append(place))
    for box in (0, 1):
        for rect, index in view.chip_rects(box):
            view.mouseMoveEvent(moved_to(rect.center()))
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=rect.center().toPoint())
            assert picked[-1] == (1, index)
            assert hovered[-1] == (1, index)
    view.leaveEvent(QEvent(QEvent.Type.Leave))
    assert hovered[-1] == (-1, -1)


def moved_to(at: QPointF) -> QMouseEvent:
    none = Qt.MouseButton.NoButton
    modifiers = Qt.KeyboardModifier.NoModifier
    return QMouseEvent(QEvent.Type.MouseMove, at, at, none, none, modifiers)


def test_the_view_grows_with_the_leaves(view: RoundView) -> None:
    chain = make_trace(rounds=2)
    view.set_run(run_of(chain))
    plain = view.sizeHint().height()
    heights: list[int] = []
    for branches, depth in (((2,), 2), ((2, 2, 1), 4), ((2, 2, 2, 2), 4)):
        view.set_run(run_of(tree_trace(branches, depth)))
        heights.append(view.sizeHint().height())
    assert heights[0] == plain
    assert heights == sorted(set(heights))
    assert heights[-1] - plain <= 80
    view.resize(2828, 600)
    assert view.sizeHint().height() > heights[-1]
    view.set_run(run_of(chain))
    assert view.sizeHint().height() == plain


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_in_trees_can_be_read(scheme: Scheme) -> None:
    """Chips of the path and pruned ones have other grounds than the palette's own."""
    for palette in ("standard", "okabe-ito"):
        current = theme.make_theme(scheme, palette)
        for state in TokenState:
            for strongly in (False, True):
                style = style_in_tree(current, state, strongly)
                for hue in (current.draft, current.target):
                    box = theme.blend(current.tint(hue), current.window)
                    ground = theme.blend(style.fill, box)
                    assert theme.contrast(style.text, ground) >= 4.5, (state, strongly)


# Rules, length policies, drafters


def chosen(
    policy: str,
    reason: LengthReason,
    value: float | None = None,
    threshold: float | None = None,
    n: int = 3,
) -> LengthChosen:
    return LengthChosen(0, 0, 0, policy, n, 7, reason, value, threshold, 0)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (chosen("confidence", "policy", 0.31, 0.4), "stopped at 3 of 7: confidence 0.31 < 0.40"),
        (chosen("entropy", "policy", 0.3, 0.301), "stopped at 3 of 7: entropy bound 0.300 < 0.301"),
        (chosen("entropy", "policy", 0.21, 0.3), "stopped at 3 of 7: entropy bound 0.21 < 0.30"),
        (
            chosen("throughput", "policy", 0.4, 0.6),
            "stopped at 3 of 7, throughput: 0.4 tokens expected, 0.6 tokens' worth of time",
        ),
        (chosen("throughput", "measuring"), "3 of 7: measuring"),
        (chosen("throughput", "no match", n=0), "stopped at 0 of 7: no match"),
        (chosen("throughput", "no match"), "stopped at 3 of 7: nothing more to propose"),
    ],
)  # fmt: skip
def test_a_chosen_length_in_words(choice: LengthChosen, words: str) -> None:
    forms = length_words(choice)
    assert forms[0] == words
    assert sorted(forms, key=len, reverse=True) == list(forms)


def test_a_length_at_its_limit_needs_no_words() -> None:
    assert length_words(chosen("confidence", "limit")) == ()
    draft = text_of(policy_trace(), 0).boxes[0]
    assert draft.detail[0].endswith(" each")


def test_the_draft_box_says_where_a_policy_stopped() -> None:
    trace = policy_trace()
    draft = text_of(trace, 1).boxes[0]
    assert draft.detail[0] == "stopped at 3 of 7: confidence 0.31 < 0.40"
    current = run_of(trace).rounds[1]
    assert current.wasted_ns == 510_000
    assert draft.main[0] == f"3 tokens in {fmt.duration(current.draft_ns)}"


def test_nothing_proposed_because_of_a_policy() -> None:
    draft = text_of(policy_trace("throughput", 0, "policy", 0.4, 0.6), 1).boxes[0]
    assert "length policy" in draft.note
    assert "throughput: 0.4 tokens expected" in draft.detail[0]
    measured = text_of(policy_trace("throughput", 0, "measuring", None, None), 1).boxes[0]
    assert measured.detail[0] == "0 of 7: measuring"
    copied = policy_trace("throughput", 0, "no match", None, None, drafter="ngram")
    draft = text_of(copied, 1).boxes[0]
    assert draft.note == "no proposal"
    assert draft.detail == ("no match in the text",)
    free = policy_trace("auto", 0, "no match", None, None, drafter="auto")
    assert text_of(free, 1).boxes[0].detail == ("nothing to copy, no draft that pays",)
    weighed = policy_trace("auto", 0, "policy", 0.4, 0.6, drafter="auto")
    draft = text_of(weighed, 1).boxes[0]
    assert draft.note == "no proposal\nnone was worth its time"
    assert "auto: 0.4 tokens expected" in draft.detail[0]


def test_a_chosen_length_ends_the_drafting(view: RoundView) -> None:
    trace = policy_trace(open_round=True)
    assert text_of(trace, 1).phase == "Verify"
    script = Script(Config(gamma=3, length_policy="confidence"))
    script.propose(["a", "b", "c"])
    view.set_run(run_of(script.trace))
    assert view._text.phase == "Draft"
    script.choose(3, "limit")
    view.refresh()
    assert view._text.phase == "Verify"


def test_a_copy_names_its_match() -> None:
    draft = text_of(copy_trace("suffix"), 2).boxes[0]
    assert draft.titles[0] == "1. Draft · suffix"
    assert draft.subtitle == "copied from the text"
    assert draft.detail[0].startswith("match of 5 tokens · ")


def test_a_chain_names_who_proposed() -> None:
    trace = copy_trace("chain")
    copied, drafted = text_of(trace, 2).boxes[0], text_of(trace, 5).boxes[0]
    assert copied.titles[0] == "1. Draft · chain: n-gram"
    assert copied.subtitle == "copied from the text"
    assert drafted.titles[:2] == (
        "1. Draft · chain: Qwen2.5-Coder 0.5B", "1. Draft · chain: 0.5B",
    )  # fmt: skip
    assert drafted.subtitle == "fast, approximate"


def test_lossy_rules_say_so() -> None:
    assert text_of(typical_trace(), 1).boxes[2].subtitle == "not lossless"
    assert text_of(block_trace(), 1).boxes[2].subtitle == "lossless"


def test_what_has_no_room_below_the_chips_is_in_a_tooltip(
    view: RoundView, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = policy_trace("throughput", 3, "policy", 0.4, 0.6)
    view.set_run(run_of(trace), trace.runs[0])
    told: list[str] = []
    monkeypatch.setattr(
        "app.views.round_view.QToolTip.showText", lambda at, text, *rest: told.append(text)
    )
    at = view._boxes()[0].bottomLeft() + QPointF(60, -12)
    view._show_tooltip(at.toPoint(), at)
    assert "0.4 tokens expected, 0.6 tokens' worth of time" in told[0]
