"""What is said of runs with synthetic models: their weights are made up for timing."""

from __future__ import annotations

from engine.events import Models

REMARK = "simulated acceptance, measured time"
KIND = "measured times, simulated acceptance"
"""What a speedup is that such a model reached."""


def is_synthetic(models: Models) -> bool:
    return models.target.synthetic or (models.draft is not None and models.draft.synthetic)


def remark(models: Models) -> str:
    """What stands beside the figures if a model is synthetic, else ""."""
    return REMARK if is_synthetic(models) else ""
