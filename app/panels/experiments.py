"""The experiments page: what there is, what runs, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from PySide6.QtCore import QFile, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from app.controller import Controller
from app.experiment_queue import ExperimentQueue, as_error
from app.experiment_reader import ExperimentReader
from app.models.experiment_list import Entry, ExperimentList, status
from app.panels.banner import Banners
from app.panels.experiment_column import ExperimentColumn
from app.panels.experiment_results import ResultsView
from app.panels.fields import muted
from app.panels.page import Page, close_button
from app.words import sweep_progress
from engine.errors import DraftscopeError, ErrorInfo
from engine.experiments.ledger import SPEC
from engine.experiments.replay import replay_file
from engine.experiments.results import Results, RunRow
from engine.experiments.spec import Spec
from engine.experiments.sweep import Progress

if TYPE_CHECKING:
    from app.panels.experiment_dialog import ExperimentDialog

REREAD_MS = 2000
"""While an experiment runs, its results are read again at most so often."""


class ExperimentsPage(Page):
    """closed: the close button or Escape. replay_wanted(Path), compare_wanted(list[Path]): of
    recordings.

    first_spec: what a new experiment begins with; recent: model files used before. ask_folder,
    open_url, trash: what the system does (tests replace them).
    """

    replay_wanted = Signal(object)
    compare_wanted = Signal(object)

    def __init__(
        self,
        root: Path,
        controller: Controller,
        first_spec: Callable[[], Spec],
        recent: Callable[[], Sequence[str]] = list,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.model = ExperimentList(root)
        self.queue = ExperimentQueue(controller, self.model, self)
        self.reader = ExperimentReader(self)
        self.column = ExperimentColumn(self.model)
        self.view = ResultsView()
        self.banners = Banners()
        self.dialog: ExperimentDialog | None = None
        self.ask_folder: Callable[[], str] = self._ask_folder
        self.open_url: Callable[[QUrl], object] = QDesktopServices.openUrl
        self.trash: Callable[[Path], bool] = _to_trash
        self._first_spec, self._recent = first_spec, recent
        self._results: Results | None = None
        self._progress: Progress | None = None  # of the one that runs, as it last told
        self._shown: Path | None = None
        self._others: list[Path] = []
        self._stale = QTimer(self)
        self._stale.setSingleShot(True)
        self._stale.setInterval(REREAD_MS)
        self._stale.timeout.connect(self._reread)
        self.title, self.state = QLabel("Experiments"), muted()
        self.close_button = close_button("Close the experiments", "Back to the run (Esc)")
        self._lay_out()
        self._connect()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Experiments")
        self._restyle()
        self.column.say("", None)
        self.view.show_results(None)

    def _lay_out(self) -> None:
        self.title.setFont(theme.font(theme.BODY))
        self.title.setProperty("role", "title")
        top = QHBoxLayout()
        top.setContentsMargins(16, 8, 16, 0)
        top.setSpacing(16)
        top.addWidget(self.title)
        top.addWidget(self.state)
        top.addStretch(1)
        top.addWidget(self.close_button)
        news = QVBoxLayout()
        news.setContentsMargins(16, 0, 16, 0)
        news.addWidget(self.banners)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addLayout(top)
        right.addLayout(news)
        right.addWidget(self.view, 1)
        page = QHBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.column)
        page.addWidget(_Line())
        page.addLayout(right, 1)

    def _connect(self) -> None:
        self.close_button.clicked.connect(self.closed)
        self.column.chosen.connect(self._on_chosen)
        self.column.wanted.connect(self._on_wanted)
        self.reader.found.connect(self._on_read)
        self.reader.failed.connect(self._on_unread)
        self.queue.progressed.connect(self._on_progress)
        self.queue.ended.connect(self._on_ended)
        self.queue.changed.connect(self._tell_state)
        self.queue.failed.connect(self.banners.error)
        self.view.replay_wanted.connect(self.replay)
        self.view.compare_wanted.connect(self.compare)
        self.view.failed.connect(self.banners.error)
        theme.notifier().changed.connect(self._restyle)

    # What is shown

    def look(self) -> None:
        """Read the list anew and show the newest experiment, or the one that was shown."""
        self.model.read(tuple(self._others))
        row = self.model.row_of(self._shown) if self._shown is not None else -1
        if self.model.entries:
            self.column.choose(max(row, 0))
        else:
            self._show(None)

    def open_folder(self, folder: Path) -> None:
        """Show an experiment that lies elsewhere."""
        if not (folder / SPEC).exists():
            self.banners.notice(
                "warning",
                f"{folder.name} holds no experiment.",
                "Choose a folder that draftscope bench made.",
            )
            return
        if folder not in self._others and folder.parent != self.model.root:
            self._others.append(folder)
        self._shown = folder
        self.look()

    def _on_chosen(self, entry: Entry | None) -> None:
        self._show(entry)

    def _show(self, entry: Entry | None) -> None:
        self.title.setText(entry.title if entry is not None else "Experiments")
        self.state.setText(status(entry) if entry is not None else "")
        if entry is None:
            self._shown, self._results = None, None
            self.view.show_results(None)
            return
        if entry.folder != self._shown or self._results is None:
            self._shown, self._results = entry.folder, None
            self.view.show_words(f"Reading {entry.title}", "")
        if entry.spec is None:
            self.view.show_words("It cannot be read", entry.problem)
            self.banners.notice("warning", entry.problem, "The other experiments are not affected.")
            return
        self.reader.read(entry.folder)

    def _reread(self) -> None:
        if self._shown is not None and self.isVisible():
            self.reader.read(self._shown)

    def _on_read(self, results: Results) -> None:
        if results.folder != self._shown:
            return
        first, self._results = self._results is None, results
        if first:
            self.view.show_results(results)
        else:
            self.view.refresh(results)

    def _on_unread(self, error: ErrorInfo) -> None:
        self.banners.error(error)

    # What is done

    def _on_wanted(self, name: str) -> None:
        entry = self.column.entry
        if name == "new":
            self.new()
        elif name == "open":
            if folder := self.ask_folder():
                self.open_folder(Path(folder))
        elif entry is None:
            return
        elif name == "start":
            self.queue.start(entry.folder)
        elif name == "hold":
            self.queue.hold(entry.standing == "running")
        elif name == "stop":
            self.queue.stop(entry.folder)
        elif name == "report":
            self.report(entry.folder)
        elif name == "remove":
            self.remove(entry.folder)

    def new(self) -> None:
        """Ask what to compare."""
        if self.dialog is None:
            from app.panels.experiment_dialog import ExperimentDialog

            self.dialog = ExperimentDialog(self.window(), self._recent)
            self.dialog.asked.connect(self.begin)
        self.dialog.open_with(self._first_spec(), seconds_per_run(self._results))

    def begin(self, spec: Spec) -> None:
        """Make an experiment and start it, or queue it."""
        try:
            folder = self.queue.create(spec)
        except OSError as error:
            self.banners.error(as_error(error))
            return
        self._shown = folder
        self.look()
        self.queue.start(folder)

    def report(self, folder: Path) -> None:
        """Show the report, of what there is by now."""
        from engine.experiments.carry_out import write_reports

        try:
            write_reports(folder)
        except DraftscopeError as error:
            self.banners.error(ErrorInfo.of(error))
            return
        self.open_url(QUrl.fromLocalFile(str(folder / "report.html")))

    def remove(self, folder: Path) -> None:
        """Into the trash, from where it can be taken back."""
        name = folder.name
        if folder in self._others:
            self._others.remove(folder)
            self.banners.notice("info", f"{name} is no longer listed; its folder is untouched.")
        elif self.trash(folder):
            self.banners.notice("info", f"{name} is in the trash.")
        else:
            self.banners.notice(
                "warning", f"{name} cannot be moved to the trash.", "Delete the folder by hand."
            )
        self._shown = self._results = None
        self.look()

    def replay(self, run: RunRow) -> None:
        """Open a run with its baseline."""
        if paths := self._files([run]):
            self.replay_wanted.emit(paths[0])

    def compare(self, runs: Sequence[RunRow]) -> None:
        """Put runs side by side."""
        if paths := self._files(runs):
            self.compare_wanted.emit(paths)

    def _files(self, runs: Sequence[RunRow]) -> list[Path]:
        if self._results is None:
            return []
        try:
            return [replay_file(self._results, run) for run in runs]
        except DraftscopeError as error:
            self.banners.error(ErrorInfo.of(error))
            return []

    # What comes of it

    def _on_progress(self, folder: Path, progress: Progress) -> None:
        self._progress = progress
        self._tell_state()
        if folder == self._shown and not self._stale.isActive():
            self._stale.start()

    def _on_ended(self, folder: Path) -> None:
        self._progress = None
        self._tell_state()
        if folder == self._shown:
            self._reread()

    def _tell_state(self) -> None:
        at = self._progress if self.queue.running is not None else None
        if at is None:
            self.column.say("", None)
        else:
            held = "Paused. " if self.queue.held else ""
            self.column.say(f"{held}{sweep_progress(at)}", at.done / at.total if at.total else 0.0)
        entry = self.column.entry
        self.state.setText(status(entry) if entry is not None else "")

    def _ask_folder(self) -> str:
        return QFileDialog.getExistingDirectory(self.window(), "Open an experiment")

    def shut_down(self) -> None:
        """The window closes."""
        self._stale.stop()
        self.reader.drop()
        self.reader.wait()
        if self.dialog is not None:
            self.dialog.close()

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.fillRect(self.rect(), now.window)
        painter.fillRect(self.column.geometry(), now.panel)

    def _restyle(self) -> None:
        self.close_button.setIcon(assets.icon("close", theme.theme().muted))
        self.close_button.setIconSize(QSize(16, 16))
        self.update()


class _Line(QFrame):
    """A hairline from top to bottom."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.theme().line)


def seconds_per_run(results: Results | None) -> float | None:
    """How long a run of that experiment took, without what lies between two."""
    if results is None or not results.baselines:
        return None
    found = [run.figures for cell in results.cells.values() for run in cell.runs]
    found += [run.figures for run in results.baselines.values()]
    return fmean(f.draft_s + f.verify_s + f.host_s + f.prefill_s for f in found)


def _to_trash(folder: Path) -> bool:
    moved = QFile.moveToTrash(str(folder))
    return bool(moved[0] if isinstance(moved, tuple) else moved)
