"""The left column of the experiments page: the experiments there are, and what can be done."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListView,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.models.experiment_list import Entry, ExperimentList, status
from app.panels.fields import caption, muted
from app.panels.two_lines import TwoLines

WIDTH = 304


class ExperimentColumn(QWidget):
    """chosen(Entry | None): the selection moved. wanted(str): a button, by its name."""

    chosen = Signal(object)
    wanted = Signal(str)

    def __init__(self, model: ExperimentList) -> None:
        super().__init__()
        self.model = model
        self.setFixedWidth(WIDTH)
        self.list = QListView()
        self.list.setModel(model)
        self.list.setItemDelegate(
            TwoLines(lambda index: _words(index.data(ExperimentList.EntryRole)), self.list)
        )
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName("Experiments")
        self.empty = muted("None yet. New experiment asks what to compare.", wrap=True)
        self.doing = muted("", wrap=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.new = self._button("new", "&New experiment…", "Choose what to compare")
        self.open = self._button("open", "&Open…", "Results that draftscope bench made elsewhere")
        self.start = self._button("start", "Resume", "Run what is missing")
        self.hold = self._button("hold", "Pause", "Hold between two tokens; that run is made again")
        self.stop = self._button("stop", "Stop", "What is finished stays, and can be resumed")
        self.report = self._button("report", "&Report", "Open the report in the browser")
        self.remove = self._button("remove", "Delete…", "Move the folder to the trash")
        self.new.setProperty("kind", "primary")
        self._lay_out()
        self.list.selectionModel().currentChanged.connect(self._on_chosen)
        model.dataChanged.connect(self.tell)
        model.modelReset.connect(self.tell)
        self.tell()

    def _button(self, name: str, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setFixedHeight(32)
        button.clicked.connect(lambda: self.wanted.emit(name))
        return button

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.new)
        layout.addSpacing(8)
        layout.addWidget(caption("Experiments"))
        layout.addWidget(self.empty)
        layout.addWidget(self.list, 1000)
        layout.addStretch(1)
        layout.addWidget(self.bar)
        layout.addWidget(self.doing)
        for line in ((self.start, self.hold, self.stop), (self.report, self.open, self.remove)):
            row = QHBoxLayout()
            row.setSpacing(8)
            for button in line:
                row.addWidget(button, 1)
            layout.addLayout(row)

    @property
    def entry(self) -> Entry | None:
        """The chosen experiment."""
        row = self.list.currentIndex().row()
        return self.model.entries[row] if 0 <= row < len(self.model.entries) else None

    def choose(self, row: int) -> None:
        self.list.setCurrentIndex(self.model.index(row))

    def say(self, doing: str, done: float | None) -> None:
        """What is being done; done None: nothing is."""
        self.doing.setText(doing)
        self.bar.setVisible(done is not None)
        self.doing.setVisible(bool(doing))
        if done is not None:
            self.bar.setValue(round(1000 * done))

    def tell(self) -> None:
        """Offer what the chosen one allows."""
        entry = self.entry
        standing = entry.standing if entry is not None else "failed"
        active = standing in ("waiting", "running", "held")
        begun = standing in ("stopped", "complete") or active
        self.empty.setVisible(not self.model.entries)
        self.list.setVisible(bool(self.model.entries))
        self.start.setText("Start" if standing == "new" else "Resume")
        self.start.setEnabled(standing in ("new", "stopped"))
        self.hold.setText("Go on" if standing == "held" else "Pause")
        self.hold.setEnabled(standing in ("running", "held"))
        self.stop.setEnabled(active)
        self.report.setEnabled(begun)
        self.remove.setEnabled(entry is not None and not active)

    def _on_chosen(self) -> None:
        self.tell()
        self.chosen.emit(self.entry)


def _words(entry: Entry) -> tuple[str, str]:
    return entry.title, status(entry)
