"""Decoding on a GPU, without a download: python -m tests.bench.gpu [--embedded FILE.gguf]

A synthetic pair in the shape of an 8B model and a draft of its first layers, made on the device;
plain decoding against the device's bandwidth, speculative decoding against transformers' own
assisted generation with the same pair, prompt and γ, and the host's share of a round. With a GGUF
file, also that model through transformers. Acceptance of the synthetic pair is simulated, all times
are measured. --record DIR keeps some runs as recordings.
"""

from __future__ import annotations

import argparse
import contextlib
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

    def run(self, record=None, prompt=None, warm=True, **settings):
        """The figures of one run, its baseline measured beside it; warm: after one that is not
        counted."""
        config = Config(max_tokens=self.tokens, **settings)
        draft = ModelSpec("draft") if config.drafter == "model" else None
        prompt = prompt or (COPY if config.drafter == "ngram" else PROMPT)
        job = Job(prompt, config, ModelSpec("t"), draft)
        for recording in (None, record) if warm else (record,):
            trace = Trace()
            with Recorder(recording) if recording else contextlib.nullcontext() as recorder:

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


def generated(bench, prompt=PROMPT, **assistance):
    """Tokens/s of transformers' own greedy generate(), prompt excluded by a difference of lengths.

    assistance: as generate() takes it, such as assistant_model.
    """
    target = bench.target
    network, draft = target.network.model, assistance.get("assistant_model")
    ids = torch.tensor([target.encode(prompt)], device=target.device)
    networks = [net for net in (network, draft) if net is not None]
    settings = {"do_sample": False, "pad_token_id": 0, "attention_mask": torch.ones_like(ids)}
    times, long_run = {}, min(bench.tokens, 128)
    for net in networks:
        net.set_attn_implementation("sdpa")
    try:
        for n in (8, long_run, 8, long_run):
            wait(target.device)
            began = time.perf_counter()
            out = network.generate(
                ids, max_new_tokens=n, min_new_tokens=n, **settings, **assistance
            )
            wait(target.device)
            times[n] = time.perf_counter() - began, out.shape[1] - ids.shape[1]
    finally:
        for net in networks:
            net.set_attn_implementation(attention.NAME)
    (short, few), (long, many) = times[8], times[long_run]
    rate = (many - few) / (long - short)
    print(f"  generate({', '.join(assistance)}): {rate:.1f} tok/s", flush=True)
    return rate


def drafting(network, gamma):
    """The draft as generate(assistant_model=...) takes it, with γ tokens in every round."""
    network.generation_config.num_assistant_tokens = gamma
    network.generation_config.num_assistant_tokens_schedule = "constant"
    network.generation_config.assistant_confidence_threshold = 0.0
    return {"assistant_model": network}


def section(title, work, results):
    print(f"\n== {title}", flush=True)
    began = time.perf_counter()
    try:
        results[title] = work()
    except Exception:
        traceback.print_exc()
    print(f"   ({time.perf_counter() - began:.1f} s)", flush=True)
    gc.collect()


def show(label, f, bound):
    plain = f["baseline_tokens_per_second"] or f["tokens_per_second"]
    print(
        f"  {label}: {f['tokens_per_second']:.1f} tok/s, "
        f"plain {plain:.1f} = {plain / bound:.3f} of the bound, speedup {f['speedup'] or 0:.2f}, "
        f"α {f['acceptance_rate'] or 0:.3f}, τ {f['tokens_per_pass']:.2f}, "
        f"round {f['round_ms']:.2f} ms, host {100 * f['host_share']:.1f} %",
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
    parts = [(embedded, args.embedded), (synthetic, not args.no_synthetic)]
    for part in [part for part, wanted in parts if wanted]:
        before = allocated(device)
        held = part(args, device, speed, results)
        devices.release()
        after = allocated(device)
        results[f"memory {part.__name__}"] = before, held, after
        print(f"memory: {before:.0f} MiB before, {held:.0f} loaded, {after:.0f} closed", flush=True)
    if args.record:
        (args.record / "gpu.json").write_text(json.dumps(results, default=str, indent=1))
    print(json.dumps(results, default=str))


def synthetic(args, device, speed, results):
    """MiB that the device held at the end."""
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

    def run(name, record=False, **settings):
        options = {"gamma": args.gamma, "drafter": "model", **settings}
        f = bench.run(record=recording(args, name) if record else None, **options)
        show(name, f, bound)
        return f

    exit_layer = {"drafter": "early-exit", "exit_layer": args.draft_layers}
    section("plain", lambda: run("plain", gamma=0), results)
    section("greedy", lambda: run("greedy"), results)
    section("pieces", lambda: pieces_alone(target), results)
    if args.profile:
        section("profile", lambda: profiled(target), results)
    section("sampled", lambda: run("sampled", True, temperature=0.8), results)
    section("block", lambda: run("block", True, temperature=0.8, rule="block"), results)
    section("early exit", lambda: run("early-exit", True, **exit_layer), results)
    help_of_draft = drafting(draft.network.model, args.gamma)
    section("transformers, plain", lambda: generated(bench), results)
    section("transformers, assisted", lambda: generated(bench, **help_of_draft), results)
    held = allocated(device)
    bench.runner.close()
    return held


def recording(args, name):
    return args.record / f"{name}.jsonl" if args.record else None


def embedded(args, device, speed, results):
    """MiB that the device held at the end."""
    spec = ModelSpec(device=args.device, precision="bfloat16")
    path = args.embedded
    began = time.perf_counter()
    source = loading.Source(path.parent, path.name, path.name, "SmolLM2 135M Instruct")
    target = loading.load(source, spec)
    print(f"embedded model loaded in {time.perf_counter() - began:.1f} s")
    bench = Bench(target, None, args.tokens)
    bound = speed / weights_read(target)
    print(f"bandwidth bound of plain decoding: {bound:.1f} tok/s")

    def run(name, **settings):
        f = bench.run(record=recording(args, f"embedded-{name}"), **settings)
        show(name, f, bound)
        return f

    ngram = {"gamma": 7, "drafter": "ngram"}
    early = {"gamma": 2, "drafter": "early-exit", "exit_layer": 24}
    section("embedded ngram", lambda: run("ngram", **ngram), results)
    section("embedded ngram T", lambda: run("ngram-sampled", temperature=0.5, **ngram), results)
    section("embedded early exit", lambda: run("early-exit", **early), results)
    section("embedded plain", lambda: run("plain", gamma=0), results)
    section("embedded generate", lambda: generated(bench), results)
    lookup = {"prompt_lookup_num_tokens": 7}
    section("embedded lookup", lambda: generated(bench, COPY, **lookup), results)
    held = allocated(device)
    bench.runner.close()
    return held


@torch.inference_mode()
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


@torch.inference_mode()
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


if __name__ == "__main__":
    main()
