"""A round under other settings, recomputed with the models: the real loop, for one round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.backends.base import LanguageModel
from engine.config import Config, ModelSpec
from engine.drafting.base import Drafter, Proposal
from engine.drafting.length import LengthPolicy
from engine.drafting.registry import drafter_kind
from engine.draws import Draws, depth_at, remaining_at, round_draws
from engine.errors import Cancelled, ConfigError, ModelError, RecordingError
from engine.events import Drafted, LengthChosen, ModelInfo, Models, Verified
from engine.gate import Gate
from engine.loop import decode
from engine.methods import check
from engine.preparation import ModelRole, Prepared
from engine.text import label
from engine.trace import Round, Run
from engine.tree import size_of
from engine.whatif import reasons
from engine.whatif.outcome import Change, Outcome, outcome_of
from engine.whatif.warm import WarmModel


class WhatIfJob(msgspec.Struct, frozen=True):
    """What a what-if asks for: one round after `context_ids` (prompt and output), with `draws`.

    config: with the changes; its max_tokens is what the run could still emit. models: those that
    the run was recorded with, which the loaded ones must be. gamma: see `Outcome`. change: what
    was asked. prompt, raw, corpus: as of `engine.job.Job`.
    """

    prompt: str
    config: Config
    round: int
    context_ids: tuple[int, ...]
    draws: Draws
    models: Models
    gamma: int
    change: Change = Change()
    target: ModelSpec = ModelSpec()
    draft: ModelSpec | None = None
    raw: bool = True
    corpus: Path | None = None
    note: str = ""


class WhatIfResult(msgspec.Struct, frozen=True):
    """What the round would have been under `change`: its events, and the same as an `Outcome`."""

    round: int
    change: Change
    drafted: tuple[Drafted, ...]
    verified: Verified
    length: LengthChosen | None
    outcome: Outcome

    def as_round(self) -> Round:
        return Round(self.round, list(self.drafted), self.verified, self.length)


def what_if_job(
    run: Run,
    number: int,
    change: Change,
    target: ModelSpec,
    draft: ModelSpec | None,
    corpus: Path | None = None,
) -> WhatIfJob:
    """The job that recomputes round `number`, which has its verdict, under `change`.

    Raises ConfigError for settings that no run can have, RecordingError where the recorded draws
    are not those of the run's seed.
    """
    new = change.config(run.started.config).validated()
    check(new)
    draws = round_draws(run, number)
    if draws is None:
        raise RecordingError(
            "The recorded draws are not those of the run's seed.",
            "The recording was edited, or made with another version of numpy.",
        )
    current, note = run.rounds[number], ""
    gamma = depth_at(run, number, new)
    if drafter_kind(new.drafter).chooses_gamma:
        maker = (current.drafted[0].origin if current.drafted else "") or "suffix"
        new = msgspec.structs.replace(new, drafter=maker, length_policy="throughput")
    if new.length_policy == "throughput":
        # It goes by what it learnt in all rounds before.
        gamma, note = min(gamma, len(current.drafted)), reasons.THROUGHPUT
        new = msgspec.structs.replace(new, length_policy="fixed", gamma=gamma)
    size = size_of(new.branches, new.gamma)
    draws = draws.reaching(size, run.started.config.seed, number)
    emitted = run.columns.end_tokens[number - 1] if number else 0
    return WhatIfJob(
        prompt=run.started.prompt,
        config=msgspec.structs.replace(new, max_tokens=remaining_at(run, number)),
        round=number,
        context_ids=(*run.started.prompt_ids, *run.token_ids[:emitted]),
        draws=draws.changed(change.coins, change.added_u),
        models=run.started.models,
        gamma=gamma,
        change=change,
        target=target,
        draft=draft,
        corpus=corpus,
        note=note,
    )


class Reruns:
    """Recomputes rounds one after the other; text that two of them have in common is fed once.

    Belongs to one thread.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._warm: dict[ModelRole, WarmModel] = {}

    def run(self, job: WhatIfJob, ready: Prepared) -> WhatIfResult:
        """Raises DraftscopeError and Cancelled."""
        _check_models(job, ready)
        target = self._wake("target", ready.target)
        draft = None if ready.draft is None else self._wake("draft", ready.draft)
        return _rerun(job, replace(ready, target=target, draft=draft), self._gate)

    def _wake(self, role: ModelRole, model: LanguageModel) -> WarmModel:
        warm = self._warm.get(role)
        if warm is None or warm.model is not model:
            warm = self._warm[role] = WarmModel(model)
        warm.wake()
        return warm


def _rerun(job: WhatIfJob, ready: Prepared, gate: Gate) -> WhatIfResult:
    config, dealer = ready.config, _Dealer(job.draws)
    drafter = _Dealing(ready.drafter(), dealer) if config.gamma else None
    started = msgspec.structs.replace(
        ready.started("speculative"), prompt_ids=job.context_ids, prompt_pieces=()
    )
    drafted: list[Drafted] = []
    length: LengthChosen | None = None
    with closing(decode(ready.target, drafter, ready.rule, config, dealer, started)) as events:
        for event in events:
            if gate.cancelled:
                raise Cancelled("The what-if was cancelled.")
            match event:
                case Drafted():
                    drafted.append(msgspec.structs.replace(event, round=job.round))
                case LengthChosen():
                    length = msgspec.structs.replace(event, round=job.round)
                case Verified():
                    return _result(job, ready, drafted, length, event)
                case _:
                    pass
    raise ModelError("The round did not come to its verdict.")


def _result(
    job: WhatIfJob,
    ready: Prepared,
    drafted: list[Drafted],
    length: LengthChosen | None,
    verdict: Verified,
) -> WhatIfResult:
    verdict = msgspec.structs.replace(verdict, round=job.round)
    current = Round(job.round, drafted, verdict, length)
    vocabulary = ready.target.vocabulary
    outcome = outcome_of(
        current,
        lambda token: label(vocabulary.piece(token, special=True)),
        "models",
        job.gamma,
        job.note,
    )
    return WhatIfResult(job.round, job.change, tuple(drafted), verdict, length, outcome)


class _Dealer:
    """Hands out the draws of a round where the loop asks its generator."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._row = np.empty(0)

    def random(self, size: int, /) -> NDArray[np.float64]:
        places = (size - 1) // 2
        self._row = self._draws.laid_out(places, places)
        return self._row

    def proposed(self, n: int) -> None:
        """The loop reads the added token's draw behind the coins of the n tokens proposed."""
        self._row[:] = self._draws.laid_out((self._row.size - 1) // 2, n)


class _Dealing:
    """A drafter that tells the dealer how many tokens it proposed."""

    def __init__(self, drafter: Drafter, dealer: _Dealer) -> None:
        self.name = drafter.name
        self._drafter = drafter
        self._dealer = dealer

    def begin(self, prompt: Sequence[int]) -> Iterator[int]:
        return self._drafter.begin(prompt)

    def propose(
        self, context: Sequence[int], gamma: int, u: NDArray[np.float64], length: LengthPolicy
    ) -> Proposal:
        proposal = self._drafter.propose(context, gamma, u, length)
        self._dealer.proposed(len(proposal.ids))
        return proposal

    def end(self) -> None:
        self._drafter.end()


def _check_models(job: WhatIfJob, ready: Prepared) -> None:
    """Raise ConfigError unless these are the models that the run was recorded with."""
    wanted, target, draft = job.models, ready.target, ready.draft
    pairs = [("target", wanted.target, target.info)]
    if draft is not None and wanted.draft is not None:
        pairs.append(("draft", wanted.draft, draft.info))
    for role, recorded, loaded in pairs:
        if _identity(recorded) != _identity(loaded):
            raise ConfigError(
                f"The run was recorded with the {role} {_named(recorded)}, and {_named(loaded)} is "
                "chosen.",
                f"Choose the {role} that the run was recorded with.",
            )
    if ready.table_info is not None and wanted.table not in (None, ready.table_info):
        raise ConfigError(
            "The run was recorded with another n-gram table.", "Choose the text that it counted."
        )
    n = len(job.context_ids)
    for role, model in (("target", target), ("draft", draft)):
        if model is not None and n >= model.context:
            raise ConfigError(
                f"The round follows {n:,} tokens; the {role}'s context holds {model.context:,}.",
                f"Load the {role} with a larger context.",
            )


def _identity(info: ModelInfo) -> tuple[str, str, int, int, int]:
    return info.name, info.quantisation, info.parameters, info.size_bytes, info.vocabulary


def _named(info: ModelInfo) -> str:
    return f"{info.name} {info.quantisation}".strip()
