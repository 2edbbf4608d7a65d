"""What the engine runs on: device and memory; folded away, threads, GPU layers and context."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.panels.fields import ROW_GAP, ElidedLabel, MenuButton, caption, muted, named, row, spin
from app.setup import window_threads
from app.words import device_words
from engine.events import ModelInfo


class EngineBox(QWidget):
    """Device, memory, and (folded away) threads, GPU layers and context."""

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
        self.more = MenuButton("Options")
        self.more.setCheckable(True)
        self.more.setToolTip("Threads, GPU layers, context")
        self._details = QWidget()
        self._details.hide()

        details = QVBoxLayout(self._details)
        details.setContentsMargins(0, 0, 0, 0)
        details.setSpacing(ROW_GAP)
        for text, box in (
            ("Thread&s", self.threads),
            ("GPU &layers", self.layers),
            ("&Context", self.context),
        ):
            box.valueChanged.connect(self.changed)
            details.addLayout(row(named(text, box), box))
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
        self.copy.clicked.connect(self._copy)

    def show_model(self, info: ModelInfo) -> None:
        """What the loaded target runs on."""
        self.device.setText(f"{device_words(info)} · {info.backend}")

    def show_machine(self, cpu: str) -> None:
        """Before anything is loaded."""
        self.device.setText(cpu)

    def show_advice(self, line: str, command: str) -> None:
        """One line about a GPU, and a command that installs a build for it, if there is one."""
        self.advice.setText(line)
        self.advice.setVisible(bool(line))
        self._command = command
        self.copy.setVisible(bool(command))

    def show_memory(self, used: int, total: int) -> None:
        self.memory.setText(f"{used / 1e9:.1f} of {total / 1e9:.1f} GB")
        self.bar.setValue(round(1000 * used / total) if total else 0)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._command)
        self.copy.setText("Copied")

    def _unfold(self, on: bool) -> None:
        self._details.setVisible(on)
        self.more.set_icon("chevron-up" if on else "chevron-down")
