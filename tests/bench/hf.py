"""Hugging Face models on the CPU: python -m tests.bench.hf [--threads 2] [--tokens 64]

The embedded model through transformers, drafted for by a Q4_0 copy of it and by the draft that
ships, against transformers' own generate() and generate(assistant_model=...): the same weights,
prompts and γ, in turn. generate() wants a draft that knows all tokens of the target: the one that
ships gets the target's embeddings back, which it began with, for both sides. Then, in bfloat16, the
speedup over plain decoding on chat prompts, by drafter. Ratios are medians over the prompts, with
their least and greatest.
"""

from __future__ import annotations

import argparse
import atexit
import copy
import gc
import json
import shutil
import tempfile
from pathlib import Path
from statistics import median

import msgspec
import torch
import transformers

from engine.backends import registry
from engine.backends.hf import loading
from engine.config import ModelSpec
from engine.host import host
from tests.bench.gpu import Bench, drafting, generated
from tests.bench.pairs import PROMPTS, quantised

GAMMA = 4


def spread(values):
    return {
        "median": round(median(values), 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64)
    args = parser.parse_args()
    found = {
        "cpu": host().cpu,
        "cores": host().cores,
        "threads": args.threads,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "target": "SmolLM2-135M-Instruct Q4_1, unpacked",
        "prompts": len(PROMPTS),
        "tokens": args.tokens,
        "gamma": GAMMA,
    }
    drafts = {
        "its Q4_0 copy, unpacked": lambda: str(quantised("Q4_0")),
        "the draft that ships, with all tokens": with_all_tokens,
    }
    for name, source in drafts.items():
        found[name] = against_generate(args, source())
        gc.collect()
    found["bfloat16_speedup"] = in_bfloat16(args)
    print(json.dumps(found))


def load(source, args, precision):
    spec = ModelSpec(
        source, "hf", threads=args.threads, context=1024, device="cpu", precision=precision
    )
    return registry.load(spec, "target")


def with_all_tokens():
    """The draft that ships as a folder, its head and embeddings the target's, made anew."""
    folder = Path(tempfile.mkdtemp(prefix="draftscope-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    how = ModelSpec("", "hf", precision="float32", device="cpu")
    target = loading.open_network(registry.hugging_face_source(how), how, "sdpa")
    how = msgspec.structs.replace(how, source=registry.EMBEDDED_DRAFT)
    draft = loading.open_network(registry.hugging_face_source(how), how, "sdpa").network
    draft.set_input_embeddings(target.network.get_input_embeddings())
    draft.config = copy.copy(draft.config)
    for name in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(draft.config, name, getattr(target.config, name))
    draft.tie_weights()
    draft.generation_config = target.network.generation_config
    draft.save_pretrained(folder)
    target.tokenizer.save_pretrained(folder)
    return str(folder)


def against_generate(args, source):
    target = load("", args, "float32")
    draft = load(source, args, "float32")
    bench = Bench(target, draft, args.tokens)
    assistant = drafting(draft.network.model, GAMMA)
    plain, assisted = [], []
    for n, prompt in enumerate(PROMPTS):
        ours = bench.run(prompt=prompt, warm=n == 0, gamma=GAMMA, drafter="model")
        theirs = generated(bench, prompt), generated(bench, prompt, **assistant)
        rates = ours["baseline_tokens_per_second"], ours["tokens_per_second"]
        print(f"  float32, prompt {n}: plain {rates[0]:.1f}, generate() {theirs[0]:.1f}, "
              f"drafted {rates[1]:.1f}, generate(assistant_model) {theirs[1]:.1f} tok/s; "
              f"α {ours['acceptance_rate']:.3f}")  # fmt: skip
        plain.append(rates[0] / theirs[0])
        assisted.append(rates[1] / theirs[1])
    bench.runner.close()
    return {"plain_of_generate": spread(plain), "drafted_of_assisted": spread(assisted)}


def in_bfloat16(args):
    bench = Bench(load("", args, "bfloat16"), None, args.tokens)
    speedup_of = {}
    for drafter in ("ngram", "suffix", "ngram-table"):
        speedups = []
        for n, prompt in enumerate(PROMPTS):
            found = bench.run(prompt=prompt, warm=n == 0, gamma=GAMMA, drafter=drafter)
            speedups.append(found["speedup"])
            print(f"  bfloat16, {drafter}, prompt {n}: plain "
                  f"{found['baseline_tokens_per_second']:.1f}, {found['tokens_per_second']:.1f} "
                  f"tok/s; τ {found['tokens_per_pass']:.2f}")  # fmt: skip
        speedup_of[drafter] = spread(speedups)
    bench.runner.close()
    return speedup_of


if __name__ == "__main__":
    main()
