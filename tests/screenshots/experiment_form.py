"""Pictures of the dialog "New experiment": `python tests/screenshots/experiment_form.py FOLDER
[--only PART] [--size SIZE] [--scheme SCHEME] [--scale-2]`.

As it opens, with refused cells, invalid, of many models; in the middle of a screen of each size.
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

import msgspec
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication

from app import motion, theme
from app.experiment_setup import from_setup
from app.panels.experiment_dialog import HEIGHT, WIDTH, ExperimentDialog
from app.setup import Setup
from engine.config import Config
from engine.experiments.spec import PromptChoice

SETUP = Setup(draft="", config=Config(temperature=0.8, drafter="model"))
FIRST = from_setup(SETUP)
SIZES = {"1600x900": (1600, 900), "3840x2160": (3840, 2160), "narrow": (640, 900)}


def _invalid(dialog: ExperimentDialog) -> None:
    dialog.form.gammas.edit.setText("2, four, 8")
    dialog.form.temperatures.edit.setText("0, 7")
    dialog.form.drafts.value = ()
    for box in dialog.form.rules.boxes.values():
        box.setChecked(False)
    for box in dialog.form.prompts.kinds.boxes.values():
        box.setChecked(False)
    dialog.form.tell()


def _refused(dialog: ExperimentDialog) -> None:
    form = dialog.form
    form.spec = msgspec.structs.replace(
        FIRST,
        drafter=("model", "ngram", "suffix", "ngram-table"),
        rule=("rejection", "block", "typical"),
        length_policy=("fixed", "entropy"),
        prompts=PromptChoice(kinds=("chat", "code", "copy"), number=24),
    )


def _many(dialog: ExperimentDialog) -> None:
    folder = Path("/tmp/draftscope models")
    folder.mkdir(exist_ok=True)
    long = "qwen2.5-coder-7b-instruct-q4_k_m-with-a-name-that-is-long"
    names = ("qwen2.5-coder-1.5b-instruct-q4_k_m", long, "qwen2.5-coder-0.5b-q8_0")
    files = [folder / f"{name}.gguf" for name in names]
    for file in files:
        file.touch()
    gone = str(folder / "deleted-3b-q4_0.gguf")
    targets = ("", "toy", str(files[0]), str(files[1]))
    dialog.form.spec = msgspec.structs.replace(FIRST, target=targets, draft=(str(files[2]), gone))
    dialog.form.targets.list.setCurrentRow(1)


def _misread(dialog: ExperimentDialog) -> None:
    spec = Path("/tmp/draftscope models/sweep.toml")
    spec.parent.mkdir(exist_ok=True)
    spec.write_text('title = "A sweep"\ngamma = [2, "four"]\n', encoding="utf-8")
    dialog.ask_open = lambda: str(spec)
    dialog.open_spec()


SCENES: dict[str, Callable[[ExperimentDialog], None]] = {
    "first": lambda _: None,
    "invalid": _invalid,
    "refused": _refused,
    "single": lambda dialog: setattr(
        dialog.form, "spec", msgspec.structs.replace(FIRST, length_policy=("fixed", "entropy"))
    ),
    "many": _many,
    "misread": _misread,
}


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
        for scheme in options.scheme or ("light", "dark"):
            theme.set_scheme(scheme)
            for size in options.size or SIZES:
                width, height = SIZES[size]
                dialog = ExperimentDialog()
                dialog.open_with(FIRST, 1.4)
                dialog.resize(min(WIDTH, width - 64), min(HEIGHT, height - 64))
                scene(dialog)
                for _ in range(2):  # texts that wrap take a second round to get their height
                    application.processEvents()
                # In the middle of a screen of that size, as a window manager would show it.
                screen = QPixmap(width, height)
                screen.fill(theme.theme().window)
                painter = QPainter(screen)
                at = (width - dialog.width()) // 2, (height - dialog.height()) // 2
                painter.drawPixmap(*at, dialog.grab())
                painter.end()
                screen.save(str(options.folder / f"{name}-{size}-{scheme}.png"))
                dialog.close()
                dialog.deleteLater()


if __name__ == "__main__":
    main()
