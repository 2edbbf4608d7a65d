"""The page "Make a draft": what to make, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from app.draft_maker import DraftMaker, Made
from app.draft_words import EXPLAINED, learnt_words, plan_words, state_words, step_words
from app.panels.banner import Banners
from app.panels.draft_figures import MeasuredTable
from app.panels.draft_forms import DistilForm, QuantiseForm, complete, longer
from app.panels.fields import ElidedLabel, Problem, caption, muted
from app.panels.page import Page, close_button
from app.panels.segments import Segments
from app.panels.two_lines import TwoLines
from app.setup import Setup, window_threads
from app.sources import TOY, library_of
from app.views.plots.learning import cards
from engine.backends.hf import installed
from engine.distil.figures import Learnt, Step
from engine.distil.folder import Folder
from engine.errors import DraftscopeError, ErrorInfo, ModelError

WIDTH = 304
_MADE = Qt.ItemDataRole.UserRole
_WAYS = {
    "distil": ("Distil", "A small model that learns from the target's own text: minutes to hours"),
    "quantise": ("Quantise", "The target itself in fewer bits: seconds"),
}


class DraftsPage(Page):
    """closed: the close button or Escape. use_wanted(str): draft with this source.

    setup: what the window is set to; name_of: a source's name for people.
    """

    use_wanted = Signal(str)

    def __init__(
        self,
        maker: DraftMaker,
        setup: Callable[[], Setup],
        name_of: Callable[[str], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.maker = maker
        self.open_url: Callable[[QUrl], object] = QDesktopServices.openUrl
        self._setup, self._name_of = setup, name_of
        self._learnt: list[Learnt] = []
        self._wanted: Path | None = None  # to be chosen once it is there
        self._stage = ""
        self.ways = Segments("Way", _WAYS)
        self.target = ElidedLabel()
        self.target.setProperty("role", "heading")
        self.distil_form, self.quantise_form = DistilForm(), QuantiseForm()
        self.problem = Problem()
        self.start_button = self._button("Make the draft", self.start)
        self.start_button.setProperty("kind", "primary")
        self.list = QListWidget()
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setItemDelegate(TwoLines(lambda index: _words(index.data(_MADE)), self.list))
        self.list.setAccessibleName("Drafts")
        self.none = muted("None yet.", wrap=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.doing = muted("", wrap=True)
        self.resume_button = self._button("Resume", self.resume)
        self.stop_button = self._button("Stop", self.maker.stop)
        self.stop_button.setToolTip("What was done stays, and can be resumed")
        self.folder_button = self._button("Show in folder", self.show_folder)
        self.remove_button = self._button("Delete", self.remove)
        self.use_button = self._button("Use as draft", self.use)
        self.use_button.setProperty("kind", "primary")
        self.title, self.facts = QLabel("Make a draft"), muted("", wrap=True)
        self.close_button = close_button("Close", "Back to the run (Esc)")
        self.banners = Banners()
        self.cards = cards()
        self.measured = MeasuredTable()
        self.explained = QStackedWidget()
        for way in _WAYS:
            self.explained.addWidget(self._explanation(*EXPLAINED[way]))
        self._lay_out()
        self._connect()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Make a draft")
        self._restyle()

    def _button(self, text: str, call: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setFixedHeight(32)
        button.clicked.connect(call)
        return button

    @staticmethod
    def _explanation(heading: str, *lines: str) -> QWidget:
        """What a newcomer sees in place of curves."""
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setSpacing(8)
        title = QLabel(heading)
        title.setProperty("role", "heading")
        title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        layout.addWidget(title)
        for text in lines:
            line = muted(text, wrap=True)
            line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(line)
        layout.addStretch(1)
        return whole

    def _lay_out(self) -> None:
        self.column = QWidget()
        self.column.setFixedWidth(WIDTH)
        left = QVBoxLayout(self.column)
        left.setContentsMargins(16, 16, 16, 16)
        left.setSpacing(8)
        way = QHBoxLayout()
        way.addWidget(self.ways)
        way.addStretch(1)
        left.addLayout(way)
        left.addSpacing(4)
        left.addWidget(caption("Target"))
        left.addWidget(self.target)
        left.addSpacing(4)
        left.addWidget(caption("Draft"))
        left.addWidget(self.distil_form)
        left.addWidget(self.quantise_form)
        left.addWidget(self.problem)
        left.addWidget(self.start_button)
        left.addSpacing(12)
        left.addWidget(caption("Made so far"))
        left.addWidget(self.none)
        left.addWidget(self.list, 1000)
        left.addStretch(1)
        left.addWidget(self.bar)
        left.addWidget(self.doing)
        self.buttons = QWidget()
        below = QGridLayout(self.buttons)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(8)
        below.addWidget(self.resume_button, 0, 0)
        below.addWidget(self.stop_button, 0, 1)
        below.addWidget(self.folder_button, 1, 0)
        below.addWidget(self.remove_button, 1, 1)
        below.addWidget(self.use_button, 2, 0, 1, 2)
        left.addWidget(self.buttons)

        self.title.setProperty("role", "title")
        top = QHBoxLayout()
        top.setContentsMargins(16, 8, 16, 0)
        top.addWidget(self.title)
        top.addStretch(1)
        top.addWidget(self.close_button)
        self.figures = QWidget()
        grid = QGridLayout(self.figures)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(32)
        grid.setVerticalSpacing(24)
        for i, card in enumerate(self.cards):
            grid.addWidget(card, i // 2, i % 2)
            grid.setRowStretch(i // 2, 1)
        grid.addWidget(self.measured, 2, 0, 1, 2)
        body = QVBoxLayout()
        body.setContentsMargins(16, 0, 24, 16)
        body.setSpacing(12)
        body.addWidget(self.facts)
        body.addWidget(self.banners)
        body.addWidget(self.figures, 1)
        body.addWidget(self.explained, 1)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addLayout(top)
        right.addLayout(body, 1)
        page = QHBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.column)
        page.addLayout(right, 1)

    def _connect(self) -> None:
        self.close_button.clicked.connect(self.closed)
        self.ways.changed.connect(self._show_way)
        self.list.currentItemChanged.connect(lambda *_: self._show_chosen())
        self.maker.stepped.connect(self._on_step)
        self.maker.learnt.connect(self._on_learnt)
        self.maker.ended.connect(self._on_ended)
        self.maker.failed.connect(self._on_failed)
        self.maker.cancelled.connect(
            lambda: self.banners.notice("info", "Stopped. What was done is kept.")
        )
        self.maker.changed.connect(self._fill)
        for card in self.cards:
            card.failed.connect(self.banners.error)
        theme.notifier().changed.connect(self._restyle)

    # What is shown

    def look(self) -> None:
        """The window turned here: its target may be another one, and the folder too."""
        setup = self._setup()
        self.target.setText(self._name_of(setup.target))
        self._show_way(self.ways.value)
        self._fill()

    @property
    def chosen(self) -> Made | None:
        item = self.list.currentItem()
        return item.data(_MADE) if item is not None else None

    def choose(self, path: Path | None) -> None:
        for i in range(self.list.count()):
            if self.list.item(i).data(_MADE).path == path:
                self.list.setCurrentRow(i)

    def _show_way(self, way: str) -> None:
        self.distil_form.setVisible(way == "distil")
        self.quantise_form.setVisible(way == "quantise")
        self.explained.setCurrentIndex(list(_WAYS).index(way))
        if way == "quantise":
            self._show_forecasts()
        self.start_button.setText("Make the draft" if way == "distil" else "Write and use")
        self._tell()

    def _show_forecasts(self) -> None:
        from engine.backends.quantising import forecast

        try:
            found = forecast(self._gguf())
            problem = "" if found else "No format is smaller than this one."
        except DraftscopeError as error:
            found, problem = [], f"{error.message} {error.hint}"
        self.quantise_form.show_forecasts(found, problem)

    def _gguf(self) -> Path:
        """The target's file. Raises ModelError if it has none."""
        from engine.backends.registry import embedded_model, path_of

        source = self._setup().target
        if library_of(source) != "gguf":
            raise ModelError("Only GGUF files can be quantised.", "Choose one as the target.")
        return path_of(source) if source else embedded_model()

    def _fill(self) -> None:
        before = self.chosen.path if self.chosen is not None else None
        before, self._wanted = self._wanted or before, None
        self.list.blockSignals(True)
        self.list.clear()
        for made in self.maker.made():
            item = QListWidgetItem(", ".join(_words(made)))
            item.setData(_MADE, made)
            item.setToolTip(str(made.path))
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.list.setVisible(self.list.count() > 0)
        self.none.setVisible(self.list.count() == 0)
        self.buttons.setVisible(self.list.count() > 0)
        self.choose(before)
        if before is not None and (self.chosen is None or self.chosen.path != before):
            self._wanted = before  # not there yet
        self._show_chosen()

    def _show_chosen(self) -> None:
        made = self.chosen
        self._learnt = []
        if made is not None and made.plan is not None:
            self._learnt = Folder(made.path).learnt()
        self.title.setText(made.path.name if made is not None else "Make a draft")
        self.facts.setText(plan_words(made.plan) if made is not None and made.plan else "")
        self.measured.show_draft(made.path if made is not None else None)
        self._show_learnt()
        self._tell()

    def _show_learnt(self) -> None:
        made = self.chosen
        shown = made is not None and made.plan is not None
        self.figures.setVisible(shown)
        self.explained.setVisible(not shown)
        for card in self.cards:
            card.show_learnt(self._learnt)

    def _tell(self) -> None:
        """Offer what is possible."""
        made, busy = self.chosen, self.maker.running is not None
        problem = self._problem()
        self.problem.show_problem(problem)
        self.start_button.setEnabled(not busy and not problem)
        state = made.state if made is not None else ""
        self.resume_button.setText("Train longer" if state == "finished" else "Resume")
        trained = made is not None and made.plan is not None
        self.resume_button.setEnabled(not busy and trained and state in ("stopped", "finished"))
        self.stop_button.setEnabled(busy and not self.maker.child.cancelling)
        self.folder_button.setEnabled(made is not None)
        self.remove_button.setEnabled(made is not None and state != "running")
        self.use_button.setEnabled(made is not None and made.source is not None)
        self.bar.setVisible(busy)
        self.doing.setVisible(busy)

    def _problem(self) -> str:
        """Why nothing can be made; "" if it can."""
        if self._setup().target == TOY:
            return "The toy pair has its draft. Choose another target."
        if self.ways.value == "quantise":
            return "" if self.quantise_form.quantisation else "There is nothing to choose."
        try:
            installed.require()
        except ModelError as error:
            return f"{error.message} {error.hint}"
        return ""

    # What is done

    def start(self) -> None:
        self.banners.clear()
        setup = self._setup()
        if self.ways.value == "quantise":
            try:
                self.maker.quantise(self._gguf(), self.quantise_form.quantisation)
            except (DraftscopeError, OSError) as error:
                self._on_failed(_plain(error))
            return
        plan = complete(
            self.distil_form.plan,
            setup.target,
            setup.threads or window_threads(),
            setup.device,
            setup.precision,
        )
        try:
            out = self.maker.distil(plan.validated())
        except (DraftscopeError, OSError) as error:
            self._on_failed(_plain(error))
            return
        self._wanted, self._stage = out, ""

    def resume(self) -> None:
        """Go on with what was stopped; a finished one goes through its text again."""
        made = self.chosen
        if made is None or made.plan is None:
            return
        self.banners.clear()
        plan = made.plan
        if made.state == "finished":
            plan = longer(plan)
        self.maker.resume(made, plan)

    def use(self) -> None:
        made = self.chosen
        if made is not None and made.source is not None:
            self.use_wanted.emit(made.source)

    def show_folder(self) -> None:
        made = self.chosen
        if made is not None:
            path = made.path if made.path.is_dir() else made.path.parent
            self.open_url(QUrl.fromLocalFile(str(path)))

    def remove(self) -> None:
        """Ask first, in the banner: text and training cannot be made again in a moment."""
        made = self.chosen
        if made is None:
            return

        def delete() -> None:
            try:
                self.maker.remove(made)
            except OSError as error:
                self._on_failed(_plain(error))

        self.banners.notice(
            "warning", f"Delete {made.path.name} with its text and training?",
            "It cannot be taken back.", action=("Delete", delete),
        )  # fmt: skip

    # What comes of it

    def _on_step(self, step: Step) -> None:
        if step.stage != self._stage:  # its folder may be there only now
            self._stage = step.stage
            self._fill()
        self.bar.setValue(round(1000 * step.fraction))
        self.doing.setText(step_words(step))

    def _on_learnt(self, learnt: Learnt) -> None:
        made = self.chosen
        if made is not None and made.path == self.maker.running:
            self._learnt.append(learnt)
            self._show_learnt()
            self.setAccessibleDescription(learnt_words(learnt))

    def _on_ended(self, path: Path) -> None:
        self._fill()
        self.choose(path)
        if path.suffix == ".gguf":
            self.use_wanted.emit(str(path))
        else:
            self.banners.notice("info", f"{path.name} is ready.", action=("Use as draft", self.use))

    def _on_failed(self, error: ErrorInfo) -> None:
        if error.traceback:
            self.banners.error(error)
        else:  # what a person can mend has no details
            self.banners.notice("error", error.message, error.hint)

    def shut_down(self) -> None:
        """The window closes: what is made is saved and can be resumed."""
        self.maker.child.end()

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.fillRect(self.rect(), now.panel)
        painter.fillRect(self.column.geometry().right() + 1, 0, 1, self.height(), now.line)

    def _restyle(self) -> None:
        self.close_button.setIcon(assets.icon("close", theme.theme().muted))
        self.close_button.setIconSize(QSize(16, 16))
        self.update()


def _words(made: Made) -> tuple[str, str]:
    return made.path.name, state_words(made)


def _plain(error: DraftscopeError | OSError) -> ErrorInfo:
    """Of what a person can mend."""
    if isinstance(error, OSError):
        why = error.strerror or str(error)
        return ErrorInfo("DraftError", f"The drafts' folder cannot be written: {why}.",
                         "Check the free space and the rights.")  # fmt: skip
    return ErrorInfo("DraftError", error.message, error.hint)
