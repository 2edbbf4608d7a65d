"""Forecasts against real runs of the drafters that they replay."""

from __future__ import annotations

import msgspec
import pytest

from engine.config import Config
from engine.cost import Costs, measure
from engine.events import AnyEvent, RunFinished
from engine.forecast import Forecast, best, forecast, replay
from engine.metrics import figures
from engine.tally import Tally
from engine.trace import Run
from tests.engine.test_metrics import fold
from tests.engine.toys import demo_pair, pair, run_events

COSTS = Costs((), ((1, 0.010), (9, 0.018)), None, 0.001, 8)
"""T_v(k) = 10 ms + (k - 1) ms."""


def decoded(config: Config, target, draft=None, prompt: tuple[int, ...] = (1, 2)) -> Run:
    """A finished toy run."""
    events: list[AnyEvent] = run_events(config, target, draft, prompt)
    tally = Tally()
    for event in events:
        tally.apply(event)
    ended = target.vocabulary.end_ids & set(tally.token_ids)
    last = RunFinished(
        seq=len(events), t_ns=0, reason="stop" if ended else "length", totals=tally.totals()
    )
    return fold([*events, last])


def greedy(drafter: str, gamma: int) -> Config:
    return Config(gamma=gamma, drafter=drafter, temperature=0.0, max_tokens=150)


@pytest.mark.parametrize("drafter", ["ngram", "suffix"])
@pytest.mark.parametrize("gamma", [1, 3, 8])
def test_a_greedy_forecast_is_what_a_real_run_does(drafter: str, gamma: int) -> None:
    """Greedy text is the same however it is drafted, so the rounds must be the same too."""
    target, draft = demo_pair()
    told = decoded(greedy("model", 4), target, draft)
    real = decoded(greedy(drafter, gamma), target)
    assert list(told.token_ids) == list(real.token_ids)
    f, text = figures(real), replay(told, drafter, gamma)
    assert (text.tokens, text.rounds) == (f.tokens, f.rounds)
    assert (text.accepted, text.judged) == (f.accepted, f.accepted + f.rejected)
    widths = [w for w, count in enumerate(text.widths.tolist()) for _ in range(count)]
    assert sorted(widths) == sorted(n + 1 for n in real.columns.drafted)


@pytest.mark.parametrize("seed", range(12))
def test_so_it_is_where_an_end_of_text_stops_the_run(seed: int) -> None:
    target, draft = pair(5, seed, end=True)
    told, real = (
        decoded(Config(gamma=4, drafter=d, temperature=0.0, max_tokens=60), target, draft)
        for d in ("model", "ngram")
    )
    f, text = figures(real), replay(told, "ngram", 4)
    assert (text.tokens, text.rounds, text.accepted) == (f.tokens, f.rounds, f.accepted)


def test_another_gamma_gives_another_forecast() -> None:
    """The negative control: the comparison with a real run can fail."""
    target, draft = demo_pair()
    told = decoded(greedy("model", 4), target, draft)
    assert figures(decoded(greedy("ngram", 3), target)).rounds != replay(told, "ngram", 2).rounds


@pytest.mark.parametrize("drafter", ["ngram", "suffix"])
@pytest.mark.parametrize("seed", range(4))
def test_a_sampled_run_of_the_drafter_itself_is_found_again(drafter: str, seed: int) -> None:
    """A rejected token is never the one that takes its place, so the text tells all verdicts."""
    target, _ = pair(6, seed, sharpness=2.0)
    run = decoded(Config(gamma=4, drafter=drafter, temperature=1.0, max_tokens=200), target)
    f, text = figures(run), replay(run, drafter, 4)
    assert (text.tokens, text.rounds, text.accepted) == (f.tokens, f.rounds, f.accepted)
    assert text.judged == f.accepted + f.rejected
    assert f.rejected > 10


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_a_sampled_forecast_is_unbiased(temperature: float) -> None:
    """Acceptance on plainly sampled texts, and of real n-gram runs: the same within 4 sigma."""
    target, _ = pair(4, 3, sharpness=1.5)
    told = [0, 0]
    real = [0, 0]
    for seed in range(40):
        config = Config(gamma=0, temperature=temperature, max_tokens=100, seed=seed)
        text = replay(decoded(config, target), "ngram", 3)
        told[0] += text.accepted
        told[1] += text.judged
        other = msgspec.structs.replace(config, gamma=3, drafter="ngram", seed=1000 + seed)
        f = figures(decoded(other, target))
        real[0] += f.accepted
        real[1] += f.accepted + f.rejected
    a, b = told[0] / told[1], real[0] / real[1]
    sigma = (a * (1 - a) / told[1] + b * (1 - b) / real[1]) ** 0.5
    assert abs(a - b) < 4 * sigma
    assert 0.2 < a < 0.8  # it decides something


def test_the_price_is_the_cost_models() -> None:
    target, draft = demo_pair()
    told = decoded(greedy("model", 4), target, draft)
    (found,) = forecast(told, COSTS, ["ngram"], [4])
    text = replay(told, "ngram", 4)
    passes = sum(n * (0.010 + 0.001 * (w - 1)) for w, n in enumerate(text.widths.tolist()))
    free = text.tokens * 0.010 / (passes + 0.001 * text.rounds)
    assert found.tokens_per_pass == text.tokens / text.rounds
    assert 0 < found.speedup <= free
    assert found.acceptance == text.accepted / text.judged


def test_passes_of_unknown_width_are_not_forecast() -> None:
    target, draft = demo_pair()
    told = decoded(greedy("model", 4), target, draft)
    assert {f.gamma for f in forecast(told, COSTS)} == {1, 2, 3, 4, 6, 8}
    assert {f.drafter for f in forecast(told, COSTS)} == {"ngram", "suffix"}
    assert forecast(told, Costs((), (), None, None, 4)) == ()
    narrow = Costs((), ((1, 0.01),), None, 0.001, 0)
    assert forecast(told, narrow) == ()
    assert forecast(told, Costs((), ((5, 0.01), (9, 0.02)), None, 0.0, 4)) == ()  # no T_v(1)


def test_a_stopped_run_is_forecast_up_to_its_last_whole_round() -> None:
    target, draft = demo_pair()
    whole = decoded(greedy("model", 4), target, draft)
    events = list(whole.events)
    half = fold(events[: len(events) // 2])
    text = replay(half, "ngram", 8)
    assert 0 < text.tokens <= len(half.token_ids)
    cut = replay(whole, "ngram", 8, longest=50)
    assert 50 - 8 <= cut.tokens <= 50


def test_nothing_to_replay() -> None:
    target, draft = demo_pair()
    empty = fold(list(decoded(greedy("model", 4), target, draft).events)[:1])
    assert replay(empty, "ngram", 4).rounds == 0
    assert forecast(empty, COSTS) == ()


def test_the_best_is_the_fastest() -> None:
    one, two = Forecast("ngram", 2, 1.2, 1.5, 0.5), Forecast("suffix", 4, 1.3, 1.6, 0.5)
    assert best([one, two]) == two
    assert best([one, two], but="suffix") == one
    near = Forecast("ngram", 2, 1.295, 1.5, 0.5)
    assert best([near, two]) == near  # the simpler one of equals
    assert best([]) is None


def test_costs_of_the_run_itself_serve() -> None:
    target, draft = demo_pair()
    baseline = decoded(Config(gamma=0, max_tokens=150), target)
    told = decoded(greedy("model", 4), target, draft)
    found = forecast(told, measure(told, baseline))
    assert {f.gamma for f in found} == {1, 2, 3, 4}
