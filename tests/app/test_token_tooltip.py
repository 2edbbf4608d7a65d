"""The card of a token: what each rule compared, where it stands in a tree, what it copies."""

from __future__ import annotations

import re

import pytest

from app.views.copied_text import source_text, source_words, text_before
from app.views.token_figures import place_words, sibling_words
from app.views.token_tooltip import token_tooltip
from engine.trace import Run, Trace
from tests.app.method_traces import (
    block_trace,
    copy_trace,
    lenient_trace,
    policy_trace,
    tree_trace,
    typical_trace,
)
from tests.app.traces import PROMPT, make_trace


def run_of(trace: Trace) -> Run:
    assert trace.run is not None
    return trace.run


def card(trace: Trace, number: int, index: int) -> str:
    """The words of a card, markup left out."""
    text = token_tooltip(run_of(trace), number, index)
    plain = re.sub(r"<[^>]+>", " ", text)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&#x27;", "'"), ("&nbsp;", " ")):
        plain = plain.replace(entity, char)
    return re.sub(r"\s+", " ", plain)


def test_a_coin_is_compared_with_the_accept_probability() -> None:
    trace = make_trace(rounds=12, acceptance=0.5)
    for current in run_of(trace).rounds:
        assert current.verified is not None
        for index, judged in enumerate(current.verified.judged):
            sign = "<" if index < current.verified.n_accepted else "≥"
            words = card(trace, current.index, index)
            assert f"u {sign} {judged.accept_probability:.4f}" in words


def test_typical_compares_p_with_its_threshold() -> None:
    accepted, rejected = card(typical_trace(), 1, 0), card(typical_trace(), 1, 2)
    assert "p 0.12 > threshold 0.05" in accepted
    assert "p 0.03 ≤ threshold 0.071" in rejected
    assert " u " not in accepted
    assert "drawn from p after the rejection" in card(typical_trace(), 1, 4)


def test_lenient_at_zero_compares_a_ratio_with_l() -> None:
    assert "p / max p 0.8 ≥ l 0.7" in card(lenient_trace(), 0, 1)
    assert "p / max p 0.41 < l 0.7" in card(lenient_trace(), 0, 2)


def test_lenient_names_its_bias() -> None:
    assert "u < 0.3571 = min(1, p/(l·q)), l = 0.7" in card(lenient_trace(0.8), 0, 1)
    assert "u ≥ 0.1786 = min(1, p/(l·q))" in card(lenient_trace(0.8), 0, 2)


def test_block_shows_weights_and_h() -> None:
    carried = card(block_trace(), 1, 1)
    assert "weight before 1.0000" in carried
    assert "h 0.4312 accept probability" in carried
    assert "u ≥ h: carried by those behind it" in carried
    kept = card(block_trace(), 1, 2)
    assert "weight before 0.3500" in kept
    assert "u < h" in kept
    assert "Σ min(weight·p, q)" in kept


def test_block_shows_what_it_weighed_of_discarded_tokens() -> None:
    words = card(block_trace(), 2, 2)
    assert "discarded: it was weighed with the block" in words
    assert "weighed with the block: u ≥ h" in words
    assert "h 0.1567" in words
    assert "never judged" not in words


def test_a_later_sibling_is_judged_by_the_residual() -> None:
    trace = tree_trace((3, 2), 3, picks=[(2, 1, 0)])
    current = run_of(trace).rounds[0]
    path = current.path
    assert path[0] == 2
    words = card(trace, 0, path[0])
    assert "of the residual left by 2 rejected siblings" in words
    assert "draft, without its elder siblings" in words
    assert "depth 1 of 3, 3rd of 3 siblings" in words
    first = card(trace, 0, 0)
    assert "target" in first
    assert "residual" not in first
    assert "rejected by the target" in first


def test_places_in_a_tree_are_depths() -> None:
    current = run_of(tree_trace((2, 2, 1), 4)).rounds[0]
    assert place_words(current, 3) == "depth 2 of 4"
    assert sibling_words(current, 3) == "2nd of 2 siblings"
    assert place_words(current, 13) == "depth 4 of 4"
    assert sibling_words(current, 13) == ""
    assert place_words(current, 14) == "added by the target"
    chain = run_of(make_trace(rounds=2)).rounds[0]
    assert place_words(chain, 1) == "position 2 of 5"
    assert sibling_words(chain, 1) == ""


def test_pruned_tokens_and_what_follows_a_tree() -> None:
    trace = tree_trace((2, 2), 2, picks=[(0, 0), (1,), ()])
    assert "pruned: never judged" in card(trace, 0, 4)
    assert "a whole branch passed" in card(trace, 0, 6)
    assert "after all siblings were rejected" in card(trace, 1, 6)
    assert "after all siblings were rejected" in card(trace, 2, 6)


def test_every_token_of_every_method_has_a_card() -> None:
    traces = (
        tree_trace((2, 2, 1), 4, open_drafted=7), block_trace(), typical_trace(), lenient_trace(),
        lenient_trace(0.8), policy_trace(), policy_trace(n=0), copy_trace(), copy_trace("chain"),
    )  # fmt: skip
    for trace in traces:
        for cell in run_of(trace).cells:
            assert card(trace, cell.round, cell.index)


def test_a_copy_from_the_prompt_is_quoted_with_what_stands_before() -> None:
    words = card(copy_trace(), 2, 1)
    assert "copied from “␣checks␣whether␣a␣string␣is”" in words
    assert "after “…␣a␣Python␣function␣that”" in words
    assert "from the prompt, tokens 6–10 · match of 5 tokens" in words
    assert "match of 1 token" in card(copy_trace(), 3, 0)


def test_a_copy_from_the_output_says_so() -> None:
    words = card(copy_trace(), 4, 0)
    assert "from the output · match of 2 tokens" in words
    assert "after “" not in words


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ((11, 15), "from the prompt, tokens 12–15"),
        ((3, 4), "from the prompt, token 4"),
        ((len(PROMPT), len(PROMPT) + 2), "from the output"),
        ((len(PROMPT) - 1, len(PROMPT) + 2), "from the prompt's end and the output"),
    ],
)
def test_source_words(source: tuple[int, int], words: str) -> None:
    assert source_words(run_of(copy_trace()), source) == words


def test_little_is_quoted_before_a_copy() -> None:
    run = run_of(make_trace(rounds=20))
    assert text_before(run, (0, 2)) == ""
    assert text_before(run, (2, 3)) == "Write␣a"
    assert all(len(text_before(run, (i, i + 1))) <= 25 for i in range(60))
    assert len(source_text(run, (0, 60))) == 48
