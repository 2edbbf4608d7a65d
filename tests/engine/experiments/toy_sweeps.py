"""Experiments on the toy pair: quick, and with times that are simulated."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.calibration import Cache
from engine.experiments.ledger import RESULTS, Ledger, read_lines
from engine.experiments.records import RunDone
from engine.experiments.spec import PromptChoice, Spec
from engine.experiments.sweep import run_sweep
from engine.job import JobRunner

TOY = Spec(
    title="toy",
    target=("toy",),
    draft=("toy",),
    drafter=("ngram", "model"),
    gamma=(2, 4),
    temperature=(0.0, 0.8),
    prompts=PromptChoice(number=3),
    max_tokens=12,
    repeats=2,
    record=False,
)


def toy(**changes) -> Spec:
    return msgspec.structs.replace(TOY, **changes)


def runner(tmp_path: Path, **options) -> JobRunner:
    return JobRunner(calibrations=Cache(tmp_path / "calibrations.json"), **options)


def sweep(spec: Spec, folder: Path, runs: JobRunner, *, resume: bool = False, tell=None) -> None:
    with Ledger(folder, spec, resume=resume) as ledger:
        run_sweep(spec, runs, ledger, tell or (lambda progress: None))


def finished(folder: Path) -> list[tuple[str, int]]:
    """(cell, repeat) of every run on record, in order."""
    lines = read_lines(folder / RESULTS)
    return [(line.cell, line.repeat) for line in lines if isinstance(line, RunDone) and line.cell]
