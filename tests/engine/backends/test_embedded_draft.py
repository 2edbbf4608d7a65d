"""The draft that ships, with the model that it was distilled from."""

from __future__ import annotations

import numpy as np
import pytest

from engine.backends import registry
from engine.backends.registry import EMBEDDED_DRAFT, embedded_draft
from engine.backends.trimmed import fitted
from engine.config import Config, ModelSpec
from engine.errors import ModelError, VocabularyError
from engine.job import Job, JobRunner
from engine.recording import Recorder
from engine.trace import Trace
from tests.engine.backends.tiny import write_llama
from tests.recompute import recompute

PROMPTS = ("Why is the sky blue?", "Write a short letter to a friend.", "Count from one to ten.")
HOW = {"threads": 1, "context": 512, "device": "cpu", "precision": "float32"}


def test_it_is_small_enough_to_ship():
    assert embedded_draft().stat().st_size <= 25_000_000


def test_a_missing_file_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_DRAFT_FILE", tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="not installed"):
        registry.load(ModelSpec(EMBEDDED_DRAFT), "draft")


def test_it_is_refused_beside_another_target(tmp_path):
    draft = registry.load(ModelSpec(EMBEDDED_DRAFT, **HOW), "draft")
    other = registry.load(ModelSpec(str(write_llama(tmp_path / "tiny.gguf")), threads=1), "target")
    try:
        with pytest.raises(VocabularyError, match="taken from another vocabulary"):
            fitted(draft, other)
    finally:
        draft.close()
        other.close()


@pytest.fixture(scope="module")
def runner(embedded_path):
    runner = JobRunner()
    yield runner
    runner.close()


def both(*sinks):
    def sink(event):
        for one in sinks:
            one(event)

    return sink


@pytest.mark.model
@pytest.mark.parametrize("backends", [("gguf", "gguf"), ("gguf", "hf"), ("hf", "hf")], ids="<".join)
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_it_drafts_on_both_backends(runner, backends, temperature, tmp_path):
    if "hf" in backends:
        pytest.importorskip("torch")
    target, draft = (
        ModelSpec(source, backend, **HOW)
        for source, backend in zip(("", EMBEDDED_DRAFT), backends, strict=True)
    )
    accepted = judged = 0
    for seed, prompt in enumerate(PROMPTS):
        trace = Trace()
        config = Config(gamma=3, max_tokens=32, temperature=temperature, seed=seed)
        path = tmp_path / f"{seed}.jsonl"
        job = Job(prompt, config, target, draft, baseline="measure")
        with Recorder(path) as record:
            runner.run(job, both(trace.apply, record))
        run = trace.run
        assert run.finished.error is None
        accepted += run.tally.accepted
        judged += run.tally.accepted + run.tally.rejected
        plain = trace.baseline_of(run)
        if temperature == 0.0 and run.token_ids != plain.token_ids:
            (notice,) = run.notices
            assert "A numerical tie" in notice.message
        assert recompute(path)["accepted"] == run.tally.accepted
    assert accepted > 0.25 * judged


@pytest.mark.model
def test_both_backends_read_the_same_draft(embedded_gguf):
    pytest.importorskip("torch")
    ids = embedded_gguf.encode("The old lighthouse on the island opens again.")
    rows = []
    for backend in ("gguf", "hf"):
        draft = registry.load(ModelSpec(EMBEDDED_DRAFT, backend, **HOW), "draft")
        rows.append(fitted(draft, embedded_gguf).extend(ids))
        draft.close()
    known = np.isfinite(rows[0])
    assert np.array_equal(known, np.isfinite(rows[1]))
    assert 0.2 < known.mean() < 0.5
    assert np.abs(rows[0][known] - rows[1][known]).mean() < 0.05 * rows[0][known].std()
