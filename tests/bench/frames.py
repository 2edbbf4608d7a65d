"""The window under load: 5,000 events/s on top of 100,000 tokens of history.

    python -m tests.bench.frames [--seconds 10] [--rate 5000]

A feeder thread puts the events into the outbox on a clock, as the engine does. A frame is the time
from the pump's tick to the end of the painting that it caused. Bar: p99 at most 16.7 ms, no event
lost.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from itertools import islice
from queue import SimpleQueue
from typing import Annotated

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("XDG_CONFIG_HOME", tempfile.mkdtemp())
os.environ.setdefault("XDG_DATA_HOME", tempfile.mkdtemp())

import numpy as np
import typer
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication

from app import theme
from app.main import SWITCH_INTERVAL
from app.settings import Folders, Settings
from app.window import MainWindow
from engine.host import host
from engine.trace import Trace
from tests.app.traces import make_events


class FrameEnd(QObject):
    """Notes when everything that a tick caused has been painted."""

    def __init__(self) -> None:
        super().__init__()
        self.done = lambda: None

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.User:
            self.done()
            return True
        return super().event(event)


def feed(outbox: SimpleQueue, events: list, rate: float, stop: threading.Event) -> None:
    """Put the events out on the clock, a few at a time as rounds come."""
    began = time.perf_counter()
    sent = 0
    while sent < len(events) and not stop.wait(0.001):
        due = min(len(events), int((time.perf_counter() - began) * rate))
        for event in events[sent:due]:
            outbox.put(event)
        sent = due


def main(
    seconds: float = 10,
    rate: Annotated[float, typer.Option(help="events a second")] = 5000,
    history: Annotated[int, typer.Option(help="tokens that are there before")] = 100_000,
    size: str = "1600x900",
) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL)
    application = QApplication([])
    theme.install(application)
    window = MainWindow(Settings(Folders.default()))
    window.resize(*map(int, size.split("x")))
    window.show()
    window.after_first_paint()

    plain = list(make_events(role="baseline", rounds=2000, run_id="plain"))
    source = make_events(rounds=10**9, baseline="plain", reason=None)
    pump = window.controller.pump
    trace = Trace(plain)
    while not trace.runs[-1].tally.tokens >= history or trace.run.is_baseline:
        trace.apply(next(source))
    pump.trace = trace
    pump._tell()
    events = list(islice(source, int(seconds * rate)))
    last = trace.n_events + len(events)

    frames: list[float] = []
    intervals: list[float] = []
    end = FrameEnd()
    drain = pump.drain
    ticked = [0.0]

    def tick() -> None:
        now = time.perf_counter()
        if ticked[0]:
            intervals.append(now - ticked[0])
        ticked[0] = now
        end.done = lambda: frames.append(time.perf_counter() - now)
        drain()
        # Qt paints on posted requests of low priority; this one comes after them.
        QTimer.singleShot(0, lambda: QApplication.postEvent(end, QEvent(QEvent.Type.User), -10))

    pump._timer.timeout.disconnect()
    pump._timer.timeout.connect(tick)
    stop = threading.Event()
    feeder = threading.Thread(target=feed, args=(pump._outbox, events, rate, stop))

    def check() -> None:
        if trace.n_events >= last or not feeder.is_alive():
            QTimer.singleShot(200, application.quit)
        else:
            QTimer.singleShot(50, check)

    QTimer.singleShot(500, lambda: (pump.start(), feeder.start(), check()))
    application.exec()
    stop.set()
    feeder.join()
    pump.stop()
    drain()
    ms = np.array(frames[5:]) * 1e3
    gaps = np.array(intervals[5:]) * 1e3
    result = {
        "cpu": host().cpu,
        "cores": host().cores,
        "size": size,
        "events_per_second": rate,
        "history_tokens": history,
        "frames": len(ms),
        "frame_ms_p50": round(float(np.percentile(ms, 50)), 2),
        "frame_ms_p99": round(float(np.percentile(ms, 99)), 2),
        "frame_ms_max": round(float(ms.max()), 2),
        "interval_ms_p50": round(float(np.percentile(gaps, 50)), 2),
        "interval_ms_p99": round(float(np.percentile(gaps, 99)), 2),
        "events_lost": last - trace.n_events,
    }
    print(json.dumps(result))
    window.close()


if __name__ == "__main__":
    typer.run(main)
