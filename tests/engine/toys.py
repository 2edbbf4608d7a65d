"""Toy pairs with chosen laws, and decoding them without a thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from engine.backends.base import LanguageModel
from engine.backends.toy import ToyClock, ToyModel, ToyVocabulary, toy_laws
from engine.config import Config
from engine.drafting.registry import make_drafter
from engine.events import SCHEMA, AnyEvent, Calibration, Host, ModelInfo, Models, RunStarted
from engine.loop import decode
from engine.rules import rule_named

HOST = Host("Linux", "test processor", 2, 8 << 30, (), "3.11", "test")


def ticking_clock(step: int = 1000) -> ToyClock:
    """A clock that moves only when it is read (by `step` ns) or when a toy pass costs time."""
    ticks = itertools.count(step, step)
    return ToyClock(lambda: next(ticks))


def letters(n: int, *, end: bool = False) -> ToyVocabulary:
    """A vocabulary of n words; with `end`, word 0 ends the text."""
    return ToyVocabulary([f"w{i}" if i or not end else "<end>" for i in range(n)])


def pair(
    size: int = 3, seed: int = 0, *, end: bool = False, sharpness: float = 1.0, **options
) -> tuple[ToyModel, ToyModel]:
    """A target and a draft with random first-order laws over `size` tokens."""
    rng = np.random.default_rng(seed)
    clock = options.pop("clock", None) or ticking_clock()
    words = letters(size, end=end)
    laws = sharpness * rng.normal(size=(2, size, size))
    return (
        ToyModel(laws[0], words, "toy target", clock=clock, **options),
        ToyModel(laws[1], words, "toy draft", clock=clock, **options),
    )


def demo_pair(**options) -> tuple[ToyModel, ToyModel]:
    """The pair that ships, on a clock that only toy passes and readings move."""
    clock = ticking_clock()
    target, draft = toy_laws()
    words = ToyVocabulary()
    return (
        ToyModel(target, words, clock=clock, step_ns=10_000_000, **options),
        ToyModel(draft, words, "toy draft", clock=clock, step_ns=1_000_000, **options),
    )


def started(config: Config, prompt_ids: Sequence[int], target: LanguageModel) -> RunStarted:
    return RunStarted(
        seq=0,
        t_ns=0,
        run_id="test",
        schema=SCHEMA,
        role="speculative" if config.gamma else "baseline",
        started_at="2026-01-01T00:00:00+00:00",
        config=config,
        prompt="",
        prompt_ids=tuple(prompt_ids),
        prompt_pieces=tuple(f"w{i}" for i in prompt_ids),
        lossless=True,
        host=HOST,
        models=Models(target.info),
    )


def run_events(
    config: Config,
    target: LanguageModel,
    draft: LanguageModel | None = None,
    prompt_ids: Sequence[int] = (1, 2),
    *,
    rng: np.random.Generator | None = None,
    idle: Callable[[], int] = lambda: 0,
    drafter=None,
) -> list[AnyEvent]:
    """The events of a whole run (RunFinished, which the driver adds, is not among them)."""
    if drafter is None and config.gamma:
        drafter = make_drafter(config, draft, target.vocabulary.size)
    rng = rng or np.random.default_rng(config.seed)
    rule = rule_named(config.rule, config.temperature)
    begun = started(config, prompt_ids, target)
    return list(decode(target, drafter, rule, config, rng, begun, idle))


def emitted(events: Sequence[AnyEvent]) -> list[int]:
    """Token ids that the events say were emitted, recomputed without the trace."""
    ids: list[int] = []
    drafted: list[int] = []
    for event in events:
        match type(event).__name__:
            case "Drafted":
                drafted.append(event.id)
            case "Verified":
                ids += drafted[: event.n_accepted]
                if event.added_id is not None:
                    ids.append(event.added_id)
                drafted = []
    return ids


def flat_costs(*, step: float = 0.1, draft: float | None = 0.1) -> Calibration:
    """Costs of a machine on which a further token of a pass costs `step` single passes, and one of
    the draft `draft`."""
    widths = tuple(range(1, 18))
    passes = tuple(1e6 * (1 + step * (k - 1)) for k in widths)
    drafts = None if draft is None else draft * 1e6
    info = ModelInfo("toy", "toy", "CPU", simulated=True)
    return Calibration(
        target=info, draft=None if draft is None else info,
        host=Host("", "", 1, 0, (), "", ""), depth=1, rounds=1, widths=widths,
        verify_ns=passes, verify_low_ns=passes, verify_high_ns=passes,
        draft_ns=drafts, draft_low_ns=drafts, draft_high_ns=drafts, measured_at="",
    )  # fmt: skip
