"""A real pair through the whole engine: Q8_0 and Q4_0 copies of the embedded model."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.cli import cli
from engine.config import Config, ModelSpec
from engine.errors import PromptError
from engine.events import RunFinished
from engine.job import Job, JobRunner
from engine.recording import read_trace
from engine.trace import Trace
from tests.recompute import recompute

pytestmark = pytest.mark.model

PROMPTS = [
    "Why is the sky blue?",
    "Write a haiku about rain.",
    "Count from one to ten.",
    "Repeat this text word for word: the quick brown fox jumps over the lazy dog; "
    "the quick brown fox jumps over the lazy dog.",
]


@pytest.fixture(scope="module")
def runner():
    runner = JobRunner()
    yield runner
    runner.close()


@pytest.fixture
def pair(q8_0_path: Path, q4_0_path: Path):
    return (
        ModelSpec(str(q8_0_path), threads=1, context=1024),
        ModelSpec(str(q4_0_path), threads=1, context=1024),
    )


@pytest.mark.parametrize("drafter", ["model", "ngram"])
@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda p: p[:12])
def test_greedy_ids_are_plain_decodings_or_part_at_a_numerical_tie(runner, pair, drafter, prompt):
    trace = Trace()
    config = Config(drafter=drafter, max_tokens=32)
    runner.run(Job(prompt, config, *pair, baseline="reuse"), trace.apply)
    plain, run = trace.runs
    if run.token_ids != plain.token_ids:
        (notice,) = run.notices
        assert "A numerical tie" in notice.message, notice.message
    assert run.tally.accepted > 0 or drafter == "ngram"


def test_recorded_decisions_recompute_from_the_models(runner, pair, tmp_path):
    """p of judged tokens, from a fresh pass over the recorded prefix, in another batch shape."""
    from engine.backends import registry

    trace = Trace()
    config = Config(temperature=0.8, top_p=0.95, max_tokens=24, seed=5)
    runner.run(Job(PROMPTS[0], config, *pair, baseline="none"), trace.apply)
    run = trace.run
    target = registry.load(pair[0], "target")
    try:
        context = list(run.started.prompt_ids)
        judged = 0
        for r in run.rounds:
            ids = [d.id for d in r.drafted]
            target.truncate(0)
            logits = target.extend(context + ids)[len(context) - 1 :].astype(np.float64) / 0.8
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            for i, verdict in enumerate(r.verified.judged):
                order = np.argsort(-p[i], kind="stable")
                kept = order[: np.searchsorted(np.cumsum(p[i][order]), 0.95) + 1]
                expected = p[i][ids[i]] / p[i][kept].sum() if ids[i] in kept else 0.0
                assert verdict.p == pytest.approx(expected, abs=2e-3)
                assert (verdict.u < min(1, verdict.p / verdict.q)) == (i < r.verified.n_accepted)
                judged += 1
            context += ids[: r.verified.n_accepted]
            if r.verified.added_id is not None:
                context.append(r.verified.added_id)
        assert judged > 10
    finally:
        target.close()


def test_the_command_line_on_a_real_pair(pair, tmp_path):
    trace = tmp_path / "run.jsonl"
    arguments = ["run", "--target", pair[0].source, "--draft", pair[1].source, "--threads", "1"]
    arguments += ["--prompt", PROMPTS[0], "--max-tokens", "24", "--json", "--trace", str(trace)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    printed, again = json.loads(result.stdout), recompute(trace)
    for key, value in printed.items():
        assert value == (pytest.approx(again[key]) if isinstance(value, float) else again[key]), key
    assert printed["text"].strip()
    recorded = read_trace(trace)
    assert recorded.run.started.models.target.quantisation == "Q8_0"
    assert recorded.run.started.prompt_pieces[0].startswith("<|im_start|>")


def test_another_vocabulary_is_refused_by_name(pair, tmp_path):
    from tests.engine.backends import tiny

    other = tiny.write_llama(tmp_path / "tiny.gguf")
    runner = JobRunner()
    events: list[object] = []
    try:
        with pytest.raises(Exception, match=r"another vocabulary.*token \d+"):
            runner.run(
                Job("hello", Config(), pair[0], ModelSpec(str(other), threads=1)), events.append
            )
    finally:
        runner.close()
    assert not events


def test_a_recording_stays_small(runner, pair, tmp_path):
    """Sampled rounds at γ = 4 take about 2 kB each once the pieces are known."""
    from engine.recording import Recorder

    path = tmp_path / "size.jsonl"
    with Recorder(path) as recorder:
        config = Config(temperature=0.8, max_tokens=96)
        runner.run(Job(PROMPTS[1], config, *pair, baseline="none"), recorder)
    rounds = 0
    size = 0
    for line in path.read_bytes().splitlines():
        record = json.loads(line)
        rounds += record["type"] == "Verified"
        if rounds > 10 and record["type"] in ("Drafted", "Verified"):
            size += len(line) - len(json.dumps(record.get("pieces", "")))
    assert size / (rounds - 10) < 2500


@pytest.mark.parametrize("context", [10, 64, 300])
def test_a_prompt_around_a_small_context_never_reaches_the_library(pair, context):
    """llama.cpp aborts the process for a batch beyond the context that was asked for."""
    runner = JobRunner()
    events: list[object] = []
    small = ModelSpec(pair[0].source, threads=1, context=context)
    try:
        for words in (context // 4, context // 2, context, 2 * context):
            job = Job("word " * words, Config(gamma=2, drafter="ngram", max_tokens=4), small)
            with contextlib.suppress(PromptError):
                runner.run(job, events.append)
    finally:
        runner.close()
    assert all(e.reason != "error" for e in events if isinstance(e, RunFinished))


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_a_run_cleanly(embedded_path, tmp_path):
    trace = tmp_path / "run.jsonl"
    command = [sys.executable, "-m", "app", "run", "--prompt", "Write a very long story."]
    command += ["--gamma", "0", "--max-tokens", "4000", "--threads", "1", "--trace", str(trace)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
        assert process.stdout.read(1), "the first token"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert read_trace(trace).run.finished.reason == "cancelled"
