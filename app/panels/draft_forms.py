"""The two ways to a draft: distilling a small model, and a smaller quantisation of the target."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.draft_words import forecast_words
from app.panels.choice import Choice
from app.panels.fields import Problem, muted, named, row, spin
from engine.backends.quantising import Forecast
from engine.distil.plan import Plan

_TOKENS_STEP, _KNOWN_STEP = 50_000, 1024


class DistilForm(QWidget):
    """`plan`: what is asked for, without target and machine."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        first = Plan()
        self.layers = spin(1, 256, "Fewer are faster, more agree more often")
        self.hidden = spin(
            0,
            65_536,
            "As wide as the target, a draft begins with the target's own layers and embeddings and "
            "learns several times faster; a narrow one costs less to run",
            "as the target",
        )
        self.hidden.setSingleStep(64)
        self.known = spin(
            0,
            10_000_000,
            "The most frequent tokens only: q is 0 for the others, verification stays exact, and "
            "the head, most of a small draft's cost, shrinks",
            "all",
        )
        self.known.setSingleStep(_KNOWN_STEP)
        self.tokens = spin(10_000, 1_000_000_000, "Tokens of text that the target writes")
        self.tokens.setSingleStep(_TOKENS_STEP)
        for box in (self.known, self.tokens):
            box.setSuffix(" tokens")
        self.passes = spin(1, 1000, "How often the draft goes through the text")
        for box in (self.known, self.tokens):
            box.setGroupSeparatorShown(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for label, box in (
            ("&Layers", self.layers),
            ("&Width", self.hidden),
            ("&Vocabulary", self.known),
            ("Te&xt", self.tokens),
            ("&Passes", self.passes),
        ):
            layout.addLayout(row(named(label, box), box))
            box.valueChanged.connect(self.changed)
        self.plan = first

    @property
    def plan(self) -> Plan:
        return Plan(
            layers=self.layers.value(),
            hidden=self.hidden.value(),
            vocabulary=self.known.value(),
            tokens=self.tokens.value(),
            passes=float(self.passes.value()),
        )

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self.layers.setValue(plan.layers)
        self.hidden.setValue(plan.hidden)
        self.known.setValue(plan.vocabulary)
        self.tokens.setValue(plan.tokens)
        self.passes.setValue(max(1, round(plan.passes)))


class QuantiseForm(QWidget):
    """`quantisation`: the chosen one, "" where there is none that is smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.choice = Choice()
        self.choice.setToolTip("By size; a smaller one agrees less often")
        self.says = muted("", wrap=True)
        self.problem = Problem()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(row(named("&Format", self.choice), self.choice))
        layout.addWidget(self.says)
        layout.addWidget(self.problem)
        self.forecasts: list[Forecast] = []
        self.choice.currentIndexChanged.connect(self._tell)

    @property
    def quantisation(self) -> str:
        return self.choice.name if self.forecasts else ""

    def show_forecasts(self, forecasts: Sequence[Forecast], problem: str) -> None:
        """What can be chosen; problem: why nothing can."""
        before = self.quantisation
        self.forecasts = list(forecasts)
        self.choice.blockSignals(True)
        self.choice.clear()
        for each in self.forecasts:
            size, cost = forecast_words(each)
            self.choice.add(each.quantisation, f"{each.quantisation} · {size}",
                            each.quantisation, cost)  # fmt: skip
            self.choice.remark(each.quantisation, f"{each.quantisation} · {size}",
                               f"{size}, {cost}")  # fmt: skip
        self.choice.name = before or "Q4_0"
        self.choice.blockSignals(False)
        self.choice.setEnabled(bool(self.forecasts))
        self.problem.show_problem(problem)
        self._tell()

    def _tell(self) -> None:
        chosen = next((f for f in self.forecasts if f.quantisation == self.quantisation), None)
        if chosen is None:
            self.says.setText("")
            return
        _, cost = forecast_words(chosen)
        self.says.setText(
            f"Forecast: {cost}, by the bytes that a pass reads. It agrees with the target nearly "
            "always, but pays only where one pass over many tokens costs little more than one over "
            "a single token."
        )


def complete(plan: Plan, target: str, threads: int, device: str, precision: str) -> Plan:
    """A form's plan for a target on this machine."""
    return msgspec.structs.replace(
        plan, target=target, threads=threads, device=device, precision=precision
    )


def longer(plan: Plan) -> Plan:
    """The same draft, trained for half as long again."""
    if plan.minutes:
        return msgspec.structs.replace(plan, minutes=1.5 * plan.minutes)
    return msgspec.structs.replace(plan, passes=1.5 * plan.passes)
