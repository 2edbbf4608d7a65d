"""What an experiment would come to, in two lines that follow the form."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app import theme
from app.experiment_count import Count, count_words, fewer_words, refused_words
from app.panels.fields import Explanation, muted, set_role
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
        self.why = Explanation("refused cells", self._reasons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words)
        line = QHBoxLayout()
        line.setSpacing(4)
        line.addWidget(self.refused)
        line.addWidget(self.why, 1, Qt.AlignmentFlag.AlignLeft)
        layout.addLayout(line)
        self.setAccessibleName("What the experiment comes to")

    def show_count(self, spec: Spec, found: Count, seconds_per_run: float | None) -> None:
        set_role(self.words, "heading")
        self._write(count_words(found, seconds_per_run), fewer_words(spec))
        line, reasons = refused_words(found)
        self.refused.setText(line)
        self.refused.setToolTip(reasons)
        self.refused.setAccessibleDescription(reasons)
        self._show_refused(len(found.refused))

    def show_problem(self, text: str) -> None:
        set_role(self.words, "bad")
        self._write(text, "")
        self._show_refused(0)

    def _reasons(self) -> str:
        """The tooltip, for those who have no pointer."""
        lines = self.refused.toolTip().split("\n")
        return "".join(f"<p>{html.escape(line)}</p>" for line in lines)

    def _show_refused(self, reasons: int) -> None:
        self.refused.setVisible(reasons > 0)
        self.refused.setWordWrap(reasons == 1)
        self.why.setVisible(reasons > 1)  # a single one stands there

    def _write(self, text: str, tip: str) -> None:
        self.words.setText(text)
        self.words.setToolTip(tip)
        self.words.setAccessibleName(text)
        self.words.setAccessibleDescription(tip)
