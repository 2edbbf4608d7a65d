"""The setup panel: everything that a run is asked for, but the models, which the toolbar picks."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.panels.baseline_box import BaselineBox
from app.panels.drafting_box import DraftingBox
from app.panels.engine_box import EngineBox
from app.panels.fields import caption
from app.panels.prompt_box import PromptBox
from app.panels.sampling_box import SamplingBox
from app.setup import Field, Setup

WIDTH = 288
MARGIN = 20

# Without colours, so that it serves every theme: a value beside a slider looks like text until the
# pointer or the focus is on it.
_SHEET = """
QLineEdit[kind="value"] { padding: 0 4px; min-height: 0; }
QLineEdit[kind="value"]:focus { padding: 0 3px; }
QLineEdit[kind="value"]:!focus:!hover { background: transparent; border-color: transparent; }
QPushButton[kind="flat"] { font-size: 12px; padding: 0 1px 0 6px; min-height: 0; }
QPushButton[kind="flat"]:focus { padding: 0 0 0 5px; }
QComboBox, QComboBox:focus { padding-right: 0; }
QComboBox QLineEdit, QComboBox QLineEdit:focus {
  border: none; padding: 0; min-height: 0; background: transparent;
}
"""


class SetupPanel(QScrollArea):
    """Shows and edits a `Setup`. `changed` after each edit, `use_recorded` when the person wants
    the settings of the shown recording."""

    changed = Signal()
    use_recorded = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._setup = Setup()
        self._writing = False
        self.prompt = PromptBox()
        self.drafting = DraftingBox()
        self.sampling = SamplingBox()
        self.baseline = BaselineBox()
        self.engine = EngineBox()
        self.recorded = _RecordedNote()

        self._column = QWidget()
        self._column.setObjectName("setup-column")
        self._column.setStyleSheet(_SHEET)
        layout = self._layout = QVBoxLayout(self._column)
        layout.setContentsMargins(MARGIN, 12, MARGIN, 12)
        layout.setSpacing(16)
        layout.addWidget(self.recorded)
        layout.addWidget(self.prompt, 100)
        for box in (self.drafting, self.sampling, self.baseline, self.engine):
            layout.addWidget(box)
        layout.addStretch(1)
        self.setWidget(self._column)
        self.setWidgetResizable(True)
        self.setMinimumWidth(282)  # or "Lenient, lossy" would not fit its picker
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Setup")
        for box in (self.prompt, self.drafting, self.sampling, self.baseline, self.engine):
            box.changed.connect(self._edited)
        self.verticalScrollBar().rangeChanged.connect(self._keep_place)
        self.sampling.changed.connect(self._tell_temperature)
        self.recorded.use.clicked.connect(self.use_recorded)
        self._tell_temperature()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 640)

    def _keep_place(self, _low: int, high: int) -> None:
        """The column stays where it is when the scroll bar comes and goes."""
        right = MARGIN - (self.verticalScrollBar().sizeHint().width() if high else 0)
        self._layout.setContentsMargins(MARGIN, 12, right, 12)

    @property
    def setup(self) -> Setup:
        """What is set up now."""
        config = msgspec.structs.replace(
            self._setup.config, **self.drafting.read(), **self.sampling.read()
        )
        return msgspec.structs.replace(
            self._setup,
            prompt=self.prompt.text,
            raw=self.prompt.raw,
            config=config,
            measure=self.baseline.value,
            corpus=self.drafting.corpus.value,
            **self.engine.read(),
        )

    @setup.setter
    def setup(self, setup: Setup) -> None:
        """Show another setup; emits `changed` once, if anything changed."""
        before = self.setup
        self._setup = setup
        self._writing = True
        try:
            if setup.target != before.target:
                self.drafting.show_layers(0)
            self.prompt.text = setup.prompt
            self.prompt.raw = setup.raw
            self.drafting.corpus.value = setup.corpus
            self.drafting.write(setup.config)
            self.sampling.write(setup.config)
            self.baseline.value = setup.measure
            self.engine.write(setup)
        finally:
            self._writing = False
        if self.setup != before:
            self.changed.emit()

    def show_problems(self, problems: dict[Field, str]) -> None:
        """Say beside each field what is wrong with it."""
        self.prompt.problem.show_problem(problems.get("prompt", ""))
        drafter = problems.get("draft", "") or problems.get("drafter", "")
        self.drafting.show_problem("draft", drafter)
        for field in ("corpus", "gamma", "length_policy", "branches", "rule"):
            self.drafting.show_problem(field, problems.get(field, ""))
        self.sampling.problem.show_problem(problems.get("sampling", ""))

    def show_recorded(self, summary: str) -> None:
        """Note that a recording is on screen, and with which settings; "" takes the note away."""
        self.recorded.show_summary(summary)

    def _tell_temperature(self) -> None:
        self.drafting.show_temperature(self.sampling.temperature.value)

    def _edited(self) -> None:
        if not self._writing:
            self.changed.emit()


class _RecordedNote(QFrame):
    """The settings of the recording on screen, and a button that takes them over."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setProperty("role", "small")
        self.use = QPushButton("Use these settings")
        self.use.setToolTip("Prompt, drafting and sampling of the recording; can be undone")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(caption("Recording"))
        layout.addWidget(self._text)
        line = QHBoxLayout()
        line.addWidget(self.use)
        line.addStretch(1)
        layout.addLayout(line)
        self.hide()

    def show_summary(self, summary: str) -> None:
        self._text.setText(summary)
        self.setVisible(bool(summary))
