"""What a race says: who runs in its lanes, how the two runs differ, how each came to its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from app.race import Lane, LaneState, Race, RaceState
from app.views import format as fmt
from app.words import DRAFTER_NAMES, RULE_NAMES, device_words
from engine.events import RunStarted
from engine.methods import is_tree
from engine.synthetic import is_synthetic
from engine.trace import Run

Ink = Literal["target", "draft", "good"]
"""The hue of a lane, as the theme names it."""
REPLAYED = "replayed together"
SIMULATED_ACCEPTANCE = "simulated acceptance"
SAMPLING = ("temperature", "filters", "seed")
FACETS = (
    *("target", "drafter", "γ", "rule", "length", "branches", "machine", "device"),
    *SAMPLING,
)
"""What can tell two runs apart, in the order in which a heading names it."""


_SHARED = ("machine", "device", *SAMPLING)
"""Facets that a lane's details leave out where both runs agree."""


def is_plain(run: Run) -> bool:
    """Whether a run is plain decoding, measured as a baseline or run for itself."""
    return run.started.config.gamma == 0


def facets(run: Run) -> dict[str, str]:
    """What a run was made with, by the names in FACETS; plain decoding has no method to tell."""
    started = run.started
    config, target = started.config, started.models.target
    found = {
        "target": " ".join(filter(None, (target.name, target.quantisation))),
        **dict(zip(SAMPLING, _sampling(started), strict=True)),
        "device": device_words(target),
        "machine": started.host.cpu,
    }
    if is_plain(run):
        return {**found, "drafter": "plain decoding"}
    branches = "·".join(map(str, config.branches[: config.gamma]))
    return {
        **found,
        "drafter": _drafter(started),
        "γ": f"γ {config.gamma}",
        "rule": RULE_NAMES.get(config.rule, config.rule).lower(),
        "length": "" if config.length_policy == "fixed" else f"length by {config.length_policy}",
        "branches": f"branches {branches}" if is_tree(config) else "",
    }


def _drafter(started: RunStarted) -> str:
    config, draft = started.config, started.models.draft
    if config.drafter == "model" and draft is not None:
        return f"draft {draft.name}"
    name = DRAFTER_NAMES.get(config.drafter, config.drafter)
    return name if name == "n-gram" else name.lower()


def _sampling(started: RunStarted) -> tuple[str, str, str]:
    config = started.config
    if config.greedy:
        return "greedy", "", ""
    filters = [f"top-k {config.top_k}"] if config.top_k else []
    filters += [f"top-p {config.top_p:g}"] if config.top_p < 1 else []
    return f"T {config.temperature:g}", " ".join(filters), f"seed {config.seed}"


def differing(first: Run, second: Run) -> list[str]:
    """The facets in which two runs differ. What only a speculative run has tells no two apart."""
    ours, theirs = facets(first), facets(second)
    return [f for f in FACETS if f in ours and f in theirs and ours[f] != theirs[f]]


@dataclass(frozen=True, slots=True)
class LaneName:
    """name: short enough for a sentence. detail: the rest of what the run was made with."""

    name: str
    detail: str


def lane_names(first: Run, second: Run) -> tuple[LaneName, LaneName]:
    """Standard and speculative where that tells them apart; else what does."""
    differ = differing(first, second)
    named: list[LaneName] = []
    for place, run in zip(("First", "Second"), (first, second), strict=True):
        found = facets(run)
        if is_plain(first) != is_plain(second):
            used, name = [], "Standard" if is_plain(run) else "Speculative"
        elif differ:
            used = [f for f in differ if found[f]][:2]
            name = " · ".join(found[f] for f in used) or _lacking(differ[0])
        else:
            used, name = [], place
        told = [f for f in FACETS if f not in _SHARED or f in differ]
        detail = " · ".join(found[f] for f in told if found.get(f) and f not in used)
        named.append(LaneName(_as_heading(name), detail))
    return named[0], named[1]


def _as_heading(name: str) -> str:
    """With a capital, but for symbols: γ, and the n of n-gram."""
    return name if name.startswith(("γ", "n-gram")) else name[:1].upper() + name[1:]


def inks(first: Run, second: Run) -> tuple[Ink, Ink]:
    """Standard red and speculative green, as everywhere; two of a kind: one of them is blue."""
    if is_plain(first) and is_plain(second):
        return "target", "draft"
    if not is_plain(first) and not is_plain(second):
        return "draft", "good"
    return ("target", "good") if is_plain(first) else ("good", "target")


def _lacking(facet: str) -> str:
    lacking = {"length": "fixed length", "branches": "no branches", "filters": "no filter"}
    return lacking.get(facet, facet)


@dataclass(frozen=True, slots=True)
class Badge:
    """Forms: the same from long to short. warns: the runs are not of one prompt, model, machine."""

    forms: tuple[str, ...]
    warns: bool


def badge(first: Run, second: Run) -> Badge:
    """That both lanes are recordings, and what else than the method is different about them."""
    a, b = first.started, second.started
    differ = differing(first, second)
    other: list[str] = []
    if a.prompt_ids != b.prompt_ids:
        other.append("prompts")
    if "target" in differ:
        other.append("models")
    sampled = [f for f in SAMPLING if f in differ]
    if sampled:
        other.append("seeds" if sampled == ["seed"] else "sampling")
    if "machine" in differ or "device" in differ:
        other.append("machines" if "machine" in differ else "devices")
    if not other:
        whole = f"two recorded runs, one after the other, {REPLAYED}"
        return Badge((whole, f"two recorded runs, {REPLAYED}", REPLAYED), False)
    unlike = f"different {_listed(other)}"
    whole = f"two recorded runs, {REPLAYED} · {unlike}"
    return Badge((whole, f"{REPLAYED} · {unlike}", unlike), True)


def _listed(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def goal(race: Race) -> str:
    """How far they race, and why no further; what the times are."""
    tokens = fmt.count(race.tokens, "token")
    far = f"to {tokens}, as many as both have" if race.cut else f"to {tokens}"
    goal = f"{far} · {kind(race)} decode times"
    return f"{goal} · {SIMULATED_ACCEPTANCE}" if _synthetic(race) else goal


# Times


def clock(ns: float, end_ns: float) -> str:
    """A moment of a race that ends at `end_ns`: `0.38 s`, or ms all through a short one."""
    return f"{ns / 1e6:.1f} ms" if end_ns < 100e6 else f"{ns / 1e9:.2f} s"


def times(lane: Lane, state: LaneState) -> tuple[str, ...]:
    """How the time so far came about, from long to short."""
    parts = {"draft": state.draft_ns, "verify": state.verify_ns, "host": state.host_ns}
    total = sum(parts.values())
    if not total:
        return (fmt.duration(0),)
    whole = fmt.duration(total)
    if is_plain(lane.whole):
        each = fmt.product_of(state.target_calls, total / state.target_calls)
        return each.replace(" ×", " tokens ×", 1), each, whole
    summed = fmt.sum_of(list(parts.values()))
    terms, _, result = summed.partition(" = ")
    if not result:
        return whole, whole
    shown = [name for name, ns in parts.items() if float(fmt.number(ns, fmt.unit_of(total)))]
    values = terms.split(" + ")
    named = " + ".join(f"{value} {name}" for name, value in zip(shown, values, strict=True))
    return f"{named} = {result}", summed, whole


def calls(state: LaneState) -> str:
    return fmt.count(state.target_calls, "target call")


def kind(race: Race) -> str:
    """Whether the times are measured, or only simulated: toy models have none of their own."""
    lanes = race.lanes or ()
    toy = any(lane.whole.started.models.target.simulated for lane in lanes)
    return "simulated" if toy else "measured"


def ratio_kind(race: Race) -> str:
    """What the ratio of two measured times is worth: made-up weights accept as they were told."""
    times = kind(race)
    return SIMULATED_ACCEPTANCE if times == "measured" and _synthetic(race) else times


def _synthetic(race: Race) -> bool:
    return any(is_synthetic(lane.whole.started.models) for lane in race.lanes or ())


def same_text(race: Race) -> bool:
    """Whether both runs wrote the same tokens up to the finish."""
    if race.lanes is None:
        return False
    first, second = (lane.whole.token_ids[: race.tokens] for lane in race.lanes)
    return first == second


def law(race: Race) -> tuple[str, bool]:
    """What the two outputs have to do with each other; whether that is good news."""
    if race.lanes is None:
        return "", False
    first, second = (lane.whole.started for lane in race.lanes)
    if same_text(race):
        return f"Both wrote the same {fmt.count(race.tokens, 'token')}", True
    lossy = [s.config.rule for s in (first, second) if s.config.gamma and not s.lossless]
    if lossy:
        rules = " and ".join(dict.fromkeys(RULE_NAMES.get(r, r) for r in lossy))
        return f"Not lossless: {rules} leaves the target's distribution", False
    like = [
        (s.prompt_ids, s.models.target.name, s.models.target.quantisation, _law_of(s))
        for s in (first, second)
    ]
    if like[0] == like[1]:
        return "Lossless: both follow the target's own distribution", True
    return "The two texts are not comparable: only the times are", False


def _law_of(started: RunStarted) -> object:
    """The settings that make a target's distribution."""
    return msgspec.structs.replace(started.config.comparable(), seed=0, max_tokens=1, top=1)


def lead(race: Race, state: RaceState) -> tuple[int | None, int]:
    """Which lane is ahead (None: neither), and by how many tokens."""
    by = state.lead
    return (None if not by else int(by > 0)), abs(by)
