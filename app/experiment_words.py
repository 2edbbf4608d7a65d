"""What the page of an experiment calls its axes, values, settings and figures."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from app.sources import source_name
from app.words import DRAFTER_NAMES, RULE_NAMES
from engine.backends.registry import EMBEDDED_DRAFT
from engine.cost import times
from engine.drafting.registry import drafter_kind
from engine.errors import ConfigError
from engine.events import Models
from engine.experiments.grid import Setting
from engine.experiments.results import Definitions, Interval, Metric, RunRow, State
from engine.synthetic import KIND, is_synthetic

Make = Literal["real", "synthetic", "toy"]
EMBEDDED, NO_DRAFT, CHOSEN = "Embedded model", "No draft", "chosen"
METRICS: tuple[Metric, ...] = (
    *("speedup", "modelled", "acceptance", "tokens_per_pass", "tokens_per_second"),
)
AXES = {
    "target": "Target",
    "draft": "Draft",
    "drafter": "Drafter",
    "gamma": "γ",
    "temperature": "Temperature",
    "rule": "Rule",
    "length_policy": "Length",
    "kind": "Kind of prompt",
    "prompt": "Prompt",
}
"""The keys of `results.KEYS` for people, in the order in which they are offered."""
POLICIES = {"fixed": "Fixed", "confidence": "Confidence", "entropy": "Entropy",
            "throughput": "Throughput"}  # fmt: skip
KINDS = {"chat": "Chat", "code": "Code", "summarise": "Summarise", "translate": "Translate",
         "maths": "Maths", "copy": "Copy", "": "Other"}  # fmt: skip
STATES: dict[State, str] = {
    "done": "done",
    "partial": "incomplete",
    "refused": "refused",
    "failed": "failed",
    "waiting": "waiting",
}


PLURALS = {
    "target": "targets",
    "draft": "drafts",
    "drafter": "drafters",
    "gamma": "values",
    "temperature": "temperatures",
    "rule": "rules",
    "length_policy": "policies",
    "kind": "kinds",
    "prompt": "prompts",
}


class MetricWords(NamedTuple):
    """title: of a map. short: of a column. kind: measured or modelled. tip: what it is."""

    title: str
    short: str
    kind: str
    tip: str


def metric_words(metric: Metric, how: Definitions) -> MetricWords:
    """What a figure is called, under these definitions."""
    match metric:
        case "speedup":
            return MetricWords("Speedup", "speedup", "measured",
                               "tokens/s ÷ those of the baseline in the same block")  # fmt: skip
        case "modelled":
            return MetricWords("Modelled speedup", "modelled", "modelled",
                               "by the cost model: calibrated costs, the run's own α")  # fmt: skip
        case "acceptance" if how.efficiency:
            return MetricWords("Draft efficiency", "efficiency", "measured", "accepted ÷ drafted")
        case "acceptance":
            return MetricWords("Acceptance rate α", "α", "measured",
                               "accepted ÷ judged: discarded tokens do not count")  # fmt: skip
        case "tokens_per_pass" if how.bonus:
            return MetricWords("Tokens per pass τ", "τ", "measured",
                               "tokens emitted ÷ target passes, added tokens included")  # fmt: skip
        case "tokens_per_pass":
            return MetricWords("Accepted per pass", "accepted/pass", "measured",
                               "accepted ÷ target passes, without the added tokens")  # fmt: skip
        case "tokens_per_second":
            return MetricWords("Tokens per second", "tokens/s", "measured",
                               "of decoding: the prompt is not counted")  # fmt: skip


def make_of(models: Models) -> Make:
    if models.target.simulated:
        return "toy"
    return "synthetic" if is_synthetic(models) else "real"


def kind_of(metric: Metric, how: Definitions, makes: Collection[Make]) -> str:
    """measured, modelled or simulated; each of them where the runs are of models of several makes.
    Times of toys are simulated, and what made-up weights accept."""
    kind = metric_words(metric, how).kind
    if metric == "modelled":
        return kind
    timed = metric in ("speedup", "tokens_per_second")
    kinds: dict[Make, str] = {
        "real": kind,
        "synthetic": KIND if timed else "simulated",
        "toy": "simulated" if timed else kind,
    }
    return " and ".join(dict.fromkeys(kinds[make] for make in kinds if make in makes)) or kind


def figure(metric: Metric, value: float) -> str:
    """A value with its unit: 1.32×, 78 %, 3.41, 42.1."""
    match metric:
        case "speedup" | "modelled":
            return times(value)
        case "acceptance":
            return f"{100 * value:.0f} %"
        case "tokens_per_pass":
            return f"{value:.2f}"
        case "tokens_per_second":
            return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def printed(metric: Metric, value: float) -> str:
    """The same as a cell of a map prints it: without what all of them would repeat."""
    if metric in ("speedup", "modelled") and value < 9.995:
        return f"{value:.2f}"
    return figure(metric, value).rstrip("×% ")


def interval_words(metric: Metric, found: Interval) -> str:
    """`1.32×, 95 % interval 1.21× to 1.40×, n = 12`."""
    if found.n == 1:
        return f"{figure(metric, found.median)}, n = 1"
    # The extremes of up to five values hold the median less often than that.
    what = "95 % interval" if found.n > 5 else "range"
    return f"{figure(metric, found.median)}, {what} {spread(metric, found)}"


def spread(metric: Metric, found: Interval) -> str:
    """`1.21× to 1.40×, n = 12`."""
    if found.n == 1:
        return "n = 1"
    low, high = figure(metric, found.low), figure(metric, found.high)
    return f"{low} to {high}, n = {found.n}"


class Label(NamedTuple):
    """text: as it stands at an axis. full: all of it."""

    text: str
    full: str


def value_label(key: str, value: object) -> Label:
    """A value of an axis, apart from models, which `model_labels` tells apart."""
    match key:
        case "target" | "draft":
            return model_labels([value])[value]
        case "drafter":
            name = "Draft model" if value == "model" else DRAFTER_NAMES.get(str(value), str(value))
            return Label(name[:1].upper() + name[1:] if name != "n-gram" else name, str(value))
        case "gamma":
            if value == CHOSEN:
                return Label(CHOSEN, "γ chosen by the drafter, round by round")
            return Label(str(value), f"γ = {value}")
        case "temperature":
            greedy = ", greedy" if value == 0 else ""
            return Label(f"{value:g}", f"T = {value:g}{greedy}")
        case "rule":
            return Label(RULE_NAMES.get(str(value), str(value)), str(value))
        case "length_policy":
            return Label(POLICIES.get(str(value), str(value)), str(value))
        case "kind":
            return Label(KINDS.get(str(value), str(value)), str(value) or "of no kind")
        case _:
            return Label(str(value), str(value))


def model_labels(sources: Iterable[object]) -> dict[object, Label]:
    """Models by the stems of their files; where two are alike, with the folder before."""
    labels: dict[object, Label] = {}
    names: dict[str, list[str]] = {}
    for source in dict.fromkeys(sources):
        if source is None:
            labels[source] = Label(NO_DRAFT, "without a draft model")
        elif source == "":
            labels[source] = Label(EMBEDDED, "the model that ships with Draftscope")
        elif source == EMBEDDED_DRAFT:
            labels[source] = Label("Embedded draft", "the draft that ships with Draftscope")
        elif source == "toy":
            labels[source] = Label("Toy", "the toy model: its times are simulated")
        else:
            names.setdefault(source_name(str(source)), []).append(str(source))
    for name, alike in names.items():
        for source in alike:
            folder = Path(source).parent.name
            text = f"{folder}/{name}" if len(alike) > 1 and folder else name
            labels[source] = Label(text, source)
    return labels


def gamma_of(setting: Setting) -> int | str:
    """γ, or that the drafter chooses it."""
    return CHOSEN if _chooses(setting.drafter) else setting.gamma


@cache
def _chooses(drafter: str) -> bool:
    try:
        return drafter_kind(drafter).chooses_gamma
    except ConfigError:  # of a newer version
        return False


def setting_words(setting: Setting) -> str:
    """What a setting does, apart from its models: `Draft model · γ 4 · T 0.8 · Block`."""
    usual = {"rule": "rejection", "length_policy": "fixed"}
    keys = ("drafter", "gamma", "temperature", "rule", "length_policy")
    return parts_words(setting, [k for k in keys if getattr(setting, k) != usual.get(k)])


def parts_words(setting: Setting, keys: Iterable[str]) -> str:
    """These parts of a setting."""
    before = {"gamma": "γ ", "temperature": "T ", "length_policy": "length "}
    parts: list[str] = []
    for key in keys:
        if key == "gamma" and gamma_of(setting) == CHOSEN:
            continue
        text = value_label(key, getattr(setting, key)).text
        parts.append(f"{before[key]}{text.lower()}" if key in before else text)
    return " · ".join(parts)


def run_value(run: RunRow, metric: Metric, how: Definitions) -> float | None:
    """A run's own figure, under these definitions."""
    f = run.figures
    match metric:
        case "acceptance":
            return f.draft_efficiency if how.efficiency else f.acceptance_rate
        case "tokens_per_pass" if not how.bonus:
            return f.accepted / f.rounds if f.rounds else None
        case _:
            return getattr(f, metric)
