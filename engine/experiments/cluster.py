"""An experiment on a Ray cluster: blocks go to workers, their records come back into one folder.

A block is independent of all others: it holds its own baseline. Each worker keeps its models loaded
and measures its own costs, so every speedup compares runs of one machine.
"""

from __future__ import annotations

import importlib
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import ConfigError
from engine.experiments.carry_out import write_reports
from engine.experiments.grid import Block, Cell, grid
from engine.experiments.ledger import RECORDINGS, Ledger
from engine.experiments.records import AnyLine, CellFailed, RunDone
from engine.experiments.spec import Spec
from engine.experiments.sweep import Bench, Board, Progress

Made = tuple[AnyLine, bytes]
"""A record, and the events of the run ("" where none were kept)."""
TRIES = 2
"""A block whose worker dies is given to another one, so often in all."""


def run_on_ray(
    spec: Spec,
    address: str,
    folder: Path,
    tell: Callable[[Progress], None],
    *,
    resume: bool,
    retry: bool = False,
) -> None:
    """Run what is missing on the cluster at `address` ("local": one on this machine).

    A worker takes as many processors as a run has threads; where the spec leaves the threads open,
    a whole node. Model files must lie at the same paths on every node. Raises ConfigError without
    the extra or the cluster, and what `Ledger` raises.
    """
    ray = _ray()
    try:
        ray.init(address=None if address == "local" else address, log_to_driver=False)
    except Exception as error:  # whatever Ray raises: it says why
        raise ConfigError(
            f"The Ray cluster {address!r} cannot be reached: {error}.",
            "Start one with `ray start --head`, or use --ray local.",
        ) from error
    try:
        with Ledger(folder, spec, resume=resume, retry=retry) as ledger:
            try:
                _Drive(ray, spec, ledger, tell).run()
            finally:
                write_reports(folder)
    finally:
        ray.shutdown()


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise ConfigError(
            "Ray is not installed.", 'Install it with: pip install "draftscope[ray]".'
        ) from None


class Worker:
    """Runs blocks in a process of the cluster."""

    def __init__(self, spec: bytes) -> None:
        from engine.job import JobRunner

        self._temporary = tempfile.TemporaryDirectory(prefix="draftscope-")
        self._folder = Path(self._temporary.name)
        (self._folder / RECORDINGS).mkdir()
        self._lines: list[AnyLine] = []
        self._runner = JobRunner()
        self._bench = Bench(
            msgspec.json.decode(spec, type=Spec), self._runner, self._lines.append, self._folder
        )

    def block(self, block: Block, cells: Sequence[Cell]) -> list[Made]:
        """The records of a block, in the order in which they came to be."""
        self._lines.clear()
        failed: set[str] = set()
        self._bench.block(block, cells, failed=lambda cell: cell.id in failed)
        return [(line, self._events(line)) for line in self._lines]

    def close(self) -> None:
        """Free the models, delete what was left. The end of the process does it as well."""
        self._runner.close()
        self._temporary.cleanup()

    def _events(self, line: AnyLine) -> bytes:
        if not isinstance(line, RunDone) or not line.recording:
            return b""
        path = self._folder / RECORDINGS / line.recording
        events = path.read_bytes()
        path.unlink()
        return events


class _Drive:
    """Gives blocks out and writes down what comes back."""

    def __init__(
        self, ray: Any, spec: Spec, ledger: Ledger, tell: Callable[[Progress], None]
    ) -> None:
        self._ray, self._spec, self._ledger = ray, spec, ledger
        self._board = Board(grid(spec), ledger, tell)

    def run(self) -> None:
        waiting = deque((block, cells, 1) for block, cells in self._board.waiting())
        if not waiting:
            return
        free = [self._worker() for _ in range(min(self._size(), len(waiting)))]
        busy: dict[Any, tuple[Any, Block, tuple[Cell, ...], int]] = {}
        self._board.say(f"{len(free)} workers")
        while waiting or busy:
            while waiting and free:
                block, cells, tries = waiting.popleft()
                left = tuple(cell for cell in cells if not self._board.failed(cell))
                if left:
                    worker = free.pop()
                    busy[worker.block.remote(block, left)] = worker, block, left, tries
            if not busy:
                continue
            done, _ = self._ray.wait(list(busy))
            worker, block, cells, tries = busy.pop(done[0])
            try:
                self._take(self._ray.get(done[0]))
                free.append(worker)
            except self._ray.exceptions.RayActorError as error:
                free.append(self._worker())
                if tries < TRIES:
                    waiting.append((block, cells, tries + 1))
                else:
                    self._give_up(cells, error)

    def _worker(self) -> Any:
        kind = self._ray.remote(num_cpus=self._cpus())(Worker)
        return kind.remote(msgspec.json.encode(self._spec))

    def _cpus(self) -> int:
        nodes = [node["Resources"].get("CPU", 0.0) for node in self._ray.nodes() if node["Alive"]]
        return self._spec.threads or max(int(min((n for n in nodes if n), default=1)), 1)

    def _size(self) -> int:
        """How many workers fit."""
        return max(int(self._ray.cluster_resources().get("CPU", 1)) // self._cpus(), 1)

    def _take(self, made: list[Made]) -> None:
        for line, events in made:
            if isinstance(line, RunDone) and line.recording:
                (self._ledger.folder / RECORDINGS / line.recording).write_bytes(events)
            self._board.write(line)

    def _give_up(self, cells: Sequence[Cell], error: Exception) -> None:
        """The process ended: out of memory, or an abort inside a library."""
        reason = str(error).strip().splitlines()
        for cell in cells:
            self._board.write(
                CellFailed(
                    cell.id,
                    cell.setting,
                    cell.prompt.id,
                    cell.prompt.kind,
                    False,
                    "The worker process ended while it ran this block"
                    + (f": {reason[-1]}" if reason else "."),
                    "Look at the worker's memory, then go on with --retry-failed.",
                )
            )
