"""What a comparison says: what the runs are called, how unlike they are, where their texts part;
and its table as text for other programs."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from typing import Literal, NamedTuple

from app.comparison import Compared, Member, Row
from app.race_words import SAMPLING, facets, is_plain
from app.text_difference import TextDifference
from app.views import format as fmt
from app.views.token_layout import visible
from app.words import RULE_NAMES
from engine.synthetic import REMARK, is_synthetic
from engine.trace import Run

OTHER_PROMPT = "another prompt"
VALUE = 64
"""Longest setting in the line of those that all runs share."""
Tone = Literal["good", "warn", "plain"]


def letter(place: int) -> str:
    """What a run is called for short: A, B, C …"""
    return chr(ord("A") + place)


def name_of(run: Run) -> str:
    """What a run is called that was given no name: its method."""
    if is_plain(run):
        return "Plain decoding"
    found = facets(run)
    drafter = "draft model" if run.started.config.drafter == "model" else found["drafter"]
    name = f"{drafter} · {found['γ']}"
    return name if name.startswith("n-gram") else name[:1].upper() + name[1:]


def unlike(members: Sequence[Member]) -> list[str]:
    """What else than the method is different about the runs: their figures do not tell of the
    method alone."""
    found = [facets(member.run) for member in members]
    started = [member.run.started for member in members]

    def differ(*names: str) -> bool:
        return len({tuple(each.get(name) for name in names) for each in found}) > 1

    words = {
        "prompts": len({s.prompt_ids for s in started}) > 1,
        "targets": differ("target"),
        "seeds": differ("seed") and not differ("temperature", "filters"),
        "sampling": differ("temperature", "filters"),
        "machines": differ("machine"),
        "devices": differ("device") and not differ("machine"),
    }
    return [word for word, true in words.items() if true]


def summary(members: Sequence[Member]) -> str:
    """One line about the set: how many, what is not like for like, whether weights are made up."""
    said = fmt.count(len(members), "run")
    if words := unlike(members):
        said += f" · different {listed(words)}"
    elif len(members) > 1:
        said += ", like for like"
    synthetic = any(is_synthetic(member.run.started.models) for member in members)
    return f"{said} · {REMARK}" if synthetic else said


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def shared(compared: Compared) -> str:
    """The settings that all runs have, as one line; a long prompt is cut."""

    def short(value: str) -> str:
        return value if len(value) <= VALUE else value[: VALUE - 1].rstrip() + "…"

    return " · ".join(f"{name}: {short(value)}" for name, value in compared.shared)


# The texts


class Said(NamedTuple):
    """short: for the head of a column. whole: the sentence. reason: what may explain it."""

    short: str
    whole: str
    tone: Tone
    reason: str = ""


def said(reference: Member, other: Member, a: str, b: str, found: TextDifference) -> Said:
    """What another run's text has to do with the reference's. a, b: the letters of the two."""
    if found.why_not == "prompts":
        return Said(OTHER_PROMPT, f"{a} and {b} have different prompts.", "plain")
    if found.why_not == "tokens":
        whole = f"{a} and {b} have the same prompt in other tokens: another vocabulary or template."
        return Said("other tokens", whole, "plain")
    tokens = fmt.count(found.common, "token")
    parting = found.parting
    if parting is None:
        if found.same:
            return Said(f"same {tokens}", f"{b} wrote the same {tokens} as {a}.", "good")
        whole = f"{a} and {b} agree for {tokens}, where the shorter one ends."
        return Said(f"agrees for {tokens}", whole, "good")
    place = parting.index + 1
    ours, theirs = visible(parting.piece), visible(parting.other_piece)
    after = f", after “{visible_words(parting.before)}”" if parting.before.strip() else ""
    whole = f"{b} parts from {a} at token {place:,}: {a} has “{ours}”, {b} “{theirs}”{after}."
    if not found.whole:
        whole += f" Compared up to token {found.spans[-1].other_stop:,}; the rest is grey."
    reason, tone = why(reference.run, other.run)
    return Said(f"parts at {place:,}", whole, tone, reason)


def visible_words(text: str) -> str:
    """A quotation: line ends are shown, spaces between words are spaces."""
    return visible(text.strip(" ")).replace("␣", " ")


def why(first: Run, second: Run) -> tuple[str, Tone]:
    """What may have set two texts of one prompt apart."""
    found = [facets(run) for run in (first, second)]
    if found[0]["target"] != found[1]["target"]:
        return "Different targets.", "plain"
    lossy = [
        run.started.config.rule
        for run in (first, second)
        if not is_plain(run) and not run.started.lossless
    ]
    if lossy:
        rules = " and ".join(dict.fromkeys(RULE_NAMES.get(r, r) for r in lossy))
        return f"{rules} is not lossless: it leaves the target's distribution.", "warn"
    if any(found[0][name] != found[1][name] for name in SAMPLING):
        return "Sampled in different ways.", "plain"
    if first.started.config.greedy:
        return (
            "Greedy: where two logits are nearly equal, passes of different widths may "
            "round them apart, so this may be a numerical tie.",
            "warn",
        )
    return "Sampled: lossless means the same distribution, not the same words.", "plain"


# The table for other programs


def header(compared: Compared) -> list[str]:
    names = [f"{letter(i)}: {member.name}" for i, member in enumerate(compared.members)]
    names[compared.reference] += " (reference)"
    return ["Figure", "Kind", *names]


def markdown(compared: Compared, rows: Sequence[Row]) -> str:
    """A table that reads as plain text too. The best of a row is bold."""

    def cell(text: str) -> str:
        return text.replace("|", "\\|").replace("\n", " ")

    lines = [header(compared), ["---", "---", *["---:"] * len(compared.members)]]
    for row in rows:
        values: list[str] = []
        for value in row.values:
            text = f"**{value.text}**" if value.best else value.text
            note = row.note(value)
            values.append(f"{text} ({note})" if note else text)
        lines.append([row.name, row.kind or "setting", *values])
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def html_table(compared: Compared, rows: Sequence[Row]) -> str:
    """The same for spreadsheets and documents."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    body = [line(header(compared), "th")]
    body += [
        line([row.name, row.kind or "setting", *(v.text for v in row.values)], "td") for row in rows
    ]
    return f"<table>{''.join(body)}</table>"


def csv_table(compared: Compared, rows: Sequence[Row]) -> str:
    """Numbers in full, in the units of `engine.metrics.Figures`: seconds, tokens per second."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["group", *(name.lower() for name in header(compared)[:2]), *_names(compared)])
    for row in rows:
        setting = not any(value.kind for value in row.values)
        cells = [
            value.text if setting else "" if value.number is None else f"{value.number:.6g}"
            for value in row.values
        ]
        writer.writerow([row.group, row.name, row.kind or "setting", *cells])
    return target.getvalue()


def _names(compared: Compared) -> list[str]:
    return header(compared)[2:]
