"""Greedy texts that part: a numerical tie is told from a real difference."""

from __future__ import annotations

import numpy as np

from engine.backends.toy import ToyModel
from engine.config import Config, ModelSpec
from engine.divergence import first_divergence
from engine.events import Notice
from engine.job import Job, JobRunner
from engine.trace import Trace
from tests.engine.toys import demo_pair, letters, pair, ticking_clock


class RoundsDifferently(ToyModel):
    """A toy whose passes over several tokens shift the logit of one token."""

    shift = 0.0
    token = 0

    def extend(self, ids, rows="all"):
        logits = super().extend(ids, rows).copy()
        if len(ids) > 1 and len(logits):
            logits[:, self.token] += self.shift
        return logits


def almost_tied(margin: float, shift: float) -> RoundsDifferently:
    law = np.full((4, 4), -5.0)
    law[:, 1] = margin
    law[:, 2] = 0.0
    model = RoundsDifferently(law, letters(4), clock=ticking_clock())
    model.shift, model.token = shift, 2
    return model


def test_equal_texts_and_prefixes_do_not_part():
    target, _ = pair(4)
    assert first_divergence(target, (1,), [1, 2, 3], [1, 2, 3], 5) is None
    assert first_divergence(target, (1,), [1, 2], [1, 2, 3], 5) is None


def test_the_first_difference_is_scored_both_ways():
    target = almost_tied(margin=0.25, shift=0.5)
    parted = first_divergence(target, (3, 3, 3), [1, 1, 1], [1, 2, 1], 3)
    assert (parted.index, parted.plain_id, parted.other_id) == (1, 1, 2)
    assert parted.margin == 0.25
    assert parted.kernel_difference == 0.5
    assert parted.tie
    assert target.length == 0


def test_a_margin_that_rounding_cannot_explain_is_no_tie():
    target = almost_tied(margin=3.0, shift=0.5)
    assert not first_divergence(target, (3, 3), [1, 1], [2, 1], 3).tie


def notices(target, draft):
    trace = Trace()
    runner = JobRunner(lambda spec, role, progress=None: target if role == "target" else draft)
    spec = ModelSpec("toy")
    runner.run(Job("w1 w2 w3", Config(max_tokens=12), spec, spec), trace.apply)
    assert isinstance(trace.run.notices, list)
    return trace.run.notices


def test_a_run_reports_a_numerical_tie_and_a_real_difference():
    # Verify passes see another winner than single passes; whether that is a tie depends on margins.
    draft = ToyModel(np.zeros((4, 4)), letters(4), clock=ticking_clock())
    (tie,) = notices(almost_tied(margin=0.25, shift=0.5), draft)
    assert (type(tie), tie.level) == (Notice, "info")
    assert "numerical tie" in tie.message
    assert "0.25" in tie.message


def test_a_run_without_differences_reports_nothing():
    assert notices(*demo_pair()) == []
