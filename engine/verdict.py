"""The sentence that a measurement comes down to: what it says, why, and what to do about it."""

from __future__ import annotations

from engine.cost import (
    DISTURBED,
    EVEN,
    Costs,
    best_gamma,
    modelled_speedup,
    times,
    verify_aware_ceiling,
)
from engine.forecast import Forecast
from engine.metrics import Figures
from engine.synthetic import KIND

FEW_JUDGED = 20
"""Below this many judged tokens α is too uncertain to advise a γ."""

PAYS = 1.05
"""Advice must promise at least this many times what is there already."""

DRAFTERS = {"ngram": "An n-gram drafter", "suffix": "A suffix drafter"}


def verdict(figures: Figures, costs: Costs, forecast: Forecast | None = None) -> str:
    """What the measurement says, and what to do about it, for the status bar.

    forecast: of another drafter on this very text, where one is known; it is named where it beats
    the measured speedup, plain decoding and the best γ. Every number is measured, or says that it
    is the model's. With a toy target the times are simulated, and with synthetic weights the
    acceptance: the sentence says so in place of "measured".
    """
    timed = kind = "simulated" if figures.simulated else "measured"
    if figures.synthetic:
        kind = KIND
    rate = figures.tokens_per_second
    if rate is None:
        return ""
    if figures.is_baseline:
        return f"Plain decoding: {rate:.1f} tokens/s, {timed}. A draft has to beat this."
    speedup = figures.speedup
    if speedup is None:
        return "No baseline measured, so no speedup is shown: choose Measure: before each run."
    which = "baseline" if costs.plain_stretch >= DISTURBED else "run"
    if (stretch := max(costs.stretch, costs.plain_stretch)) >= DISTURBED:
        return (
            f"{times(speedup)}, {kind}, but something held up the {which}: its passes took "
            f"{stretch:.1f} times their medians in all. Close what keeps the machine busy, or use "
            "fewer threads, and run again."
        )
    if not figures.drafted:
        return f"{times(speedup)}, {timed}: nothing was proposed, so this is plain decoding."
    why, other = _why(figures, costs), _other_drafter(figures, costs, forecast)
    if speedup >= EVEN[1]:
        head = f"{times(speedup)} faster, {kind}."
    elif speedup >= EVEN[0]:
        head = f"{times(speedup)}, {kind}: as fast as plain decoding."
    elif why and other:  # one line must hold all three
        head, why = f"{times(speedup)}, {kind}:", why[0].lower() + why[1:]
    else:
        head = f"{times(speedup)}, {kind}: slower than plain decoding."
    return " ".join(filter(None, (head, why, other or _other_gamma(figures, costs))))


def _why(figures: Figures, costs: Costs) -> str:
    """The costs of a round in single passes; when it is slow, the greatest obstacle alone."""
    width, c = costs.main_width, costs.cost_ratio
    wide = costs.verify_ratio(width) if width else None
    ceiling = verify_aware_ceiling(figures, costs)
    tau = figures.tokens_per_pass
    if width is None or wide is None or c is None or ceiling is None or tau is None:
        return ""
    verifying = f"Verifying {width} tokens costs {wide:.2f} single passes here"
    speedup = figures.speedup or 0.0
    # In a run of a few rounds the medians may put the ceiling below what was measured.
    if speedup >= EVEN[1] or ceiling <= speedup:
        return f"{verifying}; the draft costs {c:.2f} a token."
    drafting = (width - 1) * c
    if tau - 1 < 0.5 and tau - 1 < max(wide - 1, drafting):
        return f"Only {tau:.2f} tokens come out of a pass: the target seldom agrees with the draft."
    if wide - 1 >= drafting:
        return f"{verifying}, so even a free draft tops out at {times(ceiling)}."
    return (
        f"The draft costs {c:.2f} single passes a token, {drafting:.1f} a round; "
        f"a free one would reach {times(ceiling)} at most."
    )


def _other_drafter(figures: Figures, costs: Costs, forecast: Forecast | None) -> str:
    """Another drafter, where it promises more than what was measured and than any γ of this one."""
    if forecast is None or forecast.speedup < PAYS * max(figures.speedup or 0.0, EVEN[1]):
        return ""
    alpha = figures.acceptance_rate
    best = best_gamma(alpha, costs) if alpha is not None and not costs.trees else None
    if best is not None and best.speedup > forecast.speedup and _other_gamma(figures, costs):
        return ""
    return (
        f"{DRAFTERS.get(forecast.drafter, forecast.drafter)} with γ = {forecast.gamma} would give "
        f"about {_about(forecast.speedup)} on this prompt (modelled)."
    )


def _about(ratio: float) -> str:
    return f"{ratio:.1f}×" if ratio < 9.95 else f"{ratio:.0f}×"


def _other_gamma(figures: Figures, costs: Costs) -> str:
    """Another γ, where the model says that it pays: by 5 % against its own figure for this run."""
    alpha = figures.acceptance_rate
    if alpha is None or figures.accepted + figures.rejected < FEW_JUDGED:
        return ""
    now, best = modelled_speedup(alpha, costs), best_gamma(alpha, costs)
    # A tree's γ is its depth, so advice about chains does not carry over.
    if costs.trees or now is None or best is None or best.gamma == costs.gamma:
        return ""
    if best.speedup < PAYS * now:
        return ""
    if best.gamma == 0:
        if (figures.speedup or 0.0) >= EVEN[1]:
            return ""
        return f"The cost model finds no γ up to {costs.verify[-1][0] - 1} that pays."
    return f"The cost model puts γ = {best.gamma} at {times(best.speedup)}."
