"""What the what-if box says: pure functions from an outcome to words."""

from __future__ import annotations

from app.panels.badge import BadgeMood
from app.views.format import probability
from engine.trace import Round, TokenState
from engine.whatif.outcome import Change, Outcome

DIFFERS = "from here the text would differ"
RECOMPUTE = "Recompute with the models"
WAITING = "Recomputing with the models…"
UNSEEDED = "Its draws do not follow from the seed, so the models cannot repeat it."


def badge(outcome: Outcome) -> tuple[str, BadgeMood]:
    """How much the answer is worth."""
    if not outcome.exact:
        return "not known from the recording", "warn"
    if outcome.source == "models":
        return "exact: recomputed with the models", "good"
    return "exact: from the recording", "good"


def heading(change: Change) -> str:
    return "as it was" if change == Change() else "would be"


def figures(outcome: Outcome, index: int) -> str:
    """The numbers that decide over one token, as far as they are known. index: place in the
    proposal; behind it stands the added token."""
    if index >= len(outcome.tokens):
        added = outcome.added
        if added is None or added.id is None:
            return ""
        drawn = "" if added.u is None else f"drawn with u {probability(added.u)}"
        p = "" if added.p is None else f"p {probability(added.p)}"
        return "   ".join(filter(None, (p, drawn)))
    token = outcome.tokens[index]
    parts = [
        f"{name} {probability(value)}"
        for name, value in (("p", token.p), ("q", token.q))
        if value is not None
    ]
    least = token.accept_probability
    if token.u is not None and least is not None and token.state is not TokenState.DISCARDED:
        sign = "<" if token.u < least else "≥"
        parts.append(f"u {probability(token.u)} {sign} {probability(least)}")
    elif token.u is not None:
        parts.append(f"u {probability(token.u)}")
    return "   ".join(parts)


def remarks(outcome: Outcome, recorded: Round, change: Change) -> list[str]:
    """Why something is not known, and what else should be said."""
    found = [outcome.reason, outcome.note]
    asked = change.gamma
    if asked is not None and outcome.gamma < asked and not outcome.note:
        found.append(f"Only {outcome.gamma} could be proposed here: the run was near its end.")
    if outcome.exact and outcome.source == "models" and len(outcome.tokens) > len(recorded.drafted):
        found.append("Tokens beyond the recorded proposal were drawn with new draws.")
    return [text for text in found if text]


def spoken(outcome: Outcome, recorded: Round, change: Change) -> str:
    """The answer for those who hear it."""
    fates = [f"{t.text or 'unknown'} {_fate(t.state)}" for t in outcome.tokens]
    added = outcome.added
    if added is not None:
        fates.append("the text ends" if added.id is None else f"{added.text} {added.kind}")
    parts = [f"{heading(change)}: {', '.join(fates)}", badge(outcome)[0]]
    if outcome.differs_at(recorded) is not None:
        parts.append(DIFFERS)
    return ". ".join([*parts, *remarks(outcome, recorded, change)])


def _fate(state: TokenState | None) -> str:
    return "not known" if state is None else state.name.lower()
