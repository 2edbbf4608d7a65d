"""What is said of drafts that are made."""

from __future__ import annotations

from app.draft_maker import Made
from app.sources import size_words, source_name
from engine.backends.quantising import Forecast
from engine.distil.figures import STAGES, Learnt, Step
from engine.distil.plan import Plan
from engine.experiments.sweep import duration_left

STATES = {
    "finished": "finished",
    "stopped": "stopped, can be resumed",
    "running": "being made",
    "quantised": "quantisation",
    "unreadable": "cannot be read",
}
EXPLAINED = {
    "distil": (
        "A draft made from the target itself",
        "1. The target writes text, and what it found probable at each place is kept.",
        "2. A small model of its family learns these distributions; the curves rise here.",
        "3. It is measured on prompts that it never saw, and written as GGUF and Hugging Face "
        "files.",
    ),
    "quantise": (
        "The target in fewer bits as its own draft",
        "It is written in seconds and agrees with the target nearly always.",
        "A pass of it reads almost as many bytes as one of the target: the forecast says how many.",
    ),
}
"""What a newcomer sees of each way: a heading, then lines."""


def step_words(step: Step) -> str:
    left = "" if step.seconds_left is None else f", {duration_left(step.seconds_left)} left"
    detail = f" · {step.detail}" if step.detail else ""
    return f"{STAGES[step.stage]}: {step.fraction:.0%}{left}{detail}"


def plan_words(plan: Plan) -> str:
    """ "4 layers, as wide as the target, 14,336 tokens known · 400,000 tokens of text"."""
    target = source_name(plan.target) or "the embedded model"
    text = f"{plan.tokens:,} tokens of text"
    if plan.begin:
        return f"Of {target} · {source_name(plan.begin)} trained on · {text}"
    width = f"{plan.hidden} wide" if plan.hidden else "as wide as the target"
    known = f"{plan.vocabulary:,} tokens known" if plan.vocabulary else "all tokens known"
    layers = f"{plan.layers} layer{'s' if plan.layers > 1 else ''}"
    return f"Of {target} · {layers}, {width}, {known} · {text}"


def state_words(made: Made) -> str:
    if made.state != "quantised":
        return STATES[made.state]
    return f"{STATES[made.state]}, {size_words(made.path.stat().st_size)}"


def forecast_words(forecast: Forecast) -> tuple[str, str]:
    """(size, what to expect of it)."""
    return size_words(forecast.size), f"cost ratio about {forecast.cost_ratio:.2f}"


def learnt_words(learnt: Learnt) -> str:
    gamma, speedup = learnt.speedup
    return (
        f"{learnt.tokens:,} tokens learnt, agreement {learnt.agreement:.2f}, "
        f"modelled speedup {speedup:.2f} at γ = {gamma}"
    )
