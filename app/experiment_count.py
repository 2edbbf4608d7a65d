"""What an experiment would come to, and what stops it: pure functions of its spec, fast enough to
be asked at every key that is pressed."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from engine.drafting.registry import DRAFTERS
from engine.errors import DraftscopeError
from engine.experiments.grid import grid
from engine.experiments.prompts import Prompt, choose, read_prompts, suite
from engine.experiments.spec import GRID, PromptChoice, Spec, checked
from engine.experiments.sweep import duration_left

SETTINGS_MAX = 10_000
"""Counted one by one in about 60 ms; more of them, nobody waits for."""
_CHECKED = (*GRID, "prompts", "top_k", "top_p", "max_tokens", "repeats", "seed")


@dataclass(frozen=True, slots=True)
class Count:
    """cells: all, the refused ones too. runs: without baselines. factors: such as "3 γ".
    plain: whether their product is the number of cells. refused: reasons, each with its cells."""

    cells: int
    runs: int
    baselines: int
    prompts: int
    factors: tuple[str, ...]
    plain: bool
    refused: tuple[tuple[str, int], ...] = ()

    @property
    def refused_cells(self) -> int:
        return sum(n for _, n in self.refused)


_EMPTY = {
    "target": "Add at least one target.",
    "drafter": "Check at least one drafter.",
    "gamma": "Write at least one γ, such as 4.",
    "temperature": "Write at least one temperature, such as 0.",
    "rule": "Check at least one rule.",
    "length_policy": "Check at least one length policy.",
}
_DRAFT = "{} needs a draft model. Add one to the drafts, or leave this drafter out."


def problems(spec: Spec) -> dict[str, str]:
    """What makes a spec invalid, by the key that it is about: "grid" is about all of them."""
    found: dict[str, str] = {}
    for key in _CHECKED:
        if said := _problem(spec, key):
            found[key] = said
    for key in ("target", "draft"):
        for source in getattr(spec, key):
            path = Path(source)
            if path.suffix.lower() == ".gguf" and not path.is_file():
                said = f"{path.name} is no longer there. Remove it, or choose another."
                found.setdefault(key, said)
    product = math.prod(len(getattr(spec, key)) or 1 for key in GRID)
    if product > SETTINGS_MAX:
        found["grid"] = (
            f"{product:,} combinations are more than {SETTINGS_MAX:,}. Leave some values out."
        )
    return found


def _problem(spec: Spec, key: str) -> str:
    """What is wrong with one field: said for a form where the engine speaks of a file."""
    value = getattr(spec, key)
    if key in _EMPTY and not value:
        return _EMPTY[key]
    if key == "drafter" and not spec.draft:
        for name in value:
            if name in DRAFTERS and DRAFTERS[name].needs_model:
                return _DRAFT.format(f"“{DRAFTERS[name].title}”")
    try:
        if key == "prompts":
            chosen_prompts(value)  # whose errors may begin with the name of a file
        else:  # beside what is always right
            alone = Spec(prompts=PromptChoice(number=1), draft=("",) if key == "drafter" else ())
            checked(msgspec.structs.replace(alone, **{key: value}))
    except DraftscopeError as error:
        said = error.message.removeprefix(f"{key}: ")
        if key != "prompts" and said[:1].isascii():  # γ stays small
            said = said[:1].upper() + said[1:]
        return f"{said} {error.hint}".strip()
    return ""


def chosen_prompts(choice: PromptChoice) -> tuple[Prompt, ...]:
    """As `prompts_of`; a file is read again only when it changed. Raises PromptError."""
    return choose(known_prompts(choice.file), choice.kinds, choice.number)


def known_prompts(file: str) -> tuple[Prompt, ...]:
    """All prompts of a file, or of the suite. Raises PromptError."""
    if not file:
        return suite()
    try:
        stat = Path(file).stat()
    except OSError:
        return read_prompts(Path(file))  # which says what is wrong
    return _read(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(file: str, _mtime_ns: int, _size: int) -> tuple[Prompt, ...]:
    return read_prompts(Path(file))


def count(spec: Spec) -> Count:
    """Of a spec without `problems`. The grid is laid out for one prompt and one repeat: which
    cells are refused does not depend on either."""
    prompts = len(chosen_prompts(spec.prompts))
    one = msgspec.structs.replace(spec.prompts, number=1)
    laid = grid(msgspec.structs.replace(spec, prompts=one, repeats=1))
    reasons = Counter(cell.refused for cell in laid.cells if cell.refused)
    cells = len(laid.cells) * prompts
    factors = _factors(spec, prompts)
    return Count(
        cells=cells,
        runs=laid.runs * prompts * spec.repeats,
        baselines=len(laid.blocks) * prompts * spec.repeats,
        prompts=prompts,
        factors=tuple(f"{n:,} {word if n == 1 else words}" for n, word, words in factors),
        plain=math.prod(n for n, _, _ in factors) == cells,
        refused=tuple((reason, n * prompts) for reason, n in reasons.most_common()),
    )


def _factors(spec: Spec, prompts: int) -> list[tuple[int, str, str]]:
    """Drafters, γ, T and prompts always; the rest where there is more than one."""
    kinds = [DRAFTERS[name] for name in spec.drafter]
    drafts = len(spec.draft) if any(k.needs_model or k.may_use_model for k in kinds) else 0
    many = [
        (len(spec.target), "target", "targets"),
        (drafts, "draft", "drafts"),
    ]
    few = [
        (len(spec.rule), "rule", "rules"),
        (len(spec.length_policy), "length policy", "length policies"),
    ]
    return [
        *(factor for factor in many if factor[0] > 1),
        (len(spec.drafter), "drafter", "drafters"),
        (len(spec.gamma), "γ", "γ"),
        (len(spec.temperature), "T", "T"),
        *(factor for factor in few if factor[0] > 1),
        (prompts, "prompt", "prompts"),
    ]


def count_words(found: Count, seconds_per_run: float | None = None) -> str:
    """Such as "2 drafters × 3 γ × 2 T × 12 prompts: 144 cells, 432 runs and 72 baselines"."""
    # A drafter that chooses γ itself has fewer cells: there, a product would be wrong.
    factors = (" × " if found.plain else ", ").join(found.factors)
    words = (
        f"{factors}: {_n(found.cells, 'cell')}, {_n(found.runs, 'run')} "
        f"and {_n(found.baselines, 'baseline')}"
    )
    if seconds_per_run is None or not found.runs:
        return words
    return f"{words}, about {duration_left((found.runs + found.baselines) * seconds_per_run)}"


def refused_words(found: Count) -> tuple[str, str]:
    """One line about the refused cells, and all reasons; "" where none is refused."""
    n = found.refused_cells
    if not n:
        return "", ""
    are = "is" if n == 1 else "are"
    line = f"{_n(n, 'cell')} {are} refused: {found.refused[0][0]}"
    if len(found.refused) > 1:
        line = f"{_n(n, 'cell')} {are} refused, for {len(found.refused)} reasons"
    return line, "\n".join(f"{_n(n, 'cell')}: {reason}" for reason, n in found.refused)


def fewer_words(spec: Spec) -> str:
    """Why there are fewer cells than the lists multiply to, for a tooltip; "" if all counts."""
    titles = [DRAFTERS[name].title for name in spec.drafter]
    own = [title for name, title in zip(spec.drafter, titles, strict=True)
           if DRAFTERS[name].chooses_gamma]  # fmt: skip
    lone = [title for name, title in zip(spec.drafter, titles, strict=True)
            if not (DRAFTERS[name].needs_model or DRAFTERS[name].may_use_model)]  # fmt: skip
    lines = [f"“{title}” chooses the length itself: it runs once for all γ." for title in own]
    if len(spec.draft) > 1:
        lines += [f"“{title}” uses no draft: it runs once for all of them." for title in lone]
    return "\n".join(lines)


def _n(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"
