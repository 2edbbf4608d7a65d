"""The race as a page: who runs, the two lanes, and the row that moves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from app import assets, race_words, theme
from app.files import FILTER
from app.panels.banner import Banners
from app.panels.fields import muted
from app.panels.page import Bar, close_button
from app.panels.race_picker import ROLES, RunPicker, RunReader, run_of
from app.panels.race_transport import RaceTransport
from app.race import Race
from app.race_words import Ink
from app.recordings import Entry
from app.views.race_view import RaceView
from engine.errors import ErrorInfo
from engine.events import Role
from engine.trace import Run, Trace

BAR, PICKER = 56, 400
_Key = Qt.Key
KEYS = (
    *(_Key.Key_Space, _Key.Key_Home, _Key.Key_End, _Key.Key_Escape),
    *(_Key.Key_Left, _Key.Key_Right, _Key.Key_Up, _Key.Key_Down),
)
ALONE = (
    "One run has nobody to race",
    "This recording holds a single run. Run once more with the baseline on, or choose a run of "
    "another recording for the other lane.",
)
NONE = ("There is no race yet", "Choose a recorded run for each of the two lanes.")
NO_TOKENS = ("These runs cannot race", "One of them has no token, or too few to compare.")


class RacePage(QWidget):
    """closed: the close button or Escape.

    entries: lists the recordings that a lane may come from. ask_recording: a file dialog (tests
    replace it).
    """

    closed = Signal()

    def __init__(
        self, parent: QWidget | None = None, entries: Callable[[], list[Entry]] = list
    ) -> None:
        super().__init__(parent)
        self.current = Race(self)
        self.view = RaceView()
        self.banners = Banners()
        self.transport = RaceTransport(self.current)
        self.reader = RunReader(self)
        self.ask_recording: Callable[[], str] = self._ask_recording
        self._runs: list[Run | None] = [None, None]
        self._wish: tuple[int, Role | None, Path] | None = None
        self.pickers = RunPicker("Left lane"), RunPicker("Right lane")
        for lane, picker in enumerate(self.pickers):
            picker.setMaximumWidth(PICKER)
            picker.entries = entries
            picker.chosen.connect(lambda run, i=lane: self.choose(i, run))
            picker.wanted.connect(lambda path, role, i=lane: self.open(i, path, role))
            picker.browse.connect(lambda i=lane: self._browse(i))
        self.close_button = close_button("Close the race", "Close the race (Esc)")
        self.close_button.clicked.connect(self.closed)
        self._lay_out()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Race")
        self.current.replaced.connect(lambda: self.view.set_race(self.current))
        self.current.moved.connect(lambda: self.view.show_at(self.current.now_ns))
        self.reader.found.connect(self._on_read)
        self.reader.failed.connect(self._on_failed)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()
        self._show()

    def _lay_out(self) -> None:
        bar = Bar()
        bar.setFixedHeight(BAR)
        top = QHBoxLayout(bar)
        top.setContentsMargins(16, 0, 16, 0)
        top.setSpacing(8)
        top.addWidget(self.pickers[0], 100)
        top.addWidget(muted("against"))
        top.addWidget(self.pickers[1], 100)
        top.addStretch(1)
        top.addWidget(self.close_button)
        news = QHBoxLayout()
        news.setContentsMargins(16, 0, 16, 0)
        self.banners.setContentsMargins(0, 12, 0, 0)
        news.addWidget(self.banners)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(bar)
        page.addLayout(news)
        page.addWidget(self.view, 1)
        page.addWidget(self.transport)

    # Who races

    def race(self, trace: Trace) -> None:
        """Race the newest run of a recording against its baseline, from the start, held."""
        for picker in self.pickers:
            picker.set_trace(trace)
        run = trace.run
        baseline = trace.baseline_of(run) if run is not None else None
        self._take(baseline, run) if baseline is not None else self._take(run, None)

    def race_runs(self, first: Run, second: Run) -> None:
        """Race any two runs."""
        self._take(first, second)

    def choose(self, lane: int, run: Run) -> None:
        """Put a run into a lane; both go back to the start."""
        runs = list(self._runs)
        runs[lane] = run
        self._take(*runs)

    def open(self, lane: int, path: Path, role: Role | None = None) -> None:
        """Read a recording and put its run of that kind into a lane; None: the kind that is
        there."""
        self._wish = lane, role, path
        self.reader.read(path)

    def seek_ns(self, ns: float) -> None:
        self.current.seek_ns(ns)

    @property
    def end_ns(self) -> int:
        return self.current.end_ns

    def _take(self, first: Run | None, second: Run | None) -> None:
        self._runs = [first, second]
        self.setFocus()
        self.reader.drop()
        self.banners.clear()
        self.current.set_runs(first, second)
        self._show()

    def _show(self) -> None:
        inks: tuple[Ink, Ink] = "target", "good"
        first, second = self._runs
        if first is not None and second is not None:
            inks = race_words.inks(first, second)
            self.view.set_empty_words(*NO_TOKENS)
        elif first is not None or second is not None:
            inks = ("target" if first and race_words.is_plain(first) else "good"), "good"
            self.view.set_empty_words(*ALONE)
        else:
            self.view.set_empty_words(*NONE)
        for picker, run, ink in zip(self.pickers, self._runs, inks, strict=True):
            picker.show_run(run, ink)

    def _browse(self, lane: int) -> None:
        path = self.ask_recording()
        if path:
            self.open(lane, Path(path))

    def _ask_recording(self) -> str:
        return QFileDialog.getOpenFileName(self.window(), "Race a recording", "", FILTER)[0]

    def _on_read(self, trace: Trace) -> None:
        if self._wish is None:
            return
        lane, role, path = self._wish
        before = self._runs[lane]
        if role is None:
            plain = before is not None and race_words.is_plain(before)
            role = "baseline" if plain else "speculative"
            run = run_of(trace, role) or run_of(trace, _other(role))
        else:
            run = run_of(trace, role)
        if run is None:
            self.banners.notice(
                "warning",
                f"{path.name} holds no {dict(ROLES)[role]} run with a token.",
                "The lane is as it was.",
            )
        else:
            self.choose(lane, run)

    def _on_failed(self, error: ErrorInfo) -> None:
        self.banners.error(error)

    # Keys and looks

    def event(self, event: QEvent) -> bool:
        # Before the window's shortcuts get them: while a race is shown these keys are its own.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and _plain(event)
            and event.key() in KEYS
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        race, key = self.current, _Key(event.key())
        calls: dict[Qt.Key, Callable[[], object]] = {
            _Key.Key_Space: race.toggle,
            _Key.Key_Home: race.to_start,
            _Key.Key_End: race.to_end,
            _Key.Key_Left: lambda: race.step(-1),
            _Key.Key_Right: race.step,
            _Key.Key_Up: lambda: self.transport.step_speed(1),
            _Key.Key_Down: lambda: self.transport.step_speed(-1),
            _Key.Key_Escape: self.closed.emit,
        }
        if _plain(event) and key in calls:
            calls[key]()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.current.hold()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.theme().window)

    def _restyle(self) -> None:
        self.close_button.setIcon(assets.icon("close", theme.theme().muted))
        self.update()


def _plain(event: QKeyEvent) -> bool:
    return event.modifiers() in (
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.KeypadModifier,
    )


def _other(role: Role) -> Role:
    return "speculative" if role == "baseline" else "baseline"
