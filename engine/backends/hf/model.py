"""A Hugging Face model as the loop needs it: ids in, logits out, a cache that rolls back."""

# pyright: basic
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
import transformers
from torch import Tensor

from engine.backends.base import Logits, Rows, Vocabulary
from engine.backends.hf import devices
from engine.backends.hf.attention import Lane
from engine.backends.hf.graphs import free_workspaces
from engine.backends.hf.network import Network
from engine.backends.hf.vocabulary import HfVocabulary
from engine.backends.open_tree import OpenTree, check_call, nothing_open, still_open
from engine.config import Config
from engine.drafting.base import Drafter
from engine.errors import Cancelled, ModelError
from engine.events import ModelInfo
from engine.host import physical_cores
from engine.rules import Rule
from engine.trimming import Trimming
from engine.turns import Turns

MAX_ROWS = {"cpu": 128}  # a pass can be interrupted between layers only
_MAX_ROWS = 512
_MAX_BRANCHES = 16
_SLACK = 64  # beyond the context: passes of fixed width reach there, and are tried out there

_threads = 0


class HfModel:
    """A causal language model of transformers. Implements `engine.backends.base.LanguageModel`.

    network: the model, made with the attention implementation `attention.NAME`, on `device`.
    precision: as shown. trimming: of a
    draft that knows a part of its tokens. progress receives fractions and may raise.

    Raises ModelError if its layers do not use the cache.
    """

    def __init__(
        self,
        network: Any,
        tokenizer: Any,
        *,
        name: str,
        precision: str,
        device: torch.device,
        context: int,
        threads: int = 1,
        synthetic: bool = False,
        trimming: Trimming | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self.device = device
        self.context: int = context
        self.max_rows: int = MAX_ROWS.get(device.type, _MAX_ROWS)
        self.clock: Callable[[], int] = time.perf_counter_ns
        self.lane = Lane(context + _SLACK, device)
        self.network = Network(network, self.lane)
        size = self.network.vocabulary_size
        generation = getattr(network, "generation_config", None)
        ends = getattr(generation, "eos_token_id", None)
        ends = ends if isinstance(ends, list) else [ends]
        self._tokens = HfVocabulary(tokenizer, size, [i for i in ends if i is not None])
        self.vocabulary: Vocabulary = self._tokens
        self.trimming: Trimming | None = trimming
        self._length = 0
        self._tree: OpenTree | None = None
        self._masks: list[Tensor] = []
        self._closed = False
        self.computes_turns = device.type == "cuda"
        self.pieces: dict[Any, Any] = {}  # of `device_turns`
        self.no_logits: Logits = np.empty((0, size), dtype=np.float32)
        self.info = ModelInfo(name=name, backend="transformers", device="", threads=threads)
        self._warm_up()
        self.max_branches: int = 1 if self.network.windowed else _MAX_BRANCHES
        self.memory_bytes: int = self.network.size_bytes + self.lane.size_bytes()
        self.info = ModelInfo(
            name=name,
            backend="transformers",
            device=devices.device_name(device),
            quantisation=precision,
            parameters=self.network.parameters,
            size_bytes=self.network.size_bytes,
            vocabulary=size,
            context=context,
            threads=threads,
            library=f"torch {torch.__version__}, transformers {transformers.__version__}",
            synthetic=synthetic,
            layers=self.network.n_layers,
        )
        if progress is not None:
            progress(1.0)

    @property
    def length(self) -> int:
        """Tokens in the cache, those of an open tree included."""
        return self._length

    @property
    def closed(self) -> bool:
        return self._closed

    def encode(self, text: str, *, raw: bool = False) -> list[int]:
        """Token ids of a prompt: as one user message in the model's chat template, or as it stands
        if `raw` or if there is none. Names of control tokens are read as those tokens.

        Raises ModelError if the template fails.
        """
        self._check_open()
        templated = None if raw else self._tokens.template(text)
        if templated is None:
            return self._tokens.encode(text, add_begin=True)
        return self._tokens.encode(templated, add_begin=False)

    def extend(
        self, ids: Sequence[int], rows: Rows = "all", parents: Sequence[int] | None = None
    ) -> Logits:
        """Feed `ids` (at most `max_rows`); logits [len(ids) | 1 | 0, V], float32.

        Raises Cancelled after `interrupt`, ModelError for a full context, bad ids or parents, an
        open tree that `ids` are not part of, or too little memory. The cache is then as before.
        """
        self.check_fits(self._length, ids)
        if parents is not None:
            check_call(ids, parents, self.max_branches)
        elif self._tree is not None:
            raise still_open()
        n = len(ids)
        if n == 0:
            return self.no_logits
        if parents is None:
            logits = self.run_at(self._length, ids, rows, self.network)
        else:
            logits = self._grow(ids, rows, parents)
        self._length += n
        return logits

    def check_fits(self, length: int, ids: Sequence[int]) -> None:
        """Raise ModelError unless the open model can be fed `ids` after so many tokens."""
        self._check_open()
        n = len(ids)
        if n > self.max_rows:
            raise ModelError(f"{n} tokens were fed at once; this model takes {self.max_rows}.")
        if length + n > self.context:
            raise ModelError(
                f"The context of {self.context:,} tokens is full.",
                "Shorten the prompt or the output, or load the model with a larger context.",
            )
        if n and not 0 <= min(ids) <= max(ids) < self.vocabulary.size:
            raise ModelError(f"The vocabulary has {self.vocabulary.size} tokens; an id is not one.")

    def run_at(self, start: int, ids: Sequence[int], rows: Rows, network: Network) -> Logits:
        """One pass over a chain of ids from place `start` on, through `network`, which may be a
        part of this model's. The length stays."""
        self.lane.eager(start, len(ids))
        return self._run(ids, rows, network)

    def keep(self, path: Sequence[int]) -> None:
        """Close the open tree: the tokens on `path` become text, the others go. Raises ModelError
        if it is no path, and leaves the tree open then."""
        self._check_open()
        tree = self._tree
        if tree is None:
            if path:
                raise nothing_open()
            return
        tree.sequence_of(path)
        with torch.inference_mode():
            self.lane.keep(tree.base, list(path))
        self._length, self._tree = tree.base + len(path), None
        self._masks.clear()

    def truncate(self, length: int) -> None:
        """Keep the first `length` tokens of the text at most, and nothing of an open tree."""
        self._check_open()
        self.keep(())
        self._length = min(self._length, length)

    def advance(self, length: int) -> None:
        """The cache holds so many tokens: passes outside of `extend` have written them."""
        self._length = length

    def early_exit(self, layers: int) -> Any:
        """The first `layers` layers of this model and its head, as a draft that shares the weights
        and the cache; 0: a quarter of them. Raises ModelError unless there are more layers."""
        from engine.backends.hf.early_exit import EarlyExit

        return EarlyExit(self, layers)

    def turns(
        self,
        drafter: Drafter | None,
        rule: Rule,
        config: Config,
        room: int,
        tell: Callable[[float], None] = lambda fraction: None,
    ) -> Turns | None:
        """Whole rounds on a CUDA device; see `engine.turns.ComputesTurns`."""
        if not self.computes_turns:
            return None
        from engine.backends.hf.device_turns import turns_for

        return turns_for(self, drafter, rule, config, room, tell)

    def interrupt(self, on: bool) -> None:
        """Make a running or coming `extend` raise Cancelled (on), or allow them again (off). On a
        CPU a running pass stops after the layer it is in; on a GPU it ends first."""
        if on:
            self.lane.interrupted.set()
        else:
            self.lane.interrupted.clear()

    def set_threads(self, threads: int) -> None:
        """Use so many threads from the next pass on; 0 means all physical cores."""
        self._check_open()
        self.info = msgspec.structs.replace(self.info, threads=threads or physical_cores())

    def close(self) -> None:
        """Free the model; later calls raise ModelError."""
        if self._closed:
            return
        self._closed = True
        for pieces in self.pieces.values():
            pieces.close()
        self.pieces.clear()
        self.network.close()
        self.lane.layers.clear()
        self._masks.clear()
        free_workspaces()
        devices.release()

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def _check_open(self) -> None:
        if self._closed:
            raise ModelError(f"{self.info.name} is closed.", "Load it again.")

    def _grow(self, ids: Sequence[int], rows: Rows, parents: Sequence[int]) -> Logits:
        """A pass over tokens of a tree: each sees the text, its ancestors and itself."""
        tree = self._tree or OpenTree(self._length)
        growth = tree.plan(parents, self.max_branches)
        first, base = len(self._masks), tree.base
        masks = list(self._masks)
        for i, parent in enumerate(parents, first):
            row = torch.zeros(self.context, dtype=torch.bool)
            if parent >= 0:
                row |= masks[parent]
            else:
                row[:base] = True
            row[base + i] = True
            masks.append(row)
        seen = base + len(masks)
        mask = torch.stack([row[:seen] for row in masks[first:]])
        positions = torch.tensor(growth.positions, device=self.device)
        self.lane.tree(self._length, positions, mask.to(self.device))
        logits = self._run(ids, rows, self.network)
        tree.grow(growth)
        self._tree, self._masks = tree, masks
        return logits

    def _run(self, ids: Sequence[int], rows: Rows, network: Network) -> Logits:
        """A pass as the lane was told; logits on the host."""
        if self.lane.interrupted.is_set():
            raise Cancelled("Interrupted.")
        use_threads(self.info.threads)
        keep = {"all": len(ids), "last": 1, "none": 0}[rows]
        full = False
        try:
            with torch.inference_mode():
                logits = network(torch.tensor([ids], device=self.device), keep)
                if logits is None:
                    self.synchronize()
                    return self.no_logits
                return logits.float().cpu().numpy()
        except (RuntimeError, MemoryError) as error:
            if not devices.out_of_memory(error):
                raise
            full = True
        assert full  # outside of the handler: the traceback holds on to the pass's tensors
        devices.release()
        raise ModelError(
            f"{self.info.name} ran out of memory.",
            "Load it with a shorter context, a smaller precision or on another device.",
        )

    def _warm_up(self) -> None:
        """The first pass lays out the cache and finds out whether all layers use it."""
        self.run_at(0, [0], "last", self.network)
        self.network.check(self.info.name)


def use_threads(threads: int) -> None:
    """torch counts its threads once for the whole process."""
    global _threads
    if threads != _threads:
        torch.set_num_threads(threads)
        _threads = threads
