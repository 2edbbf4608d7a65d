"""What the status bar and the setup panel say."""

from __future__ import annotations

import msgspec

from app.commands import State
from app.words import recorded_summary, run_words, said
from engine.config import Config
from engine.events import Models, RunStarted, TableInfo
from engine.synthetic import REMARK
from tests.app.traces import make_events


def started(config: Config, *, lossless: bool = True, table: TableInfo | None = None) -> RunStarted:
    event = next(iter(make_events(rounds=1)))
    assert isinstance(event, RunStarted)
    models = msgspec.structs.replace(event.models, table=table)
    return msgspec.structs.replace(event, config=config, lossless=lossless, models=models)


def test_a_recording_tells_how_it_was_drafted_and_judged():
    config = Config(gamma=5, temperature=0.8, seed=4)
    lines = recorded_summary(started(config)).splitlines()
    assert lines[2:] == [
        "γ = 5, drafter model, rule rejection",
        "T 0.8, seed 4, 128 tokens at most",
    ]


def test_a_recording_tells_of_trees_length_policies_and_texts():
    config = Config(gamma=3, drafter="ngram-table", branches=(3, 2), length_policy="entropy")
    table = TableInfo("words.txt", 1000, 4)
    lines = recorded_summary(started(config, table=table)).splitlines()
    assert "Length policy entropy" in lines
    assert "Branches 3·2" in lines
    assert "Text: words.txt" in lines


def test_a_recording_of_a_lossy_rule_is_marked():
    config = Config(rule="typical", temperature=0.7)
    assert "rule typical (not lossless)" in recorded_summary(started(config, lossless=False))
    assert "not lossless" not in recorded_summary(started(config))
    plain = recorded_summary(started(Config(gamma=0, rule="typical"), lossless=False))
    assert "γ = 0: plain decoding" in plain
    assert "lossless" not in plain


def test_made_up_weights_are_told_of():
    event = started(Config())
    synthetic = msgspec.structs.replace(event.models.target, synthetic=True)
    for models in (Models(synthetic), Models(event.models.target, draft=synthetic)):
        made_up = msgspec.structs.replace(event, models=models)
        assert recorded_summary(made_up).endswith(REMARK)
        assert run_words(models) == f"CPU · {REMARK}"
    assert REMARK not in recorded_summary(event)
    assert run_words(event.models) == "CPU"


def test_a_check_is_told_of():
    mood, words = said(State.CHECKING, None, None, True)
    assert mood == "busy"
    assert words == "Checking whether the output is lossless…"
