"""`results.csv`: one row a run, baselines too."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from engine.experiments.records import RunFigures
from engine.experiments.reporting.writing import write_whole
from engine.experiments.results import Results, RunRow

FIGURES = tuple(name for name in RunFigures.__struct_fields__ if name != "gap")
SETTING = ("target", "draft", "drafter", "gamma", "temperature", "rule", "length_policy")
COLUMNS = (
    *("run_id", "role", *SETTING, "prompt", "kind", "repeat", *FIGURES),
    *("same_text", "baseline", "block", "cell", "recording"),
)


def write_csv(results: Results) -> Path:
    """Write the table into the experiment's folder. Raises RecordingError."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for baseline in results.baselines.values():
        rows.writerow(_row(baseline, "baseline"))
    for cell in results.cells.values():
        for run in cell.runs:
            rows.writerow(_row(run, "speculative"))
    return write_whole(results.folder / "results.csv", text.getvalue())


def _row(run: RunRow, role: str) -> list[object]:
    setting: list[object] = [getattr(run.setting, name) for name in SETTING]
    if role == "baseline":  # nothing is drafted or judged
        setting = [run.setting.target, "", "", 0, run.setting.temperature, "", ""]
    shown: list[object] = [getattr(run.figures, name) for name in FIGURES]
    values: list[object] = [
        *(run.run_id, role, *setting, run.prompt, run.kind, run.repeat, *shown),
        *(run.same_text, run.baseline, run.block, run.cell, run.recording),
    ]
    return ["" if value is None else value for value in values]
