"""Recompute what `draftscope run --json` prints from the `--trace` file alone.

Imports nothing of Draftscope: python tests/recompute.py TRACE.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def split_runs(path: Path) -> list[list[dict]]:
    runs: list[list[dict]] = []
    for line in path.read_text("utf-8").splitlines():
        event = json.loads(line)
        if event["type"] == "RunStarted":
            runs.append([])
        runs[-1].append(event)
    return runs


def rounds_of(events: list[dict]) -> list[dict]:
    """Per round: emitted ids and pieces, counts, nanoseconds."""
    rounds, drafted, wasted = [], [], 0
    for event in events:
        if event["type"] == "Drafted":
            drafted.append(event)
        elif event["type"] == "LengthChosen":
            wasted = event["draft_ns"]
        elif event["type"] == "Verified":
            path = event.get("path")  # of a tree; a chain's accepted tokens are its first ones
            kept = drafted[: event["n_accepted"]] if path is None else [drafted[i] for i in path]
            ids, pieces = [d["id"] for d in kept], [d["piece"] for d in kept]
            if event["added_id"] is not None:
                ids.append(event["added_id"])
                pieces.append(event["added_piece"])
            rejected = len(event["judged"]) - event["n_accepted"]
            draft_ns = sum(d["draft_ns"] for d in drafted) + wasted
            rounds.append(
                {
                    "ids": ids,
                    "text": "".join(pieces),
                    "drafted": len(drafted),
                    "accepted": event["n_accepted"],
                    "rejected": rejected,
                    "discarded": len(drafted) - event["n_accepted"] - rejected,
                    "kind": event["added_kind"],
                    "draft_ns": draft_ns,
                    "target_ns": event["target_ns"],
                    "host_ns": event["host_ns"],
                    "ns": draft_ns + event["target_ns"] + event["host_ns"],
                }
            )
            drafted, wasted = [], 0
    return rounds


def over(a: float, b: float) -> float | None:
    return a / b if b else None


def recompute(path: Path) -> dict[str, object]:
    runs = split_runs(path)
    events = runs[-1]
    start, end = events[0], events[-1]
    rounds = rounds_of(events)
    baseline = next((r for r in runs if r[0]["run_id"] == start["baseline"]), None)

    def total(key: str) -> int:
        return sum(r[key] for r in rounds)

    ids = [i for r in rounds for i in r["ids"]]
    prefills = [e for e in events if e["type"] == "Prefilled"]
    result: dict[str, object] = {
        "text": "".join(r["text"] for r in rounds),
        "token_ids": ids,
        "tokens": len(ids),
        "rounds": len(rounds),
        "drafted": total("drafted"),
        "accepted": total("accepted"),
        "rejected": total("rejected"),
        "discarded": total("discarded"),
        "resampled": sum(r["kind"] == "resampled" for r in rounds),
        "bonus": sum(r["kind"] == "bonus" for r in rounds),
        "acceptance_rate": over(total("accepted"), total("accepted") + total("rejected")),
        "draft_efficiency": over(total("accepted"), total("drafted")),
        "tokens_per_pass": over(len(ids), len(rounds)),
        "tokens_per_second": over(len(ids) * 1e9, total("ns")),
        "baseline_tokens_per_second": None,
        "baseline_token_ids": None,
        "speedup": None,
        "draft_s": total("draft_ns") / 1e9,
        "verify_s": total("target_ns") / 1e9,
        "host_s": total("host_ns") / 1e9,
        "prefill_s": sum(e["target_ns"] + e["draft_ns"] for e in prefills) / 1e9,
        "target": start["models"]["target"]["name"],
        "draft": (start["models"].get("draft") or {}).get("name"),
        "drafter": start["config"]["drafter"],
        "rule": start["config"]["rule"],
        "gamma": start["config"]["gamma"],
        "temperature": start["config"]["temperature"],
        "seed": start["config"]["seed"],
        "threads": start["models"]["target"]["threads"],
        "device": start["models"]["target"]["device"],
        "finish_reason": end["reason"],
    }
    if baseline is not None:
        plain = rounds_of(baseline)
        result["baseline_token_ids"] = [i for r in plain for i in r["ids"]]
        # Both over the same n tokens: as many whole rounds of this run as the baseline covers.
        n = ns = 0
        for r in rounds:
            if n + len(r["ids"]) > len(plain):
                break
            n, ns = n + len(r["ids"]), ns + r["ns"]
        plain_ns = sum(r["ns"] for r in plain[:n])
        result["baseline_tokens_per_second"] = over(n * 1e9, plain_ns)
        result["speedup"] = over(plain_ns, ns)
    return result


if __name__ == "__main__":
    json.dump(recompute(Path(sys.argv[1])), sys.stdout, ensure_ascii=False)
