"""Films and encoders for the tests of rendering: flat rectangles that move, ffmpegs that fail."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from app.render import ffmpeg

COLOURS = ("#3498db", "#27ae60", "#e74c3c", "#f39c12", "#999999", "#1f2630", "#f7f8fa", "#ffffff")
"""Of the theme; each fills a square of SIDE pixels, in a row at the upper left."""
SIDE = 40


class MovingSquares:
    """A row of flat squares at rest, and a bar that moves below them."""

    def __init__(self, size: tuple[int, int] = (320, 180), n_frames: int = 12) -> None:
        self.size = size
        self.n_frames = n_frames
        self.asked: list[int] = []
        self._image = QImage(*size, QImage.Format.Format_RGB32)

    def frame(self, i: int) -> QImage:
        self.asked.append(i)
        with QPainter(self._image) as painter:
            self._paint(painter, i)
        return self._image

    def paint(self, painter: QPainter) -> None:
        self._paint(painter, 0)

    def _paint(self, painter: QPainter, i: int) -> None:
        painter.fillRect(QRectF(0, 0, *self.size), QColor("#eef1f5"))
        for k, colour in enumerate(COLOURS):
            painter.fillRect(QRectF(k * SIDE, 0, SIDE, SIDE), QColor(colour))
        painter.fillRect(QRectF(4 * i, 2 * SIDE, SIDE, SIDE), QColor("#27ae60"))


class Undrawable:
    """A film of pixels only."""

    def __init__(self) -> None:
        self._film = MovingSquares()
        self.n_frames = 1

    def frame(self, i: int) -> QImage:
        return self._film.frame(i)


def digest(film: MovingSquares) -> list[str]:
    """A fingerprint of each frame."""
    frames = (film.frame(i) for i in range(film.n_frames))
    return [hashlib.sha256(bytes(frame.constBits())).hexdigest() for frame in frames]


def decoded(path: Path, size: tuple[int, int]) -> np.ndarray:
    """All frames of a clip as players see them: [frames, height, width, 3]."""
    command = [ffmpeg.executable(), "-loglevel", "error", "-i", str(path)]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3)


def described(path: Path) -> str:
    """What ffmpeg says of a file."""
    command = [ffmpeg.executable(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).stderr.decode()


def fake_ffmpeg(folder: Path, body: str) -> Path:
    """A program in ffmpeg's place; `body` is Python, `out` the file that it was told to write."""
    script = folder / "fake_ffmpeg.py"
    script.write_text(
        f"#!{sys.executable}\n"
        "import os, pathlib, sys, time\n"
        "out = pathlib.Path(sys.argv[-1].removeprefix('file:'))\n"
        f"{body}\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


FULL_DISK = (
    "os.read(0, 1000)\n"
    "out.write_bytes(b'half')\n"
    "sys.stderr.write('[out#0/mp4] Error writing trailer: No space left on device\\n')\n"
    "sys.exit(228)"
)
CRASH = "os.read(0, 1000)\nout.write_bytes(b'half')\nos.abort()"
CHATTER = (
    "sys.stderr.write('noise ' * 100_000)\n"
    "while os.read(0, 1 << 16): pass\n"
    "out.write_bytes(b'whole')"
)
NEVER_ENDS = (
    "while os.read(0, 1 << 16): pass\n"
    "out.write_bytes(b'half')\n"
    "import threading; threading.Event().wait()"
)
