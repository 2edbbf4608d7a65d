"""What runs and checks need before their first pass: models, a table, the prompt's tokens."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import msgspec

from engine import corpus
from engine.backends.base import HasLayers, LanguageModel
from engine.backends.trimmed import fitted
from engine.config import Config, ModelSpec
from engine.drafting.base import Drafter
from engine.drafting.ngram_table import NgramTable
from engine.drafting.registry import drafter_kind, make_drafter, no_draft_model
from engine.errors import Cancelled, ConfigError, PromptError
from engine.events import SCHEMA, Calibration, Models, Role, RunStarted, TableInfo
from engine.gate import Gate
from engine.host import host
from engine.methods import check, check_leaves
from engine.rules import RULES, Rule
from engine.text import label
from engine.turns import ComputesTurns

ModelRole = Literal["target", "draft"]
Part = Literal["target", "draft", "table", "costs", "graphs"]
"""What takes its time before a run: models loaded, n-grams counted, passes measured, rounds
captured for a device."""
LAB = "toy-lab-"
"""Source, with the vocabulary's size, of a toy pair whose law can be enumerated."""
_KEPT_TABLES = 2
Loading = Callable[[Part, float], None]
Loaded = Callable[[ModelRole, LanguageModel], None]


class Loader(Protocol):
    """`registry.load`, or a stand-in of the tests."""

    def __call__(
        self, spec: ModelSpec, role: ModelRole, progress: Callable[[float], None] | None = None
    ) -> LanguageModel: ...


class Asked(Protocol):
    """What runs and checks have in common."""

    @property
    def prompt(self) -> str: ...
    @property
    def config(self) -> Config: ...
    @property
    def target(self) -> ModelSpec: ...
    @property
    def draft(self) -> ModelSpec | None: ...
    @property
    def raw(self) -> bool: ...
    @property
    def corpus(self) -> Path | None: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything loaded and encoded. target_load numbers the loads of targets. costs: of a drafter
    that goes by them."""

    prompt: str
    config: Config
    target: LanguageModel
    draft: LanguageModel | None
    table: NgramTable | None
    table_info: TableInfo | None
    prompt_ids: tuple[int, ...]
    rule: Rule
    target_load: int
    costs: Calibration | None = None

    def started(self, role: Role, baseline: str | None = None) -> RunStarted:
        """The first event of a run, measured against the run `baseline`."""
        plain = role == "baseline"
        models = Models(self.target.info)
        if not plain:
            draft = None if self.draft is None else self.draft.info
            models = Models(self.target.info, draft, self.table_info)
        pieces = (self.target.vocabulary.piece(i, special=True) for i in self.prompt_ids)
        return RunStarted(
            seq=0,
            t_ns=self.target.clock(),
            run_id=uuid.uuid4().hex,
            schema=SCHEMA,
            role=role,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            config=self.config.baseline() if plain else self.config,
            prompt=self.prompt,
            prompt_ids=self.prompt_ids,
            prompt_pieces=tuple(label(piece) for piece in pieces),
            lossless=self.rule.lossless_in(self.config),
            host=host(),
            models=models,
            baseline=baseline,
            calibration=None if plain else self.costs,
        )

    def warm(self, tell: Callable[[float], None]) -> None:
        """Have a target that computes whole rounds get ready for the run and its baseline."""
        target = self.target
        if not isinstance(target, ComputesTurns) or not target.computes_turns:
            return
        config = self.config
        room = len(self.prompt_ids) + config.max_tokens
        room = min(room, target.context)
        target.turns(None, self.rule, config.baseline(), room, tell)
        if config.gamma:
            target.turns(self.drafter(), self.rule, config, room, tell)

    def drafter(self) -> Drafter:
        size = self.target.vocabulary.size
        return make_drafter(self.config, self.draft, size, self.table, self.costs)


class _TableKey(NamedTuple):
    path: Path
    changed_ns: int
    size: int
    target_load: int


class Preparation:
    """Loads what a job asks for, and keeps it for the next one.

    Belongs to one thread; `interrupt` may come from any.
    """

    def __init__(self, loader: Loader, gate: Gate) -> None:
        self._loader = loader
        self._gate = gate
        self._models: dict[ModelRole, tuple[ModelSpec, LanguageModel]] = {}
        self._tables: dict[_TableKey, tuple[NgramTable, TableInfo]] = {}
        self._target_loads = 0
        self._fitted: tuple[LanguageModel, LanguageModel, LanguageModel] | None = None

    def interrupt(self) -> None:
        """Make a forward pass give up."""
        for _, model in tuple(self._models.values()):
            model.interrupt(True)

    def close(self) -> None:
        """Free all models."""
        for role in tuple(self._models):
            self._unload(role)
        self._tables.clear()

    def prepare(self, asked: Asked, loading: Loading, loaded: Loaded) -> Prepared:
        """Raises DraftscopeError, with the reason and what would work, and Cancelled."""
        config = asked.config.validated()
        check(config)
        kind = drafter_kind(config.drafter)
        if not asked.prompt.strip():
            raise PromptError("The prompt is empty.", "Write a prompt, or choose a preset.")
        speculative = config.gamma > 0
        uses_draft = kind.needs_model or (kind.may_use_model and asked.draft is not None)
        wants_draft = speculative and uses_draft
        if wants_draft and asked.draft is None:
            raise no_draft_model(kind.name)
        text = asked.corpus or corpus.BUNDLED
        if speculative and kind.needs_table:
            corpus.read(text)  # refused before a model is loaded
        target = self._load("target", asked.target, loading, loaded)
        check_leaves(config, target.max_branches, target.info.name)
        draft = None
        if wants_draft and asked.draft is not None:
            draft = self._load("draft", asked.draft, loading, loaded)
            check_leaves(config, draft.max_branches, draft.info.name)
            draft = self._fit(draft, target)
        if speculative and kind.needs_layers:
            draft = _first_layers(target, config)
        prompt_ids = _encoded(asked, target, draft)
        table, info = None, None
        if speculative and kind.needs_table:
            table, info = self._table(text, target, loading)
        return Prepared(
            asked.prompt,
            config,
            target,
            draft,
            table,
            info,
            prompt_ids,
            RULES[config.rule],
            self._target_loads,
        )

    def _load(
        self, role: ModelRole, spec: ModelSpec, loading: Loading, loaded: Loaded
    ) -> LanguageModel:
        """The model of that specification, loaded unless it is already there."""
        kept = self._models.get(role)
        if kept is not None and _same_but_threads(kept[0], spec):
            model = kept[1]
            model.interrupt(False)
            if kept[0] != spec:
                model.set_threads(spec.threads)
                self._models[role] = (spec, model)
                loaded(role, model)
            return model
        self._unload(role)
        if role == "target":
            self._target_loads += 1  # the file may have changed

        def progress(fraction: float) -> None:
            if self._gate.cancelled:
                raise Cancelled("Loading was cancelled.")
            loading(role, fraction)

        progress(0.0)
        if spec.source.startswith(LAB):
            from engine.backends.toy import lab_pair

            model = lab_pair(int(spec.source.removeprefix(LAB)))[role == "draft"]
        else:
            model = self._loader(spec, role, progress)
        self._models[role] = (spec, model)
        if self._gate.cancelled:
            raise Cancelled("Loading was cancelled.")
        loaded(role, model)
        return model

    def _fit(self, draft: LanguageModel, target: LanguageModel) -> LanguageModel:
        """The draft in the target's vocabulary, which is compared once for each pair."""
        kept = self._fitted
        if kept is None or kept[0] is not draft or kept[1] is not target:
            kept = self._fitted = draft, target, fitted(draft, target)
        return kept[2]

    def _unload(self, role: ModelRole) -> None:
        self._fitted = None
        if role in self._models:
            _, model = self._models.pop(role)
            model.close()

    def _table(
        self, path: Path, target: LanguageModel, loading: Loading
    ) -> tuple[NgramTable, TableInfo]:
        """The table of a text, counted unless neither the file nor the target has changed."""
        about = path.stat()
        key = _TableKey(path.resolve(), about.st_mtime_ns, about.st_size, self._target_loads)
        if key not in self._tables:
            loading("table", 0.0)
            table, tokens = corpus.table_of(
                path, target, lambda done: loading("table", done), lambda: self._gate.cancelled
            )
            self._tables[key] = table, TableInfo(path.name, tokens, table.order)
            while len(self._tables) > _KEPT_TABLES:
                del self._tables[next(iter(self._tables))]
        return self._tables[key]


def _first_layers(target: LanguageModel, config: Config) -> LanguageModel:
    """The target's own first layers as its draft."""
    if not isinstance(target, HasLayers):
        raise ConfigError(
            f"The layers of {target.info.name} cannot be run one by one ({target.info.backend}).",
            "Choose a Hugging Face model as the target, or another drafter.",
        )
    return target.early_exit(config.exit_layer)


def _encoded(asked: Asked, target: LanguageModel, draft: LanguageModel | None) -> tuple[int, ...]:
    """The prompt's tokens. Raises PromptError if there are none, or too many."""
    ids = tuple(target.encode(asked.prompt, raw=asked.raw))
    if not ids:
        raise PromptError("The prompt has no tokens.", "Write a prompt, or choose a preset.")
    if len(ids) >= target.context:
        raise PromptError(
            f"The prompt has {len(ids):,} tokens; the context holds {target.context:,}.",
            "Shorten the prompt, or load the target with a larger context.",
        )
    if draft is not None and len(ids) >= draft.context:
        raise PromptError(
            f"The prompt has {len(ids):,} tokens; the draft's context holds {draft.context:,}.",
            "Shorten the prompt, or choose the drafter 'ngram', which needs no context.",
        )
    return ids


def _same_but_threads(a: ModelSpec, b: ModelSpec) -> bool:
    return msgspec.structs.replace(a, threads=b.threads) == b
