"""What a check found: the verdict, the figures, the outcomes."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app import lab_words, theme
from app.panels.badge import Badge
from app.panels.fields import muted
from app.views.law_plot import LawPlot
from engine.lab.result import CheckResult


class LabResult(QWidget):
    """Shows one result, in full."""

    def __init__(self) -> None:
        super().__init__()
        self.result: CheckResult | None = None
        self.badge = Badge()
        self.sentence = QLabel()
        self.sentence.setProperty("role", "heading")
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sampled = muted(wrap=True)
        self.stale = muted("The setup has changed since this check.")
        self.copy = QPushButton("Copy result")
        self.copy.setProperty("kind", "flat")
        self.copy.setFixedHeight(28)
        self.copy.setToolTip("As JSON, as the command line writes it")
        self.copy.clicked.connect(self._copy)
        self._figures = QGridLayout()
        self._figures.setHorizontalSpacing(16)
        self._figures.setVerticalSpacing(6)
        self._figures.setColumnStretch(1, 1)
        self.plot = LawPlot()

        verdict = QHBoxLayout()
        verdict.setSpacing(8)
        middle = Qt.AlignmentFlag.AlignVCenter
        verdict.addWidget(self.badge, 0, middle)
        verdict.addWidget(self.stale, 0, middle)
        verdict.addStretch(1)
        verdict.addWidget(self.copy, 0, middle)
        card = QFrame()
        card.setProperty("kind", "card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(16, 12, 16, 12)
        inside.setSpacing(8)
        inside.addLayout(verdict)
        inside.addWidget(self.sentence)
        inside.addWidget(self.sampled)
        inside.addLayout(self._figures)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(card)
        layout.addWidget(self.plot)
        layout.addStretch(1)

    def show_result(self, result: CheckResult) -> None:
        self.result = result
        self.badge.show_state(*lab_words.badge(result))
        self.sentence.setText(result.sentence.replace(" = ", "\u00a0=\u00a0"))
        self.sentence.setToolTip(result.detail)
        self.sampled.setText(lab_words.sampled_words(result))
        while (item := self._figures.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for row, figure in enumerate(lab_words.figures(result)):
            value = QLabel(figure.value)
            value.setFont(theme.mono(12, QFont.Weight.DemiBold))
            labels = (QLabel(figure.name), value, muted(figure.kind))
            for column, label in enumerate(labels):
                label.setToolTip(figure.tip)
                self._figures.addWidget(label, row, column)
            labels[-1].setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.plot.show_result(result)
        self.copy.setText("Copy result")

    def _copy(self) -> None:
        if self.result is not None:
            text = msgspec.json.format(msgspec.json.encode(self.result), indent=2).decode()
            QGuiApplication.clipboard().setText(text)
            self.copy.setText("Copied")
