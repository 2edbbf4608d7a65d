"""The numbers of single methods: shown only beside the one that reads them."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.panels.fields import ROW_GAP
from app.panels.slider import Slider
from engine.config import EXIT_LAYER_MAX, LENIENCE_MIN, Config

Key = str
"""Name of a field of `Config`."""
_PLAIN = Config()
_LAYERS = 33
"""As many are assumed while the target's are not known; more can be typed."""


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
        return {key: type(getattr(_PLAIN, key))(s.value) for key, s in self.sliders.items()}

    def write(self, config: Config) -> None:
        for key, slider in self.sliders.items():
            slider.value = getattr(config, key)


class DrafterParameters(Parameters):
    """The exit layer: 0 leaves it to the drafter, and the last layer is no early exit."""

    def __init__(self) -> None:
        exit_layer = Slider(
            "Exit la&yer",
            0,
            _LAYERS - 1,
            1,
            name="Exit layer",
            tip="Layers of the target that draft; 0: Auto, a quarter of them",
            most=EXIT_LAYER_MAX,
        )
        super().__init__({"exit_layer": exit_layer}, {"early-exit": ("exit_layer",)})
        self._exit, self._layers = exit_layer, 0
        self._exit.changed.connect(self._tell)
        self._tell()

    def show_layers(self, layers: int) -> None:
        """How many the loaded target has; 0: not known."""
        self._layers = layers
        if layers > 1:
            self._exit.set_high(layers - 1)
        else:
            self._exit.set_high(_LAYERS - 1, EXIT_LAYER_MAX)
        self._tell()

    def _tell(self) -> None:
        known = f"of {self._layers}" if self._layers else ""
        auto = f"Auto: {max(1, self._layers // 4)} {known}" if known else "Auto"
        self._exit.note.setText(known if self._exit.value else auto)


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
