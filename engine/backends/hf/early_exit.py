"""Self-speculation: the first layers of the target and its head, as a draft."""

# pyright: basic
from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from engine.backends.base import Logits, Rows
from engine.backends.hf.model import HfModel
from engine.errors import ConfigError, ModelError


class EarlyExit:
    """A draft that stops after `layers` layers of its target (self-speculative decoding: Zhang et
    al. 2024, arXiv 2309.08168; LayerSkip, Elhoushi et al. 2024, arXiv 2404.16710, section 4.3).

    It shares the target's weights and cache. What the target has fed is there already; what it
    drafts lies behind the target's text, where the target's own pass writes the same values again.
    Implements `engine.backends.base.LanguageModel`.
    """

    def __init__(self, target: HfModel, layers: int = 0) -> None:
        most = target.network.n_layers - 1
        if most < 1:
            raise ConfigError("The target has one layer only.", "Choose another drafter.")
        if not 0 <= layers <= most:
            raise ConfigError(
                f"The target has {most + 1} layers: an exit after layer {layers} is none.",
                f"Choose an exit layer from 1 to {most}; 0 takes a quarter of them.",
            )
        layers = layers or max(1, (most + 1) // 4)
        self.target = target
        self.network = target.network.first(layers)
        self.vocabulary = target.vocabulary
        self.context = target.context
        self.max_rows = target.max_rows
        self.max_branches = 1
        self.clock: Callable[[], int] = target.clock
        self.info = msgspec.structs.replace(
            target.info,
            name=f"{target.info.name}, {layers} of {most + 1} layers",
            parameters=self.network.parameters,
            size_bytes=self.network.size_bytes,
            layers=layers,
        )
        self._length = 0

    @property
    def length(self) -> int:
        return self._length

    def encode(self, text: str, *, raw: bool = False) -> list[int]:
        return self.target.encode(text, raw=raw)

    def extend(
        self, ids: Sequence[int], rows: Rows = "all", parents: Sequence[int] | None = None
    ) -> Logits:
        """As of any model; tokens that the target holds are passed over unless their rows are
        asked for."""
        if parents is not None:
            raise ModelError("An early exit drafts chains only.", "Leave branches empty.")
        self.target.check_fits(self._length, ids)
        end = self._length + len(ids)
        needed = {"all": len(ids), "last": 1, "none": 0}[rows]
        known = max(0, min(self.target.length - self._length, len(ids) - needed))
        logits = self.target.no_logits
        if known < len(ids):
            logits = self.target.run_at(self._length + known, list(ids[known:]), rows, self.network)
        self._length = end
        return logits

    def keep(self, path: Sequence[int]) -> None:
        if path:
            raise ModelError("An early exit drafts chains only.", "Leave branches empty.")

    def truncate(self, length: int) -> None:
        self._length = min(self._length, length)

    def interrupt(self, on: bool) -> None:
        self.target.interrupt(on)

    def set_threads(self, threads: int) -> None:
        """The target's."""

    def close(self) -> None:
        """Nothing of its own."""
