"""What the round view says: words and figures of one round, without any Qt."""

from __future__ import annotations

from dataclasses import dataclass

from app.views import format as fmt
from app.views.draft_text import Box, Chip, draft_box, is_complete, shows_tree
from engine.synthetic import remark
from engine.trace import Round, Run, TokenState


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
class Tree:
    """The shape of a proposal with siblings; path: the indices of its accepted tokens."""

    parents: tuple[int, ...]
    path: tuple[int, ...]


@dataclass(frozen=True)
class RoundText:
    title: str
    phase: str  # "Draft", "Verify" or "" when the round is over
    boxes: tuple[Box, Box, Box]
    comparison: Comparison
    badge: str = ""  # what is to be known of all figures
    tree: Tree | None = None  # None: a chain


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
    boxes = (draft_box(run, current), _verify(run, current), _result(run, current))
    phase = ""
    if current.verified is None:
        phase = "Verify" if is_complete(run, current) else "Draft"
    title = f"Round {current.index + 1:,}"
    comparison = _compare(run, current, baseline, "simulated" if simulated else "measured")
    tree = Tree(current.parents, current.path) if shows_tree(run, current) else None
    badge = "simulated" if simulated else remark(run.started.models)
    return RoundText(title, phase, boxes, comparison, badge, tree)


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
        waiting = "awaiting the proposal" if gamma else "decoding…"
        if gamma and is_complete(run, current):
            waiting = "verifying…"
        return Box(titles, "one forward pass", chips, main=(waiting,))
    note = ""
    if n == 0:
        note = "no proposal to verify" if gamma else "one token at a time"
        detail = "yields 1 token"
    else:
        detail = f"verifies all {n}" if n > 1 else "verifies 1 token"
    took = fmt.duration(verdict.target_ns)
    main = (f"1 pass in {took}", took)
    if current.is_tree:
        main = (f"1 pass over {n + 1} tokens in {took}", *main)
    return Box(titles, "one forward pass", chips, note, main, (detail,))


def _result(run: Run, current: Round) -> Box:
    titles, verdict = ("3. Result",), current.verified
    subtitle = "lossless" if run.started.lossless else "not lossless"
    if verdict is None:
        return Box(titles, subtitle, note="…")
    accepted = [current.drafted[i] for i in current.path]
    chips = [
        Chip(d.piece or run.label(d.id), TokenState.ACCEPTED, d.index, False) for d in accepted
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
    return Box(titles, subtitle, chips, main=main, detail=(detail,))


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
