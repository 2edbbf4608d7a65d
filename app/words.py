"""What the status bar and the setup panel say: pure functions from what is known to sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from app.commands import State
from app.panels.status import Mood
from app.player import AS_RECORDED, Player
from engine.cost import DISTURBED, Costs
from engine.events import ModelInfo, Models, RunStarted
from engine.methods import is_tree
from engine.metrics import Figures
from engine.synthetic import remark
from engine.trace import Run
from engine.verdict import verdict

if TYPE_CHECKING:
    from app.views.plots.snapshot import Snapshot
    from engine.experiments.sweep import Progress
    from engine.forecast import Forecast

Said = tuple[Mood, str]

DRAFTER_NAMES = {
    "ngram": "n-gram",
    "suffix": "Suffix",
    "chain": "Chain",
    "early-exit": "Early exit",
    "auto": "Auto",
}
RULE_NAMES = {
    "rejection": "Rejection",
    "block": "Block",
    "greedy": "Greedy",
    "sample-match": "Compare",
    "typical": "Typical",
    "lenient": "Lenient",
}
"""Short forms of titles, for where these do not fit."""

READY = "Ready. Run decodes the prompt and measures it against plain decoding."


class Titled(Protocol):
    """A rule or a drafter."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...


def short_name(names: Mapping[str, str], method: Titled) -> str:
    """The short form of a title, or the title where it is short enough."""
    return names.get(method.name, method.title)


def said(
    state: State,
    run: Run | None,
    snapshot: Snapshot | None,
    wants_baseline: bool,
    forecast: Forecast | None = None,
) -> Said:
    """The status line. wants_baseline: the job measures a baseline first. forecast: what the best
    other drafter would have done on the run's text, once that is known."""
    match state:
        case State.LOADING:
            return "busy", "Loading…"
        case State.OPENING:
            return "busy", "Reading the recording…"
        case State.CHECKING:
            return "busy", "Checking whether the output is lossless…"
        case State.SWEEPING:
            return "busy", "An experiment is running…"
        case State.CANCELLING:
            return "busy", "Stopping…"
        case _:
            pass
    if run is None:
        return "idle", READY
    if run.finished is not None and run.finished.reason == "error" and run.finished.error:
        return "bad", f"The run failed: {run.finished.error.message}"
    words = verdict(snapshot.figures, snapshot.costs, forecast) if snapshot is not None else ""
    mood = mood_of(snapshot.figures, snapshot.costs) if snapshot is not None else "idle"
    if state is State.PAUSED:
        return "warn", f"Paused. {words}".strip()
    if run.finished is None and state is State.IDLE:
        return "warn", f"It breaks off after round {run.n_finished_rounds}. {words}".strip()
    if run.finished is None:
        if run.is_baseline and wants_baseline:
            return "busy", f"Measuring the baseline first. {words}".strip()
        return ("busy" if mood == "idle" else mood), words or "Reading the prompt…"
    if run.finished.reason == "cancelled":
        return mood, f"Stopped. {words}".strip()
    return mood, words or READY


def moment_words(run: Run, player: Player) -> str:
    """Where playback is; the verdict is for the whole run alone."""
    whole = player.whole
    assert whole is not None
    n, rounds = run.tally.tokens, whole.n_finished_rounds
    where = (
        f"round {min(len(run.rounds), rounds):,} of {rounds:,}" if run.rounds else "the beginning"
    )
    tokens = "1 token" if n == 1 else f"{n:,} tokens"
    speed = "as recorded" if player.speed == AS_RECORDED else f"at {player.speed:g}×"
    if not player.playing:
        return f"Held at {where}, {tokens}. Space plays on, {speed}."
    live = "the engine waits for the picture; " if player.live and player.slow else ""
    return f"Playing {speed}, {where}, {tokens}: {live}all times are the measured ones."


def mood_of(figures: Figures, costs: Costs) -> Mood:
    """Green only for a measured gain, amber for a measured loss or a doubtful measurement."""
    if figures.speedup is None or not figures.drafted:
        return "idle"
    if max(costs.stretch, costs.plain_stretch) >= DISTURBED:
        return "warn"
    if figures.speedup >= 1.03:
        return "good"
    return "idle" if figures.speedup > 0.97 else "warn"


def device_words(info: ModelInfo) -> str:
    """Device and threads of a loaded model."""
    if not info.threads:
        return info.device
    threads = "1 thread" if info.threads == 1 else f"{info.threads} threads"
    return f"{info.device} · {threads}"


def run_words(models: Models) -> str:
    """What a run ran on, and what is to be known of its figures."""
    return " · ".join(filter(None, (device_words(models.target), remark(models))))


def age_s(run: Run, now: datetime | None = None) -> float:
    """Seconds since the end of a run, as near as its records tell."""
    try:
        began = datetime.fromisoformat(run.started.started_at)
    except ValueError:
        return 0.0
    tally = run.tally
    took = (tally.prefill_ns + tally.decode_ns) / 1e9
    since = (now or datetime.now(UTC)) - began.astimezone(UTC)
    return max(since.total_seconds() - took, 0.0)


def recorded_summary(started: RunStarted) -> str:
    """The settings of a recorded run, a line each."""
    config, models = started.config, started.models
    lines = [f"Target: {models.target.name}"]
    if models.draft is not None:
        lines.append(f"Draft: {models.draft.name}")
    if config.gamma:
        lossy = "" if started.lossless else " (not lossless)"
        lines.append(f"γ = {config.gamma}, drafter {config.drafter}, rule {config.rule}{lossy}")
        if config.length_policy != "fixed":
            lines.append(f"Length policy {config.length_policy}")
        if models.table is not None:
            lines.append(f"Text: {models.table.name}")
        if is_tree(config):
            lines.append(f"Branches {'·'.join(map(str, config.branches))}")
    else:
        lines.append("γ = 0: plain decoding")
    warmth = "greedy" if config.greedy else f"T {config.temperature:g}"
    if config.top_k:
        warmth += f", top-k {config.top_k}"
    if config.top_p < 1:
        warmth += f", top-p {config.top_p:g}"
    lines.append(f"{warmth}, seed {config.seed}, {config.max_tokens:,} tokens at most")
    if said := remark(models):
        lines.append(f"Synthetic weights: {said}")
    return "\n".join(lines)


def preparing(part: str) -> str:
    """What is done before a run: `engine.preparation.Part` in words."""
    others = {"table": "Counting the text", "costs": "Measuring what passes cost"}
    return others.get(part, f"Loading the {part}")


def sweep_progress(at: Progress) -> str:
    """How far an experiment is, in one line."""
    parts = [f"{at.done:,} of {at.total:,} runs"]
    from engine.experiments.sweep import duration_left

    if at.seconds_left is not None and at.done < at.total:
        parts.append(f"{duration_left(at.seconds_left)} left")
    if at.failed:
        parts.append(f"{at.failed:,} cells without figures")
    if at.doing:
        parts.append(at.doing)
    return " · ".join(parts)
