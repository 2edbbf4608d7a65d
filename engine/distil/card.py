"""What a draft is, for people who find its folder: README.md, with the command that made it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from engine.backends import registry
from engine.cost import times
from engine.distil.figures import Learnt
from engine.distil.plan import Plan
from engine.experiments.results import CellResult, Metric, Results, gathered, grouped

_HEAD = """\
---
license: {licence}
tags: [speculative-decoding, draft-model, draftscope]
---

# Draft for {target}

A small model that drafts tokens for {target}, made by Draftscope from
text that this model wrote itself. It is of use as a draft only: alone it writes poor text.
Speculative decoding with it gives exactly the target's distribution.

    {command}

| | |
|-|-|
| layers × width | {layers} × {width} |
| tokens known | {known} |
| text written by the target | {tokens:,} tokens, seed {seed} |
| training | {trained:,} tokens in {minutes:.0f} min |
| on held-out text, T = 1 | agreement {agreement:.3f}, overlap Σ min(p, q) {overlap:.3f}, KL {loss:.2f} nats |
| cost ratio in torch | {ratio:.2f} |

Measured on {prompts} prompts held out of the training, γ = 4; medians with 95 % intervals:

| draft | T | acceptance rate | tokens per pass | speedup |
|-|-|-|-|-|
"""  # noqa: E501


def card(
    plan: Plan,
    out: Path,
    learnt: Learnt,
    results: Results,
    licence: str,
    shape: tuple[int, int, int],
) -> str:
    """shape: the student's layers and width, and how many tokens it knows."""
    head = _HEAD.format(
        licence=licence or "other",
        target=Path(plan.target).name or registry.EMBEDDED_NAME,
        command=shlex.join(["draftscope", "distil", "--out", out.name, *plan.options()]),
        layers=shape[0],
        width=shape[1],
        known=f"{shape[2]:,}",
        tokens=plan.tokens,
        seed=plan.seed,
        trained=learnt.tokens,
        minutes=learnt.seconds / 60,
        agreement=learnt.agreement,
        overlap=learnt.overlap,
        loss=learnt.loss,
        ratio=learnt.cost_ratio,
        prompts=len({cell.prompt for cell in results.cells.values()}),
    )
    settings = grouped(results.cells.values(), "draft", "temperature")
    return head + "".join(_row(settings[key]) for key in sorted(settings, key=str))


def _row(cells: list[CellResult]) -> str:
    setting = cells[0].setting
    figures = [
        _interval(cells, "acceptance", "{:.3f}".format),
        _interval(cells, "tokens_per_pass", "{:.2f}".format),
        _interval(cells, "speedup", times),
    ]
    path = Path(setting.draft or "")
    name = path.name if path.suffix == ".gguf" else "model.safetensors"
    return f"| {name} | {setting.temperature:g} | {' | '.join(figures)} |\n"


def _interval(cells: list[CellResult], metric: Metric, shown: Callable[[float], str]) -> str:
    found = gathered(cells, metric)
    if found is None:
        return "none"
    return f"{shown(found.median)} ({shown(found.low)} to {shown(found.high)})"
