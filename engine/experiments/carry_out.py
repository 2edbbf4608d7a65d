"""An experiment from beginning to end: run what is missing, then write the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.experiments.ledger import RESULTS, Ledger
from engine.experiments.reporting import write_csv, write_report
from engine.experiments.results import Results, read_results
from engine.experiments.spec import Spec
from engine.experiments.sweep import Progress, Runs, run_sweep


def carry_out(
    spec: Spec,
    runs: Runs,
    folder: Path,
    tell: Callable[[Progress], None],
    *,
    resume: bool,
    retry: bool = False,
) -> None:
    """Run every cell that is not on record, and write the report, also of what was stopped.

    Raises ConfigError, RecordingError and Cancelled, as `Ledger` and `run_sweep`.
    """
    with Ledger(folder, spec, resume=resume, retry=retry) as ledger:
        try:
            run_sweep(spec, runs, ledger, tell)
        finally:
            write_reports(folder)


def write_reports(folder: Path) -> Results | None:
    """Report and table of what is on record; None while there is nothing."""
    if not (folder / RESULTS).exists():
        return None
    results = read_results(folder)
    if results.cells:
        write_report(results)
        write_csv(results)
    return results
