"""The three boxes and the card below them: words, figures, chips, following."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from app.views import format as fmt
from app.views.chips import ChipFont
from app.views.round_boxes import title_level, wrap
from app.views.draft_text import Chip
from app.views.round_text import EMPTY, RoundText, describe
from app.views.round_view import RoundView
from engine.events import ModelInfo
from engine.trace import Round, Run, TokenState, Trace
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
    assert text.simulated
    assert text.comparison.kind == "simulated"
    assert not text_of(make_trace(rounds=3), 1).simulated


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
        make_trace(rounds=3, baseline=False),
        make_trace(rounds=3, gamma=0),
        make_trace(rounds=3, drafter="ngram", no_proposal=1.0),
    ],
    ids=["open", "toy", "alone", "plain", "no-proposal"],
)
def test_every_state_paints_at_every_width(view: RoundView, trace: Trace, width: int) -> None:
    view.resize(width, view.minimumSizeHint().height())
    view.set_run(run_of(trace), trace.baseline_of(run_of(trace)))
    view.show_round(len(run_of(trace).rounds) - 1)
    assert not view.grab().isNull()
