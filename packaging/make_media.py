"""Make the pictures and the clip of the docs from the recordings that ship.

    python packaging/make_media.py [FOLDER]

All is rendered offscreen by `draftscope render`: the same recordings give the same files.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.files import BUNDLED
from app.render.clip import END_HOLD_S
from app.views.round_motion import PASS, TOSS
from engine.events import Verified
from engine.recording import read_trace
from engine.trace import Run

RACE_S = 20.0
SLOW = "0.05"
"""A speed at which a verification is seen to move."""


def coin_in_the_air(run: Run) -> float:
    """Second at which the coin falls that rejects a token: the first with others before it."""
    for n, event in enumerate(run.events):
        if isinstance(event, Verified) and 1 <= event.n_accepted < len(event.judged) <= 3:
            tosses = len(event.judged)
            share = PASS + (TOSS - PASS) * (tosses - 0.35) / tosses
            start, stop = run.clock[n - 1], run.clock[n]
            return (start + share * (stop - start)) / 1e9
    raise LookupError("No token is rejected after another was accepted.")


def render(recording: str, out: Path, *options: str) -> None:
    command = [sys.executable, "-m", "app", "render", recording, "--out", str(out), *options]
    subprocess.run(command, check=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    demo, sampled = (read_trace(BUNDLED[name]).run for name in ("demo", "sampled"))
    assert demo is not None
    assert sampled is not None
    toss, end = str(coin_in_the_air(sampled)), str(demo.clock[-1] / 1e9 * 0.999)
    for view, recording, second, speed in (
        ("all", "sampled", toss, SLOW),
        ("round", "sampled", toss, SLOW),
        ("stream", "demo", end, "1"),
        ("race", "demo", end, "1"),
        ("plots", "demo", end, "1"),
        ("inspector", "sampled", toss, SLOW),
    ):
        render(
            recording, folder / f"view-{view}.png", "--view", view, "--size", "1280x720",
            "--from", second, "--speed", speed,
        )  # fmt: skip
    longest = max(run.clock[-1] for run in read_trace(BUNDLED["demo"]).runs) / 1e9
    render(
        "demo", folder / "race.webp", "--view", "race", "--size", "960x540", "--fps", "20",
        "--speed", f"{longest / (RACE_S - END_HOLD_S):.6f}",
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs")
