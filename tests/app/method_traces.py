"""Synthetic traces of the methods: trees, rules with other numbers, length policies, copies.

Like `traces`, but written round by round: what a round proposes and what becomes of it is given.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice

from msgspec.structs import replace

from engine.config import Config
from engine.events import (
    AnyEvent,
    Drafted,
    Judged,
    LengthChosen,
    LengthReason,
    RunFinished,
    RunStarted,
    Top,
    Verified,
)
from engine.tally import Tally
from engine.trace import Trace
from engine.tree import children, depths
from tests.app.traces import PROMPT, TEXT, WRONG, make_events

PROMPT_COPY = tuple(PROMPT[5:10])
"""What the copying traces find again: " checks whether a string is", prompt tokens 6 to 10."""


class Script:
    """Writes a run into a trace, event by event, against a finished baseline."""

    def __init__(self, config: Config, *, seed: int = 0, baseline: bool = True) -> None:
        self.config = config
        self.rng = random.Random(seed)
        self.trace = Trace()
        self.position = 0  # in TEXT
        self.round = 0
        self._ids: dict[str, int] = {}
        self._tally = Tally()
        self._now = 0
        named = None
        if baseline:
            for event in make_events(rounds=200, role="baseline", seed=seed):
                self.trace.apply(event)
                self._now = event.t_ns
            named = self.trace.runs[0].started.run_id
        # RunStarted and Prefilled of an ordinary run, with another configuration.
        drafter = config.drafter if config.drafter != "chain" else "model"
        began = make_events(rounds=0, drafter=drafter, baseline=named, start_ns=self._now)
        for event in islice(began, 2):
            lossless = config.rule not in ("typical", "lenient")
            first = isinstance(event, RunStarted)
            self._apply(replace(event, config=config, lossless=lossless) if first else event)

    def _apply(self, event: AnyEvent) -> None:
        self.trace.apply(event)
        self._tally.apply(event)

    def _seq(self) -> int:
        assert self.trace.run is not None
        return self.trace.run.n_events

    def id(self, text: str) -> int:
        return self._ids.setdefault(text, 20_000 + len(self._ids))

    def right(self, depth: int) -> str:
        """The text's own token at a depth (1, 2 …) of the next proposal."""
        return TEXT[(self.position + depth - 1) % len(TEXT)]

    def propose(
        self,
        texts: Sequence[str],
        parents: Sequence[int] | None = None,
        *,
        source: tuple[int, int] | None = None,
        match: int = 0,
        origin: str = "",
        one_hot: bool = False,
    ) -> None:
        """Draft tokens; parents None: a chain."""
        for i, text in enumerate(texts):
            token = self.id(text)
            q = 1.0 if one_hot else round(self.rng.uniform(0.2, 0.95), 4)
            top = Top((token, self.id(" other")), (q, 0.01))
            ns = 2_400 if one_hot else self.rng.randrange(480_000, 560_000)
            self._now += ns
            self._apply(
                Drafted(
                    seq=self._seq(),
                    t_ns=self._now,
                    round=self.round,
                    index=i,
                    id=token,
                    piece=text,
                    q=q,
                    draft_ns=ns,
                    parent=i - 1 if parents is None else parents[i],
                    u=None if one_hot else round(self.rng.random(), 4),
                    top=None if one_hot else top,
                    source=source,
                    match=match,
                    origin=origin,
                )
            )

    def choose(
        self,
        n: int,
        reason: LengthReason,
        value: float | None = None,
        threshold: float | None = None,
        wasted_ns: int = 0,
    ) -> None:
        """What the length policy chose."""
        policy, limit = self.config.length_policy, self.config.gamma
        seq, now, number = self._seq(), self._now, self.round
        self._apply(
            LengthChosen(seq, now, number, policy, n, limit, reason, value, threshold, wasted_ns)
        )

    def verdict(
        self,
        judged: Sequence[Judged],
        accepted: int | Sequence[int],
        judged_at: Sequence[int] | None = None,
        *,
        added: str | None = None,
        weighed: Sequence[Judged] = (),
    ) -> None:
        """accepted: how many of a chain, or the path in a tree (with judged_at)."""
        assert self.trace.run is not None
        proposed = self.trace.run.rounds[-1].drafted if self._open() else []
        path = None if isinstance(accepted, int) else tuple(accepted)
        n = accepted if isinstance(accepted, int) else len(accepted)
        tip = -1 if not n else (path[-1] if path else n - 1)
        bonus = not any(d.parent == tip for d in proposed)
        text = added or self.right(n + 1)
        token, now = self.id(text), self._now + 9_700_000
        self._now = now
        candidates = Top((token, self.id(" other")), (0.6214, 0.2))
        residual = Top((token, self.id(" other")), (0.8946, 0.0562))
        self._apply(
            Verified(
                seq=self._seq(),
                t_ns=now,
                round=self.round,
                n_accepted=n,
                judged=tuple(judged),
                added_id=token,
                added_piece=text,
                added_kind="bonus" if bonus else "resampled",
                added_u=0.118,
                tops=(candidates,) * (n + 1),
                residual_top=None if bonus else residual,
                target_ns=9_200_000 + 60_000 * len(proposed),
                host_ns=520_000,
                path=path,
                judged_at=None if judged_at is None else tuple(judged_at),
                weighed=tuple(weighed),
            )
        )
        self.position += n + 1
        self.round += 1

    def _open(self) -> bool:
        assert self.trace.run is not None
        rounds = self.trace.run.rounds
        return bool(rounds) and rounds[-1].verified is None

    def plain(self, accepted: int = 2, n: int = 3) -> None:
        """An ordinary round of a chain."""
        texts = [self.right(i + 1) for i in range(accepted)]
        texts += [self.rng.choice(WRONG) for _ in range(n - accepted)]
        self.propose(texts)
        self.verdict(coins(self, accepted, n), accepted)

    def finish(self) -> Trace:
        self._apply(RunFinished(self._seq(), self._now, "length", self._tally.totals()))
        return self.trace


def coins(script: Script, accepted: int, n: int) -> list[Judged]:
    """Coin tosses of a chain: the accepted tokens and the first rejected one."""
    rng, found = script.rng, list[Judged]()
    for i in range(min(accepted + 1, n)):
        q = round(rng.uniform(0.3, 0.9), 4)
        ratio = 1.0 if i < accepted else round(rng.uniform(0.1, 0.6), 4)
        u = rng.uniform(0, ratio) if i < accepted else rng.uniform(ratio, 1)
        found.append(Judged(round(q * ratio, 4), q, round(u, 4), ratio, 0.8123))
    return found


def tree_parents(branches: Sequence[int], depth: int) -> list[int]:
    """Parents of the regular tree, level by level as the drafters make it."""
    parents: list[int] = []
    level = [-1]
    for d in range(depth):
        count = branches[d] if d < len(branches) else 1
        first = len(parents)
        parents += [parent for parent in level for _ in range(count)]
        level = list(range(first, len(parents)))
    return parents


def tree_round(script: Script, picks: Sequence[int]) -> None:
    """One round of the script's tree. picks: which sibling passes at depth 1, 2 …; those before it
    are rejected. Fewer picks than depths: at the next depth all are rejected."""
    parents = tree_parents(script.config.branches, script.config.gamma)
    below, follow = depths(parents), children(len(parents), parents)
    path: list[int] = []
    judged_at: list[int] = []
    judged: list[Judged] = []
    here = follow[0]
    for d in range(script.config.gamma):
        pick = picks[d] if d < len(picks) else len(here)
        for place, index in enumerate(here[: pick + 1]):
            passed = place == pick
            q = round(script.rng.uniform(0.3, 0.9), 4)
            ratio = 1.0 if passed else round(script.rng.uniform(0.1, 0.6), 4)
            u = ratio * 0.7 if passed else min(ratio + 0.3, 0.99)
            judged.append(Judged(round(q * ratio, 4), q, round(u, 4), ratio, 0.7342))
            judged_at.append(index)
        if pick >= len(here):
            break
        path.append(here[pick])
        here = follow[path[-1] + 1]
    used: dict[int, set[str]] = {}
    texts: list[str] = []
    for i, parent in enumerate(parents):
        siblings = used.setdefault(parent, {script.right(below[i])})
        free = [w for w in WRONG if w not in siblings]
        text = script.right(below[i]) if i in path else script.rng.choice(free)
        siblings.add(text)
        texts.append(text)
    script.propose(texts, parents)
    script.verdict(judged, path, judged_at)


def tree_trace(
    branches: tuple[int, ...],
    depth: int,
    *,
    picks: Sequence[Sequence[int]] = ((0, 1, 0, 0), (1, 0, 0, 0), (1, 1), (0, 0, 0, 0)),
    open_drafted: int = 0,
    seed: int = 0,
    rule: str = "rejection",
) -> Trace:
    """Rounds of one regular tree. open_drafted: tokens of a last round without a verdict."""
    config = Config(gamma=depth, branches=branches, temperature=0.8, top_p=0.95, rule=rule)
    script = Script(config, seed=seed)
    for choice in picks:
        # Where there is one sibling only, it is the one that passes.
        wide = [branches[d] if d < len(branches) else 1 for d in range(depth)]
        tree_round(script, [min(p, w - 1) for p, w in zip(choice, wide, strict=False)])
    if not open_drafted:
        return script.finish()
    parents = tree_parents(branches, depth)[:open_drafted]
    texts = [script.rng.choice(WRONG) for _ in parents]
    script.propose(texts, parents)
    return script.trace


def block_trace() -> Trace:
    """Block verification. Round 1 carries a token that would fail alone; of round 2 two tokens are
    discarded after they were weighed."""
    script = Script(Config(gamma=4, temperature=0.8, rule="block"))
    script.plain(2, 3)
    script.propose([script.right(i + 1) for i in range(4)])
    carried = [
        Judged(0.62, 0.55, 0.31, 1.0, 0.81),
        Judged(0.21, 0.6, 0.77, 0.4312, 0.64, weight=1.0),
        Judged(0.8, 0.4, 0.12, 0.7, 0.5123, weight=0.35),
        Judged(0.7, 0.5, 0.22, 0.98, 0.61, weight=0.7),
    ]
    script.verdict(carried, 4)
    script.propose([script.right(1), *WRONG[:3]])
    first = [Judged(0.62, 0.55, 0.31, 1.0, 0.81), Judged(0.1, 0.6, 0.77, 0.2, 0.64)]
    rest = [
        Judged(0.3, 0.4, 0.62, 0.1567, 0.2514, weight=0.1667),
        Judged(0.2, 0.5, 0.44, 0.05, 0.1, weight=0.125),
    ]
    script.verdict(first, 1, weighed=rest)
    return script.finish()


def typical_trace() -> Trace:
    """Typical acceptance: a threshold, no coin."""
    script = Script(Config(gamma=4, temperature=0.8, rule="typical"))
    script.plain(2, 3)
    script.propose([script.right(1), script.right(2), *WRONG[:2]])
    judged = [
        Judged(0.12, 0.55, None, 1.0, 0.12, threshold=0.05),
        Judged(0.64, 0.7, None, 1.0, 0.64, threshold=0.09),
        Judged(0.03, 0.6, None, 0.0, 0.03, threshold=0.071),
    ]
    script.verdict(judged, 2)
    return script.finish()


def lenient_trace(temperature: float = 0.0) -> Trace:
    """The lenient rule: at T = 0 a threshold on p / max p, above it a coin with a bias."""
    script = Script(Config(gamma=3, temperature=temperature, rule="lenient", lenience=0.7))
    script.propose([script.right(1), script.right(2), WRONG[0]])
    if temperature:
        judged = [
            Judged(0.3, 0.4, 0.88, 1.0, 0.8),
            Judged(0.2, 0.8, 0.3, 0.3571, 0.7),
            Judged(0.1, 0.8, 0.9, 0.1786, 0.6),
        ]
    else:
        judged = [
            Judged(1.0, 1.0, None, 1.0, 1.0, threshold=0.7),
            Judged(0.8, 1.0, None, 1.0, 0.8, threshold=0.7),
            Judged(0.41, 1.0, None, 0.0, 0.41, threshold=0.7),
        ]
    script.verdict(judged, 2)
    return script.finish()


def policy_trace(
    policy: str = "confidence",
    n: int = 3,
    reason: LengthReason = "policy",
    value: float | None = 0.31,
    threshold: float | None = 0.4,
    *,
    drafter: str = "model",
    match: int = 0,
    open_round: bool = False,
) -> Trace:
    """A last round whose length a policy chose: n of at most 7 tokens."""
    script = Script(Config(gamma=7, temperature=0.8, length_policy=policy, drafter=drafter))
    script.propose([script.right(i + 1) for i in range(7)])
    script.choose(7, "limit")
    script.verdict(coins(script, 7, 7), 7)
    script.propose([script.right(i + 1) for i in range(n)], match=match)
    script.choose(n, reason, value, threshold, 510_000 if reason == "policy" else 0)
    if open_round:
        return script.trace
    script.verdict(coins(script, n, n), n)
    return script.finish()


def copy_trace(drafter: str = "suffix") -> Trace:
    """Copies, and where it is a chain of drafters, who made each proposal.

    Rounds 2 and 3 copy from the prompt, round 4 from the output, round 5 is the model's in a chain.
    """
    chain = drafter == "chain"
    script = Script(Config(gamma=5, temperature=0.8, drafter=drafter))
    origin = "ngram" if chain else ""
    for _ in range(2):
        script.plain(2, 3)
    for match in (5, 1):
        script.propose(PROMPT_COPY, source=(5, 10), match=match, origin=origin, one_hot=True)
        script.verdict(coins(script, 3, 5), 3)
    assert script.trace.run is not None
    start = len(PROMPT) + 2
    copied = script.trace.run.text_parts[2:6]
    script.propose(copied, source=(start, start + 4), match=2, origin=origin, one_hot=True)
    script.verdict(coins(script, 2, 4), 2)
    if chain:
        script.propose([script.right(i + 1) for i in range(5)], origin="model")
        script.verdict(coins(script, 5, 5), 5)
    return script.finish()
