"""An experiment of 2 drafters × 3 γ × 2 temperatures × 12 prompts on the embedded model.

Undisturbed, and killed three times at random moments and resumed: are the cells the same, and none
twice? How near is the cost model?

    python -m tests.bench.experiment [--repeats 1] [--threads 2] [--keep FOLDER] [--kills 3]
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import typer

from engine.experiments.ledger import RESULTS, read_lines
from engine.experiments.records import CellFailed, RunDone
from engine.experiments.results import Results, gathered, grouped, read_results
from engine.host import host
from tests.bench.pairs import quantised

SPEC = """title = "2 drafters, 3 draft lengths, 2 temperatures, 12 prompts"
target = [""]
draft = ["{draft}"]
drafter = ["ngram", "model"]
gamma = [2, 4, 8]
temperature = [0.0, 0.8]
max_tokens = 64
repeats = {repeats}
threads = {threads}
[prompts]
number = 12
"""


def command(spec: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "app", "bench", str(spec), "--out", str(out), *more]


def killed(spec: Path, out: Path, seconds: float, kills: int, rng: random.Random) -> list[int]:
    """Run it, kill it so often within the time that it takes, and let it end; runs on record at
    each kill."""
    found: list[int] = []
    for _ in range(kills):
        child = subprocess.Popen(command(spec, out, *(["--resume"] if out.exists() else [])))
        try:
            child.wait(rng.uniform(0.05, 0.4) * seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        found.append(len(runs_of(out)))
    subprocess.run(command(spec, out, "--resume"), check=True)
    return found


def runs_of(out: Path) -> list[tuple[str, int]]:
    path = out / RESULTS
    if not path.exists():
        return []
    lines = read_lines(path)
    return [(line.cell, line.repeat) for line in lines if isinstance(line, RunDone) and line.cell]


def near(results: Results) -> tuple[float, float, int]:
    """Share of cells whose modelled speedup is within 10 % of the measured one, the median of
    their ratio, cells."""
    ratios = sorted(
        modelled / measured
        for cell in results.cells.values()
        if (measured := cell.value("speedup")) and (modelled := cell.value("modelled"))
    )
    close = sum(abs(ratio - 1) <= 0.1 for ratio in ratios)
    return close / len(ratios), ratios[len(ratios) // 2], len(ratios)


def main(
    repeats: int = 1, threads: int = 0, keep: Path | None = None, kills: int = 3, seed: int = 0
) -> None:
    folder = keep or Path(tempfile.mkdtemp(prefix="experiment-"))
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder / "spec.toml"
    spec.write_text(
        SPEC.format(draft=quantised("Q4_0"), repeats=repeats, threads=threads), encoding="utf-8"
    )
    began = time.monotonic()
    subprocess.run(command(spec, folder / "whole"), check=True)
    seconds = time.monotonic() - began
    result: dict[str, object] = {
        "cpu": host().cpu, "cores": host().cores, "threads": threads or host().cores,
        "pair": "SmolLM2-135M-Instruct Q4_1, draft its Q4_0 copy", "seconds": round(seconds),
    }  # fmt: skip
    whole = runs_of(folder / "whole")
    results = read_results(folder / "whole")
    share, ratio, n = near(results)
    result |= {
        "cells": len(results.cells),
        "failed": sum(isinstance(x, CellFailed) for x in read_lines(folder / "whole" / RESULTS)),
        "within_10_percent": round(share, 3),
        "modelled_to_measured_median": round(ratio, 3),
        "of_cells": n,
        "speedups": {
            " ".join(map(str, key)): round(middle.median, 2)
            for key, cells in grouped(
                results.cells.values(), "drafter", "gamma", "temperature"
            ).items()
            if (middle := gathered(cells, "speedup"))
        },
    }
    if kills:
        at = killed(spec, folder / "killed", seconds, kills, random.Random(seed))
        again = runs_of(folder / "killed")
        result |= {
            "killed_at_runs": at,
            "same_cells": set(again) == set(whole),
            "none_twice": max(Counter(again).values()) == 1,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
