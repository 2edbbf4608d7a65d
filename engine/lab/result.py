"""What a check of losslessness is asked to do, and what it found. Plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from engine.config import Config, ModelSpec
from engine.divergence import Divergence

Stage = Literal["exact", "plain", "speculative", "scoring"]
"""What a check is doing: enumerating the exact law, sampling or decoding without and with
speculation, scoring the place where two greedy texts part."""


class CheckJob(msgspec.Struct, frozen=True):
    """What Check asks for: is `config.rule` with `config.drafter` lossless after this prompt?

    samples: runs with and as many without speculation; 0: 2,000, or 20,000 on the toy pair.
    tokens: how many first tokens are compared jointly, 1 to 3. At T = 0 nothing is sampled:
    config.max_tokens tokens are decoded once with and once without speculation.
    The target `toy` stands for a pair that is small enough for its exact law to be enumerated.
    raw, corpus: as of `engine.job.Job`.
    """

    prompt: str
    config: Config
    target: ModelSpec = ModelSpec()
    draft: ModelSpec | None = None
    raw: bool = False
    corpus: Path | None = None
    samples: int = 0
    tokens: int = 2


class Cell(msgspec.Struct, frozen=True):
    """One outcome: the first tokens emitted, and how often they came.

    probability: the target's exact one, and speculative_probability that of what the round emits;
    None where they are not known.
    """

    ids: tuple[int, ...]
    text: str
    plain: int
    speculative: int
    probability: float | None = None
    speculative_probability: float | None = None


class CheckResult(msgspec.Struct, frozen=True):
    """What a check found; a field is None where the check did not come to it.

    samples: runs on each side, 0 if nothing was sampled. exact_tv: total variation between the
    exact law of what is emitted and the target's. chi2, degrees_of_freedom, p_value: of the test
    that both samples come from one law. tv: total variation between the two samples, tv_noise: what
    two samples of one law would show on average, detectable: the bias that a test of this size
    would find. expected_accepted, expected_tokens: exact means of a round's accepted and emitted
    tokens. divergence: where two greedy texts part.
    declared: the rule says that it is lossless in this configuration; lossless: nothing that was
    found speaks against it. sentence: the finding in plain words; detail: what it rests on.
    cells: the most frequent outcomes, most frequent first, of `outcomes` different ones.
    """

    rule: str
    drafter: str
    samples: int
    exact_tv: float | None
    chi2: float | None
    p_value: float | None
    lossless: bool
    declared: bool
    sentence: str
    detail: str
    gamma: int
    temperature: float
    branches: tuple[int, ...]
    length_policy: str
    tokens: int
    seed: int
    target: str
    draft: str | None
    degrees_of_freedom: int | None = None
    tv: float | None = None
    tv_noise: float | None = None
    detectable: float | None = None
    expected_accepted: float | None = None
    expected_tokens: float | None = None
    divergence: Divergence | None = None
    outcomes: int = 0
    cells: tuple[Cell, ...] = ()
