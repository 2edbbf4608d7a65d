"""A slider with a label and a value that can be typed."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSlider, QVBoxLayout, QWidget

from app import theme
from app.panels.fields import ROW_GAP, muted, named


class ValueEdit(QLineEdit):
    """A number that reads as text until the pointer or the focus is on it; Up and Down step it."""

    changed = Signal(float)

    def __init__(self, low: float, high: float, step: float, decimals: int) -> None:
        super().__init__()
        self._low, self._high, self._step, self._decimals = low, high, step, decimals
        self._value = low
        self.setProperty("kind", "value")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFont(theme.mono(13, theme.HEADING.weight))
        self.setFixedSize(56 if decimals else 36, 24)
        self.editingFinished.connect(self._read)
        self._show()

    def set_high(self, high: float) -> None:
        self._high = high
        self.value = self._value

    @property
    def value(self) -> float:
        return self._value

    @value.setter
    def value(self, value: float) -> None:
        value = round(min(max(value, self._low), self._high), self._decimals)
        changed = value != self._value
        self._value = value
        self._show()
        if changed:
            self.changed.emit(value)

    def _show(self) -> None:
        self.setText(f"{self._value:.{self._decimals}f}")

    def _read(self) -> None:
        """Take what was typed; what is no number is put back."""
        try:
            value = float(self.text().strip().replace(",", "."))
        except ValueError:
            value = self._value
        self.value = value if value == value else self._value

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if steps is None:
            super().keyPressEvent(event)
        else:
            self.value += steps * self._step
            self.selectAll()


class Slider(QWidget):
    """A label, a value that can be typed, and a slider below.

    `step` is the slider's; what is typed may be finer, and reach up to `most`.
    """

    changed = Signal(float)

    def __init__(
        self,
        text: str,
        low: float,
        high: float,
        step: float,
        decimals: int = 0,
        *,
        name: str = "",
        tip: str = "",
        most: float | None = None,
    ) -> None:
        super().__init__()
        self._low, self._step = low, step
        self.edit = ValueEdit(low, high if most is None else most, step, decimals)
        self.note = muted()
        self.note.setMinimumWidth(1)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, round((high - low) / step))
        self.slider.setPageStep(max(self.slider.maximum() // 10, 1))
        self.slider.setToolTip(tip)
        label = named(text, self.slider, name)
        self.edit.setAccessibleName(f"{self.slider.accessibleName()}, value")
        label.setToolTip(self.slider.toolTip())

        self._heading = QHBoxLayout()
        self._heading.setSpacing(0)
        self._heading.addWidget(label)
        top = QHBoxLayout()
        top.setSpacing(ROW_GAP)
        top.addLayout(self._heading)
        top.addWidget(self.note)
        top.addStretch(1)
        top.addWidget(self.edit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.slider)
        self.slider.valueChanged.connect(self._slid)
        self.edit.changed.connect(self._typed)

    @property
    def value(self) -> float:
        return self.edit.value

    @value.setter
    def value(self, value: float) -> None:
        self.edit.value = value

    def explain_with(self, button: QWidget) -> None:
        """Put a "?" behind the label."""
        self._heading.addWidget(button)

    def set_high(self, high: float, most: float | None = None) -> None:
        """Another maximum; a value above it comes down to it. most: as when it was made."""
        with QSignalBlocker(self.slider):
            self.slider.setMaximum(round((high - self._low) / self._step))
        self.edit.set_high(high if most is None else most)

    def _slid(self, position: int) -> None:
        self.value = self._low + position * self._step

    def _typed(self, value: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(round((value - self._low) / self._step))
        self.changed.emit(value)
