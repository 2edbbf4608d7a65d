"""The command line: options of the window, and commands that stay free of Qt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from typer.testing import CliRunner

from app.files import DEMO
from app.main import cli, parsed_size
from engine.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def start(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the app as a person does, with folders of its own."""
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "DRAFTSCOPE_STARTUP": "0",
        "HOME": str(folder),
        "APPDATA": str(folder),
        "LOCALAPPDATA": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_STATE_HOME": str(folder),
    }
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_window_opens_shows_a_recording_and_goes(tmp_path: Path):
    shot = tmp_path / "shots" / "demo.png"
    arguments = ("--replay", "demo", "--size", "1280x800", "--theme", "dark")
    done = start(
        "-m", "app", *arguments, "--screenshot", str(shot), "--quit-after", "1.5", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "first picture after" in done.stderr
    image = QImage(str(shot))
    assert (image.width(), image.height()) == (1280, 800)
    assert image.pixelColor(700, 60).lightness() < 100


def test_the_window_runs_a_job_and_saves_its_picture(tmp_path: Path):
    shot = tmp_path / "run.png"
    done = start(
        "-m", "app", "--target", "toy", "--run", "--screenshot", str(shot), "--quit-after", "3",
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not QImage(str(shot)).isNull()
    assert list(tmp_path.rglob("*.jsonl")), "the run was recorded"


def test_opening_the_window_loads_neither_torch_nor_llama_cpp(tmp_path: Path):
    code = (
        "import sys\n"
        "import app.launch\n"
        "heavy = {'torch', 'transformers', 'llama_cpp', 'pyqtgraph', 'scipy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = start("-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_commands_do_not_load_qt(tmp_path: Path):
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from app.main import cli\n"
        "options = ['run', '--target', 'toy', '--draft', 'toy', '--prompt', 'the cat',"
        " '--max-tokens', '4', '--json']\n"
        "result = CliRunner().invoke(cli, options)\n"
        "assert result.exit_code == 0, result.output\n"
        "assert not [m for m in sys.modules if m.startswith(('PySide6', 'shiboken6'))]\n"
    )
    done = start("-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size", ["big", "100", "0x5", "-3x4", "axb"])
def test_a_bad_size_is_one_clear_line(size: str):
    result = CliRunner().invoke(cli, ["--size", size])
    assert result.exit_code == 2
    assert "is no size" in result.output
    assert "Hint:" in result.output
    assert "Traceback" not in result.output


def test_a_bad_theme_is_one_clear_line():
    result = CliRunner().invoke(cli, ["--theme", "pink"])
    assert result.exit_code == 2
    assert "light, dark, system" in result.output


def test_sizes():
    assert parsed_size("") is None
    assert parsed_size("1600x900") == (1600, 900)
    assert parsed_size("3840X2160") == (3840, 2160)
    with pytest.raises(ConfigError):
        parsed_size("1600")


def test_help_names_the_commands_and_the_options():
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for word in ("run", "--replay", "--size", "--theme", "--screenshot", "--quit-after"):
        assert word in result.output


def test_the_demo_is_there():
    assert DEMO.is_file()
