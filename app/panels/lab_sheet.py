"""The losslessness lab: what is checked, a button that checks it, and what came of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app import lab_words
from app.panels.badge import Badge
from app.panels.banner import Banners
from app.panels.fields import ROW_GAP, ElidedLabel, named, spin
from app.panels.lab_result import LabResult
from app.panels.sheets import Sheet
from app.setup import is_lossless
from engine.config import Config
from engine.lab.result import CheckResult

SAMPLES_MAX = 1_000_000
_AUTO = "Auto"


class LabSheet(Sheet):
    """wanted: Run check was pressed; cancel_wanted: Cancel, or Esc while a check runs."""

    wanted = Signal()
    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__("Losslessness", parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # the result stays
        self._checking = False
        self._plan = ""  # what a check would do
        self.what = ElidedLabel()
        self.what.setProperty("role", "heading")
        self.models = ElidedLabel()
        self.models.setProperty("role", "muted")
        self.badge = Badge()  # what the rule says of itself; the verdict has its own
        self.samples = spin(
            0,
            SAMPLES_MAX,
            "Runs with and as many without speculation; Auto: 2,000, or 20,000 on the toy pair",
            _AUTO,
        )
        self.samples.setSingleStep(1000)
        self.samples.setGroupSeparatorShown(True)
        self.tokens = spin(1, 3, "How many first tokens are compared jointly")
        self.tokens.setValue(2)
        self.run = QPushButton("Run check")
        self.run.setProperty("kind", "primary")
        self.run.setDefault(True)
        self.cancel = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the check")
        kept = self.bar.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # so that nothing moves
        self.bar.setSizePolicy(kept)
        self.stage = ElidedLabel()
        self.stage.setProperty("role", "muted")
        self.banners = Banners()
        self.found = LabResult()
        self._lay_out()
        self.run.clicked.connect(self.wanted)
        self.cancel.clicked.connect(self.cancel_wanted)
        self.show_progress(None)
        self.allow(True)
        self.setMinimumSize(560, 480)
        self.resize(720, 736)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(ROW_GAP)
        top.addWidget(self.what, 1)
        top.addWidget(self.badge)
        card = QFrame()
        card.setProperty("kind", "card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(16, 12, 16, 12)
        inside.setSpacing(4)
        inside.addLayout(top)
        inside.addWidget(self.models)

        controls = QHBoxLayout()
        controls.setSpacing(ROW_GAP)
        self._samples_label = named("&Samples", self.samples)
        self._tokens_label = named("&Tokens", self.tokens)
        for widget in (self._samples_label, self.samples, self._tokens_label, self.tokens):
            controls.addWidget(widget)
        self.samples.setFixedWidth(112)
        self.tokens.setFixedWidth(64)
        controls.addStretch(1)
        controls.addWidget(self.cancel)
        controls.addWidget(self.run)

        self._empty = QLabel(lab_words.EMPTY)
        self._empty.setProperty("role", "muted")
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setContentsMargins(64, 0, 64, 48)
        scroll = QScrollArea()
        scroll.setWidget(self.found)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(scroll)
        progress = QVBoxLayout()
        progress.setSpacing(2)
        progress.addWidget(self.bar)
        progress.addWidget(self.stage)
        self.page.setSpacing(12)
        self.page.addWidget(card)
        self.page.addLayout(controls)
        self.page.addLayout(progress)
        self.page.addWidget(self.banners)
        self.page.addWidget(self._pages, 1)

    def show_setup(self, config: Config, target: str, draft: str) -> None:
        """What the next check will be about."""
        self.what.setText(lab_words.what(config))
        self.models.setText(f"{target}, drafted by {draft}" if draft else target)
        self.badge.show_law(is_lossless(config))
        for widget in (self._samples_label, self.samples, self._tokens_label, self.tokens):
            widget.setVisible(not config.greedy)
        self._plan = lab_words.plan(config, self.samples.value(), self.tokens.value())
        if not self._checking:
            self.stage.setText(self._plan)

    def allow(self, on: bool) -> None:
        """Whether a check can begin: not while a run goes on."""
        self.run.setEnabled(on and not self._checking)
        self.run.setToolTip("" if on else "A run is going on: stop it first")

    def set_checking(self, on: bool) -> None:
        self._checking = on
        self.cancel.setEnabled(on)
        for widget in (self.samples, self.tokens):
            widget.setEnabled(not on)
        if on:
            self.banners.clear()
        self.show_progress(0.0 if on else None)
        self.setFocus()  # of the buttons, one is always disabled; Return and Esc serve both

    def show_progress(self, fraction: float | None, words: str = "") -> None:
        """None: nothing runs."""
        self.bar.setVisible(fraction is not None)
        self.bar.setValue(round(1000 * (fraction or 0.0)))
        self.stage.setText(self._plan if fraction is None else words)

    def show_result(self, result: CheckResult) -> None:
        self.found.show_result(result)
        self._pages.setCurrentIndex(1)

    def reject(self) -> None:
        """Esc stops a check first."""
        if self._checking:
            self.cancel_wanted.emit()
        else:
            super().reject()
