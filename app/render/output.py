"""Files that appear under their name whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.render.errors import RenderError


def part_of(target: Path) -> Path:
    """Where a file grows until it is whole: beside it, with the ending that encoders go by."""
    return target.with_name(f"{target.stem}.part{target.suffix}")


def refuse_unwritable(target: Path) -> None:
    """Raise RenderError where the target cannot be written; leaves nothing behind."""
    part = part_of(target)
    _begin(target, part)
    _remove(part)


@contextmanager
def whole_file(target: Path) -> Generator[Path]:
    """Hand out the temporary name; afterwards rename the file, or after any error remove it.

    Raises RenderError before anything is done where the target cannot be written.
    """
    part = part_of(target)
    _begin(target, part)
    try:
        yield part
        try:
            part.replace(target)
        except OSError as error:  # on Windows a player may hold the older file open
            raise cannot_write(target, error) from error
    finally:
        _remove(part)


def _begin(target: Path, part: Path) -> None:
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "it is write-protected")
        part.open("wb").close()
    except OSError as error:
        raise cannot_write(target, error) from error


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)


def cannot_write(target: Path, error: OSError) -> RenderError:
    """The sentence for a failure of the file system."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return disk_full(target)
    if isinstance(error, FileNotFoundError):
        return RenderError(
            f"{target.name} cannot be written: there is no folder {target.parent.name!r}.",
            "Make the folder first, or choose another.",
        )
    reason = error.strerror or str(error)
    return RenderError(
        f"{target.name} cannot be written: {reason[:1].lower()}{reason[1:]}.",
        "Choose another folder or name.",
    )


def disk_full(target: Path) -> RenderError:
    return RenderError(
        f"{target.name} cannot be written: the disk is full.",
        "Free some space, or choose another folder.",
    )
