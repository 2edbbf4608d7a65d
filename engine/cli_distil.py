"""`draftscope distil`: a draft for a target, made from the target's own text."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine import options
from engine.distil.figures import STAGES, Failed, Learnt, Step, Told
from engine.distil.plan import Plan
from engine.errors import DraftscopeError
from engine.terminal import (
    ProgressLine,
    clear_errors,
    on_engine_thread,
    serve_window,
    utf8_output,
)

_DEFAULT = Plan()


def distil(
    out: Annotated[
        Path, typer.Option(help="Folder to make. The work lies beside it, in OUT.work.")
    ],
    target: options.Target = "",
    hidden: Annotated[
        int,
        typer.Option(
            help="Width of the draft. 0: the target's own; it then begins with the target's "
            "layers and learns several times faster."
        ),
    ] = _DEFAULT.hidden,
    layers: Annotated[int, typer.Option(help="Layers of the draft.")] = _DEFAULT.layers,
    vocabulary: Annotated[
        int, typer.Option(help="Tokens that the draft knows: the most frequent ones. 0: all.")
    ] = _DEFAULT.vocabulary,
    begin_with: Annotated[
        str,
        typer.Option(help="Train this draft on, instead of beginning one: a GGUF file or folder."),
    ] = "",
    tokens: Annotated[
        int, typer.Option(help="Tokens of text that the target writes.")
    ] = _DEFAULT.tokens,
    minutes: Annotated[
        float, typer.Option(help="Minutes of training. 0: by --passes.")
    ] = _DEFAULT.minutes,
    passes: Annotated[
        float, typer.Option(help="Passes of the training over the text.")
    ] = _DEFAULT.passes,
    seed: Annotated[int, typer.Option(help="Seed of the text and the training.")] = _DEFAULT.seed,
    answer: Annotated[
        int, typer.Option(help="Tokens of the longest answer that the target writes.")
    ] = _DEFAULT.answer,
    rows: Annotated[
        int, typer.Option(help="Texts that are written at once; fewer take less memory.")
    ] = _DEFAULT.rows,
    batch: Annotated[
        int, typer.Option(help="Tokens of a step of training; fewer take less memory.")
    ] = _DEFAULT.batch,
    rate: Annotated[float, typer.Option(help="Learning rate at its highest.")] = _DEFAULT.rate,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with what was stopped, or train longer."),
    ] = False,
    threads: options.Threads = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    for_window: Annotated[bool, typer.Option("--for-window", hidden=True)] = False,
    debug: options.Debug = False,
) -> None:
    """Make a small model that drafts for a target.

    The target writes text, the draft learns its distributions, and the result is measured and
    written as a Hugging Face folder and as GGUF. Stop it with Ctrl+C; --resume goes on.
    """
    with clear_errors(debug):
        from engine.backends.hf.installed import require

        plan = Plan(
            target=target,
            begin=begin_with,
            hidden=hidden,
            layers=layers,
            vocabulary=vocabulary,
            tokens=tokens,
            minutes=minutes,
            passes=passes,
            seed=seed,
            answer=answer,
            rows=rows,
            batch=batch,
            rate=rate,
            threads=threads,
            device=device,
            precision=precision,
        ).validated()
        utf8_output()
        require()
        made = (_for_window if for_window else _on_terminal)(plan, out, resume)
        typer.echo(
            f"Draft: {made}\nIts figures: {made / 'README.md'}\n"
            f"The text and the training's state stay in {made.name}.work: --resume with more "
            "--minutes, --passes or --tokens trains on; delete it when you are content.",
            err=for_window,
        )


def _on_terminal(plan: Plan, out: Path, resume: bool) -> Path:
    from engine.distil.work import Distillation

    line = ProgressLine()

    def show(told: Told) -> None:
        if isinstance(told, Learnt):
            line.clear()
            typer.echo(_learnt(told))
        else:
            line.show(_step(told))

    work = Distillation(plan, out, resume, show)
    try:
        return on_engine_thread(work.run, work.cancel)
    finally:
        line.clear()


def _for_window(plan: Plan, out: Path, resume: bool) -> Path:
    """The same, told as JSON lines."""
    from engine.distil.work import Distillation

    work = Distillation(plan, out, resume, Lines())
    serve_window(work.cancel)
    try:
        return on_engine_thread(work.run, work.cancel)
    except DraftscopeError as error:
        failed = Failed(error.message, error.hint)
        typer.echo(msgspec.json.encode(failed).decode())
        raise


class Lines:
    """Prints what is told as JSON lines, steps ten times a second at most."""

    def __init__(self) -> None:
        self._shown = -1.0

    def __call__(self, told: Told) -> None:
        now = time.monotonic()
        if isinstance(told, Step) and told.fraction < 1.0:
            if now - self._shown < 0.1:
                return
            self._shown = now
        typer.echo(msgspec.json.encode(told).decode())


def _step(step: Step) -> str:
    from engine.experiments.sweep import duration_left

    left = "" if step.seconds_left is None else f", {duration_left(step.seconds_left)} left"
    detail = f" · {step.detail}" if step.detail else ""
    return f"{STAGES[step.stage]}: {step.fraction:.0%}{left}{detail}"


def _learnt(learnt: Learnt) -> str:
    from engine.cost import times

    gamma, speedup = learnt.speedup
    return (
        f"{learnt.seconds / 60:6.1f} min  {learnt.tokens:>11,} tokens  KL {learnt.loss:.3f}  "
        f"agreement {learnt.agreement:.3f}  overlap {learnt.overlap:.3f}  "
        f"modelled speedup {times(speedup)} at γ = {gamma}"
    )
