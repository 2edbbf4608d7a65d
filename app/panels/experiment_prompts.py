"""Which prompts an experiment runs over: of the suite that ships, or of a file of one's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QRadioButton, QVBoxLayout, QWidget

from app.experiment_count import chosen_prompts, known_prompts
from app.experiment_words import KINDS
from app.panels.experiment_checks import Checks
from app.panels.experiment_numbers import FIELD_HEIGHT
from app.panels.fields import ROW_GAP, Problem, caption, give_key, muted, named, spin
from engine.errors import PromptError
from engine.experiments.prompts import Prompt
from engine.experiments.spec import PromptChoice

NO_KIND = "Check at least one kind of prompt."
NAME_MAX = 30
OWN = "A file of my own…"
_TIPS = {
    "chat": "Questions and small talk",
    "code": "Functions to write and to change",
    "summarise": "Texts to make shorter",
    "translate": "Texts to put into another language",
    "maths": "Problems to solve step by step",
    "copy": "The answer repeats much of a text that the prompt holds",
}


class PromptsField(QWidget):
    """`value` is that of a spec. ask_prompts(): the file that a person chooses (tests replace it).
    `unreadable`: why the choice cannot be told, "" if it can."""

    changed = Signal()

    def __init__(self, ask_prompts: Callable[[], str]) -> None:
        super().__init__()
        self.ask_prompts = ask_prompts
        self._file = ""
        self.suite = QRadioButton("The suite that ships")
        self.own = QRadioButton(OWN)
        self.own.setToolTip("A .toml, .jsonl or .txt file of prompts")
        self.suite.setToolTip("Texts written for Draftscope")
        give_key(self.suite, "b")
        give_key(self.own, "w")
        self.suite.setChecked(True)
        self.kinds = Checks("Kind of prompt", columns=3)
        self.number = spin(0, 100_000, "Prompts in all, in turn from each kind", "All")
        self.number.setFixedSize(96, FIELD_HEIGHT)
        self.note = muted()
        self.problem = Problem()
        self._lay_out()
        self._offer()
        self.kinds.check_all()
        self.suite.clicked.connect(lambda: self._take(""))
        self.own.clicked.connect(self.browse)
        self.kinds.changed.connect(self._on_change)
        self.number.valueChanged.connect(self._on_change)
        self._tell()

    def _lay_out(self) -> None:
        source = QHBoxLayout()
        source.setSpacing(24)
        source.addWidget(self.suite)
        source.addWidget(self.own)
        source.addStretch(1)
        number = QHBoxLayout()
        number.setSpacing(ROW_GAP)
        number.addWidget(named("Nu&mber", self.number, "Number of prompts"))
        number.addWidget(self.number)
        number.addWidget(self.note, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(caption("Prompts"))
        layout.addLayout(source)
        layout.addWidget(self.kinds)
        layout.addLayout(number)
        layout.addWidget(self.problem)

    @property
    def value(self) -> PromptChoice:
        kinds = () if self.kinds.all else self.kinds.value
        return PromptChoice(self._file, kinds, self.number.value())

    @value.setter
    def value(self, value: PromptChoice) -> None:
        self._file = value.file
        self._offer()
        if value.kinds:
            self.kinds.value = value.kinds
        else:
            self.kinds.check_all()
        self.number.blockSignals(True)
        self.number.setValue(value.number)
        self.number.blockSignals(False)
        self._tell()

    @property
    def unreadable(self) -> str:
        return NO_KIND if self.kinds.boxes and not self.kinds.value else ""

    def browse(self) -> None:
        """Ask for a file; without one, all stays as it was."""
        path = self.ask_prompts()
        if path:
            self._take(path)
        else:
            self._tell()

    def show_problem(self, text: str) -> None:
        self.problem.show_problem(self.unreadable or text)

    def _take(self, file: str) -> None:
        if file != self._file:
            self._file = file
            self._offer()
            self.kinds.check_all()
        self._on_change()

    def _offer(self) -> None:
        """The kinds that the prompts have."""
        kinds = Counter(prompt.kind for prompt in self._known())
        if not any(kinds):
            kinds.clear()
        self.kinds.replace(
            (
                kind,
                KINDS.get(kind, kind),
                ". ".join(filter(None, (_TIPS.get(kind), f"{n} prompts"))),
            )
            for kind, n in kinds.items()
        )
        self.kinds.setVisible(bool(kinds))

    def _known(self) -> tuple[Prompt, ...]:
        try:
            return known_prompts(self._file)
        except PromptError:
            return ()

    def _on_change(self) -> None:
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        (self.own if self._file else self.suite).setChecked(True)
        name = Path(self._file).name if self._file else ""
        short = name if len(name) <= NAME_MAX else f"{name[:14]}…{name[-14:]}"
        self.own.setText(short.replace("&", "&&") or OWN)
        self.own.setAccessibleName(f"A file of my own: {name}" if name else "A file of my own")
        try:
            chosen, known = len(chosen_prompts(self.value)), len(self._known())
            words = f"all {known:,}" if chosen == known else f"{chosen:,} of {known:,}"
            self.note.setText("" if self.unreadable else f"{words} prompts")
        except PromptError:
            self.note.setText("")
