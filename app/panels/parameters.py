"""The numbers of single rules and length policies: shown only beside the one that reads them."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.panels.fields import ROW_GAP
from app.panels.slider import Slider
from engine.config import LENIENCE_MIN, Config

Key = str
"""Name of a field of `Config`."""


class Parameters(QWidget):
    """Sliders by the field that they edit; `show_for` leaves those of one method visible."""

    changed = Signal()

    def __init__(self, sliders: Mapping[Key, Slider], used: Mapping[str, tuple[Key, ...]]) -> None:
        super().__init__()
        self.sliders = dict(sliders)
        self._used = used
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        for slider in self.sliders.values():
            layout.addWidget(slider)
            slider.changed.connect(self.changed)

    def show_for(self, method: str) -> None:
        keys = self._used.get(method, ())
        for key, slider in self.sliders.items():
            slider.setVisible(key in keys)
        self.setVisible(bool(keys))

    def read(self) -> dict[Key, float]:
        return {key: slider.value for key, slider in self.sliders.items()}

    def write(self, config: Config) -> None:
        for key, slider in self.sliders.items():
            slider.value = getattr(config, key)


def rule_parameters() -> Parameters:
    lenience = Slider(
        "Len&ience",
        LENIENCE_MIN,
        1,
        0.05,
        2,
        tip="The bias l: how much of q counts against a drafted token; 1 is exact",
    )
    lenience.changed.connect(lambda value: lenience.note.setText(_exact(value)))
    epsilon = Slider(
        "ε threshold", 0, 1, 0.01, 2, name="Epsilon", tip="No token needs more than this"
    )
    delta = Slider(
        "δ factor",
        0,
        1,
        0.01,
        2,
        name="Delta",
        tip="Where the target is unsure, less is enough: δ·exp(-H)",
    )
    return Parameters(
        {"lenience": lenience, "epsilon": epsilon, "delta": delta},
        {"lenient": ("lenience",), "typical": ("epsilon", "delta")},
    )


def length_parameters() -> Parameters:
    confidence = Slider(
        "Least confidence",
        0,
        1,
        0.05,
        2,
        tip="Drafting stops where the draft's most probable token has less",
    )
    bound = Slider(
        "λ threshold",
        0,
        1,
        0.05,
        2,
        name="Entropy bound",
        tip="Drafting stops where 1 - √(c·H) falls below λ",
    )
    scale = Slider(
        "c entropy scale",
        0,
        2,
        0.05,
        2,
        name="Entropy scale",
        tip="The factor before the draft's entropy H",
        most=10,
    )
    return Parameters(
        {"confidence": confidence, "entropy_bound": bound, "entropy_scale": scale},
        {"confidence": ("confidence",), "entropy": ("entropy_bound", "entropy_scale")},
    )


def _exact(lenience: float) -> str:
    return "exact" if lenience == 1 else ""
