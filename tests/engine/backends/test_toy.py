"""The toy backend's own promises; what it shares with the others is in `test_trees`."""

from __future__ import annotations

import numpy as np
import pytest

from engine.backends.toy import ToyModel, ToyVocabulary, lab_pair
from engine.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "kept"), [("f4", "f4"), ("f8", "f8"), ("f2", "f4"), ("i4", "f4")]
)
def test_double_precision_is_kept(given, kept):
    model = ToyModel(np.eye(3, dtype=given), ToyVocabulary(("a", "b", "c")))
    assert model.extend([0, 2]).dtype == kept


def test_logits_are_the_callers_to_overwrite():
    model = lab_pair()[0]
    before = model.extend([1]).copy()
    model.extend([1])[:] = 0
    np.testing.assert_array_equal(model.extend([1]), before)


def test_lab_pair():
    target, draft = lab_pair(size=4, seed=3)
    assert target.vocabulary.size == draft.vocabulary.size == 4
    assert not target.vocabulary.end_ids
    assert target.vocabulary.name(0) != "<end>"
    assert target.encode("a cat") == [0, 2]
    assert target.clock is draft.clock
    assert not target.info.simulated
    p, q = target.extend(range(4)), draft.extend(range(4))
    assert p.dtype == q.dtype == np.float64
    assert not np.allclose(p, q)
    np.testing.assert_array_equal(lab_pair(size=4, seed=3)[0].extend(range(4)), p)
    assert not np.allclose(lab_pair(size=4, seed=4)[0].extend(range(4)), p)
    np.testing.assert_allclose(lab_pair(4, 3, sharpness=2.0)[0].extend(range(4)), 2 * p)


@pytest.mark.parametrize("size", [-1, 1, 1000])
def test_lab_pair_of_too_few_or_many_words(size):
    with pytest.raises(ConfigError, match="vocabulary"):
        lab_pair(size)
