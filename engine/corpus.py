"""From a text file to the n-gram table that a drafter draws from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import engine
from engine.backends.base import LanguageModel
from engine.drafting.ngram_table import NgramTable
from engine.errors import Cancelled, ConfigError

BUNDLED = Path(engine.__file__).resolve().parent.parent / "assets" / "corpus" / "corpus.txt"
"""The text that is counted where none is given."""
BYTES_MAX = 64 << 20
_CHUNK = 16_384  # characters; a chunk is encoded in a few milliseconds, so a cancel is seen in time


def table_of(
    path: Path,
    target: LanguageModel,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> tuple[NgramTable, int]:
    """Count a text in the target's own tokens; the table and how many tokens the text has.

    progress: told the fraction done. Raises ConfigError for a text that cannot be read or is too
    short, Cancelled after `cancelled` says so.
    """
    chunks = _chunks(read(path))
    begin = len(target.encode("", raw=True))  # tokens that the tokenizer puts before every text
    ids: list[int] = []
    for i, chunk in enumerate(chunks):
        if cancelled():
            raise Cancelled("The n-gram table was cancelled.")
        ids += target.encode(chunk, raw=True)[begin if i else 0 :]
        progress(0.5 * (i + 1) / len(chunks))
    table = NgramTable.build(
        ids,
        vocabulary_size=target.vocabulary.size,
        progress=lambda done: progress(0.5 + 0.5 * done),
        cancelled=cancelled,
    )
    return table, len(ids)


def read(path: Path) -> str:
    """The text of a corpus. Raises ConfigError where there is none."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ConfigError(
                f"The text for the n-gram table, {path.name}, has more than {BYTES_MAX >> 20} MiB.",
                "Choose a shorter text, one that resembles what will be written.",
            )
        text = path.read_text("utf-8")
    except FileNotFoundError:
        if path == BUNDLED:
            raise ConfigError(
                "The bundled text for the n-gram table is not installed.",
                "Give a text of your own (--corpus).",
            ) from None
        raise ConfigError(
            f"There is no text {path.name} for the n-gram table.", "Check the path."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ConfigError(
            f"The text for the n-gram table, {path.name}, cannot be read: {reason}.",
            "Give the path of a text file in UTF-8.",
        ) from None
    if not text.strip():
        raise ConfigError(
            f"The text for the n-gram table, {path.name}, is empty.",
            "Give a text that resembles what will be written, or none for the bundled one.",
        )
    return text


def _chunks(text: str) -> list[str]:
    """The text in parts that end after a line where possible: tokens seldom span lines."""
    parts: list[str] = []
    start = 0
    while start < len(text):
        stop = start + _CHUNK
        if stop < len(text):
            stop = text.rfind("\n", start, stop) + 1 or stop
        parts.append(text[start:stop])
        start = stop
    return parts
