"""A tiny pair with a known p and q: the demo without models, and the ground of the tests.

The target speaks a small made-up language whose next token depends on the last one only, so its
law can be enumerated. The draft mixes that law with another one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from engine.backends.base import Logits, Rows, Vocabulary
from engine.backends.open_tree import OpenTree, check_call, nothing_open, still_open
from engine.errors import Cancelled, ConfigError, ModelError
from engine.events import ModelInfo

_WORDS = (
    "<end> a the cat dog bird child mouse sat ran slept sang played on under near with and then "
    "mat tree house river garden small old quick happy quiet , . ! he she it was had saw "
    "liked found came home by night day morning while again until sun moon rain wind light song"
).split()
END_ID = 0


class ToyVocabulary:
    """Words, each piece with a leading space; `<end>` is a control token."""

    def __init__(self, words: Sequence[str] = _WORDS) -> None:
        self._words = tuple(words)
        self._ids = {word: i for i, word in enumerate(words)}
        self.end_ids = frozenset({self._ids["<end>"]} if "<end>" in self._ids else ())

    @property
    def size(self) -> int:
        return len(self._words)

    def name(self, token_id: int) -> str:
        return self._words[token_id]

    def is_padding(self, token_id: int) -> bool:
        return self._words[token_id].startswith("[PAD")

    def piece(self, token_id: int, *, special: bool = False) -> bytes:
        word = self._words[token_id]
        if word.startswith("<"):
            return word.encode() if special else b""
        return (word if word in ",.!" else f" {word}").encode()

    def encode(self, text: str) -> list[int]:
        """Known words keep their ids; others map to a word chosen by their letters."""
        first = 1 if self.end_ids else 0
        span = self.size - first
        return [
            self._ids.get(word, first + sum(word.encode()) % span)
            for word in re.findall(r"\w+|[,.!]", text.lower())
        ]


class ToyClock:
    """Real nanoseconds plus the simulated cost of passes; the two models of a pair share one."""

    def __init__(self, real: Callable[[], int] = time.perf_counter_ns) -> None:
        self._real = real
        self.simulated_ns = 0

    def __call__(self) -> int:
        return self._real() + self.simulated_ns


_DEMO_CLOCK = ToyClock()


class ToyModel:
    """A first-order law: row of `logits` [V, V] by the last token, float32 unless they are given in
    double precision (an enumeration of the law is then exact to rounding).

    step_ns and token_ns: simulated cost of a pass and of each token in it, added to the clock (its
    figures are marked simulated). fail_at: raise ModelError at that many cached tokens (tests).
    """

    def __init__(
        self,
        logits: NDArray[np.floating[Any]],
        vocabulary: ToyVocabulary,
        name: str = "toy target",
        *,
        context: int = 4096,
        max_rows: int = 64,
        max_branches: int = 16,
        step_ns: int = 0,
        token_ns: int = 0,
        clock: ToyClock = _DEMO_CLOCK,
        fail_at: int | None = None,
    ) -> None:
        logits = np.asarray(logits)
        double = logits.dtype == np.float64
        # The protocol's type; readers of logits take either precision.
        self._logits = cast(Logits, logits if double else logits.astype(np.float32))
        self.vocabulary: Vocabulary = vocabulary
        self.context = context
        self.max_rows = max_rows
        self.max_branches = max_branches
        self._step_ns, self._token_ns = step_ns, token_ns
        self.clock: Callable[[], int] = clock
        self._toy_clock, self._words = clock, vocabulary
        self._fail_at = fail_at
        self._cached: list[int] = []
        self._tree: OpenTree | None = None
        self._interrupted = False
        self.fed = 0
        self.info = ModelInfo(
            name=name,
            backend="toy",
            device="simulated",
            parameters=int(self._logits.size),
            size_bytes=int(self._logits.nbytes),
            vocabulary=vocabulary.size,
            context=context,
            threads=1,
            library="Draftscope",
            simulated=bool(step_ns or token_ns),
        )

    @property
    def length(self) -> int:
        return len(self._cached)

    def encode(self, text: str, *, raw: bool = False) -> list[int]:
        return self._words.encode(text)

    def extend(
        self, ids: Sequence[int], rows: Rows = "all", parents: Sequence[int] | None = None
    ) -> Logits:
        if self._interrupted:
            raise Cancelled("Interrupted.")
        if len(ids) > self.max_rows or self.length + len(ids) > self.context:
            raise ModelError("The toy model was fed more than it holds.")
        if parents is not None:
            check_call(ids, parents, self.max_branches)
            self._grow(parents)
        elif self._tree is not None:
            raise still_open()
        self._cached += ids
        self.fed += len(ids)
        if self._fail_at is not None and self.length >= self._fail_at:
            raise ModelError("The toy model failed, as it was told to.", "Nothing to do.")
        self._toy_clock.simulated_ns += self._step_ns + self._token_ns * len(ids)
        kept = {"all": list(ids), "last": list(ids[-1:]), "none": []}[rows]
        return self._logits[kept]

    def keep(self, path: Sequence[int]) -> None:
        tree = self._tree
        if tree is None:
            if path:
                raise nothing_open()
            return
        tree.sequence_of(path)
        self._cached[tree.base :] = [self._cached[tree.base + i] for i in path]
        self._tree = None

    def truncate(self, length: int) -> None:
        self.keep(())
        del self._cached[length:]

    def interrupt(self, on: bool) -> None:
        self._interrupted = on

    def set_threads(self, threads: int) -> None:
        """A toy pass is a table look-up."""

    def close(self) -> None:
        self._cached, self._tree = [], None

    def _grow(self, parents: Sequence[int]) -> None:
        if parents:
            tree = self._tree or OpenTree(self.length)
            tree.grow(tree.plan(parents, self.max_branches))
            self._tree = tree


def toy_laws(seed: int = 7, agreement: float = 0.75) -> tuple[Logits, Logits]:
    """Logits [V, V] of the target and of a draft that mixes in another law; about `agreement` of
    the draft's proposals pass."""
    rng = np.random.default_rng(seed)
    size = len(_WORDS)
    target = rng.normal(0.0, 2.5, (size, size))
    other = rng.normal(0.0, 2.5, (size, size))
    target[:, END_ID] = -6.0
    p, q = (np.exp(x - x.max(axis=1, keepdims=True)) for x in (target, other))
    p /= p.sum(axis=1, keepdims=True)
    q /= q.sum(axis=1, keepdims=True)
    mixed = agreement * p + (1 - agreement) * q
    return np.log(p).astype(np.float32), np.log(mixed).astype(np.float32)


def toy_target() -> ToyModel:
    """The demo's target: a pass costs 10 ms, each further token in it 0.1 ms."""
    return ToyModel(toy_laws()[0], ToyVocabulary(), step_ns=9_900_000, token_ns=100_000)


def toy_draft() -> ToyModel:
    """The demo's draft: 1 ms a step."""
    return ToyModel(toy_laws()[1], ToyVocabulary(), "toy draft", step_ns=1_000_000)


def lab_pair(size: int = 5, seed: int = 7, sharpness: float = 1.0) -> tuple[ToyModel, ToyModel]:
    """A target and a draft over `size` words, small enough to enumerate: two independent random
    laws in double precision, normal logits of the standard deviation `sharpness`. No word ends a
    text.

    Raises ConfigError unless there are so many words, and at least 2.
    """
    known = len(_WORDS) - 1
    if not 2 <= size <= known:
        raise ConfigError(
            f"A vocabulary of {size} words was asked for.", f"Choose 2 to {known} words."
        )
    rng = np.random.default_rng(seed)
    words = ToyVocabulary([word for word in _WORDS if word != _WORDS[END_ID]][:size])
    clock = ToyClock()
    target, draft = (rng.normal(0.0, sharpness, (size, size)) for _ in range(2))
    return (
        ToyModel(target, words, "lab target", clock=clock),
        ToyModel(draft, words, "lab draft", clock=clock),
    )
