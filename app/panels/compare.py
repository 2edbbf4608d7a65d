"""Runs side by side as a page: their figures, their curves, and where their texts part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from app.comparison import Compared, Member, compare_runs
from app.comparison_words import letter, name_of, summary
from app.files import FILTER, describe
from app.panels.banner import Banners
from app.panels.compare_view import CompareView
from app.panels.fields import muted
from app.panels.file_drop import dropped_file
from app.panels.page import Bar, Page, close_button
from app.panels.race_picker import RunReader, run_of
from app.recordings import Entry
from app.views.run_inks import MOST
from engine.errors import ErrorInfo
from engine.trace import Run, Trace

BAR = 56
NOTHING = (
    "Nothing to compare yet",
    "Add two or more runs: their figures, curves and texts appear side by side here.\n"
    "A recording brings its newest speculative run, and the baseline it was measured against.",
)
FULL = (
    f"{MOST} runs are compared, which is the most that fit side by side.",
    "Remove one of them, then add the other.",
)


class ComparePage(Page):
    """closed: the close button or Escape. replay_wanted(Path or Run): a run is to be played.

    entries: lists the recent recordings, asked each time that the menu opens. ask_recording: a
    file dialog (tests replace it).
    """

    replay_wanted = Signal(object)

    def __init__(
        self, parent: QWidget | None = None, entries: Callable[[], list[Entry]] = list
    ) -> None:
        super().__init__(parent)
        self.entries = entries
        self.ask_recording: Callable[[], str] = self._ask_recording
        self.compared: Compared | None = None
        self._members: list[Member] = []
        self._reference = 0
        self._queue: list[Path] = []
        self.reader = RunReader(self)
        self.banners = Banners()
        self.add_menu = QMenu(self)
        self.add_menu.setToolTipsVisible(True)
        self.add_menu.aboutToShow.connect(self.fill)
        self._lay_out_bar()
        self._lay_out()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.setAccessibleName("Compare")
        self.reader.found.connect(self._on_read)
        self.reader.failed.connect(self._on_failed)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()
        self._show()

    def _lay_out_bar(self) -> None:
        self._bar = Bar()
        self._bar.setFixedHeight(BAR)
        title = QLabel("Compare")
        title.setProperty("role", "title")
        self.summary = muted()
        self.add_button = QPushButton("Add run")
        self.add_button.setFixedHeight(32)
        self.add_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.add_button.setIconSize(QSize(12, 12))
        # No setMenu: the style would keep room for an arrow of its own.
        self.add_button.clicked.connect(lambda: self._open_menu(self.add_button))
        self.add_button.setAccessibleName("Add run")
        self.add_button.setToolTip("Add a recorded run; recordings can be dropped here too")
        self.close_button = close_button("Close the comparison", "Close the comparison (Esc)")
        self.close_button.clicked.connect(self.closed)
        line = QHBoxLayout(self._bar)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(12)
        line.addWidget(title)
        line.addWidget(self.summary)
        line.addStretch(1)
        line.addWidget(self.add_button)
        line.addWidget(self.close_button)

    def _lay_out(self) -> None:
        self.view = CompareView()
        self.view.reference_wanted.connect(self.set_reference)
        self.view.replay_wanted.connect(self._replay)
        self.view.removed.connect(self.remove)
        self.view.failed.connect(self.banners.error)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._empty())
        self.pages.addWidget(self.view)
        news = QHBoxLayout()
        news.setContentsMargins(16, 0, 16, 0)
        self.banners.setContentsMargins(0, 12, 0, 0)
        news.addWidget(self.banners)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self._bar)
        page.addLayout(news)
        page.addWidget(self.pages, 1)

    def _empty(self) -> QWidget:
        empty = QWidget()
        title, words = QLabel(NOTHING[0]), muted(NOTHING[1])
        title.setProperty("role", "title")
        words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.first_button = QPushButton("Add run")
        self.first_button.setProperty("kind", "primary")
        self.first_button.setFixedHeight(32)
        self.first_button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.first_button.clicked.connect(lambda: self._open_menu(self.first_button))
        self.first_button.setAccessibleName("Add the first run")
        column = QVBoxLayout(empty)
        column.setSpacing(8)
        column.addStretch(2)
        for widget in (title, words):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        column.addWidget(self.first_button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return empty

    # Which runs

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members)

    @property
    def reference(self) -> int:
        """The place of the run that the others are compared with."""
        return self._reference

    def set_runs(self, runs: Sequence[tuple[str, Run, Run | None]]) -> None:
        """Compare these (name, run, baseline) in place of those before; the first is the reference.
        Beyond the most there can be they are left out, and the page says so."""
        self.clear()
        self._members = [Member(*each) for each in runs[:MOST]]
        if len(runs) > MOST:
            self.banners.notice("warning", *FULL)
        self._show()

    def add_run(
        self, name: str, run: Run, baseline: Run | None = None, path: Path | None = None
    ) -> bool:
        """One more; False, and a sentence, where it is here already or there are too many."""
        place = next((i for i, m in enumerate(self._members) if _same(m.run, run)), None)
        if place is not None:
            self.banners.notice("info", f"This run is here already, as {letter(place)}.")
            return False
        if len(self._members) >= MOST:
            self.banners.notice("warning", *FULL)
            return False
        taken = {member.name for member in self._members}
        names = (name, *(f"{name} ({n})" for n in range(2, MOST + 1)))
        unused = next(each for each in names if each not in taken)
        self._members.append(Member(unused, run, baseline, path))
        self._show()
        return True

    def add_file(self, path: Path) -> None:
        """Read a recording and add its newest speculative run; several are read one by one."""
        if len(self._members) + len(self._queue) >= MOST:
            self.banners.notice("warning", *FULL)
            return
        self._queue.append(path)
        if not self.reader.reading:
            self._read_next()

    def remove(self, place: int) -> None:
        del self._members[place]
        if place < self._reference or self._reference == len(self._members):
            self._reference = max(self._reference - 1, 0)
        self._show()
        self.setFocus()

    def set_reference(self, place: int) -> None:
        """Compare the others with this run."""
        self._reference = place
        self._show()

    def clear(self) -> None:
        """No runs, no news, and nothing that is still to be read."""
        self._queue.clear()
        self.reader.drop()
        self.banners.clear()
        self._members, self._reference = [], 0
        self._show()

    def refresh(self) -> None:
        """Take the figures anew: a run that was still going on has more of them now."""
        self._show()

    def _show(self) -> None:
        some = bool(self._members)
        self.compared = compare_runs(self._members, self._reference) if some else None
        self.pages.setCurrentIndex(int(some))
        self.view.show_compared(self.compared)
        self.add_button.setVisible(some)
        self._show_summary()

    def _show_summary(self) -> None:
        words = summary(self._members) if self._members else ""
        if self._queue:
            words = " · ".join(filter(None, (words, f"reading {self._queue[0].name} …")))
        self.summary.setText(words)

    # Reading

    def fill(self) -> None:
        """Make the menu of recordings anew."""
        self.add_menu.clear()
        for entry in self.entries():
            action = self.add_menu.addAction(describe(entry))
            action.setToolTip(entry.path.name)
            action.triggered.connect(lambda _=False, path=entry.path: self.add_file(path))
        if not self.add_menu.isEmpty():
            self.add_menu.addSeparator()
        self.add_menu.addAction("Open recording…").triggered.connect(self._browse)

    def _open_menu(self, button: QPushButton) -> None:
        self.add_menu.popup(button.mapToGlobal(QPoint(0, button.height() + 4)))

    def _browse(self) -> None:
        path = self.ask_recording()
        if path:
            self.add_file(Path(path))

    def _ask_recording(self) -> str:
        return QFileDialog.getOpenFileName(self.window(), "Compare a recording", "", FILTER)[0]

    def _read_next(self) -> None:
        if self._queue:
            self.reader.read(self._queue[0])
        self._show_summary()

    def _on_read(self, trace: Trace) -> None:
        path = self._queue.pop(0)
        run = run_of(trace, "speculative") or run_of(trace, "baseline")
        if run is None:
            self.banners.notice(
                "warning",
                f"{path.name} holds no run with a token.",
                "Choose a recording of a run that got past its prompt.",
            )
        else:
            self.add_run(name_of(run), run, trace.baseline_of(run), path)
        self._read_next()

    def _on_failed(self, error: ErrorInfo) -> None:
        self._queue.pop(0)
        hint = error.hint or "Choose another recording: the comparison is as it was."
        self.banners.error(ErrorInfo(error.type, error.message, hint, error.traceback))
        self._read_next()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_file(event, ".jsonl") is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = dropped_file(event, ".jsonl")
        if path is not None:
            event.acceptProposedAction()
            self.add_file(path)

    # Out of the page

    def _replay(self, place: int) -> None:
        member = self._members[place]
        self.replay_wanted.emit(member.path if member.path is not None else member.run)

    # Looks

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.theme().window)

    def _restyle(self) -> None:
        now = theme.theme()
        self.close_button.setIcon(assets.icon("close", now.muted))
        self.add_button.setIcon(assets.icon("chevron-down", now.muted))
        self.update()


def _same(first: Run, second: Run) -> bool:
    """The same run, also where it was read twice."""
    a, b = first.started, second.started
    return first is second or (a == b and first.token_ids == second.token_ids)
