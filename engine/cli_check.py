"""`draftscope check`: whether a rule, with a drafter, is lossless."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from engine import options
from engine.config import Config, ModelSpec
from engine.options import DEFAULT
from engine.terminal import EXIT_FAILED, clear_errors, on_engine_thread, utf8_output

if TYPE_CHECKING:  # models and numpy load only when a command needs them
    from engine.lab.result import CheckJob, CheckResult

_SHOWN = 8


def check(
    target: options.Target = "",
    draft: options.Draft = "",
    rule: options.RuleName = DEFAULT.rule,
    drafter: options.Drafter = "",
    samples: Annotated[
        int, typer.Option(help="Runs on each side; 0: 2,000, or 20,000 on the toy pair.")
    ] = 0,
    tokens: Annotated[int, typer.Option(help="First tokens compared jointly, 1 to 3.")] = 2,
    prompt: options.Prompt = None,
    prompt_file: options.PromptFile = None,
    gamma: options.Gamma = 2,
    branches: options.Branches = "",
    temperature: options.Temperature = 1.0,
    top_k: options.TopK = DEFAULT.top_k,
    top_p: options.TopP = DEFAULT.top_p,
    seed: options.Seed = DEFAULT.seed,
    max_tokens: Annotated[int, typer.Option(help="Tokens compared at temperature 0.")] = 128,
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
    as_json: options.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Check whether a rule, with a drafter, emits what the target alone would.

    On the toy pair the exact law is enumerated. Everywhere the first tokens after the prompt are
    sampled with and without speculation and compared; at temperature 0 the two texts are. Exit
    code 1: a rule that claims to be lossless is not.
    """
    from engine.lab.result import CheckJob

    with clear_errors(debug):
        if target == "toy" and not draft:
            draft = "toy"
        how = ModelSpec(
            backend=backend,
            threads=threads,
            gpu_layers=gpu_layers,
            context=context,
            device=device,
            precision=precision,
        )
        name = options.drafter_name(drafter, draft, target)
        spec, draft_spec = options.specs(target, draft, how, name)
        job = CheckJob(
            prompt=options.prompt_text(prompt, prompt_file),
            config=Config(
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
            ),
            target=spec,
            draft=draft_spec,
            raw=raw,
            corpus=corpus,
            samples=samples,
            tokens=tokens,
        )
        result = _check(job)
    utf8_output()
    typer.echo(_as_json(result) if as_json else _as_text(result))
    if result.declared and not result.lossless:
        raise typer.Exit(EXIT_FAILED)


def _check(job: CheckJob) -> CheckResult:
    from engine.console import Progress
    from engine.job import JobRunner

    runner = JobRunner()
    progress = Progress()

    def work() -> CheckResult:
        try:
            return runner.check(job, progress.checking, progress.loading)
        finally:
            runner.close()

    try:
        return on_engine_thread(work, runner.cancel)
    finally:
        progress.clear()


def _as_json(result: CheckResult) -> str:
    """One object; its first keys are a contract."""
    import msgspec

    return json.dumps(msgspec.to_builtins(result), ensure_ascii=False)


def _as_text(result: CheckResult) -> str:
    lines = [result.sentence, *([result.detail] if result.detail else [])]
    if result.expected_tokens is not None:
        lines.append(
            f"A round accepts {result.expected_accepted:.4f} and emits "
            f"{result.expected_tokens:.4f} tokens on average (exact)."
        )
    if result.cells:
        lines.append("\nplain  speculative  exact  outcome")
        for cell in result.cells[:_SHOWN]:
            exact = "" if cell.probability is None else f"{cell.probability:.3f}"
            lines.append(f"{cell.plain:5,}  {cell.speculative:11,}  {exact:>5}  {cell.text!r}")
        if result.outcomes > _SHOWN:
            lines.append(f"… and {result.outcomes - _SHOWN:,} more")
    return "\n".join(lines)
