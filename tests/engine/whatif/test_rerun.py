"""A round recomputed with the models: the loop's own round under the same draws."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from engine.backends.toy import ToyModel
from engine.config import Config, ModelSpec
from engine.errors import Cancelled, ConfigError, RecordingError
from engine.gate import Gate
from engine.job import Job, JobRunner
from engine.session import JobFinished, Session, WhatIfDone
from engine.trace import Run, Trace
from engine.whatif import reasons
from engine.whatif.outcome import Change, outcome_of
from engine.whatif.recorded import recorded_outcome
from engine.whatif.rerun import WhatIfJob, what_if_job
from engine.whatif.warm import WarmModel
from tests.engine.test_session import PATIENCE, TOY, load_from
from tests.engine.toys import demo_pair, pair
from tests.engine.whatif.rounds import changes, fresh_round

PROMPT = "the cat sat on the mat and the cat sat on the mat and the cat"
CONFIGS = {
    "chain": Config(gamma=4, temperature=0.8, max_tokens=40, seed=1),
    "tree": Config(gamma=3, temperature=0.9, max_tokens=40, seed=2, branches=(2, 2)),
    "greedy": Config(gamma=4, max_tokens=30),
    "block": Config(gamma=4, temperature=0.9, max_tokens=40, seed=4, rule="block"),
    "copies": Config(gamma=8, temperature=0.5, max_tokens=60, seed=5, drafter="chain"),
    "confidence": Config(
        gamma=5, temperature=0.8, max_tokens=40, seed=6, length_policy="confidence"
    ),
}


def made(config: Config) -> tuple[JobRunner, Run, tuple[ToyModel, ToyModel]]:
    models = demo_pair()
    runner, trace = JobRunner(load_from(models)), Trace()
    runner.run(Job(PROMPT, config, TOY, TOY, baseline="none"), trace.apply)
    assert trace.run is not None
    return runner, trace.run, models


def job_of(run: Run, number: int, change: Change) -> WhatIfJob:
    return what_if_job(run, number, change, TOY, TOY)


@pytest.mark.parametrize("name", CONFIGS)
def test_unchanged_settings_repeat_every_round(name):
    runner, run, _ = made(CONFIGS[name])
    for current in run.rounds:
        result = runner.what_if(job_of(run, current.index, Change()))
        was, again = current.verified, result.verified
        assert (again.judged, again.added_id, again.added_u, again.tops, again.path) == (
            (was.judged, was.added_id, was.added_u, was.tops, was.path)
        )
        assert [d.id for d in result.drafted] == [d.id for d in current.drafted]
        assert result.as_round().state_of(0) is current.state_of(0)
        ours, theirs = result.outcome, outcome_of(current, run.label)
        assert (ours.tokens, ours.added) == (theirs.tokens, theirs.added)
        assert (ours.source, ours.exact, ours.gamma) == (
            "models",
            True,
            recorded_outcome(run, current.index, Change()).gamma,
        )


@pytest.mark.parametrize("name", CONFIGS)
def test_changed_settings_equal_a_fresh_round_under_the_same_draws(name):
    runner, run, models = made(CONFIGS[name])
    rng = np.random.default_rng(2)
    compared = differing = 0
    for current in run.rounds[::3]:
        for change in changes(run.started.config, rng):
            try:
                result = runner.what_if(job_of(run, current.index, change))
            except ConfigError:
                continue
            fresh = fresh_round(run, current.index, change, models)
            theirs = outcome_of(fresh, run.label, "models", result.outcome.gamma)
            label = {t.id: t.text for t in result.outcome.tokens}
            assert [t.id for t in result.outcome.tokens] == [t.id for t in theirs.tokens]
            assert result.verified.judged == fresh.verified.judged
            assert result.verified.added_id == fresh.verified.added_id
            assert all(label[t.id] for t in theirs.tokens)
            compared += 1
            differing += result.outcome.differs_at(current) is not None
    assert compared > 40
    assert differing > 5


def test_the_first_round_is_that_of_a_run_with_the_other_settings():
    """With the same γ a run of that seed draws the very same numbers in round 0."""
    for change in (Change(temperature=1.4), Change(top_k=3), Change(rule="sample-match")):
        runner, run, _ = made(CONFIGS["chain"])
        result = runner.what_if(job_of(run, 0, change))
        _, other, _ = made(change.config(CONFIGS["chain"]))
        assert outcome_of(other.rounds[0], run.label).emitted == result.outcome.emitted
        assert other.rounds[0].verified.judged == result.verified.judged


def test_a_longer_proposal_keeps_the_recorded_draws_of_its_first_places():
    runner, run, _ = made(CONFIGS["chain"])
    for current in run.rounds[:4]:
        result = runner.what_if(job_of(run, current.index, Change(gamma=7)))
        assert len(result.drafted) == 7
        n = len(current.drafted)
        assert [(d.id, d.u) for d in result.drafted[:n]] == [(d.id, d.u) for d in current.drafted]
        assert result.verified.added_u == current.verified.added_u


def test_lengths_that_go_by_measured_times_are_kept():
    config = Config(gamma=6, temperature=0.8, max_tokens=60, length_policy="throughput")
    runner, run, _ = made(config)
    for current in run.rounds:
        result = runner.what_if(job_of(run, current.index, Change()))
        assert len(result.drafted) == len(current.drafted)
        assert result.outcome.note == reasons.THROUGHPUT
        assert result.verified.judged == current.verified.judged


def test_other_models_than_the_recorded_ones_are_refused():
    _, run, _ = made(CONFIGS["chain"])
    target, draft = pair(58)
    other = JobRunner(load_from((target, draft)))
    with pytest.raises(ConfigError, match="recorded with the target toy target"):
        other.what_if(job_of(run, 1, Change()))


def test_draws_that_are_not_the_seeds_are_refused():
    _, run, _ = made(CONFIGS["chain"])
    other = msgspec.structs.replace(run.started.config, seed=77)
    run.started = msgspec.structs.replace(run.started, config=other)
    with pytest.raises(RecordingError, match="not those of the run's seed"):
        job_of(run, 1, Change())


def test_the_text_is_fed_once_for_many_questions():
    runner, run, (target, draft) = made(CONFIGS["chain"])
    number = len(run.rounds) - 2
    job = job_of(run, number, Change())
    runner.what_if(job)
    target.fed = draft.fed = 0
    for temperature in (0.5, 0.6, 0.7):
        runner.what_if(job_of(run, number, Change(temperature=temperature)))
    assert target.fed == 3 * 5, "a pass over [last, d1 .. dγ] each time"
    assert draft.fed <= 3 * 4
    # Another job empties the caches; what is held is then not believed in.
    runner.run(Job(PROMPT, CONFIGS["chain"], TOY, TOY, baseline="none"), lambda event: None)
    assert runner.what_if(job).verified.judged == run.rounds[number].verified.judged


def test_a_warm_model_answers_like_the_model_itself():
    target, twin = pair(6, seed=3)[0], pair(6, seed=3)[0]
    warm, rng = WarmModel(target), np.random.default_rng(0)
    for _ in range(60):
        warm.wake()
        twin.truncate(0)
        for _ in range(int(rng.integers(1, 6))):
            ids = rng.integers(0, 2, int(rng.integers(1, 5))).tolist()
            rows = ("none", "last", "all")[int(rng.integers(0, 3))]
            assert np.array_equal(warm.extend(ids, rows), twin.extend(ids, rows))
            if rng.random() < 0.4:
                parents = [-1, 0, -1]
                assert np.array_equal(
                    warm.extend([1, 2, 3], "all", parents), twin.extend([1, 2, 3], "all", parents)
                )
                path = [0, 1] if rng.random() < 0.5 else []
                warm.keep(path)
                twin.keep(path)
            if rng.random() < 0.4:
                length = int(rng.integers(0, twin.length + 1))
                warm.truncate(length)
                twin.truncate(length)
            assert warm.length == twin.length
            assert target._cached[: warm.length] == twin._cached


def test_a_cancelled_question_has_no_answer():
    _, run, models = made(CONFIGS["chain"])
    gate = Gate()
    runner = JobRunner(load_from(models), gate)
    gate.cancel()
    with pytest.raises(Cancelled):
        runner.what_if(job_of(run, 1, Change()))


def test_the_thread_answers_before_the_job_finishes():
    _, run, models = made(CONFIGS["chain"])
    session = Session(load_from(models))
    try:
        asked = session.submit(job_of(run, 2, Change(temperature=1.2)))
        failing = session.submit(what_if_job(run, 2, Change(), ModelSpec("toy"), None))
        messages = []
        while sum(isinstance(m, JobFinished) for m in messages) < 2:
            messages.append(session.outbox.get(timeout=PATIENCE))
    finally:
        session.close()
    done = [m for m in messages if isinstance(m, WhatIfDone)]
    (answer,) = done
    assert answer.job_id == asked
    assert answer.result.round == 2
    after = messages[messages.index(answer) + 1]
    assert (after.job_id, after.outcome) == (asked, "done")
    assert (messages[-1].job_id, messages[-1].outcome) == (failing, "error")
    assert "draft model" in messages[-1].error.message
