"""Share of decode time that is neither target nor draft forward, with recording on.

    python -m tests.bench.host_time [--threads 2] [--max-tokens 128]

Bar: at most 2 % on the embedded pair (Q8_0 target, Q4_0 draft).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from engine.config import Config, ModelSpec
from engine.host import host
from engine.job import Job, JobRunner
from engine.recording import Recorder, read_trace
from engine.trace import Run
from tests.bench.pairs import PROMPTS, quantised


def main(
    threads: Annotated[int, typer.Option(help="0: all physical cores")] = 0,
    max_tokens: int = 128,
) -> None:
    embedded = ModelSpec(threads=threads)
    q8 = ModelSpec(str(quantised("Q8_0")), threads=threads)
    q4 = ModelSpec(str(quantised("Q4_0")), threads=threads)
    cases = [
        ("Q8_0 + Q4_0 draft", q8, q4, "model"),
        ("embedded + Q4_0 draft", embedded, q4, "model"),
        ("embedded, n-gram", embedded, None, "ngram"),
        ("Q8_0, n-gram", q8, None, "ngram"),
    ]
    print(json.dumps({"cpu": host().cpu, "cores": host().cores, "threads": threads}))
    for name, target, draft, drafter in cases:
        runner = JobRunner()
        for temperature in (0.0, 0.8):
            runs: list[Run] = []
            with tempfile.TemporaryDirectory() as folder:
                for i, prompt in enumerate(PROMPTS):
                    with Recorder(Path(folder) / f"{i}.jsonl") as recorder:
                        config = Config(
                            temperature=temperature, drafter=drafter, max_tokens=max_tokens
                        )
                        runner.run(Job(prompt, config, target, draft), recorder)
                    runs += read_trace(Path(folder) / f"{i}.jsonl").runs
            for role in ("baseline", "speculative"):
                tallies = [r.tally for r in runs if r.started.role == role]
                decode = sum(t.decode_ns for t in tallies)
                row = {
                    "pair": name,
                    "temperature": temperature,
                    "run": role,
                    "tokens_per_second": round(sum(t.tokens for t in tallies) / decode * 1e9, 1),
                    "round_ms": round(decode / sum(t.rounds for t in tallies) / 1e6, 2),
                    "host_us_per_round": round(
                        sum(t.host_ns for t in tallies) / sum(t.rounds for t in tallies) / 1e3
                    ),
                    "host_share": round(sum(t.host_ns for t in tallies) / decode, 4),
                }
                print(json.dumps(row), flush=True)
        runner.close()


if __name__ == "__main__":
    typer.run(main)
