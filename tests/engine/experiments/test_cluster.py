"""The blocks of an experiment on a local Ray of two workers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections import Counter

import pytest

from engine.errors import ConfigError
from engine.experiments import cluster
from engine.experiments.cluster import Worker, run_on_ray
from engine.experiments.grid import grid
from engine.experiments.ledger import RECORDINGS, RESULTS, read_lines
from engine.experiments.records import Calibrated, RunDone
from engine.experiments.spec import PromptChoice
from tests.engine.experiments.toy_sweeps import finished, toy

SPEC = toy(threads=1, record=True, prompts=PromptChoice(number=2))

SCRIPT = """
import os, sys
from pathlib import Path
import ray
from engine.experiments.cluster import run_on_ray
from tests.engine.experiments.test_cluster import SPEC
ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
ray.shutdown, shutdown = (lambda: None), ray.shutdown
ray.init, init = (lambda **options: None), ray.init
counts = []
def tell(progress):
    counts.append(progress.done)
    if len(sys.argv) > 2 and progress.done >= int(sys.argv[2]):
        os._exit(7)
run_on_ray(SPEC, "local", Path(sys.argv[1]), tell, resume=True)
print(counts[-1])
"""


def test_a_worker_hands_back_records_and_events():
    import msgspec

    worker = Worker(msgspec.json.encode(SPEC))
    block = grid(SPEC).blocks[0]
    made = worker.block(block, block.cells)
    worker.close()
    kinds = Counter(type(line) for line, _ in made)
    assert kinds == {Calibrated: 1, RunDone: len(block.cells) + 1}
    assert all(bool(events) == isinstance(line, RunDone) for line, events in made)


def test_without_ray_the_command_to_install_it_is_named(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(cluster.importlib, "import_module", absent)
    with pytest.raises(ConfigError) as caught:
        run_on_ray(SPEC, "local", tmp_path, print, resume=False)
    assert "draftscope[ray]" in caught.value.hint


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra ray")
def test_two_workers_lost_midway_and_resumed(tmp_path):
    def go(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / "x"), *more],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
            env={**os.environ, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"},
        )

    first = go("5")
    assert first.returncode == 7, first.stderr[-2000:]
    before = finished(tmp_path / "x")
    assert len(before) >= 5
    second = go()
    assert second.returncode == 0, second.stderr[-2000:]
    whole = grid(SPEC)
    assert finished(tmp_path / "x")[: len(before)] == before
    assert Counter(finished(tmp_path / "x")) == Counter(
        (cell.id, block.repeat) for block in whole.blocks for cell in block.cells
    )
    lines = read_lines(tmp_path / "x" / RESULTS)
    kept = {path.name for path in (tmp_path / "x" / RECORDINGS).iterdir()}
    assert {line.recording for line in lines if isinstance(line, RunDone)} == kept
    assert (tmp_path / "x" / "report.html").exists()
