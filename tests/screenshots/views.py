"""Pictures of the views from synthetic traces: `python tests/screenshots/views.py FOLDER`.

Light and dark, at one and two device pixels a pixel; for eyes and for comparing before and after.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parents[2]))

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSlider,
    QSpinBox,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from app.style_sheet import pad_spin_box
from app.views.legend import Legend
from app.views.round_view import RoundView
from app.views.timeline import Timeline
from app.views.token_tooltip import token_tooltip
from app.views.token_view import TokenView
from engine.trace import Run, Trace
from tests.app.method_traces import (
    block_trace,
    copy_trace,
    lenient_trace,
    policy_trace,
    tree_trace,
    typical_trace,
)
from tests.app.traces import make_trace

Scene = Callable[[], QWidget]


class Background(QWidget):
    """A widget on the window colour, as in the centre column."""

    def paintEvent(self, event: object) -> None:
        QPainter(self).fillRect(self.rect(), theme.theme().window)


def centre(
    trace: Trace | None, *, width: int, height: int = 740, shown: int | None = None
) -> QWidget:
    """The centre column: rounds, legend, stream, timeline."""
    column = Background()
    box = QVBoxLayout(column)
    box.setContentsMargins(16, 16, 16, 8)
    box.setSpacing(8)
    rounds, stream, timeline = RoundView(), TokenView(), Timeline()
    run = trace.run if trace else None
    detail = ""
    if run is not None and trace is not None:
        detail = f"{run.tally.tokens:,} tokens · {run.tally.rounds:,} target calls"
        rounds.set_run(run, trace.baseline_of(run))
    legend = Legend("Output", detail)
    column.resize(width, height)
    for widget in (rounds, legend, stream, timeline):
        box.addWidget(widget)
    box.setStretch(2, 1)
    stream.set_run(run)
    timeline.set_run(run)
    if shown is not None:
        rounds.show_round(shown)
        timeline.show_round(shown)
        stream.show_round(shown)
    return column


def round_only(trace: Trace, *, width: int = 890, shown: int | None = None) -> QWidget:
    view = RoundView()
    assert trace.run is not None
    view.set_run(trace.run, trace.baseline_of(trace.run))
    view.show_round(shown)
    view.resize(width, view.sizeHint().height())
    return view


def scrolled_away(trace: Trace) -> QWidget:
    """A running stream that the person has scrolled up."""
    view = TokenView()
    view.resize(890, 300)
    view.set_run(trace.run)
    view.verticalScrollBar().setValue(40)
    view.refresh()
    return view


def stream_only(trace: Trace, *, dense: bool = False, rejected: bool = True) -> QWidget:
    view = TokenView()
    view.resize(890, 400)
    view.set_dense(dense)
    view.set_show_rejected(rejected)
    view.set_run(trace.run)
    view.verticalScrollBar().setValue(0)
    view.show_round(4)
    view.select(5, 1)
    view.verticalScrollBar().setValue(0)
    return view


def timeline_only(trace: Trace, *, width: int = 890, zoom: float = 1.0) -> QWidget:
    view = Timeline()
    view.resize(width, 76)
    view.set_run(trace.run)
    if zoom != 1.0:
        view.zoom(zoom, width / 2)
    return view


def copied_from(trace: Trace, *, width: int = 926, height: int = 740) -> QWidget:
    """The centre column with the pointer over a token that was copied from the output."""
    column = centre(trace, width=width, height=height)
    stream = column.findChild(TokenView)
    assert stream is not None
    assert trace.run is not None
    number = next(r.index for r in trace.run.rounds if r.drafted and r.index == 4)
    stream.show_source(number, 1)
    return column


def cards(trace: Trace, *places: tuple[int, int]) -> QWidget:
    """The cards of tokens at given places (round, index)."""
    assert trace.run is not None
    return board([token_tooltip(trace.run, number, index) for number, index in places])


def tooltips(run: Run) -> QWidget:
    """One card for each state."""
    seen: dict[int, str] = {}
    for cell in run.cells:
        if cell.state not in seen and cell.round > 2:
            seen[cell.state] = token_tooltip(run, cell.round, cell.index)
    return board(list(seen.values()))


def board(texts: list[str]) -> QWidget:
    """Cards side by side."""
    widget, current = Background(), theme.theme()
    row = QHBoxLayout(widget)
    row.setContentsMargins(16, 16, 16, 16)
    row.setSpacing(16)
    for text in texts:
        card = QLabel(text)
        card.setStyleSheet(
            f"background: {current.surface.name()}; padding: 8px 10px;"
            f"border: 1px solid {current.line.name()}"
        )
        row.addWidget(card, 0, Qt.AlignmentFlag.AlignTop)
    widget.resize(widget.sizeHint())
    return widget


def controls() -> QWidget:
    """What the style sheet makes of ordinary widgets."""
    board = QWidget()
    board.setAutoFillBackground(True)
    column = QVBoxLayout(board)
    column.setContentsMargins(20, 16, 20, 16)
    column.setSpacing(12)
    row = QHBoxLayout()
    current = theme.theme()
    run = QPushButton("Run")
    run.setProperty("kind", "primary")
    run.setIcon(assets.icon("run", theme.text_on(current.primary)))
    row.addWidget(run)
    for name in ("pause", "step", "stop"):
        button = QToolButton()
        button.setIcon(assets.icon(name, current.text))
        button.setEnabled(name != "stop")
        row.addWidget(button)
    speed = QSlider(Qt.Orientation.Horizontal)
    speed.setProperty("kind", "plain")
    speed.setValue(60)
    row.addWidget(speed)
    row.addWidget(QPushButton("Race"))
    flat = QPushButton("Flat")
    flat.setProperty("kind", "flat")
    row.addWidget(flat)
    column.addLayout(row)
    caption = QLabel("Prompt")
    caption.setFont(theme.font(theme.CAPTION))
    caption.setProperty("role", "caption")
    column.addWidget(caption)
    column.addWidget(QPlainTextEdit("Write a Python function that\nchecks whether a string is"))
    form = QFormLayout()
    form.setVerticalSpacing(10)
    combo = QComboBox()
    combo.addItems(["draft model", "n-gram"])
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setValue(40)
    spin = QSpinBox()
    spin.setValue(42)
    pad_spin_box(spin)
    off = QComboBox()
    off.addItem("disabled")
    off.setEnabled(False)
    badge = QLabel("lossless")
    badge.setProperty("role", "badge")
    check, bar = QCheckBox("Hide rejected tokens"), QProgressBar()
    check.setChecked(True)
    bar.setValue(30)
    for label, widget in (
        ("Drafter", combo), ("γ draft length", slider), ("seed", spin), ("name", QLineEdit("text")),
        ("off", off), ("rule", badge), ("", check), ("memory", bar),
    ):  # fmt: skip
        form.addRow(label, widget)
    column.addLayout(form)
    tabs = QTabBar()
    tabs.addTab("Speedup")
    tabs.addTab("Acceptance")
    column.addWidget(tabs)
    board.resize(520, 560)
    return board


def scenes() -> dict[str, Scene]:
    finished = make_trace(rounds=31, seed=3)
    long = make_trace(rounds=400, seed=4)
    running = make_trace(rounds=17, seed=3, open_drafted=3)
    verifying = make_trace(rounds=17, seed=3, open_drafted=5)
    wide = make_trace(rounds=12, gamma=16, seed=5, acceptance=0.93)
    toy = make_trace(rounds=12, seed=6, simulated=True, acceptance=0.4)
    copied = make_trace(rounds=24, seed=7, drafter="ngram", no_proposal=0.4)
    plain = make_trace(rounds=9, gamma=0, seed=8)
    alone = make_trace(rounds=9, seed=8, baseline=False)
    many = make_trace(rounds=20000, seed=9)
    assert finished.run is not None
    assert copied.run is not None
    empty_round = next(r.index for r in copied.run.rounds if not r.drafted)
    copied_round = next(r.index for r in copied.run.rounds if r.drafted and r.index > 3)
    return method_scenes() | {
        "centre-empty": lambda: centre(None, width=926),
        "centre-start": lambda: centre(make_trace(rounds=1, seed=3, open_drafted=2), width=926),
        "centre-running": lambda: centre(running, width=926),
        "centre-finished": lambda: centre(finished, width=926, shown=14),
        "centre-long": lambda: centre(long, width=926),
        "centre-narrow": lambda: centre(finished, width=500, shown=14),
        "centre-wide": lambda: centre(long, width=1600, height=1000),
        "round-drafting": lambda: round_only(running, shown=17),
        "round-verifying": lambda: round_only(verifying, shown=17),
        "round-gamma16": lambda: round_only(wide, shown=3),
        "round-gamma16-narrow": lambda: round_only(wide, width=500, shown=3),
        "round-toy": lambda: round_only(toy, shown=3),
        "round-copied": lambda: round_only(copied, shown=copied_round),
        "round-no-proposal": lambda: round_only(copied, shown=empty_round),
        "round-plain": lambda: round_only(plain),
        "round-no-baseline": lambda: round_only(alone),
        "stream-code": lambda: stream_only(finished),
        "stream-dense": lambda: stream_only(finished, dense=True),
        "stream-text": lambda: stream_only(finished, rejected=False),
        "stream-away": lambda: scrolled_away(verifying),
        "timeline-many": lambda: timeline_only(many),
        "timeline-zoomed": lambda: timeline_only(many, zoom=400),
        "tooltips": lambda: tooltips(finished.run) if finished.run else QWidget(),
        "tooltips-copied": lambda: tooltips(copied.run) if copied.run else QWidget(),
        "controls": controls,
    }


def method_scenes() -> dict[str, Scene]:
    """Trees, rules, length policies and copies."""
    two, regular = tree_trace((2,), 2), tree_trace((2, 2, 1), 4)
    wide, leaves = tree_trace((3, 2), 3), tree_trace((2, 2, 2, 2), 4)
    growing = tree_trace((2, 2, 1), 4, open_drafted=7)
    big, deep = tree_trace((16, 1, 1), 3), tree_trace((2,), 16)
    slow = policy_trace("throughput", 3, "policy", 0.4, 0.6)
    return {
        "tree-2": lambda: centre(two, width=926, shown=0),
        "tree-2-2-1": lambda: centre(regular, width=926, shown=1),
        "tree-3-2": lambda: centre(wide, width=926, shown=2),
        "tree-16-leaves": lambda: centre(leaves, width=926, shown=1),
        "tree-16-siblings": lambda: round_only(big, shown=1),
        "tree-deep": lambda: round_only(deep, shown=1),
        "tree-pending": lambda: centre(growing, width=926, shown=4),
        "tree-4k": lambda: centre(leaves, width=2860, height=2020, shown=1),
        "tree-deep-4k": lambda: round_only(deep, width=2828, shown=1),
        "tree-narrow": lambda: centre(leaves, width=530, shown=1),
        "tree-2-2-1-narrow": lambda: centre(regular, width=530, shown=2),
        "copied-hover": lambda: copied_from(copy_trace("suffix")),
        "copied-hover-4k": lambda: copied_from(copy_trace("suffix"), width=2860, height=2020),
        "round-chain-copied": lambda: round_only(copy_trace("chain"), shown=2),
        "round-chain-model": lambda: round_only(copy_trace("chain"), shown=5),
        "round-block": lambda: round_only(block_trace(), shown=2),
        "round-typical": lambda: round_only(typical_trace(), shown=1),
        "round-policy": lambda: round_only(policy_trace(), shown=1),
        "round-policy-none": lambda: round_only(policy_trace(n=0), shown=1),
        "round-policy-throughput": lambda: round_only(slow, shown=1),
        "round-policy-narrow": lambda: round_only(slow, width=498, shown=1),
        "round-policy-4k": lambda: round_only(slow, width=2828, shown=1),
        "cards-tree": lambda: cards(wide, (2, 0), (2, 1), (2, 6), (2, 9), (2, 15)),
        "cards-block": lambda: cards(block_trace(), (1, 1), (1, 2), (2, 1), (2, 2)),
        "cards-typical": lambda: cards(typical_trace(), (1, 0), (1, 2), (1, 3), (1, 4)),
        "cards-lenient": lambda: board(
            [
                token_tooltip(trace.run, 0, index)
                for trace, index in ((lenient_trace(), 1), (lenient_trace(), 2),
                                     (lenient_trace(0.8), 1), (lenient_trace(0.8), 2))
                if trace.run is not None
            ]
        ),
        "cards-copied": lambda: cards(copy_trace("suffix"), (2, 1), (4, 1)),
    }  # fmt: skip


def shoot(widget: QWidget, file: Path) -> None:
    widget.show()
    QApplication.processEvents()
    widget.grab().save(str(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a scene's name")
    parser.add_argument("--scheme", choices=("light", "dark"), action="append")
    parser.add_argument("--palette", choices=("standard", "okabe-ito"), default="standard")
    parser.add_argument("--ratio", type=int, choices=(1, 2), help="device pixels a pixel")
    options = parser.parse_args()
    if options.ratio is None:
        # The ratio is fixed when Qt starts: one process for each.
        for ratio in ("1", "2"):
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--ratio", ratio], check=True)
        return
    os.environ["QT_SCALE_FACTOR"] = str(options.ratio)
    options.folder.mkdir(parents=True, exist_ok=True)
    application = QApplication([])
    theme.install(application)
    theme.set_palette(options.palette)
    for name, scene in scenes().items():
        if options.only not in name:
            continue
        for scheme in options.scheme or ("light", "dark"):
            theme.set_scheme(scheme)
            widget = scene()
            shoot(widget, options.folder / f"{name}-{scheme}-{options.ratio}x.png")
            widget.close()
            widget.deleteLater()


if __name__ == "__main__":
    main()
