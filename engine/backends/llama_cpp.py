"""GGUF models on llama.cpp, through its low-level API: one context, the text in its sequence 0."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
from llama_cpp import llama_cpp as C
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from engine.backends import gguf_facts, llama_library, preflight
from engine.backends.base import Logits, Rows, Vocabulary
from engine.backends.gguf_vocabulary import GgufVocabulary
from engine.backends.llama_batch import Batch
from engine.backends.open_tree import OpenTree, check_call, nothing_open, still_open
from engine.errors import Cancelled, ConfigError, ModelError
from engine.events import ModelInfo
from engine.host import physical_cores
from engine.trimming import Trimming

MAX_ROWS = 512
# Logits rows of one pass. llama.cpp reserves memory for all of them: 512 rows of a 150k vocabulary
# would take 300 MB.
_MAX_OUTPUTS = 64
_MAX_BRANCHES = 16
_FILLER = _MAX_BRANCHES  # the sequence of cells that `keep` leaves filled
_ABORTED = 2
_MAX_THREADS = 512  # ggml ends the process above it


class LlamaCppModel:
    """A GGUF file, loaded. Implements `engine.backends.base.LanguageModel`.

    threads 0: all physical cores. gpu_layers -1: all. context 0: what the model was trained for, at
    most 4096 tokens. name replaces the one in the file. progress receives fractions 0 to 1; what it
    raises stops the loading and comes out of this constructor.

    Raises ModelError, with a hint, for anything that cannot be loaded or has no text to generate,
    ConfigError for a number of threads or tokens out of range.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 0,
        gpu_layers: int = -1,
        context: int = 0,
        name: str = "",
        progress: Callable[[float], None] | None = None,
    ) -> None:
        path = preflight.check(path)
        self._interrupted = llama_library.AbortFlag()
        with ExitStack() as resources:
            self._model = _load(path, gpu_layers, progress)
            resources.callback(C.llama_model_free, self._model)
            gguf_facts.check_generates_text(self._model, path.name)
            self.trimming: Trimming | None = gguf_facts.trimming(self._model)
            self._vocabulary = GgufVocabulary(self._model)
            resources.callback(self._vocabulary.close)
            device = gguf_facts.device(self._model, gpu_layers)
            length = gguf_facts.context_length(self._model, context, device == "CPU")
            threads = _thread_count(threads)
            # The state of recurrent layers is one per sequence: it cannot be shared by branches.
            alone = C.llama_model_is_recurrent(self._model) or C.llama_model_is_hybrid(self._model)
            self.max_branches: int = 1 if alone else _MAX_BRANCHES
            self._ctx = _context(
                self._model, path.name, length, threads, self.max_branches, self._interrupted
            )
            resources.callback(C.llama_free, self._ctx)
            memory = C.llama_get_memory(self._ctx)
            if memory is None:
                raise ModelError(
                    f"{path.name} turns text into vectors; it generates none.",
                    "Choose a language model, not an embedding model.",
                )
            self._memory = memory
            self._batch = Batch(MAX_ROWS)
            resources.callback(self._batch.free)
            self._tree_batch = Batch(_MAX_OUTPUTS, self.max_branches)
            resources.callback(self._tree_batch.free)
            self._resources = weakref.finalize(self, resources.pop_all().close)
            self._resources.atexit = False  # another thread may still be in a pass

        self.vocabulary: Vocabulary = self._vocabulary
        # llama.cpp rounds the context up, but not the batch: a longer one aborts the process.
        self.context: int = min(length, C.llama_n_ctx(self._ctx))
        self.max_rows: int = min(MAX_ROWS, C.llama_n_batch(self._ctx))
        self.clock: Callable[[], int] = time.perf_counter_ns
        self.memory_bytes: int = C.llama_model_size(self._model) + gguf_facts.cache_bytes(
            self._model, self.context
        )
        self.info = ModelInfo(
            name=name or gguf_facts.name(self._model, path),
            backend="llama.cpp",
            device=device,
            quantisation=gguf_facts.quantisation(self._model),
            parameters=C.llama_model_n_params(self._model),
            size_bytes=C.llama_model_size(self._model),
            vocabulary=self.vocabulary.size,
            context=self.context,
            threads=threads,
            library=llama_library.LIBRARY,
        )
        self._length = 0
        self._tree: OpenTree | None = None
        self._fillers = 0
        self._template: Jinja2ChatFormatter | None = None
        self._counting = np.arange(self.context, dtype=np.int32)
        self._none: Logits = np.empty((0, self.vocabulary.size), dtype=np.float32)
        self._warm_up()

    @property
    def length(self) -> int:
        """Tokens in the cache, those of an open tree included."""
        return self._length

    @property
    def closed(self) -> bool:
        return not self._resources.alive

    def encode(self, text: str, *, raw: bool = False) -> list[int]:
        """Token ids of a prompt: as one user message in the file's chat template, or as it stands
        if `raw` or if the file has none. Names of control tokens are read as those tokens.

        Raises ModelError if the template fails.
        """
        self._check_open()
        return self._vocabulary.encode(text if raw else self._templated(text))

    def extend(
        self, ids: Sequence[int], rows: Rows = "all", parents: Sequence[int] | None = None
    ) -> Logits:
        """Feed `ids` (at most `max_rows`, of a tree 64); logits [len(ids) | 1 | 0, V].

        A view into llama.cpp's buffer, valid until the next call (a copy above 64 rows). Raises
        Cancelled after `interrupt` (the cache is then as before that pass), ModelError for a full
        context, bad ids or parents, an open tree that `ids` are not part of, or a failure of the
        library.
        """
        self._check_open()
        n = len(ids)
        if n > self.max_rows:
            raise ModelError(f"{n} tokens were fed at once; this model takes {self.max_rows}.")
        if self._length + n > self.context:
            raise ModelError(
                f"The context of {self.context:,} tokens is full.",
                "Shorten the prompt or the output, or load the model with a larger context.",
            )
        if parents is not None:
            check_call(ids, parents, self.max_branches)
        elif self._tree is not None:
            raise still_open()
        if n == 0:
            return self._none
        if self._fillers and self._length + self._fillers + n > self.context:
            self._drop_fillers()
        if parents is not None:
            return self._tree_pass(ids, rows, parents)
        if rows == "all" and n > _MAX_OUTPUTS:
            starts = range(0, n, _MAX_OUTPUTS)
            # Copied one by one: the next pass overwrites what the last one's view shows.
            parts = [self._pass(ids[s : s + _MAX_OUTPUTS], "all").copy() for s in starts]
            return np.concatenate(parts)
        return self._pass(ids, rows)

    def truncate(self, length: int) -> None:
        """Keep the first `length` tokens of the text at most, and nothing of an open tree. Raises
        ModelError if the model's memory cannot be rolled back."""
        self._check_open()
        if self._tree is not None:
            self.keep(())
        if self._fillers and length == 0:
            self._drop_fillers()
        if length >= self._length:
            return
        self._take_back(length)
        self._length = length

    def keep(self, path: Sequence[int]) -> None:
        """Close the open tree: the tokens on `path` become text, the others go. Raises ModelError
        if it is no path, and leaves the tree open then."""
        self._check_open()
        tree = self._tree
        if tree is None:
            if path:
                raise nothing_open()
            return
        source, end = tree.sequence_of(path), tree.base + len(path)
        # Flash attention sums in the order of the cells, with 16 bits on a CPU: later tokens in the
        # gaps would shift logits by up to 1 against plain decoding. So what lies in the gaps stays,
        # seen by nobody, while there is room.
        gaps = tree.gaps(path)
        for sequence, position in gaps:
            C.llama_memory_seq_cp(self._memory, sequence, _FILLER, position, position + 1)
        self._fillers += len(gaps)
        if source != 0:
            self._take_back(tree.base)
            C.llama_memory_seq_cp(self._memory, source, 0, tree.base, end)
        self._take_back(end)
        for sequence in range(1, tree.leaves):
            C.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self._length, self._tree = end, None

    def interrupt(self, on: bool) -> None:
        """Make a running or coming `extend` raise Cancelled (on), or allow them again (off).

        On a CPU a running pass stops within milliseconds; on a GPU it ends first.
        """
        self._interrupted.set(on)

    def set_threads(self, threads: int) -> None:
        """Use so many threads from the next pass on; 0 means all physical cores."""
        self._check_open()
        threads = _thread_count(threads)
        C.llama_set_n_threads(self._ctx, threads, threads)
        self.info = msgspec.structs.replace(self.info, threads=threads)

    def close(self) -> None:
        """Free the model; later calls raise ModelError. Arrays from `extend` must not be read."""
        self._resources()

    def _check_open(self) -> None:
        if self.closed:
            raise ModelError(f"{self.info.name} is closed.", "Load it again.")

    def _templated(self, text: str) -> str:
        template = C.llama_model_chat_template(self._model, None)
        if not template:
            return text
        try:
            if self._template is None:
                self._template = Jinja2ChatFormatter(
                    template.decode("utf-8", "replace"),
                    eos_token=self._vocabulary.end_text,
                    bos_token=self._vocabulary.begin_text,
                )
            return self._template(messages=[{"role": "user", "content": text}]).prompt
        except Exception as error:  # the template is a program from the file: it may raise anything
            raise ModelError(
                f"The chat template of {self.info.name} failed: {error}.",
                "Send the prompt without it: choose raw (--raw).",
            ) from error

    def _pass(self, ids: Sequence[int], rows: Rows) -> Logits:
        if self._interrupted:
            raise Cancelled("Interrupted.")
        length = self._length
        self._batch.fill(ids, self._counting[length : length + len(ids)], rows)
        return self._decode(self._batch, rows, ((0, length),))

    def _tree_pass(self, ids: Sequence[int], rows: Rows, parents: Sequence[int]) -> Logits:
        if len(ids) > _MAX_OUTPUTS:
            raise ModelError(
                f"{len(ids)} tokens of a tree were fed at once; llama.cpp takes {_MAX_OUTPUTS}.",
                f"Choose branches and γ with at most {_MAX_OUTPUTS} tokens in the tree.",
            )
        if self._interrupted:
            raise Cancelled("Interrupted.")
        tree = self._tree or OpenTree(self._length)
        growth = tree.plan(parents, self.max_branches)
        self._tree_batch.fill(ids, growth.positions, rows)
        self._tree_batch.put_in_sequences(growth.sequences)
        # Before the pass: sequences that share a token of a batch must have the same past.
        for source, new, length in growth.copies:
            C.llama_memory_seq_cp(self._memory, source, new, 0, length)
        logits = self._decode(self._tree_batch, rows, growth.undo)
        tree.grow(growth)
        self._tree = tree
        return logits

    def _decode(self, batch: Batch, rows: Rows, undo: Sequence[tuple[int, int]]) -> Logits:
        """One pass. undo: (sequence, position) pairs to remove from if it fails."""
        llama_library.forget_log()
        code = C.llama_decode(self._ctx, batch.raw)
        if code != 0:
            self._recover(code, undo)
        C.llama_synchronize(self._ctx)
        n = batch.raw.n_tokens
        self._length += n
        if rows == "none":
            return self._none
        shape = n if rows == "all" else 1, self.vocabulary.size
        return np.ctypeslib.as_array(cast(Any, C.llama_get_logits(self._ctx)), shape)

    def _recover(self, code: int, undo: Sequence[tuple[int, int]]) -> None:
        """Put the cache back as it was before a failed pass, and raise."""
        lines = llama_library.log_lines()
        # llama.cpp cleans up too, but only the first sequence of each token.
        done = [C.llama_memory_seq_rm(self._memory, sequence, at, -1) for sequence, at in undo]
        if not all(done):
            C.llama_memory_clear(self._memory, True)
            self._length, self._tree, self._fillers = 0, None, 0
        if code == _ABORTED and self._interrupted:
            raise Cancelled("Interrupted.")
        raise ModelError(
            f"llama.cpp failed in {self.info.name} (code {code}): {preflight.cause(lines)}.",
            "Load the model again; with a GPU, put fewer layers on it.",
        )

    def _drop_fillers(self) -> None:
        C.llama_memory_seq_rm(self._memory, _FILLER, -1, -1)
        self._fillers = 0

    def _take_back(self, length: int) -> None:
        """Remove from the text's sequence what lies beyond the first `length` positions."""
        if not C.llama_memory_seq_rm(self._memory, 0, length, -1):
            raise ModelError(
                f"{self.info.name} cannot take tokens back: its memory is recurrent.",
                "Speculative decoding needs a model whose cache can be rolled back: choose one "
                "without recurrent layers, or γ = 0.",
            )

    def _warm_up(self) -> None:
        """One pass over all weights, so that the first round is not timed with page faults."""
        C.llama_set_warmup(self._ctx, True)
        begin = max(self._vocabulary.begin_id, 0)
        try:
            self._pass([begin, begin][: self.max_rows], "all")
        except ModelError:
            self.close()
            raise
        C.llama_set_warmup(self._ctx, False)
        C.llama_memory_clear(self._memory, True)
        self._length = 0


def _load(path: Path, gpu_layers: int, progress: Callable[[float], None] | None) -> C.llama_model_p:
    raised: list[BaseException] = []

    def report(fraction: float, _data: object) -> bool:
        try:
            if progress is not None:
                progress(fraction)
        except BaseException as error:  # must not cross the C frames: raised again below
            raised.append(error)
        return not raised

    params = C.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    callback = C.llama_progress_callback(report)  # a reference for as long as it is called
    params.progress_callback = callback
    llama_library.forget_log()
    model = C.llama_model_load_from_file(os.fsencode(path), params)
    if raised:
        if model is not None:
            C.llama_model_free(model)
        raise raised[0]
    if model is None:
        raise preflight.explain(path.name, llama_library.log_lines())
    return model


def _context(
    model: C.llama_model_p,
    file_name: str,
    length: int,
    threads: int,
    branches: int,
    interrupted: llama_library.AbortFlag,
) -> C.llama_context_p:
    params = C.llama_context_default_params()
    params.n_ctx = length
    params.n_batch = params.n_ubatch = MAX_ROWS
    params.n_outputs_max = _MAX_OUTPUTS
    if branches > 1:
        params.n_seq_max = branches + 1  # and the fillers
        params.kv_unified = True  # one buffer that all sequences share
    params.n_threads = params.n_threads_batch = threads
    interrupted.attach(params)
    llama_library.forget_log()
    context = C.llama_init_from_model(model, params)
    if context is None:
        raise preflight.explain(file_name, llama_library.log_lines())
    return context


def _thread_count(asked: int) -> int:
    if not 0 <= asked <= _MAX_THREADS:
        raise ConfigError(
            f"{asked} threads were asked for, outside 0 to {_MAX_THREADS}.",
            "Choose at most the number of your processor's cores; 0 means all of them.",
        )
    return asked or physical_cores()
