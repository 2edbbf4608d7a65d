"""Time from launch to the first picture, and from Run to the first token of the embedded default.

    python -m tests.bench.startup [--repeats 7]

Bars: 1.0 s with a warm disk cache; 3 s.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import typer

from engine.config import Config, ModelSpec
from engine.events import Drafted, Verified
from engine.host import host
from engine.job import Job
from engine.presets import first_prompt
from engine.session import JobFinished, Session


def first_picture(folder: str) -> float:
    """Seconds from starting the interpreter to the first paint, in a new process."""
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
        "XDG_CONFIG_HOME": folder,
        "XDG_DATA_HOME": folder,
        "DRAFTSCOPE_STARTUP": repr(time.monotonic()),
    }
    done = subprocess.run(
        [sys.executable, "-m", "app", "--quit-after", "0.2"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(re.findall(r"first picture after ([\d.]+) s", done.stderr)[0])


def first_token(baseline: str) -> float:
    """Seconds from Run to the first verdict of the run (after its baseline), models not loaded.

    In this process, on the engine thread that the window uses; the window's frame is at most 16 ms.
    """
    session = Session()
    job = Job(first_prompt(), Config(drafter="ngram"), ModelSpec(threads=1), baseline=baseline)
    began = time.perf_counter()
    session.submit(job)
    first = 0.0
    while not isinstance(message := session.outbox.get(), JobFinished):
        if isinstance(message, Drafted | Verified) and not first:
            first = time.perf_counter() - began
    session.close()
    return first


def main(repeats: int = 7) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first_picture(folder)  # warms the disk cache
        pictures = [first_picture(folder) for _ in range(repeats)]
    tokens = [first_token("measure") for _ in range(3)]
    result = {
        "cpu": host().cpu,
        "cores": host().cores,
        "python": sys.version.split()[0],
        "first_picture_s_median": round(statistics.median(pictures), 3),
        "first_picture_s_max": round(max(pictures), 3),
        "first_token_s_cold": round(tokens[0], 3),
        "first_token_s_median": round(statistics.median(tokens), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
