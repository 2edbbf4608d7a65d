"""What the round view says: words and figures of one round, without any Qt."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.views import format as fmt
from engine.trace import Round, Run, TokenState

COPYING = {"ngram": "n-gram", "suffix": "suffix", "ngram-table": "n-gram table"}
NAMED = COPYING | {"chain": "chain", "early-exit": "early exit"}
_SUBTITLES = {
    "ngram": "copied from the text",
    "suffix": "copied from the text",
    "ngram-table": "looked up, no model",
    "early-exit": "the target's first layers",
}


@dataclass(frozen=True)
class Chip:
    """One chip in a box. index: place in the round, as in `Cell`."""

    text: str
    state: TokenState
    index: int
    glyph: bool


@dataclass(frozen=True)
class Box:
    """Words of one box. titles and main: from the longest form to the shortest; the first that
    fits is shown, and the first two boxes name their models in the same form.

    note: said in place of chips.
    """

    titles: tuple[str, ...]
    subtitle: str = ""
    chips: list[Chip] = field(default_factory=list[Chip])
    note: str = ""
    main: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Comparison:
    """The card below the boxes. standard and speculative: from the longest to the shortest form.

    ratio is None where it cannot be measured; kind says measured or simulated.
    """

    standard: tuple[str, ...]
    speculative: tuple[str, ...]
    ratio: float | None = None
    kind: str = ""


@dataclass(frozen=True)
class RoundText:
    title: str
    phase: str  # "Draft", "Verify" or "" when the round is over
    boxes: tuple[Box, Box, Box]
    comparison: Comparison
    simulated: bool = False


EMPTY = RoundText(
    "Speculative decoding",
    "",
    (
        Box(
            ("1. Draft",),
            "fast, approximate",
            note="A small model guesses the next γ tokens, one after the other. "
            "Guesses are cheap and often right.",
        ),
        Box(
            ("2. Target verifies",),
            "one forward pass",
            note="The large model judges all guesses in a single pass. "
            "What that pass costs is measured.",
        ),
        Box(
            ("3. Result",),
            "the target's own output",
            note="Guesses that pass are kept. The first that fails is replaced "
            "by a token from the target.",
        ),
    ),
    Comparison(
        ("one target call for each token", "a call for each token"),
        ("one target call for several tokens", "a call for several"),
    ),
)


def describe(run: Run, current: Round, baseline: Run | None) -> RoundText:
    """Everything that the view writes about a round of `run`."""
    simulated = run.started.models.target.simulated
    boxes = (_draft(run, current), _verify(run, current), _result(run, current))
    phase = ""
    if current.verified is None:
        phase = "Verify" if len(current.drafted) >= run.started.config.gamma else "Draft"
    title = f"Round {current.index + 1:,}"
    comparison = _compare(run, current, baseline, "simulated" if simulated else "measured")
    return RoundText(title, phase, boxes, comparison, simulated)


def _draft(run: Run, current: Round) -> Box:
    config, models = run.started.config, run.started.models
    n = len(current.drafted)
    if config.gamma == 0:
        return Box(
            ("1. Draft",), "switched off", main=("plain decoding",), detail="γ = 0",
            note="The target decodes alone, one token with each pass.",
        )  # fmt: skip
    name = NAMED.get(config.drafter)
    if name is None and models.draft is not None:
        names = (models.draft.name, fmt.short_name(models.draft))
    else:
        names = (name or config.drafter,)
    titles = (*(f"1. Draft · {name}" for name in names), "1. Draft")
    if len(names) == 1:
        titles = (titles[0], *titles)
    subtitle = _SUBTITLES.get(config.drafter, "fast, approximate")
    if n == 0:
        if current.verified is None:
            return Box(titles, subtitle, note="…")
        before = run.columns.end_tokens[current.index - 1] if current.index else 0
        if before == config.max_tokens - 1:
            why = "the last token needs no draft"
        else:
            copying = config.drafter in COPYING
            why = "no match in the text" if copying else "the draft's context is full"
        return Box(titles, subtitle, note="no proposal", main=("0 tokens",), detail=why)
    chips = [
        Chip(d.piece or run.label(d.id), TokenState.PENDING, d.index, False)
        for d in current.drafted
    ]
    ns = current.draft_ns
    each = f"{fmt.duration(ns / n)} each" if n > 1 else ""
    took = fmt.duration(ns)
    main = (f"{fmt.count(n, 'token')} in {took}", f"{n} in {took}")
    return Box(titles, subtitle, chips, main=main, detail=each)


def _verify(run: Run, current: Round) -> Box:
    target, gamma = run.started.models.target, run.started.config.gamma
    n, verdict = len(current.drafted), current.verified
    verb = "verifies" if gamma else "decodes"
    short = fmt.short_name(target)
    titles = (
        f"2. Target · {target.name} {verb}", f"2. Target · {short} {verb}", f"2. Target {verb}",
        "2. Target",
    )  # fmt: skip
    chips = [
        Chip(d.piece or run.label(d.id), current.state_of(d.index), d.index, True)
        for d in current.drafted
    ]
    if verdict is None:
        if n >= max(gamma, 1):
            return Box(titles, "one forward pass", chips, main=("verifying…",))
        waiting = "awaiting the proposal" if gamma else "decoding…"
        return Box(titles, "one forward pass", chips, main=(waiting,))
    if n == 0:
        note = "no proposal to verify" if gamma else "one token at a time"
        detail = "yields 1 token"
    else:
        note = ""
        detail = f"verifies all {n}" if n > 1 else "verifies 1 token"
    took = fmt.duration(verdict.target_ns)
    return Box(titles, "one forward pass", chips, note, (f"1 pass in {took}", took), detail)


def _result(run: Run, current: Round) -> Box:
    titles, verdict = ("3. Result",), current.verified
    subtitle = "lossless" if run.started.lossless else "not lossless"
    if verdict is None:
        return Box(titles, subtitle, note="…")
    chips = [
        Chip(d.piece or run.label(d.id), TokenState.ACCEPTED, d.index, False)
        for d in current.drafted[: verdict.n_accepted]
    ]
    n = verdict.n_accepted
    if verdict.added_id is not None:
        state = TokenState.BONUS if verdict.added_kind == "bonus" else TokenState.RESAMPLED
        text = verdict.added_piece or run.label(verdict.added_id)
        chips.append(Chip(text, state, len(current.drafted), True))
    if not current.drafted:
        main = ("1 token from the target", "1 token")
    elif verdict.added_kind == "end":
        main = (f"{n} accepted, then the end", f"{n} and the end")
    else:
        main = (f"{n} accepted + 1 {verdict.added_kind}", f"{n} + 1 {verdict.added_kind}")
    total = current.draft_ns + verdict.target_ns + verdict.host_ns
    detail = f"{fmt.count(current.n_emitted, 'token')} in {fmt.duration(total)}"
    return Box(titles, subtitle, chips, main=main, detail=detail)


def _compare(run: Run, current: Round, baseline: Run | None, kind: str) -> Comparison:
    verdict = current.verified
    if verdict is None:
        return Comparison(("…",), ("…",))
    parts = [current.draft_ns, verdict.target_ns, verdict.host_ns]
    total, n = sum(parts), current.n_emitted
    calls = "1 call"
    speculative = (f"{fmt.sum_of(parts)}, {calls}", f"{fmt.duration(total)}, {calls}")
    if run.is_baseline or run.started.config.gamma == 0:
        one = (f"{fmt.sum_of(parts)}, 1 target call", f"{fmt.duration(total)}, {calls}")
        why = "this run is the baseline" if run.is_baseline else "not in this run: γ = 0"
        return Comparison(one, (why, "none"))
    if baseline is None or not baseline.tally.tokens:
        why = "its run is not part of this recording"
        if run.started.baseline is None:
            why = "it was switched off"
        elif baseline is not None:
            why = "it yielded no token"
        return Comparison((f"no baseline measured: {why}", "no baseline measured"), speculative)
    per_token = baseline.tally.decode_ns / baseline.tally.tokens
    standard_ns = per_token * n
    product, whole = fmt.product_of(n, per_token), fmt.duration(standard_ns)
    standard = (
        f"{product}, {fmt.count(n, 'target call')}",
        f"{product}, {fmt.count(n, 'call')}",
        f"{whole}, {fmt.count(n, 'call')}",
    )
    ratio = standard_ns / total if total else None
    return Comparison(standard, speculative, ratio, kind if ratio is not None else "")
