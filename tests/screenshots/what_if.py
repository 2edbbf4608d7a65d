"""Pictures of the what-if box: `python tests/screenshots/what_if.py FOLDER`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parents[2]))

from PySide6.QtWidgets import QApplication

from app import theme
from app.panels.what_if import WhatIfBox
from engine.config import Config, ModelSpec
from engine.job import Job, JobRunner
from engine.trace import Run, Trace
from engine.whatif.rerun import what_if_job

WIDTHS = {"narrow": 390, "wide": 900}
PROMPT = "the cat sat on the mat and the cat sat on the mat and the old dog ran to the house and"
TOY = ModelSpec("toy")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    theme.install(application)
    runner = JobRunner()
    runs: dict[str, Run] = {}
    for name, config in {
        "chain": Config(gamma=5, temperature=0.8, max_tokens=60, seed=3),
        "tree": Config(gamma=3, temperature=0.9, max_tokens=40, seed=2, branches=(2, 2)),
    }.items():
        trace = Trace()
        runner.run(Job(PROMPT, config, TOY, TOY, baseline="none"), trace.apply)
        assert trace.run is not None
        runs[name] = trace.run

    def ask(box: WhatIfBox) -> None:
        run, number, _ = box._round
        box.show_result(runner.what_if(what_if_job(run, number, box.change, TOY, TOY)))

    def cool(box: WhatIfBox) -> None:
        box.controls.temperature.edit.value = 0.3

    def hot(box: WhatIfBox) -> None:
        box.controls.temperature.edit.value = 1.6

    def coin(box: WhatIfBox) -> None:
        box.controls.u.edit.value = 0.9991

    def longer(box: WhatIfBox) -> None:
        box.controls.gamma.edit.value = 9
        box.controls.top_k.edit.value = 20

    def typical(box: WhatIfBox) -> None:
        box.controls.rule.choice.name = "typical"

    def refused(box: WhatIfBox) -> None:
        box.controls.rule.choice.name = "greedy"

    states: dict[str, tuple[str, list[Callable[[WhatIfBox], None]]]] = {
        "unchanged": ("chain", []),
        "cool": ("chain", [cool]),
        "hot": ("chain", [hot]),
        "hot-models": ("chain", [hot, ask]),
        "coin": ("chain", [coin]),
        "longer": ("chain", [longer]),
        "longer-models": ("chain", [longer, ask]),
        "typical": ("chain", [typical]),
        "refused": ("chain", [refused]),
        "tree": ("tree", []),
        "tree-coin": ("tree", [coin]),
        "none": ("", []),
    }
    for scheme in ("light", "dark"):
        theme.set_scheme(scheme)
        for size, width in WIDTHS.items():
            for name, (of, steps) in states.items():
                box = WhatIfBox()
                if of:
                    run = runs[of]
                    long = next(
                        r.index for r in run.rounds if r.index > 0
                        and r.verified.added_kind == "resampled"
                    )  # fmt: skip
                    box.show_round(run, long, run.rounds[long].verified.n_accepted)
                else:
                    box.show_round(None)
                box.resize(width, box.heightForWidth(width))
                for step in steps:
                    step(box)
                box.resize(width, box.heightForWidth(width))
                box.grab().save(str(folder / f"{name}-{size}-{scheme}.png"))
    runner.close()


if __name__ == "__main__":
    main()
