"""The rules and the sampling on torch against those on numpy, and against the law of p."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest

from engine import sampling, verify
from engine.events import Judged
from engine.rules import RULES as ALL_RULES
from engine.verify import Verdict
from tests.engine.laws import law_of_chains, tables

torch = pytest.importorskip("torch")
dispatch = pytest.importorskip("torch.utils._python_dispatch")

# ruff: noqa: E402
from engine.backends.hf import device_sampling
from engine.backends.hf.device_rules import RULES, Outcome
from engine.backends.hf.device_sampling import Sampler

NUMPY_RULES = {
    "rejection": verify.rejection,
    "block": verify.block,
    "greedy": verify.greedy,
    "sample-match": verify.sample_match,
}
COINS = [name for name in RULES if name != "greedy"]


@dataclass(frozen=True)
class Round:
    """One proposal. p [n+1, V], q [n, V] or None, ids [n], u [n+1]."""

    p: np.ndarray
    q: np.ndarray | None
    ids: tuple[int, ...]
    u: np.ndarray


# Rows that rules meet


def row(rng, kind, size):
    logits = rng.normal(0, 2, size).astype(np.float32)
    match kind:
        case "plain":
            return sampling.softmax(logits)
        case "peaked":
            return sampling.softmax(logits * np.float32(8))
        case "flat":
            return np.full(size, 1 / size, np.float32)
        case "one-hot":
            return sampling.probabilities(logits, 0.0)
        case "top-k":
            return sampling.probabilities(logits, 0.8, top_k=3)
        case "top-p":
            return sampling.probabilities(logits, 1.2, top_k=40, top_p=0.7)
        case "zeros":
            weights = np.exp(logits) * (rng.random(size) < 0.5)
            weights[rng.integers(size)] += 1
            return (weights / weights.sum()).astype(np.float32)
    raise AssertionError(kind)


KINDS = ("plain", "peaked", "flat", "one-hot", "top-k", "top-p", "zeros")


def near(rng, p, kind, size):
    """A row of q: p itself, something like p, or anything."""
    match rng.integers(3):
        case 0:
            return p.copy()
        case 1:
            mixed = 0.7 * p + 0.3 * row(rng, kind, size)
            return (mixed / mixed.sum()).astype(np.float32)
    return row(rng, kind, size)


def rounds(seed, *, one_hot=False):
    """Endless random rounds, small vocabularies and large ones, from no proposal up to 8 tokens."""
    rng = np.random.default_rng(seed)
    while True:
        size, n = int(rng.choice([4, 30, 700])), int(rng.integers(0, 9))
        p = np.stack([row(rng, rng.choice(KINDS), size) for _ in range(n + 1)])
        q = [near(rng, p[i], rng.choice(KINDS), size) for i in range(n)]
        ids = tuple(sampling.draw(q[i], rng.random()) for i in range(n))
        drawn_from = None if one_hot or n == 0 else np.stack(q)
        yield Round(p, drawn_from, ids, rng.random(n + 1))


def judge(rule, a: Round, padding=0, garbage=float("nan")) -> Outcome:
    """What a rule on torch makes of a round, with so many places of garbage behind it."""
    n, size = len(a.ids), a.p.shape[1]

    def padded(rows):
        return torch.from_numpy(
            np.concatenate((rows, np.full((padding, *rows.shape[1:]), garbage, rows.dtype)))
        )

    q = a.q
    if n == 0 and padding:
        q = np.empty((0, size), a.p.dtype)
    ids = np.concatenate((np.array(a.ids, np.int64), np.full(padding, -(10**12))))
    return rule(
        padded(a.p),
        None if q is None else padded(q),
        torch.from_numpy(ids),
        torch.tensor(n),
        padded(a.u[:n]),
        torch.tensor(a.u[n], dtype=torch.float64),
    )


def verdict_of(outcome: Outcome, a: Round, name: str) -> Verdict:
    """An outcome as the numpy rules put it."""
    n, accepted = len(a.ids), int(outcome.accepted)
    coin = name in COINS
    numbers = [
        Judged(float(p), float(q), float(u) if coin else None, float(h), float(overlap), float(w))
        for p, q, u, h, overlap, w in zip(
            outcome.p[:n],
            outcome.q[:n],
            a.u[:n],
            outcome.accept_probability[:n],
            outcome.overlap[:n],
            outcome.weight[:n],
            strict=True,
        )
    ]
    resampled = bool(outcome.resampled)
    return Verdict(
        accepted,
        tuple(numbers[: accepted + 1]),
        int(outcome.added),
        "resampled" if resampled else "bonus",
        float(a.u[n]) if coin else None,
        outcome.residual.numpy() if resampled and coin else None,
        weighed=tuple(numbers[accepted + 1 :]) if name == "block" else (),
    )


def difference(mine: Verdict, numpys: Verdict) -> str:
    """Where two verdicts differ; empty where they do not."""

    def looks(v):
        return v.n_accepted, v.added_id, v.added_kind, v.added_u, len(v.judged), len(v.weighed)

    if looks(mine) != looks(numpys):
        return f"{looks(mine)} is not {looks(numpys)}"
    pairs = zip((*mine.judged, *mine.weighed), (*numpys.judged, *numpys.weighed), strict=True)
    for a, b in pairs:
        exact = [(x.p, x.q, x.accept_probability, x.weight) for x in (a, b)]
        if exact[0] != pytest.approx(exact[1], rel=1e-6, abs=1e-7) or a.u != b.u:
            return f"{a} is not {b}"
        if a.overlap != pytest.approx(b.overlap, abs=1e-5):
            return f"overlap {a.overlap} is not {b.overlap}"
    if (mine.residual is None) != (numpys.residual is None):
        return "only one has a residual"
    if mine.residual is not None and not np.allclose(mine.residual, numpys.residual, 1e-6, 1e-7):
        return "another residual"
    return ""


def differences(rule, name, some_rounds, padding=0):
    """Where a rule on torch and one on numpy differ over these rounds."""
    found = []
    for a in some_rounds:
        numpys = NUMPY_RULES[name](a.p, a.q, a.ids, a.u)
        found.append(difference(verdict_of(judge(rule, a, padding), a, name), numpys))
    return [x for x in found if x]


# Parity


def test_the_rules_are_those_of_chains_that_lose_nothing():
    assert list(RULES) == list(NUMPY_RULES)
    assert all(ALL_RULES[name].lossless for name in RULES)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("padding", [0, 3])
def test_every_rule_decides_as_on_numpy(name, padding):
    assert not differences(RULES[name], name, islice(rounds(1), 250), padding)


@pytest.mark.parametrize("name", ["rejection", "sample-match", "greedy"])
@pytest.mark.parametrize("padding", [0, 3])
def test_one_hot_proposals_are_decided_as_on_numpy(name, padding):
    assert not differences(RULES[name], name, islice(rounds(2, one_hot=True), 150), padding)


def test_the_rounds_go_every_way():
    """Accepted in whole, in part and not at all, so that parity means something."""
    seen = set()
    for a in islice(rounds(1), 250):
        verdict = verify.rejection(a.p, a.q, a.ids, a.u)
        seen.add((min(verdict.n_accepted, 2), verdict.added_kind))
    assert len(seen) == 6


@pytest.mark.parametrize("name", ["rejection", "block"])
def test_q_of_the_next_row_is_seen_to_differ(name):
    def shifted(p, q, ids, n, u, added_u):
        return RULES[name](p, None if q is None else q.roll(1, 0), ids, n, u, added_u)

    several = [a for a in islice(rounds(1), 200) if len(a.ids) > 1]
    assert len(differences(shifted, name, several)) > len(several) / 3


@pytest.mark.parametrize("name", RULES)
def test_unproposed_places_that_count_are_seen_to_differ(name):
    """The control of the padded rounds: a rule that takes all γ places for proposed."""

    def counts_all(p, q, ids, n, u, added_u):
        return RULES[name](p, q, ids.clamp(0, 3), torch.tensor(len(ids)), u * 0, added_u)

    full = [a for a in islice(rounds(3), 300) if len(a.ids) > 2]
    cut = [replace_tail(a) for a in full]
    wrong = sum(
        verdict_of(judge_in(counts_all, a, b), b, name).n_accepted
        != verdict_of(judge_in(RULES[name], a, b), b, name).n_accepted
        for a, b in zip(full, cut, strict=True)
    )
    assert wrong > len(full) / 10


def replace_tail(a: Round) -> Round:
    """The round without its last two tokens."""
    n = len(a.ids) - 2
    return Round(a.p[: n + 1], None if a.q is None else a.q[:n], a.ids[:n], a.u[: n + 1])


def judge_in(rule, wide: Round, a: Round) -> Outcome:
    """`a` judged in the places of a wider round, whose own rows are the padding."""
    n = len(a.ids)
    return rule(
        torch.from_numpy(wide.p),
        None if wide.q is None else torch.from_numpy(wide.q),
        torch.tensor(wide.ids),
        torch.tensor(n),
        torch.from_numpy(wide.u[:-1]),
        torch.tensor(a.u[n]),
    )


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 0.0, 1.0])
def test_padding_changes_nothing(name, garbage):
    for a in islice(rounds(4), 60):
        n = len(a.ids)
        bare, padded = judge(RULES[name], a), judge(RULES[name], a, 5, garbage)
        for field in ("accepted", "added", "resampled", "added_p", "residual"):
            assert torch.equal(getattr(bare, field), getattr(padded, field)), field
        for field in ("p", "q", "accept_probability", "overlap", "weight"):
            assert torch.equal(getattr(bare, field), getattr(padded, field)[:n]), field


@pytest.mark.parametrize("name", RULES)
def test_real_looking_padding_changes_nothing(name):
    for a in islice(rounds(5), 150):
        if len(a.ids) > 2:
            b = replace_tail(a)
            alone = verdict_of(judge(RULES[name], b), b, name)
            inside = verdict_of(judge_in(RULES[name], a, b), b, name)
            assert not difference(inside, alone)


@pytest.mark.parametrize("name", RULES)
def test_without_a_proposal_the_token_comes_from_p(name):
    p = np.array([[0.25, 0.0, 0.75]], np.float32)
    outcome = judge(RULES[name], Round(p, None, (), np.array([0.3])))
    assert (int(outcome.accepted), int(outcome.added), bool(outcome.resampled)) == (0, 2, False)
    assert outcome.p.shape == outcome.weight.shape == (0,)
    assert float(outcome.added_p) == (1.0 if name == "greedy" else 0.75)
    assert not outcome.residual.any()


@pytest.mark.parametrize("name", COINS)
def test_the_added_token_comes_with_its_probability(name):
    seen = set()
    for a in islice(rounds(6), 200):
        verdict = NUMPY_RULES[name](a.p, a.q, a.ids, a.u)
        outcome = judge(RULES[name], a, 2)
        weights = a.p[verdict.n_accepted] if verdict.residual is None else verdict.residual
        total = 1.0 if verdict.residual is None else float(verdict.residual.sum())
        chance = float(weights[verdict.added_id]) / total
        assert float(outcome.added_p) == pytest.approx(chance, rel=1e-5)
        seen.add(verdict.added_kind)
    assert seen == {"resampled", "bonus"}


def test_edges_of_the_coin():
    half = np.array([[0.5, 0.5], [0.25, 0.75]], np.float32)
    for name in ("rejection", "block"):
        same = judge(RULES[name], Round(half, half[:1], (1,), np.array([1 - 2**-53, 0.1])))
        assert (int(same.accepted), bool(same.resampled)) == (1, False)
        never = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
        gone = judge(RULES[name], Round(never, half[:1], (0,), np.zeros(2)))
        assert (int(gone.accepted), int(gone.added), bool(gone.resampled)) == (0, 1, True)


def test_rounding_that_leaves_no_residual_falls_back_to_p():
    p = np.array([[0.5, 0.5 - 1e-7], [1.0, 0.0]], np.float32)
    q = np.array([[0.5 + 1e-7, 0.5 - 1e-7]], np.float32)
    a = Round(p, q, (0,), np.array([1 - 2**-53, 0.9]))
    outcome = judge(RULES["rejection"], a)
    assert (int(outcome.accepted), int(outcome.added)) == (0, 1)
    assert not differences(RULES["rejection"], "rejection", [a])


def test_block_survives_long_runs_of_extreme_ratios():
    """p/q multiplied over γ places leaves the range of float64; p_i does not."""
    p = np.tile(np.array([1e-30, 1.0], np.float32), (17, 1))
    q = np.tile(np.array([1.0, 1e-30], np.float32), (16, 1))
    for ids in ((1,) * 16, (0,) * 16, (1,) * 11 + (0,) * 5, (0, 1) * 8):
        u = np.full(17, 0.5)
        assert not differences(RULES["block"], "block", [Round(p, q, ids, u)])


# Losslessness


def as_numpy_rule(rule, name, padding=0):
    """A rule on torch with the signature of those on numpy; it reports as the one of that name."""

    def verdict(p, q, ids, u, parents=None):
        a = Round(np.stack(p), None if q is None else np.stack(q), tuple(ids), u)
        return verdict_of(judge(rule, a, padding), a, name)

    return verdict


@pytest.mark.parametrize("name", COINS)
@pytest.mark.parametrize(("size", "seed"), [(4, 1), (5, 2)])
def test_the_law_of_what_a_round_emits_is_p(name, size, seed):
    """Enumerated in float64 over every chain of two tokens and every cell of the draws."""
    p_of, q_of = tables(seed, size)
    law = law_of_chains(as_numpy_rule(RULES[name], name, padding=1), p_of, q_of, 2, size)
    assert law.tv < 1e-12
    same = law_of_chains(NUMPY_RULES[name], p_of, q_of, 2, size)
    assert law.accepted == pytest.approx(same.accepted, abs=1e-12)


def test_the_law_of_one_hot_proposals_is_p():
    p_of, _ = tables(3, 4)
    choice = np.eye(4)
    law = law_of_chains(
        as_numpy_rule(RULES["rejection"], "rejection"),
        p_of,
        lambda prefix: choice[len(prefix) + 1],
        2,
        4,
        one_hot=True,
    )
    assert law.tv < 1e-12


@pytest.mark.parametrize("name", ["rejection", "block"])
def test_another_q_than_drawn_from_is_seen_in_the_law(name):
    def shifted(p, q, ids, n, u, added_u):
        return RULES[name](p, q.roll(1, 0), ids, n, u, added_u)

    p_of, q_of = tables(2, 4)
    assert law_of_chains(as_numpy_rule(shifted, name), p_of, q_of, 2, 4).tv > 0.01


# Sampling


def logits_of(seed, size, ties):
    logits = np.random.default_rng(seed).normal(0, 3, (3, size)).astype(np.float32)
    return np.round(logits * 2) / 2 if ties else logits


@pytest.mark.parametrize("size", [5, 300, 5000])
@pytest.mark.parametrize("top_k", [0, 1, 3, 40, 4999])
@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.3, 0.0])
@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("ties", [False, True])
def test_probabilities_are_those_of_numpy(size, top_k, top_p, temperature, ties):
    logits = logits_of(size + top_k, size, ties)
    mine = device_sampling.probabilities(
        torch.from_numpy(logits), Sampler(temperature, top_k, top_p)
    ).numpy()
    for a, b in zip(mine, logits, strict=True):
        # An edge of top-p within the rounding of exp and sums may fall on either side of a token.
        fewer, expected, more = (
            sampling.probabilities(b, temperature, top_k, p) for p in _around(top_p)
        )
        assert set(np.flatnonzero(fewer)) <= set(np.flatnonzero(a)) <= set(np.flatnonzero(more))
        if np.array_equal(fewer > 0, more > 0):
            np.testing.assert_allclose(a, expected, rtol=2e-5)


def _around(top_p):
    if top_p == 1.0:
        return (1.0,) * 3
    return max(top_p - 2e-6, 0.0), top_p, top_p + 2e-6


def test_filters_of_equals_keep_the_lower_ids():
    flat = torch.zeros(1, 1000)
    for sampler in (Sampler(1.0, top_k=3), Sampler(1.0, top_p=0.0025), Sampler(1.0, 5, 0.5)):
        p = device_sampling.probabilities(flat, sampler)
        assert p[0].nonzero().flatten().tolist() == [0, 1, 2]
    assert device_sampling.probabilities(flat, Sampler(0.0))[0].argmax() == 0


def test_top_p_stops_at_the_token_that_reaches_it():
    p = device_sampling.probabilities(torch.zeros(1, 4), Sampler(1.0, top_p=0.5))
    assert p.tolist() == [sampling.probabilities(np.zeros(4), 1.0, top_p=0.5).tolist()]
    assert p.tolist() == [[0.5, 0.5, 0.0, 0.0]]


def test_sampling_leaves_the_logits_alone():
    logits = torch.from_numpy(logits_of(0, 50, ties=False))
    before = logits.clone()
    for sampler in (Sampler(0.0), Sampler(0.7, 4, 0.5), Sampler(1.0, 0, 0.5)):
        device_sampling.probabilities(logits, sampler)
    device_sampling.display_weights(logits)
    assert torch.equal(logits, before)


def test_draws_are_those_of_numpy():
    rng = np.random.default_rng(7)
    for _ in range(300):
        size = int(rng.choice([3, 256, 2000]))
        rows = np.stack([row(rng, kind, size) for kind in KINDS]) * np.float32(rng.random() + 0.1)
        u = rng.random(len(KINDS))
        ids = device_sampling.draw(torch.from_numpy(rows), torch.from_numpy(u)).tolist()
        assert ids == [sampling.draw(a, x) for a, x in zip(rows, u, strict=True)]


@pytest.mark.parametrize("size", [3, 256, 257, 49152])
def test_draw_reaches_the_last_token_and_skips_zeros(size):
    weights = torch.zeros(size)
    weights[[0, -2]] = 0.5
    for u, expected in ((0.0, 0), (0.5, size - 2), (1 - 2**-53, size - 2)):
        one = device_sampling.draw(weights, torch.tensor(u, dtype=torch.float64))
        assert (one.shape, int(one)) == ((), expected)


def test_draw_skips_a_first_token_of_weight_zero():
    weights = torch.tensor([[0.0, 3.0], [2.0, 0.0]])
    assert device_sampling.draw(weights, torch.zeros(2, dtype=torch.float64)).tolist() == [1, 0]


@pytest.mark.parametrize("size", [4, 1000, 150000])
@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0])
def test_top_is_that_of_numpy(size, spread):
    logits = np.random.default_rng(size).normal(0, spread, (2, size)).astype(np.float32)
    weights, total = device_sampling.display_weights(torch.from_numpy(logits))
    ids, p = device_sampling.top(weights, total, 10)
    assert ids.shape == p.shape == (2, min(10, size))
    for a, b, mine, chances in zip(weights.numpy(), logits, ids, p, strict=True):
        order = np.argsort(-a, kind="stable")[:10]
        assert mine.tolist() == order.tolist()
        shown = sampling.display_top(b.copy(), 10)
        n = len(shown.ids)
        assert chances[:n].tolist() == pytest.approx(shown.p, rel=2e-5, abs=1e-7)
        assert not (chances[n:] > sampling.SHOWN_FROM * 1.001).any()


# Fit for a CUDA graph


class _OnlyThere(dispatch.TorchDispatchMode):
    """Raises where an operation takes a tensor of another device than meta, as a copy from the
    host does; meta itself raises where a value or a shape depends on data."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        flat = torch.utils._pytree.tree_leaves((args, kwargs))
        if any(isinstance(x, torch.Tensor) and x.device.type != "meta" for x in flat):
            raise RuntimeError(f"{func} takes a tensor from the host")
        return func(*args, **(kwargs or {}))


def meta(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


@pytest.mark.parametrize("gamma", [0, 1, 16])
@pytest.mark.parametrize(
    ("name", "one_hot"),
    [*((name, False) for name in RULES), *((name, True) for name in RULES if name != "block")],
)
def test_rules_never_wait_for_the_device(name, gamma, one_hot):
    with _OnlyThere():
        outcome = RULES[name](
            meta(gamma + 1, 500),
            None if one_hot else meta(gamma, 500),
            meta(gamma, dtype=torch.int64),
            meta(dtype=torch.int64),
            meta(gamma, dtype=torch.float64),
            meta(dtype=torch.float64),
        )
    for field in ("p", "q", "accept_probability", "overlap", "weight"):
        value = getattr(outcome, field)
        assert (value.shape, value.dtype) == ((gamma,), torch.float64), field
    for field, dtype in (
        ("accepted", torch.int64),
        ("added", torch.int64),
        ("resampled", torch.bool),
        ("added_p", torch.float64),
    ):
        value = getattr(outcome, field)
        assert (value.shape, value.dtype) == ((), dtype), field
    assert (outcome.residual.shape, outcome.residual.dtype) == ((500,), torch.float32)


@pytest.mark.parametrize(
    "sampler",
    [Sampler(0.0), Sampler(1.0), Sampler(0.7, 40), Sampler(0.7, 0, 0.9), Sampler(1, 9, 0.5)],
)
def test_sampling_never_waits_for_the_device(sampler):
    with _OnlyThere():
        p = device_sampling.probabilities(meta(5, 500), sampler)
        ids = device_sampling.draw(p, meta(5, dtype=torch.float64))
        shown, chances = device_sampling.top(*device_sampling.display_weights(meta(5, 500)), 10)
    assert (p.shape, p.dtype) == ((5, 500), torch.float32)
    assert (ids.shape, ids.dtype) == ((5,), torch.int64)
    assert (shown.shape, shown.dtype) == ((5, 10), torch.int64)
    assert (chances.shape, chances.dtype) == ((5, 10), torch.float32)


@pytest.mark.parametrize(
    "waits",
    [
        lambda x, i: x[i],
        lambda x, i: x[x > 0],
        lambda x, i: x.nonzero(),
        lambda x, i: x * i.item(),
        lambda x, i: x + torch.tensor([1.0]),
        lambda x, i: x if (x > 0).any() else -x,
    ],
)
def test_what_waits_for_the_device_is_seen(waits):
    with _OnlyThere(), pytest.raises((RuntimeError, NotImplementedError)):
        waits(meta(5), meta(dtype=torch.int64))
