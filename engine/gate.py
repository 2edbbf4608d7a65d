"""Run, pause, step, cancel: the one thing that stands between the loop and the next event."""

from __future__ import annotations

import threading
import time


class Gate:
    """Decides when the next event may be made. One thread waits, any thread may steer.

        open --pause--> closed --resume--> open
        closed --step--> (lets one event through) --> closed
        closed --step_round--> (lets events through until a verdict) --> closed
        any --cancel--> cancelled --reset--> open

    slow: runs that are to be watched begin closed, with their first event let through; whoever
    watches asks for one round after the other.

    It shares its Condition with the command inbox of the session, so that one wait serves both.
    """

    def __init__(self, condition: threading.Condition | None = None) -> None:
        self.condition = condition or threading.Condition()
        self.slow = False
        self._paused = False
        self._steps = 0
        self._rounds = 0
        self._cancelled = False
        self._idle_ns = 0

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    @property
    def paused(self) -> bool:
        return self._paused

    def idle_ns(self) -> int:
        """Nanoseconds spent waiting here: not the loop's own time."""
        return self._idle_ns

    def pause(self) -> None:
        with self.condition:
            self._paused = True

    def resume(self) -> None:
        with self.condition:
            self._paused = False
            self._steps = self._rounds = 0
            self.condition.notify_all()

    def step(self) -> None:
        """Let one more event through and stay (or become) paused."""
        with self.condition:
            self._paused = True
            self._steps += 1
            self.condition.notify_all()

    def step_round(self) -> None:
        """Let events through up to the next verdict, and stay (or become) paused."""
        with self.condition:
            self._paused = True
            self._rounds = 1
            self.condition.notify_all()

    def end_round(self) -> None:
        """A verdict has passed."""
        if self._rounds:
            with self.condition:
                self._rounds = 0

    def cancel(self) -> None:
        with self.condition:
            self._cancelled = True
            self.condition.notify_all()

    def reset(self) -> None:
        """Make ready for the next run."""
        with self.condition:
            self._paused = False
            self._steps = self._rounds = 0
            self._cancelled = False

    def wait(self) -> bool:
        """Block while paused. False means cancelled."""
        if not (self._paused or self._cancelled):
            return True  # the common case, once an event, without the lock
        with self.condition:
            if not self._may_pass():
                began = time.perf_counter_ns()
                self.condition.wait_for(self._may_pass)
                self._idle_ns += time.perf_counter_ns() - began
            if self._cancelled:
                return False
            if self._steps and not self._rounds:
                self._steps -= 1
            return True

    def _may_pass(self) -> bool:
        return self._cancelled or not self._paused or self._steps > 0 or self._rounds > 0
