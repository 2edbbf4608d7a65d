"""How tokens are proposed and judged: γ, the drafter, its length and shape, the rule."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.panels.badge import Badge
from app.panels.branches_field import BranchesField
from app.panels.choice import Choice
from app.panels.explain import BRANCHES, BRANCHES_SOURCE, GAMMA, explanation
from app.panels.fields import ROW_GAP, Explanation, Problem, caption, named, row
from app.panels.parameters import DrafterParameters, length_parameters, rule_parameters
from app.panels.slider import Slider
from app.panels.text_picker import TextPicker
from app.words import DRAFTER_NAMES, RULE_NAMES, short_name
from engine.config import GAMMA_MAX, Config
from engine.drafting.length import LENGTH_POLICIES
from engine.drafting.registry import DRAFTERS
from engine.methods import is_tree
from engine.rules import RULES


class DraftingBox(QWidget):
    """Edits the drafting part of a configuration. Only what applies is shown, and what plays no
    part at γ = 0 is disabled. `check_wanted`: the badge was clicked."""

    changed = Signal()
    check_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._temperature = 0.0
        self._writing = False
        self.gamma = Slider(
            "γ draft len&gth",
            0,
            GAMMA_MAX,
            1,
            name="γ, draft length",
            tip="Tokens proposed in a round; 0 is plain decoding",
        )
        self.drafter, self.length, self.rule = Choice(), Choice(), Choice()
        for kind in DRAFTERS.values():
            tip = f"{kind.title}: {kind.explanation}"
            self.drafter.add(kind.name, short_name(DRAFTER_NAMES, kind), kind.title, tip)
        for policy in LENGTH_POLICIES.values():
            tip = f"{policy.title}: {policy.explanation}"
            self.length.add(policy.name, policy.title, policy.title, tip)
        for rule in RULES.values():
            tip = f"{rule.title}: {rule.explanation}"
            self.rule.add(rule.name, short_name(RULE_NAMES, rule), rule.title, tip)
        self.corpus, self.branches = TextPicker(), BranchesField()
        self.drafter_parameters = DrafterParameters()
        self.length_parameters, self.rule_parameters = length_parameters(), rule_parameters()
        self.lossless = Badge(live=True)
        self.lossless.setToolTip("Check it: compare with plain decoding")
        self.gamma_problem, self.draft_problem, self.corpus_problem = (Problem() for _ in range(3))
        self.length_problem, self.branches_problem, self.rule_problem = (
            Problem() for _ in range(3)
        )
        self._lay_out()

        self.lossless.clicked.connect(self.check_wanted)
        self.gamma.changed.connect(self._on_change)
        for choice in (self.drafter, self.length, self.rule):
            choice.currentIndexChanged.connect(self._on_change)
        parameters = (self.drafter_parameters, self.length_parameters, self.rule_parameters)
        for field in (self.corpus, self.branches, *parameters):
            field.changed.connect(self._on_change)
        self._on_change()

    def _lay_out(self) -> None:
        heading = QHBoxLayout()
        heading.addWidget(caption("Drafting"))
        heading.addStretch(1)
        heading.addWidget(self.lossless)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(heading)
        self.gamma.explain_with(Explanation("draft length", lambda: explanation(*GAMMA)))
        layout.addWidget(self.gamma)
        layout.addWidget(self.gamma_problem)

        def add(label: QWidget, field: QWidget, *more: QWidget) -> QWidget:
            line = QWidget()
            layout.addWidget(line)
            inner = row(label, field, *more)
            inner.setContentsMargins(0, 0, 0, 0)
            line.setLayout(inner)
            return line

        explain = Explanation("drafter", self._drafter_text)
        add(named("Dr&after", self.drafter), self.drafter, explain)
        layout.addWidget(self.drafter_parameters)
        layout.addWidget(self.draft_problem)
        self._corpus_row = add(named("Te&xt", self.corpus, "Text of the n-gram table"), self.corpus)
        layout.addWidget(self.corpus_problem)
        explain = Explanation("length policy", self._length_text)
        add(named("Le&ngth", self.length, "Length policy"), self.length, explain)
        layout.addWidget(self.length_parameters)
        layout.addWidget(self.length_problem)
        explain = Explanation("branches", lambda: explanation(*BRANCHES, source=BRANCHES_SOURCE))
        self._branches_row = add(named("&Branches", self.branches), self.branches, explain)
        layout.addWidget(self.branches.line)
        layout.addWidget(self.branches_problem)
        explain = Explanation("rule", self._rule_text)
        add(named("R&ule", self.rule), self.rule, explain)
        layout.addWidget(self.rule_parameters)
        layout.addWidget(self.rule_problem)

    def read(self) -> dict[str, Any]:
        """The fields of a configuration that are edited here. A drafter without trees has no
        branches, and one that chooses lengths no policy, whatever is kept for the others."""
        kind = DRAFTERS[self.drafter.name]
        return {
            "gamma": round(self.gamma.value),
            "drafter": self.drafter.name,
            "rule": self.rule.name,
            "length_policy": "fixed" if kind.chooses_gamma else self.length.name,
            "branches": self.branches.value if kind.trees else (),
            **self.drafter_parameters.read(),
            **self.length_parameters.read(),
            **self.rule_parameters.read(),
        }

    def write(self, config: Config) -> None:
        self._writing = True
        try:
            self.drafter.name = config.drafter
            self.gamma.set_high(DRAFTERS[self.drafter.name].gamma_max)
            self.gamma.value = config.gamma
            if not DRAFTERS[config.drafter].chooses_gamma:
                self.length.name = config.length_policy
            if DRAFTERS[self.drafter.name].trees:
                self.branches.value = config.branches
            self.rule.name = config.rule
            self.drafter_parameters.write(config)
            self.length_parameters.write(config)
            self.rule_parameters.write(config)
        finally:
            self._writing = False
        self._on_change()

    def show_temperature(self, temperature: float) -> None:
        """What the sampling is set to: at T = 0 some rules judge otherwise."""
        self._temperature = temperature
        self._tell()

    def show_layers(self, layers: int) -> None:
        """How many layers the loaded target has; 0: not known."""
        self.drafter_parameters.show_layers(layers)

    def show_problem(self, field: str, text: str) -> None:
        problems = {
            "gamma": self.gamma_problem,
            "draft": self.draft_problem,
            "corpus": self.corpus_problem,
            "length_policy": self.length_problem,
            "branches": self.branches_problem,
            "rule": self.rule_problem,
        }
        problems[field].show_problem(text)

    def _on_change(self) -> None:
        if self._writing:
            return
        self.gamma.set_high(DRAFTERS[self.drafter.name].gamma_max)
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        """Show what applies, and what is true of it."""
        config = msgspec.structs.replace(Config(), temperature=self._temperature, **self.read())
        kind, rule = DRAFTERS[config.drafter], RULES[config.rule]
        drafts = config.gamma > 0
        depth = "tree depth" if is_tree(config) else "at most" if kind.chooses_gamma else ""
        self.gamma.note.setText(depth if drafts else "plain decoding")
        self._corpus_row.setVisible(kind.needs_table)
        self._branches_row.setVisible(kind.trees)
        self.branches.set_depth(config.gamma if kind.trees else 0)
        self.drafter_parameters.show_for(config.drafter)
        self.length_parameters.show_for(config.length_policy)
        self.rule_parameters.show_for(config.rule)
        fields = (self.drafter, self.drafter_parameters, self.corpus, self.length)
        for field in (*fields, self.length_parameters, self.branches, self.rule_parameters):
            field.setEnabled(drafts)
        self.length.setEnabled(drafts and not kind.chooses_gamma)
        # Plain decoding never judges; a rule that needs T = 0 would stop it all the same.
        self.rule.setEnabled(drafts or (rule.needs_temperature_zero and not config.greedy))
        self.lossless.show_law(not drafts or rule.lossless_in(config))
        self.lossless.setAccessibleName(f"{self.lossless.text()}: check it")
        for method in RULES.values():
            lossy = not method.lossless_in(config)
            remark = "not lossless" if lossy else ""
            if method.needs_temperature_zero and not config.greedy:
                remark = "needs T = 0"
            elif method.needs_q and not kind.has_q and not config.greedy:
                remark = "needs a q"
            short = short_name(RULE_NAMES, method) + (", lossy" if lossy else "")
            self.rule.remark(method.name, short, remark, warns=lossy)
        for policy in LENGTH_POLICIES.values():
            remark = "needs a q" if policy.needs_q and not kind.has_q else ""
            self.length.remark(policy.name, policy.title, remark)
        self.drafter.setToolTip(f"{kind.title}: {kind.explanation}")
        self.length.setToolTip(LENGTH_POLICIES[config.length_policy].explanation)
        self.rule.setToolTip(f"{rule.title}: {rule.explanation}")

    def _drafter_text(self) -> str:
        kind = DRAFTERS[self.drafter.name]
        return explanation(kind.title, kind.explanation, kind.source)

    def _length_text(self) -> str:
        policy = LENGTH_POLICIES[self.length.name]
        return explanation(policy.title, policy.explanation, policy.source)

    def _rule_text(self) -> str:
        rule = RULES[self.rule.name]
        return explanation(rule.title, rule.explanation, rule.source, rule.formula)
