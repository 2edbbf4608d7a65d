"""The lines of `results.jsonl`: what an experiment writes down, one record a line.

The field names are a contract, as those of the events are. Times are in the unit that ends a name.
Every figure of a report can be recomputed from these lines; docs/experiments.md says how.
"""

from __future__ import annotations

import msgspec

from engine.events import Calibration, FinishReason, Host, Models
from engine.experiments.grid import Setting

RESULTS_SCHEMA = 1


class Line(msgspec.Struct, frozen=True, tag_field="type", tag=str, gc=False):
    """Base of the records. Unknown fields are ignored: readers may take a part of a record."""


class Experiment(Line, frozen=True):
    """First line, and one more each time that the experiment is taken up again.

    spec: digest of the spec, which lies beside this file.
    """

    schema: int
    spec: str
    started_at: str
    host: Host


class Calibrated(Line, frozen=True):
    """What passes cost, measured before the runs of a pair. id: what runs name it by."""

    id: str
    target: str
    draft: str | None
    calibration: Calibration


class Rounds(msgspec.Struct, frozen=True, gc=False):
    """A run round by round: entry i is of round i.

    drafted, accepted, rejected, emitted: tokens. draft_ns includes wasted_ns, the time of draft
    passes that led to no token.
    """

    drafted: tuple[int, ...]
    accepted: tuple[int, ...]
    rejected: tuple[int, ...]
    emitted: tuple[int, ...]
    draft_ns: tuple[int, ...]
    target_ns: tuple[int, ...]
    host_ns: tuple[int, ...]
    wasted_ns: tuple[int, ...]


class RunFigures(msgspec.Struct, frozen=True, gc=False):
    """The headline figures of a run, as `engine.metrics.Figures` defines them.

    speedup: measured, against the baseline of the run's block, at `compared_tokens` tokens.
    modelled: by the cost model, from the calibrated costs and the run's own α and host time; None
    where a cost is not known. gap: what lies between the two, by term of the model, in times the
    baseline's speed (`engine.waterfall.gap`); the terms add up to speedup - modelled.
    """

    tokens: int
    rounds: int
    drafted: int
    accepted: int
    rejected: int
    acceptance_rate: float | None
    draft_efficiency: float | None
    tokens_per_pass: float | None
    tokens_per_second: float | None
    draft_s: float
    verify_s: float
    host_s: float
    prefill_s: float
    compared_tokens: int = 0
    speedup: float | None = None
    modelled: float | None = None
    gap: dict[str, float] = {}


class RunDone(Line, frozen=True):
    """A run that came to its end.

    cell: "" for a baseline. baseline: run_id of the one that it was measured against. order: place
    in the order of its block. same_text: greedy and with the very tokens of its baseline; None
    where sampled. recording: file of its events in the folder, "" if none was kept.
    """

    run_id: str
    cell: str
    block: str
    repeat: int
    order: int
    prompt: str
    kind: str
    setting: Setting
    baseline: str
    calibration: str
    started_at: str
    reason: FinishReason
    seed: int
    models: Models
    prompt_tokens: int
    figures: RunFigures
    rounds: Rounds
    token_ids: tuple[int, ...]
    same_text: bool | None = None
    recording: str = ""


class CellFailed(Line, frozen=True):
    """A cell without figures. refused: the combination cannot run, and trying again would not help;
    else it failed on the way."""

    cell: str
    setting: Setting
    prompt: str
    kind: str
    refused: bool
    message: str
    hint: str = ""


AnyLine = Experiment | Calibrated | RunDone | CellFailed
