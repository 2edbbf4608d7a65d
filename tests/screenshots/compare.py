"""Pictures of a comparison: `python tests/screenshots/compare.py FOLDER [--only PART] [--scale-2]`.

Of no run up to eight; alike, of different prompts, and from a toy; large, small; light and dark.
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

from PySide6.QtWidgets import QApplication

from app import motion, theme
from app.comparison_words import name_of
from app.files import BUNDLED
from app.panels.compare import ComparePage
from engine.recording import read_trace
from engine.trace import Run, Trace
from tests.app.traces import TEXT, make_trace
from tests.app.wordy_runs import wordy_run

Named = tuple[str, Run, Run | None]
TIE = "The repair took two years and the work cost less than planned . Visitors can climb the steps"
SIZES = {
    "1600x900": (1600, 900),
    "3840x2160": (3840, 2160),
    "least": (1064, 664),
    "narrow": (760, 900),
}


def named(trace: Trace, name: str = "") -> Named:
    """The newest run of a trace with its baseline."""
    run = trace.runs[-1]
    return name or name_of(run), run, trace.baseline_of(run)


def plain(trace: Trace) -> Named:
    return "Plain decoding", trace.runs[0], None


def demo() -> Trace:
    return read_trace(BUNDLED["demo"])


def sampled() -> Trace:
    return read_trace(BUNDLED["sampled"])


def wordy(n: int) -> list[Named]:
    """Runs of one prompt that part here and there: other drafters and γ."""
    words: list[str] = list(TEXT)
    baseline = wordy_run(words, run_id="plain", pass_ns=8_700_000, temperature=0.8)
    made: list[Named] = []
    for i in range(n):
        own = words[: 90 - 3 * i]
        if i:
            own[9 + 2 * i : 10 + 2 * i] = [" piece", " of", " text"][: i % 3 + 1]
            del own[40 + i : 40 + 2 * i]
        drafter = ("ngram", "model", "suffix")[i % 3]
        run = wordy_run(own, gamma=3 + i, fails=2 + i % 4, drafter=drafter, temperature=0.8,
                        run_id=f"run-{i}", pass_ns=9_000_000 + 900_000 * i)  # fmt: skip
        made.append((name_of(run), run, baseline if i % 4 != 3 else None))
    return made


SCENES: dict[str, Callable[[], list[Named]]] = {
    "0": list,
    "1": lambda: [named(demo())],
    "2": lambda: [named(demo()), named(sampled())],
    "2-same": lambda: [plain(demo()), named(demo())],
    "2-parted": lambda: [plain(sampled()), named(sampled())],
    "4": lambda: [named(demo()), plain(demo()), named(sampled()), plain(sampled())],
    "4-alike": lambda: wordy(4),
    "8": lambda: wordy(8),
    "tie": lambda: [
        ("Plain decoding", wordy_run(TIE), None),
        ("n-gram · γ 4", wordy_run(TIE.replace("than", "then"), gamma=4), wordy_run(TIE)),
    ],
    "toy": lambda: [named(demo()), named(make_trace(rounds=20, simulated=True), "Toy pair")],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a scene's name")
    parser.add_argument("--scheme", choices=("light", "dark"), action="append")
    parser.add_argument("--size", choices=tuple(SIZES), action="append")
    parser.add_argument("--palette", choices=("standard", "okabe-ito"), default="standard")
    parser.add_argument("--scale-2", action="store_true", help="two device pixels a pixel")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    application = QApplication([])
    theme.install(application)
    theme.set_palette(options.palette)
    motion.set_reduced(True)
    for name, scene in SCENES.items():
        if options.only not in name:
            continue
        runs = scene()
        for scheme in options.scheme or ("light", "dark"):
            theme.set_scheme(scheme)
            for size in options.size or SIZES:
                page = ComparePage()
                page.resize(*SIZES[size])
                page.show()
                page.set_runs(runs)
                application.processEvents()
                page.grab().save(str(options.folder / f"{name}-{size}-{scheme}.png"))
                page.close()
                page.deleteLater()


if __name__ == "__main__":
    main()
