"""Tiny Hugging Face models with random weights, made on the spot."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from engine.backends.hf import attention
from engine.backends.hf.model import HfModel

SIZE = 300


def tokenizer(size=SIZE):
    """Bytes, and an end-of-text token at 256."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>")


def network(seed=0, *, config=None, dtype=torch.float32, **settings):
    """A Llama with peaked distributions; `settings` replace those of its configuration."""
    torch.manual_seed(seed)
    chosen = {
        "vocab_size": SIZE, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        "initializer_range": 0.3, **settings,
    }  # fmt: skip
    made = AutoModelForCausalLM.from_config(
        config or LlamaConfig(**chosen), attn_implementation=attention.NAME, dtype=dtype
    )
    return made.eval().requires_grad_(False)


def model(seed=0, *, context=256, device="cpu", **settings):
    """The same, as the loop needs it."""
    net = network(seed, **settings).to(device)
    return HfModel(
        net, tokenizer(), name="tiny", precision="FP32", device=torch.device(device),
        context=context,
    )  # fmt: skip
