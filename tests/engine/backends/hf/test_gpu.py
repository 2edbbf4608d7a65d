"""What only a CUDA device shows; makes its own models. Run with: pytest -m gpu"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402

from engine.backends.hf import devices
from engine.backends.hf.device_turns import DeviceTurns
from engine.config import Config
from engine.errors import ModelError
from engine.rules import RULES
from tests.engine.backends.hf import tiny_models
from tests.engine.backends.hf.test_device_turns import CASES, compare, events_of, loosened, name

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture(scope="module")
def pair():
    made = loosened(tiny_models.model(0, device="cuda"), tiny_models.model(0, device="cuda"))
    for model in made:
        model.network.compiles = False  # the tiny shapes would take longer to compile than to run
    yield made
    for model in made:
        model.close()


@pytest.mark.parametrize("config", CASES, ids=name)
def test_captured_rounds_decide_as_rounds_on_the_host(pair, config):
    here, there = (events_of(pair, config, on) for on in (False, True))
    assert pair[0].pieces
    assert all(p.recorder.captures and not p.recorder.remark for p in pair[0].pieces.values())
    compare(here, there)


def test_compiled_layers_give_the_same_logits(pair):
    model = pair[0]
    model.network.compiles, model.network._fast = True, None
    ids = torch.tensor([[1, 2, 3]], device="cuda")
    rows = []
    with torch.inference_mode():
        for network in (model.network, model.network.fast):
            model.lane.fixed(torch.tensor(4, device="cuda"), 3, 64)
            rows.append(network(ids, 3).clone())
    model.network.compiles, model.network._fast = False, None
    assert (rows[0] - rows[1]).abs().max() < 1e-3


def test_the_next_round_begins_before_this_one_is_told_of(pair):
    turns = pair[0].turns(None, RULES["rejection"], Config(gamma=0, max_tokens=8), 32)
    assert turns is None or isinstance(turns, DeviceTurns)
    pair[0].computes_turns = True
    assert pair[0].turns(None, RULES["rejection"], Config(gamma=0, max_tokens=8), 32).ahead


def test_closing_gives_the_memory_back():
    devices.release()
    before = torch.cuda.memory_reserved()
    model = tiny_models.model(1, device="cuda", hidden_size=1024, intermediate_size=4096)
    events_of((model, model), Config(gamma=0, max_tokens=8), True)
    assert torch.cuda.memory_reserved() - before > 50 * 2**20
    model.close()
    assert torch.cuda.memory_reserved() - before < 50 * 2**20


def test_out_of_memory_is_an_error_that_leaves_the_device_usable(pair):
    with pytest.raises((ModelError, torch.OutOfMemoryError)):
        tiny_models.model(2, device="cuda", context=4_000_000, num_key_value_heads=64,
                          num_attention_heads=64, hidden_size=8192, num_hidden_layers=16,
                          max_position_embeddings=8_000_000)  # fmt: skip
    devices.release()
    pair[0].truncate(0)
    assert pair[0].extend([1, 2, 3]).shape == (3, tiny_models.SIZE)
