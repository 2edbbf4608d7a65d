"""Recordings: written, read back, damaged, refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from engine.config import Config, ModelSpec
from engine.errors import RecordingError
from engine.events import SCHEMA, Event
from engine.job import Job, JobRunner
from engine.recording import Recorder, read_events, read_trace, save_copy
from engine.trace import Trace
from tests.engine.toys import demo_pair


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, list[Event]]:
    """A recording of a baseline and a sampled run, and the events that were written."""
    target, draft = demo_pair()
    runner = JobRunner(lambda spec, role, progress=None: target if role == "target" else draft)
    path = tmp_path / "run.jsonl"
    events: list[Event] = []
    toy = ModelSpec("toy")
    with Recorder(path) as recorder:

        def sink(event):
            events.append(event)
            recorder(event)

        config = Config(temperature=0.8, max_tokens=30)
        runner.run(Job("the cat sat", config, toy, toy), sink)
    return path, events


def test_reading_gives_back_what_was_written(recorded):
    path, events = recorded
    assert list(read_events(path)) == events


def test_folding_live_and_read_events_is_the_same(recorded):
    path, events = recorded
    live, read = Trace(events), read_trace(path)
    assert live.n_events == read.n_events
    for a, b in zip(live.runs, read.runs, strict=True):
        assert (a.cells, a.totals, a.text, a.columns, a.pieces) == (
            b.cells,
            b.totals,
            b.text,
            b.columns,
            b.pieces,
        )


def test_each_line_is_plain_json_with_type_seq_and_time(recorded):
    path, events = recorded
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["type"] for line in lines] == [type(e).__name__ for e in events]
    assert all(line["seq"] >= 0 and line["t_ns"] > 0 for line in lines)


def test_totals_are_the_sum_of_the_events(recorded):
    _, events = recorded
    trace = Trace(events)
    for run in trace.runs:
        assert run.finished.totals == run.totals
        t = run.totals
        assert t.drafted == t.accepted + t.rejected + t.discarded
        assert t.tokens == t.accepted + t.resampled + t.bonus


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_a_crash_leaves_a_readable_prefix(recorded, cut):
    path, events = recorded
    path.write_bytes(path.read_bytes()[:-cut])
    read = list(read_events(path))
    assert read == events[: len(read)]
    assert len(read) >= len(events) - 3
    assert read_trace(path).run.finished is None


def damage(path: Path, number: int, change) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number] = change(lines[number])
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda line: b"{]\n", "Line 5 .* is not an event"),
        (lambda line: b"\xff\xfe\n", "Line 5"),
        (lambda line: b"\n", "Line 5"),
        (lambda line: line.replace(b'"round":', b'"rounds":'), "Line 5 .*rounds"),
        (lambda line: line.replace(b'"seq":4', b'"seq":"x"'), "Line 5 .*seq"),
        (lambda line: line.replace(b'"type":"', b'"type":"My'), "Line 5"),
        (lambda line: b"", "Line 5 .*: Event"),
        (lambda line: line * 2, "Line 6 .*: Event"),
    ],
    ids=["no JSON", "no text", "empty", "unknown field", "wrong type", "unknown", "lost", "twice"],
)
def test_damaged_lines_are_named(recorded, change, says):
    path, _ = recorded
    damage(path, 4, change)
    with pytest.raises(RecordingError, match=says):
        read_trace(path)


def test_a_newer_schema_is_named_even_with_unknown_fields(recorded):
    path, _ = recorded
    newer = f'"new":1,"schema":{SCHEMA + 1}'.encode()
    damage(path, 0, lambda line: line.replace(f'"schema":{SCHEMA}'.encode(), newer))
    with pytest.raises(RecordingError, match="newer Draftscope") as refused:
        read_trace(path)
    assert "Update" in refused.value.hint


def test_over_long_lines_are_refused(recorded, monkeypatch):
    path, _ = recorded
    monkeypatch.setattr("engine.recording.MAX_LINE_BYTES", 200)
    with pytest.raises(RecordingError, match=r"Line 1 .* too long"):
        read_trace(path)


@pytest.mark.parametrize("content", [b"", b"half a line", b"PK\x03\x04 zip\n", b"hello\n"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as refused:
        read_trace(path)
    assert "other.jsonl" in refused.value.message


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "nothing.jsonl", tmp_path):
        with pytest.raises(RecordingError):
            read_trace(path)


def test_an_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordingError, match=r"run\.jsonl cannot be written") as refused:
        Recorder(tmp_path / "file" / "run.jsonl")
    assert refused.value.hint


def test_a_full_disk_is_named():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    target, _ = demo_pair()
    recorder = Recorder(full)
    runner = JobRunner(lambda spec, role, progress=None: target)
    plain = Job("the cat", Config(gamma=0, max_tokens=2), ModelSpec("toy"))
    seen = []

    def sink(event):
        seen.append(event)
        recorder(event)

    with recorder, pytest.raises(RecordingError, match="No space left"):
        runner.run(plain, sink)
    assert seen[-1].reason == "error"


def test_saving_copies_whole_or_not_at_all(recorded, tmp_path):
    path, _ = recorded
    save_copy(path, tmp_path / "copy.jsonl")
    assert (tmp_path / "copy.jsonl").read_bytes() == path.read_bytes()
    with pytest.raises(RecordingError):
        save_copy(path, tmp_path / "missing" / "copy.jsonl")
    with pytest.raises(RecordingError):
        save_copy(tmp_path / "gone.jsonl", tmp_path / "new.jsonl")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.jsonl", "run.jsonl"]


def test_a_round_is_readable_as_soon_as_it_is_verified(tmp_path):
    target, draft = demo_pair()
    runner = JobRunner(lambda spec, role, progress=None: target if role == "target" else draft)
    path = tmp_path / "live.jsonl"
    toy = ModelSpec("toy")
    with Recorder(path) as recorder:

        def sink(event):
            recorder(event)
            if type(event).__name__ == "Verified":
                *_, last = read_events(path)
                assert last == event

        runner.run(Job("the cat", Config(max_tokens=12), toy, toy, baseline="none"), sink)


def test_events_are_immutable(recorded):
    _, events = recorded
    with pytest.raises(AttributeError):
        events[0].seq = 5
    assert msgspec.json.decode(msgspec.json.encode(events[0]), type=type(events[0])) == events[0]


def test_a_number_beyond_64_bits_is_refused(recorded):
    path, _ = recorded
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"type":"Verified"' in line)
    lines[at] = re.sub(rb'"target_ns":\d+', b'"target_ns":' + b"9" * 25, lines[at])
    path.write_bytes(b"".join(lines))
    with pytest.raises(RecordingError, match=f"Line {at + 1} "):
        read_trace(path)


def test_a_run_that_never_starts_leaves_an_older_recording(recorded):
    path, _ = recorded
    before = path.read_bytes()
    with Recorder(path):
        pass
    assert path.read_bytes() == before
