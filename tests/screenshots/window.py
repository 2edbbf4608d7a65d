"""Pictures of the whole window: python -m tests.screenshots.window FOLDER [--scale-2] [STATE …]."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_SCALE_FACTOR"] = "2" if "--scale-2" in sys.argv else "1"

import msgspec
from PySide6.QtWidgets import QApplication

from app import theme
from app.files import DEMO
from app.machine import Machine
from app.panels.fields import Explanation
from app.settings import Folders, Settings
from app.setup import Setup
from app.window import MainWindow
from engine.config import Config
from engine.errors import ErrorInfo
from engine.events import AnyEvent, RunStarted
from engine.lab.result import CheckResult
from engine.session import CheckProgress, Loading
from tests.app.checks import check_result, greedy_result, lossy_result, toy_result
from tests.app.fake_session import FakeSession
from tests.app.hub import model_folder, repository
from tests.app.traces import make_events

PROMPT = "Write a Python function that checks whether a string is a palindrome, then explain it."
SETUP = Setup(
    prompt=PROMPT,
    target="/models/Qwen2.5-Coder-1.5B-Instruct-Q4_K_M.gguf",
    draft="/models/Qwen2.5-Coder-0.5B-Instruct-Q4_K_M.gguf",
    config=Config(gamma=5, temperature=0.8, top_p=0.95, seed=42),
)
LOST = ErrorInfo(
    "VocabularyError",
    "The draft has another vocabulary: token 1234 is 'Ġhouse' in the target and 'house' in the "
    "draft.",
    "Choose a draft of the same model family, or the n-gram drafter, which needs none.",
    "Traceback (most recent call last):\n  …\nengine.errors.VocabularyError",
)


class Scene:
    """A window, and the engine that is played to it."""

    def __init__(self, width: int, height: int, folder: Path, setup: Setup = SETUP) -> None:
        settings = Settings(Folders.below(folder))
        settings.setup = setup
        self.session = FakeSession()
        machine = Machine(ask=lambda: None)
        self.window = MainWindow(settings, make_session=lambda: self.session, machine=machine)  # type: ignore[arg-type,return-value]
        self.window.resize(width, height)
        self.window.share_width()
        self.window.show()
        self.window.after_first_paint()
        self.window.setup_panel.engine.show_memory(2_100_000_000, 24_000_000_000)
        self.window.setup_panel.engine.show_machine("AMD Ryzen 7 7700X")
        QApplication.processEvents()

    def play(self, events: Iterable[AnyEvent]) -> None:
        """Let the engine say these events."""
        self.session.say(*events)
        self.drain()

    def drain(self) -> None:
        while not self.session.outbox.empty():
            self.window.controller.pump.drain()
        QApplication.processEvents()

    def baseline(self) -> None:
        self.window.run()
        self.play(seeded(make_events(rounds=128, role="baseline", reason="stop")))

    def end(self, error: ErrorInfo | None = None) -> None:
        self.session.finish(error)
        self.drain()


def seeded(events: Iterable[AnyEvent]) -> Iterable[AnyEvent]:
    for event in events:
        if isinstance(event, RunStarted):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            yield msgspec.structs.replace(event, config=with_seed(event.config), started_at=now)
        else:
            yield event


def with_seed(config: Config) -> Config:
    return msgspec.structs.replace(config, seed=42)


def empty(scene: Scene) -> None:
    pass


def loading(scene: Scene) -> None:
    scene.window.run()
    scene.session.say(Loading("target", 0.45))
    scene.drain()


def measuring(scene: Scene) -> None:
    scene.window.run()
    scene.play(seeded(make_events(rounds=40, role="baseline", reason=None)))


def mid(scene: Scene) -> None:
    scene.baseline()
    run = make_events(rounds=17, baseline="baseline-0", open_drafted=3, reason=None)
    scene.play(seeded(run))


def paused(scene: Scene) -> None:
    mid(scene)
    scene.window.pause_or_resume()
    scene.window.centre.look_at_round(12)


def finished(scene: Scene) -> None:
    scene.baseline()
    scene.play(seeded(make_events(rounds=31, baseline="baseline-0", reason="stop")))
    scene.end()


def error(scene: Scene) -> None:
    finished(scene)
    scene.window.run()
    scene.end(LOST)


def problem(scene: Scene) -> None:
    panel = scene.window.setup_panel
    config = msgspec.structs.replace(SETUP.config, rule="greedy")
    panel.setup = msgspec.structs.replace(SETUP, config=config, draft=None)
    scene.window.reset_setup()
    panel.setup = msgspec.structs.replace(SETUP, config=config, draft=None)


def set_up(scene: Scene, **changes: object) -> None:
    """Show SETUP with another configuration, and the drafting box in full."""
    panel = scene.window.setup_panel
    config = msgspec.structs.replace(SETUP.config, **changes)
    panel.setup = msgspec.structs.replace(SETUP, config=config)
    QApplication.processEvents()
    panel.ensureWidgetVisible(panel.sampling)
    panel.ensureWidgetVisible(panel.drafting)


def tree(scene: Scene) -> None:
    set_up(scene, branches=(3, 2))


def typical(scene: Scene) -> None:
    set_up(scene, rule="typical")


def lenient(scene: Scene) -> None:
    set_up(scene, rule="lenient", lenience=0.6, length_policy="entropy")


def table(scene: Scene) -> None:
    set_up(scene, drafter="ngram-table", length_policy="confidence")
    scene.window.setup_panel.drafting.corpus.value = "/texts/palindromes and other word games.txt"


def refused(scene: Scene) -> None:
    set_up(scene, drafter="ngram", rule="block", length_policy="throughput")


def wide_tree(scene: Scene) -> None:
    set_up(scene, branches=(4, 4, 4), length_policy="fixed")


def plain(scene: Scene) -> None:
    set_up(scene, gamma=0, rule="lenient")


def rules(scene: Scene) -> None:
    set_up(scene, drafter="ngram")
    scene.window.setup_panel.drafting.rule.showPopup()


def rule_explained(scene: Scene) -> None:
    set_up(scene, rule="typical")
    scene.window.setup_panel.drafting.findChildren(Explanation)[-1].explain()


def lab(scene: Scene, result: CheckResult | None = None, **changes: object) -> None:
    """The losslessness lab, with a result if there is one."""
    set_up(scene, **changes)
    scene.window.check_losslessness()
    if result is not None:
        check(scene)
        scene.session.found(result)
        scene.drain()


def check(scene: Scene) -> None:
    sheet = scene.window.lab.sheet
    assert sheet is not None
    sheet.run.click()
    scene.drain()


def lab_empty(scene: Scene) -> None:
    lab(scene)


def lab_running(scene: Scene) -> None:
    lab(scene, branches=(3, 2))
    check(scene)
    scene.session.say(CheckProgress(1, 1240, 2000, "speculative"))
    scene.drain()


def lab_passed(scene: Scene) -> None:
    lab(scene, check_result())


def lab_exact(scene: Scene) -> None:
    lab(scene, toy_result())


def lab_lossy(scene: Scene) -> None:
    lab(scene, lossy_result(), rule="lenient")


def lab_failed(scene: Scene) -> None:
    lab(scene, lossy_result(declared=True), length_policy="confidence")
    scene.window.setup_panel.sampling.top_p.value = 0.5


def lab_greedy(scene: Scene) -> None:
    lab(scene, greedy_result(parts=True), temperature=0)


def lab_error(scene: Scene) -> None:
    lab(scene)
    check(scene)
    scene.end(LOST)


def advice(scene: Scene) -> None:
    finished(scene)
    scene.window.setup_panel.engine.show_advice(
        "NVIDIA GeForce RTX 4090 found, but the installed llama-cpp-python uses the CPU only.",
        "pip install …",
    )
    scene.window.setup_panel.engine.more.setChecked(True)
    bar = scene.window.setup_panel.verticalScrollBar()
    QApplication.processEvents()
    bar.setValue(bar.maximum())


def picker(scene: Scene) -> None:
    scene.window.choose_draft()


def hub_picker(scene: Scene) -> None:
    """A cache with a model of each kind, and a folder among the recent models."""
    settings = scene.window.settings
    cache = settings.folders.data / "hub"
    os.environ["HF_HUB_CACHE"] = str(cache)
    repository(cache, "HuggingFaceTB/SmolLM2-135M-Instruct", weights=269_060_552)
    repository(cache, "meta-llama/Llama-3.2-1B", weights=2_471_645_608)
    half = repository(cache, "Qwen/Qwen2.5-7B-Instruct-with-a-long-name-of-its-own", shards=2)
    (half / "model-00001-of-00002.safetensors").unlink()
    settings.add_recent_model(str(model_folder(settings.folders.data / "Mine-0.5")))
    scene.window.choose_draft()


def hf_options(scene: Scene) -> None:
    """What a Hugging Face target is asked for, beside a GGUF draft; one of several GPUs."""
    panel = scene.window.setup_panel
    panel.setup = msgspec.structs.replace(
        SETUP, target="meta-llama/Llama-3.2-1B", device="cuda:1", precision="bfloat16"
    )
    panel.engine.more.setChecked(True)
    QApplication.processEvents()
    panel.verticalScrollBar().setValue(panel.verticalScrollBar().maximum())


def made_up(scene: Scene) -> None:
    """A run with weights that are made up for timing."""
    scene.window.run()
    scene.play(make_events(rounds=128, role="baseline", reason="stop", synthetic=True))
    scene.play(make_events(rounds=31, baseline="baseline-0", reason="stop", synthetic=True))
    scene.end()


def presets(scene: Scene) -> None:
    menu = scene.window.setup_panel.prompt.presets.menu()
    menu.popup(scene.window.pos())


def shortcuts(scene: Scene) -> None:
    scene.window.show_shortcuts()


def explanation(scene: Scene) -> None:
    scene.window.setup_panel.drafting.findChild(Explanation).explain()


def recording(scene: Scene) -> None:
    scene.window.open_file(DEMO)
    while scene.window.controller.pump.active:
        scene.window.controller.pump.drain()


SCENES: dict[str, Callable[[Scene], None]] = {
    scene.__name__: scene
    for scene in (
        empty,
        loading,
        measuring,
        mid,
        paused,
        finished,
        error,
        problem,
        tree,
        typical,
        lenient,
        table,
        refused,
        wide_tree,
        plain,
        rules,
        rule_explained,
        lab_empty,
        lab_running,
        lab_passed,
        lab_exact,
        lab_lossy,
        lab_failed,
        lab_greedy,
        lab_error,
        advice,
        picker,
        hub_picker,
        hf_options,
        made_up,
        presets,
        shortcuts,
        explanation,
        recording,
    )
}
SCALE = int(os.environ["QT_SCALE_FACTOR"])
SIZES = {"": (1600, 900), "-4k": (3840, 2160), "-narrow": (1100, 700)}
SMALL = ("finished", "error", "empty", "tree", "lenient", "made_up")
"""Scenes that are shown in the other sizes too."""


def shoot(out: Path, name: str, scheme: theme.Scheme, size: str) -> None:
    width, height = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(width // SCALE, height // SCALE, Path(folder))
        scene.window.view.use_scheme(scheme, remember=False)
        SCENES[name](scene)
        QApplication.processEvents()
        picture = scene.window.grab()
        for other in QApplication.topLevelWidgets():
            if other.isVisible() and other is not scene.window:
                other.grab().save(str(out / f"{name}-alone-{scheme}.png"))
                other.close()
        suffix = f"{size}-x2" if SCALE == 2 else size
        picture.save(str(out / f"window-{name}{suffix}-{scheme}.png"))
        scene.window.close()
        scene.window.deleteLater()
        QApplication.processEvents()


def main() -> None:
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    out = Path(arguments[0] if arguments else "shots")
    out.mkdir(parents=True, exist_ok=True)
    names = arguments[1:] or list(SCENES)
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    theme.install(application)
    for scheme in ("light", "dark"):
        for name in names:
            for size in SIZES:
                if (size == "-4k") if SCALE == 2 else (not size or name in SMALL):
                    shoot(out, name, scheme, size)


if __name__ == "__main__":
    main()
