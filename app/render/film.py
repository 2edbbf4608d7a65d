"""A recording as a row of pictures: what the stage shows at each frame's moment.

Time in a film is decode time, as in the window's playback. A frame depends on nothing but its
number: the same film gives the same pictures, in any order of asking.
"""

from __future__ import annotations

from math import ceil

from PySide6.QtGui import QImage, QPainter

from app import motion, theme
from app.player import Player
from app.race import Race
from app.render.clip import END_HOLD_S
from app.render.errors import RenderError
from app.stage.stage import Size, Stage, View
from app.theme import SchemeChoice
from engine.trace import Run, Trace

FIGURES_S = 0.25
"""Seconds of film between two states of plots and figures: faster, and nobody can read them."""


class Film:
    """The pictures of a recording's newest run, or of a race.

    start_s, stop_s: seconds of decode time (None: to the end, and a rest there). speed: seconds of
    the recording in one of the film. against: the recording whose newest run takes the first lane
    of a race; without one it is the run's own baseline.
    """

    def __init__(
        self,
        trace: Trace,
        view: View,
        size: tuple[int, int],
        fps: float,
        scheme: SchemeChoice,
        start_s: float = 0.0,
        stop_s: float | None = None,
        speed: float = 1.0,
        *,
        against: Trace | None = None,
        caption: str = "",
    ) -> None:
        run = trace.run
        assert run is not None
        theme.set_scheme(scheme)
        motion.set_reduced(False)
        self._run: Run = run
        self._baseline = trace.baseline_of(run)
        self._fps, self._speed, self._start_s = fps, speed, start_s
        self._race = _race(run, self._baseline, against) if view == "race" else None
        total_s = (self._race.end_ns if self._race is not None else run.clock[-1]) / 1e9
        rest = END_HOLD_S if stop_s is None or stop_s >= total_s else 0.0
        stop_s = total_s if stop_s is None else min(stop_s, total_s)
        self.duration_s = (stop_s - start_s) / speed + rest if start_s < total_s else 0.0
        self.n_frames = max(ceil(round(self.duration_s * (fps or 1), 6)), int(start_s < total_s))
        self._stage = Stage(view, Size(*size))
        self._stage.caption.text = caption
        self._image = QImage(*size, QImage.Format.Format_RGB32)
        self._fresh = True
        self._player = Player()
        self._player.speed = speed
        self._player.set_run(run)
        self._figures: tuple[float, Run] | None = None
        self._changed = True

    def frame(self, i: int) -> QImage:
        """Picture i, valid until the next call."""
        self._show(i)
        painter = QPainter(self._image)
        self._changed = self._stage.draw(painter, all_of_it=self._fresh)
        painter.end()
        self._fresh = False
        return self._image

    def changed(self) -> bool:
        """Whether the last picture differs from the one before."""
        return self._changed

    def paint(self, painter: QPainter) -> None:
        """The first picture, as shapes."""
        self._show(0)
        self._stage.draw(painter, all_of_it=True)

    def _show(self, i: int) -> None:
        seconds = i / self._fps if self._fps else 0.0
        ns = self._moment(seconds)
        if self._race is not None:
            self._stage.show_race(self._race, min(ns, float(self._race.end_ns)))
            return
        player = self._player
        if ns >= self._run.clock[-1]:
            if not player.at_end:
                player.to_end()
        else:
            player.seek_ns(ns)
        self._stage.show_player(player, self._baseline, self._figures_at(seconds))

    def _moment(self, seconds: float) -> float:
        """Decode time at a second of the film."""
        return (self._start_s + seconds * self._speed) * 1e9

    def _figures_at(self, seconds: float) -> Run:
        """The run as it was at the last turn of the slow figures; the end is never late."""
        if self._player.at_end:
            return self._run
        moment = self._moment(seconds // FIGURES_S * FIGURES_S)
        if self._figures is None or self._figures[0] != moment:
            past = Player()
            past.set_run(self._run)
            past.seek_ns(moment)
            assert past.shown is not None
            self._figures = moment, past.shown
        return self._figures[1]


def _race(run: Run, baseline: Run | None, against: Trace | None) -> Race:
    first = baseline if against is None else against.run
    if first is None:
        raise RenderError(
            "The recording holds one run only, so there is nothing to race.",
            "Record with the baseline on, or give the other recording with --against.",
        )
    race = Race()
    if not race.set_runs(first, run):
        raise RenderError(
            "One of the two runs has no token, so there is nothing to race.",
            "Choose another recording.",
        )
    return race
