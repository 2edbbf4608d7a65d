"""What the page of a comparison shows of its runs: table, curves and texts."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from app.comparison import Compared
from app.comparison_words import shared
from app.panels.compare_chips import RunChips
from app.panels.compare_table import COLUMN, NAMES, CompareTableView
from app.panels.compare_texts import CompareTexts
from app.panels.fields import muted
from app.render.errors import RenderError
from app.views.plots import export
from app.views.plots.run_curves import RunCurvesCard, RunRatesCard, RunSpeedupsCard
from engine.errors import ErrorInfo

TABLE, CURVES, TEXTS = 320, 208, 224
"""The least heights of the three parts."""
SIDE_BY_SIDE = 1000
"""Width from which the curves stand beside the table."""


class CompareView(QWidget):
    """`show_compared` shows all of a comparison.

    reference_wanted, replay_wanted, removed(place): what the person wants of a run.
    failed(ErrorInfo): a table or a plot could not be saved. ask_file: a file dialog (tests replace
    it).
    """

    reference_wanted = Signal(int)
    replay_wanted = Signal(int)
    removed = Signal(int)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.compared: Compared | None = None
        self.ask_file: export.AskFile = _ask_file
        self.chips = RunChips()
        self.chips.reference_wanted.connect(self.reference_wanted)
        self.chips.replay_wanted.connect(self.replay_wanted)
        self.chips.removed.connect(self.removed)
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
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.chips)
        column.addSpacing(12)
        column.addWidget(_line())
        column.addWidget(area, 1)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

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
            card.failed.connect(self.failed)
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

    def show_compared(self, compared: Compared | None) -> None:
        """None: there is no run."""
        self.compared = compared
        members = compared.members if compared is not None else ()
        self.chips.show_members(members, compared.reference if compared is not None else 0)
        self.table.show_compared(compared)
        self.texts.show_compared(compared)
        for card in self.cards:
            card.set_members(members)
        self._best.setVisible(len(members) > 1)
        self.shared.setText(_shared_words(compared))
        everything = compared.shared if compared is not None else ()
        self.shared.setToolTip("\n".join(f"{name}: {value}" for name, value in everything))
        self._share_width()

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
            self.failed.emit(ErrorInfo.of(error))

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
            n = len(self.compared.members) if self.compared is not None else 0
            needed = NAMES + COLUMN * 5 // 4 * max(n, 1) + 44
            left = min(max(needed, 440), self.width() // 2)
            self.splitter.setSizes([left, self.width() - left])

    def _restyle(self) -> None:
        now = theme.theme()
        self.copy_button.setIcon(assets.icon("copy", now.muted))
        self.save_button.setIcon(assets.icon("save", now.muted))


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


class _Card(QFrame):
    """What a plot lies on: it paints the panel's colour itself."""

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(now.line)
        painter.setBrush(now.panel)
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
