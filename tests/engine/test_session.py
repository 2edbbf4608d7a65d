"""The engine thread: pause, step, cancel, errors, close. Barriers, never sleeps."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.backends.toy import ToyModel
from engine.config import Config, ModelSpec
from engine.errors import Cancelled, ConfigError, ModelError, PromptError, VocabularyError
from engine.events import AnyEvent, Drafted, Event, Prefilled, RunFinished, RunStarted, Verified
from engine.job import Job, JobRunner
from engine.recording import read_trace
from engine.session import (
    JobFinished,
    JobStarted,
    Loaded,
    Loading,
    RecordingLost,
    Session,
)
from engine.trace import Trace
from tests.engine.toys import demo_pair, letters, pair

TOY = ModelSpec("toy")
PATIENCE = 20  # seconds until a lost message fails the test instead of hanging it


def job(**options) -> Job:
    config = options.pop("config", Config(max_tokens=24))
    return Job(
        prompt=options.pop("prompt", "the cat sat"), config=config, target=TOY, draft=TOY, **options
    )


def load_from(models):
    def load(spec, role, progress=None):
        if progress:
            progress(0.5)
        return models[0] if role == "target" else models[1]

    return load


@pytest.fixture
def make_session():
    made: list[Session] = []

    def make(models=None) -> Session:
        made.append(Session(load_from(models or demo_pair())))
        return made[-1]

    yield make
    for session in made:
        session.close()
    assert not [t for t in threading.enumerate() if t.name == "engine"]


def drain(session: Session) -> list:
    """Messages up to and with the next JobFinished."""
    messages = []
    while not messages or not isinstance(messages[-1], JobFinished):
        messages.append(session.outbox.get(timeout=PATIENCE))
    return messages


def next_event(session: Session) -> AnyEvent:
    while True:
        message = session.outbox.get(timeout=PATIENCE)
        if isinstance(message, Event):
            return message


def assert_whole(messages) -> Trace:
    """Each RunStarted has exactly one RunFinished, after it; the fold accepts the rest."""
    trace = Trace(m for m in messages if isinstance(m, Event))
    assert all(run.finished is not None for run in trace.runs)
    return trace


def test_a_job_measures_its_baseline_then_runs(make_session):
    session = make_session()
    session.submit(job())
    messages = drain(session)
    assert isinstance(messages[0], JobStarted)
    assert [m.role for m in messages if isinstance(m, Loaded)] == ["target", "draft"]
    assert {m.role for m in messages if isinstance(m, Loading)} == {"target", "draft"}
    trace = assert_whole(messages)
    assert [run.started.role for run in trace.runs] == ["baseline", "speculative"]
    assert trace.baseline_of(trace.runs[1]) is trace.runs[0]
    assert trace.runs[0].token_ids == trace.runs[1].token_ids
    assert messages[-1].outcome == "done"


def test_baseline_policies(make_session):
    session = make_session()

    def run_ids(**options):
        session.submit(job(**options))
        return [run.started.run_id for run in assert_whole(drain(session)).runs]

    first = run_ids(baseline="reuse")
    assert len(first) == 2
    assert run_ids(baseline="reuse")[0] == first[0]
    assert run_ids(baseline="measure")[0] != first[0]
    assert len(run_ids(baseline="none")) == 1
    other = run_ids(baseline="reuse", config=Config(max_tokens=25))
    assert other[0] != first[0], "another token count is another baseline"
    # The drafter and γ play no part in plain decoding.
    again = run_ids(baseline="reuse", config=Config(max_tokens=25, gamma=2, drafter="ngram"))
    assert again[0] == other[0]


def test_gamma_zero_is_a_single_plain_run(make_session):
    session = make_session()
    session.submit(job(config=Config(gamma=0, max_tokens=5)))
    trace = assert_whole(drain(session))
    assert [run.started.role for run in trace.runs] == ["baseline"]


def test_step_lets_one_event_through_and_resume_all(make_session):
    session = make_session()
    session.submit(job(baseline="none"), paused=True)
    seen = []
    for _ in range(6):
        session.step()
        seen.append(next_event(session))
    assert session.outbox.empty()
    assert [type(e) for e in seen[:2]] == [RunStarted, Prefilled]
    assert isinstance(seen[-1], Drafted)
    session.resume()
    trace = assert_whole([*seen, *drain(session)])
    assert trace.run.finished.reason == "length"


def test_pause_holds_the_run_and_waiting_is_not_host_time(make_session):
    models = demo_pair()
    session = make_session(models)
    session.submit(job(baseline="none"), paused=True)
    session.step()
    events = [next_event(session)]
    session.resume()
    trace = assert_whole([*events, *drain(session)])
    assert session.gate.idle_ns() > 0
    # The toy's clock only ticks when read, so time that passed in the gate would show as a loss.
    assert all(r.verified.host_ns < 1_000_000_000 for r in trace.run.rounds)


class Blocking(ToyModel):
    """A toy whose pass, at a chosen length, waits until it is interrupted."""

    def __init__(self, *args, block_at: int, **options):
        super().__init__(*args, **options)
        self.block_at = block_at
        self.entered = threading.Event()
        self.released = threading.Event()

    def extend(self, ids, rows="all"):
        if self.length + len(ids) >= self.block_at:
            self.entered.set()
            assert self.released.wait(PATIENCE)
        return super().extend(ids, rows)

    def interrupt(self, on):
        super().interrupt(on)
        if on:
            self.released.set()


@pytest.mark.parametrize("block_at", [8, 64, 130], ids=["first chunk", "later chunk", "decoding"])
def test_cancel_reaches_into_a_forward_pass(make_session, block_at):
    plain, draft = pair(6, max_rows=16)
    target = Blocking(
        plain._logits, plain.vocabulary, clock=plain.clock, block_at=block_at, max_rows=16
    )
    session = make_session((target, draft))
    session.submit(job(prompt="word " * 120, baseline="none", config=Config(max_tokens=60)))
    assert target.entered.wait(PATIENCE)
    session.cancel()
    messages = drain(session)
    trace = assert_whole(messages)
    assert trace.run.finished.reason == "cancelled"
    assert messages[-1].outcome == "cancelled"
    assert target.length == 0
    target.block_at = 10**9
    session.submit(job(baseline="none"))
    assert drain(session)[-1].outcome == "done", "the thread goes on after a cancel"


def test_cancel_while_paused(make_session):
    session = make_session()
    session.submit(job(baseline="none"), paused=True)
    for _ in range(4):
        session.step()
        next_event(session)
    session.cancel()
    messages = drain(session)
    finished = [m for m in messages if isinstance(m, RunFinished)]
    assert [f.reason for f in finished] == ["cancelled"]


def test_cancel_before_the_first_event_starts_no_run(make_session):
    session = make_session()
    session.submit(job(), paused=True)
    while not isinstance(session.outbox.get(timeout=PATIENCE), Loaded):
        pass
    session.cancel()
    messages = drain(session)
    assert not [m for m in messages if isinstance(m, Event)]
    assert messages[-1].outcome == "cancelled"


def test_cancel_while_loading(make_session):
    loading, go_on = threading.Event(), threading.Event()

    def load(spec, role, progress=None):
        loading.set()
        assert go_on.wait(PATIENCE)
        progress(0.9)
        raise AssertionError("loading went on after the cancel")

    session = Session(load)
    try:
        session.submit(job())
        assert loading.wait(PATIENCE)
        session.cancel()
        go_on.set()
        assert drain(session)[-1].outcome == "cancelled"
    finally:
        session.close()


def test_cancel_drops_waiting_jobs(make_session):
    session = make_session()
    first = session.submit(job(), paused=True)
    second = session.submit(job())
    while not isinstance(session.outbox.get(timeout=PATIENCE), Loaded):
        pass
    session.cancel()
    outcomes = {m.job_id: m.outcome for _ in range(2) for m in [drain(session)[-1]]}
    assert outcomes == {first: "cancelled", second: "cancelled"}


def test_an_error_in_a_run_ends_that_run_only(make_session):
    target, draft = demo_pair()
    target._fail_at = 12
    session = make_session((target, draft))
    session.submit(job(baseline="none"))
    messages = drain(session)
    finished = assert_whole(messages).run.finished
    assert finished.reason == "error"
    assert finished.error.type == "ModelError"
    assert "ToyModel" not in finished.error.message
    assert "Traceback" in finished.error.traceback
    assert messages[-1].outcome == "error"
    target._fail_at = None
    session.submit(job(baseline="none"))
    assert drain(session)[-1].outcome == "done"


def test_close_during_a_run_ends_the_thread(make_session):
    session = make_session()
    session.submit(job(), paused=True)
    session.step()
    next_event(session)
    session.close()
    messages = drain(session)
    assert [m.reason for m in messages if isinstance(m, RunFinished)] == ["cancelled"]
    session.close()


def test_errors_before_a_run_start_no_run(make_session):
    session = make_session()
    for wrong, kind in [
        (job(prompt="  \n"), PromptError),
        (job(prompt="word " * 5000), PromptError),
        (job(config=Config(gamma=99)), ConfigError),
        (job(config=Config(temperature=-1)), ConfigError),
        (job(config=Config(temperature=float("nan"))), ConfigError),
        (job(config=Config(rule="greedy", temperature=1)), ConfigError),
        (job(config=Config(drafter="psychic")), ConfigError),
        (job(config=Config(length_policy="psychic")), ConfigError),
    ]:
        session.submit(wrong)
        messages = drain(session)
        assert messages[-1].outcome == "error"
        assert messages[-1].error.type == kind.__name__
        assert messages[-1].error.hint
        assert not [m for m in messages if isinstance(m, RunStarted)]


def test_a_mismatched_draft_is_refused_by_its_first_differing_token(make_session):
    target, _ = pair(5)
    other = ToyModel(
        target._logits, type(letters(5))(["w0", "w1", "different", "w3", "w4"]), clock=target.clock
    )
    session = make_session((target, other))
    session.submit(job())
    finished = drain(session)[-1]
    assert finished.error.type == VocabularyError.__name__
    assert "token 2" in finished.error.message
    assert "'different'" in finished.error.message


def test_a_job_records_what_it_sends(make_session, tmp_path: Path):
    session = make_session()
    path = tmp_path / "deep" / "run.jsonl"
    session.submit(job(recording=path))
    messages = drain(session)
    assert messages[-1].recording == path
    sent = [m for m in messages if isinstance(m, Event)]
    recorded = read_trace(path)
    assert recorded.n_events == len(sent)
    assert recorded.run.totals == assert_whole(messages).run.totals


def test_a_lost_recording_does_not_end_the_run(make_session, tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    session = make_session()
    session.submit(job(recording=blocked / "run.jsonl"))
    messages = drain(session)
    assert [m.error.type for m in messages if isinstance(m, RecordingLost)] == ["RecordingError"]
    assert messages[-1].outcome == "done"
    assert messages[-1].recording is None
    assert_whole(messages)


def test_models_stay_loaded_until_another_is_chosen():
    loads = []

    def load(spec, role, progress=None):
        loads.append((role, spec))
        return demo_pair()[0 if role == "target" else 1]

    runner = JobRunner(load)
    quiet = job(baseline="none", config=Config(max_tokens=3))
    for _ in range(2):
        runner.run(quiet, lambda event: None)
    assert [role for role, _ in loads] == ["target", "draft"]
    runner.close()


def test_verified_is_an_event_of_both_runs(make_session):
    session = make_session()
    session.submit(job(config=Config(max_tokens=6)))
    messages = drain(session)
    assert sum(isinstance(m, Verified) for m in messages) >= 6


def test_a_missing_model_is_a_model_error(make_session):
    def load(spec, role, progress=None):
        raise ModelError("There is no file x.gguf.", "Check the path.")

    session = Session(load)
    try:
        session.submit(job())
        finished = drain(session)[-1]
        assert (finished.outcome, finished.error.hint) == ("error", "Check the path.")
    finally:
        session.close()


def test_a_step_after_the_end_does_not_hold_the_next_job(make_session):
    session = make_session()
    session.submit(job(baseline="none"))
    drain(session)
    session.step()
    session.pause()
    session.submit(job(baseline="none"))
    assert drain(session)[-1].outcome == "done"


@pytest.mark.parametrize("problem", [Cancelled("Stop."), ModelError("The device is gone.")])
def test_a_check_that_fails_does_not_change_how_the_run_ended(make_session, monkeypatch, problem):
    def fail(*arguments):
        raise problem

    monkeypatch.setattr("engine.job.first_divergence", fail)
    session = make_session()
    session.submit(job())
    messages = drain(session)
    assert_whole(messages)
    assert messages[-1].outcome == "done"


def test_another_file_of_the_same_name_has_a_baseline_of_its_own():
    runner = JobRunner(load_from(demo_pair()))
    ids = []
    for source in ("a", "a", "b", "a"):
        target = ModelSpec(source)
        events: list = []
        runner.run(
            Job("the cat", Config(max_tokens=3), target, TOY, baseline="reuse"), events.append
        )
        ids.append(events[0].run_id)
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3, "after another file, also the first one is measured anew"
    runner.close()


def test_a_kept_baseline_is_used_but_never_measured():
    runner = JobRunner(load_from(demo_pair()))

    def roles(policy):
        trace = Trace()
        runner.run(job(config=Config(max_tokens=3), baseline=policy), trace.apply)
        return [run.started.role for run in trace.runs]

    assert roles("kept") == ["speculative"]
    assert roles("measure") == roles("kept") == ["baseline", "speculative"]
    runner.close()


def test_a_prompt_that_the_drafts_context_cannot_hold_is_refused(make_session):
    target, draft = demo_pair()
    draft.context = 8
    session = make_session((target, draft))
    session.submit(job(prompt="the cat " * 10))
    messages = drain(session)
    assert "draft's context" in messages[-1].error.message
    assert not [m for m in messages if isinstance(m, RunStarted)]


def test_cancelling_before_the_first_event_writes_no_file(make_session, tmp_path: Path):
    session = make_session()
    path = tmp_path / "run.jsonl"
    path.write_text("an older recording\n")
    session.submit(job(recording=path), paused=True)
    while not isinstance(session.outbox.get(timeout=PATIENCE), Loaded):
        pass
    session.cancel()
    drain(session)
    assert path.read_text() == "an older recording\n"
