"""Token bytes to text: characters may span tokens."""

from __future__ import annotations

import codecs

from engine.backends.base import Vocabulary
from engine.events import Pieces


def _hex_escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    broken = error.object[error.start : error.end]
    return "".join(f"<0x{byte:02X}>" for byte in broken), error.end


codecs.register_error("draftscope-hex", _hex_escape)


def label(piece: bytes) -> str:
    """A token on its own: bytes that are no whole character are shown as <0xNN>."""
    return piece.decode("utf-8", "draftscope-hex")


class TextStream:
    """Incremental detokeniser of one run that can try a proposal and take it back.

    `push` returns the characters that a token completes ("" while one is unfinished).
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._seen: set[int] = set()

    def push(self, token_id: int) -> str:
        return self._decoder.decode(self._vocabulary.piece(token_id))

    def mark(self) -> tuple[bytes, int]:
        """A place to return to with `back`."""
        return self._decoder.getstate()

    def back(self, mark: tuple[bytes, int]) -> None:
        self._decoder.setstate(mark)

    def new_pieces(self, *groups: tuple[int, ...]) -> Pieces:
        """(id, label) of the ids that were not asked for before in this run."""
        fresh: dict[int, str] = {}
        for ids in groups:
            if self._seen.issuperset(ids):
                continue  # nearly always, once a run is under way
            for token_id in ids:
                if token_id not in self._seen:
                    self._seen.add(token_id)
                    fresh[token_id] = label(self._vocabulary.piece(token_id, special=True))
        return tuple(fresh.items())
