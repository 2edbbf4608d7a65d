"""Both exports of a distilled draft: python -m tests.bench.exported FOLDER [--prompts 20]

FOLDER: what `draftscope distil` made of the embedded model. The folder in transformers (float32)
and its F16 GGUF file in llama.cpp decode the same prompts of the suite greedily: how many texts are
the same, and of the others the first difference's gap between the two best logits. Then both draft
for the embedded model at T = 0, γ = 4: the acceptance rate of each.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from engine.backends import registry
from engine.config import Config, ModelSpec
from engine.distil.export import file_name
from engine.experiments.prompts import choose, suite
from engine.job import Job, JobRunner
from engine.trace import Trace


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    how = {"threads": args.threads, "device": "cpu", "precision": "float32", "context": 1024}
    exports = {
        "folder": ModelSpec(str(args.folder), "hf", **how),
        "gguf": ModelSpec(str(args.folder / file_name("F16")), "gguf", **how),
    }
    asked = [prompt.text for prompt in choose(suite(), (), args.prompts)]
    found = {"prompts": len(asked), "tokens": args.tokens, "threads": args.threads}
    models = [registry.load(spec, "target") for spec in exports.values()]
    gaps = [gap for text in asked if (gap := first_gap(*models, text, args.tokens)) is not None]
    for model in models:
        model.close()
    found["same greedy text"] = len(asked) - len(gaps)
    found["gaps of the others, nats"] = [round(gap, 4) for gap in gaps]
    for name, draft in exports.items():
        found[f"acceptance, {name}"] = acceptance(draft, how, asked, args.tokens)
    print(json.dumps(found))


def first_gap(one, other, text, tokens):
    """None for the same greedy text; else how far the two tokens lie apart where it first differs:
    the larger of the two models' differences."""
    ids = one.encode(text)
    rows = []
    for model in (one, other):
        model.truncate(0)
        rows.append(model.extend(ids, "last")[0])
    for _ in range(tokens):
        ours, theirs = (int(np.argmax(row)) for row in rows)
        if ours != theirs:
            return max(float(row.max() - row[token])
                       for row, token in zip(rows, (theirs, ours), strict=True))  # fmt: skip
        if ours in one.vocabulary.end_ids:
            break
        rows = [model.extend([ours], "last")[0] for model in (one, other)]
    return None


def acceptance(draft, how, asked, tokens):
    """Of all drafted tokens that were judged."""
    runner = JobRunner()
    accepted = judged = 0
    try:
        for text in asked:
            trace = Trace()
            job = Job(text, Config(gamma=4, max_tokens=tokens, drafter="model"),
                      ModelSpec("", "gguf", **how), draft, baseline="none")  # fmt: skip
            runner.run(job, trace.apply)
            accepted += trace.run.tally.accepted
            judged += trace.run.tally.accepted + trace.run.tally.rejected
    finally:
        runner.close()
    return round(accepted / judged, 4)


if __name__ == "__main__":
    main()
