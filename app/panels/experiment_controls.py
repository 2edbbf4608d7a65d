"""The strip above an experiment's results: which view, which axes, which part, what words mean."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QTabBar, QVBoxLayout, QWidget

from app import theme
from app.experiment_choice import VIEWS, ResultsChoice
from app.experiment_maps import Maps
from app.experiment_words import AXES, METRICS, metric_words
from app.panels.fields import muted
from app.panels.flow import Flow
from app.panels.segments import Segments
from app.views.plots.axes import text_width

ALL = "All"
NARROW, WIDE = 80, 240
_EFFICIENCY = {
    "judged": ("judged", "Acceptance rate α: accepted ÷ judged (accepted + rejected)"),
    "drafted": ("drafted", "Draft efficiency: accepted ÷ drafted, discarded tokens included"),
}
_BONUS = {
    "with": ("with added", "Tokens per pass τ: with the token that the target adds"),
    "without": ("without", "Accepted tokens per pass: without the token that the target adds"),
}


class ResultsControls(QWidget):
    """`show_choice` puts the fields to a choice; wanted(ResultsChoice): another one is wanted."""

    wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice = ResultsChoice()
        self.views = _Tabs()
        self.views.setDrawBase(False)
        self.views.setExpanding(False)
        self.views.setUsesScrollButtons(False)
        self.views.setAccessibleName("View")
        for name, title in VIEWS.items():
            self.views.setTabData(self.views.addTab(title), name)
        self.views.currentChanged.connect(
            lambda i: self._want(view=self.views.tabData(i)) if i >= 0 else None
        )
        self.efficiency = Segments("Acceptance is accepted divided by", _EFFICIENCY)
        self.efficiency.changed.connect(lambda v: self._want(efficiency=v == "drafted"))
        self.bonus = Segments("Tokens per pass", _BONUS)
        self.bonus.changed.connect(lambda v: self._want(bonus=v == "with"))
        self.figure = _combo("Figure")
        self.rows, self.columns = _combo("Rows"), _combo("Columns")
        self.figure.activated.connect(lambda _: self._want(metric=self.figure.currentData()))
        self.rows.activated.connect(lambda _: self._want_axis("rows", self.rows.currentData()))
        self.columns.activated.connect(
            lambda _: self._want_axis("columns", self.columns.currentData())
        )
        self.filters: dict[str, QComboBox] = {}
        for key in AXES:
            self.filters[key] = combo = _combo(f"Only this {AXES[key].lower()}")
            combo.activated.connect(lambda _, k=key: self._want_filter(k))
        self._lay_out()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(8, 4, 16, 0)
        top.setSpacing(8)
        top.addWidget(self.views, 0, Qt.AlignmentFlag.AlignBottom)
        top.addStretch(1)
        for words, segments in (("Accepted ÷", self.efficiency), ("Tokens per pass", self.bonus)):
            top.addSpacing(8)
            top.addWidget(muted(words))
            top.addWidget(segments)
        self._fields: dict[str, QWidget] = {}
        flow = Flow(gap=16)
        flow.setContentsMargins(16, 8, 16, 12)
        for name, combo in (
            ("Figure", self.figure),
            ("Rows", self.rows),
            ("Columns", self.columns),
        ):
            self._fields[name] = _field(name, combo)
        for key, combo in self.filters.items():
            self._fields[key] = _field(AXES[key], combo)
        for field in self._fields.values():
            flow.addWidget(field)
        self._flow = flow
        self.fields = QWidget()
        self.fields.setLayout(flow)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(_Line())
        column.addWidget(self.fields)

    def show_choice(self, choice: ResultsChoice, maps: Maps) -> None:
        """Put every field to it. Fields that have nothing to choose between are not shown."""
        self._choice = choice
        blocked = self.views.blockSignals(True)
        self.views.setCurrentIndex(list(VIEWS).index(choice.view))
        self.views.blockSignals(blocked)
        self.efficiency.value = "drafted" if choice.efficiency else "judged"
        self.bonus.value = "with" if choice.bonus else "without"
        titles = [(metric_words(m, choice.how).title, m) for m in METRICS]
        _fill(self.figure, titles, choice.metric)
        axes = [(AXES[key], key) for key in maps.axes]
        _fill(self.rows, axes, choice.rows)
        _fill(self.columns, axes, choice.columns)
        for name in ("Rows", "Columns"):
            self._fields[name].setVisible(choice.view == "map")
        for key, combo in self.filters.items():
            values = [(maps.label(key, value).text, value) for value in maps.known[key]]
            shown = len(values) > 1 and key not in choice.axes
            self._fields[key].setVisible(shown)
            if shown:
                chosen = choice.filters.get(key, _EVERY) if key in choice.filters else _EVERY
                _fill(combo, [(ALL, _EVERY), *values], chosen)
        self.fields.setVisible(choice.view != "calibration")
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()

    def _fit(self) -> None:
        """As many lines as the fields need: layouts ask too early, with the widths of before."""
        self._flow.invalidate()
        height = self._flow.heightForWidth(self.width())
        if self.fields.height() != height:
            self.fields.setFixedHeight(height)

    def _want(self, **changes: object) -> None:
        self.wanted.emit(msgspec.structs.replace(self._choice, **changes))

    def _want_axis(self, which: str, key: str) -> None:
        """The axis that has the key already gets the other's."""
        other = "columns" if which == "rows" else "rows"
        changes: dict[str, object] = {which: key}
        if getattr(self._choice, other) == key:
            changes[other] = getattr(self._choice, which)
        self._want(**changes)

    def _want_filter(self, key: str) -> None:
        value = self.filters[key].currentData()
        filters = {k: v for k, v in self._choice.filters.items() if k != key}
        if value is not _EVERY:
            filters[key] = value[0]
        self._want(filters=filters)


class _Every:
    """Stands for no filter, where None is a value."""


_EVERY = _Every()


def _fill(combo: QComboBox, choices: Sequence[tuple[str, object]], chosen: object) -> None:
    """Make the list anew where it differs, and put it there."""
    known = [combo.itemText(i) for i in range(combo.count())]
    if known != [text for text, _ in choices]:
        combo.clear()
        for text, value in choices:
            # In a tuple: as a variant, None would read as "no data", and 1.0 as 1.
            held = (value,) if combo.property("filter") and value is not _EVERY else value
            combo.addItem(text, held)
        widest = max(text_width(text, theme.font(theme.BODY)) for text, _ in choices)
        combo.setFixedWidth(max(NARROW, min(round(widest) + 56, WIDE)))
    place = next(
        (i for i, (_, value) in enumerate(choices) if value is chosen or value == chosen), 0
    )
    combo.setCurrentIndex(place)


def _combo(name: str) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setProperty("filter", name.startswith("Only"))
    combo.setToolTip(name if name.startswith("Only") else "")
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    combo.setMaxVisibleItems(16)
    return combo


def _field(name: str, combo: QComboBox) -> QWidget:
    field, label = QWidget(), QLabel(name)
    label.setFont(theme.font(theme.SMALL))
    label.setProperty("role", "muted")
    label.setBuddy(combo)
    line = QHBoxLayout(field)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(8)
    line.addWidget(label)
    line.addWidget(combo)
    return field


class _Tabs(QTabBar):
    def tabSizeHint(self, index: int) -> QSize:
        """Room for the chosen tab's bolder words, so that none is cut and none moves."""
        return super().tabSizeHint(index) + QSize(8, 0)


class _Line(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme.theme().line)
