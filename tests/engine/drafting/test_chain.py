"""Two drafters in a row."""

from __future__ import annotations

import pytest

from engine.config import Config
from engine.drafting.base import Proposal
from engine.drafting.chain import ChainDrafter
from engine.drafting.ngram import NgramDrafter
from tests.engine.drafting.policies import Willing


class Model:
    """Proposes 7 always."""

    name = "model"

    def __init__(self):
        self.begun, self.ended, self.asked = None, 0, 0

    def begin(self, prompt):
        self.begun = list(prompt)
        yield 11
        yield 12

    def propose(self, context, gamma, u, length):
        self.asked += 1
        ids = [7] * sum(length.wants(n) for n in range(gamma))
        return Proposal(ids, draft_ns=[1] * len(ids))

    def end(self):
        self.ended += 1


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def chain(model):
    return ChainDrafter(NgramDrafter(Config(ngram_min=3)), model)


def test_copies_where_three_words_match_and_asks_the_model_elsewhere(chain, model):
    context = [1, 2, 3, 4, 5, 1, 2, 3]
    list(chain.begin(context))
    copied = chain.propose(context, 2, None, Willing())
    assert (copied.ids, copied.origin, copied.source) == ([4, 5], "ngram", (3, 5))
    assert model.asked == 0
    context += [4, 2]
    modelled = chain.propose(context, 2, None, Willing())
    assert (modelled.ids, modelled.origin, modelled.source) == ([7, 7], "model", None)


def test_the_model_is_not_asked_where_the_policy_wants_no_token(chain, model):
    context = [1, 2, 3, 4, 5, 1, 2, 3]
    list(chain.begin(context))
    length = Willing(0)
    assert chain.propose(context, 2, None, length).ids == []
    assert model.asked == 0
    assert length.calls == [("wants", 0)]


def test_both_take_in_the_prompt(chain, model):
    spent = list(chain.begin([1, 2, 3]))
    assert spent[-2:] == [11, 12]
    assert len(spent) == 3
    assert model.begun == [1, 2, 3]


class Failing(Model):
    def end(self):
        super().end()
        raise RuntimeError("no roll-back")


def test_both_end_even_if_the_first_fails(model):
    first = Failing()
    with pytest.raises(RuntimeError, match="no roll-back"):
        ChainDrafter(first, model).end()
    assert (first.ended, model.ended) == (1, 1)
