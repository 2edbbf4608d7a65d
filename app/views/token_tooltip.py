"""The card that tells all about one token, shared by every view with chips."""

from __future__ import annotations

from html import escape

from app.theme import Theme, theme
from app.views import format as fmt
from app.views.token_layout import visible
from engine.events import Drafted, Top, Verified
from engine.trace import Round, Run, TokenState

SOURCE_LIMIT = 48
"""Longest quotation of what an n-gram proposal copies, in characters."""

_MEANING = {
    TokenState.PENDING: "drafted, waiting for the target",
    TokenState.ACCEPTED: "accepted by the target",
    TokenState.REJECTED: "rejected: the first that failed",
    TokenState.DISCARDED: "discarded: never judged",
    TokenState.RESAMPLED: "drawn by the target after the rejection",
    TokenState.BONUS: "drawn by the target: all passed",
}
Rows = list[tuple[str, str, str]]


def source_text(run: Run, source: tuple[int, int]) -> str:
    """The context that a half-open span of positions covers (prompt first), made visible."""
    prompt = run.started.prompt_pieces
    n = len(prompt)
    parts = [
        prompt[i] if i < n else run.text_parts[i - n]
        for i in range(max(source[0], 0), min(source[1], n + len(run.text_parts)))
    ]
    text = visible("".join(parts))
    return text if len(text) <= SOURCE_LIMIT else text[: SOURCE_LIMIT - 1] + "…"


def token_tooltip(run: Run, round_index: int, index: int) -> str:
    """Rich text about the token at a place: 0 to γ-1 was drafted, γ_r the target added."""
    if not 0 <= round_index < len(run.rounds):
        return ""
    current = run.rounds[round_index]
    if index < len(current.drafted):
        drafted = current.drafted[index]
        state = current.state_of(index)
        text, token_id = drafted.piece or run.label(drafted.id), drafted.id
        rows = _drafted_rows(run, current, drafted, state)
    elif current.verified is not None and current.verified.added_id is not None:
        verdict = current.verified
        token_id = current.verified.added_id
        state = TokenState.BONUS if verdict.added_kind == "bonus" else TokenState.RESAMPLED
        text = verdict.added_piece or run.label(token_id)
        rows = _added_rows(verdict, token_id)
    else:
        return ""
    meaning = _MEANING[state]
    if state is TokenState.BONUS and not current.drafted:
        meaning = "drawn by the target: nothing was proposed"
    place = f"position {index + 1} of {len(current.drafted)}"
    if index >= len(current.drafted):
        place = "added by the target"
    where = f"id {token_id} · round {round_index + 1}, {place}"
    return _card(theme(), text, state, meaning, where, rows)


def _drafted_rows(run: Run, current: Round, drafted: Drafted, state: TokenState) -> Rows:
    rows: Rows = []
    verdict = current.verified
    judged = None
    if verdict is not None and drafted.index < len(verdict.judged):
        judged = verdict.judged[drafted.index]
        rows.append(("p", fmt.probability(judged.p), "target"))
    rows.append(("q", fmt.probability(drafted.q), "draft"))
    if judged is not None:
        if drafted.q > 0:
            rows.append(("p/q", f"{judged.p / drafted.q:.4g}", ""))
        if judged.u is None:
            rows.append(("", "", "no coin: the rule compares the choices"))
        else:
            sign = "<" if state is TokenState.ACCEPTED else "≥"
            compared = f"u {sign} {fmt.probability(judged.accept_probability)}"
            rows.append(("u", fmt.probability(judged.u), compared))
        rows.append(("Σ min(p, q)", fmt.probability(judged.overlap), "overlap of the two"))
    if drafted.display and drafted.top is not None:
        rows.extend(_display_row("q at T = 1", drafted.top, drafted.id))
    if drafted.source is not None:
        rows.append(("", "", f"copied from “{source_text(run, drafted.source)}”"))
    elif drafted.draft_ns:
        rows.append(("time", fmt.duration(drafted.draft_ns), "to draft it"))
    return rows


def _added_rows(verdict: Verified, token_id: int) -> Rows:
    rows: Rows = []
    if verdict.n_accepted < len(verdict.tops):
        name = "p at T = 1" if verdict.display else "p"
        rows.extend(_display_row(name, verdict.tops[verdict.n_accepted], token_id, "target"))
    if verdict.added_kind == "resampled" and verdict.residual_top is not None:
        note = "max(0, p − q), scaled"
        rows.extend(_display_row("residual", verdict.residual_top, token_id, note))
    if verdict.added_u is not None:
        rows.append(("u", fmt.probability(verdict.added_u), "the draw"))
    return rows


def _display_row(name: str, top: Top, token_id: int, note: str = "for display") -> Rows:
    """The token's probability, where it is among the recorded candidates."""
    if token_id in top.ids:
        return [(name, fmt.probability(top.p[top.ids.index(token_id)]), note)]
    return []


def _card(
    current: Theme, text: str, state: TokenState, meaning: str, where: str, rows: Rows
) -> str:
    style = current.states[state]
    mono = "font-family:'JetBrains Mono','Inter'"
    small = f"color:{current.muted.name()};font-size:12px"
    shown = visible(text)
    if len(shown) > 80:
        shown = shown[:79] + "…"
    parts = [
        f'<div style="{mono};font-size:15px;font-weight:600;color:{current.text.name()}">'
        f"{escape(shown)}</div>",
        f'<div style="font-size:12px;font-weight:600;color:{style.text.name()};margin-top:4px">'
        f"{style.glyph}&nbsp; {meaning}</div>",
    ]
    if rows:
        parts.append('<table cellspacing="0" cellpadding="0" style="margin-top:8px">')
        for name, value, note in rows:
            if value:
                parts.append(
                    f'<tr><td style="{small};padding-right:16px">{name}</td>'
                    f'<td align="right" style="{mono};font-size:12px">{value}</td>'
                    f'<td style="{small};padding-left:12px">{escape(note)}</td>'
                    "</tr>"
                )
            else:
                parts.append(f'<tr><td colspan="3" style="{small}">{escape(note)}</td></tr>')
        parts.append("</table>")
    parts.append(f'<div style="{small};font-size:11px;margin-top:8px">{where}</div>')
    return f'<div style="white-space:nowrap">{"".join(parts)}</div>'
