"""What the losslessness lab says: pure functions from a check to words and figures."""

from __future__ import annotations

from typing import NamedTuple

from app.panels.badge import BadgeMood
from engine.config import Config
from engine.drafting.length import LENGTH_POLICIES
from engine.drafting.registry import DRAFTERS
from engine.lab.result import CheckResult, Stage
from engine.lab.verdict import EXACT
from engine.methods import is_tree
from engine.rules import RULES

EMPTY = (
    "A check decodes the first tokens after the prompt many times, with and without speculation, "
    "and tests whether both follow one distribution; on the toy pair the exact law is enumerated "
    "too. At temperature 0 it decodes the whole output once each way and looks for the first "
    "difference."
)
_STAGES: dict[Stage, str] = {
    "exact": "Enumerating the exact law",
    "plain": "Decoding without speculation",
    "speculative": "Decoding with speculation",
    "scoring": "Scoring the place where the texts part",
}


class Figure(NamedTuple):
    """A line of the result. kind: exact, or measured on a sample. tip: what it means."""

    name: str
    value: str
    kind: str
    tip: str = ""


def what(config: Config) -> str:
    """What is checked, in one line."""
    rule, kind = RULES[config.rule], DRAFTERS[config.drafter]
    parts = [rule.title, kind.title.partition(" (")[0], f"γ {config.gamma}"]
    if config.rule == "lenient":
        parts[0] += f", l {config.lenience:g}"
    elif config.rule == "typical":
        parts[0] += f", ε {config.epsilon:g}, δ {config.delta:g}"
    if is_tree(config):
        parts.append(f"branches {'·'.join(map(str, config.branches))}")
    if config.length_policy != "fixed":
        parts.append(f"length by {LENGTH_POLICIES[config.length_policy].title.lower()}")
    parts.append("greedy" if config.greedy else f"T {config.temperature:.2f}")
    if config.top_k and not config.greedy:
        parts.append(f"top-k {config.top_k}")
    if config.top_p < 1 and not config.greedy:
        parts.append(f"top-p {config.top_p:g}")
    return " · ".join(parts)


def plan(config: Config, samples: int, tokens: int) -> str:
    """What a check of that would do. samples 0: the engine's choice."""
    if config.greedy:
        return f"Decodes {config.max_tokens:,} tokens once each way and compares them one by one"
    first = "first token" if tokens == 1 else f"first {tokens} tokens"
    runs = f"{samples:,} runs" if samples else "many runs"
    return f"Compares the {first} of {runs} with speculation and as many without"


def progress(stage: Stage, done: int, total: int) -> str:
    """What a running check is doing."""
    return f"{_STAGES[stage]}: {done:,} of {total:,}" if total else f"{_STAGES[stage]}…"


def badge(result: CheckResult) -> tuple[str, BadgeMood]:
    """The verdict in a word or two: green for what held, amber for what is declared lossy."""
    if result.lossless:
        return ("lossless", "good") if result.declared else ("no bias found", "warn")
    return ("failed", "bad") if result.declared else ("not lossless, as declared", "warn")


def figures(result: CheckResult) -> list[Figure]:
    """The figures that the check came to, the strongest first."""
    found: list[Figure] = []
    if result.exact_tv is not None:
        found.append(
            Figure(
                "Total variation",
                _distance(result.exact_tv),
                "exact",
                "Half the summed distance between the law of what is emitted and the target's own",
            )
        )
    if result.chi2 is not None:
        degrees = result.degrees_of_freedom
        value = f"{result.chi2:.1f}" + (f", {degrees} degrees of freedom" if degrees else "")
        found.append(Figure("χ²", value, "sampled", "Distance between the two samples' counts"))
    if result.p_value is not None:
        found.append(
            Figure(
                "p-value",
                f"{result.p_value:.3g}" if result.p_value else "below 1e-300",
                "sampled",
                "How often two samples of one law would differ by this much or more",
            )
        )
    if result.tv is not None:
        noise = "" if result.tv_noise is None else f", noise alone {result.tv_noise:.4f}"
        found.append(
            Figure(
                "Total variation",
                f"{result.tv:.4f}{noise}",
                "sampled",
                "Between the two samples; beside it, what two samples of one law show on average",
            )
        )
    if result.detectable is not None:
        few = result.detectable >= 1
        found.append(
            Figure(
                "Would show",
                "nothing: too few samples" if few else f"a bias above {result.detectable:.3f}",
                "modelled",
                "The total variation that a test of this many samples finds",
            )
        )
    if result.expected_tokens is not None:
        value = f"{result.expected_tokens:.4f}"
        if result.expected_accepted is not None:
            value += f", of them {result.expected_accepted:.4f} drafted"
        found.append(Figure("Tokens per pass τ", value, "exact", "Expected in the first round"))
    return [*found, *_parting(result)]


def _parting(result: CheckResult) -> list[Figure]:
    """Of greedy texts that part."""
    parted = result.divergence
    if parted is None:
        return []
    cause = "a numerical tie" if parted.tie else "not a numerical tie"
    return [
        Figure("First difference", f"token {parted.index:,}", "measured", "Counted from 0"),
        Figure(
            "Top-2 margin",
            f"{parted.margin:.3g}, {cause}",
            "measured",
            "By how much the plain token's logit leads the other's",
        ),
        Figure(
            "Logits change by",
            f"{parted.kernel_difference:.3g} at most",
            "measured",
            "Between a pass of one token and a pass as wide as a round's",
        ),
    ]


def _distance(tv: float) -> str:
    if tv == 0:
        return "0"
    return f"{tv:.1e}, rounding" if tv < EXACT else f"{tv:.4g}"


def sampled_words(result: CheckResult) -> str:
    """How much was compared."""
    if not result.samples:
        return f"{result.target}, one run each way" if result.temperature == 0 else result.target
    tokens = "first token" if result.tokens == 1 else f"first {result.tokens} tokens"
    return f"{result.target}, {result.samples:,} samples each way of the {tokens}"
