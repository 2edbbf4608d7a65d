"""The first layers of a target as its draft."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402

from engine.backends.base import HasLayers
from engine.backends.hf.model import HfModel
from engine.config import Config
from engine.errors import Cancelled, ConfigError, ModelError
from tests.engine.backends.hf import tiny_models
from tests.engine.toys import emitted, run_events

IDS = [int(i) for i in np.random.default_rng(1).integers(1, tiny_models.SIZE, 30)]
LAYERS = 4


@pytest.fixture(scope="module")
def made():
    model = tiny_models.model(0)
    yield model
    model.close()


@pytest.fixture
def target(made):
    made.interrupt(False)
    made.truncate(0)
    return made


def shortened(layers):
    """The same weights without the later layers, as a model of its own."""
    network = tiny_models.network(0)
    network.model.layers = network.model.layers[:layers]
    network.config.num_hidden_layers = layers
    return HfModel(
        network, tiny_models.tokenizer(), name="short", precision="FP32",
        device=torch.device("cpu"), context=256,
    )  # fmt: skip


def equal(rows, expected):
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("layers", range(1, LAYERS))
def test_drafts_like_a_model_of_so_many_layers(target, layers):
    draft, alone = target.early_exit(layers), shortened(layers)
    expected = alone.extend(IDS)
    assert np.abs(target.extend(IDS) - expected).max() > 0.1
    target.truncate(0)
    equal(draft.extend(IDS), expected)
    draft.truncate(7)
    equal(np.concatenate([draft.extend([i]) for i in IDS[7:]]), expected[7:])
    assert draft.info.layers == layers
    assert draft.info.parameters == alone.info.parameters < target.info.parameters
    assert str(layers) in draft.info.name
    alone.close()


def test_what_the_target_holds_is_not_computed_again(target, monkeypatch):
    expected = shortened(2).extend(IDS)
    draft = target.early_exit(2)
    target.extend(IDS[:20], "none")
    widths = []
    run = HfModel.run_at

    def watched(self, at, ids, *rest):
        widths.append(len(ids))
        return run(self, at, ids, *rest)

    monkeypatch.setattr(HfModel, "run_at", watched)
    draft.extend(IDS[:20], "none")
    equal(draft.extend(IDS[20:22], "last"), expected[21:22])
    draft.truncate(10)
    equal(draft.extend(IDS[10:20], "last"), expected[19:20])
    assert widths == [2, 1]
    equal(draft.extend(IDS[20:]), expected[20:])


def verified(target, draft):
    """Logits of passes of a run; if there is a draft, it has drafted wrong tokens before each."""
    rows, at = [], 0
    for size in (1, 4, 3, 1, 5, 2, 6, 8):
        if draft is not None:
            draft.truncate(at)
            draft.extend([*IDS[draft.length : at], 7, 8, 9], "last")
            draft.extend([11], "last")
        rows.append(target.extend([*IDS[at : at + size], 9, 9]))
        at += size
        target.truncate(at)
    assert at == len(IDS)
    return np.concatenate(rows)


@pytest.mark.parametrize("layers", [1, 3])
def test_never_changes_what_the_target_computes(target, layers):
    alone = verified(target, None)
    target.truncate(0)
    np.testing.assert_array_equal(verified(target, target.early_exit(layers)), alone)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_runs(target, layers, temperature):
    """Greedy runs give the text of plain decoding; in sampled ones every draw is recorded."""
    config = Config(
        gamma=3, drafter="early-exit", exit_layer=layers, temperature=temperature, max_tokens=24
    )
    plain = run_events(Config(gamma=0, max_tokens=24), target, None, IDS[:5])
    events = run_events(config, target, target.early_exit(layers), IDS[:5])
    drafted = [e for e in events if type(e).__name__ == "Drafted"]
    assert drafted
    if temperature == 0.0:
        assert emitted(events) == emitted(plain)
    else:
        assert all(d.u is not None and 0 < d.q <= 1 for d in drafted)


@pytest.mark.parametrize("layers", [LAYERS, LAYERS + 1, 999, -1])
def test_exits_out_of_range_are_refused(target, layers):
    with pytest.raises(ConfigError, match="4 layers") as caught:
        target.early_exit(layers)
    assert "1 to 3" in caught.value.hint


def test_a_target_of_one_layer_has_no_exit():
    model = tiny_models.model(num_hidden_layers=1)
    for layers in (0, 1):
        with pytest.raises(ConfigError, match="one layer"):
            model.early_exit(layers)
    model.close()


@pytest.mark.parametrize(("whole", "exits"), [(2, 1), (4, 1), (8, 2), (12, 3)])
def test_zero_takes_a_quarter(whole, exits):
    model = tiny_models.model(num_hidden_layers=whole)
    assert isinstance(model, HasLayers)
    assert model.early_exit(0).info.layers == exits
    model.close()


def test_layers_that_cannot_be_left_out():
    from transformers import GPT2Config

    small = GPT2Config(vocab_size=tiny_models.SIZE, n_embd=32, n_layer=4, n_head=4)
    model = tiny_models.model(config=small)
    with pytest.raises(ModelError, match="cannot be left out") as caught:
        model.early_exit(2)
    assert "ngram" in caught.value.hint
    model.close()


def test_what_it_refuses(target):
    draft = target.early_exit(2)
    with pytest.raises(ModelError, match="chains only"):
        draft.extend([1], "all", [-1])
    with pytest.raises(ModelError, match="chains only"):
        draft.keep((0,))
    draft.keep(())
    draft.extend([5] * 128, "none")
    draft.extend([5] * 120, "none")
    with pytest.raises(ModelError, match="full"):
        draft.extend([5] * 9)
    assert draft.length == 248
    for bad in (-1, tiny_models.SIZE):
        with pytest.raises(ModelError, match="an id is not one"):
            draft.extend([bad])
    draft.truncate(0)
    with pytest.raises(ModelError, match="at once"):
        draft.extend([5] * (draft.max_rows + 1))


def test_interrupting_it_interrupts_the_target(target):
    draft = target.early_exit(2)
    draft.interrupt(True)
    for model in (draft, target):
        with pytest.raises(Cancelled):
            model.extend([1, 2])
        assert model.length == 0
    draft.interrupt(False)
    draft.extend([1, 2])


def test_closing_it_leaves_the_target_open():
    target = tiny_models.model(0)
    draft = target.early_exit(2)
    draft.close()
    draft.close()
    target.extend([1, 2])
    target.close()
    for call in (lambda: draft.extend([1]), lambda: draft.encode("a")):
        with pytest.raises(ModelError, match="closed"):
            call()
