"""A file that says which process works in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from engine.errors import ConfigError


def take(path: Path) -> None:
    """Write this process into the file; one that a dead process left is taken over. Raises
    ConfigError if a living one holds it, OSError if it cannot be written."""
    try:
        pid, born = path.read_text().split()
        alive = psutil.Process(int(pid)).create_time() == float(born)
    except (OSError, ValueError, psutil.Error):
        alive = False
    if alive:
        raise ConfigError(
            f"{path.parent.name} is in use by another process.", "Wait for it, or stop it."
        )
    path.write_text(f"{os.getpid()} {psutil.Process().create_time()}")
