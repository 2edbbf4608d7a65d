"""Synthetic traces for tests, pictures and benchmarks: plausible events without a model.

The text is fixed, the fates are drawn from a seeded generator, so a trace depends on nothing but
its arguments. Figures are consistent: an accepted token has u below its accept probability, and so
on, but they come from no distribution.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from engine.config import Config
from engine.events import (
    SCHEMA,
    AddedKind,
    AnyEvent,
    Drafted,
    FinishReason,
    Host,
    Judged,
    ModelInfo,
    Models,
    Notice,
    Prefilled,
    Role,
    RunFinished,
    RunStarted,
    Top,
    Verified,
)
from engine.tally import Tally
from engine.trace import Trace

PROMPT = (
    "Write", " a", " Python", " function", " that", " checks", " whether", " a", " string",
    " is", " a", " palindrome", ",", " then", " explain", " it", ".", "\n",
)  # fmt: skip

# fmt: off
TEXT = (
    "Here", " is", " a", " Python", " function", " that", " checks", " whether", " a", " string",
    " is", " a", " palindrome", ":", "\n\n", "```", "python", "\n", "def", " is", "_pal", "indrome",
    "(s", "):", "\n", "   ", ' """', "Return", " True", " if", " s", " reads", " the", " same",
    " backwards", '."""', "\n", "   ", " normalized", " =", ' "".', "join", "(c", " for", " c",
    " in", " s", ".lower", "()", " if", " c", ".isal", "num", "())", "\n", "   ", " if", " not",
    " normalized", ":\n", "       ", " return", " True", "\n", "   ", " return", " normalized",
    " ==", " normalized", "[::-", "1", "]", "\n", "```", "\n\n", "It", " keeps", " letters",
    " and", " digits", ",", " lowers", " their", " case", " and", " compares", " the", " result",
    " with", " its", " mirror", " image", ".", " A", " word", " such", " as", " “", "ana", "”",
    " passes", ";", " so", " does", " 上海", "自来水", "来自", "海上", " ", "", "", "🎉", ".",
    "\n\n",
)
WRONG = (
    " a", " code", " def", " the", "\n", " text", "(text", "):\n", " #", ' "', " if", " str",
    " and", " word", " reversed", ".", " it", "[::", "    ", " result", " while", ",",
    " characters",
)
# fmt: on
BYTES = {"": "<0xF0>"}
"""What the parts of a character that spans tokens are called."""


class _Vocabulary:
    """Gives each text an id, and says which ids have not been seen yet."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.seen: set[int] = set()

    def id(self, text: str) -> int:
        return self.ids.setdefault(text, 1000 + 7 * len(self.ids))

    def new(self, *texts: str) -> tuple[tuple[int, str], ...]:
        pairs = [(self.id(t), BYTES.get(t, t)) for t in texts]
        fresh = tuple((i, t) for i, t in dict(pairs).items() if i not in self.seen)
        self.seen.update(i for i, _ in fresh)
        return fresh


def make_events(
    *,
    rounds: int = 31,
    gamma: int = 5,
    seed: int = 0,
    role: Role = "speculative",
    baseline: str | None = None,
    drafter: str = "model",
    temperature: float = 0.8,
    simulated: bool = False,
    synthetic: bool = False,
    open_drafted: int = 0,
    reason: FinishReason | None = "length",
    acceptance: float = 0.85,
    no_proposal: float = 0.0,
    start_ns: int = 0,
    run_id: str | None = None,
) -> Iterator[AnyEvent]:
    """The events of one run.

    open_drafted: tokens drafted in a round without a verdict at the end. reason None: not finished.
    no_proposal: share of rounds in which the drafter proposes nothing.
    """
    rng = random.Random(seed)
    words = _Vocabulary()
    gamma = 0 if role == "baseline" else gamma
    config = Config(gamma=gamma, temperature=temperature, seed=seed, drafter=drafter, top_p=0.95)
    backend = "toy" if simulated else "gguf"
    target = ModelInfo(
        "Toy target" if simulated else "Qwen2.5-Coder 1.5B", backend, device="CPU",
        quantisation="Q4_K_M", parameters=1_540_000_000, size_bytes=1_117_320_736,
        simulated=simulated, synthetic=synthetic,
    )  # fmt: skip
    draft = ModelInfo(
        "Toy draft" if simulated else "Qwen2.5-Coder 0.5B", backend, device="CPU",
        quantisation="Q4_K_M", parameters=494_000_000, size_bytes=491_400_032, simulated=simulated,
    )  # fmt: skip
    prompt_ids = tuple(words.id(t) for t in PROMPT)
    copies = drafter != "model"
    now, seq, tally = start_ns, 0, Tally()

    def step(ns: int) -> int:
        """Let time pass; the number of the event that comes now."""
        nonlocal now, seq
        now += ns
        seq += 1
        return seq - 1

    def counted(event: AnyEvent) -> AnyEvent:
        tally.apply(event)
        return event

    yield counted(
        RunStarted(
            seq=step(0),
            t_ns=now,
            run_id=run_id or f"{role}-{seed}",
            schema=SCHEMA,
            role=role,
            started_at="2025-01-01T12:00:00Z",
            config=config,
            prompt="".join(PROMPT),
            prompt_ids=prompt_ids,
            prompt_pieces=PROMPT,
            lossless=True,
            host=Host("Linux", "8-core CPU", 8, 16 << 30, (), "3.11", "0.1.0"),
            models=Models(target, draft if gamma and not copies else None),
            baseline=baseline,
        )
    )
    yield counted(
        Prefilled(seq=step(120_000_000), t_ns=now, tokens=18, target_ns=100_000_000, draft_ns=0)
    )

    position = 0
    for index in range(rounds + (1 if open_drafted else 0)):
        last = index == rounds
        n = min(gamma, open_drafted) if last else gamma
        if not last and rng.random() < no_proposal:
            n = 0
        accepted = 0
        while accepted < n and rng.random() < acceptance:
            accepted += 1
        judged: list[Judged] = []
        tops: list[Top] = []
        for i in range(n):
            right = TEXT[(position + i) % len(TEXT)]
            wrong = WRONG[rng.randrange(len(WRONG))]
            text = right if i < accepted else wrong
            q = round(rng.uniform(0.2, 0.98), 4)
            ratio = rng.uniform(0.9, 1.6) if i < accepted else rng.uniform(0.05, 0.8)
            p = round(min(q * ratio, 0.99), 4)
            accept = min(1.0, p / q)
            u = rng.uniform(0, accept) if i < accepted else rng.uniform(accept, 1.0)
            top = Top((words.id(text), words.id(right), words.id(wrong)), (q, 0.01, 0.005))
            where = len(PROMPT) + position + i - 9
            yield counted(
                Drafted(
                    seq=step(rng.randrange(900_000, 1_150_000) if not copies else 9_000),
                    t_ns=now,
                    round=index,
                    index=i,
                    id=words.id(text),
                    piece=text,
                    q=1.0 if copies else q,
                    draft_ns=rng.randrange(900_000, 1_150_000) if not copies else 2_400,
                    parent=i - 1,
                    u=None if copies else round(rng.random(), 4),
                    top=None if copies else top,
                    source=(where, where + 1) if copies else None,
                    pieces=words.new(text, right, wrong),
                )
            )
            if i <= accepted:
                overlap = round(rng.uniform(0.6, 0.95), 4)
                judged.append(
                    Judged(p, 1.0 if copies else q, round(u, 4), round(accept, 4), overlap)
                )
                tops.append(Top((words.id(text), words.id(right)), (p, 0.1)))
        if last:
            break
        kind: AddedKind = "bonus" if accepted == n else "resampled"
        added = TEXT[(position + accepted) % len(TEXT)]
        if kind == "bonus":
            tops.append(Top((words.id(added), words.id(" other")), (0.6214, 0.2)))
        residual = Top((words.id(added), words.id(" other")), (0.8946, 0.0562))
        target_ns = (
            rng.randrange(9_300_000, 10_100_000) if n else rng.randrange(7_900_000, 8_300_000)
        )
        yield counted(
            Verified(
                seq=step(target_ns),
                t_ns=now,
                round=index,
                n_accepted=accepted,
                judged=tuple(judged),
                added_id=words.id(added),
                added_piece=added,
                added_kind=kind,
                added_u=round(rng.random(), 4),
                tops=tuple(tops),
                residual_top=residual if kind == "resampled" else None,
                target_ns=target_ns,
                host_ns=rng.randrange(400_000, 800_000),
                pieces=words.new(added, " other"),
            )
        )
        position += accepted + 1
    if reason is not None:
        if reason == "length":
            yield counted(
                Notice(
                    seq=step(0),
                    t_ns=now,
                    level="info",
                    message="The run reached its length.",
                    hint="",
                )
            )
        yield RunFinished(seq=step(0), t_ns=now, reason=reason, totals=tally.totals())


def make_trace(
    *,
    rounds: int = 31,
    gamma: int = 5,
    seed: int = 0,
    baseline: bool = True,
    baseline_rounds: int | None = None,
    drafter: str = "model",
    temperature: float = 0.8,
    simulated: bool = False,
    synthetic: bool = False,
    open_drafted: int = 0,
    reason: FinishReason | None = "length",
    acceptance: float = 0.85,
    no_proposal: float = 0.0,
) -> Trace:
    """A trace with, by default, a finished baseline and a finished run measured against it."""
    trace = Trace()
    end_ns = 0
    if baseline:
        n = baseline_rounds if baseline_rounds is not None else min(rounds * 2, 256)
        for event in make_events(
            rounds=n,
            seed=seed,
            role="baseline",
            simulated=simulated,
            synthetic=synthetic,
            temperature=temperature,
        ):
            trace.apply(event)
            end_ns = event.t_ns
    started = trace.runs[0].started.run_id if baseline else None
    for event in make_events(
        rounds=rounds,
        gamma=gamma,
        seed=seed,
        baseline=started,
        drafter=drafter,
        temperature=temperature,
        simulated=simulated,
        synthetic=synthetic,
        open_drafted=open_drafted,
        reason=None if open_drafted else reason,
        acceptance=acceptance,
        no_proposal=no_proposal,
        start_ns=end_ns,
    ):
        trace.apply(event)
    return trace
