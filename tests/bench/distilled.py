"""The draft that ships: python -m tests.bench.distilled [--backend torch] [--prompts 48]

The embedded model drafted for by the embedded draft, by n-gram look-up and by a Q4_0 copy of
itself, on prompts of the suite, which neither the training nor its tuning saw. Medians over the
prompts with their 95 % intervals, at T = 0 and T = 0.8; the cost ratio and T_v as calibrated.

With --backend torch both models run in transformers, from a folder that is made once.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from engine.backends import registry
from engine.errors import Cancelled
from engine.experiments.carry_out import carry_out
from engine.experiments.results import gathered, grouped, read_results
from engine.experiments.spec import PromptChoice, Spec
from engine.host import host
from engine.job import JobRunner
from tests.bench.pairs import quantised


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", choices=("gguf", "torch"), default="gguf")
    parser.add_argument("--draft", default=registry.EMBEDDED_DRAFT)
    parser.add_argument("--prompts", type=int, default=48)
    parser.add_argument("--kinds", nargs="*", default=())
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--gamma", type=int, nargs="*", default=(4,))
    parser.add_argument("--temperature", type=float, nargs="*", default=(0.0, 0.8))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--only-draft", action="store_true", help="without the others")
    args = parser.parse_args()
    drafts = (args.draft,) if args.only_draft else (args.draft, str(quantised("Q4_0")))
    target = ""
    if args.backend == "torch":
        target, *drafts = [unpacked(source) for source in (target, *drafts)]
    spec = Spec(
        title="The draft that ships",
        target=(target,),
        draft=tuple(drafts),
        drafter=("model",) if args.only_draft else ("model", "ngram"),
        gamma=tuple(args.gamma),
        temperature=tuple(args.temperature),
        prompts=PromptChoice(number=args.prompts, kinds=tuple(args.kinds)),
        max_tokens=args.tokens,
        repeats=1,
        threads=args.threads,
        device="cpu",
        precision=args.precision,
        record=False,
    )
    runner = JobRunner()
    with tempfile.TemporaryDirectory() as folder:
        try:
            carry_out(spec, runner, Path(folder), lambda progress: None, resume=False)
        except (Cancelled, KeyboardInterrupt):
            pass
        finally:
            runner.close()
        results = read_results(Path(folder))
    found = {"cpu": host().cpu, "threads": args.threads, "backend": args.backend,
             "prompts": len({c.prompt for c in results.cells.values()}), "tokens": args.tokens,
             "precision": args.precision}  # fmt: skip
    found["calibrated"] = [calibrated(each) for each in results.calibrations.values()]
    found["settings"] = [
        {"drafter": drafter, "draft": Path(draft or "").name, "gamma": gamma, "T": temperature}
        | {m: shown(gathered(cells, m)) for m in
           ("acceptance", "tokens_per_pass", "speedup", "modelled")}
        | {"by kind": by_kind(cells)}
        for (drafter, draft, gamma, temperature), cells in
        grouped(results.cells.values(), "drafter", "draft", "gamma", "temperature").items()
    ]  # fmt: skip
    print(json.dumps(found, indent=1, ensure_ascii=False))


def by_kind(cells):
    return {kind: {m: shown(gathered(part, m)) for m in ("acceptance", "speedup")}
            for (kind,), part in grouped(cells, "kind").items()}  # fmt: skip


def shown(interval):
    return interval and [round(x, 3) for x in (interval.median, interval.low, interval.high)]


def calibrated(each):
    single = each.verify_ns[0]
    return {
        "draft": each.draft.name if each.draft else None,
        "single_ms": round(single / 1e6, 2),
        "cost_ratio": each.draft_ns and round(each.draft_ns / single, 3),
        "verify_ratio": {w: round(ns / single, 2) for w, ns in
                         zip(each.widths[:9], each.verify_ns[:9], strict=True)},
    }  # fmt: skip


def unpacked(source: str) -> str:
    """A GGUF file as a folder of transformers, made once and kept beside the other caches."""
    from engine.backends.hf import gguf_reading, loading
    from engine.config import ModelSpec
    from engine.trimming import KEY

    if Path(source).is_dir():
        return source
    cache = Path(os.environ.get("DRAFTSCOPE_BENCH_CACHE", Path.home() / ".cache" / "draftscope"))
    spec = ModelSpec(source, "hf", precision="float32", device="cpu")
    where = registry.hugging_face_source(spec)
    file = where.folder / where.gguf
    folder = cache / f"{file.stem}-{file.stat().st_mtime_ns}-unpacked"
    if not (folder / "config.json").is_file():
        opened = loading.open_network(where, spec, "sdpa", None)
        trimming = gguf_reading.text_entry(where.folder / where.gguf, KEY)
        if trimming is not None:
            opened.network.config.draftscope_trimming = trimming
        opened.network.save_pretrained(folder)
        opened.tokenizer.save_pretrained(folder)
    return str(folder)


if __name__ == "__main__":
    main()
