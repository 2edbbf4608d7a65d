"""Scales the weights of a made-up pair until its distributions are as wide, and overlap as much, as
was asked for."""

# pyright: basic
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers import LlamaForCausalLM

from engine.backends.hf.synth_tokenizer import N_QUIET
from engine.errors import ModelError

ENTROPY = 2.0
"""Nats of q at T = 1, on average: neither flat nor one-hot."""
TOLERANCE = 0.01
_BATCH, _LENGTH = 8, 8
_PASSES_MAX = 20
# In logit(agreement) over log(scale) what was measured lies near this line, for all shapes.
_SLOPE, _AT_ONE = -1.2, 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Of draft and target: the mean of Σ min(p, q) at T = 1, and the share of equal argmax."""

    agreement: float
    greedy: float


@torch.no_grad()
def calibrate(
    draft: LlamaForCausalLM,
    rest: LlamaForCausalLM,
    agreement: float,
    seed: int,
    tell: Callable[[float], None],
) -> Measured:
    """Scale the last norm, which both share, for the entropy, and what the layers of `rest`, the
    target's after the draft's, add to the residual stream for the agreement.

    tell receives fractions, and may raise to stop. Raises ModelError if the agreement is not met
    within TOLERANCE.
    """
    shape = _n_batches(rest), _BATCH, _LENGTH
    generator = torch.Generator("cpu").manual_seed(seed)
    tokens = N_QUIET, draft.config.vocab_size
    contexts = torch.randint(*tokens, shape, generator=generator, device="cpu").to(draft.device)
    _set_entropy(draft, contexts[0])
    drafted = [_hidden_and_logits(draft, batch) for batch in contexts]

    goal, slope, scale = _logit(agreement), _SLOPE, 1.0
    next_scale = math.exp((goal - _AT_ONE) / slope)
    before: tuple[float, float] | None = None
    for n in range(_PASSES_MAX):
        _multiply(rest, next_scale / scale)
        scale = next_scale
        # How many passes it takes is not known: two or three as a rule.
        measured = _measure(rest, drafted, lambda done, n=n: tell(1 - 0.4 ** (n + done)))
        if abs(measured.agreement - agreement) <= TOLERANCE:
            return measured
        x, y = math.log(scale), _logit(measured.agreement)
        if before is not None and x != before[0]:
            slope = min(-0.4, max(-4.0, (y - before[1]) / (x - before[0])))
        before = x, y
        next_scale = math.exp(x + (goal - y) / slope)
    raise ModelError(
        f"An agreement of {agreement:g} is not met: it came to {measured.agreement:.3f}.",
        "Choose another seed or agreement.",
    )


def _n_batches(rest: LlamaForCausalLM) -> int:
    """As many as keep a pass within minutes where there is no GPU."""
    return 2 if rest.device.type == "cpu" and rest.num_parameters() > 2e9 else 8


def _set_entropy(draft: LlamaForCausalLM, contexts: torch.Tensor) -> None:
    """Find by bisection the scale of the logits that gives q the mean entropy ENTROPY."""
    logits = draft(contexts, use_cache=False).logits.float()
    low, high = 0.0, 20.0
    for _ in range(20):
        scale = (low + high) / 2
        logs = torch.log_softmax(scale * logits, dim=-1)
        entropy = -(logs.exp() * logs).sum(-1).mean().item()
        low, high = (scale, high) if entropy > ENTROPY else (low, scale)
    draft.model.norm.weight.mul_(scale)


def _hidden_and_logits(
    draft: LlamaForCausalLM, contexts: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the draft's layers give, [batch, length, width], and its logits."""
    hidden: list[torch.Tensor] = []
    hook = draft.model.norm.register_forward_pre_hook(lambda _, given: hidden.append(given[0]))
    try:
        logits = draft(contexts, use_cache=False).logits
    finally:
        hook.remove()
    return hidden[0], logits


def _measure(
    rest: LlamaForCausalLM,
    drafted: list[tuple[torch.Tensor, torch.Tensor]],
    tell: Callable[[float], None],
) -> Measured:
    overlaps, equals = [], []
    for i, (hidden, q_logits) in enumerate(drafted):
        tell(i / len(drafted))
        p_logits = rest(inputs_embeds=hidden, use_cache=False).logits
        p, q = (torch.softmax(logits.float(), dim=-1) for logits in (p_logits, q_logits))
        overlaps.append(torch.minimum(p, q).sum(-1).mean())
        equals.append((p_logits.argmax(-1) == q_logits.argmax(-1)).float().mean())
    return Measured(torch.stack(overlaps).mean().item(), torch.stack(equals).mean().item())


def _multiply(rest: LlamaForCausalLM, factor: float) -> None:
    for layer in cast(Any, rest.model.layers):
        for part in (layer.self_attn.o_proj, layer.mlp.down_proj):
            part.weight.mul_(factor)


def _logit(share: float) -> float:
    share = min(max(share, 1e-4), 1 - 1e-4)
    return math.log(share / (1 - share))
