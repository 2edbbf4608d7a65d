"""What an experiment is asked to do: read from TOML, and checked before anything is loaded."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.config import Config, ModelSpec
from engine.drafting.length import length_kind
from engine.drafting.registry import drafter_kind
from engine.errors import ConfigError, DraftscopeError, PromptError
from engine.experiments.prompts import Prompt, choose, read_prompts, suite
from engine.rules import RULES

REPEATS_MAX = 100


class PromptChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which prompts: of a file of one's own, or of the suite that ships; of these kinds (none: all
    kinds), so many in all, spread evenly (0: all)."""

    file: str = ""
    kinds: tuple[str, ...] = ()
    number: int = 0


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An experiment: every combination of its lists, over a set of prompts.

    target, draft: sources as of `ModelSpec`; "" is the embedded model. Drafters that need no draft
    model run once for each target. repeats: how often each combination is run. threads to
    precision: how all models are loaded, as of `ModelSpec`. exit_layer: of the drafter
    `early-exit`, as of `Config`. record: keep the events of every run, so that it can be replayed.
    """

    title: str = ""
    target: tuple[str, ...] = ("",)
    draft: tuple[str, ...] = ()
    drafter: tuple[str, ...] = ("ngram",)
    gamma: tuple[int, ...] = (4,)
    temperature: tuple[float, ...] = (0.0,)
    rule: tuple[str, ...] = ("rejection",)
    length_policy: tuple[str, ...] = ("fixed",)
    prompts: PromptChoice = PromptChoice()
    top_k: int = 0
    top_p: float = 1.0
    max_tokens: int = 64
    repeats: int = 3
    seed: int = 0
    threads: int = 0
    gpu_layers: int = -1
    context: int = 0
    device: str = "auto"
    precision: str = "auto"
    exit_layer: int = 0
    record: bool = True


GRID = ("target", "draft", "drafter", "gamma", "temperature", "rule", "length_policy")


def read_spec(path: Path) -> Spec:
    """The spec in a TOML file; its relative paths are taken from the file's folder.

    Raises ConfigError that names line and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path.name}.", "Check the path of the spec.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}.", "Give a TOML file.") from None
    return parse_spec(text, path.name, path.resolve().parent)


def parse_spec(text: str, name: str, folder: Path) -> Spec:
    """The spec in a TOML text. name: as errors call it. Raises ConfigError, as `read_spec`."""
    hint = f"The keys are: {', '.join((*GRID, 'prompts', 'max_tokens', 'repeats', 'seed'))} …"
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not TOML: {_with_line(str(error), text)}.", hint) from None
    if not data:
        raise ConfigError(f"{name} is empty: it names no experiment.", hint)
    try:
        spec = msgspec.convert(data, Spec)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        keys = [key for key in re.split(r"[.\[]", where.rstrip("`")) if not key.endswith("]")]
        if unknown := re.search(r"unknown field `(\w+)`", what):
            keys.append(unknown[1])
            what = "it is not a key of a spec"
        raise _wrong(text, name, [key for key in keys if key], what, hint) from None
    return _checked(
        _anchored(spec, folder), lambda key, why, help: _wrong(text, name, [key], why, help)
    )


def _wrong(text: str, name: str, keys: Sequence[str], why: str, hint: str) -> ConfigError:
    key = ".".join(keys)
    return ConfigError(f"{name}, line {line_of(text, keys)}, {key}: {why}.", hint)


def line_of(text: str, keys: Sequence[str]) -> int:
    """The line of a TOML text on which a key stands (1 for one that stands nowhere)."""
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
            table = header[1].split(".")
            if table == list(keys):
                return number
        elif key := re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line):
            here = [*table, *key[1].split(".")]
            if here == list(keys) or here == list(keys[:1]):
                return number
    return 1


def _with_line(message: str, text: str) -> str:
    """tomllib says "at end of document" where the last line is unfinished."""
    lines = max(len(text.splitlines()), 1)
    return message.replace("at end of document", f"at line {lines}, the end")


def _anchored(spec: Spec, folder: Path) -> Spec:
    """Relative files as seen from the spec's folder, where they are there."""

    def anchored(source: str) -> str:
        path = folder / source
        return str(path) if source and path.exists() else source

    prompts = msgspec.structs.replace(spec.prompts, file=anchored(spec.prompts.file))
    return msgspec.structs.replace(
        spec,
        target=tuple(map(anchored, spec.target)),
        draft=tuple(map(anchored, spec.draft)),
        prompts=prompts,
    )


def checked(spec: Spec) -> Spec:
    """The spec, or ConfigError for what cannot be run; of combinations that are refused only some
    cells are marked, see `grid`."""

    def wrong(key: str, why: str, hint: str) -> ConfigError:
        return ConfigError(f"{key}: {why}.", hint)

    return _checked(spec, wrong)


def _checked(spec: Spec, wrong: Callable[[str, str, str], ConfigError]) -> Spec:
    for key in GRID:
        values: tuple[Any, ...] = getattr(spec, key)
        if not values and key != "draft":
            raise wrong(key, "the list is empty", "Give at least one value.")
        if len(set(values)) < len(values):
            raise wrong(key, "a value stands there twice", "Give each value once.")
    if not 1 <= spec.repeats <= REPEATS_MAX:
        raise wrong("repeats", f"{spec.repeats} is outside 1 to {REPEATS_MAX}", "3 is usual.")
    key = "drafter"
    try:
        for drafter in spec.drafter:
            kind = drafter_kind(drafter)
            if kind.needs_model and not spec.draft:
                raise wrong(
                    "drafter",
                    f"{drafter!r} needs a draft model and the spec names none",
                    'Add draft = ["FILE.gguf"], or leave the drafter out.',
                )
        key = "rule"
        for rule in spec.rule:
            if rule not in RULES:
                raise ConfigError(f"There is no rule {rule!r}.", f"Known: {', '.join(RULES)}.")
        key = "length_policy"
        for policy in spec.length_policy:
            length_kind(policy)
        for key in ("gamma", "temperature"):
            for value in getattr(spec, key):
                Config(**{key: value}).validated()
                if key == "gamma" and value == 0:
                    raise wrong(
                        key, "0 is plain decoding, which is measured anyway", "Leave it out."
                    )
        for key in ("top_k", "top_p", "max_tokens", "seed", "exit_layer"):
            Config(**{key: getattr(spec, key)}).validated()
        for key in ("device", "precision"):
            ModelSpec(**{key: getattr(spec, key)}).validated()
        key = "prompts"
        prompts_of(spec)
    except ConfigError as error:
        if re.search(r"\bline \d+, ", error.message) or error.message.startswith(f"{key}: "):
            raise
        raise wrong(key, error.message.rstrip("."), error.hint) from None
    except PromptError as error:
        raise wrong(key, error.message.rstrip("."), error.hint) from None
    return spec


def prompts_of(spec: Spec) -> tuple[Prompt, ...]:
    """The prompts that an experiment runs over. Raises PromptError."""
    choice = spec.prompts
    known = read_prompts(Path(choice.file)) if choice.file else suite()
    return choose(known, choice.kinds, choice.number)


def first_reason(error: DraftscopeError) -> str:
    """Why a cell has no figures, in one line."""
    return " ".join(filter(None, (error.message, error.hint)))
