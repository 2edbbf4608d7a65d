"""The draws of a round, replayed from the seed: equal to those that the loop really drew."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from engine.config import Config
from engine.draws import Draws, round_draws
from engine.events import Verified
from engine.trace import Trace
from tests.engine.toys import demo_pair, pair, run_events

PROMPT = "the cat sat on the mat and the cat sat on the mat and the cat"


class Listening:
    """The run's own generator, and everything that it handed out."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.drawn: list[np.ndarray] = []

    def random(self, size: int) -> np.ndarray:
        self.drawn.append(self._rng.random(size))
        return self.drawn[-1]


def decoded(config: Config, models=None, prompt=None):
    target, draft = models or demo_pair()
    prompt = target.encode(PROMPT) if prompt is None else prompt
    rng = Listening(config.seed)
    return Trace(run_events(config, target, draft, prompt, rng=rng)).run, rng.drawn


CONFIGS = {
    "chain": Config(gamma=4, temperature=0.8, max_tokens=40, seed=3),
    "tree": Config(gamma=3, temperature=0.9, max_tokens=40, seed=4, branches=(2, 2)),
    "block": Config(gamma=5, temperature=0.9, max_tokens=40, seed=5, rule="block"),
    "typical": Config(gamma=5, temperature=0.9, max_tokens=40, seed=6, rule="typical"),
    "confidence": Config(gamma=6, temperature=0.8, max_tokens=40, length_policy="confidence"),
    "throughput": Config(gamma=6, temperature=0.8, max_tokens=40, length_policy="throughput"),
    "ngram": Config(gamma=8, temperature=0.5, max_tokens=60, drafter="ngram", seed=8),
    "chain of drafters": Config(gamma=8, temperature=0.5, max_tokens=60, drafter="chain"),
    "greedy": Config(gamma=4, max_tokens=40),
    "plain": Config(gamma=0, temperature=0.8, max_tokens=20, seed=2),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_draw_is_the_one_that_the_loop_drew(name):
    run, drawn = decoded(CONFIGS[name])
    assert len(run.rounds) == len(drawn) > 4
    for r, row in enumerate(drawn):
        draws = round_draws(run, r)
        assert draws is not None
        size, n = draws.size, len(run.rounds[r].drafted)
        assert row.size == 2 * size + 1
        assert draws.draft == tuple(row[:size])
        assert draws.judge[:n] == tuple(row[size : size + n])
        assert draws.added == row[size + n]
        assert sorted((*draws.draft, *draws.judge, draws.added)) == sorted(row)
        assert draws.laid_out(size, n)[: size + n + 1].tolist() == row[: size + n + 1].tolist()
        greedy = run.started.config.greedy
        assert bool(draws.confirmed) is not greedy, "a greedy round records no draw to compare with"


def test_gamma_shrinks_at_the_end_of_the_context_and_of_the_run():
    shrunk = 0
    for branches in ((), (2,), (2, 3)):
        for context, max_tokens in ((64, 500), (4096, 33)):
            config = Config(
                gamma=5, temperature=1.0, max_tokens=max_tokens, seed=1, branches=branches
            )
            models = pair(6, context=context)
            run, drawn = decoded(config, models, prompt=[1, 2, 3])
            sizes = {row.size for row in drawn}
            shrunk += len(sizes) > 1
            for r, row in enumerate(drawn):
                draws = round_draws(run, r)
                assert draws is not None
                assert row.size == 2 * draws.size + 1
                assert draws.draft == tuple(row[: draws.size])
    assert shrunk == 6


def test_an_end_of_text_inside_the_accepted_tokens():
    config = Config(gamma=4, temperature=1.0, max_tokens=400, seed=1)
    ends = 0
    for seed in range(20):
        config = msgspec.structs.replace(config, seed=seed)
        run, drawn = decoded(config, pair(4, seed=1, end=True), prompt=[1, 2])
        ends += run.rounds[-1].verified.added_kind == "end"
        for r, row in enumerate(drawn):
            draws = round_draws(run, r)
            assert draws is not None
            assert draws.draft == tuple(row[: draws.size])
    assert ends > 2


def test_an_edited_recording_is_noticed():
    run, _ = decoded(CONFIGS["chain"])
    r = 5
    verdict = run.rounds[r].verified
    assert isinstance(verdict, Verified)
    run.rounds[r].verified = msgspec.structs.replace(verdict, added_u=verdict.added_u + 1e-9)
    assert round_draws(run, r) is None
    assert round_draws(run, r + 1) is not None


def test_another_seed_fits_no_round():
    run, _ = decoded(CONFIGS["chain"])
    other = msgspec.structs.replace(run.started.config, seed=99)
    run.started = msgspec.structs.replace(run.started, config=other)
    assert all(round_draws(run, r) is None for r in range(len(run.rounds)))


def test_more_places_than_the_run_drew_for_get_new_draws():
    run, _ = decoded(CONFIGS["chain"])
    draws = round_draws(run, 2)
    assert isinstance(draws, Draws)
    six, nine = draws.reaching(6, 3, 2), draws.reaching(9, 3, 2)
    assert six.recorded == nine.recorded == 4
    assert six.draft[:4] == draws.draft
    assert six.judge[:4] == draws.judge
    assert nine.draft[:6] == six.draft
    assert nine.judge[:6] == six.judge
    assert six.reaching(9, 3, 2) == nine, "what a place gets does not depend on the others"
    assert draws.reaching(3, 3, 2) is draws
    assert draws.reaching(6, 3, 1).draft[4:] != six.draft[4:]
    assert six.added == draws.added


def test_single_draws_can_be_changed():
    draws = Draws((0.1, 0.2), (0.3, 0.4), 0.5, 2)
    assert draws.changed({1: 0.9, 7: 0.1}) == Draws((0.1, 0.2), (0.3, 0.9), 0.5, 2)
    assert draws.changed({}, 0.6).added == 0.6
