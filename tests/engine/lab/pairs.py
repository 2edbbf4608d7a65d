"""Toy pairs, n-gram tables and contexts, and the exact law of a round on them."""

from __future__ import annotations

from functools import cache

import numpy as np

from engine.backends.toy import lab_pair
from engine.config import Config
from engine.drafting.ngram_table import NgramTable
from engine.drafting.registry import make_drafter
from engine.lab.exact import RoundLaw, TargetRows, round_law
from engine.lab.proposals import all_proposals
from engine.rules import RULES
from tests.engine.toys import flat_costs

REPEATS = (1, 2, 0, 1, 2, 0, 1)
"""Three words match, two of them after another place as well."""
CONTEXTS = (REPEATS, (0, 1, 2, 2, 1), (2, 0), (1,))
"""For drafters that look words up: a long match, a short one, a miss, nothing to look at."""


@cache
def table(size: int) -> NgramTable:
    text = np.random.default_rng(0).integers(0, size, 200)
    return NgramTable.build(text, 3, vocabulary_size=size)


def drafter_of(config: Config, size: int):
    return make_drafter(config, lab_pair(size)[1], size, table(size), flat_costs())


@cache
def proposals(config: Config, size: int, context: tuple[int, ...] = REPEATS):
    """Every proposal; the rule plays no part in it, so `config` may leave it out."""
    drafter = drafter_of(config, size)
    list(drafter.begin(context))
    return all_proposals(drafter, config, context, config.gamma)


@cache
def target_rows(config: Config, size: int, context: tuple[int, ...] = REPEATS) -> TargetRows:
    return TargetRows(lab_pair(size)[0], config, context)


def law(rule: str, config: Config, size: int, context: tuple[int, ...] = REPEATS) -> RoundLaw:
    rows = target_rows(config, size, context)
    return round_law(
        RULES[rule].verify(config),
        proposals(config, size, context),
        rows.p,
        config.gamma + 1,
        rows.logits if config.greedy else None,
    )
