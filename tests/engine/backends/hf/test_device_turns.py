"""Rounds that stay on the device decide what rounds on the host decide."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402

from engine.config import Config
from engine.drafting.registry import make_drafter
from engine.events import Drafted, Verified
from tests.engine.backends.hf import tiny_models
from tests.engine.toys import run_events

PROMPT = (5, 17, 5, 17, 40, 5, 17)


def loosened(target, draft):
    """The pair, with a draft of the same weights that agrees in part only."""
    torch.manual_seed(7)
    with torch.inference_mode():
        for parameter in draft.network.model.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return target, draft


@pytest.fixture(scope="module")
def pair():
    made = loosened(tiny_models.model(0), tiny_models.model(0))
    yield made
    for model in made:
        model.close()


def events_of(pair, config, on_device):
    target, draft = pair
    target.computes_turns = on_device
    model = {"model": draft, "early-exit": target.early_exit(3)}.get(config.drafter)
    drafter = make_drafter(config, model, target.vocabulary.size) if config.gamma else None
    return run_events(config, target, model, PROMPT, drafter=drafter)


DRAFTED = ("model", 4), ("model", 1), ("early-exit", 3), ("ngram", 3), ("model", 0)
CASES = [
    Config(drafter=drafter, gamma=gamma, rule=rule, temperature=t, top_k=k, top_p=p, max_tokens=24,
           exit_layer=3)
    for drafter, gamma in DRAFTED
    for rule in ("rejection", "block", "sample-match")
    for t, k, p in ((0.0, 0, 1.0), (0.8, 0, 1.0), (1.0, 20, 0.9))
    if not (rule == "block" and drafter == "ngram" and t)
]  # fmt: skip


def name(config):
    return f"{config.drafter}-{config.gamma}-{config.rule}-{config.temperature}-{config.top_k}"


def compare(here, there):
    """Two runs of one configuration, on the host and on the device."""
    for kind in (Drafted, Verified):
        ours, theirs = ([e for e in run if isinstance(e, kind)] for run in (here, there))
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)


@pytest.mark.parametrize("config", CASES, ids=name)
def test_same_decisions_and_numbers(pair, config):
    here, there = (events_of(pair, config, on) for on in (False, True))
    assert pair[0].pieces
    assert sum(isinstance(e, Drafted) for e in there) > 0 or config.gamma == 0
    compare(here, there)


def same(a, b):
    if isinstance(a, Drafted):
        assert (a.id, a.round, a.index, a.u, a.display) == (b.id, b.round, b.index, b.u, b.display)
        assert a.q == pytest.approx(b.q, rel=1e-4)
        tops = [(a.top, b.top)]
    else:
        assert (a.n_accepted, a.added_id, a.added_kind) == (b.n_accepted, b.added_id, b.added_kind)
        assert a.added_u == b.added_u
        assert a.added_p == pytest.approx(b.added_p, rel=1e-3, abs=1e-6)
        numbers = [
            [(j.p, j.q, j.u or 0, j.accept_probability, j.overlap, j.weight) for j in e.judged]
            for e in (a, b)
        ]
        np.testing.assert_allclose(numbers[1], numbers[0], rtol=1e-3, atol=1e-5)
        assert len(a.weighed) == len(b.weighed)
        tops = [*zip(a.tops, b.tops, strict=True), (a.residual_top, b.residual_top)]
    for x, y in tops:
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_allclose(sorted(y.p)[-3:], sorted(x.p)[-3:], rtol=1e-3, atol=2e-4)
