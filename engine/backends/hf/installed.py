"""Whether the extra `hf` is installed; nothing of it is imported to find out."""

from __future__ import annotations

import importlib.util

from engine.errors import ModelError

INSTALL = 'pip install "draftscope[hf]"'
_NEEDED = ("torch", "transformers", "accelerate", "safetensors")


def require() -> None:
    """Raises ModelError, with the command that installs them, if libraries are missing."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(
            f"Hugging Face models need libraries that are not installed: {', '.join(missing)}.",
            f"Install them with: {INSTALL}",
        )
