"""The prompts that ship, by kind: what is said in them is ours, so anyone may show it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

import engine

FILE = Path(engine.__file__).resolve().parent.parent / "assets" / "prompts" / "presets.toml"


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One prompt. kind: the heading that it stands under. raw: without the chat template."""

    title: str
    kind: str
    text: str
    raw: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    preset: list[Preset]


@cache
def presets(file: Path = FILE) -> tuple[Preset, ...]:
    """All presets in the order of the file, the first-run prompt first; empty without the file."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return ()
    return tuple(msgspec.convert(tomllib.loads(text), _File).preset)


def first_prompt() -> str:
    """What stands in the prompt box at the first start."""
    return presets()[0].text if presets() else ""
