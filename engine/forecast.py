"""What a drafter that copies from the context would have done on the very text of a finished run.

The drafter itself is replayed over the prompt and the emitted tokens. Its proposals are one-hot, so
at T = 0 a proposed token is accepted exactly if it equals the emitted one. At T > 0 it is accepted
with probability p(x), and the emitted token, drawn from p, equals x with that same probability: the
comparison is an unbiased draw of the verdict, on the same path, though of one text only. (Both for
rules that leave the target's law alone; a lenient one would accept more.)

Tokens per pass and acceptance so come from real proposals; the time is the cost model's, with the
run's measured passes, and the drafting timed in the replay.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from engine.cost import Costs
from engine.drafting.length import FixedLength
from engine.drafting.registry import make_drafter
from engine.metrics import Ints
from engine.trace import Run

COPYING = ("ngram", "suffix")
"""The drafters that need nothing but the text."""

GAMMAS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)

LONGEST = 4096
"""Emitted tokens that are replayed at most: the beginning of a text tells enough."""

ALIKE = 0.99
"""Forecasts this near to each other count as equal: a replay times its drafting with a clock."""

NO_DRAWS = np.empty(0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a drafter would have reached on a run's text; speedup is modelled, the others counted.

    acceptance: accepted / (accepted + rejected), None where nothing was judged.
    """

    drafter: str
    gamma: int
    speedup: float
    tokens_per_pass: float
    acceptance: float | None


@dataclass(frozen=True, slots=True)
class Replay:
    """A replayed text: rounds, the tokens they emitted, and the time that drafting took.

    widths: entry k is the number of passes over k tokens.
    """

    tokens: int
    rounds: int
    accepted: int
    judged: int
    widths: Ints
    draft_s: float


def forecast(
    run: Run,
    costs: Costs,
    drafters: Iterable[str] = COPYING,
    gammas: Iterable[int] = GAMMAS,
) -> tuple[Forecast, ...]:
    """A forecast for each drafter and γ whose passes are within the widths that `costs` knows.

    Takes some 3 ms for 1,000 tokens, prompt included, of each: once a finished run, never in a
    frame.
    """
    return tuple(each_forecast(run, costs, drafters, gammas))


def each_forecast(
    run: Run,
    costs: Costs,
    drafters: Iterable[str] = COPYING,
    gammas: Iterable[int] = GAMMAS,
) -> Iterator[Forecast]:
    """The same, one at a time, so that a window can do other things between them."""
    widest = costs.verify[-1][0] if costs.verify else 0
    within = [gamma for gamma in gammas if 0 < gamma < widest]
    for drafter in drafters:
        for gamma in within:
            found = _priced(drafter, gamma, replay(run, drafter, gamma), costs)
            if found is not None:
                yield found


def best(forecasts: Iterable[Forecast], but: str = "") -> Forecast | None:
    """The fastest, or the first one that is not measurably slower; `but`: a drafter left out."""
    others = [f for f in forecasts if f.drafter != but]
    fastest = max((f.speedup for f in others), default=0.0)
    return next((f for f in others if f.speedup >= ALIKE * fastest), None)


def replay(run: Run, drafter: str, gamma: int, longest: int = LONGEST) -> Replay:
    """Draft the text of `run` again with γ tokens a round: accepted prefix and one more token.

    γ shrinks before the run's length as it does in the loop. A last round whose verdict the text
    does not hold (the run was stopped, or the text is cut at `longest`) is left out.
    """
    config = msgspec.structs.replace(
        run.started.config, drafter=drafter, gamma=gamma, length_policy="fixed", branches=()
    )
    emitted = list(run.token_ids[:longest])
    reason = run.finished.reason if run.finished is not None else None
    whole = len(emitted) == len(run.token_ids)
    ends = reason == "stop" and whole
    limit = len(emitted) if reason == "length" and whole else config.max_tokens
    context = list(run.started.prompt_ids)
    proposer, length = make_drafter(config, None, 0), FixedLength(config)
    for _ in proposer.begin(context):
        pass
    at = rounds = tokens = accepted = judged = spent = 0
    widths = np.zeros(gamma + 2, np.int64)
    while at < len(emitted):
        room, ids = min(gamma, limit - at - 1), list[int]()
        if room > 0:
            began = time.perf_counter_ns()
            ids = proposer.propose(context, room, NO_DRAWS, length).ids
            spent += time.perf_counter_ns() - began
        n = 0
        while n < len(ids) and at + n < len(emitted) and ids[n] == emitted[at + n]:
            n += 1
        added = at + n < len(emitted)
        if not added and not ends:
            break
        context += emitted[at : at + n + 1]
        at, tokens, rounds = at + n + added, tokens + n + added, rounds + 1
        accepted += n
        judged += n + (added and n < len(ids))
        widths[len(ids) + 1] += 1
    proposer.end()
    return Replay(tokens, rounds, accepted, judged, widths, spent / 1e9)


def _priced(drafter: str, gamma: int, text: Replay, costs: Costs) -> Forecast | None:
    """Tokens·t_plain / Σ over rounds of (T_v + t_host), and the drafting."""
    plain, host = costs.plain, costs.host
    if not text.rounds or not plain or host is None:
        return None
    seconds = text.draft_s + text.rounds * host
    for width in np.flatnonzero(text.widths):
        wide = costs.verify_at(int(width))
        if wide is None:
            return None
        seconds += int(text.widths[width]) * wide
    return Forecast(
        drafter=drafter,
        gamma=gamma,
        speedup=text.tokens * plain / seconds,
        tokens_per_pass=text.tokens / text.rounds,
        acceptance=text.accepted / text.judged if text.judged else None,
    )
