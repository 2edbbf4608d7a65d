"""`draftscope bench`: an experiment from its spec to its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine import options
from engine.terminal import ProgressLine, clear_errors, on_engine_thread, utf8_output

if TYPE_CHECKING:
    from engine.experiments.spec import Spec
    from engine.experiments.sweep import Progress


def bench(
    spec: Annotated[Path, typer.Argument(help="The experiment, a TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is in the folder.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: try failed cells again.")
    ] = False,
    ray: Annotated[
        str, typer.Option(help="Run on this Ray cluster: its address, or 'local'.")
    ] = "",
    debug: options.Debug = False,
) -> None:
    """Run every combination of a spec over its prompts, and write a report.

    Each run is on disk once it and its baseline have ended: stop it, or lose power, and --resume
    goes on.
    """
    with clear_errors(debug):
        from engine.experiments.spec import read_spec

        utf8_output()
        asked = read_spec(spec)
        progress = ProgressLine()
        try:
            _run(asked, out, resume or retry_failed, retry_failed, ray, progress)
        finally:
            progress.clear()
            _conclude(out)


def _run(spec: Spec, out: Path, resume: bool, retry: bool, ray: str, line: ProgressLine) -> None:
    def tell(progress: Progress) -> None:
        line.show(_words(progress))

    if ray:
        from engine.experiments.cluster import run_on_ray

        run_on_ray(spec, ray, out, tell, resume=resume, retry=retry)
        return
    from engine.experiments.carry_out import carry_out
    from engine.job import JobRunner

    runner = JobRunner()

    def work() -> None:
        try:
            carry_out(spec, runner, out, tell, resume=resume, retry=retry)
        finally:
            runner.close()

    on_engine_thread(work, runner.cancel)


def _conclude(out: Path) -> None:
    """What there is, also after a stop."""
    from engine.experiments.results import read_results

    if not (out / "report.html").exists():
        return
    states = [cell.state for cell in read_results(out).cells.values()]
    typer.echo(
        f"{states.count('done')} of {len(states)} cells on record are complete, "
        f"{states.count('refused')} refused, {states.count('failed')} failed.\n"
        f"Report: {out / 'report.html'}\nTable: {out / 'results.csv'}"
    )


def _words(progress: Progress) -> str:
    from engine.experiments.sweep import duration_left

    left = ""
    if progress.seconds_left is not None:
        left = f", {duration_left(progress.seconds_left)} left"
    failed = f", {progress.failed} cells without figures" if progress.failed else ""
    return f"{progress.done} of {progress.total} runs{left}{failed} · {progress.doing}"
