"""The results of a large experiment: opening its folder, and frames on its map.

    python -m tests.bench.results [--runs 10000] [--size 1600x900] [--folder DIR]

The folder is made first: `runs` runs of 40 rounds each, baselines included. Opening is timed from
the wish to read until the map is painted. A frame is the time from what the person does (the
pointer comes over another cell, a cell is chosen, another figure is asked for) to the end of the
painting that it caused. Bars: opened in 2 s; a frame of hovering or choosing p99 at most 16.7 ms.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import msgspec
import numpy as np
import typer
from PySide6.QtCore import QEvent, QEventLoop, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from app import theme
from app.experiment_choice import ResultsChoice
from app.experiment_reader import ExperimentReader
from app.experiment_words import METRICS
from app.panels.experiment_results import ResultsView
from engine.experiments.results import Results
from engine.experiments.spec import PromptChoice, Spec
from engine.host import host
from tests.app.sweeps import write_folder

SPECS = {
    # Settings pooled in few cells, each of many runs; and one run a cell on a map of 40 x 40.
    "pooled": Spec(
        target=("/models/a-1.5b.gguf", "/models/b-7b.gguf"),
        draft=("/models/a-0.5b.gguf", "/models/c-135m.gguf"),
        drafter=("model", "ngram"), gamma=tuple(range(1, 17)), temperature=(0.0, 0.8),
        prompts=PromptChoice(number=30), repeats=2,
    ),
    "40x40": Spec(
        drafter=("ngram",), gamma=tuple(range(1, 41)), temperature=(0.0, 0.8),
        prompts=PromptChoice(number=40), repeats=4,
    ),
}  # fmt: skip
AXES = {"pooled": ("draft", "gamma"), "40x40": ("prompt", "gamma")}


class FrameEnd(QObject):
    """Leaves a loop once everything before has been painted."""

    def __init__(self, loop: QEventLoop) -> None:
        super().__init__()
        self._loop = loop

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.User:
            self._loop.quit()
            return True
        return super().event(event)


def until_painted() -> None:
    """Qt paints on posted requests of low priority; the end comes after them."""
    loop = QEventLoop()
    end = FrameEnd(loop)
    QTimer.singleShot(0, lambda: QApplication.postEvent(end, QEvent(QEvent.Type.User), -10))
    loop.exec()


def frames(acts: Iterable[Callable[[], object]]) -> dict[str, float]:
    """p50, p99 and the worst of the frames that these acts cause, in milliseconds."""
    spent: list[float] = []
    for act in acts:
        began = time.perf_counter()
        act()
        until_painted()
        spent.append(1e3 * (time.perf_counter() - began))
    return {
        "n": len(spent),
        "p50": round(float(np.percentile(spent, 50)), 2),
        "p99": round(float(np.percentile(spent, 99)), 2),
        "max": round(max(spent), 2),
    }


def opened(view: ResultsView, folder: Path) -> tuple[float, float, Results]:
    """Seconds until the map is painted, of them until the folder is read; and what is in it."""
    reader, loop = ExperimentReader(), QEventLoop()
    found: list[Results] = []
    reader.found.connect(lambda results: (found.append(results), loop.quit()))
    reader.failed.connect(lambda error: (print(error.message), loop.quit()))
    began = time.perf_counter()
    reader.read(folder)
    loop.exec()
    read = time.perf_counter() - began
    view.show_results(found[0])
    until_painted()
    return time.perf_counter() - began, read, found[0]


def over(view: ResultsView, place: tuple[int, int], kind: QEvent.Type) -> None:
    """Put the pointer over the middle of a cell, or press there."""
    at = view.map.arranged.cell(*place).center()
    press = kind == QEvent.Type.MouseButtonPress
    button = Qt.MouseButton.LeftButton if press else Qt.MouseButton.NoButton
    event = QMouseEvent(kind, at, QPointF(view.map.mapToGlobal(at)), button, button,
                        Qt.KeyboardModifier.NoModifier)  # fmt: skip
    QApplication.sendEvent(view.map, event)


def measured(view: ResultsView, spec: str, folder: Path) -> dict[str, object]:
    rows, columns = AXES[spec]
    view.set_choice(ResultsChoice(rows=rows, columns=columns))
    seconds, read, results = opened(view, folder)
    table = view.map.table
    assert table is not None
    rng = np.random.default_rng(0)
    places = [(int(rng.integers(len(table.rows))), int(rng.integers(len(table.columns))))
              for _ in range(300)]  # fmt: skip
    move, press = QEvent.Type.MouseMove, QEvent.Type.MouseButtonPress
    fresh = msgspec.structs.replace(view.choice)
    switches = [
        msgspec.structs.replace(fresh, metric=metric, efficiency=efficiency, bonus=not efficiency)
        for efficiency in (False, True)
        for metric in METRICS
    ]
    return {
        "runs": results.n_runs,
        "cells": len(results.cells),
        "map": f"{len(table.rows)}x{len(table.columns)}",
        "open_s": round(seconds, 3),
        "read_s": round(read, 3),
        "hover_ms": frames(lambda p=p: over(view, p, move) for p in places),
        "choose_ms": frames(lambda p=p: over(view, p, press) for p in places),
        "first_figure_ms": frames(lambda c=c: view.set_choice(c) for c in switches),
        "figure_ms": frames(lambda c=c: view.set_choice(c) for c in switches * 5),
    }


def main(
    runs: int = 10_000,
    size: str = "1600x900",
    folder: Annotated[Path | None, typer.Option(help="where to make the results")] = None,
) -> None:
    application = QApplication([])
    theme.install(application)
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as made:
        for spec, what in SPECS.items():
            write_folder((folder or Path(made)) / spec, what, most=runs)
            view = ResultsView()
            view.resize(*map(int, size.split("x")))
            view.show()
            until_painted()
            found[spec] = measured(view, spec, (folder or Path(made)) / spec)
            view.close()
            view.deleteLater()
    print(json.dumps({"cpu": host().cpu, "cores": host().cores, "size": size, **found}, indent=2))


if __name__ == "__main__":
    typer.run(main)
