"""Share of decode time that is neither target nor draft forward, with recording on.

    python -m tests.bench.host_time [--threads 2] [--max-tokens 128] [--methods]

Bar: at most 2 % on the embedded pair (Q8_0 target, Q4_0 draft), for every rule and drafter
(--methods).
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.config import Config, ModelSpec
from engine.drafting.registry import DRAFTERS
from engine.errors import ConfigError
from engine.host import host
from engine.job import Job, JobRunner
from engine.methods import check
from engine.recording import Recorder, read_trace
from engine.rules import RULES
from engine.tally import Tally
from engine.trace import Run
from tests.bench.pairs import PROMPTS, quantised


def cases(threads: int, methods: bool) -> Iterator[tuple[str, ModelSpec, ModelSpec | None, Config]]:
    """What is measured: (name, target, draft, configuration)."""
    embedded = ModelSpec(threads=threads)
    q8 = ModelSpec(str(quantised("Q8_0")), threads=threads)
    q4 = ModelSpec(str(quantised("Q4_0")), threads=threads)
    pairs = [
        ("Q8_0 + Q4_0 draft", q8, q4, "model"),
        ("embedded + Q4_0 draft", embedded, q4, "model"),
        ("embedded, n-gram", embedded, None, "ngram"),
        ("Q8_0, n-gram", q8, None, "ngram"),
    ]
    if not methods:
        for name, target, draft, drafter in pairs:
            for temperature in (0.0, 0.8):
                yield name, target, draft, Config(temperature=temperature, drafter=drafter)
        return
    for rule, drafter in itertools.product(RULES, DRAFTERS):
        temperature = 0.0 if rule == "greedy" else 0.8
        config = Config(temperature=temperature, rule=rule, drafter=drafter)
        with suppress(ConfigError):  # combinations that do not exist
            check(config)
            yield f"Q8_0 + Q4_0 draft, {rule}, {drafter}", q8, q4, config


def main(
    threads: Annotated[int, typer.Option(help="0: all physical cores")] = 0,
    max_tokens: int = 128,
    methods: Annotated[bool, typer.Option("--methods", help="Every rule and drafter.")] = False,
) -> None:
    print(json.dumps({"cpu": host().cpu, "cores": host().cores, "threads": threads}))
    runner = JobRunner()
    for name, target, draft, config in cases(threads, methods):
        asked = msgspec.structs.replace(config, max_tokens=max_tokens)
        runs: list[Run] = []
        with tempfile.TemporaryDirectory() as folder:
            for i, prompt in enumerate(PROMPTS):
                path = Path(folder) / f"{i}.jsonl"
                with Recorder(path) as recorder:
                    job = Job(
                        prompt, asked, target, draft, baseline="none" if methods else "measure"
                    )
                    runner.run(job, recorder)
                runs += read_trace(path).runs
        for role in ("baseline", "speculative"):
            tallies = [r.tally for r in runs if r.started.role == role]
            if tallies:
                print(json.dumps(row(name, config.temperature, role, tallies)), flush=True)
    runner.close()


def row(name: str, temperature: float, role: str, tallies: list[Tally]) -> dict[str, object]:
    decode = sum(t.decode_ns for t in tallies)
    rounds = sum(t.rounds for t in tallies)
    host_ns = sum(t.host_ns for t in tallies)
    return {
        "pair": name,
        "temperature": temperature,
        "run": role,
        "tokens_per_second": round(sum(t.tokens for t in tallies) / decode * 1e9, 1),
        "round_ms": round(decode / rounds / 1e6, 2),
        "host_us_per_round": round(host_ns / rounds / 1e3),
        "host_share": round(host_ns / decode, 4),
    }


if __name__ == "__main__":
    typer.run(main)
