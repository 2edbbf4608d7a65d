"""The settings that a what-if changes: each shows what was recorded beside what it is now."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSlider, QWidget

from app import theme
from app.panels.choice import Choice
from app.panels.fields import muted, named
from app.panels.parameters import rule_parameters
from app.panels.slider import ValueEdit
from app.words import RULE_NAMES, short_name
from engine.config import Config
from engine.drafting.registry import DRAFTERS
from engine.draws import round_draws
from engine.rules import RULES
from engine.trace import Run
from engine.whatif.outcome import Change

LABEL, WAS = 88, 64
EDIT = QSize(72, 30)
GAP = 8
COLUMN_GAP = 24
INLINE, STACKED = 32, 56
TWO_COLUMNS = 440
"""Width from which the controls stand in two columns, each with its slider below."""


class _Field(QWidget):
    """A label, what was recorded if it is another value now, and an editor. Low ones stand in one
    line, high ones in two."""

    changed = Signal()

    def __init__(self, text: str, editor: QWidget, name: str = "") -> None:
        super().__init__()
        self.label = named(text, editor, name)
        self.was = muted()
        self.was.setFont(theme.mono(12))
        self.was.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for child in (self.label, self.was, editor):
            child.setParent(self)


class ChangeSlider(_Field):
    """A number. `value` is None as long as it is the recorded one."""

    def __init__(
        self,
        text: str,
        low: float,
        high: float,
        step: float,
        decimals: int,
        tip: str,
        *,
        name: str = "",
        most: float | None = None,
    ) -> None:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        super().__init__(text, self.slider, name)
        self._low, self._step, self._decimals = low, step, decimals
        self.edit = ValueEdit(low, high if most is None else most, step, decimals)
        self.edit.setParent(self)
        self.edit.setFixedSize(EDIT)
        self.edit.setAccessibleName(f"{self.slider.accessibleName()}, value")
        self.slider.setRange(0, round((high - low) / step))
        self.slider.setPageStep(max(self.slider.maximum() // 10, 1))
        self.slider.setToolTip(tip)
        self.label.setToolTip(tip)
        self.recorded = low
        self.slider.valueChanged.connect(self._slid)
        self.edit.changed.connect(self._typed)

    @property
    def value(self) -> float | None:
        return None if self.edit.value == self.recorded else self.edit.value

    def show_recorded(self, value: float) -> None:
        """Start from what was recorded; nothing is told."""
        blockers = (QSignalBlocker(self.edit), QSignalBlocker(self.slider))
        self.edit.value = value
        self.recorded = self.edit.value
        self._follow()
        del blockers

    def set_high(self, high: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setMaximum(round((high - self._low) / self._step))
        self.edit.set_high(high)

    def resizeEvent(self, event: QResizeEvent) -> None:
        width, stacked = self.width(), self.height() >= STACKED
        edge = width - EDIT.width()
        self.label.setGeometry(0, 0, LABEL, INLINE)
        self.edit.move(edge, 1)
        left = LABEL if stacked else edge - WAS - GAP
        self.was.setGeometry(left, 0, edge - GAP - left, INLINE)
        if stacked:
            self.slider.setGeometry(0, INLINE, width, 24)
        else:
            self.slider.setGeometry(LABEL, 4, left - LABEL - GAP, 24)

    def _slid(self, position: int) -> None:
        self.edit.value = self._low + position * self._step

    def _typed(self) -> None:
        self._follow()
        self.changed.emit()

    def _follow(self) -> None:
        """The slider and the recorded value stand as the number says."""
        with QSignalBlocker(self.slider):
            self.slider.setValue(round((self.edit.value - self._low) / self._step))
        shown = "" if self.value is None else f"{self.recorded:.{self._decimals}f} →"
        self.was.setText(shown)


class RuleField(_Field):
    """The rule. `value` is None as long as it is the recorded one."""

    def __init__(self) -> None:
        self.choice = Choice()
        super().__init__("Rule", self.choice)
        for rule in RULES.values():
            tip = f"{rule.title}: {rule.explanation}"
            self.choice.add(rule.name, short_name(RULE_NAMES, rule), rule.title, tip)
        self._recorded = ""
        self.choice.currentIndexChanged.connect(self._chosen)

    @property
    def value(self) -> str | None:
        return None if self.choice.name == self._recorded else self.choice.name

    def show_recorded(self, name: str) -> None:
        with QSignalBlocker(self.choice):
            self.choice.name = name
        self._recorded = name
        self.was.setText("")

    def resizeEvent(self, event: QResizeEvent) -> None:
        width, stacked = self.width(), self.height() >= STACKED
        self.label.setGeometry(0, 0, LABEL, 24 if stacked else INLINE)
        if stacked:
            self.choice.setGeometry(0, 24, width, INLINE)
            self.was.setGeometry(LABEL, 0, width - LABEL, 24)
        else:
            box = 136
            self.choice.setGeometry(width - box, 0, box, INLINE)
            self.was.setGeometry(LABEL, 0, width - LABEL - box - GAP, INLINE)

    def _chosen(self) -> None:
        was = "" if self.value is None else f"{short_name(RULE_NAMES, RULES[self._recorded])} →"
        self.was.setText(was)
        self.changed.emit()


class Controls(QWidget):
    """All that can be changed of one round. changed: ask `change` what it is now."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.temperature = ChangeSlider(
            "Temperature", 0, 2, 0.05, 2, "0 takes the most probable token", most=5
        )
        self.gamma = ChangeSlider("γ", 0, 16, 1, 0, "Tokens proposed", name="γ, draft length")
        self.top_k = ChangeSlider(
            "Top-k", 0, 100, 1, 0, "Draw from the k most probable tokens; 0 is off", most=9999
        )
        self.u = ChangeSlider("u", 0, 1, 0.005, 4, "The draw that decides over this token",
                              name="u, the draw")  # fmt: skip
        self.rule = RuleField()
        self.parameters = rule_parameters()
        self._fields: tuple[_Field, ...] = (
            self.temperature, self.gamma, self.top_k, self.u, self.rule
        )  # fmt: skip
        self._config = Config()
        self._place: tuple[int, bool] = (0, False)
        self._quiet = False
        for field in self._fields:
            field.setParent(self)
            field.changed.connect(self._told)
        self.parameters.setParent(self)
        self.parameters.show_for("")
        self.parameters.changed.connect(self._told)

    def show_round(self, run: Run, number: int, index: int) -> None:
        """Start from what was recorded of a round. index: the token whose draw can be changed;
        that of the added token stands behind the proposal."""
        self._config = config = run.started.config
        current = run.rounds[number]
        added = index >= len(current.drafted)
        self._place = (index, added)
        self._quiet = True
        self.gamma.set_high(DRAFTERS[config.drafter].gamma_max)
        self.temperature.show_recorded(config.temperature)
        self.gamma.show_recorded(config.gamma)
        self.top_k.show_recorded(config.top_k)
        self.rule.show_recorded(config.rule)
        self.parameters.write(config)
        self.parameters.show_for(config.rule)
        draws = round_draws(run, number)
        verdict, judged = current.verified, current.judged(index)
        u = judged.u if judged is not None else None
        if added:
            u = verdict.added_u if verdict is not None else None
        if u is None and draws is not None:
            u = draws.added if added else draws.judge[index]
        self.u.setEnabled(u is not None)
        self.u.show_recorded(u or 0.0)
        self._quiet = False
        self._told(tell=False)

    def reset(self) -> None:
        """Everything as it was recorded."""
        config = self._config
        self._quiet = True
        for field, value in (
            (self.temperature, config.temperature),
            (self.gamma, config.gamma),
            (self.top_k, config.top_k),
        ):
            field.show_recorded(value)
        self.u.show_recorded(self.u.recorded)
        self.rule.show_recorded(config.rule)
        self.parameters.write(config)
        self._quiet = False
        self._told()

    def change(self) -> Change:
        """What differs from the recorded settings."""
        index, added = self._place
        gamma, top_k, u = self.gamma.value, self.top_k.value, self.u.value
        config, parameters = self._config, self.parameters.read()
        other = {
            key: value
            for key, value in parameters.items()
            if abs(value - getattr(config, key)) > 1e-9
            and self.parameters.sliders[key].isVisibleTo(self.parameters)
        }
        return Change(
            gamma=None if gamma is None else round(gamma),
            temperature=self.temperature.value,
            top_k=None if top_k is None else round(top_k),
            rule=self.rule.value,
            lenience=other.get("lenience"),
            epsilon=other.get("epsilon"),
            delta=other.get("delta"),
            u=() if u is None or added else ((index, u),),
            added_u=u if added else None,
        )

    def places(self, width: int) -> tuple[list[QRect], int]:
        """Where the fields and the rule's parameters stand at a width, and the height of all."""
        two = width >= TWO_COLUMNS
        column = (width - COLUMN_GAP) // 2 if two else width
        tall = STACKED if two else INLINE
        found: list[QRect] = []
        cells = [tall] * len(self._fields) + [self._parameter_height()]
        if not cells[-1]:
            cells.pop()
        y = 0
        for start in range(0, len(cells), 2 if two else 1):
            row = cells[start : start + (2 if two else 1)]
            for i, height in enumerate(row):
                found.append(QRect(i * (column + COLUMN_GAP), y, column, height))
            y += max(row) + GAP
        return found, y - GAP

    def heightForWidth(self, width: int) -> int:
        return self.places(width)[1]

    def sizeHint(self) -> QSize:
        return QSize(TWO_COLUMNS, self.heightForWidth(TWO_COLUMNS))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.place_children()

    def place_children(self) -> None:
        places, _ = self.places(self.width())
        for child, place in zip((*self._fields, self.parameters), places, strict=False):
            child.setGeometry(place)

    def _parameter_height(self) -> int:
        parameters = self.parameters
        shown = [s for s in parameters.sliders.values() if s.isVisibleTo(parameters)]
        return self.parameters.sizeHint().height() if shown else 0

    def _told(self, *, tell: bool = True) -> None:
        if self._quiet:
            return
        self.parameters.show_for(self.rule.choice.name)
        self.place_children()
        self.updateGeometry()
        if tell:
            self.changed.emit()
