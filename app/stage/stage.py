"""The stage: chosen views in a fixed shape, larger than in the window, with nothing else around.

It is laid out in its own pixels, so many on the shorter side, and drawn at any scale: a clip in 4K
is the one in 1080p, only finer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QPainter, QRegion
from PySide6.QtWidgets import QFrame, QWidget

from app import theme
from app.playback_motion import motion_of
from app.player import Player
from app.race import Race
from app.stage.inspected import InspectorStage
from app.stage.parts import HEADING, Caption, Heading, StagePlots, dress
from app.views.legend import Legend
from app.views.pixels import rendered_at
from app.views.race_view import RaceView
from app.views.round_view import RoundView
from app.views.timeline import Timeline
from app.views.token_view import TokenView
from engine.trace import Run

View = Literal["stream", "round", "race", "plots", "inspector", "all"]
SHORT_SIDE: dict[View, int] = {
    "stream": 640, "round": 560, "race": 720, "plots": 640, "inspector": 720, "all": 720,
}  # fmt: skip
"""Pixels of the stage on its shorter side: the fewer, the larger all is."""
MARGIN = 32
GAP = 14
PLOTS = 336
"""Width of the plots where they stand beside other views."""
WIDE = 1100


class Size(NamedTuple):
    """Of a picture, in device pixels."""

    width: int
    height: int


class Stage(QWidget):
    """Shows a player's run, or a race at a moment; `draw` paints what has changed.

    caption: a line below the views. keys: what was just pressed, beside it.
    """

    def __init__(self, view: View, size: Size) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        self.view = view
        self.size_in_pixels = size
        self.scale = scale = min(size) / SHORT_SIDE[view]
        self.resize(round(size.width / scale), round(size.height / scale))
        self.heading = Heading(self)
        self.caption = Caption(self)
        self.round_view: RoundView | None = None
        self.legend: Legend | None = None
        self.tokens: TokenView | None = None
        self.timeline: Timeline | None = None
        self.plots: StagePlots | None = None
        self.inspector: InspectorStage | None = None
        self.race_view: RaceView | None = None
        self._keys: dict[QWidget, object] = {}
        self._drawn: dict[QWidget, object] = {}
        self._run: Run | None = None
        self._make()
        self._arrange()
        dress(self, theme.theme().window)

    def _make(self) -> None:
        view = self.view
        if view in ("round", "all"):
            self.round_view = RoundView(self)
            self.round_view.set_exact(True)
        tall = self.height() > 1.2 * self.width()  # a round alone would leave most of it empty
        if view in ("stream", "all") or (view == "round" and tall):
            self.legend = Legend("Output", parent=self)
            self.tokens = TokenView(self)
            self.tokens.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.tokens.setFrameShape(QFrame.Shape.NoFrame)
        if view in ("stream", "round", "all"):
            self.timeline = Timeline(self)
        if view == "plots" or (view == "all" and self.width() >= WIDE):
            self.plots = StagePlots(alone=view == "plots", parent=self)
        if view == "inspector":
            self.inspector = InspectorStage(self)
        if view == "race":
            self.race_view = RaceView(self)

    def parts(self) -> Iterator[QWidget]:
        """What stands on the stage."""
        for part in (
            self.heading, self.round_view, self.legend, self.tokens, self.timeline, self.plots,
            self.inspector, self.race_view, self.caption,
        ):  # fmt: skip
            if part is not None:
                yield part

    def _arrange(self) -> None:
        """Give each view its place: what is needed first, the rest to the stream."""
        left, right = MARGIN, self.width() - MARGIN
        bottom = self.height() - 44
        self.caption.setGeometry(left, bottom + 4, right - left, 34)
        top = 24
        if self.race_view is not None:
            self.heading.hide()
            self.race_view.setGeometry(16, 8, self.width() - 32, bottom - 8)
            return
        self.heading.setGeometry(left, top, right - left, HEADING)
        top += HEADING + GAP
        if self.plots is not None and self.view == "all":
            self.plots.setGeometry(right - PLOTS, top, PLOTS, bottom - top - GAP)
            right -= PLOTS + 28
        elif self.plots is not None:
            self.plots.setGeometry(left, top, right - left, bottom - top - GAP)
        if self.inspector is not None:
            self.inspector.setGeometry(left, top, right - left, bottom - top)
        if self.timeline is not None:
            bottom -= self.timeline.sizeHint().height()
            self.timeline.setGeometry(left, bottom, right - left, self.timeline.sizeHint().height())
            bottom -= GAP
        if self.round_view is not None:
            self.round_view.resize(right - left, 10)
            wanted = self.round_view.sizeHint().height()
            # Alone, it stands in the middle: the eye goes there.
            alone = self.tokens is None
            tall = min(bottom - top, max(wanted, 330)) if alone else wanted
            if self.view == "round" and not alone:
                tall += 96
            start = top + (bottom - top - tall) // 2 if alone else top
            self.round_view.setGeometry(left, start, right - left, tall)
            top = start + tall + GAP
        if self.tokens is not None and self.legend is not None:
            self.legend.setGeometry(left, top, right - left, 28)
            self.tokens.setGeometry(left, top + 32, right - left, bottom - top - 32)

    # What is shown

    def show_player(self, player: Player, baseline: Run | None, figures: Run | bool = True) -> None:
        """The moment where a player is. figures: the run that plots and figures are taken from,
        where they are to change less often than the views; False: they stay as they are."""
        run, whole = player.shown, player.whole
        if run is None or whole is None:
            return
        another = self._run is None or self._run.started is not run.started
        replaced = run is not self._run
        self._run = run
        now = run.n_events
        coming = motion_of(player)
        if another:
            self.heading.show_run(run, player.speed)
            if self.timeline is not None:
                self.timeline.set_run(whole)
                self.timeline.fit()
        if self.round_view is not None:
            if replaced:
                self.round_view.set_run(run, baseline)
            self.round_view.refresh()
            self.round_view.set_motion(*coming)
            if another:
                self._arrange()
            self._keys[self.round_view] = (now, coming[0] is not None, coming[1])
        if self.tokens is not None and self.legend is not None:
            if replaced:
                self.tokens.set_run(run)
            self.tokens.refresh()
            self.tokens.jump_to_end()
            self._keys[self.tokens] = now
            self.legend.set_detail(counts(run))
            self._keys[self.legend] = counts(run)
        if self.timeline is not None:
            self.timeline.refresh()
            at = None if player.at_end else player.now_ns
            self.timeline.set_position(at, at_once=True)
            self._keys[self.timeline] = at
        if self.inspector is not None:
            self.inspector.show_player(player, coming)
            self._keys[self.inspector] = self.inspector.key
        self._keys[self.caption] = self.caption.key
        if figures is False and not another:
            return
        slow = run if isinstance(figures, bool) else figures
        if self.plots is not None and self._keys.get(self.plots) != slow.n_finished_rounds:
            self.plots.show_moment(slow, baseline)
            self._keys[self.plots] = slow.n_finished_rounds
        self.heading.show_figure(slow, baseline)
        self._keys[self.heading] = self.heading.key

    def show_race(self, race: Race, ns: float) -> None:
        """A race at a moment of its clock."""
        assert self.race_view is not None
        if self._keys.get(self) is not race:
            self._keys[self] = race
            self.race_view.set_race(race)
        self.race_view.show_at(ns)
        self._keys[self.race_view] = ns
        self._keys[self.caption] = self.caption.key

    # Drawing

    def draw(self, painter: QPainter, *, all_of_it: bool = False) -> bool:
        """Paint the parts that changed since the last call onto a picture of `size_in_pixels`;
        says whether there were any."""
        scale = self.scale
        painter.save()
        painter.scale(scale, scale)
        drawn = False
        with rendered_at(scale):
            if all_of_it:
                painter.fillRect(self.rect(), theme.theme().window)
            for part in self.parts():
                if part.isHidden() and not part.isVisibleTo(self):
                    continue
                key = self._keys.get(part)
                if not all_of_it and part in self._drawn and self._drawn[part] == key:
                    continue
                self._drawn[part] = key
                self._paint(painter, part)
                drawn = True
        painter.restore()
        return drawn

    def _paint(self, painter: QPainter, part: QWidget) -> None:
        place = part.geometry()
        painter.fillRect(QRect(place), theme.theme().window)
        painter.save()
        painter.translate(place.topLeft())
        part.render(painter, QPoint(0, 0), QRegion(), QWidget.RenderFlag.DrawChildren)
        painter.restore()


def counts(run: Run) -> str:
    """`47 tokens · 10 target calls`."""
    tally = run.tally
    tokens = "token" if tally.tokens == 1 else "tokens"
    passes = "target call" if tally.rounds == 1 else "target calls"
    return f"{tally.tokens:,} {tokens} · {tally.rounds:,} {passes}"
