"""A run of an experiment as a recording of its own: with the baseline that it was measured against.

Experiments keep each run in a file, and many runs share a baseline. To be watched, both stand in
one file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.errors import RecordingError
from engine.events import AnyEvent, RunStarted
from engine.experiments.results import Results, RunRow
from engine.recording import Recorder, read_events

REPLAYS = "replays"


def replay_file(results: Results, run: RunRow) -> Path:
    """The recording of a run with its baseline, made when it is first asked for.

    Raises RecordingError if the events were not kept, or cannot be read or written.
    """
    own = results.recording(run)
    if own is None:
        raise RecordingError(
            "The events of this run were not kept.",
            "Run an experiment with record = true to replay its runs.",
        )
    path = results.folder / REPLAYS / own.name
    if path.exists():
        return path
    part = path.with_name(f"{path.name}.part")
    with Recorder(part) as record:
        for event in events_of(results, run, own):
            record(event)
    part.replace(path)
    return path


def events_of(results: Results, run: RunRow, own: Path) -> Iterator[AnyEvent]:
    """The baseline's events, then the run's, which names it."""
    baseline = results.baselines.get(run.baseline)
    before = results.recording(baseline) if baseline is not None else None
    if before is not None:
        yield from read_events(before)
    for event in read_events(own):
        if isinstance(event, RunStarted) and before is not None:
            yield msgspec.structs.replace(event, baseline=run.baseline)
        else:
            yield event
