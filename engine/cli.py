"""Headless commands. The window is added to the same `cli` by the composition root in app."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine import options
from engine.cli_bench import bench
from engine.cli_check import check
from engine.cli_distil import distil
from engine.cli_quantise import quantise
from engine.cli_synth import synth
from engine.config import Config, ModelSpec
from engine.options import DEFAULT
from engine.terminal import (
    EXIT_CANCELLED,
    EXIT_ERROR,
    clear_errors,
    on_engine_thread,
    report,
    utf8_output,
)

if TYPE_CHECKING:  # models and numpy load only when a command needs them
    from engine.events import AnyEvent
    from engine.job import Job
    from engine.trace import Run

__all__ = ["clear_errors", "cli"]

cli = typer.Typer(
    name="draftscope",
    help="An instrument for speculative decoding. Without a command, the window opens.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
cli.command()(check)
cli.command()(bench)
cli.command()(synth)
cli.command()(distil)
cli.command()(quantise)


@cli.command()
def run(
    target: options.Target = "",
    draft: options.Draft = "",
    drafter: options.Drafter = "",
    prompt: options.Prompt = None,
    prompt_file: options.PromptFile = None,
    gamma: options.Gamma = None,
    branches: options.Branches = "",
    temperature: options.Temperature = DEFAULT.temperature,
    top_k: options.TopK = DEFAULT.top_k,
    top_p: options.TopP = DEFAULT.top_p,
    seed: options.Seed = DEFAULT.seed,
    max_tokens: options.MaxTokens = DEFAULT.max_tokens,
    rule: options.RuleName = DEFAULT.rule,
    lenience: options.Lenience = DEFAULT.lenience,
    epsilon: options.Epsilon = DEFAULT.epsilon,
    delta: options.Delta = DEFAULT.delta,
    length_policy: options.LengthPolicy = DEFAULT.length_policy,
    confidence: options.Confidence = DEFAULT.confidence,
    entropy_bound: options.EntropyBound = DEFAULT.entropy_bound,
    entropy_scale: options.EntropyScale = DEFAULT.entropy_scale,
    exit_layer: options.ExitLayer = DEFAULT.exit_layer,
    corpus: options.Corpus = None,
    backend: options.Backend = "auto",
    raw: options.Raw = False,
    threads: options.Threads = 0,
    gpu_layers: options.GpuLayers = -1,
    context: options.Context = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    baseline: Annotated[
        bool, typer.Option("--baseline/--no-baseline", help="Measure plain decoding first.")
    ] = True,
    trace: Annotated[Path | None, typer.Option(help="Record the events to this file.")] = None,
    as_json: options.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Decode one prompt and report the measured figures."""
    from engine.job import Job

    with clear_errors(debug):
        text = options.prompt_text(prompt, prompt_file)
        name = options.drafter_name(drafter, draft, target)
        config = Config(
            gamma=options.gamma_of(gamma, name),
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            max_tokens=max_tokens,
            drafter=name,
            rule=rule,
            length_policy=length_policy,
            branches=options.parsed_branches(branches),
            lenience=lenience,
            epsilon=epsilon,
            delta=delta,
            confidence=confidence,
            entropy_bound=entropy_bound,
            entropy_scale=entropy_scale,
            exit_layer=exit_layer,
        ).validated()
        how = ModelSpec(
            backend=backend,
            threads=threads,
            gpu_layers=gpu_layers,
            context=context,
            device=device,
            precision=precision,
        )
        spec, draft_spec = options.specs(target, draft, how, name)
        job = Job(
            prompt=text,
            config=config,
            target=spec,
            draft=draft_spec,
            raw=raw,
            baseline="measure" if baseline else "none",
            corpus=corpus,
        )
        finished = _decode(job, trace, show=not as_json)
    error = finished.finished.error if finished.finished else None
    if error is not None:
        report(error, debug)
        raise typer.Exit(EXIT_ERROR)
    if finished.finished and finished.finished.reason == "cancelled":
        raise typer.Exit(EXIT_CANCELLED)


def _decode(job: Job, trace_path: Path | None, *, show: bool) -> Run:
    """Run the job; print, record, return the run."""
    from engine.console import Progress, Screen, summary
    from engine.job import JobRunner
    from engine.recording import Recorder
    from engine.trace import Trace

    utf8_output()
    runner = JobRunner()
    trace = Trace()
    screen = None
    if show:
        skip_baseline = job.config.gamma > 0
        screen = Screen(sys.stdout, colour=sys.stdout.isatty(), skip_baseline=skip_baseline)
    progress = Progress()

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
            finally:
                runner.close()

        try:
            on_engine_thread(work, runner.cancel)
        finally:
            progress.clear()
    finished = trace.run
    assert finished is not None
    if screen is None:
        typer.echo(json.dumps(summary(finished, trace.baseline_of(finished)), ensure_ascii=False))
    else:
        screen.summary(finished, trace.baseline_of(finished))
    return finished
