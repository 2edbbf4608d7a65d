"""Whether a rule, with a drafter, is lossless."""

from __future__ import annotations

from collections.abc import Callable

from engine.gate import Gate
from engine.lab.result import CheckJob, CheckResult, Stage
from engine.preparation import Prepared

Tell = Callable[[Stage, int, int], None]
"""Told what is being done, how much of it, of how much."""


def run_check(job: CheckJob, ready: Prepared, gate: Gate, tell: Tell) -> CheckResult:
    raise NotImplementedError
