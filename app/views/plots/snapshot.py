"""What the plots show besides the curves: figures and costs of one moment, taken together."""

from __future__ import annotations

from dataclasses import dataclass

from engine.cost import Costs, measure, modelled_speedup, verify_aware_ceiling
from engine.metrics import (
    Acceptance,
    Figures,
    Ints,
    acceptance_by_position,
    figures,
    tokens_per_pass_histogram,
    waited_ns,
)
from engine.synthetic import remark
from engine.trace import Run
from engine.waterfall import Step, break_even_alpha, break_even_cost_ratio, gap, waterfall

WAITED_FROM_NS = 200_000_000
"""Less is what any busy machine takes."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the labels and bars of one refresh are drawn from.

    modelled, ceiling: the modelled speedup and the verify-aware ceiling, where they are defined.
    gamma: the run's setting; 0 is plain decoding. finished: no more rounds will come. tree: its
    proposals have siblings, and positions are depths. waited: it was held for a part of its time
    that counts nowhere. waterfall: from the ceiling to the measured speedup; gap: from the modelled
    one. even_alpha, even_cost: α and c at which its proposals break even, modelled. remark: what is
    to be known of all figures.
    """

    figures: Figures
    costs: Costs
    modelled: float | None
    ceiling: float | None
    acceptance: Acceptance
    histogram: Ints
    gamma: int
    max_tokens: int
    has_baseline: bool
    finished: bool
    tree: bool = False
    waited: bool = False
    waterfall: tuple[Step, ...] = ()
    gap: tuple[Step, ...] = ()
    even_alpha: float | None = None
    even_cost: float | None = None
    remark: str = ""

    @property
    def kind(self) -> str:
        """What the times are: only a toy model's are simulated."""
        return "simulated" if self.figures.simulated else "measured"

    @property
    def accepting(self) -> str:
        """What the accepted tokens are: those of made-up weights say nothing about real ones."""
        return "simulated" if self.remark else self.kind

    @property
    def plain(self) -> bool:
        """Nothing is proposed: plain decoding."""
        return self.gamma == 0 and not self.figures.drafted


def take(run: Run, baseline: Run | None) -> Snapshot:
    """The snapshot of `run` as it stands now."""
    config = run.started.config
    now, costs = figures(run, baseline), measure(run, baseline)
    alpha, gamma = now.acceptance_rate, (costs.main_width or 1) - 1
    return Snapshot(
        figures=now,
        costs=costs,
        modelled=modelled_speedup(now.acceptance_rate, costs) if now.drafted else None,
        ceiling=verify_aware_ceiling(now, costs) if now.drafted else None,
        acceptance=acceptance_by_position(run),
        histogram=tokens_per_pass_histogram(run),
        gamma=config.gamma,
        max_tokens=config.max_tokens,
        has_baseline=baseline is not None,
        finished=run.finished is not None,
        waited=waited_ns(run) > max(WAITED_FROM_NS, 0.1 * run.clock[-1]),
        tree=bool(run.shapes) or any(b > 1 for b in config.branches[: config.gamma]),
        waterfall=waterfall(now, run, baseline),
        gap=gap(alpha, costs, now, run, baseline) if now.drafted else (),
        even_alpha=break_even_alpha(gamma, costs) if gamma else None,
        even_cost=break_even_cost_ratio(alpha, gamma, costs) if alpha is not None else None,
        remark=remark(run.started.models),
    )
