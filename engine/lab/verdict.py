"""What a check found, in words."""

from __future__ import annotations

from engine.divergence import Divergence
from engine.lab.statistics import FALSE_ALARM, Comparison

AGAINST = "Different: "
"""How a finding begins that speaks against losslessness."""
EXACT = 1e-12
"""Total variation below which two exact laws are equal: what float64 leaves of it is far less."""


def of_exact(tv: float) -> str:
    if tv < EXACT:
        near = f"to {tv:.0e}" if tv else "to the last bit"
        return f"Exact: the law of what is emitted equals the target's {near}."
    return f"{AGAINST}the exact law of what is emitted is {tv:.2g} away from the target's."


def of_samples(found: Comparison, samples: int) -> str:
    if found.p_value < FALSE_ALARM:
        return (
            f"{AGAINST}{samples:,} samples with speculation and {samples:,} without do not come "
            f"from one law (p = {found.p_value:.0e})."
        )
    if found.detectable >= 1.0:
        return (
            f"No difference found in {samples:,} samples (p = {found.p_value:.2g}), but these are "
            "too few to show one: take more."
        )
    return (
        f"No difference found in {samples:,} samples (p = {found.p_value:.2g}); a bias above about "
        f"{found.detectable:.2f} would have shown."
    )


def of_noise(found: Comparison) -> str:
    return (
        f"The two samples are {found.tv:.3f} apart in total variation; two samples of one law "
        f"would be {found.tv_noise:.3f} apart on average. "
        f"χ² = {found.chi2:.1f} with {found.degrees_of_freedom} degrees of freedom."
    )


def of_greedy(parted: Divergence | None, tokens: int, words: tuple[str, str]) -> str:
    """words: the token without speculation and the one with it, where the texts part."""
    if parted is None:
        return f"Equal: the same {tokens:,} tokens with speculation and without."
    where = f"from token {parted.index} on the text reads {words[1]!r} instead of {words[0]!r}"
    if parted.tie:
        return f"Equal up to a numerical tie: {where}."
    return f"{AGAINST}{where}, and it is no numerical tie."


def of_kernels(parted: Divergence, width: int) -> str:
    return (
        f"The target's two tokens are {parted.margin:.3g} apart there (top-2 margin of the logits),"
        f" and logits change by up to {parted.kernel_difference:.3g} between passes of 1 and "
        f"{width} tokens."
    )


def of_claim(rule: str, lossless: bool, declared: bool) -> str:
    """How the finding goes with what the rule says of itself; "" where that needs no words."""
    if lossless == declared:
        return "" if declared else f"The rule {rule!r} says so: it is lossy."
    if declared:
        return f"The rule {rule!r} claims to be lossless: this is a fault."
    return f"The rule {rule!r} is lossy all the same: it does not show here."
