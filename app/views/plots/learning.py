"""The cards of a student: how good it is over the tokens that it learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtGui import QColor

from app.theme import theme
from app.views.plots import axes
from app.views.plots.axes import Tick
from app.views.plots.card import table
from app.views.plots.plot_card import NOTHING, PlotCard
from app.views.plots.scene import Line, Scene
from engine.cost import times
from engine.distil.figures import Learnt
from engine.metrics import Floats


class LearningCard(PlotCard):
    """One figure of `Learnt`. said: its value in words; even: it has an end at 1, as a share has;
    gain: a speedup, green above 1."""

    least_height = 140

    def __init__(
        self,
        title: str,
        kind: str,
        figure: Callable[[Learnt], float],
        said: Callable[[float], str],
        *,
        share: bool = False,
        gain: bool = False,
    ) -> None:
        self.title = title
        super().__init__()
        self._kind, self._figure, self._said = kind, figure, said
        self._share, self._gain = share, gain
        self._tokens, self._values = NOTHING, NOTHING
        self._end = 1.0

    def show_learnt(self, learnt: Sequence[Learnt]) -> None:
        """Take the figures so far."""
        self._tokens = np.array([each.tokens for each in learnt], float)
        self._values = np.array([self._figure(each) for each in learnt], float)
        last = learnt[-1] if learnt else None
        self._end = last.tokens / last.fraction if last is not None and last.fraction else 1.0
        at = f" and γ = {last.speedup[0]}" if last is not None and self._gain else ""
        self.captions = (f"{self._kind}{at}",) if last is not None else ()
        empty = bool(self.empty_text())
        if not empty:
            plot = self.ensure_plot()
            plot.set_curves(self._tokens, self._values)
            self.show_scene()
        if self.plot is not None:
            self.plot.setVisible(not empty)
        self.setAccessibleDescription(self._said(float(self._values[-1])) if not empty else "")
        self.update()

    def empty_text(self) -> str:
        return "" if len(self._tokens) > 1 else "The curve begins with the training"

    def now_scene(self) -> Scene | None:
        if self.empty_text():
            return None
        now = float(self._values[-1])
        highest = max(_settled(self._values), 1.0 if self._gain else 0.0)
        top, step = axes.nice_top(highest, self.marks, 1.15)
        if self._share:
            top = min(top, 1.0)
        unit = "×" if self._gain else ""
        ticks = [
            Tick(v, f"{axes.number(v)}{unit}", self._gain and abs(v - 1) < 1e-9)
            for v in axes.steps(top, step)
        ]
        lines = [Line(1.0, "plain decoding", faint=True)] if self._gain else []
        return Scene(
            length=max(self._end, float(self._tokens[-1])),
            top=top,
            ticks=ticks,
            lines=lines,
            now=(self._said(now), ""),
            ink=self._ink(now),
            now_ink=theme().text,
        )

    def _ink(self, now: float) -> QColor:
        if self._gain:
            return theme().good if now >= 1 else theme().warn
        return theme().good if self._share else theme().draft

    def describe(self, index: int) -> str:
        return f"{self._tokens[index]:,.0f} tokens · {self._said(float(self._values[index]))}"

    def csv(self) -> str:
        if not len(self._tokens):
            return ""
        header = ("tokens", self.title.lower().replace(" ", "_"))
        return table(header, self._tokens.astype(int).tolist(), self._values.tolist())


def cards() -> list[LearningCard]:
    """All of them, in their order."""
    two = "{:.2f}".format
    return [
        LearningCard("Agreement", "estimate of α at T = 0", lambda x: x.agreement, two, share=True),
        LearningCard("Overlap Σ min(p, q)", "estimate of α at T = 1", lambda x: x.overlap, two,
                     share=True),
        LearningCard("KL divergence", "nats, held-out text", lambda x: x.loss, two),
        LearningCard("Speedup", "modelled, at T = 0", lambda x: x.speedup[1], times, gain=True),
    ]  # fmt: skip


def _settled(values: Floats) -> float:
    """The highest value that is to be seen: a loss begins far above what it is soon."""
    later = values[1:] if len(values) > 3 else values
    finite = later[np.isfinite(later)]
    return float(finite.max()) if len(finite) else 1.0
