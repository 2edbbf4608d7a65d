"""What every backend promises the loop: one suite, both backends, tiny and embedded models."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
import pytest

from engine.backends import registry
from engine.backends.base import LanguageModel, check_same_vocabulary
from engine.config import Config, ModelSpec
from engine.divergence import first_divergence
from engine.errors import Cancelled, ConfigError, ModelError
from engine.host import physical_cores
from tests.engine.backends.tiny import write_llama
from tests.engine.toys import emitted, run_events

IDS = [1, *range(100, 130)]
BEGIN, END, USER, SAID = 1, 2, 265, 266
TEXT = "A family emoji 👨‍👩‍👧, a naïve café and 深度学习."


class Subject(NamedTuple):
    model: LanguageModel
    tolerance: float  # of logits: passes of other widths round differently


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("contract") / "tiny.gguf"
    # Without the number of key heads, transformers leaves weights in llama.cpp's order.
    return write_llama(path, llama__attention__head_count_kv=2)


def load(path, backend, progress=None, **how):
    if backend == "hf":
        pytest.importorskip("torch")
    how = {"context": 512, "threads": 1, "device": "cpu", "precision": "float32"} | how
    return registry.load(ModelSpec(str(path), backend, **how), "target", progress)


@pytest.fixture(scope="module")
def tiny_gguf(tiny_path):
    model = load(tiny_path, "gguf")
    yield model
    model.close()


@pytest.fixture(scope="module")
def tiny_hf(tiny_path):
    model = load(tiny_path, "hf")
    yield model
    model.close()


TINY = {"llama.cpp": ("tiny_gguf", 0.05), "transformers": ("tiny_hf", 1e-4)}
EMBEDDED = {
    "embedded, llama.cpp": ("embedded_gguf", 1.0),
    "embedded, transformers": ("embedded_hf", 1e-3),
}


def subject_named(request):
    name, tolerance = (TINY | EMBEDDED)[request.param]
    model = request.getfixturevalue(name)
    model.interrupt(False)
    model.truncate(0)
    return Subject(model, tolerance)


@pytest.fixture(params=[*TINY, *(pytest.param(name, marks=pytest.mark.model) for name in EMBEDDED)])
def subject(request):
    return subject_named(request)


@pytest.fixture(params=TINY)
def tiny(request):
    """For what depends on the tiny file's tokens, or closes or reloads the model."""
    return subject_named(request).model


@pytest.fixture(params=["gguf", "hf"])
def backend(request):
    return request.param


def equal(rows, expected, tolerance):
    np.testing.assert_allclose(rows, expected, rtol=0, atol=tolerance)


def test_rows_asked_for(subject):
    model, tolerance = subject
    every = model.extend(IDS, "all").copy()
    assert every.shape == (len(IDS), model.vocabulary.size)
    assert every.dtype == np.float32
    model.truncate(0)
    equal(model.extend(IDS, "last"), every[-1:], tolerance)
    model.truncate(0)
    assert model.extend(IDS, "none").shape == (0, model.vocabulary.size)
    assert model.extend([], "all").shape == (0, model.vocabulary.size)
    assert model.length == len(IDS)


def test_one_by_one_equals_one_pass(subject):
    model, tolerance = subject
    every = model.extend(IDS).copy()
    model.truncate(0)
    equal(np.concatenate([model.extend([i]).copy() for i in IDS]), every, tolerance)


def test_truncated_tokens_leave_no_trace(subject):
    model, tolerance = subject
    every = model.extend(IDS).copy()
    model.truncate(4)
    model.extend([7, 8, 9], "none")
    model.truncate(4)
    assert model.length == 4
    equal(model.extend(IDS[4:]), every[4:], tolerance)
    model.truncate(1000)
    assert model.length == len(IDS)


def test_the_same_pass_twice_gives_the_same_numbers(subject):
    model, _ = subject
    model.extend(IDS, "none")
    first = model.extend(IDS[:5]).copy()
    model.truncate(len(IDS))
    model.extend([17, 18, 19], "none")
    model.truncate(len(IDS))
    np.testing.assert_array_equal(model.extend(IDS[:5]), first)


def test_trees(subject):
    """Each branch has the logits of its text alone, and the kept one goes on like it."""
    model, tolerance = subject
    model.extend(IDS[:8], "none")
    rows = model.extend([30, 31, 32, 33], "all", [-1, -1, 0, 1]).copy()
    model.keep((1, 3))
    after = model.extend([34]).copy()
    for branch, at in (((30, 32), (0, 2)), ((31, 33), (1, 3))):
        model.truncate(8)
        # Of the tree's width: kernels differ by it.
        expected = model.extend([*branch, 5, 5])[:2]
        equal(rows[list(at)], expected, tolerance)
    model.truncate(8)
    equal(after, model.extend([31, 33, 34], "last"), tolerance)


def test_full_context_too_many_rows_and_bad_ids_change_nothing(tiny):
    assert tiny.context == 512
    with pytest.raises(ModelError, match="at once"):
        tiny.extend([5] * (tiny.max_rows + 1), "none")
    for _ in range(5):
        tiny.extend([5] * 100, "none")
    with pytest.raises(ModelError, match="full"):
        tiny.extend([5] * 13, "none")
    for bad in (-1, 267, 2**31 - 1):
        with pytest.raises(ModelError):
            tiny.extend([5, bad])
    assert tiny.length == 500
    tiny.extend([5])


def test_interrupt_before_a_pass(subject):
    model, tolerance = subject
    expected = model.extend(IDS).copy()
    model.truncate(4)
    model.interrupt(True)
    with pytest.raises(Cancelled):
        model.extend(IDS[4:])
    assert model.length == 4
    model.interrupt(False)
    equal(model.extend(IDS[4:]), expected[4:], tolerance)


def test_interrupt_from_another_thread(tiny):
    running = threading.Event()

    def interrupt():
        running.wait()
        tiny.interrupt(True)

    thread = threading.Thread(target=interrupt)
    thread.start()

    def extend_for_ever():
        while True:
            tiny.truncate(0)
            tiny.extend([5] * 100, "none")
            running.set()

    with pytest.raises(Cancelled):
        extend_for_ever()
    thread.join()


def test_closed_models_say_so(backend, tiny_path):
    model = load(tiny_path, backend)
    vocabulary = model.vocabulary
    model.close()
    model.close()
    model.interrupt(True)
    for call in (
        lambda: model.extend(IDS),
        lambda: model.extend([5], "all", [-1]),
        lambda: model.keep(()),
        lambda: model.truncate(0),
        lambda: model.encode("a"),
        lambda: model.set_threads(1),
    ):
        with pytest.raises(ModelError, match="closed"):
            call()
    assert vocabulary.size == 267


def test_threads_can_change(subject):
    model, tolerance = subject
    first = model.extend(IDS).copy()
    model.set_threads(0)
    assert model.info.threads == physical_cores()
    model.truncate(0)
    equal(model.extend(IDS), first, tolerance)
    model.set_threads(1)
    assert model.info.threads == 1


def test_progress_and_cancelled_loading(backend, tiny_path):
    fractions = []
    load(tiny_path, backend, fractions.append).close()
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0

    def stop(fraction):
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled, match="Enough"):
        load(tiny_path, backend, stop)


def test_context_longer_than_trained_is_refused(backend, tiny_path):
    for context in (100_000, -1):
        with pytest.raises(ConfigError, match="trained for a context of 512"):
            load(tiny_path, backend, context=context)


def test_info_tells_the_size(tiny):
    info = tiny.info
    assert (info.context, info.threads, info.device) == (512, 1, "CPU")
    assert info.vocabulary == tiny.vocabulary.size == 267
    assert info.parameters * 4 == info.size_bytes
    assert info.library
    assert not info.simulated
    assert not info.synthetic


def test_memory_counts_weights_and_cache(backend, tiny_path):
    small, large = (load(tiny_path, backend, context=context) for context in (256, 512))
    assert small.memory_bytes > small.info.size_bytes
    assert large.memory_bytes > small.memory_bytes
    small.close()
    large.close()


def test_template_is_applied_with_one_begin_token(tiny):
    ids = tiny.encode("abc", raw=True)
    assert ids[0] == BEGIN
    assert ids.count(BEGIN) == 1
    turn = tiny.encode("abc")
    assert (turn[:2], turn[-1]) == ([BEGIN, USER], SAID)
    assert turn.count(BEGIN) == 1
    # "▁" alone is no token of this vocabulary; where a word begins differs by library.
    assert b"".join(map(tiny.vocabulary.piece, turn)).decode().lstrip(" ▁") == "abc"
    assert tiny.encode("a<|end|>", raw=True)[-1] == SAID


def test_vocabulary(tiny):
    vocabulary = tiny.vocabulary
    assert vocabulary.end_ids >= {END}
    assert vocabulary.name(BEGIN) == "<s>"
    assert vocabulary.piece(259) == b" the"
    assert (vocabulary.piece(BEGIN), vocabulary.piece(BEGIN, special=True)) == (b"", b"<s>")
    assert vocabulary.piece(3 + 0xF0) == b"\xf0"
    for bad in (-1, vocabulary.size):
        with pytest.raises(ModelError, match="no token"):
            vocabulary.piece(bad)


@pytest.mark.model
@pytest.mark.parametrize("text", [TEXT, "<|im_start|>user\nhi<|im_end|>", " \n\n  x", "\x00 nul"])
def test_embedded_text_becomes_the_same_tokens(embedded_gguf, embedded_hf, text):
    for raw in (True, False):
        assert embedded_gguf.encode(text, raw=raw) == embedded_hf.encode(text, raw=raw)


@pytest.mark.model
def test_embedded_vocabularies_are_one(embedded_gguf, embedded_hf):
    check_same_vocabulary(embedded_gguf.vocabulary, embedded_hf.vocabulary)
    check_same_vocabulary(embedded_hf.vocabulary, embedded_gguf.vocabulary)
    assert embedded_gguf.vocabulary.end_ids == embedded_hf.vocabulary.end_ids


def plain_text(model, ids, n):
    model.interrupt(False)
    model.truncate(0)
    return emitted(run_events(Config(gamma=0, max_tokens=n), model, None, ids))


def test_tiny_greedy_text_is_the_same_on_both_backends(tiny_gguf, tiny_hf):
    texts = [plain_text(model, IDS, 40) for model in (tiny_gguf, tiny_hf)]
    assert_same_or_tied(tiny_hf, IDS, *texts, tie=0.05)


@pytest.mark.model
@pytest.mark.parametrize(
    "prompt",
    ["Why is the sky blue?", "Write a haiku about rain.", "Count from one to ten.",
     "What is the capital of France?", "Name three fruits."],
)  # fmt: skip
def test_embedded_greedy_text_is_the_same_on_both_backends(embedded_gguf, embedded_hf, prompt):
    """llama.cpp rounds activations to 8 bits for its products, which moves logits by tenths."""
    ids = embedded_gguf.encode(prompt)
    texts = [plain_text(model, ids, 24) for model in (embedded_gguf, embedded_hf)]
    assert_same_or_tied(embedded_hf, ids, *texts, tie=0.6)


def assert_same_or_tied(exact, prompt, first, second, tie):
    """Where they part, the two tokens' logits differ by less than the backends' rounding."""
    parted = first_divergence(exact, prompt, second, first, width=1)
    if parted is None:
        assert len(first) == len(second)
        return
    logits = exact.extend([*prompt, *second[: parted.index]], "last")[0]
    assert logits.max() - logits[parted.other_id] < tie
    assert parted.margin < tie
