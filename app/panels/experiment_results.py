"""The results of an experiment: a map, the pair matrix, and what passes cost; and for the chosen
cell its figures and its runs."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.experiment_choice import ResultsChoice
from app.experiment_maps import Maps, MapTable
from app.experiment_words import metric_words
from app.panels.calibrations import Calibrations
from app.panels.experiment_cell import CellPanel
from app.panels.experiment_controls import ResultsControls
from app.panels.fields import muted
from app.views import format as fmt
from app.views.heat_map import HeatMap
from engine.experiments.results import Results

DETAILS = (420, 760)
"""Least and greatest width of the panel of the chosen cell, until a person moves its edge."""
SIDE_BY_SIDE = 1000
"""Width from which it stands beside the map."""
NO_RESULTS = (
    "No experiment is open",
    "Run one from the queue, or open the folder of one that draftscope bench has made.",
)
NO_CELLS = ("Nothing to show yet", "Its first cells appear here as soon as their runs are done.")
Chosen = tuple[object, object]


class ResultsView(QWidget):
    """`show_results` shows another experiment, `refresh` the same one with more runs.

    choice: what is shown of it; choice_changed(ResultsChoice): a person chose something else.
    replay_wanted(RunRow), compare_wanted(list of RunRow): what is wanted of runs.
    failed(ErrorInfo): a plot could not be saved.
    """

    choice_changed = Signal(object)
    replay_wanted = Signal(object)
    compare_wanted = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.results: Results | None = None
        self.maps: Maps | None = None
        self._choice = ResultsChoice()
        self._chosen: dict[str, Chosen] = {}
        """The chosen cell of each view, by the values of its axes, which may get more of them."""
        self.controls = ResultsControls()
        self.controls.wanted.connect(self._on_wanted)
        self.map, self.cell, self.calibrations = HeatMap(), CellPanel(), Calibrations()
        self.map.selected.connect(self._on_selected)
        self.map.activated.connect(lambda row, column: self._open())
        self.cell.replay_wanted.connect(self.replay_wanted)
        self.cell.compare_wanted.connect(self.compare_wanted)
        self.calibrations.failed.connect(self.failed)
        self._lay_out()
        self.setAccessibleName("Results of the experiment")
        theme.notifier().changed.connect(self.update)
        self.show_results(None)

    def _lay_out(self) -> None:
        self.map_title, self.map_words = QLabel(), muted()
        self.map_title.setProperty("role", "heading")
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.map_title)
        head.addWidget(self.map_words)
        head.addStretch(1)
        area = QScrollArea()
        area.setWidget(self.map)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setStyleSheet("QAbstractScrollArea::corner { background: transparent; border: none; }")
        for bar in (area.horizontalScrollBar(), area.verticalScrollBar()):
            bar.valueChanged.connect(self._on_scrolled)
        self.area = area
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(16, 16, 16, 8)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(area, 1)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(left)
        self.splitter.addWidget(self.cell)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.cell.setMinimumWidth(320)
        self.splitter.splitterMoved.connect(self._on_moved)
        self._moved = False
        left.setMinimumHeight(200)
        self.empty_title, self.empty_words = QLabel(), muted(wrap=True)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._empty())
        self.pages.addWidget(self.splitter)
        self.pages.addWidget(self.calibrations)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.controls)
        self._hairline = _Hairline()
        page.addWidget(self._hairline)
        page.addWidget(self.pages, 1)

    def _empty(self) -> QWidget:
        empty = QWidget()
        self.empty_title.setProperty("role", "title")
        column = QVBoxLayout(empty)
        column.setSpacing(8)
        column.addStretch(2)
        self.empty_words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.setContentsMargins(32, 0, 32, 0)
        column.addWidget(self.empty_title, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.empty_words)
        column.addStretch(3)
        return empty

    # What is shown

    @property
    def choice(self) -> ResultsChoice:
        return self._choice

    def set_choice(self, choice: ResultsChoice) -> None:
        """Show this, without a word to others."""
        self._choice = choice
        self._show()

    def show_results(self, results: Results | None) -> None:
        """Another experiment, its best cell chosen; None: there is none."""
        self._chosen.clear()
        self._take(results)

    def refresh(self, results: Results) -> None:
        """The same experiment read anew: what is chosen stays chosen."""
        self._take(results)

    def show_words(self, title: str, words: str = "") -> None:
        """Say this in place of results, such as that they are being read."""
        self._take(None)
        self.empty_title.setText(title)
        self.empty_words.setText(words)

    def _take(self, results: Results | None) -> None:
        self.results = results
        self.maps = Maps(results) if results is not None else None
        self._show()

    @property
    def table(self) -> MapTable | None:
        """The map that the choice asks for."""
        if self.maps is None or not self.maps.results.cells:
            return None
        c = self._choice
        if c.view == "pairs":
            return self.maps.pairs(c.how, c.metric, c.applied)
        return self.maps.table(c.metric, c.how, c.rows, c.columns, c.applied)

    def _show(self) -> None:
        maps = self.maps
        self.controls.setVisible(maps is not None)
        self._hairline.setVisible(maps is not None)
        if maps is None or not maps.results.cells:
            title, words = NO_RESULTS if maps is None else NO_CELLS
            self.empty_title.setText(title)
            self.empty_words.setText(words)
            self.controls.setVisible(False)
            self._hairline.setVisible(False)
            self.map.show_table(None)
            self.pages.setCurrentIndex(0)
            return
        self._choice = self._choice.fitting(maps)
        self.controls.show_choice(self._choice, maps)
        self.calibrations.show_results(maps.results)
        if self._choice.view == "calibration":
            self.pages.setCurrentIndex(2)
            return
        table = self.table
        assert table is not None
        kept = self._chosen.get(self._choice.view)
        place = table.place_of(*kept) if kept is not None else None
        place = place or _best(table)
        self.map.show_table(table, place)
        self._head(table)
        self._show_cell(table, place)
        self.pages.setCurrentIndex(1)

    def _head(self, table: MapTable) -> None:
        words = metric_words(table.metric, self._choice.how)
        self.map_title.setText(table.title)
        assert self.maps is not None
        c = self._choice
        n = self.maps.counts(c.axes, c.applied)
        self.map_words.setText(" · ".join((
            f"{table.kind}, medians",
            f"{fmt.count(n.settings, 'setting')} on {fmt.count(n.prompts, 'prompt')}",
            fmt.count(n.runs, "run"),
        )))  # fmt: skip
        self.map_title.setToolTip(f"{words.title}: {words.tip}")

    def _show_cell(self, table: MapTable, place: tuple[int, int] | None) -> None:
        if place is None or self.maps is None:
            self.cell.show_nothing()
        else:
            self.cell.show_cell(self.maps, table, place, self._choice.how)

    # What a person does

    def _on_wanted(self, choice: ResultsChoice) -> None:
        if (choice.rows, choice.columns) != (self._choice.rows, self._choice.columns):
            self._chosen.pop("map", None)
        self.set_choice(choice)
        self.choice_changed.emit(self._choice)

    def _on_selected(self, row: int, column: int) -> None:
        table = self.map.table
        if table is not None:
            self._chosen[self._choice.view] = table.row_keys[row], table.column_keys[column]
            self._show_cell(table, (row, column))
            box = self.map.arranged.cell(row, column).toAlignedRect()
            room = self.map.arranged.left, self.map.arranged.top
            self.area.ensureVisible(box.right(), box.bottom(), 8, 8)
            self.area.ensureVisible(box.left(), box.top(), *room)

    def _on_scrolled(self) -> None:
        across, down = self.area.horizontalScrollBar(), self.area.verticalScrollBar()
        self.map.set_scrolled(QPoint(across.value(), down.value()))

    def _open(self) -> None:
        """Into the runs of the chosen cell."""
        if self.cell.runs.isVisible():
            self.cell.runs.setFocus()
            if not self.cell.runs.chosen:
                self.cell.runs.selectRow(0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        across = Qt.Orientation.Horizontal
        if self.width() < SIDE_BY_SIDE:
            across = Qt.Orientation.Vertical
        if self.splitter.orientation() != across:
            self.splitter.setOrientation(across)
            self._moved = False
        if not self._moved:
            whole = self.width()
            least, most = DETAILS
            beside = max(least, min(whole * 35 // 100, most))
            wide = across == Qt.Orientation.Horizontal
            self.splitter.setSizes([whole - beside, beside] if wide else [1000, 1000])

    def _on_moved(self) -> None:
        self._moved = True

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, now = QPainter(self), theme.theme()
        painter.fillRect(self.rect(), now.window)
        if self.controls.isVisible():
            painter.fillRect(self.controls.geometry(), now.panel)


def _best(table: MapTable) -> tuple[int, int] | None:
    """The cell with the greatest figure."""
    known = [
        (cell.interval.median, -row, -column)
        for row, cells in enumerate(table.cells)
        for column, cell in enumerate(cells)
        if cell.interval is not None
    ]
    if not known:
        return None
    _, row, column = max(known)
    return -row, -column


class _Hairline(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.theme().line)
