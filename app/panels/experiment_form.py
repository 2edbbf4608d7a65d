"""The form for a new experiment: every field of a spec, and what it would come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.experiment_count import count, problems
from app.panels.experiment_checks import Checks
from app.panels.experiment_models import ModelsField, is_file
from app.panels.experiment_numbers import FIELD_HEIGHT, NumbersEdit
from app.panels.experiment_prompts import PromptsField
from app.panels.experiment_summary import Summary
from app.panels.fields import ROW_GAP, Problem, caption, give_key, named, spin
from app.words import DRAFTER_NAMES, RULE_NAMES, short_name
from engine.config import SEED_MAX
from engine.drafting.length import LENGTH_POLICIES
from engine.drafting.registry import DRAFTERS
from engine.experiments.spec import REPEATS_MAX, Spec
from engine.rules import RULES

COLUMN_GAP, SECTION_GAP, COLUMN_LEAST = 32, 16, 400
_LABEL = 112
_TOP = Qt.AlignmentFlag.AlignTop


class ExperimentForm(QWidget):
    """`spec`: what is asked for. `problem`: why it cannot be run, "" if it can. `changed`: a person
    changed something; `told`: the summary and the problems follow, once per round of events.

    recent(): model files used before. ask_models(title), ask_prompts(): open file dialogs.
    seconds_per_run: for the estimate, None: there is none. own_summary: it stands in the form.
    """

    changed = Signal()
    told = Signal()

    def __init__(
        self,
        recent: Callable[[], Sequence[str]],
        ask_models: Callable[[str], Sequence[str]],
        ask_prompts: Callable[[], str],
        *,
        own_summary: bool = True,
    ) -> None:
        super().__init__()
        self._base = Spec()
        self._problems: dict[str, str] = {}
        self._seconds: float | None = None
        self.title = QLineEdit()
        self.title.setPlaceholderText("What is to be found out")
        self.title.setFixedHeight(FIELD_HEIGHT)
        self._recent = recent
        self.targets = ModelsField("Targets", "target", self._known, ask_models)
        none = ("No draft", "Drafters that copy need none")
        self.drafts = ModelsField("Drafts", "draft", self._known, ask_models, none)
        self.drafters, self.rules, self.policies = _methods()
        self.gammas = NumbersEdit(int, "2, 4, 8", "Tokens proposed in a round: γ, with commas")
        self.temperatures = NumbersEdit(float, "0, 0.8", "0 takes the most probable token")
        self.top_k = spin(0, 1_000_000, "Draw from the k most probable tokens", "Off")
        self.top_p = _fraction("Draw from the most probable p; 1 is off")
        self.tokens = spin(1, 1_000_000, "Tokens to decode at most")
        self.repeats = spin(1, REPEATS_MAX, "How often each cell is run; 3 is usual")
        self.seed = spin(0, SEED_MAX, "Repeats draw with this seed and those after it")
        self.threads = spin(
            0, 512, "Threads of the engine; leave a core to the window", "All cores"
        )
        self.prompts = PromptsField(ask_prompts)
        self.record = QCheckBox("Keep every run's events (for replay)")
        self.record.setToolTip("Without them the figures stay, but no run can be looked into")
        give_key(self.record, "y")
        self.summary = Summary()
        self._notes = {key: Problem() for key in ("drafter", "rule", "length_policy", "grid")}
        self._lay_out(own_summary)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self.tell)
        self._connect()
        self.spec = Spec()

    def _lay_out(self, own_summary: bool) -> None:
        left, right = QVBoxLayout(), QVBoxLayout()
        title = QHBoxLayout()
        title.setSpacing(ROW_GAP)
        title.addWidget(named("T&itle", self.title, "Title of the experiment"))
        title.addWidget(self.title, 1)
        for field, letter in ((self.targets, "g"), (self.drafts, "f")):
            give_key(field.list, letter)
        for part in (title, self.targets, self.drafts, self.prompts):
            _add(left, part)
        for part in (self._lists(), self._values(), self._numbers(), self.record):
            _add(right, part)
        for side in (left, right):
            side.setSpacing(SECTION_GAP)
            side.addStretch(1)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(COLUMN_GAP)
        self._columns.addLayout(left, 1)
        self._columns.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SECTION_GAP)
        layout.addLayout(self._columns, 1)
        if own_summary:
            layout.addWidget(self.summary)

    def _lists(self) -> QVBoxLayout:
        columns = QHBoxLayout()
        columns.setSpacing(16)
        fields = (
            ("Drafters", self.drafters, "a", "drafter"),
            ("Rules", self.rules, "u", "rule"),
            ("Length policies", self.policies, "l", "length_policy"),
        )
        whole = QVBoxLayout()
        whole.setSpacing(4)
        whole.addLayout(columns)
        for text, checks, letter, key in fields:
            heading = caption(text)
            heading.setBuddy(checks)
            checks.give_key(letter, heading)
            column = QVBoxLayout()
            column.setSpacing(ROW_GAP)
            column.addWidget(heading)
            column.addWidget(checks)
            column.addStretch(1)
            columns.addLayout(column, 1)
            whole.addWidget(self._notes[key])
        return whole

    def _values(self) -> QGridLayout:
        grid = _grid()
        grid.addWidget(caption("Values to compare"), 0, 0, 1, 2)
        for line, (text, name, field) in enumerate(
            (("D&raft lengths γ", "Draft lengths, γ", self.gammas),
             ("T&emperatures", "Temperatures", self.temperatures)), 1
        ):  # fmt: skip
            label = named(text, field.edit, name)
            label.setFixedHeight(FIELD_HEIGHT)
            grid.addWidget(label, line, 0, _TOP)
            grid.addWidget(field, line, 1)
        grid.addWidget(self._notes["grid"], 3, 0, 1, 2)
        grid.setColumnMinimumWidth(0, _LABEL)
        grid.setColumnStretch(1, 1)
        return grid

    def _numbers(self) -> QGridLayout:
        grid = _grid()
        grid.addWidget(caption("The same for all"), 0, 0, 1, 5)
        rows: tuple[tuple[tuple[str, QWidget], ...], ...] = (
            (("Top-&k", self.top_k), ("Top-&p", self.top_p)),
            (("Max toke&ns", self.tokens), ("Repea&ts", self.repeats)),
            (("See&d", self.seed), ("T&hreads", self.threads)),
        )
        for line, pair in enumerate(rows, 1):
            for column, (text, field) in enumerate(pair):
                field.setFixedHeight(FIELD_HEIGHT)
                field.setMinimumWidth(88)
                grid.addWidget(named(text, field), line, 3 * column)
                grid.addWidget(field, line, 3 * column + 1)
        grid.setColumnMinimumWidth(0, _LABEL)
        grid.setColumnMinimumWidth(2, ROW_GAP)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(4, 1)
        return grid

    def _connect(self) -> None:
        self.title.textEdited.connect(self._on_change)
        for field in (self.targets, self.drafts, self.drafters, self.rules, self.policies,
                      self.gammas, self.temperatures, self.prompts):  # fmt: skip
            field.changed.connect(self._on_change)
        for box in (*self._spins(), self.top_p):
            box.valueChanged.connect(self._on_change)
        self.record.clicked.connect(self._on_change)

    def _spins(self) -> tuple[QSpinBox, ...]:
        return self.top_k, self.tokens, self.repeats, self.seed, self.threads

    @property
    def spec(self) -> Spec:
        """With the last numbers that could be read where the text of a field is no list of them:
        `problem` says so then."""
        return msgspec.structs.replace(
            self._base,
            title=self.title.text().strip(),
            target=self.targets.value,
            draft=self.drafts.value,
            drafter=self.drafters.value,
            gamma=tuple(int(value) for value in self.gammas.value),
            temperature=tuple(float(value) for value in self.temperatures.value),
            rule=self.rules.value,
            length_policy=self.policies.value,
            prompts=self.prompts.value,
            top_k=self.top_k.value(),
            top_p=self.top_p.value(),
            max_tokens=self.tokens.value(),
            repeats=self.repeats.value(),
            seed=self.seed.value(),
            threads=self.threads.value(),
            record=self.record.isChecked(),
        )

    @spec.setter
    def spec(self, spec: Spec) -> None:
        """What the form does not show (GPU layers, context) is kept as it is."""
        self._base = spec
        self.blockSignals(True)
        try:
            self.title.setText(spec.title)
            self.targets.value, self.drafts.value = spec.target, spec.draft
            self.drafters.value, self.rules.value = spec.drafter, spec.rule
            self.policies.value = spec.length_policy
            self.gammas.value, self.temperatures.value = spec.gamma, spec.temperature
            self.prompts.value = spec.prompts
            values = (spec.top_k, spec.max_tokens, spec.repeats, spec.seed, spec.threads)
            for box, value in zip(self._spins(), values, strict=True):
                box.setValue(value)
            self.top_p.setValue(spec.top_p)
            self.record.setChecked(spec.record)
        finally:
            self.blockSignals(False)
        self.tell()

    @property
    def seconds_per_run(self) -> float | None:
        return self._seconds

    @seconds_per_run.setter
    def seconds_per_run(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.tell()

    @property
    def problem(self) -> str:
        """As of this moment, whatever the screen says so far."""
        if self._timer.isActive():
            self.tell()
        return next(iter(self._problems.values()), "")

    def _known(self) -> list[str]:
        """Model files to offer: a target may serve as a draft, and the other way round."""
        here = (*self.targets.value, *self.drafts.value)
        return list(dict.fromkeys((*filter(is_file, here), *self._recent())))

    def tell(self) -> None:
        """Say beside each field what is wrong with it, and what all comes to."""
        self._timer.stop()
        spec = self.spec
        found = problems(spec)
        for key, field in (("gamma", self.gammas), ("temperature", self.temperatures),
                           ("prompts", self.prompts)):  # fmt: skip
            if field.unreadable:
                found[key] = field.unreadable
        counted = None if found else count(spec)
        if counted is not None and not counted.runs:
            found["cells"] = f"Every cell is refused. {counted.refused[0][0]}"
        self._problems = found
        for key, field in (("target", self.targets), ("draft", self.drafts),
                           ("gamma", self.gammas), ("temperature", self.temperatures),
                           ("prompts", self.prompts)):  # fmt: skip
            field.show_problem(found.get(key, ""))
        for key, note in self._notes.items():
            note.show_problem(found.get(key, ""))
        if found:
            self.summary.show_problem(self.problem)
        elif counted is not None:
            self.summary.show_count(spec, counted, self._seconds)
        self.told.emit()

    def _on_change(self) -> None:
        self._timer.start()
        self.changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = event.size().width() >= 2 * COLUMN_LEAST + COLUMN_GAP
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._columns.setDirection(across if wide else down)
        self._columns.setSpacing(COLUMN_GAP if wide else SECTION_GAP)


def _methods() -> tuple[Checks, Checks, Checks]:
    """Drafters, rules and length policies, explained in their tooltips."""
    drafters, rules, policies = Checks("Drafter"), Checks("Rule"), Checks("Length policy")
    for kind in DRAFTERS.values():
        tip = f"{kind.title}: {kind.explanation}"
        drafters.add(kind.name, short_name(DRAFTER_NAMES, kind), tip)
    for rule in RULES.values():
        lossy = "" if rule.lossless else " Not lossless."
        text = short_name(RULE_NAMES, rule) + ("" if rule.lossless else ", lossy")
        rules.add(rule.name, text, f"{rule.title}: {rule.explanation}{lossy}")
    for policy in LENGTH_POLICIES.values():
        policies.add(policy.name, policy.title, f"{policy.title}: {policy.explanation}")
    return drafters, rules, policies


class _Fraction(QDoubleSpinBox):
    """From just above 0 to 1, without the zeros at the end."""

    def textFromValue(self, value: float, /) -> str:
        return self.locale().toString(value, "g", 4)


def _fraction(tip: str) -> QDoubleSpinBox:
    box = _Fraction()
    box.setDecimals(4)
    box.setRange(0.0001, 1.0)
    box.setSingleStep(0.05)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    box.lineEdit().setTextMargins(9, 0, 0, 0)  # the style sheet's padding does not reach the text
    return box


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(ROW_GAP)
    grid.setVerticalSpacing(ROW_GAP)
    return grid


def _add(layout: QVBoxLayout, part: QWidget | QLayout) -> None:
    layout.addLayout(part) if isinstance(part, QLayout) else layout.addWidget(part)
