"""What single passes of student and target cost, in torch."""

# pyright: basic
from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from engine.distil import batches
from engine.distil.batches import Batch

_PAST = 64  # tokens
_PASSES = 24


def cost_ratio(student: Any, target: Any) -> float:
    """The student's time for one token by the target's: medians of passes that alternate, after
    the same short past."""
    before = student.config._attn_implementation
    student.set_attn_implementation(batches.NAME)
    training = student.training
    student.eval()
    try:
        pair = [Batch(network, _PAST + _PASSES + 1) for network in (student, target)]
        for batch in pair:
            batch.begin([[1] * _PAST])
        taken: list[list[float]] = [[], []]
        for _ in range(_PASSES):
            for batch, seconds in zip(pair, taken, strict=True):
                token = torch.ones(1, dtype=torch.long, device=batch.device)
                began = time.perf_counter()
                batch.step(token).argmax().item()  # the read waits for the device
                seconds.append(time.perf_counter() - began)
        return statistics.median(taken[0]) / statistics.median(taken[1])
    finally:
        student.set_attn_implementation(before)
        student.train(training)
