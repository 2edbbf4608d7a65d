"""How long Stop takes: from `cancel` to RunFinished, in a long prefill, in decoding, and paused.

    python -m tests.bench.cancel [--repeats 9]

Bar: 200 ms.
"""

from __future__ import annotations

import json
import statistics
import threading
import time

import typer

from engine.config import Config, ModelSpec
from engine.events import RunFinished, RunStarted, Verified
from engine.host import host
from engine.job import Job
from engine.session import JobFinished, Session

LONG = "The quick brown fox jumps over the lazy dog. " * 340


def cancelled_after(session: Session, job: Job, kind: type, pause: bool, delay: float) -> float:
    """Seconds from cancel to the end of the run; cancel comes `delay` after the first `kind`."""
    session.submit(job)
    while not isinstance(session.outbox.get(), kind):
        pass
    if pause:
        session.pause()
    threading.Event().wait(delay)
    began = time.perf_counter()
    session.cancel()
    took = 0.0
    while not isinstance(message := session.outbox.get(), JobFinished):
        if isinstance(message, RunFinished):
            assert message.reason == "cancelled"
            took = time.perf_counter() - began
    assert took
    return took


def main(repeats: int = 9) -> None:
    session = Session()
    spec = ModelSpec(threads=1, context=8192)
    config = Config(drafter="ngram", max_tokens=2000)
    long_prefill = Job(LONG, config, spec, baseline="none")
    decoding = Job("Write a very long story.", config, spec, baseline="none")
    result = {"cpu": host().cpu, "cores": host().cores, "threads": 1}
    cases = [
        ("prefill", long_prefill, RunStarted, False),
        ("decoding", decoding, Verified, False),
        ("paused", decoding, Verified, True),
    ]
    for name, job, kind, pause in cases:
        times = [
            cancelled_after(session, job, kind, pause, 0.013 * (i + 1)) for i in range(repeats)
        ]
        result[f"{name}_ms_median"] = round(statistics.median(times) * 1e3, 1)
        result[f"{name}_ms_max"] = round(max(times) * 1e3, 1)
    session.close()
    print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
