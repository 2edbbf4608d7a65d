"""Trees in the key/value cache: the same contract for every backend that holds them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from engine.backends import llama_cpp as backend
from engine.backends.llama_cpp import LlamaCppModel
from engine.backends.open_tree import OpenTree
from engine.backends.toy import ToyModel, ToyVocabulary, toy_laws
from engine.errors import Cancelled, ModelError
from engine.tree import is_chain, path_to
from tests.engine.backends.tiny import write_llama, write_mamba

SAME_WIDTH = 1e-4
MAX = 16
TEXT = [1, *range(10, 29)]
# A tree of 4 leaves. Tokens 3 and 6 are the same word after different words.
#   0 - 1 - 3
#     \ 2 - 6
#   4 - 5
#     \ 7
IDS = [30, 31, 32, 40, 33, 34, 40, 35]
PARENTS = [-1, 0, 0, 1, -1, 4, 2, 4]


class Subject(NamedTuple):
    model: ToyModel | LlamaCppModel
    other_width: float  # how much passes of different widths may round differently


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    model = LlamaCppModel(write_llama(tmp_path_factory.mktemp("tiny") / "tiny.gguf"), threads=1)
    yield model
    model.close()


def cleared(model):
    model.interrupt(False)
    model.truncate(0)
    return model


def subject_named(request):
    if request.param == "toy":
        return Subject(ToyModel(toy_laws()[0], ToyVocabulary()), 0.0)
    if request.param == "tiny":
        return Subject(cleared(request.getfixturevalue("tiny")), 0.05)
    return Subject(cleared(request.getfixturevalue("embedded_gguf")), 1.5)


@pytest.fixture(params=["toy", "tiny", pytest.param("embedded", marks=pytest.mark.model)])
def subject(request):
    """For what logits must be: every backend."""
    return subject_named(request)


@pytest.fixture(params=["toy", "tiny"])
def model(request):
    """For what is accepted and refused."""
    return subject_named(request).model


@pytest.fixture
def llama(tiny):
    return cleared(tiny)


def random_tree(rng, size, leaves=MAX):
    while True:
        parents = [int(rng.integers(-1, i)) for i in range(size)]
        if size - len(set(parents) - {-1}) <= leaves:
            return random_ids(rng, size), parents


def random_ids(rng, size):
    return [int(i) for i in rng.integers(3, 50, size)]


def begin(model, text=TEXT):
    model.truncate(0)
    model.extend(text, "none")


def grown(model, ids, parents, sizes):
    """Logits of a tree that is fed in parts."""
    rows, at = [], 0
    for size in sizes:
        rows.append(model.extend(ids[at : at + size], "all", parents[at : at + size]).copy())
        at += size
    assert at == len(ids)
    return np.concatenate(rows)


def linear(model, text, path, width):
    """Logits after each token of a path that is decoded as plain text, in a pass of `width`."""
    begin(model, text)
    filled = [*path, *[5] * (width - len(path))]
    return model.extend(filled)[: len(path)].copy()


def assert_branches_equal_linear(model, text, ids, parents, rows, tolerance):
    for leaf in set(range(len(ids))) - set(parents):
        path = list(path_to(leaf, parents))
        expected = linear(model, text, [ids[j] for j in path], len(ids))
        np.testing.assert_allclose(rows[path], expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("seed", range(3))
def test_branches_equal_linear_decoding(subject, seed):
    model = subject.model
    ids, parents = random_tree(np.random.default_rng(seed), 24)
    assert not is_chain(parents)
    begin(model)
    rows = model.extend(ids, "all", parents).copy()
    assert rows.shape == (24, model.vocabulary.size)
    assert model.length == len(TEXT) + 24
    assert_branches_equal_linear(model, TEXT, ids, parents, rows, SAME_WIDTH)


def test_a_token_sees_its_own_branch(llama):
    """The negative control of the test above: another branch gives other logits."""
    begin(llama)
    rows = llama.extend(IDS, "all", PARENTS).copy()
    assert np.abs(rows[3] - rows[6]).max() > 10 * SAME_WIDTH
    wrong = [*PARENTS]
    wrong[3], wrong[6] = 2, 1
    with pytest.raises(AssertionError):
        assert_branches_equal_linear(llama, TEXT, IDS, wrong, rows, SAME_WIDTH)


@pytest.mark.parametrize("text", [[], [1], TEXT], ids=len)
def test_a_tree_after_any_text(model, text):
    model.truncate(0)
    model.extend(text, "none")
    rows = model.extend(IDS, "all", PARENTS).copy()
    assert_branches_equal_linear(model, text, IDS, PARENTS, rows, SAME_WIDTH)


@pytest.mark.parametrize("seed", range(3))
def test_grown_in_parts_equals_whole(subject, seed):
    model = subject.model
    rng = np.random.default_rng(seed)
    ids, parents = random_tree(rng, 24)
    sizes = [1, 3, *rng.multinomial(20, [0.25] * 4)]
    begin(model)
    whole = model.extend(ids, "all", parents).copy()
    begin(model)
    parts = grown(model, ids, parents, [int(size) for size in sizes])
    np.testing.assert_allclose(parts, whole, rtol=0, atol=subject.other_width)


def test_grown_by_levels_equals_whole(subject):
    model = subject.model
    parents = [-1, -1, -1, 0, 0, 1, 1, 2, 2, *[i for i in range(3, 9) for _ in range(2)]]
    ids = random_ids(np.random.default_rng(0), len(parents))
    begin(model)
    whole = model.extend(ids, "all", parents).copy()
    begin(model)
    levels = grown(model, ids, parents, [3, 6, 12])
    np.testing.assert_allclose(levels, whole, rtol=0, atol=subject.other_width)


PATHS = [(0,), (0, 1), (0, 1, 3), (0, 2), (0, 2, 6), (4,), (4, 5), (4, 7)]


@pytest.mark.parametrize("path", PATHS)
def test_after_keep_the_text_goes_on(subject, path):
    model = subject.model
    begin(model)
    model.extend(IDS, "none", PARENTS)
    model.keep(path)
    text = [*TEXT, *[IDS[i] for i in path]]
    assert model.length == len(text)
    rows = model.extend([41, 42, 43]).copy()
    np.testing.assert_allclose(
        rows, linear(model, text, [41, 42, 43], 3), rtol=0, atol=subject.other_width
    )


@pytest.mark.parametrize("path", PATHS)
def test_kept_tokens_count_in_their_order(llama, path):
    """The same passes without a tree give the same logits: flash attention meets the tokens in the
    order of the text, whatever lay between them."""
    begin(llama)
    llama.extend(IDS, "none", PARENTS)
    llama.keep(path)
    rows = llama.extend([41, 42, 43]).copy()
    ids = [IDS[i] for i in path]
    linear(llama, TEXT, ids, len(IDS))
    llama.truncate(len(TEXT) + len(ids))
    np.testing.assert_allclose(rows, llama.extend([41, 42, 43]), rtol=0, atol=SAME_WIDTH)


def test_rounds_of_trees(subject):
    """Trees of all shapes, in parts or whole, of which some path is kept, and plain tokens."""
    model = subject.model
    rng = np.random.default_rng(7)
    text = list(TEXT)
    begin(model)
    for number in range(12):
        size = int(rng.integers(2, 20))
        ids, parents = random_tree(rng, size)
        cut = int(rng.integers(1, size))
        grown(model, ids, parents, [cut, size - cut] if number % 2 else [size])
        path = path_to(int(rng.integers(-1, size)), parents)
        model.keep(path)
        text += [ids[i] for i in path]
        chain = random_ids(rng, 3)
        model.extend(chain, "none")
        text += chain[:2]
        model.truncate(len(text))
        assert model.length == len(text)
    rows = model.extend([41, 42, 43]).copy()
    np.testing.assert_allclose(
        rows, linear(model, text, [41, 42, 43], 3), rtol=0, atol=subject.other_width
    )


@pytest.mark.parametrize(
    ("close", "left"),
    [
        (lambda model: model.keep(()), len(TEXT)),
        (lambda model: model.truncate(len(TEXT) + 3), len(TEXT)),
        (lambda model: model.truncate(10_000), len(TEXT)),
        (lambda model: model.truncate(len(TEXT)), len(TEXT)),
        (lambda model: model.truncate(7), 7),
        (lambda model: model.truncate(0), 0),
    ],
)
def test_closed_without_a_path(model, close, left):
    begin(model)
    model.extend(IDS, "none", PARENTS)
    close(model)
    assert model.length == left
    rows = model.extend(IDS[:3]).copy()
    expected = linear(model, TEXT[:left], IDS[:3], 3)
    np.testing.assert_allclose(rows, expected, rtol=0, atol=SAME_WIDTH)


@pytest.mark.parametrize("path", [(), (0,), (0, 39), range(10)], ids=len)
def test_closed_trees_give_their_places_back(tmp_path, path):
    model = LlamaCppModel(write_llama(tmp_path / "tiny.gguf"), context=256, threads=1)
    parents = [-1, *range(9), *[i % 9 for i in range(9)], *range(10, 30), 0]
    ids = [*range(3, 43)]
    text = [*TEXT]
    begin(model)
    while len(text) + 40 <= 256:
        model.extend(ids, "none", parents)
        model.keep(path)
        text += [ids[i] for i in path]
        if not path:
            text.append(50)
            model.extend([50], "none")
        assert model.length == len(text)
    model.truncate(len(text) - 3)
    rows = model.extend(text[-3:]).copy()
    expected = linear(model, text[:-3], text[-3:], 3)
    np.testing.assert_allclose(rows, expected, rtol=0, atol=0.05)
    model.extend([5] * (256 - len(text)), "none")
    model.close()


def test_rows_asked_for(model):
    begin(model)
    every = model.extend(IDS, "all", PARENTS).copy()
    begin(model)
    last = model.extend(IDS, "last", PARENTS).copy()
    np.testing.assert_allclose(last, every[-1:], rtol=0, atol=SAME_WIDTH)
    assert model.extend([5], "none", [0]).shape == (0, model.vocabulary.size)
    assert model.extend([], "all", []).shape == (0, model.vocabulary.size)
    model.keep(())
    assert model.extend([], "all", []).shape == (0, model.vocabulary.size)
    model.extend([5], "none")  # nothing was fed: no tree is open


def refused(call, sentence):
    """The hint of a refusal."""
    with pytest.raises(ModelError, match=sentence) as caught:
        call()
    assert caught.value.hint.endswith(".")
    return caught.value.hint


def test_sixteen_leaves(model):
    begin(model)
    rows = model.extend([*range(3, 19)], "all", [-1] * MAX).copy()
    assert_branches_equal_linear(model, TEXT, [*range(3, 19)], [-1] * MAX, rows, SAME_WIDTH)
    begin(model)
    hint = refused(lambda: model.extend([*range(3, 20)], "all", [-1] * 17), "17 leaves")
    assert "at most 16 leaves" in hint
    assert model.length == len(TEXT)
    model.extend([5], "none")  # the refused tree is not open


def test_sixteen_leaves_over_calls(model):
    begin(model)
    model.extend([*range(3, 19)], "none", [-1] * MAX)
    refused(lambda: model.extend([20], "none", [-1]), "17 leaves")
    refused(lambda: model.extend([20, 21], "none", [3, 3]), "17 leaves")
    rows = model.extend([20, 21], "all", [3, 16]).copy()
    assert model.length == len(TEXT) + 18
    ids, parents = [*range(3, 19), 20, 21], [-1] * MAX + [3, 16]
    path = list(path_to(17, parents))
    model.keep(path)
    assert model.length == len(TEXT) + 3
    expected = linear(model, TEXT, [ids[i] for i in path], 3)
    np.testing.assert_allclose(rows, expected[-2:], rtol=0, atol=0.05)


@pytest.mark.parametrize(
    ("ids", "parents", "sentence"),
    [
        ([5, 6], [-1, 9], "Token 9 of a tree cannot follow token 9"),
        ([5, 6], [9, -1], "Token 8 of a tree cannot follow token 9"),
        ([5], [8], "Token 8 of a tree cannot follow token 8"),
        ([5], [-2], "cannot follow token -2"),
        ([5, 6], [-1], "2 tokens of a tree came with 1 parents"),
        ([], [-1], "0 tokens of a tree came with 1 parents"),
    ],
)
def test_malformed_trees_change_nothing(model, ids, parents, sentence):
    begin(model)
    model.extend(IDS, "none", PARENTS)
    refused(lambda: model.extend(ids, "all", parents), sentence)
    assert model.length == len(TEXT) + len(IDS)
    rows = model.extend([50], "all", [6]).copy()
    path = [*[IDS[i] for i in path_to(6, PARENTS)], 50]
    expected = linear(model, TEXT, path, len(path))
    np.testing.assert_allclose(rows, expected[-1:], rtol=0, atol=0.05)


@pytest.mark.parametrize(
    "path", [(1,), (0, 4), (0, 3), (3, 1, 0), (0, 0), (-1,), (8,), (0, 1, 3, 6)]
)
def test_what_is_no_path_leaves_the_tree_open(model, path):
    begin(model)
    model.extend(IDS, "none", PARENTS)
    refused(lambda: model.keep(path), "no path in the tree")
    assert model.length == len(TEXT) + len(IDS)
    model.keep((4, 7))
    assert model.length == len(TEXT) + 2


def test_text_and_tree_are_not_mixed(model):
    begin(model)
    model.keep(())  # nothing is open: harmless
    refused(lambda: model.keep((0,)), "No tree is open")
    model.extend([5], "none", [-1])
    refused(lambda: model.extend([6], "none"), "A tree is open")
    assert model.length == len(TEXT) + 1
    model.keep((0,))
    refused(lambda: model.keep((0,)), "No tree is open")
    model.extend([6], "none")
    assert model.length == len(TEXT) + 2


def test_models_without_trees(tmp_path):
    recurrent = LlamaCppModel(write_mamba(tmp_path / "mamba.gguf"), threads=1)
    for model in (recurrent, ToyModel(toy_laws()[0], ToyVocabulary(), max_branches=1)):
        assert model.max_branches == 1
        model.extend(TEXT, "none")
        hint = refused(lambda model=model: model.extend([5], "all", [-1]), "holds no trees")
        assert "branches" in hint
        assert model.length == len(TEXT)
        model.extend([5])
        model.close()


def test_sixty_four_tokens_a_call(model):
    begin(model)
    rows = model.extend([*range(3, 35)] * 2, "all", [-1, *range(63)])
    assert rows.shape == (64, model.vocabulary.size)
    with pytest.raises(ModelError):
        model.extend([5] * 65, "none", [-1, *range(64)])
    assert model.length == len(TEXT) + 64
    model.extend([5] * 64, "none", range(63, 127))
    assert model.length == len(TEXT) + 128


def test_more_tokens_than_a_call_takes_are_explained(llama):
    hint = refused(lambda: llama.extend([5] * 65, "all", [-1, *range(64)]), "65 tokens of a tree")
    assert "at most 64 tokens" in hint


def test_full_context(tmp_path):
    model = LlamaCppModel(write_llama(tmp_path / "tiny.gguf"), context=256, threads=1)
    model.extend([5] * 250, "none")
    refused(lambda: model.extend([5] * 7, "none", [-1] * 7), "context of 256 tokens is full")
    model.extend([5] * 6, "none", [-1] * 6)
    model.close()


def test_interrupt_before_a_pass(model):
    begin(model)
    model.extend(IDS, "none", PARENTS)
    model.interrupt(True)
    with pytest.raises(Cancelled):
        model.extend([5, 6], "all", [3, -1])
    model.interrupt(False)
    assert model.length == len(TEXT) + len(IDS)
    model.keep((0, 1, 3))
    assert model.length == len(TEXT) + 3


@pytest.fixture
def broken_decode(llama, monkeypatch):
    """Interrupts the next pass from within."""

    def arm():
        decode = backend.C.llama_decode

        def interrupted(ctx, batch):
            llama.interrupt(True)
            code = decode(ctx, batch)
            assert code == 2  # aborted by the library, not by a check of ours
            return code

        monkeypatch.setattr(backend.C, "llama_decode", interrupted)

    yield arm
    monkeypatch.undo()


def positions(model):
    """Greatest position of every sequence in the cache, -1: none."""
    return [backend.C.llama_memory_seq_pos_max(model._memory, sequence) for sequence in range(MAX)]


@pytest.mark.parametrize("fed", [0, 3, 7])
def test_interrupt_inside_a_pass(llama, broken_decode, monkeypatch, fed):
    begin(llama)
    whole = llama.extend(IDS, "all", PARENTS).copy()
    begin(llama)
    if fed:
        llama.extend(IDS[:fed], "none", PARENTS[:fed])
    before = positions(llama)
    broken_decode()
    with pytest.raises(Cancelled):
        llama.extend(IDS[fed:], "all", PARENTS[fed:])
    monkeypatch.undo()
    llama.interrupt(False)
    assert llama.length == len(TEXT) + fed
    assert positions(llama) == before
    rows = llama.extend(IDS[fed:], "all", PARENTS[fed:])
    np.testing.assert_allclose(rows, whole[fed:], rtol=0, atol=0.05)
    llama.keep((0, 2, 6))
    assert positions(llama) == [len(TEXT) + 2, *[-1] * (MAX - 1)]


def test_interrupted_first_pass_opens_no_tree(llama, broken_decode, monkeypatch):
    begin(llama)
    broken_decode()
    with pytest.raises(Cancelled):
        llama.extend(IDS, "all", PARENTS)
    monkeypatch.undo()
    llama.interrupt(False)
    rows = llama.extend(IDS[:3]).copy()
    np.testing.assert_allclose(rows, linear(llama, TEXT, IDS[:3], 3), rtol=0, atol=SAME_WIDTH)


@pytest.mark.parametrize("bad", [267, -1])
def test_unknown_ids_leave_the_cache_alone(llama, bad):
    begin(llama)
    llama.extend(IDS, "none", PARENTS)
    before = positions(llama)
    refused(lambda: llama.extend([5, bad, 6], "all", [3, 3, -1]), r"llama\.cpp failed")
    assert positions(llama) == before
    assert llama.length == len(TEXT) + len(IDS)
    llama.extend([5, 6, 7], "all", [3, 3, -1])


def test_sequences_of_branches():
    """A leaf carries on the sequence of the token that it follows; its siblings begin copies."""
    tree = OpenTree(10)
    growth = tree.plan([-1, 0, 0, -1], MAX)
    assert growth.positions == [10, 11, 11, 10]
    assert growth.sequences == [[0, 1], [0], [1], [2]]
    assert growth.copies == [(0, 1, 10), (0, 2, 10)]
    assert growth.undo == [(0, 10), (1, 0), (2, 0)]
    assert tree.plan([-1, 0, 0, -1], MAX) == growth  # planning changes nothing
    tree.grow(growth)
    growth = tree.plan([2, 2, 0], MAX)
    assert growth.sequences == [[1], [3], [4]]
    assert growth.copies == [(1, 3, 12), (0, 4, 11)]
    assert growth.undo == [(1, 12), (3, 0), (4, 0)]
    tree.grow(growth)
    assert [tree.sequence_of(path) for path in ((), (0, 2, 5), (0, 6), (3,))] == [0, 3, 4, 2]
