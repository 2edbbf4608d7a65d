"""A race: two recorded runs replayed side by side on one clock, the clock of decode time.

The runs were made one after the other, so that neither slowed the other; here they start together.
What a lane is at a moment is a pure function of that moment: the window and the renderer draw the
same race from the same file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.player import FOLD_AT_MOST, FRAME_MS, LONGEST_FRAME_NS
from engine.events import Verified
from engine.metrics import column, compare
from engine.trace import Run

SPEED_MIN, SPEED_MAX = 0.05, 20.0


@dataclass(frozen=True, slots=True)
class LaneState:
    """One lane at a moment. Only finished rounds count, so that no figure mixes work with a result
    that has yet to come.

    n_events: events of the run that are there. tokens: counted towards the finish, never above it.
    elapsed_ns: the lane's clock, which stops at its finish. tokens_per_second: all tokens so far
    over the time they took; None before the first. draft_ns, verify_ns, host_ns: of these rounds.
    """

    n_events: int
    tokens: int
    target_calls: int
    elapsed_ns: float
    tokens_per_second: float | None
    draft_ns: int
    verify_ns: int
    host_ns: int
    finished: bool


class RaceState(NamedTuple):
    """Both lanes at a moment of the common clock."""

    ns: float
    lanes: tuple[LaneState, LaneState]

    @property
    def done(self) -> bool:
        return all(lane.finished for lane in self.lanes)

    @property
    def lead(self) -> int:
        """Tokens that the second lane is ahead of the first."""
        return self.lanes[1].tokens - self.lanes[0].tokens


def common_tokens(first: Run, second: Run) -> int:
    """How many tokens both runs have, and so race to; 0 if they have no common ground.

    The count at which `engine.metrics.compare` compares them: no round of the longer one is cut.
    """
    longer, shorter = (first, second) if _total(first) >= _total(second) else (second, first)
    compared = compare(longer, shorter)
    return compared.tokens if compared is not None else 0


def _total(run: Run) -> int:
    return run.columns.end_tokens[-1] if run.columns else 0


class Lane:
    """One run on its way to `tokens` tokens (at least one).

    finish_ns: its decode time when the last of them was emitted. n_rounds, n_events: target calls
    and events up to there. shown: the run as `show` last showed it.
    """

    def __init__(self, whole: Run, tokens: int) -> None:
        self.whole = whole
        self.tokens = tokens
        columns = whole.columns
        last = bisect_left(columns.end_tokens, tokens)
        self.n_rounds = last + 1
        self.finish_ns = columns.end_ns[last]
        self.n_events = _events_up_to(whole, last)
        self._end_ns = columns.end_ns[: self.n_rounds]
        self._end_tokens = columns.end_tokens[: self.n_rounds]
        # Running sums, for they are asked for at every frame.
        self._draft, self._verify, self._host = (
            np.cumsum(column(times, 0, self.n_rounds))
            for times in (columns.draft_ns, columns.target_ns, columns.host_ns)
        )
        self._clock = whole.clock[: self.n_events]
        self.shown = whole
        self.show(0)

    @property
    def all_tokens(self) -> int:
        """Tokens of the whole run."""
        return _total(self.whole)

    def state(self, ns: float) -> LaneState:
        """What the lane is when the common clock stands at `ns`."""
        rounds = bisect_right(self._end_ns, ns)
        tokens = self._end_tokens[rounds - 1] if rounds else 0
        took = self._end_ns[rounds - 1] if rounds else 0
        return LaneState(
            n_events=bisect_right(self._clock, ns),
            tokens=min(tokens, self.tokens),
            target_calls=rounds,
            elapsed_ns=min(max(ns, 0), self.finish_ns),
            tokens_per_second=tokens * 1e9 / took if took else None,
            draft_ns=int(self._draft[rounds - 1]) if rounds else 0,
            verify_ns=int(self._verify[rounds - 1]) if rounds else 0,
            host_ns=int(self._host[rounds - 1]) if rounds else 0,
            finished=rounds == self.n_rounds,
        )

    def verdict_near(self, ns: float, by: int) -> float:
        """When its next verdict comes (by > 0; never: infinity), or when its last one came (0)."""
        if by > 0:
            at = bisect_right(self._end_ns, ns)
            return self._end_ns[at] if at < self.n_rounds else float("inf")
        at = bisect_left(self._end_ns, ns)
        return self._end_ns[at - 1] if at else 0.0

    def show(self, ns: float) -> Run:
        """The run as it was at that moment. Going forward folds the few events in between."""
        n = max(bisect_right(self._clock, ns), 1)
        whole, shown = self.whole, self.shown
        if n == whole.n_events:
            self.shown = whole
        elif shown is whole or not shown.n_events <= n <= shown.n_events + FOLD_AT_MOST:
            self.shown = whole.at(n)
        else:
            for event in whole.events[shown.n_events : n]:
                shown.apply(event)
        return self.shown


def _events_up_to(run: Run, last: int) -> int:
    """Events up to the verdict of round `last`; all of them where nothing is decoded after it."""
    if last + 1 == len(run.rounds):
        return run.n_events
    n = bisect_left(run.clock, run.columns.end_ns[last])
    while True:
        event = run.events[n]
        n += 1
        if isinstance(event, Verified) and event.round == last:
            return n


class Race(QObject):
    """Two lanes and a clock. `lanes` is None while there is nothing to race.

    replaced: other runs. moved: the clock stands elsewhere (also after `replaced`). changed:
    playing or the speed. finished: the later lane came in while the race was played.
    """

    replaced = Signal()
    moved = Signal()
    changed = Signal()
    finished = Signal()

    def __init__(
        self, parent: QObject | None = None, clock: Callable[[], int] = perf_counter_ns
    ) -> None:
        super().__init__(parent)
        self.lanes: tuple[Lane, Lane] | None = None
        self.playing = False
        self.speed = 1.0
        self._clock = clock
        self._now = 0.0
        self._last = 0  # when the last frame was
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.tick)

    # Who races

    def set_runs(self, first: Run | None, second: Run | None) -> bool:
        """Put two runs at the start; whether they can race: both have to have tokens."""
        self._stop()
        self._now = 0.0
        self.lanes = None
        if first is not None and second is not None:
            tokens = common_tokens(first, second)
            if tokens:
                self.lanes = Lane(first, tokens), Lane(second, tokens)
        self.replaced.emit()
        self.moved.emit()
        self.changed.emit()
        return self.lanes is not None

    @property
    def tokens(self) -> int:
        """What they race to."""
        return self.lanes[0].tokens if self.lanes is not None else 0

    @property
    def cut(self) -> bool:
        """Whether a run goes on after the finish, because the other is shorter."""
        return self.lanes is not None and any(lane.all_tokens > lane.tokens for lane in self.lanes)

    @property
    def end_ns(self) -> int:
        """When the later lane is in."""
        return max(lane.finish_ns for lane in self.lanes) if self.lanes is not None else 0

    @property
    def winner(self) -> int | None:
        """The lane that comes in first, None for none: a tie."""
        if self.lanes is None:
            return None
        first, second = (lane.finish_ns for lane in self.lanes)
        return None if first == second else int(second < first)

    @property
    def ratio(self) -> float | None:
        """The later lane's time ÷ the winner's; None where no time was measured."""
        if self.lanes is None:
            return None
        low, high = sorted(lane.finish_ns for lane in self.lanes)
        return high / low if low else None

    def state(self, ns: float) -> RaceState | None:
        """Both lanes when the clock stands at `ns`: a function of the time and nothing else."""
        if self.lanes is None:
            return None
        return RaceState(ns, (self.lanes[0].state(ns), self.lanes[1].state(ns)))

    # The clock

    @property
    def now_ns(self) -> float:
        return self._now

    @property
    def at_end(self) -> bool:
        return self.lanes is not None and self._now >= self.end_ns

    def set_speed(self, speed: float) -> None:
        """Times the speed of the runs, 0.05 to 20."""
        speed = min(max(speed, SPEED_MIN), SPEED_MAX)
        if speed != self.speed:
            self.speed = speed
            self.changed.emit()

    def toggle(self) -> None:
        """Play or hold; after the finish, race again."""
        if self.playing:
            self.hold()
        else:
            if self.at_end:
                self._go(0)
            self.play()

    def play(self) -> None:
        if self.lanes is None or self.playing or self.at_end:
            return
        self.playing = True
        self._last = self._clock()
        self._timer.start()
        self.changed.emit()

    def hold(self) -> None:
        if self.playing:
            self._stop()
            self.changed.emit()

    def to_start(self) -> None:
        self.hold()
        self._go(0)

    def to_end(self) -> None:
        self.hold()
        self._go(self.end_ns)

    def seek_ns(self, ns: float) -> None:
        """Go to a moment; playing goes on from there."""
        self._go(ns)

    def step(self, by: int = 1) -> None:
        """Go to the next verdict of either lane, or to the one before."""
        self.hold()
        if self.lanes is None:
            return
        near = [lane.verdict_near(self._now, by) for lane in self.lanes]
        self._go(min(near) if by > 0 else max(near))

    def tick(self) -> None:
        """One frame."""
        if not self.playing:
            return
        now, last = self._clock(), self._last
        self._last = now
        self._go(self._now + min(now - last, LONGEST_FRAME_NS) * self.speed)
        if self.at_end:
            self._stop()
            self.changed.emit()
            self.finished.emit()

    def _stop(self) -> None:
        self.playing = False
        self._timer.stop()

    def _go(self, ns: float) -> None:
        self._now = min(max(ns, 0.0), float(self.end_ns))
        self.moved.emit()
