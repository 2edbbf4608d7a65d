"""Pictures of the token inspector: `python tests/screenshots/inspector.py FOLDER [--only PART]`.

Each state narrow and wide, light and dark; for eyes and for comparing before and after.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parents[2]))

from PySide6.QtWidgets import QApplication

from app import motion, theme
from app.panels.inspector import InspectorPanel
from engine.config import Config, ModelSpec
from engine.events import Judged
from engine.inspected import Inspection
from engine.inspection import inspect, places
from engine.job import Job, JobRunner
from engine.trace import Run, TokenState, Trace
from tests.app.method_traces import Script, block_trace, copy_trace, lenient_trace
from tests.app.traces import make_trace

SIZES = {"narrow": (390, 840), "wide": (900, 640)}
PROMPT = "the cat sat on the mat and the cat sat on the mat and the old dog ran to the house and"
Place = tuple[Run | None, int, int]


def toy_run(config: Config) -> Run:
    trace = Trace()
    runner = JobRunner()
    toy = ModelSpec("toy")
    try:
        runner.run(Job(PROMPT, config, toy, toy, baseline="none"), trace.apply)
    finally:
        runner.close()
    assert trace.run is not None
    return trace.run


def find(run: Run | None, wanted: Callable[[Inspection], bool], *, after: int = 2) -> Place:
    """The first token of that kind."""
    assert run is not None
    for number in range(min(after, len(run.rounds) - 1), len(run.rounds)):
        for index in places(run, number):
            shown = inspect(run, number, index)
            if shown is not None and wanted(shown):
                return run, number, index
    raise LookupError(f"no such token in a run of {run.started.config}")


def state(wanted: TokenState) -> Callable[[Inspection], bool]:
    return lambda shown: shown.token.state is wanted


def reference() -> Place:
    """The figures of shared/reference/inspector-light.png."""
    from engine.events import Top
    from tests.app.method_traces import replace

    script = Script(Config(gamma=5, temperature=0.8, top_p=0.95))
    for _ in range(16):
        script.plain(2, 3)
    texts = [" return", " s", " ==", " s", "[:"]
    script.propose(texts)
    judged = [Judged(0.9, 0.8, 0.2, 1.0, 0.9)] * 3
    judged.append(Judged(0.3121, 0.6840, 0.7219, 0.4563, 0.6281))
    script.verdict(judged, 3, added=" normalized")
    run = script.trace.run
    assert run is not None
    current = run.rounds[16]
    ids = tuple(script.id(t) for t in (" s", " normalized", " text", " (s", " string"))
    run.pieces.update(zip(ids, (" s", " normalized", " text", "(s", " string"), strict=True))
    q = Top((ids[0], ids[1], ids[2], ids[4], ids[3]), (0.684, 0.1877, 0.0402, 0.032, 0.0211))
    p = Top((ids[1], *ids[:1], *ids[2:]), (0.5204, 0.3121, 0.0611, 0.0388, 0.0207))
    current.drafted[3] = replace(current.drafted[3], top=q, q=0.684)
    assert current.verified is not None
    tops = (*current.verified.tops[:3], p)
    residual = Top((ids[1], ids[2], ids[3]), (0.8946, 0.0562, 0.0476))
    current.verified = replace(
        current.verified, tops=tops, residual_top=residual, added_p=0.8946, added_u=0.118
    )
    return run, 16, 3


def scenes() -> dict[str, Callable[[], Place]]:
    sampled = toy_run(Config(temperature=0.8, gamma=5, max_tokens=120, seed=3))
    block = toy_run(Config(temperature=0.8, gamma=5, max_tokens=200, seed=3, rule="block"))
    typical = toy_run(Config(temperature=0.8, gamma=4, max_tokens=120, seed=3, rule="typical"))
    lenient = toy_run(Config(temperature=0.8, max_tokens=120, seed=3, rule="lenient"))
    match = toy_run(Config(temperature=0.8, max_tokens=120, seed=3, rule="sample-match"))
    greedy = toy_run(Config(max_tokens=300, gamma=5))
    copied = toy_run(Config(max_tokens=300, gamma=5, drafter="ngram-table"))
    tree = toy_run(Config(temperature=0.8, gamma=3, branches=(3, 2), max_tokens=300, seed=5))
    ngram = toy_run(Config(temperature=0.8, drafter="ngram", max_tokens=300, seed=3))
    table = toy_run(Config(temperature=0.8, drafter="ngram-table", max_tokens=200, seed=3))
    rejected, resampled = state(TokenState.REJECTED), state(TokenState.RESAMPLED)
    accepted, discarded = state(TokenState.ACCEPTED), state(TokenState.DISCARDED)
    bonus = state(TokenState.BONUS)
    return {
        "reference": reference,
        "accepted": lambda: find(sampled, accepted),
        "rejected": lambda: find(sampled, rejected),
        "resampled": lambda: find(sampled, resampled),
        "bonus": lambda: find(sampled, bonus),
        "discarded": lambda: find(sampled, discarded),
        "block-rejected": lambda: find(block, rejected),
        "block-discarded": lambda: find(block, discarded),
        "block-carried": lambda: (block_trace().run, 1, 1),
        "typical-accepted": lambda: find(typical, accepted),
        "typical-rejected": lambda: find(typical, rejected),
        "lenient": lambda: find(lenient, rejected),
        "lenient-T0": lambda: (lenient_trace().run, 0, 2),
        "compare": lambda: find(match, rejected),
        "greedy-accepted": lambda: find(greedy, accepted),
        "greedy-rejected": lambda: find(copied, rejected),
        "greedy-bonus": lambda: find(greedy, bonus),
        "tree-sibling": lambda: find(tree, lambda s: s.elders == 1 and accepted(s)),
        "tree-elder": lambda: find(tree, lambda s: s.next_sibling is not None),
        "tree-resampled": lambda: find(tree, resampled),
        "tree-pruned": lambda: find(tree, discarded),
        "ngram": lambda: find(ngram, lambda s: s.source is not None and rejected(s)),
        "ngram-table": lambda: find(table, rejected),
        "copied": lambda: (copy_trace("suffix").run, 2, 1),
        "bytes": lambda: find(make_trace(rounds=60).run, lambda s: s.hidden and accepted(s)),
        "pending": lambda: (make_trace(rounds=6, open_drafted=3).run, 6, 1),
        "baseline": lambda: (make_trace().runs[0], 5, 0),
        "none": lambda: (None, -1, -1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a scene's name")
    parser.add_argument("--scheme", choices=("light", "dark"), action="append")
    parser.add_argument("--size", choices=tuple(SIZES), action="append")
    parser.add_argument("--progress", type=float, default=1.0, help="of the animation")
    parser.add_argument("--picture", action="store_true", help="as `Copy as PNG` makes it")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    application = QApplication([])
    theme.install(application)
    motion.set_reduced(True)
    for name, scene in scenes().items():
        if options.only not in name:
            continue
        for scheme in options.scheme or ("light", "dark"):
            theme.set_scheme(scheme)
            for size in options.size or SIZES:
                panel = InspectorPanel()
                panel.resize(*SIZES[size])
                panel.show()
                panel.setFocus()
                panel.show_token(*scene())
                panel.page.set_progress(options.progress)
                application.processEvents()
                file = options.folder / f"{name}-{size}-{scheme}.png"
                (panel.picture() if options.picture else panel.grab()).save(str(file))
                panel.close()
                panel.deleteLater()


if __name__ == "__main__":
    main()
