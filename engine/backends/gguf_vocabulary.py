"""The tokens of a GGUF model."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from llama_cpp import llama_cpp as C

from engine.backends import llama_library
from engine.errors import ModelError

_PADDING = re.compile(r"\[PAD\d+\]")


def read_texts(path: Path, texts: Sequence[str]) -> list[list[int]] | None:
    """The tokens of each text by the tokenizer of a GGUF file, of which nothing else is read, and
    nothing put before them; None for a tokenizer that llama.cpp does not know."""
    llama_library.forget_log()
    params = C.llama_model_default_params()
    params.vocab_only = True
    model = C.llama_model_load_from_file(os.fsencode(path), params)
    if model is None:
        return None
    try:
        vocabulary = GgufVocabulary(model)
        return [vocabulary.encode(text, begin=False) for text in texts]
    finally:
        C.llama_model_free(model)


class GgufVocabulary:
    """Reads llama.cpp's vocabulary table; raises ModelError once its model is closed."""

    def __init__(self, model: C.llama_model_p) -> None:
        vocab = C.llama_model_get_vocab(model)
        if vocab is None or C.llama_vocab_type(vocab) == C.LLAMA_VOCAB_TYPE_NONE:
            raise ModelError(
                "The model has no tokenizer, so it cannot read a prompt.",
                "Choose a language model: this file may be one part of a larger pipeline.",
            )
        self._vocab: C.llama_vocab_p | None = vocab
        self.size: int = C.llama_vocab_n_tokens(vocab)
        self.begin_id = cast(int, C.llama_vocab_bos(vocab))  # -1: none
        self._begins = self.begin_id >= 0 and C.llama_vocab_get_add_bos(vocab)
        self._end_id = cast(int, C.llama_vocab_eos(vocab))
        self.end_ids = frozenset(i for i in range(self.size) if C.llama_vocab_is_eog(vocab, i))
        self._pieces: dict[tuple[int, bool], bytes] = {}

    def name(self, token_id: int) -> str:
        """The entry as stored: "Ġthe" in byte-level vocabularies, "▁the" in SentencePiece ones."""
        return C.llama_vocab_get_text(self._table(token_id), token_id).decode("utf-8", "replace")

    def is_padding(self, token_id: int) -> bool:
        attributes = C.llama_vocab_get_attr(self._table(token_id), token_id)
        if attributes & C.LLAMA_TOKEN_ATTR_UNUSED:
            return True
        return _PADDING.fullmatch(self.name(token_id)) is not None

    def piece(self, token_id: int, *, special: bool = False) -> bytes:
        """Bytes of the token, maybe part of a character; control tokens: b"" unless `special`."""
        key = token_id, special
        known = self._pieces.get(key)
        if known is None:
            known = self._pieces[key] = self._read_piece(token_id, special)
        return known

    def encode(self, text: str, *, begin: bool = True) -> list[int]:
        """Token ids of `text`, with the names of control tokens in it read as those tokens.

        begin: the beginning-of-text token is put first where the file asks for it and the text has
        none.
        """
        vocab = self._table()
        data = text.encode("utf-8", "replace")
        n, room = -1, len(data) + 2  # a token covers at least a byte; some tokenizers add a space
        ids = (C.llama_token * 0)()
        while n < 0:
            ids = (C.llama_token * room)()
            n = C.llama_tokenize(vocab, data, len(data), ids, room, False, True)
            room = -n
        result = list(ids[:n])
        if begin and self._begins and result[:1] != [self.begin_id]:
            result.insert(0, self.begin_id)
        return result

    @property
    def begin_text(self) -> str:
        """The beginning-of-text token as a template writes it; "" if there is none."""
        return self._text(self.begin_id)

    @property
    def end_text(self) -> str:
        """The end-of-text token likewise."""
        return self._text(self._end_id)

    def close(self) -> None:
        """Forget the table before the model that holds it is freed."""
        self._vocab = None

    def _text(self, token_id: int) -> str:
        return "" if token_id < 0 else self.piece(token_id, special=True).decode("utf-8", "replace")

    def _table(self, token_id: int = 0) -> C.llama_vocab_p:
        if self._vocab is None:
            raise ModelError("The model is closed.", "Load it again.")
        if not 0 <= token_id < self.size:  # llama.cpp would end the process
            raise ModelError(f"The vocabulary has no token {token_id}.")
        return self._vocab

    def _read_piece(self, token_id: int, special: bool) -> bytes:
        vocab = self._table(token_id)
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = C.llama_token_to_piece(vocab, token_id, buffer, size, 0, special)
            if n >= 0:
                return buffer.raw[:n]
            size = -n
