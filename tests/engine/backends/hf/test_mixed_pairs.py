"""A GGUF draft for a Hugging Face target, and the reverse."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from engine.config import Config, ModelSpec
from engine.errors import VocabularyError
from engine.job import Job, JobRunner
from engine.trace import Trace
from tests.engine.backends.tiny import WORDS, write_llama


def specs(target, draft, backends):
    options = {"context": 256, "threads": 1, "device": "cpu", "precision": "float32"}
    return [
        ModelSpec(str(path), backend, **options)
        for path, backend in zip((target, draft), backends, strict=True)
    ]


@pytest.fixture
def runner():
    runner = JobRunner()
    yield runner
    runner.close()


@pytest.mark.parametrize("backends", [("hf", "gguf"), ("gguf", "hf")], ids="<".join)
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_one_file_in_both_libraries_drafts_for_itself(tmp_path, runner, backends, temperature):
    path = write_llama(tmp_path / "tiny.gguf", llama__attention__head_count_kv=2)
    target, draft = specs(path, path, backends)
    trace = Trace()
    config = Config(gamma=3, max_tokens=40, temperature=temperature)
    runner.run(Job("the of and", config, target, draft, baseline="none"), trace.apply)
    run = trace.run
    names = {"hf": "transformers", "gguf": "llama.cpp"}
    models = run.started.models
    assert [m.backend for m in (models.target, models.draft)] == [names[b] for b in backends]
    # The libraries round differently; all else about p and q is the same.
    assert run.tally.accepted > 0.8 * (run.tally.accepted + run.tally.rejected)
    assert run.tally.accepted > 20


@pytest.mark.parametrize("backends", [("hf", "gguf"), ("gguf", "hf")], ids="<".join)
def test_another_vocabulary_is_refused(tmp_path, runner, backends):
    tokens = ("<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), "▁thy", *WORDS[1:])
    target = write_llama(tmp_path / "target.gguf")
    draft = write_llama(tmp_path / "draft.gguf", tokenizer__ggml__tokens=tokens)
    job = Job("the", Config(max_tokens=8), *specs(target, draft, backends), baseline="none")
    with pytest.raises(VocabularyError, match=r"token 259 is '▁the' in the target"):
        runner.run(job, lambda event: None)
