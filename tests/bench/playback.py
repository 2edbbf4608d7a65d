"""Playback of a long recording: opening, memory, seeking, frames.

    python -m tests.bench.playback [--rounds 100000] [--size 1600x900]

A seek is measured from the call to the end of the painting that follows, a frame from the tick to
the end of its painting; playback is measured from several random places. Curves and figures follow
a seek when the person has come to rest; they are measured apart. Memory is what the process holds
more than before the recording was opened, and its peak (Linux) in all that the benchmark does.
Bars: seek 50 ms, frame p99 16.7 ms, memory 600 MB. A size of 3840x2160 is for information.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import psutil
import typer
from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app import theme
from app.commands import State
from app.machine import Machine
from app.main import SWITCH_INTERVAL
from app.settings import Folders, Settings
from app.window import MainWindow
from engine.host import host
from engine.recording import Recorder
from tests.app.traces import make_events
from tests.bench.frames import FrameEnd

SEEKS = 200
PLACES = 4
"""Where playback is measured from, at each speed."""


def recording(rounds: int, folder: Path) -> Path:
    path = folder / f"{rounds}.jsonl"
    with Recorder(path) as record:
        for event in make_events(rounds=rounds, seed=1):
            record(event)
    return path


def settle(application: QApplication) -> None:
    """All that is due is painted."""
    application.sendPostedEvents()
    application.processEvents()


def memory_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


def forget_peak() -> None:
    """Let the kernel begin a new peak."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mb() -> float | None:
    """The most that was held since, where the kernel tells."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1.024e-3 for line in lines if line[:6] == "VmHWM:"), None)


def quantiles(seconds: list[float], name: str) -> dict[str, float]:
    ms = np.array(seconds) * 1e3
    return {
        f"{name}_ms_p50": round(float(np.percentile(ms, 50)), 1),
        f"{name}_ms_p99": round(float(np.percentile(ms, 99)), 1),
        f"{name}_ms_max": round(float(ms.max()), 1),
    }


def measure_open(application: QApplication, window: MainWindow, path: Path) -> dict[str, float]:
    forget_peak()
    before, began, longest = memory_mb(), time.perf_counter(), 0.0
    window.open_file(path)
    while window.controller.state is not State.IDLE:
        turn = time.perf_counter()
        application.processEvents()
        longest = max(longest, time.perf_counter() - turn)
    turn = time.perf_counter()
    settle(application)
    longest = max(longest, time.perf_counter() - turn)
    return {
        "open_s": round(time.perf_counter() - began, 2),
        "open_longest_block_ms": round(longest * 1e3),
        "memory_before_mb": round(before),
        "memory_mb": round(memory_mb() - before),
    }


def measure_seeks(application: QApplication, window: MainWindow) -> dict[str, float]:
    rng, player = random.Random(1), window.controller.player
    whole = player.whole
    assert whole is not None
    rounds, end = whole.n_finished_rounds, whole.clock[-1]
    places = [rng.randrange(rounds) for _ in range(SEEKS)]
    places[::20] = [0, rounds - 1] * (len(places[::20]) // 2)
    took: list[float] = []
    for i, place in enumerate(places):
        began = time.perf_counter()
        if i % 2:
            player.seek_ns(end * place / rounds)
        else:
            window.seek_round(place)
        settle(application)
        took.append(time.perf_counter() - began)
    curves: list[float] = []
    for place in places[:20]:
        window.seek_round(place)
        settle(application)
        began = time.perf_counter()
        window.presenter._moments.stop()
        window.presenter._plot_moment()
        settle(application)
        curves.append(time.perf_counter() - began)
    return {**quantiles(took, "seek"), **quantiles(curves, "curves_after_seek")}


class Paintings(QObject):
    """Counts the paintings of a widget: a frame without one measures nothing."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.n = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.n += event.type() == QEvent.Type.Paint
        return False


def wait(seconds: float) -> None:
    """Let time pass. In a loop of its own: to quit the application closes its windows."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def measure_frames(window: MainWindow, speed: float, seconds: float) -> dict[str, float]:
    player, frames, end = window.controller.player, list[float](), FrameEnd()
    whole, paintings = player.whole, Paintings(window.centre.tokens.viewport())
    assert whole is not None
    rng, played, unpainted = random.Random(2), 0, 0
    player.set_speed(speed)
    tick = player.tick

    def measured() -> None:
        began, before, shown = time.perf_counter(), paintings.n, _n_events(window)

        def done() -> None:
            nonlocal unpainted
            frames.append(time.perf_counter() - began)
            unpainted += _n_events(window) != shown and paintings.n == before

        end.done = done
        tick()
        # Qt paints on posted requests of low priority; this one comes after them.
        QTimer.singleShot(0, lambda: QApplication.postEvent(end, QEvent(QEvent.Type.User), -10))

    player._timer.timeout.disconnect()
    player._timer.timeout.connect(measured)
    for _ in range(PLACES):
        place = rng.randrange(max(whole.n_finished_rounds * 9 // 10, 1))
        window.seek_round(place)
        wait(0.2)
        player.play()
        wait(seconds / PLACES)
        player.hold()
        assert player.shown is not None
        played += player.shown.n_finished_rounds - place - 1
        wait(0.1)
    player._timer.timeout.disconnect()
    player._timer.timeout.connect(tick)
    if unpainted:
        sys.exit(f"{unpainted} of {len(frames)} frames at {speed:g}x moved without being painted.")
    return {
        **quantiles(frames, f"frame_{speed:g}x"),
        f"frames_{speed:g}x": len(frames),
        f"rounds_{speed:g}x": played,
    }


def _n_events(window: MainWindow) -> int:
    shown = window.controller.player.shown
    return shown.n_events if shown is not None else 0


def main(
    rounds: int = 100_000,
    size: str = "1600x900",
    seconds: Annotated[float, typer.Option(help="of playback at each speed")] = 8,
) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL)
    application = QApplication([])
    theme.install(application)
    with tempfile.TemporaryDirectory() as name:
        path = recording(rounds, Path(name))
        settings = Settings(Folders.below(Path(name)))
        window = MainWindow(settings, machine=Machine(ask=lambda: None))
        window.resize(*map(int, size.split("x")))
        window.share_width()
        window.show()
        window.after_first_paint()
        settle(application)
        result = {
            "cpu": host().cpu,
            "cores": host().cores,
            "size": size,
            "rounds": rounds,
            "file_mb": round(path.stat().st_size / 1e6),
            **measure_open(application, window, path),
            **measure_seeks(application, window),
            **measure_frames(window, 1.0, seconds),
            **measure_frames(window, 20.0, seconds),
        }
        result["memory_after_mb"] = round(memory_mb() - result["memory_before_mb"])
        peak = peak_mb()
        result["memory_peak_mb"] = peak and round(peak - result["memory_before_mb"])
        print(json.dumps(result))
        window.close()


if __name__ == "__main__":
    typer.run(main)
