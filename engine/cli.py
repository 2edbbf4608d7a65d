"""Headless commands. The window is added to the same `cli` by the composition root in app."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.config import Config, ModelSpec
from engine.errors import Cancelled, DraftscopeError, ErrorInfo, PromptError

if TYPE_CHECKING:  # models and numpy load only when a command needs them
    from engine.events import AnyEvent
    from engine.job import Job
    from engine.trace import Run

BackendName = Literal["auto", "gguf", "hf"]
EXIT_ERROR = 2
EXIT_CANCELLED = 130

cli = typer.Typer(
    name="draftscope",
    help="An instrument for speculative decoding. Without a command, the window opens.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


@cli.callback()
def commands() -> None:
    """Keeps the commands' names while there is only one; the app puts the window in its place."""


@contextmanager
def clear_errors(debug: bool) -> Generator[None]:
    """One line and a hint on stderr, exit code 2; the traceback only on demand."""
    try:
        yield
    except Cancelled:
        typer.echo("Cancelled.", err=True)
        raise typer.Exit(EXIT_CANCELLED) from None
    except DraftscopeError as error:
        report(ErrorInfo.of(error), debug)
        raise typer.Exit(EXIT_ERROR) from None


def report(error: ErrorInfo, debug: bool) -> None:
    """Say what went wrong and what to do next."""
    if debug:
        typer.echo(error.traceback, err=True)
    typer.echo(f"Error: {error.message}", err=True)
    if error.hint:
        typer.echo(f"Hint: {error.hint}", err=True)


@cli.command()
def run(
    target: Annotated[str, typer.Option(help="GGUF file, 'toy', or nothing: embedded.")] = "",
    draft: Annotated[str, typer.Option(help="GGUF file or 'toy'.")] = "",
    drafter: Annotated[
        str, typer.Option(help="model or ngram; default: model with --draft, else ngram.")
    ] = "",
    prompt: Annotated[str | None, typer.Option(help="Default: the first preset.")] = None,
    prompt_file: Annotated[
        Path | None, typer.Option(help="Read the prompt from a file; - is standard input.")
    ] = None,
    gamma: Annotated[int, typer.Option(help="Tokens drafted in a round; 0: plain decoding.")] = 4,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.0,
    top_k: Annotated[int, typer.Option(help="0 switches it off.")] = 0,
    top_p: Annotated[float, typer.Option(help="1 switches it off.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the recorded draws.")] = 0,
    max_tokens: Annotated[int, typer.Option(help="Tokens to emit at most.")] = 128,
    rule: Annotated[str, typer.Option(help="Verification rule.")] = "rejection",
    length_policy: Annotated[str, typer.Option(help="Draft-length policy.")] = "fixed",
    backend: Annotated[BackendName, typer.Option(help="Library that runs the models.")] = "auto",
    raw: Annotated[bool, typer.Option("--raw", help="No chat template.")] = False,
    threads: Annotated[int, typer.Option(help="0: all physical cores.")] = 0,
    gpu_layers: Annotated[int, typer.Option(help="-1: all that fit the build and the GPU.")] = -1,
    context: Annotated[int, typer.Option(help="Context length; 0: the model's, at most 4096.")] = 0,
    baseline: Annotated[
        bool, typer.Option("--baseline/--no-baseline", help="Measure plain decoding first.")
    ] = True,
    trace: Annotated[Path | None, typer.Option(help="Record the events to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Decode one prompt and report the measured figures."""
    from engine.job import Job

    with clear_errors(debug):
        text = _prompt(prompt, prompt_file)
        drafter = drafter or ("model" if draft else "ngram")
        config = Config(
            gamma=gamma,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            max_tokens=max_tokens,
            drafter=drafter,
            rule=rule,
            length_policy=length_policy,
        ).validated()
        spec = ModelSpec(target, backend, threads, gpu_layers, context)
        draft_spec = ModelSpec(draft, backend, threads, gpu_layers, context) if draft else None
        job = Job(
            prompt=text,
            config=config,
            target=spec,
            draft=draft_spec,
            raw=raw,
            baseline="measure" if baseline else "none",
        )
        finished = _decode(job, trace, show=not as_json)
    error = finished.finished.error if finished.finished else None
    if error is not None:
        report(error, debug)
        raise typer.Exit(EXIT_ERROR)
    if finished.finished and finished.finished.reason == "cancelled":
        raise typer.Exit(EXIT_CANCELLED)


def _prompt(prompt: str | None, prompt_file: Path | None) -> str:
    if prompt is not None and prompt_file is not None:
        raise PromptError("Both --prompt and --prompt-file are given.", "Give one of them.")
    if prompt_file is not None:
        try:
            return sys.stdin.read() if str(prompt_file) == "-" else prompt_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PromptError(
                f"The prompt file {prompt_file.name} cannot be read: {_reason(error)}.",
                "Give the path of a text file in UTF-8.",
            ) from None
    if prompt is None:
        from engine.presets import first_prompt

        return first_prompt()
    return prompt


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is no text in UTF-8"


def _decode(job: Job, trace_path: Path | None, *, show: bool) -> Run:
    """Run the job on a thread, so that Ctrl+C reaches this one; print, record, return the run."""
    from engine.console import Progress, Screen, summary
    from engine.job import JobRunner
    from engine.recording import Recorder
    from engine.trace import Trace

    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        # A pipe or file gets UTF-8 whatever the locale; a terminal shows what it can.
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        reconfigure(encoding=encoding, errors="replace")
    runner = JobRunner()
    trace = Trace()
    screen = None
    if show:
        skip_baseline = job.config.gamma > 0
        screen = Screen(sys.stdout, colour=sys.stdout.isatty(), skip_baseline=skip_baseline)
    progress = Progress()
    done = threading.Event()
    failure: list[BaseException] = []

    with Recorder(trace_path) if trace_path else nullcontext() as recorder:

        def sink(event: AnyEvent) -> None:
            trace.apply(event)
            if recorder is not None:
                recorder(event)
            progress.event(event)
            if screen is not None:
                screen.event(event, trace)

        def work() -> None:
            try:
                runner.run(job, sink, progress.loading)
            except BaseException as error:
                failure.append(error)
            finally:
                runner.close()
                done.set()

        worker = threading.Thread(target=work, name="engine")
        worker.start()
        try:
            wait_for(done, runner.cancel)
            worker.join()
        finally:
            progress.clear()
    if failure:
        raise failure[0]
    finished = trace.run
    assert finished is not None
    if screen is None:
        typer.echo(json.dumps(summary(finished, trace.baseline_of(finished)), ensure_ascii=False))
    else:
        screen.summary(finished, trace.baseline_of(finished))
    return finished


def wait_for(done: threading.Event, cancel: Callable[[], None]) -> None:
    """Wait until `done`; Ctrl+C cancels what is waited for.

    In time slices, because Windows can't interrupt a wait; on an Event, because an interrupted
    `Thread.join` takes the thread for ended.
    """
    while not done.is_set():
        try:
            done.wait(0.2)
        except KeyboardInterrupt:
            cancel()
