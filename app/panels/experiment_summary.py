"""What an experiment would come to, in two lines that follow the form."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app import theme
from app.experiment_count import Count, count_words, fewer_words, refused_words
from app.panels.fields import muted, set_role
from engine.experiments.spec import Spec


class Summary(QWidget):
    """words: the count, or what is wrong. refused: which cells cannot run, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.words = muted(wrap=True)
        set_role(self.words, "heading")
        self.refused = muted(wrap=True)
        self.refused.setFont(theme.font(theme.SMALL))
        set_role(self.refused, "warn")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words)
        layout.addWidget(self.refused)
        self.setAccessibleName("What the experiment comes to")

    def show_count(self, spec: Spec, found: Count, seconds_per_run: float | None) -> None:
        set_role(self.words, "heading")
        self._write(count_words(found, seconds_per_run), fewer_words(spec))
        line, reasons = refused_words(found)
        self.refused.setText(line)
        self.refused.setToolTip(reasons)
        self.refused.setAccessibleDescription(reasons)
        self.refused.setVisible(bool(line))

    def show_problem(self, text: str) -> None:
        set_role(self.words, "bad")
        self._write(text, "")
        self.refused.hide()

    def _write(self, text: str, tip: str) -> None:
        self.words.setText(text)
        self.words.setToolTip(tip)
        self.words.setAccessibleName(text)
        self.words.setAccessibleDescription(tip)
