"""What is said of runs with synthetic models: their weights are made up for timing."""

from __future__ import annotations

from engine.events import Models

REMARK = "simulated acceptance, measured time"


def remark(models: Models) -> str:
    """What stands beside the figures if a model is synthetic, else ""."""
    synthetic = models.target.synthetic or (models.draft is not None and models.draft.synthetic)
    return REMARK if synthetic else ""
