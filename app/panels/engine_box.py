"""What the engine runs on: device and memory; folded away, how models are loaded."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Mapping

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.panels.choice import Choice
from app.panels.fields import ROW_GAP, ElidedLabel, MenuButton, caption, muted, named, row, spin
from app.setup import Setup, window_threads
from app.sources import Library
from app.words import device_words
from engine.config import DEVICES, PRECISIONS
from engine.events import ModelInfo

_DEVICES = {
    "auto": ("Auto", "Auto: the fastest there is"),
    "cpu": ("CPU", "CPU"),
    "cuda": ("CUDA", "CUDA: NVIDIA, or AMD with a ROCm build of torch"),
    "mps": ("MPS", "MPS: an Apple GPU, by Metal"),
}
_PRECISIONS = {
    "auto": ("Auto", "Auto: what the device computes fastest"),
    "int8": ("int8", "int8: weights quantised while loading"),
    "int4": ("int4", "int4: weights quantised while loading"),
}


class EngineBox(QWidget):
    """Device, memory, and (folded away) threads, context, and what the libraries of the chosen
    models know besides: GPU layers of GGUF models, device and precision of Hugging Face ones."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.device = ElidedLabel("CPU")
        self.device.setProperty("role", "small")
        self.advice = muted(wrap=True)
        self.advice.hide()
        self.copy = QPushButton("Copy the command")
        self.copy.setToolTip("Installs a llama.cpp build that can use this GPU")
        self.copy.hide()
        self.memory = muted()
        self.memory.setToolTip("Memory that Draftscope holds, of the machine's")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Memory in use")
        self.bar.setRange(0, 1000)

        auto = f"Auto ({window_threads()})"
        self.threads = spin(0, 512, "Threads of the engine; leave a core to the window", auto)
        self.layers = spin(-1, 999, "Layers on the GPU, where the build can use one", "All")
        self.context = spin(
            0, 1_048_576, "Tokens of prompt and output; Auto: the model's, at most 4,096", "Auto"
        )
        self.context.setSingleStep(1024)
        self.on, self.precision = Choice(), Choice()
        self.on.setToolTip("Where torch computes")
        self.precision.setToolTip("What torch computes in")
        for name in DEVICES:
            if name != ("cuda" if sys.platform == "darwin" else "mps"):
                _offer(self.on, name, _DEVICES)
        for name in PRECISIONS:
            _offer(self.precision, name, _PRECISIONS)
        if importlib.util.find_spec("bitsandbytes") is None:
            for name in ("int8", "int4"):
                self.precision.remark(name, name, "needs bitsandbytes")
        self.more = MenuButton("Options")
        self.more.setCheckable(True)
        self.more.setToolTip("How the models are loaded")
        self._details = QWidget()
        self._details.hide()

        details = QVBoxLayout(self._details)
        details.setContentsMargins(0, 0, 0, 0)
        details.setSpacing(ROW_GAP)
        self._rows: dict[Library, list[QWidget]] = {"gguf": [], "hf": []}

        def add(text: str, box: QWidget, of: Library | None = None) -> None:
            line = QWidget()
            inner = row(named(text, box), box)
            inner.setContentsMargins(0, 0, 0, 0)
            line.setLayout(inner)
            details.addWidget(line)
            if of is not None:
                self._rows[of].append(line)

        add("Thread&s", self.threads)
        add("GPU &layers", self.layers, "gguf")
        add("Device", self.on, "hf")
        add("Precision", self.precision, "hf")
        add("&Context", self.context)
        for box in (self.threads, self.layers, self.context):
            box.valueChanged.connect(self.changed)
        for box in (self.on, self.precision):
            box.currentIndexChanged.connect(self.changed)
        heading = QHBoxLayout()
        heading.addWidget(caption("Engine"))
        heading.addStretch(1)
        heading.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(heading)
        layout.addWidget(self.device)
        layout.addWidget(self.advice)
        layout.addWidget(self.copy)
        layout.addWidget(self.memory)
        layout.addWidget(self.bar)
        layout.addWidget(self._details)
        self.more.toggled.connect(self._unfold)
        self._command = ""
        self._advised = True
        self.show_for({"gguf"})
        self.copy.clicked.connect(self._copy)

    def read(self) -> dict[str, int | str]:
        """The fields of a setup that are edited here."""
        return {
            "threads": self.threads.value(),
            "gpu_layers": self.layers.value(),
            "context": self.context.value(),
            "device": self.on.name,
            "precision": self.precision.name,
        }

    def write(self, setup: Setup) -> None:
        self.threads.setValue(setup.threads)
        self.layers.setValue(setup.gpu_layers)
        self.context.setValue(setup.context)
        if not self.on.has(setup.device):  # one of several GPUs
            _offer(self.on, setup.device, _DEVICES)
        self.on.name, self.precision.name = setup.device, setup.precision
        self.show_for(setup.libraries)

    def show_for(self, libraries: Collection[Library]) -> None:
        """Leave what these libraries read; what is said of llama.cpp goes with its models."""
        for library, lines in self._rows.items():
            for line in lines:
                line.setVisible(library in libraries)
        self._advised = "gguf" in libraries or "hf" not in libraries
        self._tell_advice()

    def show_model(self, info: ModelInfo) -> None:
        """What the loaded target runs on."""
        self.device.setText(f"{device_words(info)} · {info.backend}")

    def show_machine(self, cpu: str) -> None:
        """Before anything is loaded."""
        self.device.setText(cpu)

    def show_advice(self, line: str, command: str) -> None:
        """One line about a GPU, and a command that installs a build for it, if there is one."""
        self.advice.setText(line)
        self._command = command
        self._tell_advice()

    def _tell_advice(self) -> None:
        self.advice.setVisible(self._advised and bool(self.advice.text()))
        self.copy.setVisible(self._advised and bool(self._command))

    def show_memory(self, used: int, total: int) -> None:
        self.memory.setText(f"{used / 1e9:.1f} of {total / 1e9:.1f} GB")
        self.bar.setValue(round(1000 * used / total) if total else 0)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._command)
        self.copy.setText("Copied")

    def _unfold(self, on: bool) -> None:
        self._details.setVisible(on)
        self.more.set_icon("chevron-up" if on else "chevron-down")


def _offer(choice: Choice, name: str, words: Mapping[str, tuple[str, str]]) -> None:
    plain = name.replace("cuda:", "CUDA ")
    short, title = words.get(name, (plain, plain))
    choice.add(name, short, title, title)
