"""What a run is asked to do. Plain data: recorded whole in RunStarted."""

from __future__ import annotations

import math

import msgspec

from engine.errors import ConfigError

GAMMA_MAX = 16
TOP_MAX = 100
SEED_MAX = 2**31 - 1
"""What the window's number box holds: a seed is the same everywhere."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one run; `validated` checks the ranges.

    temperature 0 means greedy. top_k 0 and top_p 1 switch those filters off.
    gamma 0 is plain decoding. top is the number of candidates recorded of each distribution.
    ngram_min and ngram_max bound the match length of the `ngram` drafter.
    """

    gamma: int = 4
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    max_tokens: int = 128
    drafter: str = "model"
    rule: str = "rejection"
    length_policy: str = "fixed"
    top: int = 10
    ngram_min: int = 1
    ngram_max: int = 4

    @property
    def greedy(self) -> bool:
        return self.temperature == 0.0

    def validated(self) -> Config:
        """Return self, or raise ConfigError naming the first setting out of range."""
        _between("γ (gamma)", self.gamma, 0, GAMMA_MAX)
        _between("The temperature", self.temperature, 0.0, 5.0)
        _between("top-k", self.top_k, 0, 1_000_000)
        _between("top-p", self.top_p, 0.0, 1.0)
        if self.top_p == 0.0:
            raise ConfigError(
                "top-p must be above 0.", "Use 1 to switch it off, or T = 0 for greedy."
            )
        _between("The seed", self.seed, 0, SEED_MAX)
        _between("max-tokens", self.max_tokens, 1, 1_000_000)
        _between("The number of recorded candidates", self.top, 1, TOP_MAX)
        _between("ngram-min", self.ngram_min, 1, 16)
        _between("ngram-max", self.ngram_max, self.ngram_min, 64)
        return self

    def baseline(self) -> Config:
        """The plain decoding run that this one is measured against: same sampler and length."""
        return msgspec.structs.replace(self, gamma=0)

    def comparable(self) -> Config:
        """Equal for runs that share a baseline: how tokens are drafted and judged plays no part."""
        return msgspec.structs.replace(
            self.baseline(), drafter="", rule="", length_policy="", ngram_min=1, ngram_max=1
        )


def _between(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise ConfigError(
            f"{name} is {_figure(value)}, outside {_figure(low)} to {_figure(high)}.",
            f"Choose a value from {_figure(low)} to {_figure(high)}.",
        )


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which model to load and how.

    source: a file, a folder, `toy`, or "" for the embedded default. threads 0 and context 0 leave
    the choice to the backend. gpu_layers -1 puts every layer on the GPU that the build can use.
    """

    source: str = ""
    backend: str = "auto"
    threads: int = 0
    gpu_layers: int = -1
    context: int = 0
