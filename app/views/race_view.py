"""Two recorded runs side by side on one clock: lanes, streams, and the comparison below them."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app import race_words, theme
from app.race import Race, RaceState
from app.race_words import Badge, Ink, LaneName
from app.views.legend import Legend
from app.views.race_card import card_height, paint_card
from app.views.race_lane import LaneView
from engine.trace import TokenState

SIDE_BY_SIDE = 700
"""Width from which the lanes stand beside each other."""
MARGIN = 16
GUTTER = 24
TITLE = 32
_NO_NAMES = LaneName("", ""), LaneName("", "")
_EMPTY = "There is no race yet", "Choose a recorded run for each of the two lanes."


class RaceView(QWidget):
    """Draws a race at a moment.

    `show_at` is all there is to it: no timers, no animation, nothing that depends on what was shown
    before. The same moment at the same size is the same picture, on screen and in a clip.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._race: Race | None = None
        self._state: RaceState | None = None
        self._names: tuple[LaneName, LaneName] = _NO_NAMES
        self._inks: tuple[Ink, Ink] = "target", "good"
        self._badge = Badge(("",), False)
        self._goal = ""
        self._empty = _EMPTY
        self.lanes = LaneView(self), LaneView(self)
        self.legend = Legend(parent=self)
        self.setAccessibleName("Race")
        theme.notifier().changed.connect(self.update)
        self._show_children()

    def set_race(self, race: Race | None) -> None:
        """Draw this race from now on, at its start, or say that there is none."""
        self._race = race if race is not None and race.lanes is not None else None
        self._state = None
        self._names = _NO_NAMES
        if race is not None and race.lanes is not None:
            runs = race.lanes[0].whole, race.lanes[1].whole
            self._names = race_words.lane_names(*runs)
            self._inks = race_words.inks(*runs)
            self._badge = race_words.badge(*runs)
            self._goal = race_words.goal(race)
        for i, view in enumerate(self.lanes):
            lane = race.lanes[i] if race is not None and race.lanes is not None else None
            first = race is not None and race.winner == i
            end_ns = race.end_ns if race is not None else 0
            view.set_lane(lane, self._names[i], self._inks[i], first, end_ns)
        self._show_children()
        self.show_at(0)

    def show_at(self, ns: float) -> None:
        """Show both lanes as they were at a moment of the common clock, in nanoseconds."""
        state = self._race.state(ns) if self._race is not None else None
        self._state = state
        if state is not None:
            for view, lane in zip(self.lanes, state.lanes, strict=True):
                view.show_state(ns, lane)
            spoken = ". ".join(view.sentence for view in self.lanes)
            self.setAccessibleDescription(f"{self.badge_text}. {spoken}")
        self.update()

    def set_empty_words(self, title: str, detail: str) -> None:
        """What it says while there is nothing to race."""
        self._empty = title, detail
        self.update()

    @property
    def state(self) -> RaceState | None:
        """What is shown; None: no race."""
        return self._state

    @property
    def names(self) -> tuple[LaneName, LaneName]:
        return self._names

    @property
    def badge_text(self) -> str:
        """The badge in its longest form."""
        return self._badge.forms[0]

    @property
    def stacked(self) -> bool:
        """Whether one lane stands above the other."""
        return self.width() < SIDE_BY_SIDE

    def sizeHint(self) -> QSize:
        return QSize(1024, 720)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 480)

    # Geometry

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _card(self) -> QRect:
        width = self.width() - 2 * MARGIN
        height = card_height(width)
        return QRect(MARGIN, self.height() - MARGIN - height, width, height)

    def _place(self) -> None:
        width, top = self.width() - 2 * MARGIN, 8 + TITLE + (32 if self.stacked else 16)
        height = self._card().top() - MARGIN - top
        for i, view in enumerate(self.lanes):
            view.set_short(self.stacked)
            if self.stacked:
                each = (height - MARGIN) // 2
                view.setGeometry(MARGIN, top + i * (each + MARGIN), width, each)
            else:
                each = (width - GUTTER) // 2
                view.setGeometry(MARGIN + i * (each + GUTTER), top, each, height)
        self.legend.setGeometry(self._legend_place())
        self.update()

    def _legend_place(self) -> QRect:
        """At the right of the title line; it hides what it has no room for."""
        left = round(self._title_end()) + 16
        return QRect(left, 10, max(self.width() - MARGIN - left, 0), 28)

    def _show_children(self) -> None:
        for child in (*self.lanes, self.legend):
            child.setVisible(self._race is not None)
        self._place()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        now = theme.theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), now.window)
        if self._race is None or self._state is None:
            self._paint_empty(painter, now)
            return
        self._paint_title(painter, now)
        card = QRectF(self._card())
        paint_card(painter, now, card, self._race, self._state, self._names, self._inks)

    def _title_words(self) -> float:
        """Where heading and goal end."""
        heading = QFontMetricsF(theme.font(theme.TITLE)).horizontalAdvance("Race")
        goal = QFontMetricsF(theme.font(theme.SMALL)).horizontalAdvance(self._goal)
        return MARGIN + heading + 8 + goal

    def _badge_form(self) -> tuple[str, QRectF]:
        """The form of the badge that fits, and its pill: beside the title, or below it."""
        metrics = QFontMetricsF(theme.sans(11, QFont.Weight.DemiBold))
        left = MARGIN if self.stacked else self._title_words() + 16
        room = self.width() - MARGIN - left - 20
        forms = self._badge.forms
        form = next((f for f in forms if metrics.horizontalAdvance(f) <= room), forms[-1])
        form = metrics.elidedText(form, Qt.TextElideMode.ElideRight, max(room, 0))
        top = 8 + TITLE if self.stacked else 14
        return form, QRectF(left, top, metrics.horizontalAdvance(form) + 20, 20)

    def _title_end(self) -> float:
        return self._title_words() if self.stacked else self._badge_form()[1].right()

    def _paint_title(self, painter: QPainter, now: theme.Theme) -> None:
        base = 30.0
        painter.setFont(theme.font(theme.TITLE))
        painter.setPen(now.text)
        painter.drawText(QPointF(MARGIN, base), "Race")
        heading = QFontMetricsF(painter.font()).horizontalAdvance("Race")
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(now.muted)
        painter.drawText(QPointF(MARGIN + heading + 8, base), self._goal)
        form, pill = self._badge_form()
        warns = self._badge.warns
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.with_alpha(now.warn if warns else now.host, 0.16))
        painter.drawRoundedRect(pill, 10, 10)
        painter.setFont(theme.sans(11, QFont.Weight.DemiBold))
        painter.setPen(now.warn_text if warns else now.states[TokenState.DISCARDED].text)
        painter.drawText(pill, int(Qt.AlignmentFlag.AlignCenter), form)

    def _paint_empty(self, painter: QPainter, now: theme.Theme) -> None:
        across = min(self.width() - 4 * MARGIN, 440)
        left, middle = (self.width() - across) / 2, self.height() / 2
        how = int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap)
        painter.setFont(theme.sans(15))
        painter.setPen(now.text)
        painter.drawText(QRectF(left, middle - 32, across, 28), how, self._empty[0])
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(now.muted)
        painter.drawText(QRectF(left, middle + 2, across, 80), how, self._empty[1])
