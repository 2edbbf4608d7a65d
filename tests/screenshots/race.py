"""Pictures of a race: `python tests/screenshots/race.py FOLDER [--only PART] [--scale-2]`.

At the start, in the middle and at the finish; large, small and narrow; light and dark.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_SCALE_FACTOR"] = "2" if "--scale-2" in sys.argv else "1"
sys.path.insert(0, str(Path(__file__).parents[2]))

from msgspec.structs import replace
from PySide6.QtWidgets import QApplication

from app import motion, theme
from app.files import DEMO
from app.panels.race import RacePage
from engine.events import AnyEvent, RunStarted
from engine.recording import read_trace
from engine.trace import Run, Trace
from tests.app.traces import make_events, make_trace

Pair = tuple[Run, Run]
MOMENTS = {"start": 0.0, "mid": 0.45, "first-in": 0.75, "finish": 1.0}
SIZES = {
    "1600x900": (1600, 900),
    "3840x2160": (3840, 2160),
    "narrow": (600, 900),
    "portrait": (1080, 1920),
    "least": (760, 600),
}


def of(**options) -> Run:
    return Trace(make_events(**options)).runs[0]


def elsewhere(run: Run) -> Run:
    """The same run on another machine."""

    def moved(event: AnyEvent) -> AnyEvent:
        if not isinstance(event, RunStarted):
            return event
        return replace(event, host=replace(event.host, cpu="Apple M4 Pro"))

    return Trace(map(moved, run.events)).runs[0]


def pair_of(trace: Trace) -> Pair:
    return trace.runs[0], trace.runs[1]


SCENES: dict[str, Callable[[], Pair | None]] = {
    "demo": lambda: pair_of(read_trace(DEMO)),
    "synthetic": lambda: pair_of(make_trace(rounds=31, seed=4, baseline_rounds=128)),
    "cut": lambda: pair_of(make_trace(rounds=31, seed=4, baseline_rounds=90)),
    "slower": lambda: pair_of(make_trace(rounds=40, acceptance=0.05, baseline_rounds=128)),
    "toy": lambda: pair_of(make_trace(rounds=20, seed=4, simulated=True, baseline_rounds=128)),
    "drafters": lambda: (of(rounds=31, seed=4, drafter="ngram"), of(rounds=60, seed=4, gamma=3)),
    "machines": lambda: (of(rounds=31, seed=4), elsewhere(of(rounds=60, seed=5))),
    "tie": lambda: (of(rounds=31, seed=4), of(rounds=31, seed=4)),
    "one-run": lambda: None,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a scene's name")
    parser.add_argument("--moment", choices=tuple(MOMENTS), action="append")
    parser.add_argument("--scheme", choices=("light", "dark"), action="append")
    parser.add_argument("--size", choices=tuple(SIZES), action="append")
    parser.add_argument("--scale-2", action="store_true", help="two device pixels a pixel")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    application = QApplication([])
    theme.install(application)
    motion.set_reduced(True)
    for name, scene in SCENES.items():
        if options.only not in name:
            continue
        pair = scene()
        for scheme in options.scheme or ("light", "dark"):
            theme.set_scheme(scheme)
            for size in options.size or SIZES:
                page = RacePage()
                page.resize(*SIZES[size])
                page.show()
                if pair is None:
                    page.race(make_trace(rounds=12, baseline=False))
                else:
                    page.race_runs(*pair)
                for moment in options.moment or MOMENTS:
                    if pair is None and moment != "start":
                        continue
                    page.seek_ns(MOMENTS[moment] * page.end_ns)
                    application.processEvents()
                    page.grab().save(str(options.folder / f"{name}-{moment}-{size}-{scheme}.png"))
                page.close()
                page.deleteLater()


if __name__ == "__main__":
    main()
