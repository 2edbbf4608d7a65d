"""Greedy speculation against plain decoding: python -m tests.bench.exact [--prompts 20]

The embedded model in transformers, in float32 on the CPU, on prompts of the suite: for every
drafter, how many runs have the very ids of plain decoding, and how many part from it at a numerical
tie. A run that differs otherwise is a fault: exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from engine.backends.registry import EMBEDDED_DRAFT
from engine.config import Config, ModelSpec
from engine.drafting.registry import DRAFTERS, drafter_kind
from engine.experiments.prompts import choose, suite
from engine.job import Job, JobRunner
from engine.trace import Trace


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--draft-backend", choices=("hf", "gguf"), default="hf")
    args = parser.parse_args()
    how = {"threads": args.threads, "device": "cpu", "precision": "float32", "context": 1024}
    target = ModelSpec("", "hf", **how)
    draft = ModelSpec(EMBEDDED_DRAFT, args.draft_backend, **how)
    found = {name: Counter() for name in DRAFTERS}
    runner = JobRunner()
    try:
        for prompt in choose(suite(), (), args.prompts):
            for name in DRAFTERS:
                found[name][outcome(runner, prompt.text, name, target, draft, args.tokens)] += 1
            print(prompt.id, file=sys.stderr)
    finally:
        runner.close()
    print(json.dumps({"prompts": args.prompts, "tokens": args.tokens, "draft": args.draft_backend}
                     | {name: dict(counts) for name, counts in found.items()}))  # fmt: skip
    sys.exit(any(counts["different"] for counts in found.values()))


def outcome(runner, prompt, name, target, draft, tokens):
    kind = drafter_kind(name)
    trace = Trace()
    config = Config(drafter=name, gamma=min(4, kind.gamma_max), max_tokens=tokens)
    used = draft if kind.needs_model or kind.may_use_model else None
    runner.run(Job(prompt, config, target, used, baseline="reuse"), trace.apply)
    run = trace.run
    plain = trace.baseline_of(run)
    if run.finished.error is not None:
        return run.finished.error.message
    if run.token_ids == plain.token_ids:
        return "equal"
    tie = any("A numerical tie" in notice.message for notice in run.notices)
    return "tie" if tie else "different"


if __name__ == "__main__":
    main()
