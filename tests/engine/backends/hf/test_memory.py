"""A closed model leaves no memory behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[4]
CODE = """
import psutil
from engine.config import Config, ModelSpec
from engine.job import Job, JobRunner
from engine.backends.registry import load

def used():
    return psutil.Process().memory_info().rss / 2**20

held = []  # closing frees a model that is still referred to

def once():
    spec = ModelSpec("", "hf", threads=1, context=512, device="cpu", precision="float32")
    def loader(spec, role, progress=None):
        held.append(load(spec, role, progress))
        return held[-1]
    runner = JobRunner(loader=loader)
    runner.run(Job("Hello", Config(gamma=0, max_tokens=4), spec), lambda event: None)
    most = used()
    runner.close()
    return most

once()  # what the libraries set up once
before = used()
most = once()
print(before, most, used())
"""


@pytest.mark.model
def test_closing_gives_the_memory_back(embedded_path):
    """Within 50 MiB, of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    before, most, after = map(float, done.stdout.split())
    assert most - before > 400  # 135 million weights of four bytes
    assert after - before < 50
