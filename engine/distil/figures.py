"""What a distillation tells while it goes on, and writes down: plain data, without torch."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.cost import leviathan_speedup

Stage = Literal["load", "write", "train", "export", "evaluate"]
STAGES: dict[Stage, str] = {
    "load": "Loading the target",
    "write": "The target writes text",
    "train": "The student learns",
    "export": "Writing the draft",
    "evaluate": "Measuring the draft",
}
GAMMA_MAX = 8


class Step(msgspec.Struct, frozen=True, tag_field="type", tag="Step"):
    """How far the work is: fraction of the stage, 0 to 1; detail: in words. seconds_left: of the
    stage; None while it cannot be told."""

    stage: Stage
    fraction: float
    detail: str = ""
    seconds_left: float | None = None


class Learnt(msgspec.Struct, frozen=True, tag_field="type", tag="Learnt"):
    """How good the student is. fraction: of the training, 0 to 1; seconds, tokens: trained.

    On text held out of the training, at T = 1. loss: mean KL divergence from the target's
    distribution over the stored tokens, in nats. agreement: share of equal most probable tokens,
    an estimate of the greedy acceptance rate. overlap: mean Σ min(p, q) over the stored tokens,
    that of the acceptance rate of sampling (arXiv 2211.17192, Theorem 3.5). cost_ratio: of single
    passes, the student's time by the target's, in torch.
    """

    fraction: float
    seconds: float
    tokens: int
    loss: float
    agreement: float
    overlap: float
    cost_ratio: float

    @property
    def speedup(self) -> tuple[int, float]:
        """The draft length γ with the greatest modelled greedy speedup, and that speedup; T_v flat
        and the host free (`engine.cost`)."""
        best = ((leviathan_speedup(self.agreement, g, self.cost_ratio), g) for g in
                range(1, GAMMA_MAX + 1))  # fmt: skip
        speedup, gamma = max(best, key=lambda pair: pair[0])
        return gamma, speedup


class Failed(msgspec.Struct, frozen=True, tag_field="type", tag="Failed"):
    """What went wrong, and what to do next."""

    message: str
    hint: str


Told = Step | Learnt
Line = Step | Learnt | Failed
"""What the command prints for the window, a JSON object a line."""
