"""The cells of an experiment, and the blocks in which they are run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from engine.config import Config, ModelSpec
from engine.drafting.length import length_kind
from engine.drafting.registry import drafter_kind
from engine.errors import ConfigError
from engine.experiments.prompts import Prompt
from engine.experiments.spec import Spec, first_reason, prompts_of
from engine.methods import check


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One combination: a point of the grid. draft None: the drafter uses no draft model."""

    target: str
    draft: str | None
    drafter: str
    gamma: int
    temperature: float
    rule: str
    length_policy: str


class Cell(msgspec.Struct, frozen=True):
    """A setting on a prompt. refused: why it cannot run, "" if it can."""

    id: str
    setting: Setting
    prompt: Prompt
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Cells that share a baseline: one target and draft, one prompt, one temperature, one repeat.

    They are run one right after the other, the baseline among them, in an order of their own.
    """

    id: str
    target: str
    draft: str | None
    prompt: Prompt
    temperature: float
    repeat: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """All that an experiment runs, and the order: pairs one after the other (loading a model takes
    long), within a pair the blocks shuffled by the seed."""

    cells: tuple[Cell, ...]
    blocks: tuple[Block, ...]

    @property
    def runs(self) -> int:
        return sum(len(block.cells) for block in self.blocks)


def grid(spec: Spec) -> Grid:
    """The same spec gives the same cells with the same ids in the same order, always."""
    prompts = prompts_of(spec)
    cells = tuple(_cell(spec, setting, prompt) for setting in _settings(spec) for prompt in prompts)
    groups: dict[tuple[str, str | None], dict[tuple[str, float], list[Cell]]] = {}
    for cell in cells:
        if not cell.refused:
            at = cell.setting
            pair = at.target, at.draft if at.draft is not None else _companion(spec)
            groups.setdefault(pair, {}).setdefault((cell.prompt.id, at.temperature), []).append(
                cell
            )
    rng = np.random.default_rng(spec.seed)
    blocks: list[Block] = []
    for (target, draft), parts in groups.items():
        of_pair = [
            _block(target, draft, temperature, repeat, inside)
            for repeat in range(spec.repeats)
            for (_, temperature), inside in parts.items()
        ]
        for start in range(0, len(of_pair), len(parts)):  # repeats one after the other
            order = rng.permutation(len(parts))
            blocks += [of_pair[start + int(i)] for i in order]
    return Grid(cells, tuple(blocks))


def _settings(spec: Spec) -> Iterator[Setting]:
    for target in spec.target:
        for drafter in spec.drafter:
            kind = drafter_kind(drafter)
            drafts: tuple[str | None, ...] = (None,)
            if kind.needs_model or (kind.may_use_model and spec.draft):
                drafts = spec.draft
            gammas = (kind.gamma_max,) if kind.chooses_gamma else spec.gamma
            policies = ("fixed",) if kind.chooses_gamma else spec.length_policy
            for draft in drafts:
                for temperature in spec.temperature:
                    for rule in spec.rule:
                        for policy in policies:
                            for gamma in gammas:
                                yield Setting(
                                    target, draft, drafter, gamma, temperature, rule, policy
                                )


def _companion(spec: Spec) -> str | None:
    """The draft in whose blocks a setting without one runs: so that all share one baseline."""
    kinds = [drafter_kind(name) for name in spec.drafter]
    used = any(kind.needs_model or kind.may_use_model for kind in kinds)
    return spec.draft[0] if spec.draft and used else None


def _cell(spec: Spec, setting: Setting, prompt: Prompt) -> Cell:
    parts = (setting, prompt, spec.max_tokens, spec.top_k, spec.top_p, spec.seed)
    # Only where it plays a part: cells of other drafters keep their ids.
    exits = (spec.exit_layer,) if setting.drafter == "early-exit" else ()
    key = msgspec.json.encode((*parts, *exits))
    refused = ""
    try:
        check(config_of(spec, setting).validated())
        length_kind(setting.length_policy)
    except ConfigError as error:
        refused = first_reason(error)
    return Cell(_digest(key), setting, prompt, refused)


def _block(
    target: str, draft: str | None, temperature: float, repeat: int, cells: list[Cell]
) -> Block:
    key = msgspec.json.encode(([cell.id for cell in cells], repeat))
    return Block(_digest(key), target, draft, cells[0].prompt, temperature, repeat, tuple(cells))


def _digest(key: bytes) -> str:
    return hashlib.blake2s(key, digest_size=6).hexdigest()


def config_of(spec: Spec, setting: Setting, repeat: int = 0) -> Config:
    """The configuration of a run of this setting. Each repeat draws with a seed of its own."""
    return Config(
        gamma=setting.gamma,
        temperature=setting.temperature,
        top_k=spec.top_k,
        top_p=spec.top_p,
        seed=spec.seed + repeat,
        max_tokens=spec.max_tokens,
        drafter=setting.drafter,
        rule=setting.rule,
        length_policy=setting.length_policy,
        exit_layer=spec.exit_layer,
    )


def model_spec(spec: Spec, source: str) -> ModelSpec:
    """How a model of the experiment is loaded."""
    return ModelSpec(
        source=source,
        threads=spec.threads,
        gpu_layers=spec.gpu_layers,
        context=spec.context,
        device=spec.device,
        precision=spec.precision,
    )
