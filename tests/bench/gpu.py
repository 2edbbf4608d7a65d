"""Decoding on a GPU, without a download: python -m tests.bench.gpu [--embedded FILE.gguf]

A synthetic pair in the shape of an 8B model and a draft of its first layers, made on the device;
plain decoding against the device's bandwidth, speculative decoding against transformers' own
assisted generation with the same pair, prompt and γ, and the host's share of a round. With a GGUF
file, also that model through transformers. Acceptance of the synthetic pair is simulated, all times
are measured. --record DIR keeps some runs as recordings.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import traceback
from pathlib import Path

import torch

from engine.backends.hf import attention, devices, loading, synth
from engine.backends.hf.model import HfModel
from engine.config import Config, ModelSpec
from engine.console import summary
from engine.job import Job, JobRunner
from engine.recording import Recorder
from engine.trace import Trace

PROMPT = "Write a short story about a lighthouse keeper who finds a message in a bottle."
COPY = (
    "Repeat this list with a full stop after each item: red apples, green pears, yellow plums, "
    "blue grapes, red apples, green pears, yellow plums, blue grapes."
)
GIB = 2**30


class Bench:
    """One target and one draft on the device, for jobs and for transformers' own generation."""

    def __init__(self, target, draft, tokens):
        self.target, self.draft, self.tokens = target, draft, tokens
        self.runner = JobRunner(loader=self._loader)

    def _loader(self, spec, role, progress=None):
        model = self.target if role == "target" else self.draft
        model.interrupt(False)
        return model

    def run(self, record=None, **settings):
        """The figures of one run after one that warms up, its baseline measured beside it."""
        config = Config(max_tokens=self.tokens, **settings)
        draft = ModelSpec("draft") if config.drafter == "model" else None
        job = Job(PROMPT if config.drafter != "ngram" else COPY, config, ModelSpec("t"), draft)
        for recording in (None, record):
            trace = Trace()
            with Recorder(recording) if recording else _nothing() as recorder:

                def sink(event, trace=trace, recorder=recorder):
                    trace.apply(event)
                    if recorder is not None:
                        recorder(event)

                self.runner.run(job, sink)
        run = trace.run
        for event in run.notices:
            print("  notice:", event.message)
        found = summary(run, trace.baseline_of(run))
        total = found["draft_s"] + found["verify_s"] + found["host_s"]
        found["host_share"] = found["host_s"] / total
        found["round_ms"] = 1e3 * total / found["rounds"]
        return found


class _nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def allocated(device) -> float:
    """MiB that torch holds on the device."""
    return torch.cuda.memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0


def bandwidth(device) -> float:
    """Bytes/s of a copy on the device, read and written ones counted."""
    size = 2 * GIB if device.type == "cuda" else GIB // 8
    a = torch.empty(size, dtype=torch.uint8, device=device).random_()
    b = torch.empty_like(a)
    best = float("inf")
    for _ in range(8):
        wait(device)
        began = time.perf_counter()
        b.copy_(a)
        wait(device)
        best = min(best, time.perf_counter() - began)
    return 2 * a.numel() / best


def weights_read(model: HfModel) -> int:
    """Bytes of weights that a pass of one token reads: all but an embedding that is no head."""
    network = model.network.model
    table, head = network.get_input_embeddings().weight, network.get_output_embeddings().weight
    tied = table.data_ptr() == head.data_ptr()
    return model.network.size_bytes - (0 if tied else table.numel() * table.element_size())


def generated(bench, gamma, assisted):
    """Tokens/s of transformers' own generate(), prompt excluded by a difference of lengths."""
    target = bench.target
    network, draft = target.network.model, bench.draft.network.model if assisted else None
    ids = torch.tensor([target.encode(PROMPT)], device=target.device)
    for net in filter(None, (network, draft)):
        net.set_attn_implementation("sdpa")
    settings = {"do_sample": False, "pad_token_id": 0, "attention_mask": torch.ones_like(ids)}
    if assisted:
        for net in (network, draft):
            net.generation_config.num_assistant_tokens = gamma
            net.generation_config.num_assistant_tokens_schedule = "constant"
            net.generation_config.assistant_confidence_threshold = 0.0
        settings["assistant_model"] = draft
    times, long_run = {}, min(bench.tokens, 128)
    try:
        for n in (8, long_run, 8, long_run):
            wait(target.device)
            began = time.perf_counter()
            out = network.generate(ids, max_new_tokens=n, min_new_tokens=n, **settings)
            wait(target.device)
            times[n] = time.perf_counter() - began, out.shape[1] - ids.shape[1]
    finally:
        for net in filter(None, (network, draft)):
            net.set_attn_implementation(attention.NAME)
    (short, few), (long, many) = times[8], times[long_run]
    return (many - few) / (long - short)


def section(title, work, results):
    print(f"\n== {title}", flush=True)
    began = time.perf_counter()
    try:
        results[title] = work()
    except Exception:
        traceback.print_exc()
    print(f"   ({time.perf_counter() - began:.1f} s)", flush=True)
    gc.collect()


def show(label, f, extra=""):
    print(
        f"  {label}: {f['tokens_per_second']:.1f} tok/s, plain {f['baseline_tokens_per_second'] or 0:.1f}, "
        f"speedup {f['speedup'] or 0:.2f}, α {f['acceptance_rate'] or 0:.3f}, τ {f['tokens_per_pass']:.2f}, "
        f"round {f['round_ms']:.2f} ms, host {100 * f['host_share']:.1f} % {extra}",
        flush=True,
    )


def wrapped(network, tokenizer, name, device):
    network.set_attn_implementation(attention.NAME)
    return HfModel(
        network, tokenizer, name=name, precision=devices.SHORT[network.dtype], device=device,
        context=2048, synthetic=True,
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--like", default="llama-8b")
    parser.add_argument("--draft-layers", type=int, default=3)
    parser.add_argument("--agreement", type=float, default=0.8)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--gamma", type=int, default=4)
    parser.add_argument("--embedded", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--device", default="cuda", help="cpu: only to see that it runs")
    parser.add_argument("--profile", action="store_true", help="show the kernels")
    parser.add_argument("--no-synthetic", action="store_true")
    args = parser.parse_args()
    device = devices.device_of(args.device)
    results: dict[str, object] = {"device": devices.device_name(device), "torch": torch.__version__}
    print(results)
    speed = bandwidth(device)
    results["bandwidth"] = speed
    print(f"copy: {speed / 1e12:.2f} TB/s")
    if args.record:
        args.record.mkdir(parents=True, exist_ok=True)
    if not args.no_synthetic:
        synthetic(args, device, speed, results)
    if args.embedded:
        embedded(args, device, speed, results)
    if args.record:
        (args.record / "gpu.json").write_text(json.dumps(results, default=str, indent=1))


def synthetic(args, device, speed, results):
    began = time.perf_counter()
    shape = synth.shape_named(args.like)
    pair = synth.make_pair(
        shape, draft_layers=args.draft_layers, agreement=args.agreement, device=device
    )
    tokenizer = synth.make_tokenizer(shape.tokens)
    print(f"made in {time.perf_counter() - began:.1f} s; agreement {pair.agreement:.3f}, "
          f"greedy {pair.greedy_agreement:.3f}")  # fmt: skip
    title = f"synthetic {args.like}"
    target = wrapped(pair.target_network, tokenizer, title, device)
    draft = wrapped(pair.draft_network, tokenizer, f"{title}, {args.draft_layers} layers", device)
    bench = Bench(target, draft, args.tokens)
    bound = speed / weights_read(target)
    print(f"bandwidth bound of plain decoding: {bound:.1f} tok/s")

    def plain(label):
        f = bench.run(gamma=0)
        show(label, f, f"= {f['tokens_per_second'] / bound:.3f} of the bound")
        return f

    def speculative(**settings):
        f = bench.run(gamma=args.gamma, **settings)
        show(str(settings), f)
        return f

    section("plain", lambda: plain("plain"), results)
    section("greedy", lambda: speculative(drafter="model"), results)
    section("pieces", lambda: pieces_alone(target), results)
    if args.profile:
        section("profile", lambda: profiled(target), results)
    for name, settings in {
        "sampled": {"temperature": 0.8},
        "block": {"temperature": 0.8, "rule": "block"},
        "early exit": {"drafter": "early-exit", "exit_layer": args.draft_layers},
    }.items():
        record = args.record / f"{name.replace(' ', '-')}.jsonl" if args.record else None
        options = {"drafter": "model", **settings}
        section(name, lambda o=options, r=record: speculative(record=r, **o), results)

    def reference(assisted):
        rate = generated(bench, args.gamma, assisted)
        print(f"  generate({'assistant_model' if assisted else ''}): {rate:.1f} tok/s")
        return rate

    section("transformers, plain", lambda: reference(False), results)
    section("transformers, assisted", lambda: reference(True), results)
    before = allocated(device)
    bench.runner.close()
    del bench, target, draft, pair
    devices.release()
    print(
        f"memory: {before:.0f} MiB before closing, {torch.cuda.memory_allocated() / 2**20:.0f} after"
    )


def embedded(args, device, speed, results):
    spec = ModelSpec(device=args.device, precision="bfloat16")
    path = args.embedded
    began = time.perf_counter()
    target = loading.load(
        loading.Source(path.parent, path.name, path.name, "SmolLM2 135M Instruct"), spec
    )
    print(f"embedded loaded in {time.perf_counter() - began:.1f} s")
    bench = Bench(target, None, args.tokens)
    bound = speed / weights_read(target)

    def run(name, **settings):
        record = args.record / f"embedded-{name}.jsonl" if args.record else None
        f = bench.run(record=record, **settings)
        show(
            name,
            f,
            f"plain is {(f['baseline_tokens_per_second'] or f['tokens_per_second']) / bound:.3f} of the bound",
        )
        return f

    section("embedded plain", lambda: run("plain", gamma=0), results)
    section("embedded ngram", lambda: run("ngram", gamma=7, drafter="ngram"), results)
    section(
        "embedded ngram, sampled",
        lambda: run("ngram-sampled", gamma=7, drafter="ngram", temperature=0.5),
        results,
    )
    section(
        "embedded early exit",
        lambda: run("early-exit", gamma=2, drafter="early-exit", exit_layer=24),
        results,
    )
    section("embedded, transformers plain", lambda: _print(generated(bench, 0, False)), results)
    bench.runner.close()


def pieces_alone(target):
    """Milliseconds of each captured piece, replayed on its own."""
    found = {}
    for pieces in target.pieces.values():
        board = pieces.board
        works = {"first": pieces.first, "further": pieces.further}
        for size in pieces.judging:
            works[f"forward {size + 1}"] = pieces.forward[size]
            works[f"verdict {size + 1}"] = pieces.verdict[size]
        for name, work in works.items():
            if work is None:
                continue
            times = []
            for _ in range(20):
                pieces._place_behind()
                wait(board.ids.device)
                start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                start.record()
                work()
                end.record()
                end.synchronize()
                times.append(start.elapsed_time(end))
            key = f"γ={pieces.plan.gamma} {pieces.plan.rule}: {name}"
            found[key] = sorted(times)[len(times) // 2]
            print(f"  {key}: {found[key]:.3f} ms")
    return found


def profiled(target):
    """The kernels of a single-token pass and of a verdict, by their share of the time."""
    from torch.profiler import ProfilerActivity, profile

    pieces = next(p for p in target.pieces.values() if p.plan.gamma == 0)
    for name, work in (("forward", pieces.forward[0]), ("verdict", pieces.verdict[0])):
        with profile(activities=[ProfilerActivity.CUDA]) as seen:
            for _ in range(5):
                pieces._place_behind()
                work()
            torch.cuda.synchronize()
        print(name)
        events = sorted(seen.key_averages(), key=lambda e: -e.self_device_time_total)[:16]
        for e in events:
            print(f"  {e.self_device_time_total / 5:9.1f} us {e.count / 5:6.1f} x {e.key[:90]}")


def _print(rate):
    print(f"  {rate:.1f} tok/s")
    return rate


if __name__ == "__main__":
    main()
