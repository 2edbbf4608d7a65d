"""Where a copied token comes from, in words and as a span of the output; without any Qt.

A source is a half-open span of context positions, prompt first.
"""

from __future__ import annotations

from app.views.token_layout import visible
from engine.trace import Run

SOURCE_LIMIT = 48
"""Longest quotation of what a proposal copies, in characters."""
BEFORE = 4
"""Tokens quoted before it."""
BEFORE_LIMIT = 24


def _text(run: Run, start: int, stop: int) -> str:
    prompt = run.started.prompt_pieces
    n = len(prompt)
    parts = [
        prompt[i] if i < n else run.text_parts[i - n]
        for i in range(max(start, 0), min(stop, n + len(run.text_parts)))
    ]
    return visible("".join(parts))


def source_text(run: Run, source: tuple[int, int]) -> str:
    """The context that a span covers, made visible."""
    text = _text(run, *source)
    return text if len(text) <= SOURCE_LIMIT else text[: SOURCE_LIMIT - 1] + "…"


def text_before(run: Run, source: tuple[int, int]) -> str:
    """A little of what stands before a span."""
    start = max(source[0] - BEFORE, 0)
    text = _text(run, start, source[0])
    if len(text) > BEFORE_LIMIT:
        return "…" + text[len(text) - BEFORE_LIMIT + 1 :]
    return "…" + text if start else text


def source_words(run: Run, source: tuple[int, int]) -> str:
    """`from the prompt, tokens 12–15`, `from the output`."""
    n = len(run.started.prompt_ids)
    start, stop = source
    if stop <= n:
        span = f"tokens {start + 1}–{stop}" if stop - start > 1 else f"token {stop}"
        return f"from the prompt, {span}"
    return "from the output" if start >= n else "from the prompt's end and the output"


def output_span(run: Run, source: tuple[int, int]) -> range:
    """The positions in the output that a span covers."""
    n = len(run.started.prompt_ids)
    return range(max(source[0] - n, 0), max(min(source[1] - n, len(run.text_parts)), 0))
