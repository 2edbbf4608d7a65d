"""Playback: where in a run the window is, and how it moves on. The same for live runs.

The clock is decode time (draft + verify + host): a round's tokens come one by one by their measured
times, whatever happened in between. "As recorded" keeps the pauses and the prefill too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from time import perf_counter_ns

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from engine.events import Drafted, Prefilled, RunFinished, RunStarted, Verified
from engine.trace import Run

AS_RECORDED = 0.0
"""Stands for the speed at which the recording was made, its pauses included."""
SPEEDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
FRAME_MS = 16
LONGEST_FRAME_NS = 250_000_000
"""A frame that came later than this was a stall, of which nothing is to be skipped."""
FOLD_AT_MOST = 512
"""Events that are quicker folded one by one than by cutting the run anew."""


class Player(QObject):
    """Shows a run as it was at a moment: `shown` is that run, `whole` all there is of it.

    At the end the two are one object, so that following a live run costs nothing; before it,
    `shown` is a past of `whole`. It is held, or playing; while a run is live it may also be
    following, which is to be at the end of all that comes.

    replaced: `shown` is another object. moved: the moment is another one (also after `replaced`).
    changed: playing, speed or what may be done. hungry: a live run in slow motion needs its next
    round of the engine, which is held at all other times: it works while the picture rests, so that
    neither disturbs the other, and what it measures stays true.
    """

    replaced = Signal()
    moved = Signal()
    changed = Signal()
    hungry = Signal()

    def __init__(
        self, parent: QObject | None = None, clock: Callable[[], int] = perf_counter_ns
    ) -> None:
        super().__init__(parent)
        self.whole: Run | None = None
        self.shown: Run | None = None
        self.playing = False
        self.speed = 1.0
        self.live = False
        """Whether more may come."""
        self.skipped: Verified | None = None
        """The verdict whose way there a person did not want to watch to its end."""
        self._clock = clock
        self._now = 0.0  # on the clock of the run
        self._last = 0  # when the last frame was
        self._asked = -1
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.tick)

    # What is played

    def set_run(self, run: Run | None, *, live: bool = False, held: bool = False) -> None:
        """Another run, at its end; a live one is followed, in slow motion from its beginning.
        held: its engine is stepped by the person, who wants to see each event at once."""
        self._stop()
        self.live = live and run is not None and run.finished is None
        self.whole = self.shown = run
        self._asked = -1
        if run is not None and self.live and self.slow and not (held or run.is_baseline):
            self.shown = run.at(1)
        self._now = self._end()
        self.replaced.emit()
        self.moved.emit()
        if self.shown is not run:
            self.play()
        else:
            self.changed.emit()

    def grew(self) -> None:
        """The live run has gained events."""
        if self.shown is self.whole:
            self._now = self._end()
            self.moved.emit()
        if self.live and self.whole is not None and self.whole.finished is not None:
            self.end()

    def end(self) -> None:
        """Nothing more will come."""
        if self.live:
            self.live = False
            self.changed.emit()

    @property
    def slow(self) -> bool:
        """Whether a live run is to be slower than the engine."""
        return 0 < self.speed < 1

    @property
    def at_start(self) -> bool:
        return self.shown is None or self.shown.n_events <= self._n_opening()

    @property
    def at_end(self) -> bool:
        return self.shown is self.whole

    # Where it is

    @property
    def now_ns(self) -> float:
        """The moment in decode time, also between two events."""
        shown = self.shown
        if shown is None:
            return 0.0
        if self.speed == AS_RECORDED or self.at_end:
            return float(shown.clock[-1])
        return max(self._now, float(shown.clock[-1]))

    def upcoming(self) -> tuple[Verified, float] | None:
        """The verdict that comes next, if it is next, and how much of the time to it has passed
        (0 to 1): a picture of the verification may show it before it is there."""
        whole, shown = self.whole, self.shown
        if whole is None or shown is None or shown is whole:
            return None
        n = shown.n_events
        event = whole.events[n] if n < whole.n_events else None
        if not isinstance(event, Verified):
            return None
        start, stop = whole.clock[n - 1], whole.clock[n]
        return event, min(max((self.now_ns - start) / max(stop - start, 1), 0.0), 1.0)

    def skip(self) -> None:
        """Do not show how the coming verdict is reached."""
        coming = self.upcoming()
        if coming is not None and self.skipped is not coming[0]:
            self.skipped = coming[0]
            self.moved.emit()

    # How it moves on

    def set_speed(self, speed: float) -> None:
        """Times the speed of the run; `AS_RECORDED` for that of the recording."""
        if speed == self.speed:
            return
        self.speed = speed
        if self.shown is not None:
            self._now = self._time_of(self.shown.n_events)
        if self.live and not self.slow and self.playing:
            self.to_end()
        elif self.live and self.slow and self.at_end and not self._is_baseline():
            self._leave_end()
            self.play()
        self.changed.emit()

    def toggle(self) -> None:
        """Play or hold; at the end of a run that is over, play it again from its beginning."""
        if self.playing:
            self.hold()
        else:
            if self.at_end and not self.live:
                self.to_start()
            self.play()

    def play(self) -> None:
        if self.shown is None or self.playing or (self.at_end and not (self.live and self.slow)):
            return
        self.playing = True
        self._last = self._clock()
        self._timer.start()
        self.changed.emit()
        self._needs_round()

    def hold(self) -> None:
        if self.playing:
            self._stop()
            self.changed.emit()

    def step_event(self, by: int = 1) -> None:
        """Go to the next or previous token or verdict."""
        self.hold()
        if self.shown is not None and self.whole is not None:
            events = self.whole.events
            n = self.shown.n_events + by
            while 0 < n < len(events) and not _visible(events[n - 1]):
                n += by
            self._go(n)

    def step_round(self, by: int = 1) -> None:
        """Go to the end of the next round, or of the one before."""
        self.hold()
        if self.shown is None:
            return
        done = self.shown.n_finished_rounds
        within = self.shown.n_events > self._n_after(done)
        self._go(self._n_after(done + by if by > 0 or not within else done))

    def to_start(self) -> None:
        self.hold()
        self._go(self._n_opening())

    def to_end(self) -> None:
        self.hold()
        if self.whole is not None:
            self._go(self.whole.n_events)

    def seek_round(self, index: int) -> None:
        """Go to the verdict of a round; playing goes on from there."""
        self._go(self._n_after(index + 1))

    def seek_ns(self, ns: float) -> None:
        """Go to a moment of decode time."""
        if self.whole is not None:
            self._go(max(bisect_right(self.whole.clock, ns), self._n_opening()), ns)

    def tick(self) -> None:
        """One frame."""
        whole, shown = self.whole, self.shown
        if whole is None or shown is None:
            return
        now, last = self._clock(), self._last
        self._last = now
        if self.live and self.slow and self._needs_round():
            return
        self._now += min(now - last, LONGEST_FRAME_NS) * (self.speed or 1.0)
        times = self._times()
        if self.live:  # wait for the engine
            self._now = min(self._now, float(times[-1]))
        n = max(bisect_right(times, self._now), shown.n_events)
        if n >= len(times) and not (self.live and self.slow):
            self._stop()
            self._go(len(times))
            self.changed.emit()
            return
        self._go(n, self._now)

    # Inside

    def _stop(self) -> None:
        self.playing = False
        self._timer.stop()

    def _is_baseline(self) -> bool:
        return self.whole is not None and self.whole.is_baseline

    def _leave_end(self) -> None:
        """Go on behind the engine instead of with it."""
        assert self.whole is not None
        self.shown = self.whole.at(self.whole.n_events)
        self.replaced.emit()

    def _times(self) -> Sequence[int]:
        """When each event is there, on the clock that is played by."""
        whole = self.whole
        assert whole is not None
        return whole.wall if self.speed == AS_RECORDED else whole.clock

    def _time_of(self, n_events: int) -> float:
        times = self._times()
        return float(times[min(n_events, len(times)) - 1])

    def _end(self) -> float:
        return float(self.shown.clock[-1]) if self.shown is not None else 0.0

    def _n_opening(self) -> int:
        """Events before the first token: nothing is to be seen of them."""
        whole = self.whole
        if whole is None:
            return 1
        n = 1
        while n < whole.n_events and isinstance(whole.events[n], RunStarted | Prefilled):
            n += 1
        return n

    def _n_after(self, rounds: int) -> int:
        """Events up to the verdict of the last of so many rounds."""
        whole = self.whole
        if whole is None or rounds <= 0:
            return self._n_opening()
        if rounds > whole.n_finished_rounds:
            return whole.n_events
        # The clock finds the place; where rounds took no time, a few events are stepped over.
        n = bisect_left(whole.clock, whole.columns.end_ns[rounds - 1]) + 1
        events = whole.events
        while n < len(events):
            event = events[n - 1]
            if isinstance(event, Verified) and event.round == rounds - 1:
                break
            n += 1
        return n

    def _go(self, n: int, now: float | None = None) -> None:
        """Show the run after n events, at that moment or a little later."""
        whole, shown = self.whole, self.shown
        if whole is None or shown is None:
            return
        n = min(max(n, 1), whole.n_events)
        behind_engine = self.live and self.slow and self.playing
        if n == whole.n_events and not behind_engine:
            self.shown = whole
        elif shown is whole or not shown.n_events <= n <= shown.n_events + FOLD_AT_MOST:
            self.shown = whole.at(n)
        else:
            for event in whole.events[shown.n_events : n]:
                shown.apply(event)
        self._now = self._time_of(n) if now is None else now
        if self.shown is not shown:
            self.replaced.emit()
        self.moved.emit()
        if (self.shown is whole) != (shown is whole):
            self.changed.emit()

    def _needs_round(self) -> bool:
        """Whether the next verdict has yet to be made; then the engine is asked for it, once."""
        whole, shown = self.whole, self.shown
        if not (self.live and self.slow) or whole is None or shown is None:
            return False
        if whole.n_finished_rounds > shown.n_finished_rounds:
            return False
        if self._asked != whole.n_finished_rounds:
            self._asked = whole.n_finished_rounds
            self.hungry.emit()
        return True


def _visible(event: object) -> bool:
    """Whether a step may end at an event: a drafted token, a verdict or the end."""
    return isinstance(event, Drafted | Verified | RunFinished)
