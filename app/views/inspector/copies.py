"""The inspector's token as text and as Markdown, all recorded candidates included."""

from __future__ import annotations

from collections.abc import Sequence

from app.views.inspector import words
from app.views.token_layout import visible
from engine.criterion import four
from engine.inspected import Inspection
from engine.trace import Run

Table = list[tuple[str, ...]]


def as_text(run: Run, shown: Inspection) -> str:
    """Plain lines; columns stand below each other in a font of one width."""
    parts = ["\n".join(_head(run, shown))]
    for title, table in _tables(shown):
        parts.append(f"{title}\n{_aligned(table)}")
        parts.append("\n".join(_notes(run, shown, table)))
        if table[0][-1] == "q":
            parts.append("\n".join(_decision(run, shown)))
    if shown.judged is None:
        parts.append("\n".join(_decision(run, shown)))
    return "\n\n".join(part for part in parts if part) + "\n"


def as_markdown(run: Run, shown: Inspection) -> str:
    """Headings, tables and the decision between them."""
    title, *rest = _head(run, shown)
    parts = [f"### {_escaped(title)}", "  \n".join(_escaped(line) for line in rest)]
    for heading, table in _tables(shown):
        parts.append(f"**{_escaped(heading)}**")
        parts.append(_markdown(table))
        parts.append("  \n".join(_escaped(line) for line in _notes(run, shown, table)))
        if table[0][-1] == "q":
            parts.append("  \n".join(_escaped(line) for line in _decision(run, shown)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(run: Run, shown: Inspection) -> list[str]:
    token = f"“{visible(shown.token.text)}”"
    lines = [
        f"Token inspector: {words.place(run, shown)}",
        f"{token} {words.meaning(run, shown)}",
        words.meta(run, shown),
    ]
    before = words.before(shown)
    return [*lines, f"after: {before}"] if before else lines


def _notes(run: Run, shown: Inspection, table: Table) -> list[str]:
    """What a table's figures are."""
    if table[0][-1] == "q":
        return words.belief_notes(run, shown, len(shown.candidates))
    return words.draw_notes(shown)


def _decision(run: Run, shown: Inspection) -> list[str]:
    criterion = shown.criterion
    if criterion is None:
        return []
    lines = [" ".join(parts) for parts in words.coin_lines(shown)]
    if criterion.value is not None:
        lines.append(f"{criterion.value_name} = {four(criterion.value)}")
    lines += [criterion.verdict, words.coin_note(run, shown)]
    return [line for line in lines if line]


def _tables(shown: Inspection) -> list[tuple[str, Table]]:
    found: list[tuple[str, Table]] = []
    if shown.judged is not None:
        rows: Table = [("candidate", "id", "p", "q")]
        for one in shown.candidates:
            p, q = words.figure(one.p, shown.p_most), words.figure(one.q, shown.q_most)
            rows.append((visible(one.text), str(one.id), p, q))
        found.append(("What each model believed", rows))
    if shown.draw is not None:
        rows = [("candidate", "id", "share")]
        for share in shown.draw.shares:
            mark = f", {words.drawn_words(shown)}" if share.drawn else ""
            figure = words.figure(share.p, None)
            rows.append((visible(share.text), str(share.id), figure + mark))
        rows.append(("others", "", four(shown.draw.others)))
        found.append((words.draw_titles(shown)[0], rows))
    return found


def _aligned(table: Table) -> str:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join(_line(row, widths) for row in table)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(n) for text, n in zip(row, widths, strict=True)).rstrip()


def _markdown(table: Table) -> str:
    head, *rows = table
    lines = [head, ("---", *("---:" for _ in head[1:])), *rows]
    cells = [[_escaped(text) for text in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _escaped(text: str) -> str:
    """Text in which Markdown finds nothing to do."""
    for char in "\\`*_|<>[]#":
        text = text.replace(char, f"\\{char}")
    return text
