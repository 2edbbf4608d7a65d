"""`draftscope render`: options, words, exit codes, and what is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from typer.testing import CliRunner

from app import theme
from app.main import cli
from app.render import cli as module
from app.render.clip import FORMATS, SIZES, Clip, checked
from tests.app.render import films
from tests.app.render.films import MovingSquares, decoded

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def scheme_of_its_own() -> Iterator[None]:
    yield
    theme.set_scheme("system")


@pytest.fixture
def made(monkeypatch) -> list[tuple[Clip, int, bool]]:
    """Films of squares in place of recordings: (clip, runs in the recording, raced or not)."""
    films_made: list[tuple[Clip, int, bool]] = []

    def make(trace, clip, against=None, caption=""):
        films_made.append((clip, len(trace.runs), against is not None))
        return MovingSquares(clip.size)

    monkeypatch.setattr(module, "make_film", make)
    return films_made


def render(*arguments: object, code: int = 0):
    result = CliRunner().invoke(cli, ["render", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_demo_as_a_clip(qapp, made, tmp_path: Path):
    out = tmp_path / "clip.mp4"
    done = render("demo", "--out", out, "--size", "320x180")
    assert done.stderr.strip() == f"Wrote {out}"
    assert len(decoded(out, (320, 180))) == 12
    assert files(tmp_path) == ["clip.mp4"]
    assert made == [(Clip(out, size=(320, 180)), 2, False)]


def test_every_option_reaches_the_film(qapp, made, tmp_path: Path):
    out = tmp_path / "clip.gif"
    render(
        "demo", "--out", out, "--size", "square", "--fps", "10", "--view", "race", "--theme",
        "dark", "--from", "1.5", "--to", "3", "--speed", "0.25", "--against", "demo",
    )  # fmt: skip
    wish = Clip(out, "race", (1080, 1080), 10.0, "dark", 1.5, 3.0, 0.25)
    assert made == [(wish, 2, True)]


@pytest.mark.parametrize(("suffix", "fps"), [(".mp4", 60), (".gif", 25), (".webp", 30)])
def test_each_format_has_its_frame_rate(suffix: str, fps: float):
    assert checked(Path(f"a{suffix}")).fps == fps


def test_the_sizes_that_have_names():
    for name, size in SIZES.items():
        assert checked(Path("a.mp4"), size=name).size == size


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "clip.avi"], "'clip.avi' names no format"),
        (["--out", "clip"], "'clip' names no format"),
        (["--out", "none/clip.mp4"], "there is no folder 'none'"),
        (["--size", "big"], "'big' is no size"),
        (["--size", "1920"], "'1920' is no size"),
        (["--size", "-640x480"], "is no size"),
        (["--size", "9" * 6000 + "x5"], "is no size"),
        (["--size", "1921x1080"], "must be even, not 1921x1080"),
        (["--size", "1920x1079"], "must be even"),
        (["--size", "9000x1000"], "9000x1000 pixels cannot be rendered"),
        (["--size", "32x32"], "32x32 pixels cannot be rendered"),
        (["--fps", "0"], "cannot show 0 frames a second"),
        (["--fps", "-5"], "cannot show -5 frames"),
        (["--fps", "nan"], "cannot show nan frames"),
        (["--fps", "1000"], "cannot show 1000 frames"),
        (["--out", "clip.gif", "--fps", "60"], "A GIF animation cannot show 60 frames"),
        (["--view", "sideways"], "no view 'sideways'"),
        (["--theme", "pink"], "no theme 'pink'"),
        (["--from", "-1"], "cannot begin at -1 s"),
        (["--from", "inf"], "cannot begin at inf s"),
        (["--from", "5", "--to", "4"], "cannot end at 4 s"),
        (["--to", "nan"], "cannot end at nan s"),
        (["--speed", "0"], "speed of 0 is out of range"),
        (["--speed", "nan"], "speed of nan"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_bad_wish_is_one_line_and_a_hint(made, monkeypatch, tmp_path: Path, arguments, says: str):
    monkeypatch.chdir(tmp_path)
    wish = arguments if "--out" in arguments else ["--out", "clip.mp4", *arguments]
    refused(render("demo", *wish, code=2), says)
    assert made == []
    assert files(tmp_path) == []


def refused(result, says: str) -> None:
    error, hint, *rest = result.stderr.splitlines()
    assert error.startswith("Error: ")
    assert says in error
    assert hint.startswith("Hint: ")
    assert not rest
    assert not result.stdout


DEMO_LINES = (ROOT / "assets" / "recordings" / "demo.jsonl").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no events"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100) + b"\n", "is not"),
        (DEMO_LINES[0][:200], "holds no events"),
        (DEMO_LINES[0][:200] + b"\n", "Line 1 of rec.jsonl"),
        (b"".join(DEMO_LINES[1:3]), "Line 1 of rec.jsonl"),
        (re.sub(rb'"schema":\d+', b'"schema":999', DEMO_LINES[0]), "newer Draftscope"),
        (DEMO_LINES[0] + DEMO_LINES[1].replace(b'"seq"', b'"sequel"'), "Line 2 of rec.jsonl"),
        (DEMO_LINES[0] + b" " * 70_000_000 + b"\n", "Line 2 of rec.jsonl is too long"),
        (None, "There is no file rec.jsonl"),
    ],
    ids="empty binary truncated cut no-start future edited huge missing".split(),
)
def test_a_bad_recording_is_one_clear_line(qapp, made, tmp_path: Path, content, says: str):
    recording, folder = tmp_path / "rec.jsonl", tmp_path / "clips"
    folder.mkdir()
    if content is not None:
        recording.write_bytes(content)
    failed = render(recording, "--out", folder / "clip.mp4", code=2)
    assert failed.stderr.startswith("Error: ")
    assert says in failed.stderr
    assert "Traceback" not in failed.output
    assert files(folder) == []
    assert made == []


def test_a_recording_that_broke_off_is_shown_as_far_as_it_goes(qapp, made, tmp_path: Path):
    recording = tmp_path / "rec.jsonl"
    recording.write_bytes(b"".join(DEMO_LINES[:40]) + DEMO_LINES[40][:50])
    render(recording, "--out", tmp_path / "clip.png", "--size", "320x180")
    assert QImage(str(tmp_path / "clip.png")).size().toTuple() == (320, 180)


def test_a_bad_second_recording(qapp, made, tmp_path: Path):
    other = tmp_path / "other.jsonl"
    arguments = ("--out", tmp_path / "clip.mp4", "--view", "race", "--against", other)
    refused(render("demo", *arguments, code=2), "There is no file other.jsonl")


def test_more_than_fits_into_memory(qapp, made, monkeypatch, tmp_path: Path):
    def greedy(path):
        raise MemoryError
        yield

    monkeypatch.setattr("engine.recording.read_events", greedy)
    out = tmp_path / "clip.mp4"
    refused(render("demo", "--out", out, code=2), "demo.jsonl does not fit into memory")


def test_a_beginning_after_the_end(qapp, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(module, "make_film", lambda *_: MovingSquares(n_frames=0))
    arguments = ("demo", "--out", tmp_path / "clip.mp4", "--from", "900")
    refused(render(*arguments, code=2), "nothing to show from 900 s on")
    assert files(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="the fake is a script with a #! line")
def test_a_full_disk(qapp, made, monkeypatch, tmp_path: Path):
    folder = tmp_path / "clips"
    folder.mkdir()
    fake = films.fake_ffmpeg(tmp_path, films.FULL_DISK)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake))
    failed = render("demo", "--out", folder / "clip.mp4", "--size", "320x180", code=2)
    refused(failed, "clip.mp4 cannot be written: the disk is full")
    assert files(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cancels_and_leaves_nothing(qapp, monkeypatch, tmp_path: Path, number):
    class Interrupted(MovingSquares):
        def frame(self, i: int) -> QImage:
            if i == 5:
                signal.raise_signal(number)
            return super().frame(i)

    film = Interrupted((320, 180), 1000)
    monkeypatch.setattr(module, "make_film", lambda *_: film)
    before = signal.getsignal(number)
    out = tmp_path / "clip.mp4"
    stopped = render("demo", "--out", out, "--size", "320x180", code=130)
    assert stopped.stderr == "Cancelled.\n"
    assert film.asked[-1] == 5
    assert files(tmp_path) == []
    assert signal.getsignal(number) is before


def test_lines_for_the_window(qapp, made, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(module, "serve_window", lambda cancel: None)
    out = tmp_path / "clip.mp4"
    printed = render("demo", "--out", out, "--size", "320x180", "--for-window").stdout
    lines = [json.loads(line) for line in printed.splitlines()]
    assert lines[0] == {"done": 1, "total": 12}
    assert lines[-1] == {"done": 12, "total": 12}

    failed = render("none.jsonl", "--out", out, "--for-window", code=2)
    told = json.loads(failed.stdout)
    assert told["error"] == "There is no file none.jsonl."
    assert set(told) == {"error", "hint"}


def child(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    """`draftscope render` in a process of its own, over squares."""
    setup = (
        "import app.render.cli as module\n"
        "from app.main import cli\n"
        "from tests.app.render.films import MovingSquares\n"
        f"{code}\n"
        "cli()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", setup, "render", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


ENDLESS = "module.make_film = lambda *_: MovingSquares((320, 180), 10**8)"


def await_first_frame(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert json.loads(process.stdout.readline()) == {"done": 1, "total": 10**8}


def test_the_window_cancels_by_closing_the_pipe(tmp_path: Path):
    out = tmp_path / "clip.mp4"
    process = child(ENDLESS, "demo", "--out", out, "--size", "320x180", "--for-window")
    await_first_frame(process)
    process.communicate(timeout=60)  # closes its standard input
    assert process.returncode == 130
    assert files(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="consoles send Ctrl+C otherwise there")
def test_ctrl_c_in_a_process_of_its_own(tmp_path: Path):
    out = tmp_path / "clip.mp4"
    process = child(ENDLESS, "demo", "--out", out, "--size", "320x180", "--for-window")
    await_first_frame(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    process.communicate()
    assert files(tmp_path) == []


def test_the_command_loads_qt_only_when_it_renders():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from app.main import cli\n"
        "result = CliRunner().invoke(cli, ['render', 'demo', '--out', 'clip.avi'])\n"
        "assert result.exit_code == 2, result.output\n"
        "assert not [m for m in sys.modules if m.startswith(('PySide6', 'shiboken6'))]\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_help_names_formats_sizes_and_views():
    shown = CliRunner().invoke(cli, ["render", "--help"]).output
    for word in (*FORMATS, *SIZES, "inspector", "--against", "--from", "--speed"):
        assert word in shown
    assert "--for-window" not in shown
