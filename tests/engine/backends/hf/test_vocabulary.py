"""Hugging Face vocabularies, against llama.cpp's of the same files and against small ones built
here."""

from __future__ import annotations

import os
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from llama_cpp import llama_cpp as C  # noqa: E402
from tokenizers import (  # noqa: E402
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from transformers import PreTrainedTokenizerFast  # noqa: E402

from engine.backends import llama_library  # noqa: E402
from engine.backends.base import check_same_vocabulary  # noqa: E402
from engine.backends.gguf_vocabulary import GgufVocabulary  # noqa: E402
from engine.backends.hf.vocabulary import HfVocabulary  # noqa: E402
from engine.errors import ModelError, VocabularyError  # noqa: E402
from tests.engine.backends.tiny import write_llama  # noqa: E402

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5
TEXTS = (
    "",
    "Hello world",
    " leading",
    "  two",
    "trailing  ",
    "🙂 family: 👩‍👩‍👧",
    "日本語と中文字符",
    "def f(x):\n    return x  # ok\n\n\tif 1:",
    "1234567 3.14 it's I'LL é ñ",
    "a<|im_start|>user\nhi<|im_end|>\n<|endoftext|> b",
    "half a pair \ud83d",
)


def read_gguf(path):
    """The tokenizer of a GGUF file; AutoTokenizer would read all of it a second time, slowly."""
    return PreTrainedTokenizerFast.from_pretrained(path.parent, gguf_file=path.name)


@contextmanager
def llama_vocabulary(path):
    params = C.llama_model_default_params()
    params.vocab_only = True
    llama_library.forget_log()
    model = C.llama_model_load_from_file(os.fsencode(path), params)
    assert model is not None, llama_library.log_lines()
    try:
        yield GgufVocabulary(model)
    finally:
        C.llama_model_free(model)


def entries(vocabulary):
    return [
        (
            vocabulary.name(i),
            vocabulary.is_padding(i),
            vocabulary.piece(i),
            vocabulary.piece(i, special=True),
        )
        for i in range(vocabulary.size)
    ]


def names(vocabulary, ids):
    return {vocabulary.name(i) for i in ids}


@pytest.fixture(scope="session")
def embedded(embedded_path):
    return HfVocabulary(read_gguf(embedded_path), 49152)


@pytest.mark.model
def test_embedded_entries_are_those_of_llama_cpp(embedded, model):
    assert entries(embedded) == entries(model.vocabulary)
    assert embedded.end_ids == model.vocabulary.end_ids
    check_same_vocabulary(embedded, model.vocabulary)


@pytest.mark.model
@pytest.mark.parametrize("text", TEXTS)
def test_embedded_encodes_as_llama_cpp(embedded, model, text):
    assert embedded.encode(text, True) == model.encode(text, raw=True)


@pytest.mark.model
@pytest.mark.parametrize("text", TEXTS)
def test_embedded_template_is_that_of_llama_cpp(embedded, model, text):
    prompt = embedded.template(text)
    assert prompt.endswith("<|im_start|>assistant\n")
    assert embedded.encode(prompt, True) == model.encode(text)


@pytest.mark.model
@pytest.mark.parametrize("text", TEXTS[:-1])
def test_embedded_pieces_make_up_the_text(embedded, text):
    ids = embedded.encode(text, False)
    assert b"".join(embedded.piece(i, special=True) for i in ids) == text.encode()


def test_sentencepiece_file_reads_as_in_llama_cpp(tmp_path):
    path = write_llama(tmp_path / "tiny.gguf")
    with llama_vocabulary(path) as expected:
        vocabulary = HfVocabulary(read_gguf(path), expected.size)
        assert entries(vocabulary) == entries(expected)
        assert vocabulary.end_ids == expected.end_ids
        # llama.cpp puts a space before text that follows a control token; transformers does not.
        for text in ("the cat", "🙂 on", "a<|user|>", "<s>", "<|end|><|user|>"):
            assert vocabulary.encode(text, True) == expected.encode(text)
        assert vocabulary.piece(259) == b" the"


@pytest.mark.parametrize(
    "control",
    [
        ("<|endoftext|>", "<|end|>", "<|unused_1|>", "<fim_pad>"),
        ("<|return|>", "<|call|>", "<|end|>", "<|channel|>", "<|message|>"),
        ("<|calls|>", "<|flush|>", "<|end|>", "<|start|>"),
        ("<|return|>", "<|end|>"),
    ],
)
def test_byte_level_file_reads_as_in_llama_cpp(tmp_path, control):
    tokens = (*ALPHABET, "Ġa", "âĤ", *control, "<think>", "<end_of_turn>", "[PAD99]")
    types = (
        *(_NORMAL,) * (len(ALPHABET) + 2),
        *(_CONTROL,) * len(control),
        *(_USER_DEFINED, _USER_DEFINED, _UNUSED),
    )
    path = write_llama(
        tmp_path / "tiny.gguf",
        tokenizer__ggml__model="gpt2",
        tokenizer__ggml__pre="gpt-2",
        tokenizer__ggml__tokens=tokens,
        tokenizer__ggml__token_type=types,
        tokenizer__ggml__scores=None,
        tokenizer__ggml__merges=("Ġ a", "â Ĥ"),
        tokenizer__ggml__add_bos_token=False,
        tokenizer__ggml__bos_token_id=tokens.index(control[0]),
        tokenizer__ggml__eos_token_id=tokens.index(control[0]),
    )
    with llama_vocabulary(path) as expected:
        vocabulary = HfVocabulary(read_gguf(path), expected.size)
        assert entries(vocabulary) == entries(expected)
        assert names(vocabulary, vocabulary.end_ids) == names(expected, expected.end_ids)
        text = f" a€🙂{control[0]} b<think>"
        assert vocabulary.encode(text, True) == expected.encode(text)


def byte_level(**special):
    vocab = {character: i for i, character in enumerate([*ALPHABET, "ðŁ", "Ġé"])}
    tokenizer = Tokenizer(models.BPE(vocab, [("ð", "Ł")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def sentence_pieces(**special):
    entries = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), "▁", "a", "b", "▁a"]
    vocab = {entry: i for i, entry in enumerate(entries)}
    tokenizer = Tokenizer(
        models.BPE(vocab, [("▁", "a")], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"} | special,
    )


def words(decoder=None, **special):
    vocab = {"[UNK]": 0, "play": 1, "##ing": 2, "now": 3, "a": 4}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if decoder is not None:
        tokenizer.decoder = decoder
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", **special)


def whole(tokenizer, **changes):
    return HfVocabulary(tokenizer, len(tokenizer), **changes)


def test_parts_of_a_character_are_bytes_in_a_byte_level_vocabulary():
    vocabulary = whole(byte_level())
    pieces = [vocabulary.piece(i) for i in vocabulary.encode("🙂 b", False)]
    assert pieces == [b"\xf0\x9f", b"\x99", b"\x82", b" ", b"b"]
    assert vocabulary.name(256) == "ðŁ"
    assert vocabulary.piece(257) == b" \xe9"


def test_an_entry_outside_the_byte_alphabet_stands_for_itself():
    tokenizer = byte_level()
    tokenizer.add_tokens(["中"])
    vocabulary = whole(tokenizer)
    assert vocabulary.piece(vocabulary.size - 1) == "中".encode()


def test_byte_tokens_of_a_sentencepiece_vocabulary():
    vocabulary = whole(sentence_pieces())
    ids = vocabulary.encode("a 🙂b", False)
    assert [vocabulary.name(i) for i in ids[2:6]] == ["<0xF0>", "<0x9F>", "<0x99>", "<0x82>"]
    assert [vocabulary.piece(i) for i in ids] == [
        b" a",
        b" ",
        *map(bytes, zip("🙂".encode())),
        b"b",
    ]


def test_metaspace_is_a_space():
    tokenizer = sentence_pieces()
    tokenizer.backend_tokenizer.decoder = decoders.Metaspace()
    assert whole(tokenizer).piece(262) == b" a"


def test_word_pieces():
    vocabulary = whole(words(decoders.WordPiece()))
    ids = vocabulary.encode("playing now", False)
    assert [vocabulary.name(i) for i in ids] == ["play", "##ing", "now"]
    assert [vocabulary.piece(i) for i in ids] == [b" play", b"ing", b" now"]


@pytest.mark.parametrize(
    ("decoder", "piece"), [(None, b" play"), (decoders.CTC(), b"play"), (decoders.Fuse(), b"play")]
)
def test_other_decoders_are_asked(decoder, piece):
    assert whole(words(decoder)).piece(1) == piece


def test_more_logits_than_entries():
    tokenizer = sentence_pieces()
    larger, smaller = HfVocabulary(tokenizer, len(tokenizer) + 2), whole(tokenizer)
    padding = len(tokenizer) + 1
    assert larger.name(padding) == f"[PAD{padding}]"
    assert larger.is_padding(padding)
    assert not larger.is_padding(len(tokenizer) - 1)
    assert larger.piece(padding) == larger.piece(padding, special=True) == b""
    check_same_vocabulary(larger, smaller)


def test_fewer_logits_than_entries():
    tokenizer = sentence_pieces()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    size = len(tokenizer) - 1
    vocabulary = HfVocabulary(tokenizer, size, end_ids=[0, size])
    assert vocabulary.end_ids == {0, 2}
    for call in (vocabulary.name, vocabulary.piece, vocabulary.is_padding):
        with pytest.raises(ModelError):
            call(size)
        with pytest.raises(ModelError):
            call(-1)
    with pytest.raises(ModelError, match="im_end"):
        vocabulary.encode("a<|im_end|>", True)
    with pytest.raises(VocabularyError):
        check_same_vocabulary(vocabulary, whole(tokenizer))


def test_a_begin_token_is_put_first_once_and_no_end_token():
    vocabulary = whole(sentence_pieces())
    plain = vocabulary.encode("a", False)
    assert 1 not in plain
    assert vocabulary.encode("a", True) == [1, *plain]
    assert vocabulary.encode("<s>a", True)[:1] == vocabulary.encode("<s>a", False)[:1] == [1]
    assert vocabulary.encode("<s>a", True).count(1) == 1
    assert vocabulary.encode("", True) == [1]


def test_no_begin_token_where_the_tokenizer_adds_none():
    tokenizer = sentence_pieces()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 2)]
    )
    vocabulary = whole(tokenizer)
    assert vocabulary.encode("a", True) == vocabulary.encode("a", False)


def test_truncation_and_padding_of_the_tokenizer_do_not_touch_a_prompt():
    tokenizer = sentence_pieces()
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=8)
    assert len(whole(tokenizer).encode("b" * 20, True)) == 22


def test_control_tokens_are_silent_and_added_ones_are_text():
    tokenizer = byte_level()
    tokenizer.add_tokens(["<think>", "<|tool|>", "<end_of_turn>", "▁▁"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<reserved>"]})
    vocabulary = whole(tokenizer)
    think, tool, turn, spaces, reserved = range(258, 263)
    assert vocabulary.piece(think) == b"<think>"
    assert [vocabulary.piece(i) for i in (tool, turn, reserved)] == [b""] * 3
    assert vocabulary.piece(tool, special=True) == b"<|tool|>"
    assert vocabulary.piece(spaces) == b"  "
    assert vocabulary.name(spaces) == "  "
    assert vocabulary.end_ids == {turn}
    assert vocabulary.encode("<|tool|><think>", True) == [tool, think]


def test_unused_entries_are_padding():
    tokenizer = byte_level()
    tokenizer.add_tokens(["<unused3>", AddedToken("unused_but_text")])
    vocabulary = whole(tokenizer)
    assert [vocabulary.is_padding(i) for i in (257, 258, 259)] == [False, True, False]


def test_end_tokens_are_those_given_the_tokenizers_own_and_known_names():
    tokenizer = byte_level(eos_token="<stop>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|eot_id|>", "<other>"]})
    vocabulary = whole(tokenizer, end_ids=[5])
    assert names(vocabulary, vocabulary.end_ids) == {vocabulary.name(5), "<stop>", "<|eot_id|>"}


def test_an_ordinary_entry_ends_nothing_whatever_its_name():
    vocab = {"</s>": 0, "a": 1}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(vocab)))
    assert whole(tokenizer).end_ids == frozenset()


def test_no_template():
    assert whole(byte_level()).template("a") is None


def test_template_takes_one_user_message_and_asks_for_an_answer():
    template = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}" + (
        "{% if add_generation_prompt %}bot:{% endif %}"
    )
    assert whole(byte_level(chat_template=template)).template("é <b>") == "user:é <b>;bot:"


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('not so') }}", "{% if %}", "{{ 1 // 0 }}"]
)
def test_a_failing_template_says_how_to_do_without(template):
    with pytest.raises(ModelError, match="chat template failed") as caught:
        whole(byte_level(chat_template=template)).template("a")
    assert "--raw" in caught.value.hint


def test_a_tokenizer_of_another_library_is_refused():
    with pytest.raises(ModelError, match="SimpleNamespace") as caught:
        HfVocabulary(SimpleNamespace(), 10)
    assert "GGUF" in caught.value.hint
