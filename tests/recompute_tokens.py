"""Recompute the decision over every token from the lines of a recording alone.

Imports nothing of Draftscope: python tests/recompute_tokens.py TRACE.jsonl prints one JSON object a
token, with p, q, u, what accepts it, and the residual that replaced it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path


def tokens(path: Path) -> Iterator[dict]:
    """The drafted and added tokens of the last run, in order."""
    runs: list[list[dict]] = []
    for line in path.read_text("utf-8").splitlines():
        event = json.loads(line)
        if event["type"] == "RunStarted":
            runs.append([])
        runs[-1].append(event)
    events = runs[-1]
    config, context = events[0]["config"], list(events[0]["prompt_ids"])
    drafted: list[dict] = []
    for event in events:
        if event["type"] == "Drafted":
            drafted.append(event)
        elif event["type"] == "Verified":
            yield from round_of(config, context, drafted, event)
            ids = [drafted[i]["id"] for i in path_of(event)]
            context += ids if event["added_id"] is None else [*ids, event["added_id"]]
            drafted = []


def path_of(verdict: dict) -> list[int]:
    return verdict.get("path") or list(range(verdict["n_accepted"] if "path" not in verdict else 0))


def round_of(
    config: dict, context: list[int], drafted: list[dict], verdict: dict
) -> Iterator[dict]:
    judged, path = verdict["judged"], path_of(verdict)
    places = verdict.get("judged_at")
    if places is None:
        judged = judged + verdict.get("weighed", [])
        places = list(range(len(judged)))
    numbers = dict(zip(places, judged, strict=True))
    accepting = accepts(config, drafted, numbers)
    n_judged = len(verdict["judged"])
    for i, token in enumerate(drafted):
        state = "accepted" if i in path else "rejected" if i in places[:n_judged] else "discarded"
        parent = token["parent"]
        fact = {
            "round": verdict["round"],
            "index": i,
            "id": token["id"],
            "state": state,
            "last": context[-1] if parent < 0 else drafted[parent]["id"],
            "siblings": [d["id"] for d in drafted[:i] if d["parent"] == parent],
            "p": None,
            "q": token["q"],
            "u": None,
            "accept": None,
        }
        if i in numbers:
            n = numbers[i]
            fact |= {"p": n["p"], "q": n["q"], "u": n["u"], "accept": accepting[i]}
        yield fact
    if verdict["added_id"] is not None:
        last = verdict["judged"][-1] if verdict["added_kind"] == "resampled" else None
        yield {
            "round": verdict["round"],
            "index": len(drafted),
            "id": verdict["added_id"],
            "state": verdict["added_kind"],
            "last": drafted[path[-1]]["id"] if path else context[-1],
            "u": verdict["added_u"],
            "p": verdict.get("added_p"),
            "residual": residual(config, drafted, verdict, last, places[n_judged - 1]
                                 if last else None),
            "recorded": verdict["residual_top"],
        }  # fmt: skip


def accepts(config: dict, drafted: list[dict], numbers: dict[int, dict]) -> dict[int, float | None]:
    """What u is compared with, of each judged token; of a threshold rule, the threshold."""
    rule, found, weight = config["rule"], {}, 1.0
    for i, n in numbers.items():
        if "threshold" in n:
            found[i] = n["threshold"]
        elif n["u"] is None:
            found[i] = None
        elif rule == "sample-match":
            found[i] = n["p"]
        elif rule == "lenient":
            found[i] = min(1.0, n["p"] / (config["lenience"] * n["q"]))
        elif rule != "block":
            found[i] = min(1.0, n["p"] / n["q"])
        else:
            weight = min(1.0, weight * n["p"] / n["q"])
            found[i] = weight
            if i + 1 < len(drafted) and weight < 1.0:
                after = numbers.get(i + 1)  # at an end of text the next place is not recorded
                mass = max(weight - after["overlap"], 0.0) if after else math.nan
                found[i] = mass / (mass + 1.0 - weight)
    return found


def residual(
    config: dict, drafted: list[dict], verdict: dict, last: dict | None, at: int | None
) -> dict[int, tuple[float, float]] | None:
    """id -> (probability, how far the rounding of the rows can put it off), for the candidates of
    which p and q are recorded. A tree's later siblings need the residuals before them: left out."""
    if last is None or at is None or config["temperature"] == 0 or config["rule"] == "typical":
        return None
    if any(d["parent"] == drafted[at]["parent"] for d in drafted[:at]):
        return None
    row = verdict["tops"][verdict["n_accepted"]]
    p = dict(zip(row["ids"], row["p"], strict=True)) | {drafted[at]["id"]: last["p"]}
    weight = last.get("weight", 1.0)
    left = weight - last["overlap"]
    # p, q and the residual itself are each written with seven decimals, from float32 rows.
    off = 3e-7 / left + 1e-6
    if drafted[at].get("u") is None or config["rule"] == "sample-match":
        rest = {i: 0.0 if i == drafted[at]["id"] else v / left for i, v in p.items()}
        return {i: (v, off) for i, v in rest.items()}
    top = drafted[at]["top"]
    q = dict(zip(top["ids"], top["p"], strict=True)) | {drafted[at]["id"]: last["q"]}
    return {i: (max(0.0, weight * p[i] - q[i]) / left, off) for i in p if i in q}


if __name__ == "__main__":
    for fact in tokens(Path(sys.argv[1])):
        sys.stdout.write(json.dumps(fact) + "\n")
