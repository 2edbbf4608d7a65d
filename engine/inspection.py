"""Everything that decided over one token, from the recorded events alone.

`inspect` answers for a drafted token (index < γ_r) and for the one that the target added (index =
γ_r). What was not recorded is None, never 0: a view then says how large it may be at most.
"""

from __future__ import annotations

import re
import unicodedata

from engine.criterion import criterion_of, row_at
from engine.events import Drafted, Top, Verified
from engine.inspected import (
    AddedDraw,
    Candidate,
    DrawSource,
    Inspection,
    QKind,
    Share,
    Token,
)
from engine.sampling import SHOWN_FROM
from engine.trace import Round, Run, TokenState
from engine.tree import children, depths, path_to

_BEFORE = 80
_ESCAPED = re.compile(r"<0x([0-9A-F]{2})>")


def places(run: Run, round_index: int) -> range:
    """Indices of the tokens of a round that can be inspected: the drafted ones, then the added."""
    if not 0 <= round_index < len(run.rounds):
        return range(0)
    current = run.rounds[round_index]
    verdict = current.verified
    return range(len(current.drafted) + (verdict is not None and verdict.added_id is not None))


def inspect(run: Run, round_index: int, index: int) -> Inspection | None:
    """The token at a place; None where there is none."""
    if index not in places(run, round_index):
        return None
    current = run.rounds[round_index]
    config = run.started.config
    token = token_at(run, current, index)
    n = len(current.drafted)
    at = _judged_with(current, index)
    drafted = current.drafted[at] if at is not None else None
    numbers = current.judged(at) if at is not None else None
    elders = 0
    if at is not None and numbers is not None and numbers.u is not None:
        elders = _rejected_before(current, at)
    label = run.pieces.get(token.id, token.text)
    raw = bytes_of(label)
    below = depths(current.parents)
    siblings = _siblings(current, index) if index < n else [index]
    replacement = _replacement(run, current, index)
    q_kind = _q_kind(drafted)
    p_row, q_row = _p_row(current, index), drafted.top if drafted is not None else None
    shown = [t for t in (token, replacement) if t is not None]
    candidates = _candidates(run, current, at, p_row, q_row, q_kind, elders, shown)
    return Inspection(
        round=round_index,
        index=index,
        token=token,
        label=label,
        raw=raw,
        hidden=_hidden(raw),
        before=_text_before(run, current, index),
        depth=below[index] if index < n else len(current.path) + 1,
        of=max(below, default=0),
        is_tree=current.is_tree,
        sibling=(siblings.index(index) + 1, len(siblings)),
        rule=config.rule,
        at_one=config.greedy,
        judged=token_at(run, current, at) if at is not None else None,
        judged_place=_siblings(current, at).index(at) + 1 if at is not None else 1,
        added=replacement,
        next_sibling=_next_sibling(run, current, index),
        p=numbers.p if numbers is not None else None,
        q=numbers.q if numbers is not None else drafted.q if drafted is not None else None,
        q_kind=q_kind,
        draft_u=drafted.u if drafted is not None else None,
        elders=elders,
        overlap=numbers.overlap if numbers is not None else None,
        weight=numbers.weight if numbers is not None else 1.0,
        candidates=candidates,
        p_most=_most(p_row, config.top),
        q_most=_most(q_row, config.top),
        criterion=criterion_of(config, current, at, elders) if at is not None else None,
        draw=_draw(run, current) if index == n or replacement is not None else None,
        source=drafted.source if drafted is not None else None,
        match=drafted.match if drafted is not None else 0,
        origin=drafted.origin if drafted is not None else "",
    )


def token_at(run: Run, current: Round, index: int) -> Token:
    """The drafted token at `index`, or the added one at γ_r, which there must be."""
    if index < len(current.drafted):
        drafted = current.drafted[index]
        text = drafted.piece or run.label(drafted.id)
        return Token(index, drafted.id, text, current.state_of(index))
    verdict = current.verified
    assert verdict is not None
    assert verdict.added_id is not None
    state = TokenState.BONUS if verdict.added_kind == "bonus" else TokenState.RESAMPLED
    return Token(index, verdict.added_id, verdict.added_piece or run.label(verdict.added_id), state)


def bytes_of(label: str) -> bytes:
    """The bytes of a token by its label, in which those of partial characters are escaped."""
    parts = _ESCAPED.split(label)
    return b"".join(
        bytes([int(part, 16)]) if i % 2 else part.encode("utf-8", "surrogatepass")
        for i, part in enumerate(parts)
    )


def _hidden(raw: bytes) -> bool:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return True
    if not text.strip() or not text.isprintable():
        return True
    return unicodedata.category(text.strip()[0]).startswith("M")


def _judged_with(current: Round, index: int) -> int | None:
    """The drafted token whose judging led to the token at `index`."""
    verdict = current.verified
    if index < len(current.drafted):
        return index
    assert verdict is not None
    if verdict.added_kind != "resampled" or not verdict.judged:
        return None
    return verdict.judged_at[-1] if verdict.judged_at is not None else len(verdict.judged) - 1


def _siblings(current: Round, index: int) -> list[int]:
    """Tokens drafted for the same place, in the order of drawing."""
    return children(len(current.drafted), current.parents)[current.drafted[index].parent + 1]


def _rejected_before(current: Round, index: int) -> int:
    siblings = _siblings(current, index)
    elder = siblings[: siblings.index(index)]
    return sum(current.state_of(i) is TokenState.REJECTED for i in elder)


def _next_sibling(run: Run, current: Round, index: int) -> Token | None:
    """Who was judged after this token was rejected."""
    if index >= len(current.drafted) or current.state_of(index) is not TokenState.REJECTED:
        return None
    siblings = _siblings(current, index)
    after = siblings[siblings.index(index) + 1 :]
    judged = [i for i in after if current.judged(i) is not None]
    return token_at(run, current, judged[0]) if judged and current.is_tree else None


def _replacement(run: Run, current: Round, index: int) -> Token | None:
    """The added token, where it came because of this token's rejection."""
    verdict, n = current.verified, len(current.drafted)
    if verdict is None or verdict.added_kind != "resampled" or verdict.added_id is None:
        return None
    return token_at(run, current, n) if _judged_with(current, n) == index else None


def _p_row(current: Round, index: int) -> Top | None:
    """The recorded row of p at the place of a token."""
    verdict = current.verified
    if verdict is None:
        return None
    row = row_at(current, index) if index < len(current.drafted) else verdict.n_accepted
    return verdict.tops[row] if row is not None and row < len(verdict.tops) else None


def _q_kind(drafted: Drafted | None) -> QKind:
    if drafted is None:
        return "none"
    if drafted.display:
        return "display"
    return "one-hot" if drafted.u is None else "row"


def _most(row: Top | None, recorded: int) -> float | None:
    """What a candidate outside a recorded row has at most: rows end at 1e-4, or at their limit."""
    if row is None:
        return None
    return row.p[-1] if row.p and len(row.p) >= recorded else SHOWN_FROM


def _candidates(
    run: Run,
    current: Round,
    at: int | None,
    p_row: Top | None,
    q_row: Top | None,
    q_kind: QKind,
    elders: int,
    shown: list[Token],
) -> tuple[Candidate, ...]:
    p = dict(zip(p_row.ids, p_row.p, strict=True)) if p_row is not None else {}
    q = dict(zip(q_row.ids, q_row.p, strict=True)) if q_row is not None else {}
    greedy, verdict = run.started.config.greedy, current.verified
    texts = {token.id: token.text for token in shown}
    if at is not None:
        drafted, judged = current.drafted[at], current.judged(at)
        texts[drafted.id] = drafted.piece or run.label(drafted.id)
        # The numbers that were compared are exact, those of the rows are rounded.
        if judged is not None and not greedy and not elders:
            p[drafted.id] = judged.p
        if q_kind in ("row", "one-hot"):
            q[drafted.id] = drafted.q
    elif verdict is not None and verdict.added_p is not None and not greedy:
        p[shown[0].id] = verdict.added_p
    ids = dict.fromkeys([*p, *q, *texts])
    outside = 0.0 if q_kind == "one-hot" else None  # of a copy this is known
    found = [Candidate(i, texts.get(i) or run.label(i), p.get(i), q.get(i, outside)) for i in ids]
    found.sort(key=lambda c: -max(c.p or 0.0, c.q or 0.0))
    return tuple(found)


def _draw(run: Run, current: Round) -> AddedDraw | None:
    verdict = current.verified
    if verdict is None or verdict.added_id is None:
        return None
    source = _draw_source(run, verdict)
    row = verdict.residual_top if source == "residual" else None
    if source != "residual" and verdict.n_accepted < len(verdict.tops):
        row = verdict.tops[verdict.n_accepted]
    shares = dict(zip(row.ids, row.p, strict=True)) if row is not None else {}
    added = verdict.added_id
    exact = verdict.added_p if source != "argmax" else None
    known: dict[int, float | None] = {**shares, added: exact}
    if exact is None:
        known[added] = shares.get(added)
    listed = [
        Share(i, run.label(i) if i != added else _added_text(run, verdict), p, i == added)
        for i, p in known.items()
    ]
    listed.sort(key=lambda s: -(s.p or 0.0))
    normaliser = None
    if source == "residual" and verdict.judged:
        last = verdict.judged[-1]
        normaliser = max(last.weight - last.overlap, 0.0)
    others = max(0.0, 1.0 - sum(s.p or 0.0 for s in listed))
    return AddedDraw(source, tuple(listed), others, verdict.added_u, exact, normaliser)


def _added_text(run: Run, verdict: Verified) -> str:
    assert verdict.added_id is not None
    return verdict.added_piece or run.label(verdict.added_id)


def _draw_source(run: Run, verdict: Verified) -> DrawSource:
    if verdict.added_u is None:
        return "argmax"
    from_p = verdict.added_kind == "bonus" or run.started.config.rule == "typical"
    return "p" if from_p else "residual"


def _text_before(run: Run, current: Round, index: int) -> str:
    """The end of the text that a token follows; walks back no further than it must."""
    if index < len(current.drafted):
        path = path_to(current.drafted[index].parent, current.parents)
    else:
        path = current.path
    parts = [current.drafted[i].piece for i in reversed(path)]
    length = sum(map(len, parts))
    emitted = run.columns.end_tokens[current.index - 1] if current.index else 0
    for source, n in ((run.text_parts, emitted), (run.started.prompt_pieces, None)):
        i = len(source) if n is None else n
        while i and length < _BEFORE:
            i -= 1
            parts.append(source[i])
            length += len(source[i])
    text = "".join(reversed(parts))
    return text[-_BEFORE:]
