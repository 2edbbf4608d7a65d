"""Runs that write given words, to compare texts: the same word has the same id in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from engine.config import Config
from engine.events import (
    SCHEMA,
    AnyEvent,
    Drafted,
    Host,
    Judged,
    ModelInfo,
    Models,
    Prefilled,
    RunFinished,
    RunStarted,
    Verified,
)
from engine.tally import Tally
from engine.trace import Run, Trace

MS = 1_000_000
_ids: dict[str, int] = {}


def id_of(word: str) -> int:
    return _ids.setdefault(word, 100 + len(_ids))


def words_of(text: str) -> list[str]:
    """`a b c` as the tokens of a text: `a`, ` b`, ` c`."""
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def wordy_events(
    words: Sequence[str],
    *,
    gamma: int = 0,
    fails: int = 0,
    prompt: str = "Write a story",
    prompt_ids: Sequence[int] | None = None,
    temperature: float = 0.0,
    target: str = "Target",
    lossless: bool = True,
    simulated: bool = False,
    synthetic: bool = False,
    pass_ns: int = 10 * MS,
    run_id: str = "run",
    baseline: str | None = None,
    cpu: str = "8-core CPU",
    **config: object,
) -> Iterator[AnyEvent]:
    """A greedy or sampled run that ends with its last word.

    Each round drafts γ words. fails: in every round with that many left over, the last drafted word
    is a wrong one. pass_ns: of a target pass; a drafted token takes a tenth.
    """
    seq, tally, now = count(), Tally(), 0

    def counted(event: AnyEvent) -> AnyEvent:
        tally.apply(event)
        return event

    ids = tuple(map(id_of, words_of(prompt))) if prompt_ids is None else tuple(prompt_ids)
    info = ModelInfo(
        target, "toy" if simulated else "gguf", "CPU", "Q4_K_M", simulated=simulated,
        synthetic=synthetic,
    )  # fmt: skip
    yield counted(
        RunStarted(
            seq=next(seq), t_ns=0, run_id=run_id, schema=SCHEMA,
            role="speculative" if gamma else "baseline", started_at="2025-01-01T12:00:00Z",
            config=Config(gamma=gamma, temperature=temperature, **config),  # type: ignore[arg-type]
            prompt=prompt, prompt_ids=ids, prompt_pieces=tuple(words_of(prompt)), lossless=lossless,
            host=Host("Linux", cpu, 8, 16 << 30, (), "3.11", "0.1.0"),
            models=Models(info, info if gamma else None), baseline=baseline,
        )
    )  # fmt: skip
    yield counted(Prefilled(seq=next(seq), t_ns=0, tokens=len(ids), target_ns=5 * MS, draft_ns=0))
    at = 0
    for round_ in count():
        left = len(words) - at
        if not left:
            break
        n = min(gamma, left - 1)
        wrong = bool(fails) and n > 0 and round_ % fails == 0
        accepted = n - wrong
        for i in range(n):
            word = words[at + i] if i < accepted else " wrong"
            now += pass_ns // 10
            yield counted(
                Drafted(
                    seq=next(seq), t_ns=now, round=round_, index=i, id=id_of(word), piece=word,
                    q=0.5, draft_ns=pass_ns // 10, parent=i - 1, pieces=((id_of(word), word),),
                )
            )  # fmt: skip
        now += pass_ns
        word = words[at + accepted]
        yield counted(
            Verified(
                seq=next(seq), t_ns=now, round=round_, n_accepted=accepted,
                judged=(Judged(0.5, 0.5, None, 1.0, 0.9),) * n, added_id=id_of(word),
                added_piece=word, added_kind="resampled" if wrong else "bonus", added_u=None,
                tops=(), residual_top=None, target_ns=pass_ns, host_ns=MS,
                pieces=((id_of(word), word),),
            )
        )  # fmt: skip
        at += accepted + 1
    yield RunFinished(seq=next(seq), t_ns=now, reason="length", totals=tally.totals())


def wordy_run(words: str | Sequence[str], **options: object) -> Run:
    """A run that writes these words; a text is split at its spaces."""
    parts = words_of(words) if isinstance(words, str) else list(words)
    run = Trace(wordy_events(parts, **options)).run  # type: ignore[arg-type]
    assert run is not None
    return run
