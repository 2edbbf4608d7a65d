"""Drafts that know a part of their target's tokens."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest

from engine.backends.toy import toy_target
from engine.backends.trimmed import TrimmedModel, fitted
from engine.errors import ModelError, VocabularyError
from engine.trimming import Trimming


def trimming(kept, size):
    kept = np.array(kept, np.int32)
    own = np.searchsorted(kept, np.arange(size)).clip(max=len(kept) - 1).astype(np.int32)
    return Trimming.of(kept, own)


def test_the_text_is_read_back():
    made = trimming([0, 2, 3, 7], 9)
    read = Trimming.read(made.text())
    assert read.kept.tolist() == [0, 2, 3, 7]
    assert read.own.tolist() == made.own.tolist()
    assert read.size == 9


def packed(*numbers):
    return base64.b64encode(zlib.compress(np.array(numbers, "<i4").tobytes())).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        "AAAA",
        packed(),
        packed(2, 3, 0, 1, 0),  # too short
        packed(2, 3, 1, 0, 0, 1, 1),  # kept does not ascend
        packed(2, 3, 0, 5, 0, 1, 1),  # kept outside the target
        packed(2, 3, 0, 2, 0, 1, 0),  # own of a kept token is another
        packed(2, 3, 0, 2, 0, 9, 1),  # own outside the draft
        packed(0, 3, 0, 0, 0),
        packed(-1, 3),
    ],
)
def test_damaged_lists_are_refused(text):
    with pytest.raises(ModelError, match="damaged"):
        Trimming.read(text)


class Part:
    """The toy target as a draft that knows some of its tokens."""

    def __init__(self, kept, names=None):
        self._whole = toy_target()
        self.trimming = trimming(kept, self._whole.vocabulary.size)
        self._names = names or {}
        self.vocabulary = self
        self.size = len(kept)
        self.fed: list[int] = []

    def __getattr__(self, name):
        return getattr(self._whole, name)

    def name(self, token_id):
        kept = int(self.trimming.kept[token_id])
        return self._names.get(token_id, self._whole.vocabulary.name(kept))

    def extend(self, ids, rows="all", parents=None):
        self.fed += ids
        found = self._whole.extend(self.trimming.kept[list(ids)].tolist(), rows, parents)
        return found[:, self.trimming.kept]


def test_tokens_that_the_draft_lacks_have_no_probability():
    target = toy_target()
    kept = list(range(0, target.vocabulary.size, 2))
    part = Part(kept)
    model = fitted(part, target)
    assert isinstance(model, TrimmedModel)
    assert model.vocabulary.size == target.vocabulary.size
    logits = model.extend([0, 1, 2])
    assert logits.shape == (3, target.vocabulary.size)
    known = np.isin(np.arange(target.vocabulary.size), kept)
    assert np.isfinite(logits[:, known]).all()
    assert np.isneginf(logits[:, ~known]).all()
    assert part.fed == [0, 1, 1]  # token 1 is read as a token that it knows


def test_a_draft_of_another_target_is_refused():
    part = Part([0, 2, 4], {1: "other"})
    with pytest.raises(VocabularyError, match=r"token 2 is .* and 'other' in the draft"):
        fitted(part, toy_target())


def test_a_whole_draft_is_left_as_it_is():
    draft = toy_target()
    assert fitted(draft, toy_target()) is draft
