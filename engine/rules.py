"""The verification rules by name: what each is, what it needs, and which paper says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engine import verify
from engine.config import Config
from engine.errors import ConfigError
from engine.verify import VerifyFn


@dataclass(frozen=True, slots=True)
class Rule:
    """A verification rule as the pickers show it.

    lossless: the output follows the target's own law whatever the draft. formula: when a drafted
    token is accepted. judge: the rule with the parameters of a configuration, at T > 0.
    at_zero: the same at T = 0, where rows are logits; None: as `greedy`, its limit, which is
    lossless. needs_q: it cannot judge one-hot proposals. trees: it can judge siblings.
    needs_temperature_zero: it judges by argmax only.
    """

    name: str
    title: str
    lossless: bool
    explanation: str
    formula: str
    source: str
    judge: Callable[[Config], VerifyFn]
    at_zero: Callable[[Config], VerifyFn] | None = None
    needs_q: bool = False
    trees: bool = True
    needs_temperature_zero: bool = False

    def verify(self, config: Config) -> VerifyFn:
        """The function that judges the rounds of a run."""
        if not config.greedy:
            return self.judge(config)
        return verify.greedy if self.at_zero is None else self.at_zero(config)

    def lossless_in(self, config: Config) -> bool:
        """Whether a run with this configuration is lossless."""
        if self.lossless:
            return True
        if self.name == "lenient" and config.lenience == 1.0:
            return True
        return config.greedy and self.at_zero is None


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            name="rejection",
            title="Rejection sampling",
            lossless=True,
            explanation=(
                "Each drafted token is kept with probability min(1, p/q). At the first rejection "
                "the target's residual, max(0, p - q), supplies the token instead. The output "
                "follows the target's distribution exactly, whatever the draft proposes. In a "
                "tree, siblings are judged one after the other, each by what the last rejection "
                "left."
            ),
            formula="u < min(1, p / q)",
            source="arXiv 2211.17192, 2302.01318; trees: 2305.09781, 2402.14160",
            judge=lambda config: verify.rejection,
        ),
        Rule(
            name="block",
            title="Block verification",
            lossless=True,
            explanation=(
                "Judges the proposal as one block: a token that would fail alone can be carried by "
                "those behind it, so on average at least as many tokens pass as with rejection "
                "sampling. Exact as well. Needs the draft's probabilities, and a chain."
            ),
            formula="longest i with u_i < h_i = Z_i / (Z_i + 1 - p_i)",
            source="arXiv 2403.10444",
            judge=lambda config: verify.block,
            needs_q=True,
            trees=False,
        ),
        Rule(
            name="greedy",
            title="Greedy match",
            lossless=True,
            explanation=(
                "A drafted token is kept if it is the one that the target itself would choose. "
                "The output is the target's greedy text. Needs temperature 0."
            ),
            formula="x = argmax p",
            source="arXiv 1811.03115",
            judge=lambda config: verify.greedy,
            needs_temperature_zero=True,
        ),
        Rule(
            name="sample-match",
            title="Sample and compare",
            lossless=True,
            explanation=(
                "The target draws its own token at each place; a drafted token is kept if it is "
                "the same. Exact, and simple enough for servers, but a sampled draft is accepted "
                "less often than by rejection sampling: Σ p·q instead of Σ min(p, q)."
            ),
            formula="u < p",
            source="arXiv 2305.09781, section 4.3 (naive sampling)",
            judge=lambda config: verify.sample_match,
        ),
        Rule(
            name="typical",
            title="Typical acceptance",
            lossless=False,
            explanation=(
                "A drafted token is kept if the target finds it likely enough: p above min(ε, "
                "δ·exp(-H)), where H is the entropy of p. Accepts more, but the output no longer "
                "follows the target's distribution. At temperature 0 it is greedy match."
            ),
            formula="p > min(ε, δ·exp(-H(p)))",
            source="arXiv 2401.10774",
            judge=lambda config: partial(
                verify.typical, epsilon=config.epsilon, delta=config.delta
            ),
        ),
        Rule(
            name="lenient",
            title="Lenient rejection",
            lossless=False,
            explanation=(
                "Rejection sampling with a bias: the draft's probability counts only l times, so "
                "tokens that the target likes less than the draft still pass. l = 1 is exact; the "
                "smaller l, the more of the draft shows in the output. At temperature 0 it keeps "
                "tokens whose probability is at least l times the best one's."
            ),
            formula="u < min(1, p / (l·q))",
            source="arXiv 2211.17192, appendix A.5",
            judge=lambda config: partial(verify.lenient, lenience=config.lenience),
            at_zero=lambda config: partial(verify.lenient_greedy, lenience=config.lenience),
        ),
    )
}


def rule_named(name: str, temperature: float) -> Rule:
    """The rule of that name. Raises ConfigError if it is unknown or needs another temperature."""
    if name not in RULES:
        raise ConfigError(f"There is no rule {name!r}.", f"Known rules: {', '.join(RULES)}.")
    rule = RULES[name]
    if rule.needs_temperature_zero and temperature != 0:
        raise ConfigError(
            f"The rule {name!r} judges by argmax and needs temperature 0, not {temperature:g}.",
            "Set the temperature to 0, or choose the rule 'rejection'.",
        )
    return rule
