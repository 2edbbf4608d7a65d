"""The dialog "New experiment": the form, specs from and to files, and Start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.experiment_setup import spec_toml
from app.panels.banner import Banners
from app.panels.experiment_form import ExperimentForm
from app.panels.fields import ROW_GAP
from app.panels.sheets import Sheet
from app.sources import folder_beside
from engine.errors import ConfigError
from engine.experiments.spec import Spec, read_spec

SPECS = "Specs of experiments (*.toml)"
MODELS = "Models (*.gguf);;All files (*)"
PROMPTS = "Prompts (*.toml *.jsonl *.ndjson *.txt)"
WIDTH, HEIGHT = 960, 736
_MARGIN = 16


class ExperimentDialog(Sheet):
    """asked(Spec): Start was pressed.

    recent(): model files used before. ask_open(), ask_save(suggestion): open file dialogs (tests
    replace them, and those of the form's fields).
    """

    asked = Signal(object)

    def __init__(
        self, parent: QWidget | None = None, recent: Callable[[], Sequence[str]] = list
    ) -> None:
        super().__init__("New experiment", parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # opened again and again
        self.ask_open: Callable[[], str] = self._ask_open
        self.ask_save: Callable[[str], str] = self._ask_save
        self._folder = ""
        self._recent = recent
        self.form = ExperimentForm(recent, self._ask_models, self._ask_prompts, own_summary=False)
        self.area = QScrollArea()
        self.banners = Banners()
        self.open_button = _Button("Open spec…", "O", "Fill the form from a TOML file")
        self.save_button = _Button("Save spec…", "V", "For draftscope bench, and to open again")
        self.cancel_button = _Button("Cancel", "C")
        self.start_button = _Button("Start", "S")
        self.start_button.setProperty("kind", "primary")
        self.start_button.setDefault(True)
        self._lay_out()
        self.open_button.clicked.connect(self.open_spec)
        self.save_button.clicked.connect(self.save_spec)
        self.cancel_button.clicked.connect(self.reject)
        self.start_button.clicked.connect(self.start)
        self.form.told.connect(self._tell)
        self._tell()

    def _lay_out(self) -> None:
        self.area.setWidget(self.form)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.verticalScrollBar().rangeChanged.connect(self._make_room)
        card = QFrame()
        card.setProperty("kind", "card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(16, 12, 16, 12)
        inside.addWidget(self.form.summary)
        buttons = QHBoxLayout()
        buttons.setSpacing(ROW_GAP)
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.save_button)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.start_button)
        # The scroll bar stands in the margin, so that nothing moves when it comes.
        margins = self.page.contentsMargins()
        margins.setRight(margins.right() - _MARGIN)
        self.page.setContentsMargins(margins)
        below = QVBoxLayout()
        below.setContentsMargins(0, 0, _MARGIN, 0)
        below.setSpacing(self.page.spacing())
        below.addWidget(card)
        below.addLayout(buttons)
        above = QVBoxLayout()
        above.setContentsMargins(0, 0, _MARGIN, 0)
        above.addWidget(self.banners)
        self.page.addLayout(above)
        self.page.addWidget(self.area, 1)
        self.page.addLayout(below)
        self._make_room(0, 0)
        self.setMinimumSize(520, 480)

    def _make_room(self, low: int, high: int) -> None:
        bar = self.area.verticalScrollBar().sizeHint().width() if high > low else 0
        self.form.setContentsMargins(0, 0, max(_MARGIN - bar, 0), 0)

    def open_with(self, spec: Spec, seconds_per_run: float | None = None) -> None:
        """Show the dialog with this spec, unless it is open: then what was typed stays."""
        if not self.isVisible():
            self.banners.clear()
            self.form.spec = spec
            self.form.seconds_per_run = seconds_per_run
            screen = self.screen().availableGeometry()
            self.resize(min(WIDTH, screen.width() - 64), min(HEIGHT, screen.height() - 64))
            self.area.verticalScrollBar().setValue(0)
            self.form.title.setFocus()
            self.form.title.selectAll()
        self.show()
        self.raise_()
        self.activateWindow()

    def start(self) -> None:
        """Ask for the experiment, if it can be run."""
        if self.form.problem:
            return
        spec = self.form.spec
        self.accept()
        self.asked.emit(spec)

    def open_spec(self) -> None:
        """Fill the form from a file; one that is no spec is refused with line and key."""
        path = self.ask_open()
        if not path:
            return
        self.banners.clear()
        self._folder = str(Path(path).parent)
        try:
            self.form.spec = read_spec(Path(path))
        except ConfigError as error:
            self.banners.notice("error", error.message, error.hint)

    def save_spec(self) -> None:
        if self.form.problem:
            return
        spec = self.form.spec
        chosen = self.ask_save(str(Path(self._folder) / f"{_file_name(spec.title)}.toml"))
        if not chosen:
            return
        path = Path(chosen)
        if path.suffix.lower() != ".toml":
            path = path.with_name(path.name + ".toml")
        self.banners.clear()
        self._folder = str(path.parent)
        try:
            path.write_text(spec_toml(spec), encoding="utf-8", newline="\n")
        except (OSError, UnicodeEncodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "a path is no Unicode text"
            hint = "Choose another folder, or make room."
            self.banners.notice("error", f"{path.name} cannot be written: {why}.", hint)
            return
        self.banners.notice("info", f"Wrote {path.name}.")

    def _tell(self) -> None:
        """Start and Save wait until the spec is one; their tooltips say what for."""
        problem = self.form.problem
        for button, tip in ((self.start_button, ""), (self.save_button, self.save_button.tip)):
            button.setEnabled(not problem)
            button.say(problem or tip)

    def _ask_models(self, title: str) -> list[str]:
        folder = folder_beside(self._recent())
        return QFileDialog.getOpenFileNames(self, title, folder, MODELS)[0]

    def _ask_prompts(self) -> str:
        return QFileDialog.getOpenFileName(self, "Choose prompts", self._folder, PROMPTS)[0]

    def _ask_open(self) -> str:
        return QFileDialog.getOpenFileName(self, "Open a spec", self._folder, SPECS)[0]

    def _ask_save(self, suggestion: str) -> str:
        return QFileDialog.getSaveFileName(self, "Save the spec", suggestion, SPECS)[0]


class _Button(QPushButton):
    """Pressed with Alt and a letter too, which the tooltip names."""

    def __init__(self, text: str, letter: str, tip: str = "") -> None:
        super().__init__(text)
        self.tip = tip
        self._keys = QKeySequence(f"Alt+{letter}")
        self.setShortcut(self._keys)
        self.setAutoDefault(False)
        self.say(tip)

    def say(self, tip: str) -> None:
        keys = self._keys.toString(QKeySequence.SequenceFormat.NativeText)
        self.setToolTip(f"{tip}  ({keys})".strip())
        self.setAccessibleDescription(tip)


def _file_name(title: str) -> str:
    """A title as the name of a file."""
    kept = "".join(c if c.isalnum() else "-" for c in title.lower())
    return "-".join(filter(None, kept.split("-")))[:48].strip("-") or "experiment"
