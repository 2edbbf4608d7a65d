"""The remembering model: the same rows, the same law, few passes, bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from engine.backends.toy import ToyModel
from engine.config import Config
from engine.drafting.registry import make_drafter
from engine.errors import Cancelled, ModelError
from engine.lab.memo import MemoModel
from tests.engine.toys import demo_pair, emitted, letters, run_events, ticking_clock

PROMPT = (1, 2, 3, 1, 2)


class History(ToyModel):
    """A toy whose rows depend on the whole prefix, and which notes the widths of its passes."""

    def __init__(self, size: int = 6, **options):
        super().__init__(np.zeros((size, size)), letters(size), clock=ticking_clock(), **options)
        self.widths: list[tuple[int, str]] = []

    def extend(self, ids, rows="all", parents=None):
        assert parents is None, "a tree is a set of prefixes: no branches are needed"
        self.widths.append((len(ids), rows))
        before = list(self._cached)
        super().extend(ids, "none")
        asked = {"all": range(len(ids)), "last": range(len(ids))[-1:], "none": ()}[rows]
        found = [row_after([*before, *ids[: i + 1]]) for i in asked]
        return np.array(found, dtype=np.float32).reshape(len(found), 6)


def row_after(prefix):
    return np.random.default_rng(prefix).normal(size=6).astype(np.float32)


@pytest.mark.parametrize("branches", [(), (2, 2)])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_run_on_it_is_the_run_on_the_model(branches, temperature):
    config = Config(gamma=3, temperature=temperature, branches=branches, max_tokens=20, seed=4)
    target, draft = demo_pair()
    plain = emitted(run_events(config, target, draft, PROMPT))
    remembered = [MemoModel(model, PROMPT) for model in (target, draft)]
    assert emitted(run_events(config, *remembered, PROMPT)) == plain
    assert emitted(run_events(config, *remembered, PROMPT)) == plain
    assert [m.length for m in remembered] == [0, 0]


def test_rows_are_those_of_the_prefix_and_pass_once():
    model = History()
    memo = MemoModel(model, PROMPT)
    for _ in range(2):
        memo.extend(PROMPT[:-1], "none")
        rows = memo.extend([PROMPT[-1], 4, 5])
        for i, prefix in enumerate([PROMPT, (*PROMPT, 4), (*PROMPT, 4, 5)]):
            assert np.array_equal(rows[i], row_after(prefix))
        rows[0][:] = 0  # the caller's to overwrite
        memo.truncate(len(PROMPT))
        assert np.array_equal(memo.extend([0], "last")[0], row_after((*PROMPT, 0)))
        memo.truncate(0)
    assert model.widths == [(len(PROMPT) - 1, "none"), *[(1, "last")] * 4]
    assert memo.passes == 4


def test_rows_that_nobody_looks_at_cost_no_pass():
    model = History()
    memo = MemoModel(model, PROMPT)
    memo.extend(PROMPT[:-1], "none")
    rows = memo.extend([PROMPT[-1], 4, 5])
    assert len(rows) == 3
    assert np.array_equal(rows[1], row_after((*PROMPT, 4)))
    assert memo.passes == 2  # the prompt's last token on the way, and the one asked for


def test_trees_are_prefixes():
    memo = MemoModel(History(), PROMPT)
    memo.extend(PROMPT[:-1], "none")
    rows = memo.extend([PROMPT[-1], 3, 4, 5], "all", [-1, 0, 0, 2])
    assert memo.length == len(PROMPT) + 3
    for row, tail in zip(rows, [(), (3,), (4,), (4, 5)], strict=True):
        assert np.array_equal(row, row_after((*PROMPT, *tail)))
    memo.keep([0, 2, 3])
    assert memo.length == len(PROMPT) + 2
    assert np.array_equal(memo.extend([0], "last")[0], row_after((*PROMPT, 4, 5, 0)))


def test_memory_is_bounded_and_the_rows_stay_right():
    model = History()
    memo = MemoModel(model, PROMPT, room=0)  # the least it may keep: 16 rows
    rng = np.random.default_rng(0)
    for _ in range(60):
        tail = rng.integers(0, 6, 3).tolist()
        memo.extend(PROMPT[:-1], "none")
        rows = memo.extend([PROMPT[-1], *tail])
        for i in (3, 1):
            assert np.array_equal(rows[i], row_after((*PROMPT, *tail[:i])))
        memo.truncate(0)
    assert len(memo._kept) <= 16
    held = sum(node.logits is not None for node in nodes(memo._first))
    assert held <= 20


def nodes(after):
    for node in after.values():
        yield node
        yield from nodes(node.after)


def test_another_prompt_and_a_full_context_are_refused():
    memo = MemoModel(History(context=8), PROMPT)
    with pytest.raises(ModelError, match="its own prompt"):
        memo.extend([4, 4], "none")
    memo.extend(PROMPT[:-1], "none")
    with pytest.raises(ModelError, match="full"):
        memo.extend([1, 2, 3, 4, 5])


def test_an_interrupted_pass_leaves_it_whole():
    model = History()
    memo = MemoModel(model, PROMPT)
    memo.extend(PROMPT[:-1], "none")
    assert memo.extend([PROMPT[-1]], "last")[0].shape == (6,)
    memo.interrupt(True)
    with pytest.raises(Cancelled):
        memo.extend([4], "last")[0]
    memo.interrupt(False)
    memo.truncate(len(PROMPT))
    assert np.array_equal(memo.extend([5], "last")[0], row_after((*PROMPT, 5)))


def test_drafts_may_be_longer_than_the_prompt_that_they_saw():
    """A prompt of one token has nothing to prefill."""
    config = Config(gamma=2, temperature=1.0, max_tokens=8)
    target, draft = (MemoModel(model, (3,)) for model in demo_pair())
    drafter = make_drafter(config, draft, target.vocabulary.size)
    assert len(emitted(run_events(config, target, draft, (3,), drafter=drafter))) == 8
