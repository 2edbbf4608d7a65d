"""Which rule, drafter, length policy and tree go together: checked before anything is loaded.

Each refusal gives the reason and the nearest setting that works.
"""

from __future__ import annotations

from engine.config import Config
from engine.drafting.length import length_kind
from engine.drafting.registry import drafter_kind
from engine.errors import ConfigError
from engine.rules import rule_named
from engine.tree import depth_within, size_of, width_at

TREE_MAX = 63
"""Tokens in a tree: with the last token before it they fill one pass with logits on every row."""


def check(config: Config) -> None:
    """Raise ConfigError for a combination that cannot run, or would not be what it says."""
    rule = rule_named(config.rule, config.temperature)
    kind = drafter_kind(config.drafter)
    policy = length_kind(config.length_policy)
    if config.gamma == 0:
        return
    if config.gamma > kind.gamma_max:
        raise ConfigError(
            f"γ = {config.gamma} is more than the drafter {kind.name!r} proposes.",
            f"Choose γ = {kind.gamma_max} at most.",
        )
    if rule.needs_q and not kind.has_q and not config.greedy:
        raise ConfigError(
            f"The rule {rule.name!r} needs the draft's probabilities, and the drafter "
            f"{kind.name!r} has none.",
            "Choose the rule 'rejection', or the drafter 'model' or 'ngram-table'.",
        )
    if policy.needs_q and not kind.has_q:
        raise ConfigError(
            f"The length policy {policy.name!r} reads the draft's probabilities, and the drafter "
            f"{kind.name!r} has none.",
            "Choose the length policy 'throughput' or 'fixed', or the drafter 'model'.",
        )
    if kind.chooses_gamma and config.length_policy != "fixed":
        raise ConfigError(
            f"The drafter {kind.name!r} decides the length of its proposals by itself.",
            "Choose the length policy 'fixed'.",
        )
    if is_tree(config):
        _check_tree(config)


def is_tree(config: Config) -> bool:
    """Whether proposals have siblings."""
    return config.gamma > 0 and any(b > 1 for b in config.branches[: config.gamma])


def _check_tree(config: Config) -> None:
    rule = rule_named(config.rule, config.temperature)
    kind = drafter_kind(config.drafter)
    if not kind.trees:
        raise ConfigError(
            f"The drafter {kind.name!r} proposes no trees.",
            "Choose the drafter 'model' or 'ngram-table', or no branches.",
        )
    if not rule.trees and not config.greedy:
        raise ConfigError(
            f"The rule {rule.name!r} judges chains only.",
            "Choose the rule 'rejection', or no branches.",
        )
    if config.length_policy != "fixed":
        raise ConfigError(
            f"The length policy {config.length_policy!r} works on chains only.",
            "Choose the length policy 'fixed', or no branches.",
        )
    size = size_of(config.branches, config.gamma)
    if size > TREE_MAX:
        depth = depth_within(config.branches, config.gamma, TREE_MAX)
        raise ConfigError(
            f"The tree has {size} tokens, more than the {TREE_MAX} of one pass.",
            f"Choose γ = {depth}, or fewer branches.",
        )


def check_leaves(config: Config, most: int, model: str) -> None:
    """Raise ConfigError if the tree has more leaves than the backend has sequences for.

    model: as the message names it.
    """
    if not is_tree(config):
        return
    leaves = width_at(config.branches, config.gamma)
    if leaves <= most:
        return
    if most <= 1:
        raise ConfigError(
            f"{model} cannot hold the branches of a tree in its memory.", "Choose no branches."
        )
    # A depth that keeps siblings; without one, fewer of them at the first.
    fits = next((d for d in range(config.gamma, 0, -1) if width_at(config.branches, d) <= most), 0)
    nearest = f"γ = {fits}, or fewer branches" if fits else f"{most} branches at most"
    raise ConfigError(
        f"The tree has {leaves} leaves; {model} holds {most} at most.", f"Choose {nearest}."
    )
