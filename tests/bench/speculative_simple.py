"""Tokens/s against llama.cpp's own speculative loop: same pair, prompt, γ = 4, threads, greedy.

Build the peer from the source inside the llama-cpp-python package, once:

    pip download --no-deps --no-binary llama-cpp-python llama-cpp-python==0.3.36
    tar xzf llama_cpp_python-0.3.36.tar.gz
    cmake -S llama_cpp_python-0.3.36/vendor/llama.cpp -B peer -DCMAKE_BUILD_TYPE=Release \\
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF \\
        -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_OPENSSL=OFF
    cmake --build peer --target llama-speculative-simple -j
    python -m tests.bench.speculative_simple --peer peer/bin/llama-speculative-simple

Runs alternate; each is a process of its own, and both time only decoding.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.host import host, physical_cores
from tests.bench.pairs import quantised

PROMPTS = (
    "The sky is blue because",
    "Once upon a time, in a lighthouse far from any town, there lived",
    "A short guide to packing for a week in the mountains:\n\n1.",
)


def peer_rate(peer: Path, target: Path, draft: Path, prompt: str, threads: int, n: int) -> float:
    command = [
        *(str(peer), "-m", str(target), "-md", str(draft), "--spec-type", "draft-simple"),
        *("--spec-draft-n-max", "4", "-n", str(n), "--temp", "0", "-c", "4096"),
        *("-t", str(threads), "-td", str(threads), "-p", prompt),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(re.findall(r"decoded .*speed:\s*([\d.]+)", done.stderr + done.stdout)[0])


def own_rate(target: Path, draft: Path, prompt: str, threads: int, n: int) -> float:
    command = [
        *(sys.executable, "-m", "app", "run", "--target", str(target), "--draft", str(draft)),
        *("--prompt", prompt, "--raw", "--gamma", "4", "--threads", str(threads)),
        *("--max-tokens", str(n), "--no-baseline", "--json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["tokens_per_second"]


def main(
    peer: Annotated[Path, typer.Option(help="llama-speculative-simple")],
    repeats: int = 5,
    threads: Annotated[int, typer.Option(help="0: all physical cores")] = 0,
    max_tokens: int = 128,
) -> None:
    threads = threads or physical_cores()
    target, draft = quantised("Q8_0"), quantised("Q4_0")
    ratios = []
    for prompt in PROMPTS:
        own, other = [], []
        for i in range(repeats):
            order = (own, other) if i % 2 else (other, own)
            for rates in order:
                rates.append(
                    own_rate(target, draft, prompt, threads, max_tokens)
                    if rates is own
                    else peer_rate(peer, target, draft, prompt, threads, max_tokens)
                )
        ratios += [a / b for a, b in zip(own, other, strict=True)]
        medians = statistics.median(own), statistics.median(other)
        print(f"{prompt[:30]!r}: {medians[0]:.1f} against {medians[1]:.1f} tokens/s")
    cuts = statistics.quantiles(ratios, n=4)
    result = {
        "cpu": host().cpu,
        "threads": threads,
        "pair": "SmolLM2-135M Q8_0 + Q4_0",
        "runs": len(ratios),
        "median_ratio": round(statistics.median(ratios), 3),
        "quartiles": [round(cuts[0], 3), round(cuts[2], 3)],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
