"""How tokens are proposed and judged: γ, the drafter, the rule."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.panels.fields import (
    ROW_GAP,
    Explanation,
    Problem,
    caption,
    named,
    row,
    set_role,
)
from app.panels.slider import Slider
from engine.config import GAMMA_MAX, Config
from engine.drafting.registry import DRAFTERS
from engine.rules import RULES


class DraftingBox(QWidget):
    """Edits the drafting part of a configuration."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.gamma = Slider(
            "γ draft len&gth",
            0,
            GAMMA_MAX,
            1,
            name="γ, draft length",
            tip="Tokens proposed in a round; 0 is plain decoding",
        )
        self.drafter = QComboBox()
        for kind in DRAFTERS.values():
            # The short form: "n-gram (prompt lookup)" does not fit beside its label.
            self.drafter.addItem(kind.title.partition(" (")[0], kind.name)
            tip = f"{kind.title}: {kind.explanation}"
            self.drafter.setItemData(self.drafter.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.rule = QComboBox()
        for rule in RULES.values():
            self.rule.addItem(rule.title.partition(" ")[0], rule.name)
            tip = f"{rule.title}: {rule.explanation}"
            self.rule.setItemData(self.rule.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.lossless = QLabel("lossless")
        self.lossless.setProperty("role", "badge")
        self.draft_problem, self.rule_problem = Problem(), Problem()

        heading = QHBoxLayout()
        heading.addWidget(caption("Drafting"))
        heading.addStretch(1)
        heading.addWidget(self.lossless)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(heading)
        layout.addWidget(self.gamma)
        explain_drafter = Explanation("drafter", self._drafter_text)
        layout.addLayout(row(named("Dr&after", self.drafter), self.drafter, explain_drafter))
        layout.addWidget(self.draft_problem)
        explain_rule = Explanation("rule", self._rule_text)
        layout.addLayout(row(named("R&ule", self.rule), self.rule, explain_rule))
        layout.addWidget(self.rule_problem)

        self.gamma.changed.connect(self._on_change)
        self.drafter.currentIndexChanged.connect(self._on_change)
        self.rule.currentIndexChanged.connect(self._on_change)
        self._on_change()

    def read(self) -> dict[str, int | str]:
        """The fields of a configuration that are edited here."""
        return {
            "gamma": round(self.gamma.value),
            "drafter": str(self.drafter.currentData()),
            "rule": str(self.rule.currentData()),
        }

    def write(self, config: Config) -> None:
        self.gamma.value = config.gamma
        self.drafter.setCurrentIndex(max(self.drafter.findData(config.drafter), 0))
        self.rule.setCurrentIndex(max(self.rule.findData(config.rule), 0))

    def _on_change(self) -> None:
        plain = self.gamma.value == 0
        self.gamma.note.setText("plain decoding" if plain else "")
        self.drafter.setEnabled(not plain)
        rule = RULES[str(self.rule.currentData())]
        self.lossless.setText("lossless" if rule.lossless else "not lossless")
        set_role(self.lossless, "badge" if rule.lossless else "warn")
        self.rule.setToolTip(rule.explanation)
        self.drafter.setToolTip(DRAFTERS[str(self.drafter.currentData())].explanation)
        self.changed.emit()

    def _drafter_text(self) -> str:
        kind = DRAFTERS[str(self.drafter.currentData())]
        return f"<p><b>{escape(kind.title)}</b></p><p>{escape(kind.explanation)}</p>"

    def _rule_text(self) -> str:
        rule = RULES[str(self.rule.currentData())]
        return (
            f"<p><b>{escape(rule.title)}</b></p><p>{escape(rule.explanation)}</p>"
            f"<p>{escape(rule.source)}</p>"
        )
