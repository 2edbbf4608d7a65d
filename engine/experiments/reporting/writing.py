"""Files that appear whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from engine.errors import RecordingError


def write_whole(path: Path, text: str) -> Path:
    """Write a text under a temporary name and then under its own. Raises RecordingError."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):  # the first error says more
            part.unlink(missing_ok=True)
        raise RecordingError(
            f"{path.name} cannot be written: {error.strerror or error}.",
            "The results are safe in results.jsonl: make room, and open the report again.",
        ) from error
    return path
