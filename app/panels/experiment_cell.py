"""What a chosen cell of a map holds: its settings, its figures with intervals, and its runs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.experiment_maps import OF, MapCell, Maps, MapTable
from app.experiment_words import (
    AXES,
    METRICS,
    PLURALS,
    STATES,
    Make,
    figure,
    kind_of,
    make_of,
    metric_words,
    spread,
)
from app.models.experiment_runs import ExperimentRuns
from app.panels.fields import muted, set_role
from app.views import format as fmt
from app.views.facts import FactColumn, Facts
from app.views.run_inks import MOST
from engine.experiments.results import Definitions, RunRow

LINE, PAD = 28, 8
WIDE = 640
"""Width from which settings and figures stand side by side."""
WIDTHS = {"Prompt": 136, "Setting": 144, "#": 32, "Speedup": 76, "α": 60, "τ": 64, "Tokens/s": 76,
          "Text": 72, "Date": 96}  # fmt: skip
HINT = (
    "Nothing is chosen",
    "Click a cell of the map, or go there with the arrow keys, to see its figures and its runs.",
)
_ROWS = """
QHeaderView::section { padding: 6px 8px; }
QAbstractScrollArea::corner { background: transparent; border: none; }
"""
NOT_KEPT = "Its events were not kept: the spec says record = false, or the file is gone"


class CellPanel(QWidget):
    """replay_wanted(RunRow): by button, double click or Enter. compare_wanted(list of RunRow)."""

    replay_wanted = Signal(object)
    compare_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._maps: Maps | None = None
        self.title, self.state = QLabel(), QLabel()
        self.title.setProperty("role", "title")
        self.title.setWordWrap(True)
        self.state.setWordWrap(True)
        self.state.setFont(theme.font(theme.SMALL))
        self.settings = Facts(FactColumn("muted"), FactColumn())
        self.figures = Facts(
            FactColumn(), FactColumn(figures=True, bold=True), FactColumn("muted"),
            FactColumn("muted"),
        )  # fmt: skip
        self.runs_title, self.runs_count = QLabel("Runs"), muted()
        self.runs_title.setProperty("role", "heading")
        self.runs = RunsTable()
        self.runs.opened.connect(self._replay)
        self.replay_button, self.compare_button = QPushButton("Replay"), QPushButton("Compare")
        self.replay_button.clicked.connect(self._replay)
        self.compare_button.clicked.connect(
            lambda: self.compare_wanted.emit(self.runs.chosen or self.runs.model_of.runs)
        )
        self.runs.selectionModel().selectionChanged.connect(self._on_selection)
        self._lay_out()
        self.show_nothing()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.runs_title)
        head.addWidget(self.runs_count)
        head.addStretch(1)
        head.addWidget(self.replay_button)
        head.addWidget(self.compare_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        for widget in (self.title, self.state):
            column.addWidget(widget)
        self._facts = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._facts.setSpacing(12)
        top = Qt.AlignmentFlag.AlignTop
        self._facts.addWidget(self.settings, 1, top)
        self._facts.addWidget(self.figures, 0, top)
        column.addLayout(self._facts)
        column.addSpacing(8)
        column.addLayout(head)
        column.addWidget(self.runs, 1)
        self._rest = QWidget()
        column.addWidget(self._rest, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = QBoxLayout.Direction.LeftToRight if self.width() >= WIDE else (
            QBoxLayout.Direction.TopToBottom
        )  # fmt: skip
        if self._facts.direction() != wide:
            self._facts.setDirection(wide)

    def show_nothing(self) -> None:
        """No cell is chosen."""
        self.title.setText(HINT[0])
        self._say(HINT[1], "muted")
        self.settings.hide()
        self.figures.hide()
        self._show_runs((), Definitions())

    def show_cell(
        self, maps: Maps, table: MapTable, place: tuple[int, int], how: Definitions
    ) -> None:
        cell = table.at(*place)
        if cell is None:
            self.show_nothing()
            return
        self._maps = maps
        self.title.setText(_title(table, place))
        reason = cell.reason
        if cell.state == "absent":
            self._say("The experiment has no such combination.", "muted")
        elif cell.state == "done":
            self._say(". ".join(filter(None, (cell.note, reason))), "muted")
        else:
            state = STATES[cell.state].capitalize()
            self._say(
                ". ".join(filter(None, (cell.note, state, reason))),
                {"failed": "bad", "refused": "bad"}.get(cell.state, "warn"),
            )
        self.settings.set_rows(_settings(maps, cell))
        self.settings.setVisible(bool(cell.cells))
        self.figures.set_rows(_figures(maps, cell, how))
        self.figures.setVisible(cell.interval is not None)
        runs = [run for each in cell.cells for run in each.runs]
        self._show_runs(runs, how)

    def _say(self, text: str, role: str) -> None:
        self.state.setText(text)
        self.state.setVisible(bool(text))
        set_role(self.state, role)

    def _show_runs(self, runs: Sequence[RunRow], how: Definitions) -> None:
        self.runs.show_runs(runs, how)
        some = bool(runs)
        for widget in (self.runs, self.runs_title, self.runs_count,
                       self.replay_button, self.compare_button):  # fmt: skip
            widget.setVisible(some)
        self._rest.setVisible(not some)
        self.runs_count.setText(fmt.count(len(runs), "run"))
        self._on_selection()

    def _kept(self, run: RunRow) -> bool:
        return self._maps is not None and self._maps.results.recording(run) is not None

    def _on_selection(self, *_: QItemSelection) -> None:
        chosen = self.runs.chosen
        one = len(chosen) == 1
        self.replay_button.setEnabled(one and self._kept(chosen[0]))
        self.replay_button.setToolTip(
            "Choose one run" if not one
            else NOT_KEPT if not self._kept(chosen[0]) else "Play this run (Enter)"
        )  # fmt: skip
        several = chosen or self.runs.model_of.runs
        fit = 1 <= len(several) <= MOST and all(map(self._kept, several))
        self.compare_button.setEnabled(fit)
        self.compare_button.setToolTip(
            f"Choose up to {MOST} runs" if len(several) > MOST
            else NOT_KEPT if several and not fit else "Show the chosen runs side by side"
        )  # fmt: skip

    def _replay(self) -> None:
        chosen = self.runs.chosen
        if len(chosen) == 1 and self._kept(chosen[0]):
            self.replay_wanted.emit(chosen[0])


class RunsTable(QTableView):
    """opened: double click on a run, or Enter."""

    opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_of = ExperimentRuns(self)
        self.setModel(self.model_of)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)  # Tab leaves: a person must get out again
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(LINE)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(32)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.setFont(theme.font(theme.SMALL))
        self.setItemDelegate(_Plain(self))
        self.setMinimumHeight(120)
        self.setStyleSheet(_ROWS)
        self.setAccessibleName("Runs of the chosen cell")
        self.doubleClicked.connect(lambda _: self.opened.emit())

    @property
    def chosen(self) -> list[RunRow]:
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.model_of.runs[row] for row in rows if row < len(self.model_of.runs)]

    def show_runs(self, runs: Sequence[RunRow], how: Definitions) -> None:
        """These in place of those before; what is chosen stays chosen where it is still there."""
        kept = [run.run_id for run in self.chosen]
        self.model_of.update(runs, how)
        for run_id in kept:
            row = self.model_of.row_of(run_id)
            if row is not None:
                self.selectRow(row)
        header = self.horizontalHeader()
        for i, column in enumerate(self.model_of.columns):
            header.setSectionResizeMode(i, QHeaderView.ResizeMode.Interactive)
            self.setColumnWidth(i, WIDTHS.get(column.title) or header.sectionSizeHint(i))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif event.key() == Qt.Key.Key_Escape:
            event.ignore()  # the page's
        else:
            super().keyPressEvent(event)


class _Plain(QStyledItemDelegate):
    """Text and nothing else: a style sheet's items take ten times as long."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        now, area = theme.theme(), QRect(option.rect)  # type: ignore[attr-defined]
        if option.state & QStyle.StateFlag.State_Selected:  # type: ignore[attr-defined]
            painter.fillRect(area, theme.with_alpha(now.accent, 0.16))
        model = index.model()
        assert isinstance(model, ExperimentRuns)
        column = model.columns[index.column()]
        text, area = column.text(model.runs[index.row()]), area.adjusted(PAD, 0, -PAD, 0)
        font = theme.font(theme.SMALL, figures=column.number)
        painter.setFont(font)
        painter.setPen(now.text)
        if not column.number:
            right = Qt.TextElideMode.ElideRight
            text = QFontMetrics(font).elidedText(text, right, area.width() - 2)
        side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
        painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, text)


def _title(table: MapTable, place: tuple[int, int]) -> str:
    parts: list[str] = []
    for title, label in (
        (table.row_title, table.rows[place[0]]),
        (table.column_title, table.columns[place[1]]),
    ):
        bare = title in ("γ", "Temperature")
        short = {"Temperature": "T"}.get(title, title)
        parts.append(f"{short} {label.text}" if bare else label.text)
    return " · ".join(parts)


def _settings(maps: Maps, cell: MapCell) -> list[tuple[str, str]]:
    """What all its runs have in common, and how many values of the rest there are."""
    lines: list[tuple[str, str]] = []
    for key, title in AXES.items():
        values = list(dict.fromkeys(map(OF[key], cell.cells)))
        if key == "kind" and len(maps.known["kind"]) < 2:
            continue
        labels = [maps.label(key, value).text for value in values]
        few = len(labels) <= 4 and sum(map(len, labels)) < 48
        text = ", ".join(labels) if few else f"{len(labels)} {PLURALS[key]}"
        lines.append((title, text))
    return lines


def _figures(maps: Maps, cell: MapCell, how: Definitions) -> list[tuple[str, str, str, str]]:
    """Every figure with its interval and its kind."""
    rows: list[tuple[str, str, str, str]] = []
    makes: set[Make] = {make_of(each.runs[0].models) for each in cell.cells if each.runs}
    for metric in METRICS:
        found = maps.gathered(cell.cells, metric, how)
        if found is not None:
            words = metric_words(metric, how)
            value = figure(metric, found.median)
            kind = kind_of(metric, how, makes)
            rows.append((words.title, value, spread(metric, found), kind))
    return rows
