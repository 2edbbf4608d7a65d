"""Who runs in a lane: a run of this recording, or one of any other; and what reads that one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)

from app import assets, race_words, theme
from app.files import describe
from app.race_words import Ink
from app.recordings import Entry
from app.views import format as fmt
from app.views.race_lane import lane_colours
from engine.errors import DraftscopeError, ErrorInfo
from engine.events import Role
from engine.recording import TraceReader, read_events
from engine.trace import Run, Trace

BUDGET_NS = 8_000_000
"""Of reading, each time that Qt is idle."""
CHOOSE = "Choose a run"
ROLES: tuple[tuple[Role, str], ...] = (("baseline", "standard"), ("speculative", "speculative"))


def run_title(run: Run) -> str:
    """One line for a list: what a run is, and how long."""
    kind = "Standard" if race_words.is_plain(run) else "Speculative"
    found = race_words.facets(run)
    method = " · ".join(
        found[f] for f in ("drafter", "γ", "rule") if f in found and not race_words.is_plain(run)
    )
    return " · ".join(filter(None, (kind, method, fmt.count(run.tally.tokens, "token"))))


def run_of(trace: Trace, role: Role) -> Run | None:
    """The newest run of a kind that emitted a token."""
    plain = role == "baseline"
    fitting = [r for r in trace.runs if race_words.is_plain(r) == plain and r.tally.tokens]
    return fitting[-1] if fitting else None


class RunPicker(QPushButton):
    """Shows one lane's run; its menu offers others.

    chosen(run): of this recording. wanted(path, role): of another one. browse(): of any file.
    entries: lists the recent recordings, asked each time that the menu opens.
    """

    chosen = Signal(object)  # Run
    wanted = Signal(object, str)  # Path, Role
    browse = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: Callable[[], list[Entry]] = list
        self._trace: Trace | None = None
        self._run: Run | None = None
        self._ink: Ink = "good"
        self.setAccessibleName(name)
        self.setFixedHeight(32)
        self.setMinimumWidth(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.menu_of_runs = QMenu(self)
        self.menu_of_runs.setToolTipsVisible(True)
        self.menu_of_runs.aboutToShow.connect(self.fill)
        self.setMenu(self.menu_of_runs)
        theme.notifier().changed.connect(self.update)

    def show_run(self, run: Run | None, ink: Ink) -> None:
        """The lane's run and its hue."""
        self._run, self._ink = run, ink
        self.setToolTip(self.shown)
        self.setAccessibleDescription(self.shown)
        self.update()

    def set_trace(self, trace: Trace | None) -> None:
        """What is called "this recording"."""
        self._trace = trace

    @property
    def shown(self) -> str:
        return run_title(self._run) if self._run is not None else CHOOSE

    def fill(self) -> None:
        """Make the menu anew."""
        menu = self.menu_of_runs
        menu.clear()
        runs = [run for run in self._trace.runs if run.tally.tokens] if self._trace else []
        for run in runs:
            action = menu.addAction(run_title(run).replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(run is self._run)
            action.triggered.connect(lambda _=False, r=run: self.chosen.emit(r))
        menu.addSeparator()
        entries = self.entries()
        for role, word in ROLES:
            recent = menu.addMenu(f"{word.capitalize()} run of")
            recent.setEnabled(bool(entries))
            recent.setToolTipsVisible(True)
            for entry in entries:
                action = recent.addAction(describe(entry))
                action.setToolTip(entry.path.name)
                action.triggered.connect(
                    lambda _=False, path=entry.path, r=role: self.wanted.emit(path, r)
                )
        menu.addAction("Open recording…").triggered.connect(self.browse)

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButtonBevel, option)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().adjusted(28, 0, -32, 0)
        if self._run is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(lane_colours(now, self._ink)[0])
            painter.drawEllipse(QPoint(16, self.height() // 2), 4, 4)
        painter.setPen(now.text if self.isEnabled() and self._run is not None else now.muted)
        how = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        right = Qt.TextElideMode.ElideRight
        shown = QFontMetrics(self.font()).elidedText(self.shown, right, area.width())
        painter.drawText(area, how, shown)
        chevron = assets.pixmap("chevron-down", now.muted, 12, self.devicePixelRatioF())
        painter.drawPixmap(QPoint(self.width() - 24, (self.height() - 12) // 2), chevron)


class RunReader(QObject):
    """Reads one recording at a time in slices, so that the window goes on.

    found(trace), failed(ErrorInfo): how it ended. A new wish drops the one before.
    """

    found = Signal(object)
    failed = Signal(object)

    def __init__(
        self, parent: QObject | None = None, clock: Callable[[], int] = perf_counter_ns
    ) -> None:
        super().__init__(parent)
        self._reader: TraceReader | None = None
        self._clock = clock
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._read)

    @property
    def reading(self) -> bool:
        return self._reader is not None

    def read(self, path: Path) -> None:
        self._reader = TraceReader(read_events(path), path.name)
        self._timer.start()

    def drop(self) -> None:
        """Read no further."""
        self._reader = None
        self._timer.stop()

    def _read(self) -> None:
        reader, deadline = self._reader, self._clock() + BUDGET_NS
        if reader is None:
            return
        try:
            while self._clock() < deadline:
                if not reader.next():
                    self.drop()
                    self.found.emit(reader.trace)
                    return
        except DraftscopeError as error:
            self.drop()
            self.failed.emit(ErrorInfo.of(error))
