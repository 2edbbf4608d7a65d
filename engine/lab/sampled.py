"""The sampled check: the first tokens after one prompt, drawn many times with the real loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec
import numpy as np

from engine.backends.base import LanguageModel
from engine.drafting.base import Drafter
from engine.events import AnyEvent, Drafted, RunStarted, Verified
from engine.loop import decode
from engine.rules import Rule

Tokens = tuple[int, ...]


def emitted_by(
    events: Iterable[AnyEvent], between: Callable[[], None] = lambda: None
) -> Iterator[list[int]]:
    """The tokens that each round emits. between: called after each event."""
    drafted: list[int] = []
    for event in events:
        between()
        if isinstance(event, Drafted):
            drafted.append(event.id)
        elif isinstance(event, Verified):
            path = range(event.n_accepted) if event.path is None else event.path
            added = [] if event.added_id is None else [event.added_id]
            yield [drafted[i] for i in path] + added
            drafted = []


def sample(
    target: LanguageModel,
    drafter: Drafter | None,
    rule: Rule,
    started: RunStarted,
    rng: np.random.Generator,
    *,
    samples: int,
    tokens: int,
    between: Callable[[int], None] = lambda done: None,
) -> Counter[Tokens]:
    """How often each sequence of the first `tokens` emitted tokens comes in `samples` runs of
    `decode`, `started` the first event of each. Shorter where a text ends.

    drafter None: plain decoding. between: told after each run how many are done; what it raises
    ends the sampling.
    """
    # Long enough that no round before the last token compared has to shorten its proposal.
    config = msgspec.structs.replace(
        started.config, max_tokens=tokens + started.config.gamma, top=1
    )
    counts: Counter[Tokens] = Counter()
    for done in range(1, samples + 1):
        run = decode(target, drafter, rule, config, rng, started)
        emitted: list[int] = []
        for part in emitted_by(run):
            emitted += part
            if len(emitted) >= tokens:
                break
        run.close()
        counts[tuple(emitted[:tokens])] += 1
        between(done)
    return counts
