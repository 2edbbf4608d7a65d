"""Runs side by side as a page: their figures, their curves, and where their texts part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from app.comparison import Compared, Member, compare_runs
from app.comparison_words import letter, name_of, shared, summary
from app.files import FILTER, describe
from app.panels.banner import Banners
from app.panels.compare_chips import RunChips
from app.panels.compare_table import COLUMN, NAMES, CompareTableView
from app.panels.compare_texts import CompareTexts
from app.panels.fields import muted
from app.panels.file_drop import dropped_file
from app.panels.race_picker import RunReader, run_of
from app.recordings import Entry
from app.render.errors import RenderError
from app.views.plots import export
from app.views.plots.run_curves import RunCurvesCard, RunRatesCard, RunSpeedupsCard
from app.views.run_inks import MOST
from engine.errors import ErrorInfo
from engine.trace import Run, Trace

BAR = 56
TABLE, CURVES, TEXTS = 320, 208, 224
"""The least heights of the three parts."""
SIDE_BY_SIDE = 1000
"""Width from which the curves stand beside the table."""
NOTHING = (
    "Nothing to compare yet",
    "Add two or more runs: their figures, curves and texts appear side by side here.\n"
    "A recording brings its newest speculative run, and the baseline it was measured against.",
)
FULL = (
    f"{MOST} runs are compared, which is the most that fit side by side.",
    "Remove one of them, then add the other.",
)


class ComparePage(QWidget):
    """closed: the close button or Escape. replay_wanted(Path or Run): a run is to be played.

    entries: lists the recent recordings, asked each time that the menu opens. ask_recording,
    ask_file: file dialogs (tests replace them).
    """

    closed = Signal()
    replay_wanted = Signal(object)

    def __init__(
        self, parent: QWidget | None = None, entries: Callable[[], list[Entry]] = list
    ) -> None:
        super().__init__(parent)
        self.entries = entries
        self.ask_recording: Callable[[], str] = self._ask_recording
        self.ask_file: export.AskFile = _ask_file
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
        self.chips.reference_wanted.connect(self.set_reference)
        self.chips.replay_wanted.connect(self._replay)
        self.chips.removed.connect(self.remove)
        self.reader.found.connect(self._on_read)
        self.reader.failed.connect(self._on_failed)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()
        self._show()

    def _lay_out_bar(self) -> None:
        self._bar = _Bar()
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
        self.close_button = QToolButton()
        self.close_button.setProperty("kind", "flat")
        self.close_button.setFixedSize(36, 32)
        self.close_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.close_button.setAccessibleName("Close the comparison")
        self.close_button.setToolTip("Close the comparison (Esc)")
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
        self.chips = RunChips()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self._left())
        self.splitter.addWidget(self._right())
        self.splitter.setStretchFactor(0, 0)
        self.splitter.setStretchFactor(1, 1)
        # Where the window is too low for all three, they are scrolled.
        area = QScrollArea()
        area.setWidget(self.splitter)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.splitter.setAutoFillBackground(False)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.chips)
        column.addSpacing(12)
        column.addWidget(_line())
        column.addWidget(area, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._empty())
        self.pages.addWidget(content)
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

    def _left(self) -> QWidget:
        left = QWidget()
        left.setMinimumHeight(TABLE)
        title = QLabel("Figures")
        title.setProperty("role", "heading")
        self.table = CompareTableView()
        self.shared = muted(wrap=True)
        self.shared.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_button = _flat("Copy the table as Markdown")
        self.copy_button.clicked.connect(self._copy)
        self.save_button = _flat("Save the table as CSV")
        self.save_button.clicked.connect(self.save_csv)
        self._best = muted("bold: best of its row")
        self._best.setToolTip("Times within 3 % of the best count as even: all of them are bold")
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(title)
        head.addSpacing(4)
        head.addWidget(self._best)
        head.addStretch(1)
        column = QVBoxLayout(left)
        column.setContentsMargins(16, 8, 12, 16)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        column.addWidget(self.shared)
        head.addWidget(self.copy_button)
        head.addWidget(self.save_button)
        return left

    def _right(self) -> QWidget:
        self.rates, self.speedups = RunRatesCard(), RunSpeedupsCard()
        self.cards: tuple[RunCurvesCard, ...] = self.speedups, self.rates
        holder = QWidget()
        holder.setMinimumHeight(CURVES)
        line = QHBoxLayout(holder)
        line.setContentsMargins(12, 12, 16, 12)
        line.setSpacing(12)
        for card in self.cards:
            card.failed.connect(self.banners.error)
            frame = _Card()
            inside = QVBoxLayout(frame)
            inside.setContentsMargins(16, 12, 12, 8)
            inside.addWidget(card)
            line.addWidget(frame, 1)
        self.texts = CompareTexts()
        self.texts.setMinimumHeight(TEXTS)
        self.stack = QSplitter(Qt.Orientation.Vertical)
        self.stack.setChildrenCollapsible(False)
        self.stack.addWidget(holder)
        self.stack.addWidget(self.texts)
        self.stack.setSizes([280, 420])
        return self.stack

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
        self.chips.show_members(self._members, self._reference)
        self.table.show_compared(self.compared)
        self.texts.show_compared(self.compared)
        for card in self.cards:
            card.set_members(self._members)
        self.add_button.setVisible(some)
        self._best.setVisible(len(self._members) > 1)
        self.shared.setText(_shared_words(self.compared))
        everything = self.compared.shared if self.compared is not None else ()
        self.shared.setToolTip("\n".join(f"{name}: {value}" for name, value in everything))
        self._show_summary()
        self._share_width()

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

    def _copy(self) -> None:
        self.table.clearSelection()
        self.table.copy()

    def save_csv(self) -> None:
        """Ask for a file and write the table there."""
        chosen = self.ask_file(self, "comparison.csv", export.FILTERS["csv"])
        if not chosen or self.compared is None:
            return
        try:
            export.save(self.table, "csv", self.table.table.csv(), Path(chosen))
        except RenderError as error:
            self.banners.error(ErrorInfo.of(error))

    # Keys and looks

    def event(self, event: QEvent) -> bool:
        # Before the window's shortcuts get it: while the page is shown, Escape closes it.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_width()

    def _share_width(self) -> None:
        """The table takes what its columns need, and at most half; below one another if narrow."""
        wide = self.width() >= SIDE_BY_SIDE
        across = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if self.splitter.orientation() != across:
            self.splitter.setOrientation(across)
        if wide:
            needed = NAMES + COLUMN * 5 // 4 * max(len(self._members), 1) + 44
            left = min(max(needed, 440), self.width() // 2)
            self.splitter.setSizes([left, self.width() - left])

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.theme().window)

    def _restyle(self) -> None:
        now = theme.theme()
        self.close_button.setIcon(assets.icon("close", now.muted))
        self.copy_button.setIcon(assets.icon("copy", now.muted))
        self.save_button.setIcon(assets.icon("save", now.muted))
        self.add_button.setIcon(assets.icon("chevron-down", now.muted))
        self.update()


def _same(first: Run, second: Run) -> bool:
    """The same run, also where it was read twice."""
    a, b = first.started, second.started
    return first is second or (a == b and first.token_ids == second.token_ids)


def _shared_words(compared: Compared | None) -> str:
    if compared is None or not compared.shared:
        return ""
    words = shared(compared)
    return f"In all of them: {words}" if len(compared.members) > 1 else words


def _ask_file(parent: QWidget, suggestion: str, kinds: str) -> str:
    return QFileDialog.getSaveFileName(parent, "Save the table", suggestion, kinds)[0]


def _flat(name: str) -> QToolButton:
    button = QToolButton()
    button.setProperty("kind", "flat")
    button.setFixedSize(32, 28)
    button.setAccessibleName(name)
    button.setToolTip(name)
    return button


def _line() -> QFrame:
    line = _Hairline()
    line.setFixedHeight(1)
    return line


class _Hairline(QFrame):
    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.theme().line)


class _Bar(QFrame):
    """The strip at the top, a hairline below it."""

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.fillRect(self.rect(), now.panel)
        painter.fillRect(0, self.height() - 1, self.width(), 1, now.line)


class _Card(QFrame):
    """What a plot lies on: it paints the panel's colour itself."""

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(now.line)
        painter.setBrush(now.panel)
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
