"""What-ifs of a sampled run of the embedded model, from the recording and with the models."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.config import Config, ModelSpec
from engine.errors import ConfigError
from engine.job import Job, JobRunner
from engine.trace import Run, TokenState, Trace
from engine.whatif.outcome import Change, Outcome, outcome_of
from engine.whatif.recorded import recorded_outcome
from engine.whatif.rerun import what_if_job
from tests.engine.whatif.rounds import changes, disagreement

pytestmark = pytest.mark.model

TIE = 1e-3
"""Passes of other widths round logits otherwise: a decision as close as this may go either way."""


@pytest.fixture(scope="module")
def runner():
    runner = JobRunner()
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def models(q8_0_path: Path, q4_0_path: Path):
    return (
        ModelSpec(str(q8_0_path), threads=1, context=1024),
        ModelSpec(str(q4_0_path), threads=1, context=1024),
    )


@pytest.fixture(scope="module")
def run(runner, models) -> Run:
    trace = Trace()
    config = Config(temperature=0.8, max_tokens=64, seed=11)
    runner.run(Job("Why is the sky blue?", config, *models, baseline="none"), trace.apply)
    assert trace.run is not None
    return trace.run


def is_tie(recomputed: Outcome) -> bool:
    """Whether one of the decisions could have gone the other way."""
    judged = [t for t in recomputed.tokens if t.u is not None]
    return any(abs(t.u - t.accept_probability) < TIE for t in judged)


def test_unchanged_settings_reproduce_every_round_from_the_recording(run):
    for current in run.rounds:
        ours, was = recorded_outcome(run, current.index, Change()), outcome_of(current, run.label)
        assert ours.exact
        assert (ours.added, ours.emitted) == (was.added, was.emitted)
        assert [t.state for t in ours.tokens] == [t.state for t in was.tokens]
        assert [t.id for t in ours.tokens] == [t.id for t in was.tokens]


def test_unchanged_settings_reproduce_the_verdicts_with_the_models(run, runner, models):
    parted: list[str] = []
    for current in run.rounds:
        result = runner.what_if(what_if_job(run, current.index, Change(), *models))
        was = outcome_of(current, run.label)
        if result.outcome.emitted == was.emitted:
            pairs = zip(result.verified.judged, current.verified.judged, strict=True)
            assert all(abs(a.p - b.p) < 0.02 for a, b in pairs), current.index
        else:
            parted.append(f"round {current.index}: {was.emitted}, now {result.outcome.emitted}")
            assert is_tie(result.outcome), parted[-1]
    assert len(parted) <= len(run.rounds) // 10, parted


def test_what_the_recording_decides_is_what_the_models_do(run, runner, models):
    rng = np.random.default_rng(0)
    counts: Counter[str] = Counter()
    denied: list[str] = []
    for current in run.rounds[::10]:
        for change in changes(run.started.config, rng):
            try:
                outcome = recorded_outcome(run, current.index, change)
                result = runner.what_if(what_if_job(run, current.index, change, *models))
            except ConfigError:
                continue
            counts["exact" if outcome.exact else "open"] += 1
            again = result.as_round()
            wrong = disagreement(_without_numbers(outcome), again, run.label)
            if wrong:
                denied.append(f"round {current.index}, {change}: {wrong}")
                assert is_tie(result.outcome), denied[-1]
    assert counts["exact"] > 0.3 * counts.total(), counts
    assert len(denied) <= 0.02 * counts.total(), denied


def _without_numbers(outcome: Outcome) -> Outcome:
    """p and q differ by what kernels of another width round otherwise."""
    tokens = [
        msgspec.structs.replace(t, p=None, q=None, accept_probability=None) for t in outcome.tokens
    ]
    return msgspec.structs.replace(outcome, tokens=tuple(tokens))


def test_the_first_round_is_that_of_a_fresh_run(run, runner, models):
    for change in (Change(temperature=1.3), Change(top_k=4), Change(rule="sample-match")):
        result = runner.what_if(what_if_job(run, 0, change, *models))
        trace = Trace()
        config = change.config(run.started.config)
        runner.run(Job("Why is the sky blue?", config, *models, baseline="none"), trace.apply)
        fresh = trace.run.rounds[0]
        assert outcome_of(fresh, run.label).emitted == result.outcome.emitted
        states = [fresh.state_of(d.index) for d in fresh.drafted]
        assert [t.state for t in result.outcome.tokens] == states
        assert TokenState.ACCEPTED in states or TokenState.REJECTED in states
