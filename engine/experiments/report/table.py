"""results.csv: one row a run, baselines too."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec

from engine.experiments.grid import Setting
from engine.experiments.records import RunFigures
from engine.experiments.report.whole import write_whole
from engine.experiments.results import Results, RunRow

CSV = "results.csv"
RUN = ("run_id", "cell", "block", "prompt", "kind", "repeat", "baseline", "same_text")
LAST = ("recording", "started_at", "simulated")


def write_csv(results: Results) -> Path:
    """Write DIR/results.csv: run, setting and figures; empty where a figure is not defined. A
    baseline has no cell and γ = 0. Raises RecordingError."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    settings, figures = _fields(Setting), _fields(RunFigures)
    writer.writerow((*RUN, *settings, *figures, *LAST))
    runs = [*results.baselines.values(), *(r for c in results.cells.values() for r in c.runs)]
    for run in runs:
        writer.writerow(
            (
                *(_plain(getattr(run, name)) for name in RUN),
                *(_plain(getattr(run.setting, name)) for name in settings),
                *(_plain(getattr(run.figures, name)) for name in figures),
                *_last(run),
            )
        )
    return write_whole(results.folder / CSV, out.getvalue())


def _fields(of: type[msgspec.Struct]) -> tuple[str, ...]:
    return of.__struct_fields__


def _last(run: RunRow) -> tuple[object, ...]:
    return run.recording, run.started_at, _plain(run.models.target.simulated)


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
