"""Bounds of recorded rows hold for the rows that were recorded, whatever was left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.events import Top
from engine.sampling import draw, probabilities, top
from engine.verify import entropy
from engine.whatif.row_bounds import RowBounds, Sampler, Span, ratio, residual, share

SAMPLERS = (
    Sampler(0.8),
    Sampler(1.5),
    Sampler(1.0, top_k=8),
    Sampler(0.7, top_p=0.9),
    Sampler(1.2, top_k=30, top_p=0.8),
)
LATER = (
    Sampler(0.3),
    Sampler(1.0),
    Sampler(2.5),
    Sampler(0.8, top_k=4),
    Sampler(1.1, top_k=40),
    Sampler(0.8, top_p=0.7),
    Sampler(1.3, top_k=6, top_p=0.95),
)


def rows(seed: int, size: int):
    """Logits [size] of all degrees of sharpness."""
    rng = np.random.default_rng(seed)
    for sharpness in (0.2, 1.0, 2.5, 6.0):
        for _ in range(6):
            yield (sharpness * rng.normal(size=size)).astype(np.float32), rng


def bounds(row: np.ndarray, k: int = 10) -> RowBounds:
    return RowBounds.recorded(top(row, k), k, row.size)


def holds(span: Span, value: float) -> bool:
    return span.low - 2e-6 <= value <= span.high + 2e-6


def check(found: RowBounds, real: np.ndarray, rng: np.random.Generator) -> tuple[int, list[str]]:
    """How many of 40 draws are decided, and what does not hold."""
    total, wrong, decided = float(real.sum()), list[str](), 0
    for token in {*found.listed, *rng.integers(0, real.size, 8).tolist()}:
        if not holds(found.probability(token), float(real[token]) / total):
            wrong.append(f"p of {token}")
    for u in rng.random(40):
        token = found.draw(float(u))
        if token is not None:
            decided += 1
            if token != draw(real, float(u)):
                wrong.append(f"draw with {u}")
    if not holds(found.entropy(), entropy(real / real.sum())):
        wrong.append("entropy")
    return decided, wrong


@pytest.mark.parametrize("size", [5, 40, 3000])
@pytest.mark.parametrize("old", SAMPLERS, ids=str)
def test_a_row_and_what_another_sampler_makes_of_it(size, old):
    decided = made = 0
    for logits, rng in rows(size, size):
        row = probabilities(logits, old.temperature, old.top_k, old.top_p)
        for k in (3, 10):
            found = bounds(row, k)
            n, wrong = check(found, row, rng)
            decided += n
            assert not wrong
            for new in LATER:
                changed = found.resampled(old, new)
                if changed is None:
                    continue
                real = probabilities(logits, new.temperature, new.top_k, new.top_p)
                n, wrong = check(changed, real, rng)
                assert not wrong, (old, new, k)
                made += n
    assert decided > 40
    assert made > 300


def test_rows_without_their_unlisted_entries_are_found_out():
    """Negative control."""
    wrong: list[str] = []
    for logits, rng in rows(1, 40):
        row = probabilities(logits, 1.0)
        careless = replace(bounds(row, 4), rest=Span(0.0, 0.0), others=0, total=Span(0.0, 9.0))
        wrong += check(careless, row, rng)[1]
        changed = careless.resampled(Sampler(1.0), Sampler(2.0))
        wrong += check(changed, probabilities(logits, 2.0), rng)[1]
    assert len(wrong) > 20


@pytest.mark.parametrize("size", [5, 40, 3000])
def test_residuals(size):
    decided = 0
    for logits, rng in rows(size, size):
        q_logits = logits + rng.normal(size=size).astype(np.float32)
        p, q = probabilities(logits, 1.0), probabilities(q_logits, 1.0)
        for weight in (1.0, 0.4):
            left = np.maximum(np.float32(weight) * p - q, 0)
            if not left.any():
                continue
            overlap = weight - float(left.sum())
            for known in (None, overlap):
                found = residual(bounds(p), bounds(q), Span(weight, weight), known)
                for u in rng.random(40):
                    token = found.draw(float(u))
                    decided += token is not None
                    assert token in (None, draw(left, float(u)))
                assert holds(found.sum(), float(left.sum()))
        token = int(rng.choice(size, p=q / q.sum()))
        without = p.copy()
        without[token] = 0
        for u in rng.random(20):
            assert bounds(p).without(token).draw(float(u)) in (None, draw(without, float(u)))
    assert decided > 300


def test_the_most_probable_is_told_only_where_it_is_certain():
    assert RowBounds.recorded(Top((4, 2), (0.5, 0.3)), 10, 9).best() == 4
    assert RowBounds.recorded(Top((4, 2), (0.3, 0.3)), 10, 9).best() is None
    assert RowBounds.recorded(Top((), ()), 10, 10**6).best() is None
    assert RowBounds.recorded(Top((4,), (0.2,)), 1, 9).best() is None


def test_a_draw_is_told_where_the_unlisted_cannot_move_it():
    row = RowBounds.recorded(Top((5, 1), (0.6, 0.3)), 2, 10)
    # 0.1 is left over for eight ids on either side of 1 and 5.
    assert row.draw(0.2) == 1
    assert row.draw(0.6) == 5
    assert row.draw(0.35) is None, "1 or 5, by where the rest stands"
    assert row.draw(0.999) is None
    assert row.draw(float("nan")) is None
    sure = RowBounds.recorded(Top((5, 1), (0.7, 0.3)), 2, 10).resampled(
        Sampler(1.0, top_k=2), Sampler(0.5, top_k=2)
    )
    assert (sure.draw(0.0), sure.draw(0.1), sure.draw(0.99)) == (1, 1, 5)


def test_spans():
    assert Span(0.25, 0.25).known == 0.25
    assert Span(0.25, 0.26).known is None
    assert ratio(Span(0.1, 0.2), Span(0.4, 0.5)) == Span(0.2, 0.5)
    assert ratio(Span(0.0, 1.0), Span(0.0, 1.0)).low == 0.0
    assert share(Span(0.25, 0.5), Span(0.5, 0.75)) == Span(0.25, 0.5)
    assert share(Span(0.0, 0.0), Span(0.0, 0.0)) == Span(0.0, 0.0)
