"""Stage one as files: parts of the text, each written once, so that a kill costs one part."""

# pyright: basic
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.distil import prompts
from engine.distil.folder import Folder, unwritable
from engine.distil.plan import Plan
from engine.distil.target import Target
from engine.distil.text import write_part
from engine.distil.writing import write


def drawn_in(folder: Folder) -> list[int]:
    """The tokens that the target drew in each part that is there."""
    counts: list[int] = []
    for path in folder.parts:
        with np.load(path) as stored:
            counts.append(int(stored["chosen"].sum()))
    return counts


def write_text(target: Target, plan: Plan, folder: Folder, tell: Callable[[int], None]) -> None:
    """Write parts until the text has plan.tokens of the target's own.

    tell: receives the tokens written so far, and may raise to stop. Each part depends on the plan
    and its own number only: resumed work writes what undisturbed work would have written.
    """
    counts = drawn_in(folder)
    done = sum(counts)
    number = len(counts)
    while done < plan.tokens:
        asked = [prompts.asked(plan.seed, number * plan.rows + i) for i in range(plan.rows)]
        texts = write(
            target.network,
            target.chat,
            asked,
            target.encode,
            plan.answer,
            plan.seed * 1_000_003 + number,
            lambda drawn, before=done: tell(before + drawn),
        )
        try:
            write_part(folder.part(number), texts)
        except OSError as error:
            raise unwritable(folder.work, error) from error
        done += sum(int(text.chosen.sum()) for text in texts)
        number += 1
