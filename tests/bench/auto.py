"""The drafter auto against the best fixed setting of a sweep, by kind of prompt, and against plain
decoding.

    python -m tests.bench.auto [--number 24] [--repeats 3] [--threads 2] [--keep FOLDER]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import typer

from engine.experiments.results import gathered, grouped, read_results
from engine.host import host

SPEC = """title = "auto against fixed settings"
drafter = ["ngram", "suffix", "auto"]
gamma = [2, 4, 8]
temperature = [0.0, 0.8]
max_tokens = {tokens}
repeats = {repeats}
threads = {threads}
record = false
[prompts]
number = {number}
"""


def main(
    number: int = 24,
    repeats: int = 3,
    threads: int = 0,
    tokens: int = 64,
    keep: Path | None = None,
) -> None:
    folder = keep or Path(tempfile.mkdtemp(prefix="auto-"))
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder / "spec.toml"
    spec.write_text(
        SPEC.format(number=number, repeats=repeats, threads=threads, tokens=tokens), "utf-8"
    )
    out = folder / "results"
    more = ["--resume"] if out.exists() else []
    child = [sys.executable, "-m", "app", "bench", str(spec), "--out", str(out), *more]
    subprocess.run(child, check=True)
    rows: list[dict[str, object]] = []
    ratios: list[float] = []
    least = 9.0
    cells = read_results(out).cells.values()
    for (temperature, kind), inside in grouped(cells, "temperature", "kind").items():
        found = {
            key: middle.median
            for key, of in grouped(inside, "drafter", "gamma").items()
            if (middle := gathered(of, "speedup"))
        }
        auto = next(value for key, value in found.items() if key[0] == "auto")
        fixed = {key: value for key, value in found.items() if key[0] != "auto"}
        best = max(fixed, key=lambda key: fixed[key])
        each = [c.value("speedup") or 0.0 for c in inside if c.setting.drafter == "auto"]
        least = min(least, *each)
        # Plain decoding is a fixed setting too: γ = 0.
        ratios.append(auto / max(fixed[best], 1.0))
        rows.append(
            {
                "T": temperature,
                "kind": kind,
                "auto": round(auto, 3),
                "best_fixed": f"{best[0]} γ {best[1]}",
                "its_speedup": round(fixed[best], 3),
                "of_best_or_plain": round(ratios[-1], 3),
                "worst_prompt": round(min(each), 3),
            }
        )
    print(
        json.dumps(
            {
                "cpu": host().cpu,
                "cores": host().cores,
                "threads": threads or host().cores,
                "target": "SmolLM2-135M-Instruct Q4_1",
                "prompts": number,
                "repeats": repeats,
                "median_of_best": round(median(ratios), 3),
                "least_of_best": round(min(ratios), 3),
                "worst_prompt_of_plain": round(least, 3),
                "kinds": rows,
            }
        )
    )


if __name__ == "__main__":
    typer.run(main)
