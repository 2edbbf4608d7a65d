"""Checks as jobs: what they find, what they say, how they are held and cancelled."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from engine.backends.toy import ToyModel, ToyVocabulary
from engine.config import Config, ModelSpec
from engine.divergence import Divergence
from engine.errors import Cancelled, ConfigError, PromptError
from engine.job import Job, JobRunner
from engine.lab import verdict
from engine.lab.check import checked, n_proposals
from engine.lab.result import CheckJob, CheckResult
from engine.lab.statistics import Comparison
from engine.preparation import LAB
from engine.rules import RULES
from engine.session import CheckDone, CheckProgress, JobFinished, JobStarted, Loaded, Session
from tests.engine.toys import demo_pair

TOY = ModelSpec("toy")
OTHER = ModelSpec("a model of the tests")
PATIENCE = 20


def job(**options) -> CheckJob:
    settings = {"gamma": 2, "temperature": 1.0, **options.pop("config", {})}
    spec = options.pop("spec", TOY)
    return CheckJob(
        prompt=options.pop("prompt", "the cat sat on the mat and the cat sat"),
        config=Config(**settings),
        target=spec,
        draft=options.pop("draft", spec),
        samples=options.pop("samples", 300),
        **options,
    )


def load(spec, role, progress=None):
    return demo_pair()[role == "draft"]


def found(**options) -> CheckResult:
    runner = JobRunner(load)
    try:
        return runner.check(job(**options))
    finally:
        runner.close()


def test_the_toy_pair_is_enumerated_and_sampled():
    result = found()
    assert result.exact_tv < 1e-12
    assert result.p_value > 1e-9
    assert result.lossless
    assert result.declared
    assert result.samples == 300
    assert result.sentence.startswith("Exact: the law of what is emitted equals the target's")
    assert "No difference found in 300 samples" in result.detail
    assert "two samples of one law would be" in result.detail
    assert 0 < result.expected_accepted < 2
    assert result.expected_tokens == pytest.approx(1 + result.expected_accepted)
    assert result.tv == pytest.approx(result.tv_noise, abs=0.1)
    assert sum(c.plain for c in result.cells) == sum(c.speculative for c in result.cells) == 300
    assert sum(c.probability for c in result.cells) == pytest.approx(1, abs=0.05)
    for cell in result.cells:
        assert cell.speculative_probability == pytest.approx(cell.probability, abs=1e-12)
        assert len(cell.ids) == len(cell.text.split()) == 2
    most = [c.plain + c.speculative for c in result.cells]
    assert most == sorted(most, reverse=True)


@pytest.mark.parametrize("rule", ["typical", "lenient"])
def test_a_lossy_rule_is_found_out_and_says_so(rule):
    result = found(config={"rule": rule, "gamma": 3, "lenience": 0.2}, samples=2000)
    assert not result.lossless
    assert not result.declared
    assert result.exact_tv > 0.01
    assert result.p_value < 1e-9
    assert result.sentence.startswith("Different: the exact law")
    assert "it is lossy" in result.detail


def test_a_rule_that_lies_is_a_fault(monkeypatch):
    monkeypatch.setitem(RULES, "typical", replace(RULES["typical"], lossless=True))
    result = found(config={"rule": "typical"})
    assert result.declared
    assert not result.lossless
    assert "claims to be lossless: this is a fault" in result.detail


@pytest.mark.parametrize(
    "config",
    [
        {"drafter": "ngram"},
        {"drafter": "suffix", "rule": "sample-match"},
        {"drafter": "chain"},
        {"drafter": "ngram-table", "rule": "block"},
        {"branches": (2, 2)},
        {"drafter": "ngram-table", "branches": (2, 1, 1), "gamma": 3},
        {"length_policy": "entropy", "gamma": 3},
    ],
    ids=str,
)
def test_methods_are_checked_by_enumeration(config):
    result = found(config=config, samples=100)
    assert result.exact_tv < 1e-12
    assert result.lossless


def test_too_many_proposals_are_sampled_only():
    result = found(config={"branches": (2, 2, 2), "gamma": 3}, samples=100)
    assert result.exact_tv is None
    assert result.expected_tokens is None
    assert result.samples == 100
    assert "too many outcomes" in result.detail
    assert all(cell.probability is None for cell in result.cells)


def test_other_models_are_sampled_with_remembered_passes():
    result = found(spec=OTHER, samples=200, tokens=1)
    assert result.exact_tv is None
    assert result.lossless
    assert result.sentence.startswith("No difference found in 200 samples")
    assert all(len(cell.ids) == 1 for cell in result.cells)
    assert (result.target, result.draft) == ("toy target", "toy draft")


def test_the_seed_decides():
    assert found(spec=OTHER, samples=100) == found(spec=OTHER, samples=100)
    other = found(spec=OTHER, samples=100, config={"seed": 1})
    assert other.cells != found(spec=OTHER, samples=100).cells


def test_greedy_texts_are_compared():
    result = found(spec=OTHER, config={"temperature": 0.0, "max_tokens": 30})
    assert result.sentence == "Equal: the same 30 tokens with speculation and without."
    assert (result.samples, result.p_value, result.divergence) == (0, None, None)
    assert result.tokens == 30
    assert result.lossless
    enumerated = found(config={"temperature": 0.0, "max_tokens": 30})
    assert enumerated.exact_tv == 0.0
    assert "equals the target's to the last bit" in enumerated.sentence


class Wider(ToyModel):
    """A toy whose logits depend on the width of the pass: by how much, `shift` says."""

    shift = 0.0

    def extend(self, ids, rows="all", parents=None):
        logits = super().extend(ids, rows, parents).copy()
        if len(ids) > 1 and len(logits):
            logits[:, 3] += self.shift
        return logits


@pytest.mark.parametrize(("margin", "tie"), [(0.1, True), (3.0, False)])
def test_a_greedy_divergence_is_told_from_a_tie(margin, tie):
    """Single passes prefer token 2, wide ones token 3."""
    law = np.tile(np.array([0.0, 0.0, margin, 0.0], dtype=np.float32), (4, 1))
    words = ToyVocabulary(["w0", "w1", "two", "three"])
    target, draft = Wider(law, words), ToyModel(law, words)
    target.shift = 1.2 * margin

    def loader(spec, role, progress=None):
        return target if role == "target" else draft

    if not tie:
        # A kernel does this only up to a point: the re-scored pass of the same width is innocent.
        target.extend = _once_only(target)
    result = JobRunner(loader).check(job(spec=OTHER, config={"temperature": 0.0, "max_tokens": 8}))
    assert isinstance(result.divergence, Divergence)
    assert (result.divergence.plain_id, result.divergence.other_id) == (2, 3)
    assert result.lossless is tie
    assert ("numerical tie: from" in result.sentence) is tie
    assert result.sentence.startswith("Different") is not tie
    assert "top-2 margin" in result.detail


def _once_only(target):
    """Shift the first wide pass only."""
    plain = type(target).extend

    def extend(ids, rows="all", parents=None):
        found = plain(target, ids, rows, parents)
        if len(ids) > 1 and len(found):
            target.shift = 0.0
        return found

    return extend


def test_the_words_for_samples():
    def said(**numbers):
        settings = {"chi2": 9.0, "degrees_of_freedom": 9, "p_value": 0.43, "tv": 0.02,
                    "tv_noise": 0.021, "detectable": 0.05, **numbers}  # fmt: skip
        return verdict.of_samples(Comparison(**settings), 2000)

    assert said() == (
        "No difference found in 2,000 samples (p = 0.43); a bias above about 0.05 would have shown."
    )
    assert said(p_value=3e-40).startswith("Different: 2,000 samples with speculation")
    assert "too few" in said(detectable=1.0)
    assert verdict.of_exact(3.2e-17) == (
        "Exact: the law of what is emitted equals the target's to 3e-17."
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"config": {"gamma": 0}}, "nothing to check"),
        ({"tokens": 0}, "0 tokens cannot be compared"),
        ({"tokens": 4}, "4 tokens cannot be compared"),
        ({"samples": 99}, "number of samples is 99"),
        ({"samples": 10**7}, "number of samples is 10,000,000"),
        ({"config": {"rule": "psychic"}}, "no rule 'psychic'"),
        ({"config": {"rule": "block", "drafter": "ngram"}}, "needs the draft's probabilities"),
        ({"config": {"temperature": -1.0}}, "temperature is -1"),
        ({"config": {"branches": (0,)}}, "number of branches is 0"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_the_reason(options, says):
    with pytest.raises(ConfigError, match=says) as refused:
        found(**options)
    assert refused.value.hint


def test_an_empty_prompt_is_refused():
    with pytest.raises(PromptError):
        found(prompt=" ")


@pytest.mark.parametrize(
    ("branches", "gamma", "size", "expected"),
    [((), 2, 5, 25), ((2,), 1, 5, 20), ((2, 2), 2, 3, 6 * 36), ((2, 1, 1), 3, 3, 6 * 9 * 9),
     ((3,), 1, 2, 2)],
)  # fmt: skip
def test_how_many_proposals_there_are(branches, gamma, size, expected):
    assert n_proposals(branches, gamma, size) == expected


def test_the_toy_pair_of_a_check_is_as_large_as_can_be_enumerated():
    def source(**config):
        return checked(job(config=config)).target.source

    assert source(gamma=2) == f"{LAB}5"
    assert source(gamma=2, branches=(2, 2)) == f"{LAB}3"
    assert checked(job(samples=0)).samples == 20_000
    assert checked(job(samples=0, spec=OTHER)).samples == 2_000


def test_a_check_and_a_run_do_not_take_each_others_models():
    runner = JobRunner()
    try:
        assert runner.check(job(samples=100)).target == "lab target"
        events = []
        runner.run(Job("the cat", Config(max_tokens=4), TOY, TOY, baseline="none"), events.append)
        assert events[0].models.target.name == "toy target"
        assert runner.check(job(samples=100)).target == "lab target"
    finally:
        runner.close()


def messages_of(session: Session) -> list:
    messages = []
    while not messages or not isinstance(messages[-1], JobFinished):
        messages.append(session.outbox.get(timeout=PATIENCE))
    return messages


@pytest.fixture
def session():
    made = Session(load)
    yield made
    made.close()


def test_the_session_tells_progress_and_result(session):
    job_id = session.submit(job(samples=100))
    messages = messages_of(session)
    assert isinstance(messages[0], JobStarted)
    assert [m.role for m in messages if isinstance(m, Loaded)] == ["target", "draft"]
    progress = [m for m in messages if isinstance(m, CheckProgress)]
    assert {m.stage for m in progress} == {"exact", "plain", "speculative"}
    assert {m.job_id for m in progress} == {job_id}
    for stage in ("plain", "speculative"):
        done = [m.done for m in progress if m.stage == stage]
        assert (done[0], done[-1]) == (0, 100)
        assert done == sorted(done)
    assert isinstance(messages[-2], CheckDone)
    assert messages[-2].result.lossless
    assert messages[-1] == JobFinished(job_id, "done")


def test_runs_and_checks_take_turns(session):
    session.submit(job(samples=100))
    session.submit(Job("the cat", Config(max_tokens=4), TOY, TOY, baseline="none"))
    session.submit(job(samples=100, spec=OTHER))
    assert [messages_of(session)[-1].outcome for _ in range(3)] == ["done"] * 3


def test_a_refused_check_is_an_error_and_the_session_goes_on(session):
    session.submit(job(tokens=9))
    finished = messages_of(session)[-1]
    assert (finished.outcome, finished.error.type) == ("error", "ConfigError")
    session.submit(job(samples=100))
    assert messages_of(session)[-1].outcome == "done"


@pytest.mark.parametrize("stage", ["exact", "plain", "speculative"])
def test_cancel_between_samples(session, stage):
    session.submit(job(samples=1_000_000))
    while True:
        message = session.outbox.get(timeout=PATIENCE)
        assert not isinstance(message, JobFinished)
        if isinstance(message, CheckProgress):
            if message.stage == stage:
                break
            # Sampling plainly would take minutes: only its beginning is waited for.
            if stage == "speculative" and message.stage == "plain":
                break
    session.cancel()
    messages = messages_of(session)
    assert messages[-1].outcome == "cancelled"
    assert not [m for m in messages if isinstance(m, CheckDone)]
    session.submit(job(samples=100))
    assert messages_of(session)[-1].outcome == "done"


class Blocking(ToyModel):
    """A toy whose pass waits, from some pass on, until it is interrupted."""

    def __init__(self, *args, block_at: int, **options):
        super().__init__(*args, **options)
        self.entered, self.released = threading.Event(), threading.Event()
        self._left = block_at

    def extend(self, ids, rows="all", parents=None):
        self._left -= 1
        if self._left < 0:
            self.entered.set()
            assert self.released.wait(PATIENCE)
        return super().extend(ids, rows, parents)

    def interrupt(self, on):
        super().interrupt(on)
        if on:
            self.released.set()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("block_at", [0, 5])
def test_cancel_inside_a_pass(temperature, block_at):
    plain, draft = demo_pair()
    target = Blocking(plain._logits, plain.vocabulary, clock=plain.clock, block_at=block_at)
    session = Session(lambda spec, role, progress=None: target if role == "target" else draft)
    try:
        session.submit(job(spec=OTHER, samples=1000, config={"temperature": temperature}))
        assert target.entered.wait(PATIENCE)
        session.cancel()
        assert messages_of(session)[-1].outcome == "cancelled"
        assert target.length == 0
    finally:
        session.close()


def test_a_paused_check_waits_and_goes_on(session):
    session.submit(job(samples=200, spec=OTHER), paused=True)
    while not isinstance(session.outbox.get(timeout=PATIENCE), Loaded):
        pass
    session.resume()
    assert messages_of(session)[-1].outcome == "done"


def test_cancelled_is_raised_to_whoever_runs_it():
    runner = JobRunner(load)

    def tell(stage, done, total):
        runner.cancel()

    with pytest.raises(Cancelled):
        runner.check(job(), tell)
    runner.close()
