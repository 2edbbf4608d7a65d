"""Rendering a film: whole files or none, progress, cancelling, the same frames each time."""

from __future__ import annotations

import errno
import re
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgRenderer

from app.render.clip import Clip
from app.render.errors import RenderError
from app.render.job import SAMPLES, render
from app.render.output import part_of, whole_file
from engine.errors import Cancelled
from tests.app.render import films
from tests.app.render.films import MovingSquares, Undrawable, decoded, digest

SIZE = (320, 180)
MOVING = [".mp4", ".gif", ".webp"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="the fake is a script with a #! line")


def clip(folder: Path, name: str = "clip.mp4") -> Clip:
    return Clip(folder / name, size=SIZE, fps=25)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", MOVING)
def test_a_clip_has_the_films_frames(qapp, tmp_path: Path, suffix: str):
    told: list[tuple[int, int]] = []
    film = MovingSquares()
    render(film, clip(tmp_path, f"clip{suffix}"), lambda *at: told.append(at))
    assert files(tmp_path) == [f"clip{suffix}"]
    assert len(decoded(tmp_path / f"clip{suffix}", SIZE)) == 12
    assert told == [(i, 12) for i in range(1, 13)]
    assert film.asked[-12:] == list(range(12))


def test_a_gif_takes_its_colours_from_the_whole_film(qapp, tmp_path: Path):
    film = MovingSquares(n_frames=200)
    render(film, clip(tmp_path, "clip.gif"))
    samples = film.asked[:-200]
    assert len(samples) == SAMPLES
    assert (samples[0], samples[-1]) == (0, 199)


def test_the_same_film_has_the_same_frames_in_any_order(qapp):
    film = MovingSquares()
    first = digest(film)
    film.frame(7)
    assert digest(film) == first == digest(MovingSquares())
    assert len(set(first)) == film.n_frames, "the fingerprint tells frames apart"


def test_a_png_is_the_first_frame(qapp, tmp_path: Path):
    film = MovingSquares()
    told: list[tuple[int, int]] = []
    render(film, clip(tmp_path, "still.PNG"), lambda *at: told.append(at))
    image = QImage(str(tmp_path / "still.PNG")).convertToFormat(QImage.Format.Format_RGB32)
    assert image == film.frame(0)
    assert image != film.frame(1).copy()
    assert told == [(1, 1)]


def test_an_svg_has_shapes(qapp, tmp_path: Path):
    render(MovingSquares(), clip(tmp_path, "still.svg"))
    text = (tmp_path / "still.svg").read_text()
    assert "<rect" in text or "<path" in text
    assert "<image" not in text
    shown = QSvgRenderer(str(tmp_path / "still.svg"))
    assert shown.isValid()
    assert shown.viewBox().size().toTuple() == SIZE
    millimetres = re.search(r'width="([\d.]+)mm" height="([\d.]+)mm"', text)
    assert millimetres is not None
    pixels = [float(side) / 25.4 * 96 for side in millimetres.groups()]
    assert pixels == pytest.approx(SIZE, abs=0.1)


def test_a_film_that_cannot_be_drawn_gives_no_svg(qapp, tmp_path: Path):
    with pytest.raises(RenderError, match="cannot be drawn as SVG"):
        render(Undrawable(), clip(tmp_path, "still.svg"))
    assert files(tmp_path) == []


def test_a_film_without_frames_is_refused(qapp, tmp_path: Path):
    with pytest.raises(RenderError, match="nothing to show from 0 s on"):
        render(MovingSquares(n_frames=0), clip(tmp_path))
    assert files(tmp_path) == []


@pytest.mark.parametrize("suffix", MOVING)
@pytest.mark.parametrize("after", [0, 5, 12])
def test_cancelling_leaves_nothing_and_the_older_file(
    qapp, tmp_path: Path, suffix: str, after: int
):
    target = tmp_path / f"clip{suffix}"
    target.write_bytes(b"older")
    told: list[int] = []
    with pytest.raises(Cancelled):
        render(
            MovingSquares(),
            clip(tmp_path, target.name),
            lambda done, total: told.append(done),
            lambda: len(told) >= after,
        )
    assert files(tmp_path) == [target.name]
    assert target.read_bytes() == b"older"
    assert len(told) == after


@posix
@pytest.mark.parametrize("body", [films.FULL_DISK, films.CRASH], ids=["full", "crash"])
def test_a_failing_encoder_leaves_nothing(qapp, monkeypatch, tmp_path: Path, body: str):
    tools, folder = tmp_path / "tools", tmp_path / "clips"
    tools.mkdir()
    folder.mkdir()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(films.fake_ffmpeg(tools, body)))
    with pytest.raises(RenderError, match=r"clip\.mp4"):
        render(MovingSquares(n_frames=100), clip(folder))
    assert files(folder) == []


@posix
def test_an_encoder_that_never_ends_can_be_cancelled(qapp, monkeypatch, tmp_path: Path):
    tools, folder = tmp_path / "tools", tmp_path / "clips"
    tools.mkdir()
    folder.mkdir()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(films.fake_ffmpeg(tools, films.NEVER_ENDS)))
    done: list[int] = []
    with pytest.raises(Cancelled):
        render(
            MovingSquares(n_frames=3),
            clip(folder),
            lambda at, total: done.append(at),
            lambda: len(done) == 3,
        )
    assert files(folder) == []


def test_a_fault_in_the_film_leaves_nothing(qapp, tmp_path: Path):
    class Broken(MovingSquares):
        def frame(self, i: int) -> QImage:
            if i == 4:
                raise KeyError("row")
            return super().frame(i)

    with pytest.raises(KeyError):
        render(Broken(), clip(tmp_path))
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["still.png", "still.svg"])
def test_a_full_disk_and_a_picture(qapp, monkeypatch, tmp_path: Path, name: str):
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RenderError, match=rf"{name} cannot be written: the disk is full"):
        render(MovingSquares(), clip(tmp_path, name))
    assert files(tmp_path) == []


def test_unwritable_places_are_refused_before_the_first_frame(qapp, tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.mp4").mkdir()
    film = MovingSquares()
    for target, says in (
        (tmp_path / "none" / "clip.mp4", "there is no folder 'none'"),
        (tmp_path / "file" / "clip.mp4", r"clip\.mp4 cannot be written"),
        (tmp_path / "folder.mp4", "it is a folder"),
    ):
        with pytest.raises(RenderError, match=says):
            render(film, Clip(target, size=SIZE))
    assert film.asked == []
    assert files(tmp_path) == ["file", "folder.mp4"]


def test_a_write_protected_file_is_left_alone(monkeypatch, tmp_path: Path):
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"older")
    monkeypatch.setattr("app.render.output.os.access", lambda path, mode: False)
    with pytest.raises(RenderError, match="write-protected"), whole_file(target):
        pass
    assert files(tmp_path) == ["clip.mp4"]


def test_a_target_that_another_program_holds(monkeypatch, tmp_path: Path):
    def held(path: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", held)
    with pytest.raises(RenderError, match="permission denied"), whole_file(tmp_path / "a.mp4"):
        pass
    assert files(tmp_path) == []


def test_a_part_keeps_the_ending_that_encoders_go_by():
    assert part_of(Path("a/clip.v2.mp4")) == Path("a/clip.v2.part.mp4")
