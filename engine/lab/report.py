"""From what a check measured to its result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from engine.divergence import Divergence
from engine.lab import verdict
from engine.lab.exact import Law, RoundLaw
from engine.lab.result import Cell, CheckJob, CheckResult
from engine.lab.sampled import Tokens
from engine.lab.statistics import FALSE_ALARM, Comparison
from engine.preparation import Prepared
from engine.text import label

_CELLS = 40


@dataclass(slots=True)
class Findings:
    """exact: None where nothing was enumerated, too_many: because there are too many proposals.
    greedy: two texts were decoded, `compared` tokens of them compared."""

    exact: RoundLaw | None = None
    too_many: bool = False
    samples: Comparison | None = None
    plain: Counter[Tokens] | None = None
    speculative: Counter[Tokens] | None = None
    greedy: bool = False
    divergence: Divergence | None = None
    compared: int = 0


def result_of(job: CheckJob, ready: Prepared, found: Findings) -> CheckResult:
    config, rule = ready.config, ready.rule
    exact, samples, parted = found.exact, found.samples, found.divergence
    lossless = (
        (exact is None or exact.tv < verdict.EXACT)
        and (samples is None or samples.p_value >= FALSE_ALARM)
        and (parted is None or parted.tie)
    )
    declared = rule.lossless_in(config)
    sentences: list[str] = []
    details: list[str] = []
    if exact is not None:
        sentences.append(verdict.of_exact(exact.tv))
    if samples is not None:
        sentences.append(verdict.of_samples(samples, job.samples))
        details.append(verdict.of_noise(samples))
    if found.greedy:
        ids = () if parted is None else (parted.plain_id, parted.other_id)
        words = [label(ready.target.vocabulary.piece(i, special=True)) for i in ids] or ["", ""]
        sentences.append(verdict.of_greedy(parted, found.compared, (words[0], words[1])))
        if parted is not None:
            details.append(verdict.of_kernels(parted, config.gamma + 1))
    details.append(verdict.of_claim(config.rule, lossless, declared))
    if found.too_many:
        details.append("The proposal has too many outcomes for its exact law to be enumerated.")
    # What speaks against losslessness comes first, then what is most certain.
    sentences.sort(key=lambda sentence: not sentence.startswith(verdict.AGAINST))
    return CheckResult(
        rule=config.rule,
        drafter=config.drafter,
        samples=job.samples if samples is not None else 0,
        exact_tv=None if exact is None else exact.tv,
        chi2=None if samples is None else samples.chi2,
        p_value=None if samples is None else samples.p_value,
        lossless=lossless,
        declared=declared,
        sentence=sentences[0],
        detail=" ".join([*sentences[1:], *filter(None, details)]),
        gamma=config.gamma,
        temperature=config.temperature,
        branches=config.branches,
        length_policy=config.length_policy,
        tokens=found.compared if found.greedy else job.tokens,
        seed=config.seed,
        target=ready.target.info.name,
        draft=None if ready.draft is None else ready.draft.info.name,
        degrees_of_freedom=None if samples is None else samples.degrees_of_freedom,
        tv=None if samples is None else samples.tv,
        tv_noise=None if samples is None else samples.tv_noise,
        detectable=None if samples is None else samples.detectable,
        expected_accepted=None if exact is None else exact.accepted,
        expected_tokens=None if exact is None else exact.tokens,
        divergence=parted,
        outcomes=len((found.plain or Counter()) | (found.speculative or Counter())),
        cells=_cells(job, ready, found),
    )


def _cells(job: CheckJob, ready: Prepared, found: Findings) -> tuple[Cell, ...]:
    """The most frequent outcomes of the samples."""
    plain, speculative, exact = found.plain, found.speculative, found.exact
    if plain is None or speculative is None:
        return ()
    target = None if exact is None else _first(exact.target, job.tokens)
    emitted = None if exact is None else _first(exact.emitted, job.tokens)
    vocabulary = ready.target.vocabulary
    return tuple(
        Cell(
            ids,
            b"".join(vocabulary.piece(i, special=True) for i in ids).decode("utf-8", "replace"),
            plain[ids],
            speculative[ids],
            None if target is None else target.get(ids, 0.0),
            None if emitted is None else emitted.get(ids, 0.0),
        )
        for ids, _ in (plain + speculative).most_common(_CELLS)
    )


def _first(law: Law, tokens: int) -> Law:
    """The law of the first tokens alone."""
    summed: Law = {}
    for ids, chance in law.items():
        summed[ids[:tokens]] = summed.get(ids[:tokens], 0.0) + chance
    return summed
