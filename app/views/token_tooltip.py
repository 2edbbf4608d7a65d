"""The card that tells all about one token, shared by every view with chips."""

from __future__ import annotations

from html import escape

from app.theme import Theme, theme
from app.views.token_figures import Rows, added_rows, drafted_rows, place_words, sibling_words
from app.views.token_layout import visible
from engine.trace import Round, Run, TokenState

_MEANING = {
    TokenState.PENDING: "drafted, waiting for the target",
    TokenState.ACCEPTED: "accepted by the target",
    TokenState.REJECTED: "rejected: the first that failed",
    TokenState.DISCARDED: "discarded: never judged",
    TokenState.RESAMPLED: "drawn by the target after the rejection",
    TokenState.BONUS: "drawn by the target: all passed",
}
_IN_TREE = {
    TokenState.REJECTED: "rejected by the target",
    TokenState.DISCARDED: "pruned: never judged",
    TokenState.RESAMPLED: "drawn by the target after all siblings were rejected",
    TokenState.BONUS: "drawn by the target: a whole branch passed",
}


def token_tooltip(run: Run, round_index: int, index: int) -> str:
    """Rich text about the token at a place: the first ones were drafted, γ_r the target added."""
    if not 0 <= round_index < len(run.rounds):
        return ""
    current = run.rounds[round_index]
    parts = [f"round {round_index + 1}", place_words(current, index)]
    if index < len(current.drafted):
        drafted = current.drafted[index]
        state = current.state_of(index)
        text, token_id = drafted.piece or run.label(drafted.id), drafted.id
        rows = drafted_rows(run, current, drafted, state)
        parts.append(sibling_words(current, index))
    elif current.verified is not None and current.verified.added_id is not None:
        verdict = current.verified
        token_id = current.verified.added_id
        state = TokenState.BONUS if verdict.added_kind == "bonus" else TokenState.RESAMPLED
        text = verdict.added_piece or run.label(token_id)
        rows = added_rows(verdict, token_id)
    else:
        return ""
    where = ", ".join(part for part in parts if part)
    meaning = meaning_of(run, current, index, state)
    return _card(theme(), text, state, meaning, f"id {token_id} · {where}", rows)


def meaning_of(run: Run, current: Round, index: int, state: TokenState) -> str:
    """What became of the token, in words."""
    if current.is_tree:
        return _IN_TREE.get(state, _MEANING[state])
    if state is TokenState.BONUS and not current.drafted:
        return "drawn by the target: nothing was proposed"
    if state is TokenState.RESAMPLED and run.started.config.rule == "typical":
        return "drawn from p after the rejection"
    if state is TokenState.DISCARDED and current.judged(index) is not None:
        return "discarded: it was weighed with the block"
    return _MEANING[state]


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
                    f'<tr><td style="{small};padding-right:16px">{escape(name)}</td>'
                    f'<td align="right" style="{mono};font-size:12px">{value}</td>'
                    f'<td style="{small};padding-left:12px">{escape(note)}</td>'
                    "</tr>"
                )
            else:
                parts.append(f'<tr><td colspan="3" style="{small}">{escape(note)}</td></tr>')
        parts.append("</table>")
    parts.append(f'<div style="{small};font-size:11px;margin-top:8px">{where}</div>')
    return f'<div style="white-space:nowrap">{"".join(parts)}</div>'
