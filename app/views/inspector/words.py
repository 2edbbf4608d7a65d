"""What the inspector says of a token, in words; without any Qt."""

from __future__ import annotations

from app.views.copied_text import source_text, source_words
from app.views.format import count
from app.views.token_figures import place_words, sibling_words
from app.views.token_layout import label_of
from app.views.token_tooltip import meaning_of
from engine.criterion import four
from engine.inspected import Candidate, Inspection, Share
from engine.sampling import SHOWN_FROM
from engine.trace import Run, TokenState

BEFORE = 48
"""Characters of the text before a token."""
MOST = 6
"""Candidates that are drawn; copies hold all."""
UNKNOWN = "–"
BYTES_SHOWN = 12
NAME = 24
"""Characters of a token's name in a sentence."""


def place(run: Run, shown: Inspection) -> str:
    """`round 17 · position 4 of 5`."""
    current = run.rounds[shown.round]
    return f"round {shown.round + 1:,} · {place_words(current, shown.index)}"


def before(shown: Inspection) -> str:
    """The end of the text before the token, on one line."""
    text = shown.before[-BEFORE:]
    if not text:
        return ""
    return ("…" if len(shown.before) > BEFORE else "") + label_of(text)


def meaning(run: Run, shown: Inspection) -> str:
    """What became of the token."""
    state = shown.token.state
    if state is TokenState.REJECTED and shown.added is not None and shown.draw is not None:
        then = {
            "residual": "then resampled from the residual",
            "p": "then drawn from p",
            "argmax": "then replaced by the target's choice",
        }[shown.draw.source]
        return f"rejected, {then}"
    if state is TokenState.REJECTED and shown.next_sibling is not None:
        return "rejected; the next sibling was judged by what it left"
    if state is TokenState.RESAMPLED and shown.at_one:
        return "the target's own choice, after the rejection"
    if state is TokenState.BONUS and shown.at_one:
        return "the target's own choice"
    return meaning_of(run, run.rounds[shown.round], shown.index, state)


def meta(run: Run, shown: Inspection) -> str:
    """Id, the bytes of what cannot be seen, siblings, who drafted it."""
    parts = [f"id {shown.token.id}"]
    if shown.hidden:
        parts.append(f"bytes {hexed(shown.raw)}")
    if shown.sibling[1] > 1:
        parts.append(sibling_words(run.rounds[shown.round], shown.index))
    if shown.origin and shown.index == (shown.judged.index if shown.judged else -1):
        parts.append(f"drafted by {shown.origin}")
    return " · ".join(parts)


def hexed(raw: bytes) -> str:
    """`F0 9F 8E`, cut where it is long."""
    text = raw[:BYTES_SHOWN].hex(" ").upper()
    return text if len(raw) <= BYTES_SHOWN else f"{text} …"


def figure(value: float | None, most: float | None) -> str:
    """A probability, or how large it is at most where it was not recorded."""
    if value is not None:
        return four(value) if value else "0"
    if most is None:
        return UNKNOWN
    return "< 0.0001" if most <= SHOWN_FROM else f"≤ {four(most)}"


def candidates(shown: Inspection, most: int = MOST) -> list[Candidate]:
    """The first candidates; the tokens that this is about are always among them."""
    wanted = {shown.token.id}
    wanted.update(token.id for token in (shown.judged, shown.added) if token is not None)
    first = list(shown.candidates[:most])
    late = [c for c in shown.candidates[most:] if c.id in wanted]
    keep = [c for c in first if c.id in wanted]
    room = max(most - len(late) - len(keep), 0)
    others = [c for c in first if c.id not in wanted][:room]
    chosen = {c.id for c in (*keep, *others, *late)}
    return [c for c in shown.candidates if c.id in chosen]


def belief_notes(run: Run, shown: Inspection, most: int = MOST) -> list[str]:
    """The lines below the two models' candidates."""
    notes: list[str] = []
    judged = shown.judged
    if judged is not None:
        notes.append(_drafted_words(run, shown))
    if shown.at_one:
        notes.append("Rows at T = 1, for display: greedy compares the first choices only.")
    if shown.elders and shown.p is not None:
        left = count(shown.elders, "rejected sibling")
        notes.append(f"Judged by p′, what {left} left of p: {four(shown.p)}.")
    if shown.p_most is None and shown.token.state is not TokenState.PENDING:
        notes.append("p was recorded along the accepted text only.")
    more = len(shown.candidates) - len(candidates(shown, most))
    if more > 0:
        notes.append(f"{count(more, 'more candidate')} recorded.")
    return notes


def named(text: str) -> str:
    """A token in a sentence."""
    name = label_of(text)
    return f"“{name if len(name) <= NAME else name[: NAME - 1] + '…'}”"


def _drafted_words(run: Run, shown: Inspection) -> str:
    assert shown.judged is not None
    name = named(shown.judged.text)
    if shown.source is not None:
        words = [f"{name} was copied {source_words(run, shown.source)}"]
        if shown.match:
            words.append(f"after a match of {count(shown.match, 'token')}")
        return f"{', '.join(words)}: “{source_text(run, shown.source)}”."
    if shown.at_one:
        rank = "one of the draft's first choices" if shown.judged_place > 1 else "its first choice"
        return f"The draft proposed {name}, {rank}."
    if shown.q_kind == "one-hot":
        return f"{name} was the drafter's only proposal: q = 1."
    q = "q without its elder siblings" if shown.judged_place > 1 else "q"
    draw = f" with u = {four(shown.draft_u)}" if shown.draft_u is not None else ""
    return f"Drafted {name} was drawn from {q}{draw}."


def coin_title(shown: Inspection) -> str:
    criterion = shown.criterion
    kind = criterion.kind if criterion is not None else "unjudged"
    return {"threshold": "The threshold", "argmax": "The comparison"}.get(kind, "The coin toss")


def coin_lines(shown: Inspection) -> list[list[str]]:
    """The condition and its numbers: lines of parts that stay whole where a line breaks."""
    criterion = shown.criterion
    if criterion is None or not criterion.condition:
        return []
    lines = [[f"accept if {criterion.condition}", *_equal(criterion.steps)]]
    if criterion.parts:
        lines.append([criterion.parts[0], *_equal(criterion.parts)])
    return lines


def _equal(steps: tuple[str, ...]) -> list[str]:
    return [f"= {step}" for step in steps[1:]]


def coin_note(run: Run, shown: Inspection) -> str:
    """The line below the verdict."""
    criterion = shown.criterion
    if criterion is None:
        return ""
    match criterion.kind:
        case "pending":
            return "The target has not judged this round yet."
        case "unjudged":
            return _unjudged_words(run, shown)
        case "argmax":
            return "No coin: the rule compares the choices."
        case "threshold":
            return "No coin: the token passes where p is large enough, whatever q is."
        case "block":
            if shown.token.state is TokenState.DISCARDED:
                return "Weighed with the block, and behind the last token with u < h."
            return "The longest prefix whose last token has u < h is kept."
        case _:
            pass
    if shown.rule == "sample-match":
        return "The target draws its own token: u < p means that it is the same one."
    if shown.rule == "lenient" and run.started.config.lenience != 1.0:
        return f"l = {run.started.config.lenience:g}: the draft's q counts only so many times."
    if shown.overlap is None or shown.elders:
        return ""
    return f"Overlap of the two, Σ min(p, q) = {four(shown.overlap)}."


def _unjudged_words(run: Run, shown: Inspection) -> str:
    current = run.rounds[shown.round]
    if current.is_tree:
        if shown.p_most is None:
            return "It follows a token that was not accepted."
        return "A sibling before it was accepted."
    verdict = current.verified
    if verdict is not None and verdict.added_kind == "end":
        return "The text ended before it."
    return "The round ended at the rejection before it. It counts in no acceptance rate."


def draw_titles(shown: Inspection) -> tuple[str, ...]:
    """What the added token came from, from the longest to the shortest form."""
    draw = shown.draw
    if draw is None:
        return ("",)
    if draw.source == "argmax":
        return ("The target's most probable token: argmax p", "The target's choice")
    if draw.source == "p":
        return ("What it was drawn from: the target's p", "Drawn from p")
    p = "p′" if shown.elders else "p" if shown.weight == 1.0 else "w·p"
    if shown.rule == "sample-match" or shown.q_kind == "one-hot":
        name = named(shown.judged.text) if shown.judged is not None else "the drafted token"
        rest = f"{p} without {name}"
        return (
            f"The residual it was resampled from: {rest}, renormalised",
            f"The residual: {rest}, renormalised",
            f"The residual: {rest}",
            "The residual",
        )
    rest = f"max(0, {p} − q)"
    return (
        f"The residual it was resampled from: {rest}, renormalised",
        f"The residual: {rest}, renormalised",
        f"The residual: {rest}",
    )


def draw_notes(shown: Inspection) -> list[str]:
    """The lines below the shares."""
    draw = shown.draw
    if draw is None:
        return []
    notes: list[str] = []
    if draw.source == "argmax":
        notes.append("Shares at T = 1, for display: greedy takes the first.")
    elif draw.source == "residual" and draw.normaliser is not None and shown.judged is not None:
        left = "w − Σ min(w·p, q)" if shown.weight != 1.0 else "1 − Σ min(p, q)"
        if shown.elders:
            left = "1 − Σ min(p′, q)"
        if shown.rule == "sample-match" or shown.q_kind == "one-hot":
            left = "1 − p"
        notes.append(f"Scaled by its mass, {left} = {four(draw.normaliser)}.")
    elif draw.source == "p" and shown.token.state is not TokenState.BONUS:
        notes.append("The rule draws from p also after a rejection.")
    return notes


def shares(shown: Inspection, most: int = MOST - 1) -> tuple[list[Share], float]:
    """The first shares with the drawn one among them, and the mass of all others."""
    draw = shown.draw
    if draw is None:
        return [], 0.0
    listed = list(draw.shares)
    first = listed[:most]
    if not any(s.drawn for s in first):
        first = first[: most - 1] + [s for s in listed if s.drawn]
    ids = {s.id for s in first}
    return first, draw.others + sum(s.p or 0.0 for s in listed if s.id not in ids)


def drawn_words(shown: Inspection) -> str:
    """What marks the drawn token."""
    draw = shown.draw
    if draw is None or draw.u is None:
        return "argmax"
    return f"drawn u = {four(draw.u)}"
