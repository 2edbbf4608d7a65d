"""Experiments: complete, interrupted, resumed, and with models that fail."""

from __future__ import annotations

import errno
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from engine.backends.toy import toy_draft, toy_target
from engine.errors import Cancelled, ConfigError, ModelError, RecordingError, VocabularyError
from engine.experiments import ledger as ledger_module
from engine.experiments.grid import grid
from engine.experiments.ledger import RECORDINGS, RESULTS, Ledger, read_lines
from engine.experiments.records import Calibrated, CellFailed, RunDone
from engine.experiments.replay import replay_file
from engine.experiments.results import read_results
from engine.experiments.spec import PromptChoice
from engine.metrics import figures
from engine.recording import read_trace
from tests.engine.experiments.toy_sweeps import finished, runner, sweep, toy


@pytest.fixture
def runs(tmp_path):
    found = runner(tmp_path)
    yield found
    found.close()


def everything(spec) -> Counter:
    return Counter((c.id, block.repeat) for block in grid(spec).blocks for c in block.cells)


def test_a_whole_experiment(tmp_path, runs):
    spec = toy()
    told = []
    sweep(spec, tmp_path / "x", runs, tell=told.append)
    assert Counter(finished(tmp_path / "x")) == everything(spec)
    assert (told[-1].done, told[-1].failed) == (told[-1].total, 0)
    assert told[-1].cells_done == told[-1].cells == len(grid(spec).cells)
    done = [progress.done for progress in told]
    assert done == sorted(done)


def test_each_run_is_measured_against_the_baseline_of_its_block(tmp_path, runs):
    sweep(toy(), tmp_path / "x", runs)
    lines = [line for line in read_lines(tmp_path / "x" / RESULTS) if isinstance(line, RunDone)]
    baselines = {line.run_id: line for line in lines if not line.cell}
    blocks = Counter(line.block for line in baselines.values())
    assert set(blocks.values()) == {1}
    places = Counter()
    for line in lines:
        if line.cell:
            against = baselines[line.baseline]
            assert against.block == line.block
            assert against.seed == line.seed
            assert against.setting.temperature == line.setting.temperature
        else:
            places[line.order] += 1
    assert len(places) > 1  # the baseline is not always first


def test_greedy_texts_are_compared_with_plain_decoding(tmp_path, runs):
    sweep(toy(), tmp_path / "x", runs)
    for line in read_lines(tmp_path / "x" / RESULTS):
        if isinstance(line, RunDone) and line.cell:
            assert line.same_text is (True if line.setting.temperature == 0 else None)


class Stops(Exception):
    """Stands for a lost process."""


@pytest.mark.parametrize("at", [1, 2, 7, 20, 41])
def test_what_is_lost_midway_is_made_up_for(tmp_path, runs, at):
    spec, folder = toy(), tmp_path / "x"

    def stop(progress):
        if progress.done == at:
            raise Stops

    with pytest.raises(Stops):
        sweep(spec, folder, runs, tell=stop)
    before = finished(folder)
    assert len(before) >= at
    sweep(spec, folder, runs, resume=True)
    assert finished(folder)[: len(before)] == before
    assert Counter(finished(folder)) == everything(spec)


def test_a_torn_last_line_is_cut_off(tmp_path, runs):
    spec, folder = toy(prompts=PromptChoice(number=1)), tmp_path / "x"
    sweep(spec, folder, runs)
    whole = (folder / RESULTS).read_bytes()
    (folder / RESULTS).write_bytes(whole[:-30])
    sweep(spec, folder, runs, resume=True)
    assert Counter(finished(folder)) == everything(spec)


def test_a_complete_experiment_has_nothing_left(tmp_path, runs):
    spec, folder = toy(prompts=PromptChoice(number=1)), tmp_path / "x"
    sweep(spec, folder, runs)
    n = len(read_lines(folder / RESULTS))
    sweep(spec, folder, runs, resume=True)
    assert len(read_lines(folder / RESULTS)) == n + 1  # that it was taken up again


def test_recordings_replay_with_their_baseline(tmp_path, runs):
    spec, folder = toy(prompts=PromptChoice(number=1), repeats=1, record=True), tmp_path / "x"
    sweep(spec, folder, runs)
    results = read_results(folder)
    names = {path.stem for path in (folder / RECORDINGS).iterdir()}
    assert names == {r.run_id for c in results.cells.values() for r in c.runs} | set(
        results.baselines
    )
    for cell in results.cells.values():
        for run in cell.runs:
            trace = read_trace(replay_file(results, run))
            shown = trace.run
            assert shown is not None
            found = figures(shown, trace.baseline_of(shown))
            assert found.speedup == run.figures.speedup
            assert found.acceptance_rate == run.figures.acceptance_rate


def test_recordings_of_runs_that_did_not_end_are_deleted(tmp_path, runs):
    spec, folder = toy(prompts=PromptChoice(number=1), repeats=1, record=True), tmp_path / "x"
    sweep(spec, folder, runs)
    left = folder / RECORDINGS / "0123.jsonl"
    left.write_text("{}")
    sweep(spec, folder, runs, resume=True)
    assert not left.exists()


def test_another_experiment_is_not_mixed_in(tmp_path, runs):
    folder = tmp_path / "x"
    sweep(toy(prompts=PromptChoice(number=1)), folder, runs)
    with pytest.raises(ConfigError, match="holds an experiment already"):
        Ledger(folder, toy(), resume=False)
    with pytest.raises(ConfigError, match="another spec"):
        Ledger(folder, toy(), resume=True)


def test_one_process_at_a_time(tmp_path):
    with (
        Ledger(tmp_path / "x", toy(), resume=False),
        pytest.raises(ConfigError, match="in use"),
    ):
        Ledger(tmp_path / "x", toy(), resume=True)
    Ledger(tmp_path / "x", toy(), resume=True).close()


def test_a_stop_is_no_failure(tmp_path, runs):
    spec, folder = toy(), tmp_path / "x"

    def stop(progress):
        if progress.done == 3:
            runs.cancel()

    with pytest.raises(Cancelled):
        sweep(spec, folder, runs, tell=stop)
    runs.gate.reset()
    assert not [x for x in read_lines(folder / RESULTS) if isinstance(x, CellFailed)]
    sweep(spec, folder, runs, resume=True)
    assert Counter(finished(folder)) == everything(spec)


def test_a_draft_that_does_not_fit_marks_its_cells_alone(tmp_path):
    def load(spec, role, progress=None):
        if spec.source == "bad":
            raise VocabularyError("The draft has another vocabulary.", "Choose another.")
        return toy_target() if role == "target" else toy_draft()

    spec = toy(draft=("bad", "toy"), prompts=PromptChoice(number=2))
    sweep(spec, tmp_path / "x", runner(tmp_path, loader=load))
    states = Counter(
        (cell.setting.draft, cell.state) for cell in read_results(tmp_path / "x").cells.values()
    )
    assert states == {("bad", "refused"): 8, ("toy", "done"): 8, (None, "done"): 8}


def test_a_model_that_fails_midway_marks_its_cells_and_the_rest_goes_on(tmp_path):
    def load(spec, role, progress=None):
        if role == "target":
            return toy_target()
        return Failing(toy_draft(), after=40)

    spec, folder = toy(prompts=PromptChoice(number=4)), tmp_path / "x"
    sweep(spec, folder, runner(tmp_path, loader=load))
    results = read_results(folder)
    states = Counter((cell.setting.drafter, cell.state) for cell in results.cells.values())
    assert states[("ngram", "done")] == 16
    assert states[("model", "failed")] > 0
    problem = next(c.problem for c in results.cells.values() if c.problem is not None)
    assert problem.message == "The device is lost."
    # Trying again is asked for by name, and makes them good.
    with Ledger(folder, spec, resume=True) as again:
        assert again.failed
    with Ledger(folder, spec, resume=True, retry=True) as again:
        assert not again.failed


class Failing:
    """A model whose passes fail after so many."""

    def __init__(self, model, after: int) -> None:
        self._model, self._left = model, after

    def __getattr__(self, name):
        return getattr(self._model, name)

    def extend(self, *args, **options):
        self._left -= 1
        if self._left < 0:
            raise ModelError("The device is lost.", "Load it again.")
        return self._model.extend(*args, **options)


def test_a_target_that_cannot_be_loaded_fails_once_with_its_reason(tmp_path):
    loads = []

    def load(spec, role, progress=None):
        loads.append(spec.source)
        raise ModelError("There is no such file.", "Check the path.")

    spec = toy(drafter=("ngram",), draft=(), target=("absent",))
    sweep(spec, tmp_path / "x", runner(tmp_path, loader=load))
    cells = read_results(tmp_path / "x").cells.values()
    assert {cell.state for cell in cells} == {"failed"}
    assert len(loads) == 1


def test_a_full_disk_ends_it_and_nothing_is_lost(tmp_path, runs, monkeypatch):
    spec, folder = toy(), tmp_path / "x"
    room = 5

    def fsync(file):
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ledger_module.os, "fsync", fsync)
    with pytest.raises(RecordingError, match="No space left") as caught:
        sweep(spec, folder, runs)
    assert "--resume" in caught.value.hint
    assert len(read_lines(folder / RESULTS)) == 5
    monkeypatch.undo()
    sweep(spec, folder, runs, resume=True)
    assert Counter(finished(folder)) == everything(spec)


def test_a_run_that_was_held_is_made_again(tmp_path, runs):
    spec, folder = toy(drafter=("ngram",), gamma=(2,), prompts=PromptChoice(number=1)), tmp_path
    calls = []
    run = runs.run

    def counted(job, sink, **options):
        calls.append(job)
        if len(calls) == 4:
            runs.gate._idle_ns += 1  # as after a pause
        return run(job, sink, **options)

    runs.run = counted
    sweep(spec, folder / "x", runs)
    warm_up, cells = 2, 2 * 2 * 2  # two temperatures, two repeats, a baseline each
    assert len(calls) == warm_up + cells + 1
    assert Counter(finished(folder / "x")) == everything(spec)


def test_the_modelled_speedup_comes_from_the_calibration(tmp_path, runs):
    sweep(toy(), tmp_path / "x", runs)
    lines = read_lines(tmp_path / "x" / RESULTS)
    known = {line.id for line in lines if isinstance(line, Calibrated)}
    for line in lines:
        if isinstance(line, RunDone):
            assert line.calibration in known
            assert (line.figures.modelled is None) == (not line.cell)


def test_a_damaged_line_is_named(tmp_path, runs):
    sweep(toy(prompts=PromptChoice(number=1)), tmp_path / "x", runs)
    path: Path = tmp_path / "x" / RESULTS
    lines = path.read_bytes().split(b"\n")
    lines[2] = b'{"type":"RunDone"}'
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(RecordingError, match=r"Line 3 of results\.jsonl"):
        read_results(tmp_path / "x")


def test_records_are_plain_json(tmp_path, runs):
    sweep(toy(prompts=PromptChoice(number=1)), tmp_path / "x", runs)
    for line in (tmp_path / "x" / RESULTS).read_bytes().splitlines():
        record = msgspec.json.decode(line)
        if record["type"] == "RunDone":
            rounds, shown = record["rounds"], record["figures"]
            assert sum(rounds["emitted"]) == shown["tokens"] == len(record["token_ids"])
            assert sum(rounds["accepted"]) == shown["accepted"]
            assert sum(rounds["drafted"]) == shown["drafted"]
