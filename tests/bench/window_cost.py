"""How much the window slows a live run: the same job with and without it, in turn.

    python -m tests.bench.window_cost [--repeats 5]

Bar: at most 3 %, with the threads that the window chooses (physical cores - 1).
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Annotated

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("XDG_CONFIG_HOME", tempfile.mkdtemp())
os.environ.setdefault("XDG_DATA_HOME", tempfile.mkdtemp())

import typer
from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from app import theme
from app.main import SWITCH_INTERVAL
from app.settings import Folders, Settings
from app.window import MainWindow
from engine.config import Config, ModelSpec
from engine.host import host, physical_cores
from engine.job import Job
from engine.recording import read_trace
from engine.session import JobFinished, Session
from engine.trace import Trace
from tests.bench.pairs import PROMPTS


def rates(trace: Trace) -> tuple[float, float]:
    """Tokens/s of the plain and of the speculative run."""
    plain, run = (r.tally.tokens / r.tally.decode_ns * 1e9 for r in trace.runs)
    return plain, run


def main(
    repeats: int = 5,
    max_tokens: int = 256,
    threads: Annotated[int, typer.Option(help="0: what the window chooses")] = 0,
) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL)
    threads = threads or max(1, physical_cores() - 1)
    application = QApplication([])
    theme.install(application)
    window = MainWindow(Settings(Folders.default()))
    window.resize(1600, 900)
    window.show()
    window.after_first_paint()
    session = Session()
    folder = Path(tempfile.mkdtemp())
    config = Config(drafter="ngram", max_tokens=max_tokens)

    def bare(job: Job) -> tuple[float, float]:
        session.submit(job)
        while not isinstance(session.outbox.get(), JobFinished):
            pass
        return rates(read_trace(folder / "bare.jsonl"))

    def watched(job: Job) -> tuple[float, float]:
        loop = QEventLoop()
        window.controller.ended.connect(loop.quit)
        window.controller.start(job)
        loop.exec()
        window.controller.ended.disconnect(loop.quit)
        return rates(window.controller.trace)

    plain: list[float] = []
    speculative: list[float] = []
    for i in range(repeats):
        prompt = PROMPTS[i % len(PROMPTS)]
        spec = ModelSpec(threads=threads)
        jobs = {
            bare: Job(prompt, config, spec, recording=folder / "bare.jsonl"),
            watched: Job(prompt, config, spec, recording=folder / "watched.jsonl"),
        }
        measured = {way: way(jobs[way]) for way in ((bare, watched), (watched, bare))[i % 2]}
        plain.append(measured[watched][0] / measured[bare][0])
        speculative.append(measured[watched][1] / measured[bare][1])
    session.close()
    window.close()
    result = {
        "cpu": host().cpu,
        "cores": host().cores,
        "threads": threads,
        "pair": "SmolLM2-135M Q4_1, n-gram",
        "plain_rate_with_over_without": round(statistics.median(plain), 4),
        "speculative_rate_with_over_without": round(statistics.median(speculative), 4),
        "all": [round(x, 3) for x in plain + speculative],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
