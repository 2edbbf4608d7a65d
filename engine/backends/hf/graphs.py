"""CUDA graphs: a piece of work is recorded once and then replayed by a single call."""

# pyright: basic
from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable

import torch

Work = Callable[[], None]
_WARM_UPS = 2  # libraries choose kernels and allocate workspaces in their first calls

_holders: weakref.WeakSet[Recorder] = weakref.WeakSet()  # that have graphs


@functools.cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """Where all is captured: cuBLAS keeps a workspace (32 MiB on Hopper) per stream that it saw."""
    return torch.cuda.Stream(device)


def free_workspaces() -> None:
    """Give back what cuBLAS keeps, unless a graph somewhere still uses it."""
    if torch.cuda.is_initialized() and not _holders:
        torch._C._cuda_clearCublasWorkspaces()


class Recorder:
    """Captures pieces of work that share one pool of memory. Off the GPU, and after a failed
    capture, pieces run as they are.

    remark: why nothing was captured, "" if all is well.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._graphs: list[torch.cuda.CUDAGraph] = []
        self.remark = ""
        self.captures = device.type == "cuda"

    def piece(self, work: Work, prepare: Work) -> Work:
        """Something that does `work` whenever it is called. The work is tried out a few times,
        each after `prepare`.

        All that it reads and writes must stay where it is, and its shapes as they are.
        """
        if not self.captures:
            return work
        try:
            return self._captured(work, prepare)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self.captures = False
            self.remark = " ".join(str(error).split())[:200]
            torch.cuda.synchronize(self._device)
            return work

    def _captured(self, work: Work, prepare: Work) -> Work:
        stream = _side_stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                prepare()
                work()
            prepare()
        torch.cuda.current_stream(self._device).wait_stream(stream)
        torch.cuda.synchronize(self._device)
        graph = torch.cuda.CUDAGraph()
        pool = self._graphs[0].pool() if self._graphs else None
        with torch.cuda.graph(graph, pool=pool, stream=stream):
            work()
        self._graphs.append(graph)
        _holders.add(self)
        return graph.replay

    def close(self) -> None:
        for graph in self._graphs:
            graph.reset()
        self._graphs.clear()
        _holders.discard(self)


class Marks:
    """Points in the device's work, and the nanoseconds between them."""

    def __init__(self, device: torch.device, clock: Callable[[], int]) -> None:
        self._cuda = device.type == "cuda"
        self._clock = clock
        self._events: list[torch.cuda.Event] = []
        self._times: list[int] = []
        self._used = 0

    def restart(self) -> None:
        self._used = 0
        self._times.clear()

    def mark(self) -> None:
        """Here, in what the device has been given so far."""
        if not self._cuda:
            self._times.append(self._clock())
            return
        if self._used == len(self._events):
            self._events.append(torch.cuda.Event(enable_timing=True))
        self._events[self._used].record()
        self._used += 1

    def between(self) -> list[int]:
        """Nanoseconds from each mark to the next one, once the device has passed them all."""
        if not self._cuda:
            return [b - a for a, b in itertools.pairwise(self._times)]
        events = self._events[: self._used]
        return [round(a.elapsed_time(b) * 1e6) for a, b in itertools.pairwise(events)]
