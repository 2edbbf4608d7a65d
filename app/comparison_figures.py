"""The figures by which runs are compared: which there are, what they are, how they are written.

Pure functions of `engine.metrics.Figures` and `engine.cost.Costs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from app.views import format as fmt
from app.views.plots.axes import rate
from engine import cost, verdict
from engine.metrics import Figures, figures
from engine.trace import Run

Kind = Literal["measured", "modelled", "simulated"]
Better = Literal["higher", "lower"]
Form = Literal["count", "share", "number", "ratio", "rate", "seconds"]
MANY = 4
"""From so many times the reference's on, a factor says more than per cent."""


class Facts(NamedTuple):
    """All that is known of one run."""

    figures: Figures
    costs: cost.Costs

    @property
    def timed(self) -> Kind:
        """What its times are: a toy model has none of its own."""
        return "simulated" if self.figures.simulated else "measured"

    def kind(self, spec: Spec) -> Kind:
        """What one of its figures is, before the cost model has a part in it."""
        if spec.timed:
            return self.timed
        return "simulated" if spec.judged and self.figures.synthetic else "measured"


class Spec(NamedTuple):
    """A row of the table. timed: it comes from times, which differ a little from run to run.
    judged: from verdicts alone, which made-up weights simulate.
    same_work: only runs of equally many tokens can be better or worse at it.
    """

    group: str
    name: str
    tip: str
    form: Form
    get: Callable[[Facts], float | None]
    better: Better | None = None
    timed: bool = False
    modelled: bool = False
    same_work: bool = False
    judged: bool = False


def facts_of(run: Run, baseline: Run | None) -> Facts:
    """Figures and costs of a run as it stands now."""
    return Facts(figures(run, baseline), cost.measure(run, baseline))


def _of(name: str) -> Callable[[Facts], float | None]:
    return lambda facts: getattr(facts.figures, name)


def _drafted(name: str) -> Callable[[Facts], float | None]:
    """Of runs that drafted: plain decoding has nothing to accept."""
    return lambda facts: getattr(facts.figures, name) if facts.figures.drafted else None


def _compared(facts: Facts) -> float | None:
    return facts.figures.compared_tokens or None


def _decode_s(facts: Facts) -> float | None:
    f = facts.figures
    return f.draft_s + f.verify_s + f.host_s


def _verify_ratio(facts: Facts) -> float | None:
    width = facts.costs.main_width
    return facts.costs.verify_ratio(width) if width else None


def _modelled(facts: Facts) -> float | None:
    if not facts.figures.drafted:
        return None
    return cost.modelled_speedup(facts.figures.acceptance_rate, facts.costs)


def _ceiling(facts: Facts) -> float | None:
    return cost.verify_aware_ceiling(facts.figures, facts.costs) if facts.figures.drafted else None


def _best_gamma(facts: Facts) -> float | None:
    """As the verdict does: no advice on few judged tokens, none from trees to chains."""
    f = facts.figures
    few = f.accepted + f.rejected < verdict.FEW_JUDGED
    if f.acceptance_rate is None or few or facts.costs.trees:
        return None
    best = cost.best_gamma(f.acceptance_rate, facts.costs)
    return best.gamma if best else None


_SPEED, _PASS, _TIME, _COUNT, _COST = "Speed", "Acceptance", "Time", "Tokens", "Cost model"
SPECS: tuple[Spec, ...] = (
    Spec(_SPEED, "Speedup", "Baseline's time ÷ this run's time for the same number of tokens",
         "ratio", _of("speedup"), "higher", timed=True),
    Spec(_SPEED, "Tokens/s", "Tokens ÷ (draft + verify + host time); prefill excluded",
         "rate", _of("tokens_per_second"), "higher", timed=True),
    Spec(_SPEED, "Baseline tokens/s", "The baseline's rate over the compared tokens",
         "rate", _of("baseline_tokens_per_second"), timed=True),
    Spec(_SPEED, "Compared tokens", "At how many tokens run and baseline are compared",
         "count", _compared),
    Spec(_PASS, "Acceptance rate α", "Accepted ÷ (accepted + rejected); discarded never judged",
         "share", _of("acceptance_rate"), "higher", judged=True),
    Spec(_PASS, "Draft efficiency", "Accepted ÷ drafted, discarded ones included",
         "share", _of("draft_efficiency"), "higher", judged=True),
    Spec(_PASS, "Tokens per pass τ", "Tokens ÷ target passes: the ceiling with a free draft and a "
         "flat verify cost", "number", _of("tokens_per_pass"), "higher", judged=True),
    Spec(_TIME, "Decode time", "Draft + verify + host time of the whole run",
         "seconds", _decode_s, "lower", timed=True, same_work=True),
    Spec(_TIME, "Draft", "Time in the drafter", "seconds",
         lambda facts: facts.figures.draft_s or None, timed=True),
    Spec(_TIME, "Verify", "Time in the target's passes", "seconds", _of("verify_s"), timed=True),
    Spec(_TIME, "Host", "Time that is neither draft nor target", "seconds", _of("host_s"),
         timed=True),
    Spec(_TIME, "Prefill", "Time to read the prompt; part of no rate",
         "seconds", _of("prefill_s"), timed=True),
    Spec(_COUNT, "Tokens", "Tokens emitted", "count", _of("tokens")),
    Spec(_COUNT, "Rounds", "Target passes", "count", _of("rounds"), "lower", same_work=True,
         judged=True),
    Spec(_COUNT, "Drafted", "Tokens proposed", "count", _of("drafted")),
    Spec(_COUNT, "Accepted", "Drafted tokens that passed", "count", _drafted("accepted"),
         judged=True),
    Spec(_COUNT, "Rejected", "Drafted tokens that failed", "count", _drafted("rejected"),
         judged=True),
    Spec(_COUNT, "Discarded", "Drafted tokens after a rejected one, never judged",
         "count", _drafted("discarded"), judged=True),
    Spec(_COUNT, "Resampled", "Tokens the target added after a rejection",
         "count", _drafted("resampled"), judged=True),
    Spec(_COUNT, "Bonus", "Tokens the target added when all of a proposal had passed",
         "count", _of("bonus"), judged=True),
    Spec(_COST, "Cost ratio c", "One drafted token ÷ one single-token target pass (medians)",
         "number", lambda facts: facts.costs.cost_ratio, "lower", timed=True),
    Spec(_COST, "Verify cost", "T_v(γ+1) ÷ T_v(1): what the usual pass costs in single passes",
         "number", _verify_ratio, timed=True),
    Spec(_COST, "Modelled speedup", "What the cost model gives for this run's α and measured costs",
         "ratio", _modelled, "higher", timed=True, modelled=True),
    Spec(_COST, "Verify-aware ceiling", "Speedup if drafting and the host were free",
         "ratio", _ceiling, "higher", timed=True, modelled=True),
    Spec(_COST, "Best γ", "The γ with the greatest modelled speedup among those measured",
         "count", _best_gamma, timed=True, modelled=True),
)  # fmt: skip


def written(number: float, form: Form) -> str:
    """A figure as the table shows it."""
    match form:
        case "count":
            return f"{number:,.0f}"
        case "ratio":
            return cost.times(number)
        case "rate":
            return rate(number)
        case "seconds":
            return fmt.duration(number * 1e9)
        case "share":
            return f"{number:.2f}"
        case "number":
            return f"{number:.2f}" if number < 99.995 else f"{number:,.0f}"


def changed(number: float, base: float, form: Form) -> str:
    """A difference to the reference: in its own unit for counts and shares, else in per cent, or
    as a factor where that is many."""
    by = number - base
    if form == "count":
        return _signed(by, f"{abs(by):,.0f}")
    if form in ("share", "number"):
        return _signed(by, f"{abs(by):.2f}")
    if not base:
        return ""
    if number >= MANY * base:
        times = number / base
        return cost.times(times) if times < 1_000 else f"{times:,.0f}×"
    share = 100 * by / base
    return f"{_signed(share, f'{abs(share):,.0f}')} %"


def _signed(by: float, size: str) -> str:
    if not float(size.replace(",", "")):
        return f"±{size}"
    return f"{'+' if by > 0 else '−'}{size}"
