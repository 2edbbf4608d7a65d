"""Wrong variants that the enumeration must catch: each biases the output, or a figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.backends.toy import lab_pair
from engine.config import Config
from engine.drafting.base import Proposal
from engine.drafting.model import ModelDrafter
from engine.drafting.registry import make_drafter
from engine.drafting.siblings import top_children
from engine.events import Judged
from engine.lab.exact import TargetRows, round_law
from engine.lab.proposals import Weighed, all_chains, all_proposals
from engine.metrics import figures
from engine.sampling import draw
from engine.trace import Trace
from engine.verify import Verdict, block, rejection
from tests.engine.laws import law_of_chains, tables
from tests.engine.toys import demo_pair, run_events

CAUGHT = 0.01
CONTEXT = (1, 2, 0, 1)


# Rules


def residual_by_position(p, q, ids, u, parents=None):
    """The residual subtracts q's sorted list from p's sorted list."""
    verdict = rejection(p, q, ids, u, parents)
    if verdict.residual is None:
        return verdict
    i = verdict.n_accepted
    order_p, order_q = np.argsort(-p[i]), np.argsort(-q[i])
    weights = np.zeros_like(p[i])
    weights[order_p] = np.maximum(p[i][order_p] - q[i][order_q], 0)
    weights = weights if weights.any() else p[i]
    return replace(verdict, added_id=draw(weights, u[-1]), residual=weights)


def resample_from_p(p, q, ids, u, parents=None):
    """After a rejection the token is drawn from p instead of the residual."""
    verdict = rejection(p, q, ids, u, parents)
    if verdict.residual is None:
        return verdict
    row = p[verdict.n_accepted]
    return replace(verdict, added_id=draw(row, u[-1]), residual=row)


def block_with_token_thresholds(p, q, ids, u, parents=None):
    """Block verification that takes p_i for every h_i: a prefix is kept too often."""
    weight, kept, kept_weight = 1.0, 0, 1.0
    judged = []
    for i, token in enumerate(ids):
        before = weight
        weight = min(1.0, weight * p[i][token] / q[i][token])
        judged.append(Judged(p[i][token], q[i][token], u[i], weight, 0.0, before))
        if u[i] < weight:
            kept, kept_weight = i + 1, weight
    n = len(ids)
    if kept == n:
        return Verdict(n, tuple(judged), draw(p[n], u[n]), "bonus", u[n])
    residual = np.maximum(kept_weight * p[kept] - q[kept], 0)
    residual = residual if residual.any() else p[kept]
    return Verdict(
        kept,
        tuple(judged[: kept + 1]),
        draw(residual, u[n]),
        "resampled",
        u[n],
        residual,
        weighed=tuple(judged[kept + 1 :]),
    )


@pytest.mark.parametrize(
    "trap", [residual_by_position, resample_from_p, block_with_token_thresholds]
)
def test_wrong_rules(trap):
    p_of, q_of = tables(2, 4)
    assert law_of_chains(trap, p_of, q_of, 2, 4).tv > CAUGHT


# A q that was not sampled from


def truncated(q_row, k=2):
    """What a draft samples from when it keeps its top-k."""
    row = np.where(q_row >= np.sort(q_row)[-k], q_row, 0)
    return row / row.sum()


def argmax(q_row):
    """What a draft samples from when it takes its best token."""
    return np.eye(q_row.size)[q_row.argmax()]


def half(q_row):
    """What a draft samples from when its probabilities have three digits (bfloat16)."""
    bits = np.asarray(q_row, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    row = bits.view(np.float32).astype(np.float64)
    return row / row.sum()


@pytest.mark.parametrize("rule", [rejection, block])
@pytest.mark.parametrize("sampled_from", [truncated, argmax])
def test_a_raw_q_for_a_draft_that_samples_from_another(rule, sampled_from):
    p_of, q_of = tables(2, 4)
    chains = all_chains(lambda prefix: sampled_from(q_of(prefix)), 2, 4)
    told = [
        replace(chain, q=tuple(q_of(chain.ids[:i]) for i in range(2))) for chain in chains
    ]  # fmt: skip
    assert round_law(rule, chains, p_of, 3).tv < 1e-12
    assert round_law(rule, told, p_of, 3).tv > CAUGHT


def test_low_precision_sampling_is_small_but_seen():
    """Sampling in bfloat16, verifying in float32: below what samples show, not below this check."""
    p_of, q_of = tables(2, 4)
    chains = all_chains(lambda prefix: half(q_of(prefix)), 2, 4)
    told = [replace(chain, q=tuple(q_of(chain.ids[:i]) for i in range(2))) for chain in chains]
    assert 1e-5 < round_law(rejection, told, p_of, 3).tv < CAUGHT


# Drafters


def law_of(drafter, config, target):
    for _ in drafter.begin(CONTEXT):
        pass
    proposals = all_proposals(drafter, config, CONTEXT, config.gamma)
    rows = TargetRows(target, config, CONTEXT)
    return round_law(rejection, proposals, rows.p, config.gamma + 1)


class DropsUnlikelyTokens(ModelDrafter):
    """A confidence stop applied after sampling."""

    def propose(self, context, gamma, u, length):
        proposal = super().propose(context, gamma, u, length)
        keep = 0
        while keep < len(proposal.ids) and proposal.q[keep][proposal.ids[keep]] > 0.3:
            keep += 1
        return Proposal(proposal.ids[:keep], proposal.q, proposal.draft_ns[:keep], proposal.tops)


class HandsOverAnotherTemperature(ModelDrafter):
    """Samples at one temperature, hands over the row of another."""

    def propose(self, context, gamma, u, length):
        proposal = super().propose(context, gamma, u, length)
        rows = np.array([proposal.q[i] for i in range(len(proposal.ids))]) ** 0.5
        proposal.q = rows / rows.sum(axis=1, keepdims=True)
        return proposal


class TakesTheBestChildren(ModelDrafter):
    """A tree of the draft's most probable tokens, handed over as if they had been sampled."""

    def propose(self, context, gamma, u, length):
        proposal = super().propose(context, gamma, u, length)
        row = np.array(proposal.q[0])
        rows, left = [], row.copy()
        ids = top_children(row, 2)
        for token in ids:
            rows.append(left / left.sum())
            left[token] = 0
        return Proposal(ids, rows, [0, 0], proposal.tops, parents=[-1, -1])


class SiblingsWithReplacement(ModelDrafter):
    """Both siblings drawn from the whole q, the second handed over as if the first was left out."""

    def propose(self, context, gamma, u, length):
        proposal = super().propose(context, gamma, u, length)
        row = np.array(proposal.q[0])
        ids = [draw(row, float(u[0])), draw(row, float(u[1]))]
        rest = row.copy()
        rest[ids[0]] = 0
        rows = [row, rest / rest.sum() if ids[0] != ids[1] else row]
        return Proposal(ids, rows, [0, 0], proposal.tops, parents=[-1, -1])


@pytest.mark.parametrize(
    ("trap", "settings"),
    [
        (DropsUnlikelyTokens, {"gamma": 2}),
        (HandsOverAnotherTemperature, {"gamma": 2}),
        (TakesTheBestChildren, {"gamma": 1, "branches": (2,)}),
        (SiblingsWithReplacement, {"gamma": 1, "branches": (2,)}),
    ],
)
def test_wrong_drafters(trap, settings):
    config = Config(temperature=1.0, **settings)
    target, draft = lab_pair(4, 3, 1.5)
    assert law_of(make_drafter(config, draft, 4), config, target).tv < 1e-12
    assert law_of(trap(draft, config, 4), config, target).tv > CAUGHT


def test_siblings_verified_with_the_row_of_the_first():
    """Drawn without replacement, verified as if with: the second sibling's q is too small."""
    config = Config(gamma=1, branches=(2,), temperature=1.0)
    target, draft = lab_pair(4, 3, 1.5)
    drafter = make_drafter(config, draft, 4)
    for _ in drafter.begin(CONTEXT):
        pass
    right = all_proposals(drafter, config, CONTEXT, 1)
    wrong = [Weighed(p.ids, (p.q[0], p.q[0]), p.parents, p.chance) for p in right]
    rows = TargetRows(target, config, CONTEXT)
    assert round_law(rejection, right, rows.p, 2).tv < 1e-12
    assert round_law(rejection, wrong, rows.p, 2).tv > CAUGHT


# Figures


def test_alpha_with_discarded_tokens_in_it_is_another_number():
    """α is accepted ÷ (accepted + rejected). With the discarded tokens in it, it shrinks with γ
    though the draft is the same."""
    target, draft = demo_pair()
    wrong, right = [], []
    for gamma in (1, 5, 9):
        config = Config(gamma=gamma, temperature=1.2, rule="sample-match", max_tokens=1500)
        tally = Trace(run_events(config, target, draft)).run.tally
        wrong.append(tally.accepted / tally.drafted)
        right.append(tally.accepted / (tally.accepted + tally.rejected))
    assert max(right) - min(right) < 0.05
    assert wrong[0] > 2 * wrong[1] > 2.5 * wrong[2]


def test_tokens_per_pass_count_the_rounds_without_a_proposal():
    target, _ = demo_pair()
    prompt = target.encode("the cat sat on the mat and the cat sat")
    config = Config(drafter="ngram", ngram_min=2, temperature=0.7, max_tokens=200)
    run = Trace(run_events(config, target, None, prompt)).run
    proposing = [r for r in run.rounds if r.drafted]
    assert 0 < len(proposing) < len(run.rounds)
    flattering = sum(r.n_emitted for r in proposing) / len(proposing)
    assert figures(run).tokens_per_pass == 200 / len(run.rounds)
    assert flattering > figures(run).tokens_per_pass
