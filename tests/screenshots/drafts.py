"""Pictures of the page "Make a draft": `python tests/screenshots/drafts.py FOLDER`.

Empty, the quantisations, mid-training, finished, and in error; large and small, light and dark.
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
from app.draft_maker import DraftMaker
from app.panels.drafts import DraftsPage
from app.setup import Setup
from engine.distil.figures import Learnt, Step
from engine.distil.folder import Folder
from engine.distil.plan import Plan
from engine.errors import ErrorInfo
from tests.app.sweeps import PAIRS, write_folder

SIZES = {"1600x900": (1600, 900), "3840x2160": (3840, 2160), "small": (1064, 664)}
PLAN = Plan(vocabulary=14_336, tokens=400_000, passes=8.0)


def learnt(n: int, whole: int = 40) -> list[Learnt]:
    """A training of made-up figures, n of `whole` judgements long."""
    found: list[Learnt] = []
    for i in range(n):
        x = i / (whole - 1)
        rise = x / (x + 0.15)
        found.append(
            Learnt(x, 3600 * x, round(3_200_000 * x), 2.1 + 8.0 * (1 - rise) ** 3,
                   0.03 + 0.5 * rise, 0.02 + 0.47 * rise, 0.14)
        )  # fmt: skip
    return found


def work(root: Path, name: str, figures: list[Learnt]) -> Folder:
    folder = Folder(root / name)
    folder.work.mkdir(parents=True)
    folder.plan.write_bytes(msgspec.json.encode(PLAN))
    for each in figures:
        folder.add_learnt(each)
    return folder


def page(root: Path, choose: str = "") -> DraftsPage:
    made = DraftsPage(DraftMaker(root), Setup, lambda source: "SmolLM2 135M Instruct")
    made.look()
    if choose:
        made.choose(root / choose)
    return made


def running(root: Path) -> DraftsPage:
    work(root, "smollm2-135m-draft", learnt(40))
    work(root, "smollm2-135m-draft-2", learnt(16))
    shown = page(root, "smollm2-135m-draft-2")
    shown.maker.running = root / "smollm2-135m-draft-2"
    shown.maker.changed.emit()
    shown.maker.stepped.emit(Step("train", 0.38, "1,231,000 tokens", 2230.0))
    return shown


def finished(root: Path) -> DraftsPage:
    folder = work(root, "smollm2-135m-draft", learnt(40))
    spec = msgspec.structs.replace(
        PAIRS, target=("",), draft=(str(folder.draft / "draft-Q4_0.gguf"),
                                    str(folder.draft / "draft-Q8_0.gguf")),
        drafter=("model",), gamma=(4,), temperature=(0.0, 0.8),
    )  # fmt: skip
    folder.out.mkdir()
    write_folder(folder.out / "evaluation", spec, recordings=False)
    (folder.out / "draft-Q8_0.gguf").write_bytes(b"")
    (root / "SmolLM2-135M-Instruct-1a2b3c4d-Q2_K.gguf").write_bytes(b"\0" * 9_000_000)
    return page(root, "smollm2-135m-draft")


def failed(root: Path) -> DraftsPage:
    work(root, "smollm2-135m-draft", [])
    shown = page(root)
    shown.maker.failed.emit(
        ErrorInfo("DraftError", "tiny has no chat template: it cannot be asked to write its own "
                  "text.", "Choose a chat model (Instruct, Chat, it).")
    )  # fmt: skip
    return shown


def quantising(root: Path) -> DraftsPage:
    shown = page(root)
    shown.ways.value = "quantise"
    shown.look()
    return shown


SCENES: dict[str, Callable[[Path], DraftsPage]] = {
    "empty": page, "quantise": quantising, "running": running, "finished": finished,
    "failed": failed,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a scene's name")
    parser.add_argument("--size", choices=SIZES, action="append")
    parser.add_argument("--scheme", choices=("light", "dark"), action="append")
    parser.add_argument("--scale-2", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    application = QApplication(sys.argv[:1])
    motion.set_reduced(True)
    theme.install(application)
    for scheme in asked.scheme or ("light", "dark"):
        theme.set_scheme(scheme)
        for name, make in SCENES.items():
            if asked.only not in name:
                continue
            for size in asked.size or SIZES:
                with tempfile.TemporaryDirectory() as root:
                    shown = make(Path(root))
                    shown.resize(*SIZES[size])
                    shown.show()
                    for _ in range(20):
                        application.processEvents()
                    shown.grab().save(str(asked.folder / f"{name}-{scheme}-{size}.png"))
                    shown.hide()
                    shown.deleteLater()


if __name__ == "__main__":
    main()
