"""What a recording alone tells of a round under other settings: all of it true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from engine.config import Config
from engine.drafting.registry import make_drafter
from engine.drafting.table import NgramTable
from engine.errors import ConfigError
from engine.rules import RULES
from engine.trace import Trace
from engine.whatif.outcome import Change, outcome_of
from engine.whatif.recorded import recorded_outcome
from engine.whatif.row_bounds import RowBounds, Span
from tests.engine.test_every_method import PROMPT, TEXT, combinations
from tests.engine.toys import demo_pair, flat_costs, pair, run_events
from tests.engine.whatif.rounds import changes, disagreement, fresh_round

CONFIGS = {
    "chain": Config(gamma=4, temperature=0.8),
    "hot": Config(gamma=3, temperature=1.4, top=6),
    "top-k": Config(gamma=4, temperature=0.8, top_k=12),
    "few": Config(gamma=4, temperature=1.0, top_k=5),
    "top-p": Config(gamma=4, temperature=0.9, top_p=0.85),
    "both filters": Config(gamma=4, temperature=1.0, top_k=20, top_p=0.9),
    "sample-match": Config(gamma=4, temperature=0.8, rule="sample-match"),
    "typical": Config(gamma=4, temperature=0.9, rule="typical"),
    "lenient": Config(gamma=4, temperature=0.9, rule="lenient", lenience=0.5),
    "block": Config(gamma=4, temperature=0.9, rule="block"),
    "greedy": Config(gamma=4),
    "lenient greedy": Config(gamma=4, rule="lenient"),
    "ngram": Config(gamma=6, temperature=0.6, drafter="ngram"),
    "suffix": Config(gamma=6, temperature=0.4, drafter="suffix"),
    "chain of drafters": Config(gamma=5, temperature=0.5, drafter="chain"),
    "table": Config(gamma=4, temperature=0.9, drafter="ngram-table"),
    "confidence": Config(gamma=5, temperature=0.8, length_policy="confidence"),
    "entropy": Config(gamma=5, temperature=0.8, length_policy="entropy"),
    "tree": Config(gamma=3, temperature=0.9, branches=(2, 2)),
    "greedy tree": Config(gamma=3, branches=(3,)),
    "tree by typical": Config(gamma=2, temperature=0.9, branches=(3, 2), rule="typical"),
}


def recorded(config: Config, models=None):
    target, draft = models or demo_pair()
    table = NgramTable.build(target.encode(TEXT), vocabulary_size=target.vocabulary.size)
    drafter = make_drafter(config, draft, target.vocabulary.size, table, flat_costs())
    prompt = target.encode(PROMPT)
    return Trace(run_events(config, target, draft, prompt, drafter=drafter)).run, table


def findings(name: str, tokens: int = 60) -> tuple[Counter[str], list[str]]:
    """How many outcomes are exact, and all that the models deny."""
    config = msgspec.structs.replace(CONFIGS[name], max_tokens=tokens, seed=len(name))
    models = demo_pair()
    run, table = recorded(config, models)
    counts: Counter[str] = Counter()
    denied: list[str] = []
    rng = np.random.default_rng(1)
    for current in run.rounds:
        for change in changes(config, rng):
            try:
                outcome = recorded_outcome(run, current.index, change)
            except ConfigError:
                continue  # no run can have these settings
            counts["exact" if outcome.exact else "open"] += 1
            assert bool(outcome.reason) is not outcome.exact
            fresh = fresh_round(run, current.index, change, models, table)
            wrong = disagreement(outcome, fresh, run.label)
            if wrong:
                denied.append(f"round {current.index}, {change}: {wrong}")
    return counts, denied


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_said_to_be_exact_is_what_the_models_do(name):
    counts, denied = findings(name)
    assert not denied, (len(denied), denied[:3])
    assert counts["exact"] > 0.25 * counts.total(), counts


@pytest.mark.parametrize("name", ["hot", "chain", "top-p"])
def test_bounds_that_ignore_the_unlisted_entries_are_found_out(name, monkeypatch):
    """Negative control: the same check, with rows that consist of their listed candidates."""
    honest = RowBounds.recorded.__func__

    def careless(cls, *args):
        return replace(honest(cls, *args), rest=Span(0.0, 0.0), others=0)

    monkeypatch.setattr(RowBounds, "recorded", classmethod(careless))
    _, denied = findings(name)
    assert denied


@pytest.mark.parametrize("rule", RULES)
def test_unchanged_settings_give_the_recorded_verdict(rule):
    rounds = 0
    for config in combinations():
        if config.rule != rule:
            continue
        run, _ = recorded(config)
        for current in run.rounds:
            ours, was = (
                recorded_outcome(run, current.index, Change()),
                outcome_of(current, run.label),
            )
            assert ours.exact
            assert ours.added == was.added
            assert [(t.id, t.state) for t in ours.tokens] == [(t.id, t.state) for t in was.tokens]
            for a, b in zip(ours.tokens, was.tokens, strict=True):
                if b.accept_probability is not None and a.u is not None:
                    assert (a.p, a.q, a.u) == (b.p, b.q, b.u)
            assert ours.differs_at(current) is None
            rounds += 1
    assert rounds > 20


@pytest.mark.parametrize("rule", ["rejection", "block"])
def test_an_end_of_text_is_reproduced(rule):
    ends = 0
    for seed in range(30):
        config = Config(gamma=4, temperature=1.0, max_tokens=400, seed=seed, rule=rule)
        target, draft = pair(4, seed=1, end=True)
        run = Trace(run_events(config, target, draft, [1, 2])).run
        for current in run.rounds:
            ours, was = (
                recorded_outcome(run, current.index, Change()),
                outcome_of(current, run.label),
            )
            assert (ours.exact, ours.emitted, ours.added) == (True, was.emitted, was.added)
            ends += was.added.kind == "end"
    assert ends > 3


def test_a_verdict_that_does_not_follow_from_its_numbers_is_not_repeated():
    """Negative control: the outcome is recomputed, not copied."""
    run, _ = recorded(msgspec.structs.replace(CONFIGS["chain"], max_tokens=40))
    current = next(r for r in run.rounds if r.verified.added_kind == "resampled")
    verdict = current.verified
    judged = list(verdict.judged)
    judged[-1] = msgspec.structs.replace(judged[-1], p=judged[-1].q)  # accepted for certain
    current.verified = msgspec.structs.replace(verdict, judged=tuple(judged))
    ours = recorded_outcome(run, current.index, Change())
    assert [t.state for t in ours.tokens] != [t.state for t in outcome_of(current, str).tokens]


def test_another_coin_that_decides_the_same_changes_nothing():
    run, _ = recorded(msgspec.structs.replace(CONFIGS["chain"], max_tokens=60))
    same = other = 0
    for current in run.rounds:
        verdict = current.verified
        for i, judged in enumerate(verdict.judged):
            low, high = judged.accept_probability / 2, (1 + judged.accept_probability) / 2
            kept, flipped = (low, high) if i < verdict.n_accepted else (high, low)
            ours = recorded_outcome(run, current.index, Change(u=((i, kept),)))
            assert ours.exact
            assert ours.differs_at(current) is None
            same += 1
            if judged.accept_probability < 1:
                ours = recorded_outcome(run, current.index, Change(u=((i, flipped),)))
                assert ours.tokens[i].state is not current.state_of(i)
                assert ours.tokens[i].u == flipped
                other += 1
    assert same > 40
    assert other > 10


def test_settings_that_no_run_can_have_are_refused():
    run, _ = recorded(msgspec.structs.replace(CONFIGS["chain"], max_tokens=10))
    with pytest.raises(ConfigError):
        recorded_outcome(run, 0, Change(rule="greedy"))
    with pytest.raises(ConfigError):
        recorded_outcome(run, 0, Change(temperature=9.0))
