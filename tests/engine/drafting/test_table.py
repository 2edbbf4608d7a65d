"""The n-gram table against direct formulas, and proposals against their own q."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from engine.config import Config
from engine.drafting.ngram_table import CANDIDATES, UNIGRAMS, NgramTable
from engine.drafting.siblings import draw_siblings
from engine.drafting.table import TableDrafter
from engine.errors import Cancelled, ConfigError
from engine.sampling import draw, probabilities
from engine.verify import rejection
from tests.engine.drafting.policies import Willing

rng = np.random.default_rng(8)
TEXT = (rng.integers(0, 6, 400) * rng.integers(0, 2, 400)).tolist()
corpora = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.integers(0, n - 1), min_size=4, max_size=80)
)


def direct_law(text, context, order):
    """P(w | context) of every w, straight from the formula, and the length of context found."""
    size = max(text) + 1
    law = np.bincount(text, minlength=size) / len(text)
    found = 0
    for n in range(1, min(order - 1, len(context)) + 1):
        grams = Counter(tuple(text[i : i + n + 1]) for i in range(len(text) - n))
        once, twice = (sum(c == k for c in grams.values()) for k in (1, 2))
        discount = min(max(once / max(once + 2 * twice, 1), 0.1), 0.9)
        history = tuple(context[-n:])
        counts = np.array([grams[(*history, w)] for w in range(size)])
        if not counts.sum():
            break
        shorter = discount * (counts > 0).sum() / counts.sum() * law
        law = np.maximum(counts - discount, 0) / counts.sum() + shorter
        found = n
    return law, found


@given(corpora, st.integers(2, 4), st.data())
def test_probabilities_are_those_of_absolute_discounting(text, order, data):
    table = NgramTable.build(text, order)
    context = data.draw(st.lists(st.integers(0, max(text)), max_size=5))
    law, found = direct_law(text, context, order)
    ids, weights, match = table.candidates(context)
    assert match == found
    assert ids.tolist() == np.flatnonzero(law).tolist()
    assert weights == pytest.approx(law[law > 0], rel=1e-5)
    assert weights.sum() == pytest.approx(1, rel=1e-5)


def test_an_id_beyond_the_table_matches_nothing():
    table = NgramTable.build(TEXT)
    assert table.candidates([1, 2, 6 * 400])[2] == 0
    # Its key would be that of the next context with id 1.
    assert table.candidates([table.vocabulary_size + 1, 3])[2] == 1


def large_table(n=30_000, size=5000):
    chances = 1 / np.arange(1, size + 1)
    text = np.random.default_rng(1).choice(size, n, p=chances / chances.sum())
    return NgramTable.build(text, vocabulary_size=size), text.tolist()


def test_at_most_256_candidates_the_most_probable():
    table, text = large_table()
    assert table.candidates([4999, 4999, 4999 + 5000])[0].size == UNIGRAMS
    ids, weights, match = table.candidates([0])
    assert match == 1
    assert ids.size == CANDIDATES
    assert (np.diff(ids) > 0).all()
    after = Counter(b for a, b in pairwise(text) if a == 0)
    assert {w for w, _ in after.most_common(100)} <= set(ids.tolist())
    assert weights.min() > 0
    for end in range(3, 300):
        ids, weights, _ = table.candidates(text[:end])
        assert UNIGRAMS <= ids.size <= CANDIDATES
        assert np.unique(ids).size == ids.size
        assert weights.sum() <= 1.00001


def test_a_share_that_vanishes_leaves_weights_above_0():
    table = NgramTable.build(np.zeros(100_000, dtype=np.int64), 8)
    ids, weights, match = table.candidates([0] * 9)
    assert (ids.tolist(), match) == ([0], 7)
    assert weights[0] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("text", [[], [1], [1, 2, 3]])
def test_a_text_shorter_than_the_order_is_refused_with_a_hint(text):
    with pytest.raises(ConfigError, match="fewer than 4") as refused:
        NgramTable.build(text)
    assert refused.value.hint


def test_ids_and_orders_out_of_range_are_refused():
    for bad in ([1, 2, 3, -1], [1, 2, 3, 9]):
        with pytest.raises(ConfigError, match="outside the vocabulary"):
            NgramTable.build(bad, vocabulary_size=9)
    for order in (1, 9):
        with pytest.raises(ConfigError, match="order"):
            NgramTable.build(TEXT, order)
    with pytest.raises(ConfigError, match="made for 6 tokens"):
        TableDrafter(Config(), NgramTable.build(TEXT), 5)


def test_building_tells_its_progress_and_can_be_cancelled():
    done: list[float] = []
    NgramTable.build(TEXT, progress=done.append)
    assert done == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(Cancelled):
        NgramTable.build(TEXT, cancelled=lambda: True)


# Drafting


def drafter(config, table=None, size=9):
    return TableDrafter(config, table or NgramTable.build(TEXT), size)


def expected_row(table, context, config, size):
    ids, weights, _ = table.candidates(context)
    row = np.zeros(size, dtype=np.float32)
    q = probabilities(np.log(weights), config.temperature, config.top_k, config.top_p)
    row[ids] = q
    return row


@pytest.mark.parametrize("sampler", [{}, {"top_k": 2}, {"top_p": 0.6}, {"top_k": 3, "top_p": 0.8}])
def test_each_token_is_drawn_from_the_row_that_is_handed_over(sampler):
    config = Config(gamma=4, temperature=0.7, **sampler)
    table = NgramTable.build(TEXT)
    drafting = drafter(config, table)
    draws = np.random.default_rng(0)
    for n in range(1, 60):
        context, u = TEXT[:n], draws.random(4)
        proposal = drafting.propose(context, 4, u, Willing())
        assert len(proposal.ids) == len(proposal.draft_ns) == len(proposal.tops) == 4
        assert proposal.parents is None
        assert proposal.match == min(n, 3)
        for i, token in enumerate(proposal.ids):
            row = proposal.q[i]
            assert row.dtype == np.float32
            assert row.shape == (9,)
            assert row.sum() == pytest.approx(1, abs=1e-6)
            assert row.tolist() == expected_row(table, context, config, 9).tolist()
            assert token == draw(row, u[i])
            assert row[token] > 0
            shown = proposal.tops[i]
            assert shown.p == pytest.approx([row[j] for j in shown.ids], abs=1e-6)
            assert shown.p[0] == pytest.approx(row.max(), abs=1e-6)
            context = [*context, token]


def law_p_value(q_power):
    """χ² of many first tokens against the q handed over, raised to a power."""
    config = Config(gamma=1, temperature=1.0)
    drafting = drafter(config)
    context = TEXT[:50]
    counts = np.zeros(9)
    for u in np.random.default_rng(2).random(10_000):
        proposal = drafting.propose(context, 1, np.array([u]), Willing())
        counts[proposal.ids[0]] += 1
    q = proposal.q[0].astype(np.float64) ** q_power
    seen = q > 0
    assert not counts[~seen].any()
    return chisquare(counts[seen], counts.sum() * q[seen] / q[seen].sum()).pvalue


def test_tokens_follow_q():
    assert law_p_value(1.0) > 1e-9


def test_the_same_check_catches_another_q():
    assert law_p_value(0.7) < 1e-9


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_the_policy_decides_before_each_draw(temperature):
    config = Config(temperature=temperature)
    drafting, u = drafter(config), np.full(4, 0.5)
    length = Willing(2)
    proposal = drafting.propose(TEXT[:9], 4, u, length)
    assert len(proposal.ids) == 2
    assert [call[0] for call in length.calls] == [*["wants", "likes", "drew"] * 2, "wants"]
    assert [call[1] for call in length.calls if call[0] == "wants"] == [0, 1, 2]
    for weight_sum, total in length.totals:
        assert weight_sum == pytest.approx(total, rel=1e-5)
    kinds = [call[1] for call in length.calls if call[0] == "drew"]
    for token, shown, kind in zip(proposal.ids, proposal.tops, kinds, strict=True):
        assert kind == ("q", int(shown.p[shown.ids.index(token)] * 5))
    unliked = drafting.propose(TEXT[:9], 4, u, Willing(likes=1))
    assert len(unliked.ids) == len(unliked.draft_ns) == 1
    assert unliked.wasted_ns > 0


def test_greedy_takes_the_most_probable_and_shows_the_probabilities_of_temperature_1():
    table = NgramTable.build(TEXT)
    proposal = drafter(Config(top=3), table).propose(TEXT[:20], 3, None, Willing())
    assert proposal.q is None
    context = TEXT[:20]
    for token, shown in zip(proposal.ids, proposal.tops, strict=True):
        law = direct_law(TEXT, context, 4)[0]
        assert token == shown.ids[0] == law.argmax()
        assert shown.p == pytest.approx(np.sort(law)[::-1][:3], rel=1e-4)
        context.append(token)


def test_the_lower_id_of_equals_is_proposed():
    table = NgramTable.build([3, 1, 3, 1, 3, 2, 3, 2])
    assert drafter(Config(), table).propose([9], 1, None, Willing()).ids == [3]
    assert drafter(Config(branches=(3,)), table).propose([9], 1, None, Willing()).ids == [3, 1, 2]


# Trees


def test_siblings_are_drawn_without_replacement_level_by_level():
    config = Config(gamma=3, temperature=1.0, branches=(3, 2))
    table = NgramTable.build(TEXT)
    drafting = drafter(config, table)
    draws = np.random.default_rng(4)
    for n in range(3, 40):
        u = draws.random(15)
        proposal = drafting.propose(TEXT[:n], 3, u, Willing())
        assert proposal.parents == [-1] * 3 + [0, 0, 1, 1, 2, 2] + [3, 4, 5, 6, 7, 8]
        assert len(proposal.ids) == len(proposal.draft_ns) == len(proposal.tops) == 15
        paths = {-1: TEXT[:n]}
        for i, (token, parent) in enumerate(zip(proposal.ids, proposal.parents, strict=True)):
            paths[i] = [*paths[parent], token]
        for parent in range(-1, 9):
            places = [i for i, p in enumerate(proposal.parents) if p == parent]
            rows = np.zeros((len(places), 9), dtype=np.float32)
            row = expected_row(table, paths[parent], config, 9)
            assert draw_siblings(row, len(places), u[places], rows) == [
                proposal.ids[i] for i in places
            ]
            for j, i in enumerate(places):
                assert proposal.q[i].tolist() == rows[j].tolist()
                shown = proposal.tops[i]
                assert shown.p == pytest.approx([rows[j][t] for t in shown.ids], abs=1e-6)


def first_token_p_value(u_of, samples=8000):
    """χ² of the first token of rounds with a tree against the target's p; u_of: the draws of a
    proposal from fresh ones."""
    config = Config(gamma=2, temperature=1.0, branches=(3, 2))
    drafting = drafter(config, size=6)
    p = np.random.default_rng(6).dirichlet(np.full(6, 0.5), 16)
    counts = np.zeros(6)
    for u in np.random.default_rng(7).random((samples, 19)):
        proposal = drafting.propose(TEXT[:30], 2, u_of(u[:9]), Willing())
        n = len(proposal.ids)
        verdict = rejection(p, proposal.q, proposal.ids, u[9 : 10 + n], proposal.parents)
        first = proposal.ids[verdict.path[0]] if verdict.path else verdict.added_id
        counts[first] += 1
    return chisquare(counts, samples * p[0]).pvalue


def test_a_tree_judged_by_rejection_leaves_the_target_its_law():
    assert first_token_p_value(lambda u: u) > 1e-9


def test_the_same_check_catches_siblings_that_were_not_drawn():
    assert first_token_p_value(lambda u: 0 * u) < 1e-9


def test_fewer_children_where_the_support_is_smaller():
    table = NgramTable.build([0, 1, 0, 1, 0, 1, 1, 0])
    u = np.full(12, 0.5)
    sampled = drafter(Config(temperature=1.0, branches=(4, 4)), table)
    proposal = sampled.propose([0], 2, u, Willing())
    assert proposal.parents == [-1, -1, 0, 0, 1, 1]
    assert sorted(proposal.ids[:2]) == [0, 1]
    greedy = drafter(Config(branches=(4, 4)), table).propose([0], 2, None, Willing())
    assert greedy.parents == [-1, -1, 0, 0, 1, 1]
    assert greedy.q is None


def test_one_candidate_is_a_chain():
    table = NgramTable.build([5] * 9)
    for temperature in (0.0, 1.0):
        config = Config(temperature=temperature, branches=(2, 2))
        proposal = drafter(config, table).propose([5], 3, np.full(14, 0.5), Willing())
        assert (proposal.ids, proposal.parents) == ([5] * 3, None)


def test_rows_hold_nothing_of_the_proposals_before():
    table, text = large_table()
    draws = np.random.default_rng(5)
    config = Config(temperature=1.0, branches=(2,))
    drafting = TableDrafter(config, table, 6000)
    for end in range(1, 40):
        proposal = drafting.propose(text[:end], 3, draws.random(6), Willing())
        row = expected_row(table, text[:end], config, 6000)
        assert proposal.q[0].tolist() == row.tolist()
        for i, token in enumerate(proposal.ids):
            assert proposal.q[i].sum() == pytest.approx(1, abs=1e-5)
            assert proposal.q[i][token] > 0


# Files


def test_a_saved_table_is_the_same(tmp_path):
    path = tmp_path / "table.npz"
    table = NgramTable.build(TEXT, 3, vocabulary_size=50, fingerprint="tokenizer é")
    table.save(path)
    loaded = NgramTable.load(path)
    assert (loaded.order, loaded.vocabulary_size, loaded.fingerprint) == (3, 50, "tokenizer é")
    for n in range(60):
        for saved, read in zip(
            table.candidates(TEXT[:n]), loaded.candidates(TEXT[:n]), strict=True
        ):
            assert np.array_equal(saved, read)
    assert [p.name for p in tmp_path.iterdir()] == ["table.npz"]


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "table.npz"
    table = NgramTable.build(TEXT)
    table.save(path)
    whole = path.read_bytes()
    for cut in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(ConfigError):
            NgramTable.load(path)
    for place in range(0, len(whole), 31):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        # Some bytes carry nothing that is read, such as times: then the table must be whole.
        try:
            loaded = NgramTable.load(path)
        except ConfigError:
            continue
        assert np.array_equal(loaded.candidates(TEXT[:9])[1], table.candidates(TEXT[:9])[1])


def saved_arrays(path):
    NgramTable.build(TEXT).save(path)
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", np.int64(99)),
        ("order", np.int64(5)),
        ("order", np.int64(1000)),
        ("vocabulary_size", np.int64(2)),
        ("keys_0", np.array([1])),
        ("keys_1", np.array([3, 1, 2])),
        ("starts_2", np.array([0, 9999])),
        ("ids_1", np.array([-1], dtype=np.int32)),
        ("p_1", np.array(["a"])),
        ("p_0", np.full(6, np.nan, dtype=np.float32)),
        ("back_off_1", np.full(6, 2, dtype=np.float32)),
        ("back_off_3", np.empty(0, dtype=np.float32)),
        ("ids_0", np.array([{}], dtype=object)),
    ],
)
def test_files_whose_parts_do_not_fit_are_refused(tmp_path, name, value):
    path = tmp_path / "table.npz"
    np.savez(path, **(saved_arrays(path) | {name: value}))
    with pytest.raises(ConfigError, match="damaged"):
        NgramTable.load(path)


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "table.npz"
    np.save(tmp_path / "array.npy", TEXT)
    for content in (b"words", b"", (tmp_path / "array.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"table\.npz is no n-gram table"):
            NgramTable.load(path)
    with pytest.raises(ConfigError, match="can't be read"):
        NgramTable.load(tmp_path / "none.npz")
    with pytest.raises(ConfigError, match="can't be written"):
        NgramTable.build(TEXT).save(tmp_path / "no folder" / "table.npz")
