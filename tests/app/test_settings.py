"""Settings come back as they were, and a damaged file costs no more than its own contents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from app.recordings import Recordings, read_entry
from app.settings import N_RECENT, Folders, Settings, View
from app.setup import Setup
from engine.config import Config
from engine.recording import Recorder
from tests.app.traces import make_events

SETUP = Setup(
    prompt='Zeile 1\nline 2, with "quotes", commas; γ and \\backslashes',
    raw=True,
    target="/models/größe 7B.gguf",
    draft="",
    config=Config(
        gamma=7,
        temperature=0.35,
        top_k=40,
        top_p=0.9,
        seed=12,
        drafter="ngram-table",
        rule="lenient",
        length_policy="entropy",
        branches=(3, 2),
        lenience=0.55,
        entropy_bound=0.25,
        exit_layer=5,
    ),
    measure="reuse",
    threads=3,
    gpu_layers=12,
    context=8192,
    corpus="/texte/größe, 2. Auflage.txt",
    device="cuda:1",
    precision="bfloat16",
)


def test_the_setup_survives_a_restart(folders: Folders):
    first = Settings(folders)
    assert first.setup is None, "the first start has no setup"
    first.setup = SETUP
    assert first.sync()
    again = Settings(folders)
    assert again.setup == SETUP
    assert not again.broken


def test_a_setup_of_an_earlier_version_is_taken_over(folders: Folders):
    """Without the fields that came later."""
    old = json.dumps({"prompt": "x", "config": {"gamma": 3, "drafter": "ngram"}})
    write(folders, f"[General]\nsetup={json.dumps(old)}\n".encode())
    settings = Settings(folders)
    assert settings.setup == Setup(prompt="x", config=Config(gamma=3, drafter="ngram"))
    assert not settings.broken


@pytest.mark.parametrize("on", [True, False])
def test_booleans_come_back_as_booleans(folders: Folders, on: bool):
    first = Settings(folders)
    first.view = View(scheme="dark", show_rejected=on, dense=not on, plots_panel=on)
    first.sync()
    view = Settings(folders).view
    assert view.show_rejected is on
    assert view.dense is (not on)
    assert view.scheme == "dark"


def test_geometry_comes_back_byte_by_byte(folders: Folders):
    first = Settings(folders)
    value = QByteArray(bytes(range(256)))
    first.set_geometry("window", value)
    first.sync()
    assert Settings(folders).geometry("window") == value
    assert Settings(folders).geometry("splitter") is None


def test_recent_entries_are_unique_newest_first_and_few(folders: Folders):
    settings = Settings(folders)
    for i in range(N_RECENT + 5):
        settings.add_recent_model(f"/m/{i}.gguf")
    settings.add_recent_model("/m/10.gguf")
    recent = settings.recent_models
    assert recent[0] == "/m/10.gguf"
    assert len(recent) == len(set(recent)) == N_RECENT
    assert settings.saved_recordings == []


def write(folders: Folders, data: bytes) -> None:
    folders.config.mkdir(parents=True, exist_ok=True)
    (folders.config / "settings.ini").write_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"setup={broken\n",
        b'[General]\nsetup="{\\"prompt\\": 5}"\nview=@ByteArray(x)\n',
        b'[General]\nsetup="{\\"config\\": {\\"gamma\\": 99}}"\n',
        b'[General]\nview="{\\"show_rejected\\": \\"true\\"}"\n',
        b"[General]\nview=a, b, c\n",
    ],
)
def test_values_of_the_wrong_kind_fall_back_and_are_reported(folders: Folders, data: bytes):
    write(folders, data)
    settings = Settings(folders)
    assert settings.setup is None
    assert settings.view == View()
    assert settings.broken


@pytest.mark.parametrize("data", [b"\x00\xff" * 400, b"[[[[\n=====\n", b"no ini file at all\n"])
def test_a_file_that_is_no_ini_file_is_no_obstacle(folders: Folders, data: bytes):
    write(folders, data)
    settings = Settings(folders)
    assert settings.setup is None
    assert settings.view == View()
    settings.setup = SETUP
    settings.sync()
    assert Settings(folders).setup == SETUP


def test_the_window_says_that_settings_were_lost(make_window, folders: Folders):
    write(folders, b"[General]\nview=nonsense\n")
    window = make_window(Settings(folders))
    (banner,) = window.centre.banners.shown
    assert banner.level == "warning"
    assert "settings could not be read" in banner.message


def record(path: Path, **options) -> None:
    with Recorder(path) as recorder:
        for event in make_events(rounds=3, role="baseline", reason="stop", run_id="plain"):
            recorder(event)
        for event in make_events(rounds=3, baseline="plain", reason="stop", **options):
            recorder(event)


def test_recordings_tell_time_prompt_and_models(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    record(path)
    entry = read_entry(path)
    assert entry is not None
    assert entry.prompt.startswith("Write a Python function")
    assert entry.models == "Qwen2.5-Coder 1.5B · Qwen2.5-Coder 0.5B"
    assert entry.time.year == 2025


@pytest.mark.parametrize("data", [b"", b"\n", b"hello\n", b'{"type":"Verified"}\n', b"\xff\xfe"])
def test_other_files_are_no_recordings(tmp_path: Path, data: bytes):
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    assert read_entry(path) is None
    assert read_entry(tmp_path / "missing.jsonl") is None


def test_old_and_empty_recordings_are_pruned(tmp_path: Path):
    recordings = Recordings(tmp_path)
    for i in range(8):
        (tmp_path / f"2025010{i}.jsonl").write_bytes(b"" if i == 7 else b"x" * 100)
    (tmp_path / "notes.txt").write_text("kept")
    recordings.prune(keep=6)
    names = sorted(p.stem for p in tmp_path.glob("*.jsonl"))
    assert names == [f"2025010{i}" for i in range(2, 7)]
    recordings.prune(keep_bytes=250)
    assert sorted(p.stem for p in tmp_path.glob("*.jsonl")) == ["20250105", "20250106"]
    recordings.prune(keep_bytes=1)
    assert [p.stem for p in tmp_path.glob("*.jsonl")] == ["20250106"], "the newest always stays"
    assert (tmp_path / "notes.txt").exists()


def test_new_paths_sort_by_time_and_no_folder_is_no_error(tmp_path: Path):
    recordings = Recordings(tmp_path / "none")
    assert recordings.new_path() < recordings.new_path()
    recordings.prune()
    assert recordings.entries() == []
