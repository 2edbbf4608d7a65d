"""The fields of the dialog "Render clip"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from app.panels.fields import ROW_GAP, named
from app.render.clip import END_HOLD_S, FORMATS, Format
from app.settings import Rendering

SIZES = {
    "1920x1080": "1920 × 1080 · 16:9",
    "3840x2160": "3840 × 2160 · 16:9",
    "1080x1080": "1080 × 1080 · 1:1",
    "2160x2160": "2160 × 2160 · 1:1",
    "1080x1920": "1080 × 1920 · 9:16",
    "2160x3840": "2160 × 3840 · 9:16",
}
VIEWS = {
    "all": "Everything",
    "stream": "Output",
    "round": "Round",
    "race": "Race",
    "plots": "Plots",
    "inspector": "Inspector",
}
SCHEMES = {"light": "Light", "dark": "Dark"}
SPEEDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
RATES = (60.0, 50.0, 30.0, 25.0, 20.0, 15.0, 10.0)
_LABEL, _COLUMN_GAP = 64, 32


class RenderForm(QWidget):
    """What is to be rendered, and into which file. `changed`: any of it.

    ask_file(suggestion, filter): opens a file dialog (tests replace it).
    """

    changed = Signal()

    def __init__(self, ask_file: Callable[[str, str], str]) -> None:
        super().__init__()
        self.ask_file = ask_file
        self._rates: dict[str, float] = {}
        self.format = _choice((suffix, f.title) for suffix, f in FORMATS.items())
        self.view = _choice(VIEWS.items())
        self.pixels = _choice(SIZES.items())
        self.scheme = _choice(SCHEMES.items())
        self.speed = _choice((s, "1× · as recorded" if s == 1 else f"{s:g}×") for s in SPEEDS)
        self.rate = _choice(())
        self.start, self.stop, self.at = _seconds(), _seconds(), _seconds()
        self.file = QLineEdit()
        self.choose = QPushButton("Choose…")
        self._lay_out()
        self.format.currentIndexChanged.connect(self._on_format)
        self.rate.currentIndexChanged.connect(self._on_rate)
        for box in (self.view, self.pixels, self.scheme, self.speed):
            box.currentIndexChanged.connect(self.changed)
        for spin in (self.start, self.stop, self.at):
            spin.valueChanged.connect(self.changed)
        self.start.valueChanged.connect(self.stop.setMinimum)
        self.file.textChanged.connect(self.changed)
        self.choose.clicked.connect(self._choose)
        self._on_format()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(ROW_GAP)
        grid.setVerticalSpacing(ROW_GAP)
        rows: tuple[tuple[tuple[str, QWidget], ...], ...] = (
            (("&Format", self.format), ("&View", self.view)),
            (("&Size", self.pixels), ("&Theme", self.scheme)),
            (("From", self.start), ("To", self.stop)),
            (("S&peed", self.speed), ("F&rames/s", self.rate)),
        )
        self._stretch: list[QWidget] = []
        for line, pair in enumerate(rows):
            for column, (text, widget) in enumerate(pair):
                label = named(text, widget)
                label.setMinimumWidth(_LABEL)
                grid.addWidget(label, line, 3 * column)
                grid.addWidget(widget, line, 3 * column + 1)
                if line >= 2:
                    self._stretch += [label, widget]
        # A single picture has one moment, in place of a stretch.
        self._moment: list[QWidget] = [named("At", self.at), self.at]
        for column, widget in enumerate(self._moment):
            grid.addWidget(widget, 2, column)
        file = QHBoxLayout()
        file.setSpacing(ROW_GAP)
        file.addWidget(self.file, 1)
        file.addWidget(self.choose)
        boxes = (self.format, self.view, self.pixels, self.scheme)
        for field in (*boxes, *self._stretch[1::2], self.at):
            field.setFixedHeight(30)  # as high as the style sheet makes the choices
        self.file.setFixedHeight(32)  # and this as the button beside it
        grid.addWidget(named("Fi&le", self.file), 4, 0)
        grid.addLayout(file, 4, 1, 1, 4)
        grid.setColumnMinimumWidth(2, _COLUMN_GAP - 2 * ROW_GAP)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(4, 1)

    @property
    def kind(self) -> Format:
        return FORMATS[str(self.format.currentData())]

    @property
    def path(self) -> Path:
        """The file to write, with the format's ending whatever was typed."""
        path = Path(self.file.text().strip()).expanduser()
        same = path.suffix.lower() == self.kind.suffix
        return path if same or not path.name else path.with_name(path.name + self.kind.suffix)

    @property
    def clip_seconds(self) -> float:
        """How long the clip is; 0: a picture."""
        if not self.kind.moving:
            return 0.0
        moving = max(self.stop.value() - self.start.value(), 0.0) / float(self.speed.currentData())
        return moving + (END_HOLD_S if self.stop.value() >= self.stop.maximum() else 0.0)

    @property
    def settings(self) -> Rendering:
        """What to remember."""
        return Rendering(
            suffix=self.kind.suffix,
            view=str(self.view.currentData()),
            size=str(self.pixels.currentData()),
            scheme=str(self.scheme.currentData()),
            speed=float(self.speed.currentData()),
            fps=self._rates,
            folder=str(self.path.parent) if self.file.text().strip() else "",
        )

    @settings.setter
    def settings(self, value: Rendering) -> None:
        self._rates = dict(value.fps)
        for box, wanted in (
            (self.format, value.suffix),
            (self.view, value.view),
            (self.pixels, value.size),
            (self.scheme, value.scheme),
            (self.speed, value.speed),
        ):
            _choose(box, wanted)
        self._on_format()

    def show_recording(self, duration_s: float, at_s: float, path: Path) -> None:
        """Offer the whole of a recording. path: of the clip, whatever its ending."""
        for spin in (self.start, self.stop, self.at):
            spin.setMaximum(max(duration_s, 0.01))
        self.start.setValue(0.0)
        self.stop.setValue(duration_s)
        self.at.setValue(at_s)
        self.file.setText(str(path.with_suffix(self.kind.suffix)))

    def arguments(self, recording: Path) -> list[str]:
        """Of the command `draftscope render`."""
        wish = [
            str(recording), "--out", str(self.path),
            "--view", str(self.view.currentData()), "--size", str(self.pixels.currentData()),
            "--theme", str(self.scheme.currentData()),
        ]  # fmt: skip
        if not self.kind.moving:
            return [*wish, "--from", f"{self.at.value():.6g}"]
        wish += ["--from", f"{self.start.value():.6g}", "--speed", f"{self.speed.currentData():g}"]
        if self.stop.value() < self.stop.maximum():
            wish += ["--to", f"{self.stop.value():.6g}"]
        return [*wish, "--fps", f"{self.rate.currentData():g}"]

    def _on_format(self) -> None:
        kind = self.kind
        for widget in self._stretch:
            widget.setVisible(kind.moving)
        for widget in self._moment:
            widget.setVisible(not kind.moving)
        if kind.moving:
            wanted = self._rates.get(kind.suffix, kind.fps)
            self.rate.blockSignals(True)
            self.rate.clear()
            for rate in RATES:
                if rate <= kind.most_fps:
                    self.rate.addItem(f"{rate:g}", rate)
            _choose(self.rate, wanted)
            self.rate.blockSignals(False)
        text = self.file.text()
        known = Path(text).suffix.lower() in FORMATS
        if known:
            self.file.setText(str(Path(text).with_suffix(kind.suffix)))
        self.changed.emit()

    def _on_rate(self) -> None:
        self._rates[self.kind.suffix] = float(self.rate.currentData())
        self.changed.emit()

    def _choose(self) -> None:
        kind = self.kind
        chosen = self.ask_file(str(self.path), f"{kind.title} (*{kind.suffix})")
        if chosen:
            self.file.setText(chosen)
            self.file.setText(str(self.path))


def _choice(entries: Iterable[tuple[object, str]]) -> QComboBox:
    box = QComboBox()
    for value, text in entries:
        box.addItem(text, value)
    box.setMinimumWidth(120)
    return box


def _choose(box: QComboBox, value: object) -> None:
    """Select a value where it is on offer; else leave what there is."""
    found = box.findData(value)
    if found >= 0:
        box.setCurrentIndex(found)


def _seconds() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(2)
    box.setSingleStep(0.1)
    box.setSuffix(" s")
    box.setAccelerated(True)
    box.setKeyboardTracking(False)
    box.setAlignment(Qt.AlignmentFlag.AlignLeft)
    box.lineEdit().setTextMargins(9, 0, 0, 0)  # the style sheet's padding does not reach the text
    return box
