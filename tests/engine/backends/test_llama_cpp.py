"""The llama.cpp backend on tiny random models: what is its own; test_contract.py has the rest."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from engine.backends import llama_cpp as backend
from engine.backends.base import check_same_vocabulary
from engine.backends.llama_cpp import LlamaCppModel
from engine.errors import Cancelled, ConfigError, ModelError, VocabularyError
from tests.engine.backends.tiny import WORDS, write_llama, write_mamba

IDS = [1, *range(100, 130)]
TOLERANCE = 0.05  # passes of different widths round differently, and the cache holds 16 bits
BEGIN, END, USER, SAID = 1, 2, 265, 266


@pytest.fixture
def load(tmp_path):
    """Loads tiny models and closes them."""
    models = []

    def make(write=write_llama, *, changes=None, **options):
        path = write(tmp_path / f"tiny-{len(models)}.gguf", **(changes or {}))
        # One thread: two spin for each other where other work takes a core.
        models.append(LlamaCppModel(path, **({"threads": 1} | options)))
        return models[-1]

    yield make
    for model in models:
        model.close()


@pytest.fixture
def model(load):
    return load()


def test_more_rows_than_one_pass_gives(model):
    many = [1, *(100 + i % 50 for i in range(199))]
    every = model.extend(many)
    assert every.shape == (200, model.vocabulary.size)
    model.truncate(0)
    for start in range(0, 200, 40):
        part = model.extend(many[start : start + 40])
        np.testing.assert_allclose(part, every[start : start + 40], atol=TOLERANCE)


def test_recurrent_model_cannot_roll_back(load):
    model = load(write_mamba)
    first = model.extend(IDS).copy()
    with pytest.raises(ModelError, match="recurrent") as caught:
        model.truncate(4)
    assert "γ = 0" in caught.value.hint
    model.truncate(0)
    np.testing.assert_allclose(model.extend(IDS), first, atol=TOLERANCE)


def test_full_context_and_too_many_rows(load):
    model = load(context=256)
    assert (model.context, model.max_rows) == (256, 256)
    model.extend([5] * 200, "none")
    with pytest.raises(ModelError, match="full"):
        model.extend([5] * 57, "none")
    with pytest.raises(ModelError, match="at once"):
        model.extend([5] * 257, "none")
    assert model.length == 200


def test_threads_out_of_range_are_refused(load):
    with pytest.raises(ConfigError, match="threads"):
        load(threads=-1)
    with pytest.raises(ConfigError, match="threads"):
        load().set_threads(10_000)


@pytest.mark.parametrize(
    ("answer", "value", "sentence"),
    [
        ("llama_model_has_encoder", True, "has an encoder"),
        ("llama_model_has_decoder", False, "has an encoder"),
        ("llama_model_is_diffusion", True, "diffusion"),
        ("llama_get_memory", None, "vectors"),
    ],
)
def test_models_that_do_not_write_left_to_right(load, monkeypatch, answer, value, sentence):
    monkeypatch.setattr(backend.C, answer, lambda _: value)
    with pytest.raises(ModelError, match=sentence):
        load()


def test_cache_larger_than_memory_is_refused(load):
    with pytest.raises(ModelError, match="GiB"):
        load(changes={"llama__context_length": 2**30}, context=2**30)


@pytest.mark.parametrize("bad", [267, -1, 2**31 - 1])
def test_unknown_ids_are_refused_and_leave_the_cache_alone(model, bad):
    model.extend(IDS, "none")
    with pytest.raises(ModelError, match=r"llama\.cpp failed"):
        model.extend([5, bad])
    assert model.length == len(IDS)
    model.extend([5])


def test_interrupt_inside_a_pass(model, monkeypatch):
    every = model.extend(IDS).copy()
    model.truncate(4)
    decode = backend.C.llama_decode

    def interrupted_decode(ctx, batch):
        model.interrupt(True)
        code = decode(ctx, batch)
        assert code == 2  # aborted by the library, not by a check of ours
        return code

    monkeypatch.setattr(backend.C, "llama_decode", interrupted_decode)
    with pytest.raises(Cancelled):
        model.extend(IDS[4:])
    monkeypatch.undo()
    assert model.length == 4
    model.interrupt(False)
    np.testing.assert_allclose(model.extend(IDS[4:]), every[4:], atol=TOLERANCE)


def test_failed_pass_of_a_recurrent_model_clears_it(load):
    model = load(write_mamba)
    model.extend(IDS, "none")
    model.interrupt(True)
    with pytest.raises(Cancelled):
        model.extend([5])
    model.interrupt(False)
    assert model.length in (0, len(IDS))
    model.extend([5])


def test_closed_model_raises(load):
    model = load()
    model.close()
    assert model.closed
    for call in (lambda: model.vocabulary.piece(100), lambda: model.vocabulary.name(100)):
        with pytest.raises(ModelError, match="closed"):
            call()


def test_dropped_model_is_freed(load, tmp_path):
    freed = []
    model = LlamaCppModel(write_llama(tmp_path / "dropped.gguf"))
    resources = model._resources
    freed.append(resources.alive)
    del model
    gc.collect()
    freed.append(resources.alive)
    assert freed == [True, False]


def test_info(load):
    info = load(context=256, threads=1).info
    assert (info.name, info.backend, info.device) == ("Tiny 20K", "llama.cpp", "CPU")
    assert (info.quantisation, info.context, info.threads) == ("F32", 256, 1)
    assert info.vocabulary == 3 + 256 + len(WORDS)
    assert info.parameters * 4 == info.size_bytes
    assert info.library.startswith("llama-cpp-python 0.3.")
    assert not info.simulated


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        ({}, "Tiny 20K"),
        ({"general__name": "Tiny-20k-Chat"}, "Tiny-20k-Chat"),
        ({"general__name": "/home/someone/Tiny"}, "Tiny 20K"),
        ({"general__name": None, "general__size_label": None}, "tiny-0"),
    ],
)
def test_name(load, metadata, shown):
    assert load(changes=metadata).info.name == shown


def test_given_name(load):
    assert load(name="Mine").info.name == "Mine"


def test_memory_counts_weights_and_cache(load):
    small, large = load(context=256), load(context=512)
    assert small.memory_bytes > small.info.size_bytes
    assert large.memory_bytes - small.memory_bytes == 256 * 2 * 2 * 32


def test_template_is_applied_with_one_begin_token(model):
    assert model.encode("é") == [BEGIN, USER, *model.encode("é", raw=True)[1:], SAID]


def test_raw_text_begins_with_one_begin_token(model):
    ids = model.encode("abc", raw=True)
    assert ids[0] == BEGIN
    assert ids.count(BEGIN) == 1
    assert model.encode("<s>abc", raw=True).count(BEGIN) == 1
    assert model.encode("a<|end|>", raw=True)[-1] == SAID


def test_no_begin_token_unless_the_file_asks(load):
    model = load(changes={"tokenizer__ggml__add_bos_token": False})
    assert BEGIN not in model.encode("abc", raw=True)
    assert model.encode("abc")[0] == BEGIN  # the template writes it


def test_no_template_means_raw(load):
    model = load(changes={"tokenizer__chat_template": None})
    assert model.encode("abc") == model.encode("abc", raw=True)


@pytest.mark.parametrize("template", ["{{ raise_exception('no users') }}", "{% if %}"])
def test_failing_template(load, template):
    model = load(changes={"tokenizer__chat_template": template})
    with pytest.raises(ModelError, match="template") as caught:
        model.encode("abc")
    assert "--raw" in caught.value.hint
    assert model.encode("abc", raw=True)


def test_vocabulary(model):
    vocabulary = model.vocabulary
    assert vocabulary.end_ids >= {END}
    assert (vocabulary.name(BEGIN), vocabulary.name(259)) == ("<s>", "▁the")
    assert vocabulary.piece(259) == b" the"
    assert (vocabulary.piece(BEGIN), vocabulary.piece(BEGIN, special=True)) == (b"", b"<s>")
    assert vocabulary.piece(3 + 0xF0) == b"\xf0"
    padding = [i for i in range(vocabulary.size) if vocabulary.is_padding(i)]
    assert [vocabulary.name(i) for i in padding] == ["[PAD7]"]
    for bad in (-1, vocabulary.size):
        with pytest.raises(ModelError, match="no token"):
            vocabulary.piece(bad)


@pytest.mark.parametrize("text", ["naïve 🤗 café", "\x00 nul", "\ud800 lone surrogate", "a" * 5000])
def test_pieces_give_back_the_text(model, text):
    pieces = [model.vocabulary.piece(i) for i in model.encode(text, raw=True)]
    wanted = text.encode("utf-8", "replace").decode()
    # This tokenizer's word separator comes back as bytes, since "▁" alone is no token of it.
    assert b"".join(pieces).decode().replace("▁", " ").lstrip() == wanted.lstrip()


def test_vocabularies_are_compared(load):
    target, same = load(), load(changes={"seed": 1})
    check_same_vocabulary(target.vocabulary, same.vocabulary)
    tokens = ("<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), "▁thy", *WORDS[1:])
    other = load(changes={"tokenizer__ggml__tokens": tokens})
    with pytest.raises(VocabularyError, match=r"token 259 is '▁the' in the target and '▁thy'"):
        check_same_vocabulary(target.vocabulary, other.vocabulary)


def test_file_without_tokenizer(load):
    with pytest.raises(ModelError, match="no tokenizer"):
        load(changes={"tokenizer__ggml__model": "no_vocab", "llama__vocab_size": 267})


def test_gpu_in_the_device_name(load, monkeypatch):
    found = backend.llama_library.build()
    named = type(found)(found.version, True, ("NVIDIA RTX 4090",))
    monkeypatch.setattr(backend.llama_library, "build", lambda: named)
    assert load().info.device == "NVIDIA RTX 4090 (all 2 layers)"
    assert load(gpu_layers=1).info.device == "NVIDIA RTX 4090 (1 of 2 layers)"
    assert load(gpu_layers=0).info.device == "CPU"
