"""What decided over one drafted token: what each rule compared, with the numbers put in.

Every number is a recorded one or follows from recorded ones by the formula that is written with it;
the verdict is the recorded one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

from engine.config import Config
from engine.events import Judged
from engine.trace import Round, TokenState

CriterionKind = Literal["coin", "block", "threshold", "argmax", "unjudged", "pending"]
_DIGITS = 4
_MOST_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Criterion:
    """How a drafted token was judged.

    kind: a coin u against an accept probability; the same with the whole block weighed (`block`); a
    threshold; the target's argmax; not judged, or not yet. value and mark: what was compared with
    what (u and the accept probability, p and the threshold); None where nothing was. value_name:
    how to call the value. condition: when a token is accepted, in the rule's letters. steps: the
    mark with the numbers put in, from the letters to the figure; parts: the same of what the steps
    name besides (a block's w). verdict: the comparison and what
    followed. choice: id of the target's most probable token (argmax only; None: not recorded).
    """

    kind: CriterionKind
    state: TokenState
    value: float | None = None
    mark: float | None = None
    value_name: str = ""
    condition: str = ""
    steps: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    verdict: str = ""
    choice: int | None = None

    @property
    def passed(self) -> bool | None:
        """Whether the value is on the accepting side of the mark: of a coin below, of a threshold
        on the other side. A token of a block may be accepted without. None: nothing compared."""
        if self.value is None or self.mark is None:
            return None
        if self.kind != "threshold":
            return self.value < self.mark
        # lenient's p / max p may equal its threshold, typical's p may not.
        reached = self.value >= self.mark if "≥" in self.condition else self.value > self.mark
        return reached

    @property
    def formula(self) -> str:
        """The mark in one line: `min(1, p/q) = min(1, 0.3121 / 0.6840) = 0.4563`."""
        return " = ".join(self.steps)


def four(value: float) -> str:
    """Four decimals; figures that would read 0.0000 in powers of ten."""
    return f"{value:.4f}" if value >= 0.00005 or value == 0 else f"{value:.1e}"


def apart(first: float, second: float) -> tuple[str, str]:
    """Two figures with four decimals, or as many as it takes to tell them apart."""
    if first == second:
        return four(first), four(second)
    if four(first) != four(second):
        return four(first), four(second)
    for digits in range(_DIGITS + 1, _MOST_DIGITS):
        pair = f"{first:.{digits}f}", f"{second:.{digits}f}"
        if pair[0] != pair[1]:
            return pair
    return f"{first:.3e}", f"{second:.3e}"


def criterion_of(config: Config, current: Round, index: int, elders: int = 0) -> Criterion:
    """What decided over the drafted token at `index`.

    elders: its siblings that were rejected before its turn; the rules that toss coins then judge it
    by the residual which these left (p′).
    """
    state = current.state_of(index)
    judged = current.judged(index)
    if state is TokenState.PENDING:
        return Criterion("pending", state, verdict="waiting for the target")
    if judged is None:
        return Criterion("unjudged", state, verdict="never judged")
    if judged.threshold is not None:
        return _threshold(config, judged, state)
    if judged.u is None:
        return _argmax(current, index, state)
    if config.rule == "block":
        return _block(current, index, judged, judged.u, state)
    return _coin(config, judged, judged.u, state, elders)


def _coin(config: Config, judged: Judged, u: float, state: TokenState, elders: int) -> Criterion:
    p = "p′" if elders else "p"
    accept = judged.accept_probability
    match config.rule:
        case "sample-match":
            steps = (p, four(accept))
        case "lenient" if config.lenience != 1.0:
            numbers = f"{four(judged.p)} / ({config.lenience:g} · {four(judged.q)})"
            steps = (f"min(1, {p}/(l·q))", f"min(1, {numbers})", four(accept))
        case _:
            numbers = f"{four(judged.p)} / {four(judged.q)}"
            steps = (f"min(1, {p}/q)", f"min(1, {numbers})", four(accept))
    return Criterion(
        "coin",
        state,
        u,
        accept,
        "u",
        f"u < {steps[0]}",
        steps,
        verdict=_compared(u, accept, "<", state),
    )


def _block(current: Round, index: int, judged: Judged, u: float, state: TokenState) -> Criterion:
    """h = Z / (Z + 1 - w): w is the weight of the prefix with this token, w₀ without it, Z
    the mass of max(0, w·p - q) at the next place, which is that place's weight - overlap."""
    h = judged.accept_probability
    ratio = f"{four(judged.weight)} · {four(judged.p)} / {four(judged.q)}"
    w = min(1.0, judged.weight * judged.p / judged.q) if judged.q > 0 else 1.0
    parts = ("w = min(1, w₀ · p/q)", f"min(1, {ratio})", four(w))
    after = current.judged(index + 1)
    if index == len(current.drafted) - 1:
        steps = ("w", four(h))  # the last token has nothing behind it
    elif w >= 1.0:
        steps = ("1, because w = 1",)
    elif after is None:
        steps = ("Z / (Z + 1 − w)", four(h))  # an end of text: the next place was not judged
    else:
        mass = max(after.weight - after.overlap, 0.0)
        z = four(mass)
        steps = ("Z / (Z + 1 − w)", f"{z} / ({z} + 1 − {four(w)})", four(h))
    what = _compared(u, h, "<", state)
    if state is TokenState.DISCARDED:
        what = f"{what}, weighed with the block"
    elif state is TokenState.ACCEPTED and u >= h:
        what = f"{_signs(u, h, '<')}: carried by those behind it"
    return Criterion("block", state, u, h, "u", "u < h", ("h", *steps), parts, what)


def _threshold(config: Config, judged: Judged, state: TokenState) -> Criterion:
    assert judged.threshold is not None
    value, least = judged.p, judged.threshold
    if config.rule == "lenient":
        return Criterion(
            "threshold", state, value, least, "p / max p", "p / max p ≥ l",
            ("l", f"{least:g}"), verdict=_compared(value, least, "≥", state),
        )  # fmt: skip
    bound = "min(ε, δ·exp(−H))"
    if least >= config.epsilon or least <= 0 or config.delta <= 0:
        steps = (bound, "ε" if least >= config.epsilon else "0", four(least))
    else:
        # H is not recorded; it follows from the threshold where that is not ε.
        entropy = log(config.delta / least)
        numbers = f"min({config.epsilon:g}, {config.delta:g}·exp(−{entropy:.4f}))"
        steps = (bound, numbers, four(least))
    return Criterion(
        "threshold", state, value, least, "p", f"p > {bound}", steps,
        verdict=_compared(value, least, ">", state),
    )  # fmt: skip


def _argmax(current: Round, index: int, state: TokenState) -> Criterion:
    choice: int | None = current.drafted[index].id
    if state is not TokenState.ACCEPTED:
        row = row_at(current, index)
        verdict = current.verified
        assert verdict is not None
        if row is not None and row < len(verdict.tops) and verdict.tops[row].ids:
            choice = verdict.tops[row].ids[0]  # T = 1 keeps the order
        else:
            choice = verdict.added_id if row == verdict.n_accepted else None
    same = state is TokenState.ACCEPTED
    what = "the target's own choice" if same else "not the target's choice"
    return Criterion(
        "argmax", state, condition="x = argmax p", verdict=f"{what}: {_fate(state)}", choice=choice
    )


def row_at(current: Round, index: int) -> int | None:
    """Which of `Verified.tops` is the row of p at the place of a drafted token, that of the
    accepted prefix which it follows; None where it follows a token that was not accepted."""
    if current.verified is None:
        return None
    parent = current.drafted[index].parent
    if parent < 0:
        return 0
    path = current.path
    return path.index(parent) + 1 if parent in path else None


def _compared(value: float, mark: float, sign: str, state: TokenState) -> str:
    return f"{_signs(value, mark, sign)}: {_fate(state)}"


def _signs(value: float, mark: float, accepting: str) -> str:
    """`0.7219 ≥ 0.4563`. accepting: the sign under which the token is accepted."""
    accepted = {"<": value < mark, ">": value > mark, "≥": value >= mark}[accepting]
    sign = accepting if accepted else {"<": "≥", ">": "≤", "≥": "<"}[accepting]
    first, second = apart(value, mark)
    return f"{first} {sign} {second}"


def _fate(state: TokenState) -> str:
    return state.name.lower()
