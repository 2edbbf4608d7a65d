"""Result folders of experiments that never ran, for tests, screenshots and benchmarks: figures from
the cost model with a little noise, of pairs that differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.cost import expected_tokens
from engine.events import Calibration, Host, ModelInfo, Models
from engine.experiments.grid import Block, Cell, Setting, grid
from engine.experiments.ledger import RECORDINGS, RESULTS, SPEC
from engine.experiments.records import (
    Calibrated,
    CellFailed,
    Experiment,
    Rounds,
    RunDone,
    RunFigures,
)
from engine.experiments.spec import PromptChoice, Spec

HOST = Host("Linux 6.1", "Xeon", 8, 32 << 30, (), "3.12", "0.1")
SINGLE_NS = 24e6
ALPHA = {"model": 0.78, "ngram": 0.42, "suffix": 0.55}
KINDS = {"chat": -0.12, "code": 0.08, "summarise": 0.02, "translate": -0.05, "maths": 0.0}
WHEN = "2026-11-25T21:{:02}:{:02}+00:00"

PAIRS = Spec(
    title="Which draft for my target",
    target=("/models/qwen2.5-coder-1.5b-q4_k_m.gguf", "/models/qwen2.5-coder-7b-q4_k_m.gguf", ""),
    draft=("/models/qwen2.5-coder-0.5b-q8_0.gguf", "/models/smollm2-135m-q8_0.gguf"),
    drafter=("model", "ngram"),
    gamma=(1, 2, 3, 4, 6, 8, 12),
    temperature=(0.0, 0.8),
    prompts=PromptChoice(number=6),
)
SMALL = Spec(
    drafter=("ngram", "suffix"), gamma=(2, 4, 8), temperature=(0.0, 0.8), repeats=2,
    prompts=PromptChoice(number=3),
)  # fmt: skip


def model(source: str) -> ModelInfo:
    name = Path(source).stem or "SmolLM2 135M"
    return ModelInfo(name, "gguf", "cpu", "Q4_K_M", 10**9, 10**9, 151_000, 4096, 7, "llama.cpp",
                     source == "toy", synthetic=source.startswith("synthetic"))  # fmt: skip


def calibration(target: str = "", draft: str | None = None, slope: float = 0.12) -> Calibration:
    """T_v(k) that rises by `slope` single passes a token, steeper from 8 on."""
    widths = tuple(range(1, 18))
    ns = [SINGLE_NS * (1 + slope * (k - 1) + (0.35 * (k - 8) if k > 8 else 0)) for k in widths]
    step = None if draft is None else 0.14 * SINGLE_NS
    return Calibration(
        target=model(target),
        draft=None if draft is None else model(draft),
        host=HOST,
        depth=128,
        rounds=12,
        widths=widths,
        verify_ns=tuple(ns),
        verify_low_ns=tuple(v * (0.985 - 0.004 * k) for k, v in zip(widths, ns, strict=True)),
        verify_high_ns=tuple(v * (1.02 + 0.006 * k) for k, v in zip(widths, ns, strict=True)),
        draft_ns=step,
        draft_low_ns=None if step is None else 0.95 * step,
        draft_high_ns=None if step is None else 1.1 * step,
        measured_at="2026-11-25T20:58:00+00:00",
    )


def run_done(
    cell: Cell, block: Block, order: int, rng: np.random.Generator, **changes: Any
) -> RunDone:
    """A run of a cell, as the cost model has it, give or take a few percent."""
    at, gamma, rounds = cell.setting, cell.setting.gamma, 40
    known = calibration(at.target, at.draft, 0.12 if "7b" not in at.target else 0.06)
    alpha = ALPHA.get(at.drafter, 0.5) + KINDS.get(cell.prompt.kind, 0.1) - 0.1 * at.temperature
    alpha = float(np.clip(alpha - (0.2 if "smollm" in (at.draft or "") else 0.0), 0.05, 0.97))
    accepted = np.minimum(rng.geometric(1 - alpha, rounds) - 1, gamma)
    rejected = (accepted < gamma).astype(int)
    ns = {
        name: rng.normal(mean, 0.03 * mean, rounds).astype(int)
        for name, mean in (
            ("draft_ns", gamma * (0.14 * SINGLE_NS if at.draft else 2e4)),
            ("target_ns", known.verify_at(gamma + 1)),
            ("host_ns", 2e5),
        )
    }
    seconds = [float(ns[name].sum()) / 1e9 for name in ("draft_ns", "target_ns", "host_ns")]
    tokens = int((accepted + 1).sum())
    rate = tokens / sum(seconds)
    cost = gamma * (0.14 * SINGLE_NS if at.draft else 2e4) + known.verify_at(gamma + 1) + 2e5
    sums = int(accepted.sum()), int(rejected.sum())
    figures = RunFigures(
        tokens=tokens,
        rounds=rounds,
        drafted=gamma * rounds,
        accepted=sums[0],
        rejected=sums[1],
        acceptance_rate=sums[0] / sum(sums),
        draft_efficiency=sums[0] / (gamma * rounds),
        tokens_per_pass=tokens / rounds,
        tokens_per_second=rate,
        draft_s=seconds[0],
        verify_s=seconds[1],
        host_s=seconds[2],
        prefill_s=0.4,
        compared_tokens=tokens,
        speedup=rate * (SINGLE_NS + 2e5) / 1e9 * float(rng.normal(1, 0.02)),
        modelled=expected_tokens(sums[0] / sum(sums), gamma) * (SINGLE_NS + 2e5) / cost,
    )
    run_id = f"{block.id}-{order:02}"
    made = RunDone(
        run_id=run_id,
        cell=cell.id,
        block=block.id,
        repeat=block.repeat,
        order=order,
        prompt=cell.prompt.id,
        kind=cell.prompt.kind,
        setting=at,
        baseline=f"{block.id}-b",
        calibration=_pair_id(at.target, at.draft),
        started_at=WHEN.format(*divmod(order * 7 % 3600, 60)),
        reason="length",
        seed=block.repeat,
        models=Models(model(at.target), None if at.draft is None else model(at.draft)),
        prompt_tokens=64,
        figures=figures,
        rounds=Rounds(
            drafted=(gamma,) * rounds,
            accepted=tuple(accepted.tolist()),
            rejected=tuple(rejected.tolist()),
            emitted=tuple((accepted + 1).tolist()),
            wasted_ns=(0,) * rounds,
            **{name: tuple(values.tolist()) for name, values in ns.items()},
        ),
        token_ids=tuple(rng.integers(0, 50_000, tokens).tolist()),
        same_text=bool(rng.random() < 0.97) if at.temperature == 0 else None,
        recording=f"{run_id}.jsonl",
    )
    return msgspec.structs.replace(made, **changes)


def baseline_of(block: Block, like: RunDone) -> RunDone:
    """Plain decoding in the block of a run."""
    plain = Setting(block.target, None, "", 0, block.temperature, "", "")
    return msgspec.structs.replace(
        like, run_id=f"{block.id}-b", cell="", setting=plain, baseline="", same_text=None,
        figures=msgspec.structs.replace(like.figures, speedup=None, modelled=None, drafted=0,
            accepted=0, rejected=0, rounds=like.figures.tokens, tokens_per_pass=1.0,
            acceptance_rate=None, draft_efficiency=None,
            tokens_per_second=1e9 / (SINGLE_NS + 2e5)),
    )  # fmt: skip


Fate = Callable[[Cell], str]
"""What becomes of a cell: "" (its runs are done), "refused: why", "failed: why" or "waiting"."""


def write_folder(
    folder: Path,
    spec: Spec,
    fate: Fate = lambda cell: "",
    *,
    most: int | None = None,
    recordings: bool = False,
) -> Path:
    """A folder as `draftscope bench` leaves it. most: so many runs, baselines included, and there
    it was stopped. recordings: an empty file for each run, as if its events were kept."""
    (folder / RECORDINGS).mkdir(parents=True, exist_ok=True)
    (folder / SPEC).write_bytes(msgspec.json.encode(spec))
    rng, encoder, whole = np.random.default_rng(0), msgspec.json.Encoder(), grid(spec)
    fates = {cell.id: f"refused: {cell.refused}" if cell.refused else fate(cell)
             for cell in whole.cells}  # fmt: skip
    lines: list[Any] = [Experiment(1, "digest", WHEN.format(0, 0), HOST)]
    for cell in whole.cells:
        state, _, why = fates[cell.id].partition(": ")
        if state in ("refused", "failed"):
            lines.append(CellFailed(cell.id, cell.setting, cell.prompt.id, cell.prompt.kind,
                                    state == "refused", why))  # fmt: skip
    known: set[str] = set()
    runs = 0
    with (folder / RESULTS).open("wb") as file:
        for line in lines:
            file.write(encoder.encode(line) + b"\n")
        for block in whole.blocks:
            cells = [cell for cell in block.cells if not fates[cell.id]]
            made = [run_done(cell, block, i, rng) for i, cell in enumerate(cells)]
            for run in [baseline_of(block, made[0]), *made] if made else []:
                if runs == most:
                    return folder
                at = run.setting
                if run.cell and run.calibration not in known:
                    known.add(run.calibration)
                    slope = 0.12 if "7b" not in at.target else 0.06
                    found = calibration(at.target, at.draft, slope)
                    line = Calibrated(run.calibration, at.target, at.draft, found)
                    file.write(encoder.encode(line) + b"\n")
                file.write(encoder.encode(run) + b"\n")
                runs += 1
                if recordings:
                    (folder / RECORDINGS / run.recording).touch()
    return folder


def _pair_id(target: str, draft: str | None) -> str:
    return f"{Path(target).stem or 'embedded'}+{Path(draft or '').stem or 'none'}"
