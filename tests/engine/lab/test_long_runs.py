"""χ² on joint tokens of one long run of the real loop: 100,000 of them for each method."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from engine.backends.toy import ToyModel
from engine.config import Config
from engine.drafting.model import ModelDrafter
from engine.drafting.registry import make_drafter
from engine.lab.sampled import emitted_by
from engine.rules import RULES
from engine.sampling import softmax
from tests.engine.toys import letters, run_events, ticking_clock

SIZE = 3
TOKENS = 100_000
FALSE_FAIL = 1e-9


def long_pair():
    rng = np.random.default_rng(5)
    clock = ticking_clock()
    law, other = rng.normal(size=(2, SIZE, SIZE))
    # A draft that agrees often: fewer rounds, so that the run takes less time.
    laws = law, 0.6 * law + 0.4 * other
    return [ToyModel(law, letters(SIZE), clock=clock, context=10**7) for law in laws]


def p_value(config: Config, make=None) -> float:
    """Of each token after the two before it, jointly, against the target's law.

    The toy's next token depends on the last one only. A lossless run is then a Markov chain, and
    the χ² of what follows each pair of tokens add up (Billingsley 1961, theorem 3.1). A token that
    still depends on how the pair before it came about, or in which round it was, shows.
    """
    target, draft = long_pair()
    p = np.array([softmax(row.astype(np.float64)) for row in target.extend(range(SIZE)).copy()])
    target.truncate(0)
    drafter = make(draft, config, SIZE) if make else make_drafter(config, draft, SIZE)
    events = run_events(config, target, draft, (1, 2), drafter=drafter)
    text = np.array([1, 2, *[token for part in emitted_by(events) for token in part]])
    assert len(text) == 2 + config.max_tokens
    before, first, second = text[:-2], text[1:-1], text[2:]
    counts = np.zeros((SIZE, SIZE, SIZE))
    np.add.at(counts, (before, first, second), 1)
    expected = counts.sum(axis=2, keepdims=True) * p[None, :, :]
    statistic = ((counts - expected) ** 2 / expected).sum()
    return float(chi2.sf(statistic, SIZE * SIZE * (SIZE - 1)))


@pytest.mark.parametrize(
    ("rule", "branches"),
    [("rejection", ()), ("rejection", (2,)), ("block", ()), ("sample-match", ())],
)
def test_joint_tokens_of_a_long_run(rule, branches):
    assert RULES[rule].lossless
    config = Config(
        gamma=4 if not branches else 2,
        rule=rule,
        branches=branches,
        temperature=1.0,
        max_tokens=TOKENS,
        top=1,
        seed=3,
    )
    assert p_value(config) > FALSE_FAIL


class DropsUnlikelyTokens(ModelDrafter):
    def propose(self, context, gamma, u, length):
        proposal = super().propose(context, gamma, u, length)
        if proposal.ids and proposal.q[0][proposal.ids[0]] < 0.3:
            proposal.ids, proposal.draft_ns, proposal.tops = [], [], []
        return proposal


def test_the_same_test_fails_what_is_biased():
    config = Config(gamma=2, temperature=1.0, max_tokens=10_000, top=1, seed=3)
    assert p_value(config) > FALSE_FAIL
    assert p_value(config, DropsUnlikelyTokens) < FALSE_FAIL
    lossy = Config(gamma=2, rule="typical", temperature=1.0, max_tokens=10_000, top=1, seed=3)
    assert p_value(lossy) < FALSE_FAIL
