"""The numbers of a verdict on one token as rows of its card; without any Qt.

A row is a name, a figure and a note; a row with a note alone is a sentence.
"""

from __future__ import annotations

from app.views import format as fmt
from app.views.copied_text import source_text, source_words, text_before
from engine.events import Drafted, Judged, Top, Verified
from engine.trace import Round, Run, TokenState
from engine.tree import children, depths

Rows = list[tuple[str, str, str]]
_ORDER = {1: "1st", 2: "2nd", 3: "3rd"}


def place_words(current: Round, index: int) -> str:
    """Where a token stands in its round: `position 2 of 5`, in a tree `depth 2 of 4`."""
    n = len(current.drafted)
    if index >= n:
        return "added by the target"
    if not current.is_tree:
        return f"position {index + 1} of {n}"
    below = depths(current.parents)
    return f"depth {below[index]} of {max(below)}"


def siblings_of(current: Round, index: int) -> list[int]:
    """The tokens drafted for the same place, itself included, in the order of drawing."""
    return children(len(current.drafted), current.parents)[current.drafted[index].parent + 1]


def sibling_words(current: Round, index: int) -> str:
    """`2nd of 3 siblings`; nothing for a token without any."""
    siblings = siblings_of(current, index)
    if len(siblings) < 2:
        return ""
    at = siblings.index(index) + 1
    return f"{_ORDER.get(at, f'{at}th')} of {len(siblings)} siblings"


def drafted_rows(run: Run, current: Round, drafted: Drafted, state: TokenState) -> Rows:
    """The figures of a drafted token."""
    rows: Rows = []
    judged = current.judged(drafted.index)
    elder = _rejected_before(current, drafted.index)
    if judged is not None:
        rows.append(_p_row(run, judged, elder))
    rows.append(("q", fmt.probability(drafted.q), _q_note(run, current, drafted)))
    if judged is not None:
        rows += _verdict_rows(run, current, drafted, judged, state)
    if drafted.display and drafted.top is not None:
        rows += display_row("q at T = 1", drafted.top, drafted.id)
    if drafted.source is not None:
        rows += _source_rows(run, drafted)
    elif drafted.draft_ns:
        rows.append(("time", fmt.duration(drafted.draft_ns), "to draft it"))
    if drafted.match and drafted.source is None:
        rows.append(("", "", _match_words(drafted)))
    return rows


def _rejected_before(current: Round, index: int) -> int:
    """Elder siblings that were rejected before this token's turn."""
    siblings = siblings_of(current, index)
    elder = siblings[: siblings.index(index)]
    return sum(current.state_of(i) is TokenState.REJECTED for i in elder)


def _p_row(run: Run, judged: Judged, elder: int) -> tuple[str, str, str]:
    if _is_ratio(run, judged):
        return ("p / max p", fmt.probability(judged.p), "target, at T = 1")
    note = "target"
    if elder and judged.u is not None:
        # Only the rules that toss coins put a residual in the place of p.
        note = f"of the residual left by {fmt.count(elder, 'rejected sibling')}"
    return ("p", fmt.probability(judged.p), note)


def _q_note(run: Run, current: Round, drafted: Drafted) -> str:
    if current.drafted[drafted.index].u is None or run.started.config.greedy:
        return "draft"
    siblings = siblings_of(current, drafted.index)
    return "draft, without its elder siblings" if siblings[0] != drafted.index else "draft"


def _is_ratio(run: Run, judged: Judged) -> bool:
    """Whether Judged.p is p / max p: the lenient rule at T = 0."""
    return judged.threshold is not None and run.started.config.rule == "lenient"


def _verdict_rows(
    run: Run, current: Round, drafted: Drafted, judged: Judged, state: TokenState
) -> Rows:
    if judged.threshold is not None:
        return _threshold_rows(run, judged)
    rows: Rows = []
    if drafted.q > 0:
        rows.append(("p/q", f"{judged.p / drafted.q:.4g}", ""))
    if judged.u is None:
        rows.append(("", "", "no coin: the rule compares the choices"))
    elif run.started.config.rule == "block":
        rows += _block_rows(current, drafted.index, judged, judged.u, state)
    else:
        sign = "<" if judged.u < judged.accept_probability else "≥"
        compared = f"u {sign} {fmt.probability(judged.accept_probability)}"
        formula = _formula(run)
        rows.append(("u", fmt.probability(judged.u), f"{compared}{formula}"))
    name = "Σ min(p, q)" if judged.weight == 1.0 else "Σ min(weight·p, q)"
    rows.append((name, fmt.probability(judged.overlap), "overlap of the two"))
    return rows


def _formula(run: Run) -> str:
    """What the accept probability is made of, where it is not min(1, p/q)."""
    config = run.started.config
    match config.rule:
        case "lenient":
            return f" = min(1, p/(l·q)), l = {config.lenience:g}"
        case "sample-match":
            return " = p"
        case _:
            return ""


def _threshold_rows(run: Run, judged: Judged) -> Rows:
    """No coin: a comparison with a threshold."""
    assert judged.threshold is not None
    passed = judged.accept_probability > 0
    value, least = _apart(judged.p, judged.threshold)
    if _is_ratio(run, judged):
        words = f"p / max p {value} {'≥' if passed else '<'} l {least}"
        return [("l", fmt.probability(judged.threshold), "lenience"), ("", "", words)]
    words = f"p {value} {'>' if passed else '≤'} threshold {least}"
    return [("threshold", fmt.probability(judged.threshold), "min(ε, δ·exp(−H))"), ("", "", words)]


def _block_rows(current: Round, index: int, judged: Judged, u: float, state: TokenState) -> Rows:
    """Block verification weighs every token; the last with u < h ends the kept prefix."""
    sign = "<" if u < judged.accept_probability else "≥"
    compared = f"u {sign} h"
    if state is TokenState.DISCARDED:
        compared = f"weighed with the block: {compared}"
    elif state is TokenState.ACCEPTED and sign == "≥":
        compared = f"{compared}: carried by those behind it"
    return [
        ("weight before", fmt.probability(judged.weight), "of the prefix"),
        ("h", fmt.probability(judged.accept_probability), "accept probability"),
        ("u", fmt.probability(u), compared),
    ]


def _apart(value: float, threshold: float) -> tuple[str, str]:
    """Two figures, short, but long enough to tell them apart."""
    digits = 2
    while digits < 6 and f"{value:.{digits}g}" == f"{threshold:.{digits}g}":
        digits += 1
    return f"{value:.{digits}g}", f"{threshold:.{digits}g}"


def _source_rows(run: Run, drafted: Drafted) -> Rows:
    assert drafted.source is not None
    rows: Rows = [("", "", f"copied from “{source_text(run, drafted.source)}”")]
    before = text_before(run, drafted.source)
    # The stream shows the output; what stands in the prompt is found by what is around it.
    if before and drafted.source[0] < len(run.started.prompt_ids):
        rows.append(("", "", f"after “{before}”"))
    words = [source_words(run, drafted.source)]
    if drafted.match:
        words.append(_match_words(drafted))
    return [*rows, ("", "", " · ".join(words))]


def _match_words(drafted: Drafted) -> str:
    return f"match of {fmt.count(drafted.match, 'token')}"


def added_rows(verdict: Verified, token_id: int) -> Rows:
    """The figures of the token that the target added."""
    rows: Rows = []
    if verdict.n_accepted < len(verdict.tops):
        name = "p at T = 1" if verdict.display else "p"
        rows.extend(display_row(name, verdict.tops[verdict.n_accepted], token_id, "target"))
    if verdict.added_kind == "resampled" and verdict.residual_top is not None:
        note = "max(0, p − q), scaled"
        rows.extend(display_row("residual", verdict.residual_top, token_id, note))
    if verdict.added_u is not None:
        rows.append(("u", fmt.probability(verdict.added_u), "the draw"))
    return rows


def display_row(name: str, top: Top, token_id: int, note: str = "for display") -> Rows:
    """The token's probability, where it is among the recorded candidates."""
    if token_id in top.ids:
        return [(name, fmt.probability(top.p[top.ids.index(token_id)]), note)]
    return []
