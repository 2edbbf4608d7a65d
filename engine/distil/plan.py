"""What a draft is to be: plain data, kept beside the work so that it can be resumed."""

from __future__ import annotations

import msgspec

from engine.config import SEED_MAX
from engine.errors import ConfigError

TOKENS_MAX = 1_000_000_000
MINUTES_MAX = 60 * 24 * 30


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one distillation; `validated` checks the ranges.

    target: as a ModelSpec's source. begin: a draft to train on, likewise; its shape and vocabulary
    stay, those of the plan are not used. hidden 0: the target's own width, which lets the student
    begin with the target's layers and embeddings. vocabulary: tokens that the student's head knows,
    0 for all. tokens: how many the target writes. minutes: of training, 0 for `passes` over the
    text. answer: the longest answer, in tokens. rows: texts written at once. batch: tokens of one
    training step. rate: the learning rate at its highest.
    """

    target: str = ""
    begin: str = ""
    hidden: int = 0
    layers: int = 4
    vocabulary: int = 0
    tokens: int = 400_000
    minutes: float = 0.0
    passes: float = 4.0
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    answer: int = 192
    rows: int = 128
    batch: int = 4096
    rate: float = 1e-3

    def options(self) -> list[str]:
        """What `draftscope distil` is given to follow this plan: all that differs from a default
        one."""
        words: list[str] = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value != _DEFAULTS[name]:
                option = "begin-with" if name == "begin" else name
                words += [f"--{option}", f"{value:g}" if isinstance(value, float) else str(value)]
        return words

    def validated(self) -> Plan:
        """Return self, or raise ConfigError naming the first setting out of range."""
        _between("The hidden size", self.hidden, 0, 65_536)
        _between("The number of layers", self.layers, 1, 256)
        _between("The vocabulary", self.vocabulary, 0, 10_000_000)
        _between("The number of tokens", self.tokens, 1, TOKENS_MAX)
        _between("The minutes of training", self.minutes, 0, MINUTES_MAX)
        _between("The passes over the text", self.passes, 0.01, 1000)
        _between("The seed", self.seed, 0, SEED_MAX)
        _between("The longest answer", self.answer, 8, 4096)
        _between("The rows of a batch", self.rows, 1, 4096)
        _between("The tokens of a training step", self.batch, 64, 1_000_000)
        _between("The learning rate", self.rate, 1e-7, 1.0)
        return self


_DEFAULTS = msgspec.structs.asdict(Plan())


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(
            f"{name} is {value:,}, outside {low:,} to {high:,}.",
            f"Choose a value from {low:,} to {high:,}.",
        )
