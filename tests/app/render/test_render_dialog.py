"""The dialog "Render clip": what it asks the command for, and how it tells what came of that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from pytestqt.qtbot import QtBot

from app import child
from app.files import DEMO
from app.panels.render_child import RenderChild
from app.panels.render_dialog import RenderDialog
from app.panels.render_form import SIZES, VIEWS
from app.render import clip
from app.render.output import part_of
from app.render.progress import remaining
from app.settings import Folders, Rendering, Settings
from engine.errors import ErrorInfo
from tests.app.render.films import decoded

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def dialog(qtbot: QtBot, settings: Settings, tmp_path: Path) -> Iterator[RenderDialog]:
    settings.rendering = Rendering(folder=str(tmp_path))
    dialog = RenderDialog(settings)
    qtbot.addWidget(dialog)
    yield dialog
    dialog.child.end()


@pytest.fixture
def pretend(monkeypatch) -> Callable[[str], None]:
    """Put Python code in the place of `draftscope render`; `out` is the file to write."""

    def put(code: str) -> None:
        before = (
            "import os, sys\n"
            "from pathlib import Path\n"
            "out = Path(sys.argv[sys.argv.index('--out') + 1])\n"
            "part = out.with_name(out.stem + '.part' + out.suffix)\n"
        )
        monkeypatch.setattr(child, "command", lambda: [sys.executable, "-c", before + code])

    return put


DONE = 'print(\'{"done": 3, "total": 10}\', flush=True); out.write_bytes(bytes(2_500_000))'
BAD = 'print(\'{"error": "The disk is full.", "hint": "Free some."}\'); sys.exit(2)'
CRASH = "part.write_bytes(b'half'); sys.stderr.write('Traceback: boom'); sys.exit(1)"
UNTIL_CLOSED = (
    "part.write_bytes(b'half'); print('{\"done\": 1, \"total\": 10}', flush=True)\n"
    "while os.read(0, 100): pass\n"
    "sys.exit(130)"
)
DEAF = (
    "part.write_bytes(b'half'); print('{\"done\": 1, \"total\": 10}', flush=True)\n"
    "import threading; threading.Event().wait()"
)


def given(dialog: RenderDialog) -> list[str]:
    return dialog.form.arguments(DEMO)


def option(dialog: RenderDialog, name: str) -> str | None:
    arguments = given(dialog)
    return arguments[arguments.index(name) + 1] if name in arguments else None


def choose(box, value) -> None:
    at = box.findData(value)
    assert at >= 0
    box.setCurrentIndex(at)


def test_it_opens_with_the_whole_recording_as_a_clip(dialog: RenderDialog, tmp_path: Path):
    dialog.open_for(DEMO, 17.24, 3.5)
    assert dialog.isVisible()
    assert dialog.what.text() == "demo.jsonl"
    assert dialog.stage.text() == "A clip of 18.7 s, 1,124 frames"
    assert given(dialog) == [
        str(DEMO), "--out", str(tmp_path / "demo.mp4"), "--view", "all", "--size", "1920x1080",
        "--theme", "light", "--from", "0", "--speed", "1", "--fps", "60",
    ]  # fmt: skip


def test_every_choice_is_one_that_the_command_takes(dialog: RenderDialog):
    dialog.open_for(DEMO, 10.0, 1.0)
    form = dialog.form
    assert set(VIEWS) == set(clip.VIEWS)
    for box in (form.format, form.view, form.pixels, form.scheme, form.speed):
        for i in range(box.count()):
            box.setCurrentIndex(i)
            for rate in range(form.rate.count()):
                form.rate.setCurrentIndex(rate)
                fps, speed = option(dialog, "--fps"), option(dialog, "--speed")
                clip.checked(
                    form.path,
                    view=option(dialog, "--view") or "",
                    size=option(dialog, "--size") or "",
                    scheme=option(dialog, "--theme") or "",
                    fps=float(fps) if fps else None,
                    speed=float(speed or 1),
                )
    assert {clip.parsed_size(size) for size in SIZES} >= set(clip.SIZES.values())


def test_a_part_of_it_in_slow_motion(dialog: RenderDialog):
    dialog.open_for(DEMO, 20.0, 0.0)
    form = dialog.form
    form.start.setValue(4.0)
    form.stop.setValue(6.5)
    choose(form.speed, 0.1)
    assert (option(dialog, "--from"), option(dialog, "--to")) == ("4", "6.5")
    assert option(dialog, "--speed") == "0.1"
    assert dialog.stage.text() == "A clip of 25.0 s, 1,500 frames"
    choose(form.speed, 0.05)
    form.stop.setValue(9.0)
    assert dialog.stage.text() == "A clip of 1 min 40 s, 6,000 frames"
    form.start.setValue(15.0)
    assert form.stop.value() == 15.0, "a clip does not end before it begins"


def test_a_picture_shows_the_moment_on_screen(dialog: RenderDialog, tmp_path: Path):
    dialog.open_for(DEMO, 20.0, 7.25)
    choose(dialog.form.format, ".png")
    assert dialog.form.at.isVisible()
    assert not dialog.form.stop.isVisible()
    assert not dialog.form.rate.isVisible()
    assert option(dialog, "--from") == "7.25"
    assert option(dialog, "--to") is None
    assert option(dialog, "--fps") is None
    assert option(dialog, "--out") == str(tmp_path / "demo.png")
    assert dialog.stage.text() == "A single picture"
    choose(dialog.form.format, ".gif")
    assert option(dialog, "--fps") == "25"
    assert dialog.form.rate.findData(60.0) < 0, "no GIF has 60 frames a second"


def test_the_ending_follows_the_format(dialog: RenderDialog, tmp_path: Path):
    dialog.open_for(DEMO, 20.0, 0.0)
    form = dialog.form
    form.file.setText(str(tmp_path / "my.talk"))
    assert form.path == tmp_path / "my.talk.mp4"
    form.ask_file = lambda suggestion, kinds: str(tmp_path / "chosen") if ".mp4" in kinds else ""
    form.choose.click()
    assert form.file.text() == str(tmp_path / "chosen.mp4")
    choose(form.format, ".webp")
    assert form.file.text() == str(tmp_path / "chosen.webp")
    form.choose.click()  # dismissed
    assert form.file.text() == str(tmp_path / "chosen.webp")
    form.file.setText("")
    assert not dialog.render_button.isEnabled()
    assert dialog.stage.text() == "Give the file a name"


def test_a_clip_is_written_and_shown_in_its_folder(
    qtbot: QtBot, dialog: RenderDialog, pretend, tmp_path: Path
):
    pretend(DONE)
    opened: list[QUrl] = []
    dialog.open_folder = opened.append
    dialog.open_for(DEMO, 2.0, 0.0)
    assert not dialog.folder.isVisible()
    with qtbot.waitSignals([dialog.child.progressed, dialog.child.done]):
        dialog.render_button.click()
        assert not dialog.form.isEnabled()
        assert dialog.bar.isVisible()
        assert dialog.cancel.text() == "Cancel"
    assert dialog.stage.text() == "Wrote demo.mp4, 2.5 MB"
    assert dialog.form.isEnabled()
    assert not dialog.bar.isVisible()
    assert dialog.cancel.text() == "Close"
    dialog.folder.click()
    assert opened == [QUrl.fromLocalFile(str(tmp_path))]


def test_progress_in_words(dialog: RenderDialog):
    dialog.open_for(DEMO, 2.0, 0.0)
    dialog._on_progress(3, 1200)
    assert dialog.stage.text().startswith("3 of 1,200 frames")
    assert dialog.bar.value() / dialog.bar.maximum() == 3 / 1200
    dialog._on_progress(1200, 1200)
    assert dialog.stage.text() == "Finishing the file…"


def test_time_left():
    assert remaining(10, 100, 0.5) == ""
    assert remaining(0, 100, 5) == ""
    assert remaining(100, 100, 5) == ""
    assert remaining(50, 100, 10) == "about 10 s left"
    assert remaining(99, 100, 10) == "about 1 s left"
    assert remaining(10, 100, 20) == "about 3 min left"


def test_what_a_person_can_mend_is_a_sentence_and_a_hint(
    qtbot: QtBot, dialog: RenderDialog, pretend, tmp_path: Path
):
    pretend(BAD)
    dialog.open_for(DEMO, 2.0, 0.0)
    with qtbot.waitSignal(dialog.child.failed):
        dialog.render_button.click()
    (banner,) = dialog.banners.shown
    assert banner.message == "The disk is full."
    assert banner.details is None
    assert not dialog.folder.isVisible()
    assert dialog.render_button.isEnabled()


def test_a_crash_has_details_and_leaves_nothing(
    qtbot: QtBot, dialog: RenderDialog, pretend, tmp_path: Path
):
    pretend(CRASH)
    dialog.open_for(DEMO, 2.0, 0.0)
    with qtbot.waitSignal(dialog.child.failed):
        dialog.render_button.click()
    (banner,) = dialog.banners.shown
    assert banner.message == "The rendering ended unexpectedly."
    assert banner.details is not None
    assert "boom" in banner.details.toPlainText()
    assert not list(tmp_path.glob("*.mp4"))


@pytest.mark.parametrize("code", [UNTIL_CLOSED, DEAF], ids=["listens", "deaf"])
def test_cancel_stops_it_and_leaves_nothing(
    qtbot: QtBot, dialog: RenderDialog, pretend, monkeypatch, tmp_path: Path, code: str
):
    if code is DEAF:
        monkeypatch.setattr(RenderChild, "patience_ms", 50)
    pretend(code)
    dialog.open_for(DEMO, 2.0, 0.0)
    with qtbot.waitSignal(dialog.child.progressed):
        dialog.render_button.click()
    assert part_of(tmp_path / "demo.mp4").exists()
    with qtbot.waitSignal(dialog.child.cancelled):
        dialog.cancel.click()
        dialog.reject()  # Esc as well: harmless
    assert dialog.isVisible()
    assert dialog.stage.text() == "Cancelled: no file was written"
    assert not list(tmp_path.glob("*.mp4"))
    assert dialog.banners.shown == []
    dialog.reject()
    assert not dialog.isVisible()


def test_the_end_of_the_window_ends_it(qtbot: QtBot, dialog: RenderDialog, pretend, tmp_path):
    pretend(UNTIL_CLOSED)
    dialog.open_for(DEMO, 2.0, 0.0)
    with qtbot.waitSignal(dialog.child.progressed):
        dialog.render_button.click()
    dialog.child.end()
    assert not dialog.child.running
    assert not list(tmp_path.glob("*.mp4"))
    dialog.child.end()


def test_another_recording_does_not_disturb_one_that_is_rendered(
    qtbot: QtBot, dialog: RenderDialog, pretend
):
    pretend(UNTIL_CLOSED)
    dialog.open_for(DEMO, 2.0, 0.0)
    with qtbot.waitSignal(dialog.child.progressed):
        dialog.render_button.click()
    dialog.open_for(Path("other.jsonl"), 9.0, 0.0)
    assert dialog.what.text() == "demo.jsonl"
    dialog.child.end()
    dialog.open_for(Path("other.jsonl"), 9.0, 0.0)
    assert dialog.what.text() == "other.jsonl"


def test_what_was_chosen_is_remembered(
    qtbot: QtBot, dialog: RenderDialog, pretend, settings: Settings, folders: Folders, tmp_path
):
    pretend(DONE)
    clips = tmp_path / "clips"
    clips.mkdir()
    dialog.open_for(DEMO, 2.0, 0.0)
    form = dialog.form
    for box, value in ((form.format, ".gif"), (form.view, "round"), (form.pixels, "1080x1080")):
        choose(box, value)
    choose(form.scheme, "dark")
    choose(form.speed, 0.25)
    choose(form.rate, 10.0)
    form.file.setText(str(clips / "talk.gif"))
    with qtbot.waitSignal(dialog.child.done):
        dialog.render_button.click()
    settings.sync()
    wanted = Rendering(".gif", "round", "1080x1080", "dark", 0.25, {".gif": 10.0}, str(clips))
    assert Settings(folders).rendering == wanted
    again = RenderDialog(Settings(folders))
    qtbot.addWidget(again)
    again.open_for(DEMO, 2.0, 0.0)
    assert again.form.settings == wanted
    assert again.form.path == clips / "demo.gif"


def test_settings_that_name_nothing_known(qtbot: QtBot, settings: Settings):
    settings.rendering = Rendering(".avi", "x", "1x1", "pink", 3.0, {".mp4": 7.0}, "/nowhere")
    dialog = RenderDialog(settings)
    qtbot.addWidget(dialog)
    dialog.open_for(DEMO, 2.0, 0.0)
    assert option(dialog, "--fps") == "60"
    assert option(dialog, "--size") == "1920x1080"
    assert Path(option(dialog, "--out") or "").parent.is_dir()


def test_a_program_that_cannot_be_started(qtbot: QtBot, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(child, "command", lambda: [str(tmp_path / "none")])
    rendering = RenderChild()
    with qtbot.waitSignal(rendering.failed) as told:
        rendering.start([], tmp_path / "clip.mp4")
    error = told.args[0]
    assert isinstance(error, ErrorInfo)
    assert error.message == "The rendering could not be started."
    assert not rendering.running


def test_the_program_is_this_one(monkeypatch):
    assert child.command() == [sys.executable, "-m", "app"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert child.command() == [sys.executable]


def test_a_real_process_renders_squares(qtbot: QtBot, dialog: RenderDialog, monkeypatch, tmp_path):
    code = (
        "import app.render.cli as module\n"
        "from app.main import cli\n"
        "from tests.app.render.films import MovingSquares\n"
        "module.make_film = lambda trace, clip, *_: MovingSquares(clip.size)\n"
        "cli()\n"
    )
    monkeypatch.setattr(child, "command", lambda: [sys.executable, "-c", code])
    dialog.open_for(DEMO, 2.0, 0.0)
    with qtbot.waitSignal(dialog.child.done, timeout=60_000):
        dialog.render_button.click()
    assert len(decoded(tmp_path / "demo.mp4", (1920, 1080))) == 12
