"""Pictures of the plots panel from synthetic traces: python -m tests.screenshots.plots FOLDER."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import msgspec
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication

from app.theme import Scheme, install, set_scheme
from app.views.plots import PlotsPanel
from engine.events import AnyEvent, Verified
from engine.trace import Run, Trace
from tests.app.method_traces import policy_trace, tree_trace
from tests.app.traces import make_events, make_trace

Pair = tuple[Run | None, Run | None]


def pair(trace: Trace) -> Pair:
    run = trace.run
    return run, trace.baseline_of(run) if run else None


def costlier(events: Iterator[AnyEvent], factor: float) -> Iterator[AnyEvent]:
    """The same run with target passes that cost `factor` times as much."""
    for event in events:
        if isinstance(event, Verified):
            yield msgspec.structs.replace(event, target_ns=int(event.target_ns * factor))
        else:
            yield event


def slower(factor: float, **options: float | int) -> Pair:
    trace = Trace(make_events(rounds=128, role="baseline"))
    for event in costlier(make_events(baseline="baseline-0", **options), factor):  # type: ignore[arg-type]
        trace.apply(event)
    return pair(trace)


def plain() -> Pair:
    """γ = 0, measured against a baseline."""
    return pair(make_trace(rounds=60, gamma=0, baseline_rounds=128, seed=3))


SCENES: dict[str, Callable[[], Pair]] = {
    "empty": lambda: (None, None),
    "first": lambda: pair(make_trace(rounds=1, baseline_rounds=128, reason=None)),
    "start": lambda: pair(make_trace(rounds=4, baseline_rounds=128, open_drafted=3)),
    "mid": lambda: pair(make_trace(rounds=18, baseline_rounds=128, open_drafted=2)),
    "finished": lambda: pair(make_trace(rounds=31, baseline_rounds=128)),
    "plain": plain,
    "tree": lambda: pair(tree_trace((2, 2, 1), 4, picks=((0, 1, 0, 0), (1, 0), ()) * 6)),
    "policy": lambda: pair(policy_trace()),
    "gamma16": lambda: pair(make_trace(rounds=40, gamma=16, acceptance=0.85, baseline_rounds=300)),
    "no-baseline": lambda: pair(make_trace(rounds=31, baseline=False)),
    "slower": lambda: slower(3.2, rounds=44, gamma=4, acceptance=0.7),
    "close": lambda: slower(1.0, rounds=30, gamma=2, acceptance=0.9),
    "baseline": lambda: pair(Trace(make_events(rounds=80, role="baseline", reason=None))),
    "toy": lambda: pair(make_trace(rounds=300, baseline_rounds=1500, simulated=True)),
    "long": lambda: pair(make_trace(rounds=12000, baseline_rounds=60000, acceptance=0.72)),
}


def picture(pair: Pair, width: int = 340, height: int = 850, ratio: float = 2.0) -> QPixmap:
    """The panel as a pixmap with `ratio` pixels a point."""
    panel = PlotsPanel()
    panel.resize(width, height)
    panel.set_run(*pair)
    panel.show()
    panel.refresh(force=True)
    QApplication.processEvents()
    pixmap = QPixmap(int(width * ratio), int(height * ratio))
    pixmap.setDevicePixelRatio(ratio)
    panel.render(pixmap)
    panel.close()
    panel.deleteLater()
    return pixmap


def contact_sheet(pixmaps: list[QPixmap]) -> QPixmap:
    """Pictures side by side."""
    ratio = pixmaps[0].devicePixelRatio()
    sheet = QPixmap(sum(p.width() + 8 for p in pixmaps), max(p.height() for p in pixmaps))
    sheet.setDevicePixelRatio(ratio)
    painter = QPainter(sheet)
    x = 0.0
    for pixmap in pixmaps:
        painter.drawPixmap(int(x), 0, pixmap)
        x += (pixmap.width() + 8) / ratio
    painter.end()
    return sheet


def main(folder: str, *names: str) -> None:
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    install(application)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for name in names or SCENES:
        runs = SCENES[name]()
        for scheme in schemes:
            set_scheme(scheme)
            picture(runs).save(str(target / f"plots-{name}-{scheme}.png"))


if __name__ == "__main__":
    main(*sys.argv[1:] or ["."])
