"""Architectures on our attention and cache give the logits of transformers' own."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402

import transformers
from transformers import AutoModelForCausalLM

from engine.backends.hf import attention
from engine.backends.hf.model import HfModel
from engine.errors import ModelError
from tests.engine.backends.hf import tiny_models

WINDOW = 8
COMMON = {
    "vocab_size": tiny_models.SIZE, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 256, "initializer_range": 0.2, "pad_token_id": 0,
}  # fmt: skip
NO_KEY_HEADS = {k: v for k, v in COMMON.items() if k not in ("num_key_value_heads", "head_dim")}
SLIDING = ["sliding_attention", "full_attention"] * 2
ROPE = {"rope_type": "default", "rope_theta": 10_000.0}

CONFIGS = {
    "llama": ("LlamaConfig", COMMON),
    "qwen2": ("Qwen2Config", COMMON),
    "qwen3": ("Qwen3Config", COMMON),
    "mistral": ("MistralConfig", COMMON | {"sliding_window": WINDOW}),
    "gemma2": (
        "Gemma2Config",
        COMMON
        | {"sliding_window": WINDOW, "layer_types": SLIDING, "attn_logit_softcapping": 2.0,
           "final_logit_softcapping": 5.0, "query_pre_attn_scalar": 16},
    ),
    "gemma3": (
        "Gemma3TextConfig",
        COMMON | {"sliding_window": WINDOW, "layer_types": SLIDING, "query_pre_attn_scalar": 16},
    ),
    "phi3": ("Phi3Config", COMMON),
    "gpt-oss": (
        "GptOssConfig",
        COMMON
        | {"sliding_window": WINDOW, "layer_types": SLIDING, "num_local_experts": 4,
           "num_experts_per_tok": 2, "rope_parameters": ROPE},
    ),
    "olmo2": ("Olmo2Config", COMMON),
    "cohere": ("CohereConfig", COMMON),
    "mixtral": ("MixtralConfig", COMMON | {"num_local_experts": 4}),
    "granite": ("GraniteConfig", COMMON | {"attention_multiplier": 0.3}),
    "gpt-neox": ("GPTNeoXConfig", NO_KEY_HEADS),
    "gpt2": ("GPT2Config", {
        "vocab_size": tiny_models.SIZE, "n_embd": 32, "n_layer": 4, "n_head": 4,
        "n_positions": 256, "initializer_range": 0.2,
    }),
}  # fmt: skip
WINDOWED = {"mistral", "gemma2", "gemma3", "gpt-oss"}
IDS = [int(i) for i in np.random.default_rng(3).integers(1, tiny_models.SIZE, 40)]


def config_of(name):
    kind, settings = CONFIGS[name]
    return getattr(transformers, kind)(**settings)


def networks(name, change=lambda network: None):
    """transformers' own and ours, with the same weights."""
    torch.manual_seed(0)
    theirs = AutoModelForCausalLM.from_config(config_of(name), attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in theirs.parameters():  # no bias or sink may be 0
            parameter.add_(0.05 * torch.randn_like(parameter))
    ours = AutoModelForCausalLM.from_config(config_of(name), attn_implementation=attention.NAME)
    ours.load_state_dict(theirs.state_dict())
    change(ours)
    return theirs, ours.eval().requires_grad_(False)


def loaded(network):
    return HfModel(
        network, tiny_models.tokenizer(), name="tiny", precision="FP32",
        device=torch.device("cpu"), context=128,
    )  # fmt: skip


@pytest.fixture(scope="module", params=CONFIGS)
def pair(request):
    """A model, and the logits [40, V] that transformers gives for IDS."""
    theirs, ours = networks(request.param)
    with torch.no_grad():
        expected = theirs(torch.tensor([IDS]), use_cache=False).logits[0].float().numpy()
    model = loaded(ours)
    yield model, expected
    model.close()


def equal(rows, expected):
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-4)


def test_one_pass(pair):
    model, expected = pair
    assert np.ptp(expected, axis=1).min() > 0.1
    model.truncate(0)
    equal(model.extend(IDS), expected)


def test_one_by_one(pair):
    model, expected = pair
    model.truncate(0)
    equal(np.concatenate([model.extend([i]) for i in IDS]), expected)


def test_in_chunks_and_after_roll_backs(pair):
    model, expected = pair
    model.truncate(0)
    at = 0
    for size, wrong in ((5, 3), (9, 20), (1, 1), (12, 6), (13, 2)):
        model.extend([7] * wrong)
        model.truncate(at)
        equal(model.extend(IDS[at : at + size]), expected[at : at + size])
        at += size
    assert at == len(IDS)
    model.truncate(11)
    equal(model.extend(IDS[11:], "last"), expected[-1:])


def test_trees_where_no_layer_is_windowed(pair, request):
    model, expected = pair
    windowed = request.node.callspec.params["pair"] in WINDOWED
    assert (model.max_branches == 1) == windowed
    model.truncate(0)
    model.extend(IDS[:20], "none")
    if windowed:
        with pytest.raises(ModelError, match="no trees"):
            model.extend(IDS[20:22], "all", [-1, -1])
        return
    rows = model.extend([9, IDS[20], 9, IDS[21]], "all", [-1, -1, 1, 1])
    equal(rows[[1, 3]], expected[20:22])
    model.keep((1, 3))
    equal(model.extend(IDS[22:]), expected[22:])


def test_another_window_gives_other_logits():
    """The negative control: what is compared above depends on the window."""

    def narrower(network):
        network.config.sliding_window = WINDOW - 1

    theirs, ours = networks("mistral", narrower)
    with torch.no_grad():
        expected = theirs(torch.tensor([IDS]), use_cache=False).logits[0].numpy()
    model = loaded(ours)
    with pytest.raises(AssertionError):
        equal(model.extend(IDS), expected)
    model.close()
