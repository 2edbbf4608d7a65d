"""What is loaded, counted and refused before the first pass."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine import corpus
from engine.config import Config, ModelSpec
from engine.errors import Cancelled, ConfigError
from engine.events import RunStarted, TableInfo
from engine.job import Job, JobRunner
from tests.engine.toys import demo_pair

TOY = ModelSpec("toy")
TEXT = "the cat sat on the mat and the dog ran to the house .\n" * 20


@pytest.fixture
def runner():
    made = JobRunner(lambda spec, role, progress=None: demo_pair()[role == "draft"])
    yield made
    made.close()


def table_job(path: Path | None, **options) -> Job:
    config = Config(drafter="ngram-table", max_tokens=6, temperature=1.0, **options)
    return Job("the cat sat", config, TOY, corpus=path)


def started_by(runner, job) -> tuple[list[RunStarted], list[str]]:
    """The first events of the runs, and what was loaded or counted for them."""
    events, parts = [], []
    runner.run(job, events.append, lambda part, fraction: parts.append(part))
    return [e for e in events if isinstance(e, RunStarted)], parts


def test_a_runs_table_is_told_and_its_baselines_has_none(runner, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text(TEXT)
    (plain, speculative), parts = started_by(runner, table_job(path))
    assert plain.models.table is None
    tokens = len(demo_pair()[0].encode(TEXT))
    assert speculative.models.table == TableInfo("words.txt", tokens, 4)
    assert speculative.models.draft is None
    assert parts[0] == "target"
    assert set(parts[1:]) == {"table"}


def test_a_table_is_counted_again_only_when_its_text_has_changed(runner, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text(TEXT)
    assert "table" in started_by(runner, table_job(path))[1]
    assert started_by(runner, table_job(path))[1] == []
    path.write_text(TEXT * 2)
    runs, parts = started_by(runner, table_job(path))
    assert "table" in parts
    assert runs[-1].models.table.tokens == 2 * len(demo_pair()[0].encode(TEXT))
    os.utime(path, ns=(1, 1))
    assert "table" in started_by(runner, table_job(path))[1]
    other = Job("the cat", table_job(path).config, ModelSpec("another"), corpus=path)
    assert "table" in started_by(runner, other)[1], "another target has other tokens"


def test_plain_decoding_needs_no_table(runner, tmp_path):
    runs, parts = started_by(runner, table_job(tmp_path / "none.txt", gamma=0))
    assert len(runs) == 1
    assert "table" not in parts


def test_a_missing_or_empty_text_is_refused_before_a_model_is_loaded(tmp_path, monkeypatch):
    def load(spec, role, progress=None):
        raise AssertionError("a model was loaded")

    runner = JobRunner(load)
    (tmp_path / "empty.txt").write_text("")
    monkeypatch.setattr(corpus, "BUNDLED", tmp_path / "bundled.txt")
    for path, says in [
        (tmp_path / "none.txt", "no text none.txt"),
        (tmp_path / "empty.txt", "is empty"),
        (None, "bundled text"),
    ]:
        with pytest.raises(ConfigError, match=says):
            runner.run(table_job(path), lambda event: None)


def test_cancel_while_counting(runner, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text(TEXT * 100)
    events = []

    def loading(part, fraction):
        if part == "table":
            runner.cancel()

    with pytest.raises(Cancelled):
        runner.run(table_job(path), events.append, loading)
    assert not events


@pytest.mark.parametrize(("narrow", "named"), [("target", "toy target"), ("draft", "toy draft")])
def test_a_tree_wider_than_a_model_holds_is_refused(narrow, named):
    models = dict(zip(("target", "draft"), demo_pair(), strict=True))
    models[narrow].max_branches = 3
    runner = JobRunner(lambda spec, role, progress=None: models[role])
    config = Config(gamma=2, branches=(2, 2), max_tokens=4)
    with pytest.raises(ConfigError, match=f"{named} holds 3 at most") as refused:
        runner.run(Job("the cat", config, TOY, TOY, baseline="none"), lambda event: None)
    assert "γ = 1" in refused.value.hint
    models[narrow].max_branches = 1
    with pytest.raises(ConfigError, match=f"{named} cannot hold the branches") as refused:
        runner.run(Job("the cat", config, TOY, TOY, baseline="none"), lambda event: None)
    assert refused.value.hint == "Choose no branches."
