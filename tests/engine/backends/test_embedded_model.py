"""The llama.cpp backend on the embedded model."""

from __future__ import annotations

import numpy as np
import pytest

from engine.backends import registry
from engine.backends.base import check_same_vocabulary
from engine.backends.toy import ToyVocabulary
from engine.config import ModelSpec
from engine.errors import VocabularyError

pytestmark = pytest.mark.model

TEXT = "A family emoji 👨‍👩‍👧, a naïve café and 深度学习."
TOLERANCE = 0.6  # kernels of different widths may round differently


def margins(logits):
    first_two = np.sort(logits, axis=1)[:, -2:]
    return first_two[:, 1] - first_two[:, 0]


def test_one_by_one_equals_one_pass(model):
    ids = model.encode(TEXT)
    every = model.extend(ids).copy()
    model.truncate(0)
    single = np.concatenate([model.extend([i]).copy() for i in ids])
    assert np.abs(single - every).max() < TOLERANCE
    clear = margins(every) > 2 * TOLERANCE
    assert clear.any()
    assert (single.argmax(1) == every.argmax(1))[clear].all()


def test_chat_template(model):
    def shown(ids):
        return b"".join(model.vocabulary.piece(i, special=True) for i in ids).decode()

    text = shown(model.encode("Say hi"))
    assert text.startswith("<|im_start|>system\n")
    assert text.endswith("<|im_start|>user\nSay hi<|im_end|>\n<|im_start|>assistant\n")
    assert shown(model.encode("Say hi", raw=True)) == "Say hi"


def test_characters_span_tokens(model):
    pieces = [model.vocabulary.piece(i) for i in model.encode(TEXT, raw=True)]
    assert b"".join(pieces).decode() == TEXT
    parts = [piece for piece in pieces if piece.decode("utf-8", "ignore").encode() != piece]
    assert len(parts) > 2


def test_info(model):
    info = model.info
    assert (info.quantisation, info.vocabulary, info.device) == ("Q4_1", 49152, "CPU")
    assert (info.parameters, info.size_bytes) == (134515008, 96576768)
    assert {model.vocabulary.name(i) for i in model.vocabulary.end_ids} >= {"<|im_end|>"}


def test_default_source_twice_from_one_file(embedded_path):
    spec = ModelSpec(context=256, threads=1)
    target, draft = registry.load(spec, "target"), registry.load(spec, "draft")
    try:
        assert target.info == draft.info
        assert target.info.name == registry.EMBEDDED_NAME
        ids = target.encode("Hello", raw=True)
        np.testing.assert_array_equal(target.extend(ids), draft.extend(ids))
        target.close()
        draft.extend(ids)
    finally:
        target.close()
        draft.close()


def test_requantised_draft_shares_the_vocabulary(model, q4_0_path):
    draft = registry.load(ModelSpec(str(q4_0_path), context=256, threads=1), "draft")
    try:
        assert draft.info.quantisation == "Q4_0"
        assert draft.info.size_bytes < model.info.size_bytes
        check_same_vocabulary(model.vocabulary, draft.vocabulary)
        ids = model.encode("The capital of France is", raw=True)
        likeness = np.corrcoef(model.extend(ids, "last")[0], draft.extend(ids, "last")[0])[0, 1]
        assert 0.5 < likeness < 0.9999
    finally:
        draft.close()


def test_other_vocabulary_is_refused(model):
    with pytest.raises(VocabularyError, match=r"token 0 is '<\|endoftext\|>'"):
        check_same_vocabulary(model.vocabulary, ToyVocabulary())


def test_truncated_file(embedded_path, tmp_path):
    cut = tmp_path / "cut.gguf"
    with embedded_path.open("rb") as whole:
        cut.write_bytes(whole.read(3_000_000))
    with pytest.raises(Exception, match=r"cut\.gguf is incomplete") as caught:
        registry.load(ModelSpec(str(cut)), "target")
    assert caught.value.hint == "Download it again."
