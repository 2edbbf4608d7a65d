"""Rendering: frames a second, and what part of the time the encoder takes.

    python -m tests.bench.render [demo] [--view all] [--size 1080p] [--suffix .mp4] [--drawn]

Bar: at least real time for 1080p60 on two cores (`times_real_time` 1.0). --drawn takes a page of
chips, a curve and figures in place of a recording's film: the encoder's load without the film's.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
import typer
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QApplication

from app import theme
from app.render.cli import make_film
from app.render.clip import checked
from app.render.encoder import Encoder
from app.render.job import Film, render
from engine.host import host

WORDS = "Here is a Python function that checks whether s is ( a ): palindrome return == ⏎".split()


class DrawnFilm:
    """Chips that come one by one, one that flies, a curve that grows, figures that count."""

    def __init__(self, size: tuple[int, int], n_frames: int) -> None:
        self.n_frames = n_frames
        self._image = QImage(*size, QImage.Format.Format_RGB32)

    def frame(self, i: int) -> QImage:
        width, height = self._image.width(), self._image.height()
        now = theme.theme()
        with QPainter(self._image) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self._image.rect(), now.window)
            painter.setFont(theme.mono(22))
            styles = list(now.states.values())
            x, y = 40.0, 48.0
            for k in range(20 + i // 2):
                chip = QRectF(x, y, 48 + 13 * len(WORDS[k % len(WORDS)]), 42)
                if chip.right() > 0.7 * width:
                    x, y = 40.0, y + 52
                    chip.moveTo(x, y)
                if chip.bottom() > height - 40:
                    break
                self._chip(painter, chip, styles[k * 7 % len(styles)], WORDS[k % len(WORDS)])
                x = chip.right() + 10
            flying = QRectF(0.7 * width + i % 90 * 3, 80 + i % 60 * 2, 120, 42)
            self._chip(painter, flying, styles[1], "flies")
            curve = QPainterPath(QPointF(0.72 * width, 0.9 * height))
            for k in range(i % 300):
                rise = 0.3 * height * (1 - 1 / (1 + k / 30))
                curve.lineTo(0.72 * width + k, 0.9 * height - rise)
            painter.strokePath(curve, QPen(now.good, 3))
            painter.setFont(theme.mono(40))
            painter.setPen(now.text)
            at = QPointF(0.72 * width, 0.45 * height)
            painter.drawText(at, f"{i / 60:.2f} s")
        return self._image

    def _chip(self, painter: QPainter, box: QRectF, style: theme.StateStyle, text: str) -> None:
        painter.setBrush(style.fill)
        painter.setPen(QPen(style.line, 1.5))
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(style.text)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


class Timed:
    """A film that notes how long its painting takes."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self.n_frames = film.n_frames
        self.seconds = 0.0

    def frame(self, i: int) -> QImage:
        began = time.perf_counter()
        image = self._film.frame(i)
        self.seconds += time.perf_counter() - began
        return image


def main(
    recording: str = "demo",
    view: str = "all",
    size: str = "1080p",
    fps: float = 60,
    suffix: str = ".mp4",
    drawn: Annotated[bool, typer.Option("--drawn", help="A page that is drawn here.")] = False,
    seconds: Annotated[float, typer.Option(help="Of the clip, with --drawn.")] = 10,
) -> None:
    application = QApplication([])
    theme.set_scheme("light")
    theme.install(application)
    with tempfile.TemporaryDirectory() as folder:
        clip = checked(Path(folder) / f"clip{suffix}", view=view, size=size, fps=fps)
        if drawn:
            film = Timed(DrawnFilm(clip.size, round(seconds * clip.fps)))
        else:
            from app.files import DEMO
            from engine.recording import read_trace

            path = DEMO if recording == "demo" else Path(recording)
            film = Timed(make_film(read_trace(path), clip))
        waiting = [0.0]
        _count(Encoder, "write", waiting)
        _count(Encoder, "finish", waiting)
        before = psutil.Process().cpu_times()
        began = time.perf_counter()
        render(film, clip)
        spent = time.perf_counter() - began
        after = psutil.Process().cpu_times()
        n = film.n_frames
        encoder = after.children_user + after.children_system
        encoder -= before.children_user + before.children_system
        result = {
            "cpu": host().cpu,
            "cores": host().cores,
            "film": "drawn" if drawn else f"{recording}, {view}",
            "size": f"{clip.size[0]}x{clip.size[1]}",
            "format": suffix,
            "seconds_of_film": round(n / clip.fps, 2),
            "frames": n,
            "frames_per_second": round(n / spent, 1),
            "times_real_time": round(n / clip.fps / spent, 2),
            "painting_ms": round(film.seconds / n * 1e3, 2),
            "encoder_cpu_ms": round(encoder / n * 1e3, 2),
            "waiting_for_encoder_share": round(waiting[0] / spent, 3),
            "kilobytes_per_second": round(clip.out.stat().st_size / 1e3 / (n / clip.fps), 1),
        }
    print(json.dumps(result))


def _count(kind: type, name: str, spent: list[float]) -> None:
    """Add the time that a method takes to `spent`."""
    plain = getattr(kind, name)

    def timed(*arguments, **options):
        began = time.perf_counter()
        try:
            return plain(*arguments, **options)
        finally:
            spent[0] += time.perf_counter() - began

    setattr(kind, name, timed)


if __name__ == "__main__":
    typer.run(main)
