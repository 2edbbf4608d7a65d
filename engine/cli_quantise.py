"""`draftscope quantise`: a smaller quantisation of a model, as its own draft."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine import options
from engine.cli_distil import Lines
from engine.distil.figures import Failed, Step
from engine.errors import Cancelled, DraftscopeError
from engine.terminal import (
    ProgressLine,
    clear_errors,
    on_engine_thread,
    serve_window,
    utf8_output,
)


def quantise(
    out: Annotated[Path, typer.Option(help="GGUF file to write.")],
    target: Annotated[str, typer.Option(help="GGUF file, or nothing: embedded.")] = "",
    to: Annotated[
        str,
        typer.Option(help="Q2_K, Q3_K_S, Q3_K_M, Q4_0, Q4_K_M, Q5_K_M, Q6_K or Q8_0."),
    ] = "Q4_0",
    threads: options.Threads = 0,
    for_window: Annotated[bool, typer.Option("--for-window", hidden=True)] = False,
    debug: options.Debug = False,
) -> None:
    """Write a smaller quantisation of a model, to draft for it at once."""
    with clear_errors(debug):
        utf8_output()
        from engine.backends.quantising import quantise as write
        from engine.backends.registry import embedded_model, path_of

        cancelled = threading.Event()
        line, lines = ProgressLine(), Lines()
        if for_window:
            serve_window(cancelled.set)

        def tell(fraction: float) -> None:
            if cancelled.is_set():
                raise Cancelled("Cancelled.")
            if for_window:
                lines(Step("export", fraction, to))
            else:
                line.show(f"Writing {to}: {fraction:.0%}")

        def work() -> None:
            source = path_of(target) if target else embedded_model()
            out.parent.mkdir(parents=True, exist_ok=True)
            write(source, out, to, tell, threads)

        try:
            on_engine_thread(work, cancelled.set)
        except DraftscopeError as error:
            if for_window:
                failed = Failed(error.message, error.hint)
                typer.echo(msgspec.json.encode(failed).decode())
            raise
        finally:
            line.clear()
        typer.echo(f"Wrote {out}", err=for_window)
