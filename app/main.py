"""Where everything is put together: the commands of `engine.cli`, and the window.

Qt and the engine are imported when the window opens, so that commands stay quick and free of Qt.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.render.cli import render
from engine.cli import clear_errors, cli
from engine.errors import ConfigError

SWITCH_INTERVAL = 1e-5
"""Seconds after which a thread that waits for the interpreter gets it. Engine and window share it:
at Python's default of 5 ms each of the engine's calls into llama.cpp and numpy may wait for a whole
frame's painting. Measured with tests/bench/window_cost.py."""

_MODEL = "GGUF file, Hugging Face folder or cached hub id, or 'toy'."

cli.command()(render)


@dataclass(frozen=True)
class WindowOptions:
    """What the command line asks of the window."""

    replay: str = ""
    size: str = ""
    theme: str = ""
    screenshot: Path | None = None
    quit_after: float | None = None
    target: str = ""
    draft: str = ""
    run: bool = False


@cli.callback(invoke_without_command=True)
def window(
    context: typer.Context,
    replay: Annotated[
        str, typer.Option(help="Open a recording; 'demo' and 'sampled' are bundled.")
    ] = "",
    size: Annotated[str, typer.Option(help="Size of the window, such as 1600x900.")] = "",
    theme: Annotated[str, typer.Option(help="light, dark or system.")] = "",
    screenshot: Annotated[
        Path | None, typer.Option(help="Save a picture of the window once it has settled.")
    ] = None,
    quit_after: Annotated[
        float | None, typer.Option(help="Close the window after so many seconds.")
    ] = None,
    target: Annotated[str, typer.Option(help=_MODEL)] = "",
    draft: Annotated[str, typer.Option(help=_MODEL)] = "",
    run: Annotated[bool, typer.Option("--run", help="Press Run at once.")] = False,
) -> None:
    """An instrument for speculative decoding. Without a command, the window opens."""
    if context.invoked_subcommand is not None:
        return
    options = WindowOptions(replay, size, theme, screenshot, quit_after, target, draft, run)
    with clear_errors(debug=False):
        parsed_size(options.size)
        if options.theme not in ("", "light", "dark", "system"):
            raise ConfigError(
                f"There is no theme {options.theme!r}.", "Known themes: light, dark, system."
            )
    from app.launch import open_window

    raise typer.Exit(open_window(options))


def parsed_size(text: str) -> tuple[int, int] | None:
    """ "1600x900" as numbers; None for "". Raises ConfigError."""
    if not text:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ConfigError(f"{text!r} is no size.", "Give width and height, such as 1600x900.")
    return int(width), int(height)


def main() -> None:
    """The console script `draftscope`."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    cli()
