"""A model whose passes are remembered, so that one context can be continued thousands of times."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np

from engine.backends.base import LanguageModel, Logits, Rows
from engine.errors import ModelError

BYTES = 512 << 20


class _Node:
    """A token after the prompt, and the logits [V] after it as long as they are kept."""

    __slots__ = ("after", "depth", "logits", "parent", "token")

    def __init__(self, parent: _Node | None, token: int) -> None:
        self.parent = parent
        self.token = token
        self.depth = 1 if parent is None else parent.depth + 1
        self.after: dict[int, _Node] = {}
        self.logits: Logits | None = None

    def path(self) -> list[_Node]:
        """The tokens after the prompt, up to and with this one."""
        nodes: list[_Node] = [self]
        while nodes[-1].parent is not None:
            nodes.append(nodes[-1].parent)
        return nodes[::-1]


class _Rows:
    """Logits [n, V] of n prefixes, each passed through the model when it is first looked at, and
    the caller's to overwrite: as much of an array as the loop and the drafters use."""

    def __init__(self, nodes: Sequence[_Node], logits: Callable[[_Node], Logits]) -> None:
        self._nodes = nodes
        self._logits = logits
        self._rows: dict[int, Logits] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, index: int) -> Logits:
        if index not in self._rows:
            self._rows[index] = self._logits(self._nodes[index]).copy()
        return self._rows[index]

    def __iter__(self) -> Iterator[Logits]:
        return (self[i] for i in range(len(self)))


class MemoModel:
    """A `LanguageModel` that continues one prompt, and passes each prefix through the real model
    once, as long as there is room: the least recently used logits beyond `room` bytes are dropped.

    This changes no law: a pass is a function of its prefix, and the rows are handed out as they
    were. Each token after the prompt is passed alone, whatever the width of the pass asked for, so
    runs with and without speculation see the same rows. What kernels of another width round
    otherwise is therefore *not* part of a check that uses this; the greedy check is the one that
    sees it. A tree is a set of prefixes like any other, so the real model needs no branches.

    The cache of the real model is left as the last pass needed it. Feeding anything but the prompt
    at its place is a ModelError.
    """

    def __init__(self, model: LanguageModel, prompt: Sequence[int], room: int = BYTES) -> None:
        self._model = model
        self._prompt = list(prompt[:-1])  # the last token's row is asked for: it is a node
        self.info = model.info
        self.vocabulary = model.vocabulary
        self.context = model.context
        self.max_rows = model.max_rows
        self.max_branches = model.max_branches
        self.clock = model.clock
        self.passes = 0
        self._room = max(room // (4 * model.vocabulary.size), 16)
        self._kept: OrderedDict[_Node, None] = OrderedDict()
        self._first: dict[int, _Node] = {}
        self._prefilled = 0  # of the prompt
        self._path: list[_Node] = []
        self._tree: list[_Node] = []
        self._real: list[_Node] | None = None  # what the real cache holds after the prompt

    @property
    def length(self) -> int:
        return self._prefilled + len(self._path) + len(self._tree)

    def encode(self, text: str, *, raw: bool = False) -> list[int]:
        return self._model.encode(text, raw=raw)

    def extend(
        self, ids: Sequence[int], rows: Rows = "all", parents: Sequence[int] | None = None
    ) -> Logits:
        if self.length + len(ids) > self.context:
            raise ModelError("The context is full.", "Load the model with a larger context.")
        nodes: list[_Node] = []
        if parents is None:
            ids = self._prefill(ids)
            for token in ids:
                nodes.append(self._node(self._path[-1] if self._path else None, token))
                self._path.append(nodes[-1])
        else:
            for token, parent in zip(ids, parents, strict=True):
                before = self._path[-1] if self._path else None
                nodes.append(self._node(before if parent < 0 else self._tree[parent], token))
                self._tree.append(nodes[-1])
        asked = {"all": nodes, "last": nodes[-1:], "none": []}[rows]
        # Rows after a rejection are never looked at: most passes of a round need not be made.
        return cast(Logits, _Rows(asked, self._logits))

    def keep(self, path: Sequence[int]) -> None:
        self._path += [self._tree[i] for i in path]
        self._tree = []

    def truncate(self, length: int) -> None:
        self._tree = []
        del self._path[max(length - self._prefilled, 0) :]
        self._prefilled = min(self._prefilled, length)

    def interrupt(self, on: bool) -> None:
        self._model.interrupt(on)

    def set_threads(self, threads: int) -> None:
        self._model.set_threads(threads)

    def close(self) -> None:
        """The real model belongs to whoever loaded it."""

    def _prefill(self, ids: Sequence[int]) -> Sequence[int]:
        """Take in the part of the ids that belongs to the prompt; the others."""
        start = self._prefilled
        n = min(len(ids), len(self._prompt) - start)
        if list(ids[:n]) != self._prompt[start : start + n]:
            raise ModelError("A remembered model continues its own prompt only.")
        self._prefilled += n
        return ids[n:]

    def _node(self, parent: _Node | None, token: int) -> _Node:
        after = self._first if parent is None else parent.after
        if token not in after:
            after[token] = _Node(parent, token)
        return after[token]

    def _logits(self, node: _Node) -> Logits:
        if node.logits is None:
            self._pass(node)
        self._kept[node] = None
        self._kept.move_to_end(node)
        while len(self._kept) > self._room:
            self._kept.popitem(last=False)[0].logits = None
        assert node.logits is not None
        return node.logits

    def _pass(self, node: _Node) -> None:
        """Feed what the real cache lacks of the node's prefix, token by token."""
        model, path = self._model, node.path()
        real, self._real = self._real, None  # unknown, should a pass fail
        if real is None:
            model.truncate(0)
            for start in range(0, len(self._prompt), model.max_rows):
                model.extend(self._prompt[start : start + model.max_rows], "none")
            real = []
        shared = 0
        while shared < min(len(real), len(path) - 1) and real[shared] is path[shared]:
            shared += 1
        model.truncate(len(self._prompt) + shared)
        for step in path[shared:]:
            row = model.extend([step.token], "last")[0]
            self.passes += 1
            if step.logits is None:
                step.logits = row.astype(np.float32)
                self._kept[step] = None
        self._real = path
