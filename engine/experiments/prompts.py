"""The prompts that experiments run over: the suite that ships, or a file of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import cast

import msgspec

import engine
from engine.errors import PromptError

FILE = Path(engine.__file__).resolve().parent.parent / "assets" / "prompts" / "suite.toml"
KINDS: tuple[str, ...] = ("chat", "code", "summarise", "translate", "maths", "copy")
"""The kinds of the suite. copy: the answer repeats much of a text that the prompt holds."""
BYTES_MAX = 16 << 20

_TOML = "A prompt begins with a line [[prompt]] and has a text; id, kind and raw are optional."
_JSONL = "A line is an object with text (or prompt); id, kind and raw are optional."
_PLAIN = "Prompts are separated by lines that hold only ---."


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One prompt. id: unique in its file. raw: without the chat template."""

    id: str
    text: str
    kind: str = ""
    raw: bool = False


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """A prompt as files hold it; `prompt` is the name of the text in many JSONL files."""

    id: str | int = ""
    text: str | None = None
    prompt: str | None = None
    kind: str = ""
    raw: bool = False


@cache
def suite(file: Path = FILE) -> tuple[Prompt, ...]:
    """The prompts that ship, grouped by kind in the order of `KINDS`. Raises PromptError."""
    if not file.exists():
        raise PromptError(
            "The bundled prompt suite is not installed.", "Give a file of your own prompts."
        )
    return read_prompts(file)


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """The prompts of a file, in its order; one without an id gets "p" and its number, from 1.

    .toml: [[prompt]] entries as in the suite. .jsonl, .ndjson: an object a line. .txt: texts
    between lines that hold only ---. Raises PromptError naming the line or the entry.
    """
    text = _text_of(path)
    if not text.strip():
        raise PromptError(f"{path.name} is empty.", "Write at least one prompt into it.")
    places: dict[str, str] = {}
    prompts: list[Prompt] = []
    for place, prompt in _READERS[path.suffix.lower()](text, path.name):
        if not prompt.text.strip():
            raise PromptError(
                f"The text of {place} of {path.name} is empty.", "Write a text, or remove it."
            )
        if prompt.id in places:
            raise PromptError(
                f'{path.name} has the id "{prompt.id}" twice: {places[prompt.id]} and {place}.',
                'Give each prompt an id of its own; one without an id gets "p" and its number.',
            )
        places[prompt.id] = place
        prompts.append(prompt)
    return tuple(prompts)


def choose(
    prompts: Sequence[Prompt], kinds: Sequence[str] = (), number: int = 0
) -> tuple[Prompt, ...]:
    """Of the prompts of these kinds (none: all), `number` in turn from each kind (0: all).

    Within a kind the first are taken first, so that a greater number only adds prompts; a kind
    that runs out leaves its turns to the others. The order stays that of `prompts`. Raises
    PromptError for a kind that no prompt has.
    """
    if number < 0:
        raise PromptError(f"{number} prompts cannot be chosen.", "Give a number, or 0 for all.")
    by_kind: dict[str, list[int]] = {}
    for i, prompt in enumerate(prompts):
        by_kind.setdefault(prompt.kind, []).append(i)
    for kind in kinds:
        if kind not in by_kind:
            known = ", ".join(name for name in by_kind if name)
            raise PromptError(
                f'There are no prompts of the kind "{kind}".',
                f"The kinds are: {known}." if known else "These prompts name no kinds.",
            )
    wanted = [by_kind[kind] for kind in dict.fromkeys(kinds or by_kind)]
    in_turn = [i for turn in zip_longest(*wanted) for i in turn if i is not None]
    return tuple(prompts[i] for i in sorted(in_turn[: number or None]))


def _text_of(path: Path) -> str:
    try:
        size = path.stat().st_size
        if path.suffix.lower() not in _READERS:
            raise PromptError(
                f"{path.name} is no file of prompts that is known here.",
                f"Its name should end in {', '.join(_READERS)}.",
            )
        if size > BYTES_MAX:
            raise PromptError(
                f"{path.name} has more than {BYTES_MAX >> 20} MiB.",
                "Give a file with fewer prompts.",
            )
        return path.read_text("utf-8-sig")  # some editors begin a file with a byte order mark
    except FileNotFoundError:
        raise PromptError(f"There is no file {path.name}.", "Check the path.") from None
    except OSError as error:
        raise PromptError(
            f"{path.name} cannot be read: {error.strerror}.", "Give the path of a readable file."
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise PromptError(
            f"Line {line} of {path.name} is not text in UTF-8.", "Save the file as UTF-8."
        ) from None


def _from_toml(text: str, name: str) -> list[tuple[str, Prompt]]:
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also numbers of too many digits
        raise PromptError(f"{name} is not valid TOML: {error}.", _TOML) from None
    for key in content:
        if key != "prompt":
            raise PromptError(f'{name} has an unknown key "{key}".', _TOML)
    entries = content.get("prompt")
    if not isinstance(entries, list) or not entries:
        raise PromptError(f"{name} holds no [[prompt]].", _TOML)
    found: list[tuple[str, Prompt]] = []
    for number, entry in enumerate(cast("list[object]", entries), 1):
        place = f"prompt {number}"
        try:
            found.append((place, _prompt(msgspec.convert(entry, _Entry), number)))
        except msgspec.ValidationError as error:
            raise _malformed(place, name, error, _TOML) from None
    return found


def _from_lines(text: str, name: str) -> list[tuple[str, Prompt]]:
    found: list[tuple[str, Prompt]] = []
    # No splitlines: a JSON text may hold other line separators as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            entry = msgspec.json.decode(line, type=_Entry)
            found.append((place, _prompt(entry, len(found) + 1)))
        except (msgspec.DecodeError, RecursionError) as error:
            raise _malformed(place, name, error, _JSONL) from None
    return found


def _from_plain(text: str, name: str) -> list[tuple[str, Prompt]]:
    parts: list[list[str]] = [[]]
    starts = [1]
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() == "---":
            parts.append([])
            starts.append(number + 1)
        else:
            parts[-1].append(line)
    if len(parts) > 1 and not any(line.strip() for line in parts[-1]):
        parts.pop()  # a separator at the end separates nothing
    return [
        (f"prompt {i} (line {start})", Prompt(f"p{i}", "\n".join(lines).strip("\n")))
        for i, (start, lines) in enumerate(zip(starts, parts, strict=False), 1)
    ]


def _prompt(entry: _Entry, number: int) -> Prompt:
    if entry.text is not None and entry.prompt is not None:
        raise msgspec.ValidationError("it has both a text and a prompt")
    text = entry.prompt if entry.text is None else entry.text
    if text is None:
        raise msgspec.ValidationError("it has no text")
    named = str(entry.id).strip()
    if not named.isprintable():
        raise msgspec.ValidationError("its id has line breaks or other control characters")
    return Prompt(named or f"p{number}", text, entry.kind, entry.raw)


def _malformed(place: str, name: str, error: Exception, hint: str) -> PromptError:
    reason = str(error).replace("`", '"')
    return PromptError(
        f"{place.capitalize()} of {name} is malformed: {reason[:1].lower()}{reason[1:]}.", hint
    )


_READERS = {
    ".toml": _from_toml,
    ".jsonl": _from_lines,
    ".ndjson": _from_lines,
    ".txt": _from_plain,
}
