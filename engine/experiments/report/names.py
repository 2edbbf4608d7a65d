"""What models and settings are called in a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import msgspec

from engine.drafting.registry import drafter_kind
from engine.errors import ConfigError
from engine.experiments.grid import Setting
from engine.experiments.report.markup import Keys
from engine.experiments.results import Results, RunRow


@dataclass(frozen=True, slots=True)
class Names:
    """Names of model sources, as the models themselves give them where they were loaded."""

    targets: dict[str, str]
    drafts: dict[str, str]
    simulated: frozenset[str]

    def target(self, source: str) -> str:
        return self.targets.get(source) or _of_source(source)

    def draft(self, source: str | None) -> str:
        if source is None:
            return "–"
        return self.drafts.get(source) or _of_source(source)

    def kind(self, target: str) -> str:
        """What kind of figure a time of this target is."""
        return "simulated" if target in self.simulated else "measured"

    def setting(self, setting: Setting) -> str:
        """A setting in words, without its target."""
        words = [
            setting.drafter
            if setting.draft is None
            else f"{setting.drafter} with {self.draft(setting.draft)}"
        ]
        words += [f"γ = {gamma_of(setting)}", f"T = {setting.temperature:g}", setting.rule]
        if setting.length_policy != "fixed":
            words.append(setting.length_policy)
        return ", ".join(words)


def names_of(results: Results) -> Names:
    targets: dict[str, str] = {}
    drafts: dict[str, str] = {}
    simulated: set[str] = set()
    for run in all_runs(results):
        source, model = run.setting.target, run.models.target
        targets.setdefault(source, model.name)
        if model.simulated:
            simulated.add(source)
        if run.setting.draft is not None and run.models.draft is not None:
            drafts.setdefault(run.setting.draft, run.models.draft.name)
    for known in (targets, drafts):  # two files of one name stay apart
        for source, name in list(known.items()):
            if list(known.values()).count(name) > 1:
                known[source] = f"{name} ({_of_source(source)})"
    return Names(targets, drafts, frozenset(simulated))


def all_runs(results: Results) -> list[RunRow]:
    return [*results.baselines.values(), *(r for c in results.cells.values() for r in c.runs)]


def gamma_of(setting: Setting) -> str:
    """γ, "auto" where the drafter chooses it."""
    try:
        return "auto" if drafter_kind(setting.drafter).chooses_gamma else str(setting.gamma)
    except ConfigError:
        return str(setting.gamma)


def keys_of(setting: Setting) -> Keys:
    return msgspec.structs.asdict(setting)


def _of_source(source: str) -> str:
    return PurePath(source.replace("\\", "/")).name if source else "embedded model"
