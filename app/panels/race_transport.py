"""The row below a race: its buttons, a scrubber over the common time, and the speed."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from app import assets, race_words, theme
from app.panels.fields import muted
from app.player import SPEEDS
from app.race import Race
from app.race_words import Ink
from app.views.race_lane import lane_colours

HEIGHT = 56
STEPS = 10_000
"""Positions of the scrubber."""
NARROW = 560
"""Width below which the speed has no slider."""
_KNOB = 16


class Scrubber(QSlider):
    """A slider over the race's time, with a dot where each lane comes in. A click goes there."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, STEPS)
        self.setFixedHeight(32)
        self.setSingleStep(STEPS // 100)
        self.setPageStep(STEPS // 10)
        self.setAccessibleName("Moment of the race")
        self._marks: list[tuple[float, Ink]] = []

    def set_marks(self, marks: list[tuple[float, Ink]]) -> None:
        """Each: its place, 0 to 1, and the lane's hue."""
        self._marks = marks
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            span = max(self.width() - _KNOB, 1)
            self.setValue(round((event.position().x() - _KNOB / 2) / span * STEPS))
        super().mousePressEvent(event)  # the knob is below the pointer now, and can be dragged

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for place, ink in self._marks:
            x = _KNOB / 2 + place * (self.width() - _KNOB)
            painter.setBrush(lane_colours(now, ink)[0])
            painter.drawEllipse(QPointF(x, self.height() / 2 + 12), 3, 3)
        painter.end()
        super().paintEvent(event)


class RaceTransport(QFrame):
    """Moves a race, and shows where it is."""

    speed_chosen = Signal(float)

    def __init__(self, race: Race, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._race = race
        self.setFixedHeight(HEIGHT)
        self.start = self._button("to-start", "To the start (Home)", race.to_start)
        self.play = self._button("run", "Play (Space)", race.toggle)
        self.end = self._button("to-end", "To the finish (End)", race.to_end)
        self.scrubber = Scrubber()
        self.scrubber.setToolTip("Moment of the race (← →)")
        self.scrubber.valueChanged.connect(self._scrubbed)
        self.readout = QLabel()
        self.readout.setFont(theme.font(theme.BODY, figures=True))
        self.readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setProperty("kind", "plain")
        self.slider.setRange(0, len(SPEEDS) - 1)
        self.slider.setPageStep(1)
        self.slider.setValue(SPEEDS.index(1.0))
        self.slider.setFixedWidth(96)
        self.slider.setAccessibleName("Speed of the race")
        self.slider.setToolTip("Speed (↑ ↓)")
        self.slider.valueChanged.connect(lambda at: race.set_speed(SPEEDS[at]))
        self.speed = muted("1×")
        self.speed.setFixedWidth(40)
        self._speed_word = muted("speed")

        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 0, 16, 0)
        layout.setSpacing(4)
        for button in (self.start, self.play, self.end):
            layout.addWidget(button)
        layout.addSpacing(8)
        layout.addWidget(self.scrubber, 1)
        layout.addSpacing(8)
        layout.addWidget(self.readout)
        layout.addSpacing(16)
        layout.addWidget(self._speed_word)
        layout.addWidget(self.slider)
        layout.addSpacing(4)
        layout.addWidget(self.speed)
        race.replaced.connect(self._on_replaced)
        race.moved.connect(self._on_moved)
        race.changed.connect(self._on_changed)
        theme.notifier().changed.connect(self._restyle)
        self._on_replaced()
        self._restyle()

    def step_speed(self, by: int) -> None:
        """A stop faster or slower."""
        self.slider.setValue(self.slider.value() + by)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for widget in (self.slider, self._speed_word):
            widget.setVisible(event.size().width() >= NARROW)

    def _button(self, icon: str, tip: str, call: object) -> QToolButton:
        button = QToolButton()
        button.setProperty("kind", "flat")
        button.setProperty("icon_name", icon)
        button.setIconSize(QSize(16, 16))
        button.setFixedSize(36, 32)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(" (")[0])
        button.clicked.connect(call)
        return button

    def _scrubbed(self, value: int) -> None:
        self._race.seek_ns(value / STEPS * self._race.end_ns)

    def _on_replaced(self) -> None:
        race = self._race
        there = race.lanes is not None
        for widget in (self.start, self.play, self.end, self.scrubber, self.slider):
            widget.setEnabled(there)
        marks: list[tuple[float, Ink]] = []
        if race.lanes is not None and race.end_ns:
            inks = race_words.inks(race.lanes[0].whole, race.lanes[1].whole)
            for lane, ink in zip(race.lanes, inks, strict=True):
                marks.append((lane.finish_ns / race.end_ns, ink))
        self.scrubber.set_marks(marks)
        self._on_moved()

    def _on_moved(self) -> None:
        race = self._race
        with QSignalBlocker(self.scrubber):
            self.scrubber.setValue(round(race.now_ns / race.end_ns * STEPS) if race.end_ns else 0)
        if race.lanes is None:
            self.readout.setText("")
            return
        now, end = (race_words.clock(ns, race.end_ns) for ns in (race.now_ns, race.end_ns))
        text = f"{now.rpartition(' ')[0]} / {end}"
        widest = f"{end.rpartition(' ')[0]} / {end}"
        self.readout.setMinimumWidth(self.readout.fontMetrics().horizontalAdvance(widest) + 2)
        self.readout.setText(text)

    def _on_changed(self) -> None:
        race = self._race
        self.speed.setText(f"{race.speed:g}×")
        near = min(range(len(SPEEDS)), key=lambda at: abs(SPEEDS[at] - race.speed))
        with QSignalBlocker(self.slider):
            self.slider.setValue(near)
        self.play.setProperty("icon_name", "pause" if race.playing else "run")
        self.play.setToolTip(f"{'Pause' if race.playing else 'Play'} (Space)")
        self.play.setAccessibleName("Pause" if race.playing else "Play")
        self._restyle()

    def _restyle(self) -> None:
        now = theme.theme()
        for button in (self.start, self.play, self.end):
            name = str(button.property("icon_name"))
            button.setIcon(assets.icon(name, now.text, now.muted))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.fillRect(self.rect(), now.panel)
        painter.fillRect(0, 0, self.width(), 1, now.line)
