"""The encoder: what it writes, in which colours, and what is left when it fails: nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from app.render import ffmpeg
from app.render.clip import FORMATS
from app.render.encoder import Encoder
from app.render.errors import RenderError
from tests.app.render import films
from tests.app.render.films import COLOURS, SIDE, MovingSquares, decoded, described

SIZE = (320, 180)
posix = pytest.mark.skipif(sys.platform == "win32", reason="the fake is a script with a #! line")


def encode(path: Path, film: MovingSquares, fps: float = 25, size: tuple[int, int] = SIZE) -> None:
    samples = (film.frame(i) for i in (0, film.n_frames - 1))
    with Encoder(path, FORMATS[path.suffix], size, fps, samples) as encoder:
        for i in range(film.n_frames):
            encoder.write(film.frame(i))
        encoder.finish()


def flat_errors(frame: np.ndarray) -> list[int]:
    """How far the middle of each square is from the colour it was painted with, in levels."""
    errors = []
    for k, name in enumerate(COLOURS):
        colour = QColor(name)
        inside = frame[8 : SIDE - 8, k * SIDE + 8 : (k + 1) * SIDE - 8].astype(int)
        wanted = (colour.red(), colour.green(), colour.blue())
        errors.append(int(np.abs(inside - wanted).max()))
    return errors


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
def test_every_frame_is_there_in_the_right_colours(qapp, tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    encode(path, MovingSquares())
    frames = decoded(path, SIZE)
    assert len(frames) == 12
    assert max(flat_errors(frames[0])) <= 3
    assert max(flat_errors(frames[-1])) <= 3
    green = QColor("#27ae60")
    for i in (0, 5, 11):  # the bar is where it was painted
        at = frames[i][2 * SIDE + 20, 4 * i + 20].astype(int)
        assert np.abs(at - (green.red(), green.green(), green.blue())).max() <= 6


def test_colours_are_checked_by_a_check_that_can_fail(qapp, tmp_path: Path, monkeypatch):
    """Converted by BT.601 and read as BT.709, the colours are other ones."""
    honest = ffmpeg.command

    def wrong(*arguments):
        return [a.replace("out_color_matrix=bt709", "out_color_matrix=bt601")
                for a in honest(*arguments)]  # fmt: skip

    monkeypatch.setattr(ffmpeg, "command", wrong)
    path = tmp_path / "clip.mp4"
    encode(path, MovingSquares())
    assert max(flat_errors(decoded(path, SIZE)[0])) > 3


def test_an_mp4_plays_everywhere(qapp, tmp_path: Path):
    path = tmp_path / "clip.mp4"
    encode(path, MovingSquares(), fps=59.94)
    said = described(path)
    assert "h264" in said
    assert "yuv420p(tv, bt709, progressive)" in said
    assert "59.94 fps" in said
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat"), "the index comes first: +faststart"


def test_the_same_frames_give_the_same_bytes(qapp, tmp_path: Path):
    for suffix in (".mp4", ".gif", ".webp"):
        one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
        encode(one, MovingSquares())
        encode(two, MovingSquares())
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_odd_sizes_where_the_format_has_them(qapp, tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    encode(path, MovingSquares((321, 181), 2), size=(321, 181))
    assert decoded(path, (321, 181)).shape == (2, 181, 321, 3)


def test_names_with_anything_in_them(qapp, tmp_path: Path):
    names = ["-i.mp4", "50%d done.mp4", "ünï 上海.mp4"]
    if sys.platform != "win32":
        names.append("a:b 'c'.mp4")
    for name in names:
        encode(tmp_path / name, MovingSquares(n_frames=2))
        assert (tmp_path / name).stat().st_size > 500


def test_a_frame_of_another_size_is_a_fault(qapp, tmp_path: Path):
    with (
        Encoder(tmp_path / "clip.mp4", FORMATS[".mp4"], SIZE, 25) as encoder,
        pytest.raises(ValueError, match="a frame of 64x64"),
    ):
        encoder.write(QImage(64, 64, QImage.Format.Format_RGB32))


@pytest.mark.parametrize("missing", ["package", "program", "path"])
def test_a_missing_encoder_is_one_clear_sentence(monkeypatch, tmp_path: Path, missing: str):
    if missing == "package":
        monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    elif missing == "path":
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    else:
        monkeypatch.setattr("imageio_ffmpeg._utils._get_ffmpeg_exe", lambda: None)
    with pytest.raises(RenderError, match=r"encoder .* is missing") as caught:
        Encoder(tmp_path / "clip.mp4", FORMATS[".mp4"], SIZE, 25)
    assert "pip install imageio-ffmpeg" in caught.value.hint


@posix
@pytest.mark.parametrize(
    ("body", "sentence", "hint"),
    [
        (films.FULL_DISK, "the disk is full", "Free some space"),
        (films.CRASH, "ended before clip.mp4 was whole", "exit code"),
        ("sys.exit('Unknown encoder')", "ended before", "It said: Unknown encoder"),
        ("sys.exit(1)", "ended before", "Its exit code is 1."),
    ],
    ids=["full", "crash", "words", "silent"],
)
def test_an_encoder_that_ends_early(
    qapp, monkeypatch, tmp_path: Path, body: str, sentence: str, hint: str
):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(films.fake_ffmpeg(tmp_path, body)))
    with pytest.raises(RenderError, match=sentence) as caught:
        encode(tmp_path / "clip.mp4", MovingSquares((1280, 720), 20), size=(1280, 720))
    assert hint in caught.value.hint


@posix
def test_an_encoder_that_says_much_does_not_stall(qapp, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(films.fake_ffmpeg(tmp_path, films.CHATTER)))
    encode(tmp_path / "clip.mp4", MovingSquares())
    assert (tmp_path / "clip.mp4").read_bytes() == b"whole"


@posix
def test_closing_ends_the_process(qapp, monkeypatch, tmp_path: Path):
    started: list[subprocess.Popen] = []
    plain = subprocess.Popen

    def popen(*arguments, **options):
        started.append(plain(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(films.fake_ffmpeg(tmp_path, films.NEVER_ENDS)))
    with Encoder(tmp_path / "clip.mp4", FORMATS[".mp4"], SIZE, 25) as encoder:
        encoder.write(MovingSquares().frame(0))
        encoder.finish(cancelled=lambda: True)
    assert started[0].returncode is not None
    encoder.close()
