"""Greedy decoding in float32: with every drafter the text is plain decoding's, id for id."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402

from engine.config import Config, ModelSpec
from engine.drafting.registry import DRAFTERS
from engine.job import Job, JobRunner
from engine.trace import Trace
from tests.engine.backends.hf import tiny_models
from tests.engine.backends.hf.test_device_turns import loosened

PROMPTS = [
    f"{word} {number} times {word}, then {other}"
    for number, (word, other) in enumerate(
        (a, b)
        for a in ("red", "seven", "naïve", "Ünder", "for")
        for b in ("blue", "0x7f", "café", "深度")
    )
]


@pytest.fixture(scope="module")
def runner():
    target, draft = loosened(tiny_models.model(0), tiny_models.model(0))

    def loader(spec, role, progress=None):
        model = target if role == "target" else draft
        model.interrupt(False)
        return model

    runner = JobRunner(loader=loader)
    yield runner
    runner.close()


@pytest.mark.parametrize("drafter", DRAFTERS)
def test_ids_are_those_of_plain_decoding(runner, drafter):
    assert len(PROMPTS) == 20
    kind = DRAFTERS[drafter]
    draft = ModelSpec("draft") if kind.needs_model or drafter == "auto" else None
    config = Config(drafter=drafter, gamma=3, max_tokens=24, exit_layer=3)
    drafted = accepted = 0
    for prompt in PROMPTS:
        trace = Trace()
        runner.run(Job(prompt, config, ModelSpec("target"), draft, baseline="measure"), trace.apply)
        plain, run = trace.runs
        assert run.token_ids == plain.token_ids, prompt
        assert len(run.token_ids) == 24
        drafted += run.tally.drafted
        accepted += run.tally.accepted
    assert drafted > 20
    if kind.needs_model or kind.needs_layers:  # a random text holds little for the others to find
        assert 20 < accepted < drafted
