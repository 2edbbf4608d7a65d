"""Where two texts part, and how they differ: on token ids alone."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from app.text_difference import Span, compare_texts, first_difference, pieces_between, spans
from tests.app.wordy_runs import wordy_run


@pytest.mark.parametrize(
    ("first", "second", "at"),
    [
        ([1, 2, 3], [1, 2, 3], None),
        ([1, 2, 3], [1, 2, 4], 2),
        ([1, 2, 3], [9, 2, 3], 0),
        ([1, 2], [1, 2, 3], None),
        ([], [1], None),
        ([], [], None),
    ],
)
def test_the_first_difference(first, second, at):
    assert first_difference(first, second) == at
    assert first_difference(second, first) == at


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ([1, 2, 3], [1, 2, 3], ["equal"]),
        ([1, 2, 3], [1, 9, 3], ["equal", "changed", "equal"]),
        ([1, 3], [1, 2, 3], ["equal", "added", "equal"]),
        ([1, 2, 3], [1, 3], ["equal", "removed", "equal"]),
        ([1], [1, 2], ["equal", "added"]),
        ([], [], []),
    ],
)
def test_the_spans(first, second, kinds):
    assert [span.kind for span in spans(first, second)] == kinds


def rebuilt(found: Sequence[Span], first: Sequence[int], second: Sequence[int]) -> list[int]:
    """The second text, from the first one and the spans."""
    result: list[int] = []
    for span in found:
        source = first[span.start : span.stop]
        if span.kind in ("changed", "added"):
            source = second[span.other_start : span.other_stop]
        result += [] if span.kind == "removed" else source
    return result


@pytest.mark.parametrize("seed", range(20))
def test_spans_have_no_gaps_and_rebuild_the_text(seed):
    rng = random.Random(seed)
    first = rng.choices(range(12), k=rng.randrange(40))
    second = [t for t in first if rng.random() > 0.1]
    second[len(second) // 2 : len(second) // 2] = rng.choices(range(12), k=rng.randrange(5))
    found = spans(first, second)
    assert rebuilt(found, first, second) == second
    ends = [(0, 0), *((span.stop, span.other_stop) for span in found)]
    starts = [(span.start, span.other_start) for span in found]
    assert starts == ends[:-1]
    assert ends[-1] == (len(first), len(second))
    for span in found:
        ours, theirs = (
            first[span.start : span.stop],
            second[span.other_start : span.other_stop],
        )
        assert (ours == theirs) == (span.kind == "equal")


def test_beyond_the_limit_nothing_is_said():
    first, second = [0, *range(1, 50)], [0, *range(101, 150)]
    found = spans(first, second, limit=5)
    assert (found[-1].stop, found[-1].other_stop) == (6, 6)
    whole = compare_texts(wordy_run("a b c d e"), wordy_run("a x y z w"), limit=2)
    assert not whole.whole
    assert not whole.same


def test_the_same_text():
    found = compare_texts(wordy_run("a b c"), wordy_run("a b c", gamma=2))
    assert found.same
    assert found.parting is None
    assert found.common == 3


def test_a_longer_text_does_not_part():
    found = compare_texts(wordy_run("a b c"), wordy_run("a b c d"))
    assert found.parting is None
    assert found.common == 3
    assert not found.same


def test_where_they_part():
    ours = "one two three four five six seven eight nine ten"
    found = compare_texts(wordy_run(ours), wordy_run(ours.replace("nine ten", "none at all")))
    assert found.common == 8
    parting = found.parting
    assert parting is not None
    assert (parting.index, parting.piece, parting.other_piece) == (8, " nine", " none")
    assert parting.before == "three four five six seven eight"
    assert (parting.after, parting.other_after) == (" ten", " at all")


def test_other_prompts_and_other_tokens():
    run = wordy_run("a b")
    assert compare_texts(run, wordy_run("a b", prompt="Sing a song")).why_not == "prompts"
    assert compare_texts(run, wordy_run("a b", prompt_ids=(1, 2, 3))).why_not == "tokens"
    assert not compare_texts(run, wordy_run("a b", prompt="Sing a song")).same


def test_an_id_that_means_something_else_is_another_vocabulary():
    run, other = wordy_run("a b"), wordy_run("a b")
    other.pieces[other.token_ids[0]] = "z"
    assert compare_texts(run, other).why_not == "tokens"


def test_tokens_without_a_text_of_their_own_are_labelled():
    run = wordy_run(["a", "", "b"])
    run.pieces[run.token_ids[1]] = "<end>"
    assert pieces_between(run, 0, 3) == "a<end>b"
    assert run.text == "ab"


def test_runs_without_a_token():
    found = compare_texts(wordy_run([]), wordy_run("a"))
    assert found.parting is None
    assert not found.same
    assert compare_texts(wordy_run([]), wordy_run([])).same
