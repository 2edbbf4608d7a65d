"""Rounds decoded afresh under given draws, and what they must have in common with an outcome."""

from __future__ import annotations

from contextlib import closing

import msgspec
import numpy as np

from engine.config import Config
from engine.drafting.registry import make_drafter
from engine.draws import Draws, remaining_at, round_draws
from engine.events import Drafted, Verified
from engine.loop import decode
from engine.rules import rule_named
from engine.trace import Round, Run, TokenState
from engine.tree import size_of
from engine.whatif.outcome import Change, Outcome, outcome_of
from tests.engine.toys import flat_costs, started


class Given:
    """A generator that hands out one row of draws."""

    def __init__(self, row: np.ndarray) -> None:
        self._row = row

    def random(self, size: int) -> np.ndarray:
        return self._row[:size].copy()


def one_round(config, models, context, row, table=None) -> Round:
    """The first round after a context, with these draws in the order of the loop."""
    target, draft = models
    drafter = None
    if config.gamma:
        drafter = make_drafter(config, draft, target.vocabulary.size, table, flat_costs())
    current = Round(0)
    rule = rule_named(config.rule, config.temperature)
    events = decode(target, drafter, rule, config, Given(row), started(config, context, target))
    with closing(events):
        for event in events:
            if isinstance(event, Drafted):
                current.drafted.append(event)
            elif isinstance(event, Verified):
                current.verified = event
                return current
    raise AssertionError("no verdict")


def fresh_round(run: Run, number: int, change: Change, models, table=None) -> Round:
    """What the round would be under `change`, decoded from its context with draws by role: once to
    learn how many tokens are proposed, once more with the added token's draw behind them."""
    config = change.config(run.started.config)
    config = msgspec.structs.replace(config, max_tokens=remaining_at(run, number))
    draws = round_draws(run, number)
    assert draws is not None
    size = size_of(config.branches, min(config.gamma, config.max_tokens - 1))
    draws = draws.reaching(size, config.seed, number).changed(change.coins, change.added_u)
    before = sum(r.n_emitted for r in run.rounds[:number])
    context = [*run.started.prompt_ids, *run.token_ids[:before]]
    n = len(one_round(config, models, context, in_order(draws, size, size), table).drafted)
    return one_round(config, models, context, in_order(draws, size, n), table)


def in_order(draws: Draws, size: int, n: int) -> np.ndarray:
    row = [*draws.draft[:size], *draws.judge[:n], draws.added]
    return np.array(row + [0.123] * (2 * size + 1 - len(row)))


def disagreement(outcome: Outcome, fresh: Round, label=str) -> str:
    """What an outcome claims that the fresh round denies; "" if nothing."""
    was = outcome_of(fresh, label)
    if outcome.exact:
        if outcome.emitted != was.emitted:
            return f"emits {outcome.emitted}, really {was.emitted}"
        if outcome.added is None or was.added is None or outcome.added.kind != was.added.kind:
            return f"adds {outcome.added}, really {was.added}"
    for i, (ours, theirs) in enumerate(zip(outcome.tokens, was.tokens, strict=False)):
        if ours.id is not None and ours.id != theirs.id:
            return f"token {i} is {ours.id}, really {theirs.id}"
        if ours.state is None:
            break
        if ours.state is not theirs.state:
            return f"token {i} is {ours.state!r}, really {theirs.state!r}"
        if ours.state is TokenState.DISCARDED or theirs.p is None:
            continue
        for name in ("p", "q", "u", "accept_probability"):
            a, b = getattr(ours, name), getattr(theirs, name)
            if a is not None and b is not None and abs(a - b) > 5e-5:
                return f"{name} of token {i} is {a}, really {b}"
    return ""


def changes(config: Config, rng: np.random.Generator):
    """Changes of every kind that suit a run."""
    u = float(rng.random())
    yield Change(u=((int(rng.integers(0, 4)), u),))
    yield Change(added_u=u)
    for gamma in {0, 1, config.gamma - 1, config.gamma + 2}:
        yield Change(gamma=max(gamma, 0))
    for temperature in (0.0, 0.3, 0.79, 0.9, 1.6):
        yield Change(temperature=temperature)
    for top_k in (0, 2, 5, 10, 25):
        yield Change(top_k=top_k)
    for top_p in (0.3, 0.8, 0.95, 1.0):
        yield Change(top_p=top_p)
    for rule in ("rejection", "sample-match", "typical", "lenient", "block"):
        yield Change(rule=rule)
    yield Change(rule="lenient", lenience=0.3)
    yield Change(rule="typical", epsilon=0.3, delta=0.6)
    yield Change(rule="greedy", temperature=0.0)
    yield Change(rule="lenient", temperature=0.0)
    yield Change(temperature=0.5, top_k=8, gamma=2)
    yield Change(temperature=0.6, top_p=0.9, rule="block")
    yield Change(temperature=1.1, u=((0, u),), rule="typical")
