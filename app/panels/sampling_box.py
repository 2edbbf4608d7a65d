"""How tokens are drawn: temperature, top-p, top-k, seed and length."""

from __future__ import annotations

import random

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from app.panels.fields import ROW_GAP, Problem, caption, named, row, spin
from app.panels.slider import Slider
from engine.config import Config

SEED_MAX = 2**31 - 1
"""Of the spin box; a configuration can hold greater seeds."""


class SamplingBox(QWidget):
    """Edits the sampling part of a configuration."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.temperature = Slider(
            "&Temperature", 0, 2, 0.05, 2, name="Temperature", tip="0 takes the most probable token"
        )
        self.top_p = Slider(
            "Top-&p", 0.01, 1, 0.01, 2, name="Top-p", tip="Draw from the most probable p; 1 is off"
        )
        self.top_k = spin(0, 1_000_000, "Draw from the k most probable tokens", "Off")
        self.seed = spin(0, SEED_MAX, "The same seed gives the same draws")
        self.tokens = spin(1, 1_000_000, "Tokens to decode at most")
        self.new_seed = QToolButton()
        self.new_seed.setText("↻")
        self.new_seed.setAccessibleName("New seed")
        self.new_seed.setToolTip("A new random seed")
        self.new_seed.setFixedSize(QSize(32, 32))
        self.problem = Problem()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(caption("Sampling"))
        layout.addWidget(self.temperature)
        layout.addWidget(self.top_p)
        layout.addLayout(row(named("Top-&k", self.top_k), self.top_k))
        layout.addLayout(row(named("See&d", self.seed), self.seed, self.new_seed))
        layout.addLayout(row(named("&Max tokens", self.tokens), self.tokens))
        layout.addWidget(self.problem)

        self.temperature.changed.connect(self._temperature_changed)
        self.top_p.changed.connect(self.changed)
        for box in (self.top_k, self.seed, self.tokens):
            box.valueChanged.connect(self.changed)
        self.new_seed.clicked.connect(lambda: self.seed.setValue(random.randint(0, SEED_MAX)))
        self._temperature_changed()

    def read(self) -> dict[str, float | int]:
        """The fields of a configuration that are edited here."""
        return {
            "temperature": round(self.temperature.value, 2),
            "top_p": round(self.top_p.value, 2),
            "top_k": self.top_k.value(),
            "seed": self.seed.value(),
            "max_tokens": self.tokens.value(),
        }

    def write(self, config: Config) -> None:
        self.temperature.value = config.temperature
        self.top_p.value = config.top_p
        self.top_k.setValue(config.top_k)
        self.seed.setValue(min(config.seed, SEED_MAX))
        self.tokens.setValue(config.max_tokens)

    def _temperature_changed(self) -> None:
        self.temperature.note.setText("greedy" if self.temperature.value == 0 else "")
        self.changed.emit()
