"""Every rule with every drafter on the embedded model: the table of docs/methods.md.

    python -m tests.bench.methods [--threads 2] [--max-tokens 64] [--write docs/methods.md]

Target: the embedded model. Draft: a Q4_0 copy of it. At least 20 prompts; for each prompt and
temperature plain decoding is measured once, and all methods are run against it in turn. Figures are
pooled over the prompts; the speedup is the median of the prompts', with its quartiles. Takes a
quarter of an hour on two cores, with nothing else going on.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import msgspec
import typer

from engine.config import Config, ModelSpec
from engine.drafting.registry import DRAFTERS
from engine.errors import ConfigError
from engine.host import host
from engine.job import Job, JobRunner
from engine.methods import check
from engine.metrics import Figures, figures
from engine.presets import presets
from engine.rules import RULES
from engine.trace import Trace
from tests.bench.pairs import PROMPTS, quantised

N_PROMPTS = 20
GAMMA = 4
BEGIN, END = "<!-- methods: begin -->", "<!-- methods: end -->"
TREE = (2,)
MORE_PROMPTS = (
    "Translate into French: The train to the coast leaves at nine and arrives before noon.",
    "A shop sells 3 apples for 2 pounds. How much do 12 apples cost? Explain each step.",
)
Key = tuple[str, str, str, float]


def methods() -> Iterator[tuple[Key, Config]]:
    """Every combination that runs: (rule, drafter, shape or length policy, temperature)."""
    for temperature in (0.0, 0.8):
        for rule in RULES:
            # At T = 0 the other rules judge as greedy does, but for the lenient one.
            if temperature == 0.0 and rule not in ("greedy", "lenient"):
                continue
            for drafter in DRAFTERS:
                base = Config(
                    gamma=GAMMA, temperature=temperature, rule=rule, drafter=drafter, seed=1
                )
                variants = [("chain", {})]
                if rule in ("rejection", "greedy"):
                    variants += [("2 branches", {"branches": TREE})]
                    variants += [
                        (policy, {"length_policy": policy})
                        for policy in ("confidence", "entropy", "throughput")
                    ]
                for shape, settings in variants:
                    config = msgspec.structs.replace(base, **settings)
                    try:
                        check(config)
                    except ConfigError:
                        continue
                    yield (rule, drafter, shape, temperature), config


def measure(threads: int, max_tokens: int) -> dict[Key, list[Figures]]:
    """The figures of every method on every prompt."""
    target = ModelSpec(threads=threads)
    draft = ModelSpec(str(quantised("Q4_0")), threads=threads)
    texts = [*(p.text for p in presets()), *PROMPTS, *MORE_PROMPTS]
    assert len(texts) >= N_PROMPTS
    found: dict[Key, list[Figures]] = defaultdict(list)
    runner = JobRunner()
    try:
        for i, text in enumerate(texts):
            for key, config in methods():
                trace = Trace()
                asked = msgspec.structs.replace(config, max_tokens=max_tokens)
                runner.run(Job(text, asked, target, draft, baseline="reuse"), trace.apply)
                run = trace.run
                found[key].append(figures(run, trace.baseline_of(run)))
            print(f"\rprompt {i + 1} of {len(texts)}", end="", file=sys.stderr, flush=True)
    finally:
        runner.close()
        print(file=sys.stderr)
    return found


def row(key: Key, runs: list[Figures]) -> dict[str, object]:
    """Pooled figures and the spread of the speedup."""
    accepted, drafted = sum(f.accepted for f in runs), sum(f.drafted for f in runs)
    judged = accepted + sum(f.rejected for f in runs)
    low, middle, high = quantiles([f.speedup for f in runs if f.speedup is not None], n=4)
    rule, drafter, shape, temperature = key
    decode = sum(f.draft_s + f.verify_s + f.host_s for f in runs)
    return {
        "rule": rule,
        "drafter": drafter,
        "proposal": shape,
        "temperature": temperature,
        "alpha": accepted / judged if judged else None,
        "tau": sum(f.tokens for f in runs) / sum(f.rounds for f in runs),
        "efficiency": accepted / drafted if drafted else None,
        "speedup": middle,
        "quartiles": [low, high],
        "host_share": sum(f.host_s for f in runs) / decode,
    }


def table(rows: list[dict[str, object]], n_prompts: int, threads: int, max_tokens: int) -> str:
    """The table in Markdown, below the line that says where it comes from."""
    lines = [
        f"Measured on {host().cpu}, {threads or host().cores} threads, no GPU, with "
        f"`python -m tests.bench.methods --threads {threads} --max-tokens {max_tokens}`: "
        f"{n_prompts} prompts, γ = {GAMMA}, {max_tokens} tokens each; target SmolLM2-135M Q4_1, "
        "draft its Q4_0 copy.",
        "",
        "| T | rule | drafter | proposal | α | τ | draft efficiency | speedup | quartiles |",
        "| ---: | --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]

    def number(value: object) -> str:
        return "–" if value is None else f"{value:.2f}"

    for r in rows:
        rule = str(r["rule"])
        config = Config(temperature=float(str(r["temperature"])), rule=rule)
        mark = "" if RULES[rule].lossless_in(config) else " (not lossless)"
        low, high = r["quartiles"]
        lines.append(
            f"| {r['temperature']:g} | `{rule}`{mark} | `{r['drafter']}` | {r['proposal']} "
            f"| {number(r['alpha'])} | {number(r['tau'])} | {number(r['efficiency'])} "
            f"| {number(r['speedup'])}× | {low:.2f}–{high:.2f} |"
        )
    return "\n".join(lines)


def main(
    threads: Annotated[int, typer.Option(help="0: all physical cores")] = 0,
    max_tokens: int = 64,
    write: Annotated[Path | None, typer.Option(help="Put the table into this page.")] = None,
) -> None:
    found = measure(threads, max_tokens)
    rows = [row(key, runs) for key, runs in found.items()]
    for r in rows:
        print(json.dumps(r, ensure_ascii=False))
    if write is not None:
        page = write.read_text("utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        n_prompts = len(next(iter(found.values())))
        text = table(rows, n_prompts, threads, max_tokens)
        write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    typer.run(main)
