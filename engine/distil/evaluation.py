"""Stage three's figures: the draft at work on prompts kept out of the training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.distil import prompts
from engine.distil.plan import Plan
from engine.experiments.carry_out import carry_out
from engine.experiments.prompts import Prompt
from engine.experiments.results import Results, read_results
from engine.experiments.spec import PromptChoice, Spec
from engine.experiments.sweep import Progress, Runs

PROMPTS = 20
GAMMA = 4
TEMPERATURES = (0.0, 0.8)


def held_out(seed: int, number: int) -> list[Prompt]:
    """The first prompts that neither the training nor the choice of tokens has seen."""
    found: list[Prompt] = []
    at = 0
    while len(found) < number:
        asked = prompts.asked(seed, at)
        if asked.held_out and asked.text is not None:
            found.append(Prompt(f"held-out-{at}", asked.text))
        at += 1
    return found


def evaluate(
    plan: Plan, drafts: list[Path], folder: Path, runs: Runs, tell: Callable[[Progress], None]
) -> Results:
    """Run the drafts against their target, as an experiment in `folder`; go on with it if it has
    begun. Raises what `carry_out` raises."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "prompts.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(p) + b"\n" for p in held_out(plan.seed, PROMPTS)))
    spec = Spec(
        title=f"Draft of {plan.target or 'the embedded model'}",
        target=(plan.target,),
        draft=tuple(str(path.resolve()) for path in drafts),
        drafter=("model",),
        gamma=(GAMMA,),
        temperature=TEMPERATURES,
        prompts=PromptChoice(file=str(file.resolve())),
        repeats=1,
        seed=plan.seed,
        threads=plan.threads,
        device=plan.device,
        precision=plan.precision,
        record=False,
    )
    carry_out(spec, runs, folder, tell, resume=True)
    return read_results(folder)
