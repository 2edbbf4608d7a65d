"""Files that are written whole: a reader sees the old one or the new one, never a part."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from engine.errors import RecordingError


def write_whole(path: Path, text: str) -> Path:
    """Write UTF-8 text beside `path`, then put it in its place. Raises RecordingError."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(text.encode("utf-8"))
        part.replace(path)
    except OSError as error:
        with suppress(OSError):  # the first error says more
            part.unlink(missing_ok=True)
        raise RecordingError(
            f"{path.name} cannot be written: {error.strerror or error}.",
            "The results themselves are kept; check the free space and the rights.",
        ) from error
    return path
