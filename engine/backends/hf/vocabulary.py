"""The tokens of a Hugging Face model, told as llama.cpp tells those of the same model's GGUF file,
so that a draft of one kind fits a target of the other."""

# pyright: basic

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from engine.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_PADDING = re.compile(r"\[PAD\d+\]")
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# llama.cpp: convert_hf_to_gguf.py, does_token_look_special.
_LOOKS_CONTROL = re.compile(
    r"<\|.*\|>|<\uff5c.*\uff5c>|<unused.*>|<pad>|<mask>|<2mass>|\[@BOS@\]", re.DOTALL
)
# llama.cpp: src/llama-vocab.cpp, special_eog_ids. The last lines pad, or open another file.
_END_NAMES = frozenset(
    "<|eot_id|> <|im_end|> <|end|> <|return|> <|call|> <|flush|> <|calls|> <end_of_turn> "
    "<|endoftext|> </s> <|eom_id|> <EOT> _<EOT> [EOT] [EOS] <|end_of_text|> <end_of_utterance> "
    "<eos> <turn|> <|tool_response> <\uff5cend▁of▁sentence\uff5c> [e~[ "
    "<|fim_pad|> <fim-pad> <fim_pad> <PAD> [PAD] "
    "<|fim_repo|> <|repo_name|> <fim-repo> <REPO> <reponame> <|file_sep|>".split()
)
# gpt-oss and Solar: <|end|> ends a part of an answer, and without these names parts run together.
_PARTED = (frozenset({"<|return|>", "<|call|>"}), frozenset({"<|calls|>", "<|flush|>"}))
_PART_END = "<|end|>"
_SHOWN = frozenset({"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"})

Spelling = Callable[[str], "str | bytes"]


class HfVocabulary:
    """Implements `engine.backends.base.Vocabulary` for a tokenizer of the tokenizers library.

    size: number of logits; may be more or less than the tokenizer has entries. end_ids: tokens that
    end a text besides the tokenizer's own (those of the generation config). Raises ModelError for
    a tokenizer of another library.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, size: int, end_ids: Iterable[int] = ()
    ) -> None:
        if getattr(tokenizer, "backend_tokenizer", None) is None:
            raise ModelError(
                f"Draftscope does not read this kind of tokenizer ({type(tokenizer).__name__}).",
                "Choose a model that has a tokenizer.json, or a GGUF version of it.",
            )
        self.size: int = size
        self._tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self._added = tokenizer.added_tokens_decoder
        self._control = self._find_control()
        self.end_ids: frozenset[int] = self._find_ends(end_ids)
        self._spellings = _spellings(self._backend.decoder)
        self._prefix = self._find_prefix()
        self._pieces: dict[tuple[int, bool], bytes] = {}

    def name(self, token_id: int) -> str:
        """The entry as stored: "Ġthe" in byte-level vocabularies, "▁the" in SentencePiece ones;
        "[PAD7]" for an id without an entry. Raises ModelError for ids from `size` on."""
        name = self._entry(token_id)
        if name is None:
            return f"[PAD{token_id}]"
        if token_id in self._added and token_id not in self._control:
            return name.replace("▁", " ")  # as llama.cpp's converter stores them
        return name

    def is_padding(self, token_id: int) -> bool:
        name = self._entry(token_id)
        if name is None or _PADDING.fullmatch(name):
            return True
        return token_id in self._control and "unused" in name

    def is_control(self, token_id: int) -> bool:
        """Whether the entry stands for no text: the beginning of a turn, the end of a text."""
        return token_id in self._control

    @staticmethod
    def is_byte(name: str) -> bool:
        """Whether an entry of that name stands for one byte that no other entry covers."""
        return _BYTE.fullmatch(name) is not None

    def piece(self, token_id: int, *, special: bool = False) -> bytes:
        """Bytes of the token, maybe part of a character; control tokens: b"" unless `special`."""
        key = token_id, special
        known = self._pieces.get(key)
        if known is None:
            known = self._pieces[key] = self._read_piece(token_id, special)
        return known

    def encode(self, text: str, add_begin: bool) -> list[int]:
        """Token ids of `text`, with the names of control tokens in it read as those tokens.

        add_begin: put first what the tokenizer puts before a text (its beginning-of-text token, if
        any), unless the text begins so. Nothing is put at the end. Raises ModelError if `text`
        names a token beyond `size`.
        """
        ids = self._encode(text.encode("utf-8", "replace").decode(), special=False)
        if ids and max(ids) >= self.size:
            raise ModelError(
                f"The prompt names {self._backend.id_to_token(max(ids))!r}: the tokenizer has this "
                "token, the model does not.",
                "Take it out of the prompt.",
            )
        if add_begin and ids[: len(self._prefix)] != self._prefix:
            return self._prefix + ids
        return ids

    def template(self, text: str) -> str | None:
        """`text` as one user message in the chat template, up to where the answer begins; None if
        there is no template. Raises ModelError if it fails."""
        if not self._tokenizer.chat_template:
            return None
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
                )
            )
        except Exception as error:  # the template is a program of the model: it may raise anything
            raise ModelError(
                f"The model's chat template failed: {error}.",
                "Send the prompt without it: choose raw (--raw).",
            ) from error

    def _entry(self, token_id: int) -> str | None:
        if not 0 <= token_id < self.size:
            raise ModelError(f"The vocabulary has no token {token_id}.")
        return self._backend.id_to_token(token_id)

    def _find_control(self) -> dict[int, str]:
        """Names by id. Added tokens may be control tokens without being marked as special."""
        ids = set(self._tokenizer.all_special_ids)
        for i, token in self._added.items():
            name = token.content
            if token.special or name in _END_NAMES or _LOOKS_CONTROL.fullmatch(name):
                ids.add(i)
        control = {i: name for i in ids if (name := self._backend.id_to_token(i)) is not None}
        names = set(control.values())
        shown = _SHOWN.union({_PART_END} if any(parts <= names for parts in _PARTED) else ())
        return {i: name for i, name in control.items() if name not in shown}

    def _find_ends(self, given: Iterable[int]) -> frozenset[int]:
        ends = {i for i, name in self._control.items() if name in _END_NAMES}.union(given)
        own = self._tokenizer.eos_token_id
        if isinstance(own, int):
            ends.add(own)
        return frozenset(i for i in ends if 0 <= i < self.size)

    def _find_prefix(self) -> list[int]:
        plain, whole = self._encode("a", special=False), self._encode("a", special=True)
        for i in range(len(whole) - len(plain) + 1):
            if whole[i : i + len(plain)] == plain:
                return [token_id for token_id in whole[:i] if token_id < self.size]
        return []

    def _encode(self, text: str, *, special: bool) -> list[int]:
        return self._tokenizer(
            text,
            add_special_tokens=special,
            padding=False,
            truncation=False,
            split_special_tokens=False,
            verbose=False,
        )["input_ids"]

    def _read_piece(self, token_id: int, special: bool) -> bytes:
        name = self.name(token_id)
        if token_id not in self._added and self.is_padding(token_id):
            return b""
        if token_id in self._control:
            return name.encode() if special else b""
        if token_id in self._added:
            return name.encode()
        if self._spellings is None:
            return self._decoded(token_id)
        text: str | bytes = name
        for spelling in self._spellings:
            if isinstance(text, str):
                text = spelling(text)
        return text.encode() if isinstance(text, str) else text

    def _decoded(self, token_id: int) -> bytes:
        """What the token adds to a text, as far as the decoder tells: no parts of characters."""
        before = self._encode("a", special=False)
        text, longer = self._backend.decode(before), self._backend.decode([*before, token_id])
        if not longer.startswith(text):
            return self._backend.decode([token_id]).encode()
        return longer.removeprefix(text).encode()


def _spellings(decoder: object) -> list[Spelling] | None:
    """From entries to their bytes, by the steps of the decoder; None if it has others than known.

    Steps that only touch the beginning or end of a whole text are left out.
    """
    try:
        described = json.loads(decoder.__getstate__())  # pyright: ignore
    except Exception:  # none, or a decoder written in Python
        return None
    found: list[Spelling] = []
    for step in described["decoders"] if described["type"] == "Sequence" else [described]:
        match step:
            case {"type": "ByteLevel"}:
                found.append(_byte_level())
            case {"type": "ByteFallback"}:
                found.append(_byte_fallback)
            case {"type": "Metaspace", "replacement": mark}:
                found.append(_replace(mark, " "))
            case {"type": "Replace", "pattern": {"String": mark}, "content": content}:
                found.append(_replace(mark, content))
            case {"type": "WordPiece", "prefix": prefix}:
                found.append(_word_piece(prefix))
            case {"type": "Fuse" | "Strip"}:
                pass
            case _:
                return None
    return found


def _byte_level() -> Spelling:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    values = {character: byte for byte, character in bytes_to_unicode().items()}

    def spell(name: str) -> bytes:
        try:
            return bytes(values[character] for character in name)
        except KeyError:  # not written in the alphabet: stands for itself
            return name.encode()

    return spell


def _byte_fallback(name: str) -> str | bytes:
    byte = _BYTE.fullmatch(name)
    return bytes.fromhex(byte[1]) if byte else name


def _replace(mark: str, content: str) -> Spelling:
    return lambda name: name.replace(mark, content)


def _word_piece(prefix: str) -> Spelling:
    return lambda name: name[len(prefix) :] if name.startswith(prefix) else f" {name}"
