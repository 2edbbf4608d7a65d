"""The baseline: when plain decoding is measured, and what was measured last."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from app.panels.fields import ROW_GAP, caption, muted, named, row
from app.setup import Measure

MEASURES: tuple[tuple[str, Measure, str], ...] = (
    ("Before each run", "measure", "Decode plainly first, under the same conditions"),
    ("Reuse the last", "reuse", "Measure once for the same prompt, target and sampler"),
    ("None", "none", "No baseline, and so no speedup"),
)


class BaselineBox(QWidget):
    """When plain decoding is measured, and the last figure."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rate: float | None = None
        self._kind = ""
        self._at = 0.0
        self.measure = QComboBox()
        for text, value, tip in MEASURES:
            self.measure.addItem(text, value)
            self.measure.setItemData(self.measure.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.line = muted("not measured yet")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(caption("Baseline"))
        layout.addLayout(row(named("M&easure", self.measure), self.measure))
        layout.addWidget(self.line)
        self.measure.currentIndexChanged.connect(self.changed)
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._tell)

    @property
    def value(self) -> Measure:
        return MEASURES[self.measure.currentIndex()][1]

    @value.setter
    def value(self, value: Measure) -> None:
        self.measure.setCurrentIndex([m for _, m, _ in MEASURES].index(value))

    def show_rate(self, tokens_per_second: float | None, kind: str, age_s: float = 0.0) -> None:
        """Tell a figure just measured, or `age_s` ago; None forgets it."""
        self._rate, self._kind = tokens_per_second, kind
        self._at = time.monotonic() - age_s
        self._tell()

    def _tell(self) -> None:
        if self._rate is None:
            self.line.setText("not measured yet")
            self._timer.stop()
            return
        age = time.monotonic() - self._at
        self.line.setText(f"{self._rate:.1f} tok/s {self._kind} {_ago(age)}")
        self._timer.setInterval(1000 if age < 60 else 30_000)
        self._timer.start()


def _ago(seconds: float) -> str:
    if seconds < 2:
        return "just now"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 3600 else "more than an hour ago"
