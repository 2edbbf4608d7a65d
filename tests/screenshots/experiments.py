"""Pictures of an experiment's results: `python tests/screenshots/experiments.py FOLDER`.

With results, refused and failed cells, half-way, and empty; every view; large, small; light, dark.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_SCALE_FACTOR"] = "2" if "--scale-2" in sys.argv else "1"
sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec
from PySide6.QtWidgets import QApplication

from app import motion, theme
from app.experiment_choice import ResultsChoice
from app.experiment_maps import with_waiting
from app.panels.experiment_results import ResultsView
from engine.experiments.grid import Cell
from engine.experiments.results import Results, read_results
from engine.experiments.spec import PromptChoice, Spec
from tests.app.sweeps import PAIRS, SMALL, write_folder

VOCABULARIES = (
    "The vocabularies differ: 49,152 tokens against 151,936. Choose a draft of the same family."
)
SIZES = {"1600x900": (1600, 900), "3840x2160": (3840, 2160), "narrow": (760, 900)}


def made(
    spec: Spec, fate: Callable[[Cell], str] = lambda cell: "", most: int | None = None
) -> Results:
    folder = Path(tempfile.mkdtemp())
    return with_waiting(read_results(write_folder(folder, spec, fate, most=most, recordings=True)))


def refusing(cell: Cell) -> str:
    at = cell.setting
    if "7b" in at.target and "smollm" in (at.draft or ""):
        return f"refused: {VOCABULARIES}"
    if at.gamma == 12 and at.target == "" and at.drafter == "model":
        return "failed: The draft ran out of memory at token 311."
    return ""


def busy(spec: Spec) -> Spec:
    gammas = tuple(range(1, 41))
    return msgspec.structs.replace(
        spec, target=("",), draft=(), drafter=("ngram",), gamma=gammas, temperature=(0.0,),
        prompts=PromptChoice(number=40), repeats=1,
    )  # fmt: skip


SCENES: dict[str, Callable[[], tuple[Results | None, ResultsChoice]]] = {
    "empty": lambda: (None, ResultsChoice()),
    "map": lambda: (made(PAIRS), ResultsChoice()),
    "refused": lambda: (made(PAIRS, refusing), ResultsChoice(rows="draft", columns="gamma",
                        filters={"target": PAIRS.target[1]})),
    "alpha": lambda: (made(PAIRS, refusing), ResultsChoice(metric="acceptance", rows="prompt",
                      columns="gamma", efficiency=True, bonus=False)),
    "halfway": lambda: (made(PAIRS, refusing, 420), ResultsChoice(rows="target")),
    "pairs": lambda: (made(PAIRS, refusing), ResultsChoice(view="pairs")),
    "calibration": lambda: (made(PAIRS), ResultsChoice(view="calibration")),
    "small": lambda: (made(SMALL), ResultsChoice(metric="tokens_per_pass")),
    "40x40": lambda: (made(busy(SMALL)), ResultsChoice(rows="prompt", columns="gamma")),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a scene's name")
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
        results, choice = scene()
        for scheme in options.scheme or ("light", "dark"):
            theme.set_scheme(scheme)
            for size in options.size or SIZES:
                view = ResultsView()
                view.resize(*SIZES[size])
                view.show()
                view.set_choice(choice)
                view.show_results(results)
                application.processEvents()
                view.grab().save(str(options.folder / f"{name}-{size}-{scheme}.png"))
                view.close()
                view.deleteLater()


if __name__ == "__main__":
    main()
