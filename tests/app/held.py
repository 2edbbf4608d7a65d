"""Toy models that stop in a pass, or in loading, until a test lets them go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from engine.backends.base import Logits, Rows
from engine.backends.toy import ToyClock, ToyModel, ToyVocabulary, toy_laws
from engine.config import ModelSpec
from engine.errors import ModelError
from engine.preparation import ModelRole

PATIENCE = 20.0


class Held:
    """A loader of toy pairs. Set `at` before a run: the target waits once it holds so many tokens.

    loading: stop in loading instead. fail_at: the target fails at that many tokens. broken: loading
    fails.
    """

    def __init__(self) -> None:
        self.at = 1 << 30
        self.fail_at: int | None = None
        self.loading = False
        self.broken = False
        self.reached = threading.Event()
        self._go_on = threading.Event()

    def release(self) -> None:
        """Let everything go on, from now on."""
        self.at = 1 << 30
        self._go_on.set()

    def load(
        self,
        spec: ModelSpec,
        role: ModelRole,
        progress: Callable[[float], None] | None = None,
    ) -> ToyModel:
        if progress is not None:
            progress(0.25)
        if self.loading:
            self.reached.set()
            assert self._go_on.wait(PATIENCE)
            if progress is not None:
                progress(0.5)
        if self.broken:
            raise ModelError("The file is no model.", "Choose another.")
        logits = toy_laws()[0 if role == "target" else 1]
        if role == "draft":
            return ToyModel(logits, ToyVocabulary(), "toy draft", clock=ToyClock())
        return _Target(self, logits)

    def wait(self, model: _Target, n: int) -> None:
        """Called before a pass over n tokens."""
        if model.length + n > self.at and not model.stopped.is_set():
            self.reached.set()
            while not (self._go_on.wait(0.005) or model.stopped.is_set()):
                pass


class _Target(ToyModel):
    def __init__(self, held: Held, logits: Logits) -> None:
        super().__init__(logits, ToyVocabulary(), clock=ToyClock(), fail_at=held.fail_at)
        self.stopped = threading.Event()
        self._held = held

    def extend(self, ids: Sequence[int], rows: Rows = "all") -> Logits:
        self._held.wait(self, len(ids))
        return super().extend(ids, rows)

    def interrupt(self, on: bool) -> None:
        super().interrupt(on)
        if on:
            self.stopped.set()
        else:
            self.stopped.clear()
