"""What a run is asked to do. Plain data: recorded whole in RunStarted."""

from __future__ import annotations

import math
import re

import msgspec

from engine.errors import ConfigError

GAMMA_MAX = 32
"""The longest proposal of any drafter; most allow less, see `drafting.registry`."""
BRANCHES_MAX = 16
LENIENCE_MIN = 0.05
TOP_MAX = 100
EXIT_LAYER_MAX = 999
SEED_MAX = 2**31 - 1
"""What the window's number box holds: a seed is the same everywhere."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one run; `validated` checks the ranges.

    temperature 0 means greedy. top_k 0 and top_p 1 switch those filters off.
    gamma 0 is plain decoding. top is the number of candidates recorded of each distribution.
    ngram_min and ngram_max bound the match length of the drafters that look words up.
    branches: children of each drafted token at depth 1, 2 …; missing entries are 1, so () is a
    chain and (2,) two chains of γ tokens. γ is then the depth of the tree.
    lenience: the bias of the rule `lenient`, 1 for none. epsilon and delta: of `typical`.
    confidence: threshold of the length policy `confidence`. entropy_bound and entropy_scale: λ and
    the factor before the entropy of the length policy `entropy`. exit_layer: layers of the target
    that the drafter `early-exit` drafts with; 0: a quarter of them.
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
    branches: tuple[int, ...] = ()
    lenience: float = 0.7
    epsilon: float = 0.09
    delta: float = 0.3
    confidence: float = 0.4
    entropy_bound: float = 0.3
    entropy_scale: float = 0.2
    exit_layer: int = 0

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
        for children in self.branches:
            _between("The number of branches", children, 1, BRANCHES_MAX)
        if len(self.branches) > GAMMA_MAX:
            raise ConfigError(
                f"Branches are given for {len(self.branches)} depths, more than {GAMMA_MAX}.",
                "Leave out the later ones: they are 1.",
            )
        _between("The lenience", self.lenience, LENIENCE_MIN, 1.0)
        _between("epsilon", self.epsilon, 0.0, 1.0)
        _between("delta", self.delta, 0.0, 1.0)
        _between("The confidence threshold", self.confidence, 0.0, 1.0)
        _between("The entropy bound", self.entropy_bound, 0.0, 1.0)
        _between("The entropy scale", self.entropy_scale, 0.0, 10.0)
        _between("The exit layer", self.exit_layer, 0, EXIT_LAYER_MAX)
        return self

    def baseline(self) -> Config:
        """The plain decoding run that this one is measured against: same sampler and length."""
        return msgspec.structs.replace(self, gamma=0)

    def comparable(self) -> Config:
        """Equal for runs that share a baseline: how tokens are drafted and judged plays no part."""
        return msgspec.structs.replace(
            Config(),
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
            max_tokens=self.max_tokens,
            top=self.top,
            gamma=0,
        )


def _between(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise ConfigError(
            f"{name} is {_figure(value)}, outside {_figure(low)} to {_figure(high)}.",
            f"Choose a value from {_figure(low)} to {_figure(high)}.",
        )


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where torch computes; a CUDA device may have its number: `cuda:1`."""
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8", "int4")
"""What torch computes in; int8 and int4 quantise the weights while they are loaded."""


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which model to load and how.

    source: a file, a folder, a hub id, `toy`, or "" for the embedded default. threads 0 and context
    0 leave the choice to the backend. gpu_layers, of GGUF models: -1 puts every layer on the GPU
    that the build can use. device and precision, of Hugging Face models: see `DEVICES` and
    `PRECISIONS`; "auto" takes the fastest device there is, and what the device computes fastest of
    what the weights are stored in.
    """

    source: str = ""
    backend: str = "auto"
    threads: int = 0
    gpu_layers: int = -1
    context: int = 0
    device: str = "auto"
    precision: str = "auto"

    def validated(self) -> ModelSpec:
        """Return self, or raise ConfigError for a device or a precision that does not exist."""
        if self.device not in DEVICES and not re.fullmatch("cuda:[0-9]{1,3}", self.device):
            raise ConfigError(
                f"There is no device {self.device!r}.",
                f"Known devices: {', '.join(DEVICES)}, and cuda:1 for the second GPU.",
            )
        if self.precision not in PRECISIONS:
            raise ConfigError(
                f"There is no precision {self.precision!r}.",
                f"Known precisions: {', '.join(PRECISIONS)}.",
            )
        return self
