"""The two curve cards: speedup over tokens, and tokens per second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from app.theme import theme
from app.views.plots import axes
from app.views.plots.axes import Tick
from app.views.plots.card import table
from app.views.plots.plot_card import NOTHING, PlotCard
from app.views.plots.scene import Line, Scene
from app.views.plots.snapshot import Snapshot
from engine.cost import EVEN, times
from engine.metrics import Curves, Floats

LEAST_GROWTH = 0.5
"""Pixels. A long run's curve grows by less from frame to frame."""


class CurveCard(PlotCard):
    """A card with a curve of a run."""

    hint = ""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: Curves | None = None
        self._drawn = 0.0  # tokens at the end of the drawn curve

    # what subclasses say

    def main_curve(self) -> Floats:
        """The main curve; its x are the first of the tokens."""
        return NOTHING

    def faint_curve(self) -> Floats:
        """The curve behind it."""
        return NOTHING

    def scene(self, snapshot: Snapshot) -> Scene:
        raise NotImplementedError

    def now_scene(self) -> Scene | None:
        return self.scene(self.snapshot) if self.snapshot is not None else None

    def empty_text(self) -> str:
        return self.hint if self._curves is None or not len(self.main_curve()) else ""

    # drawing

    @property
    def tokens(self) -> Floats:
        return self._curves.tokens if self._curves is not None else NOTHING

    def set_curves(self, curves: Curves | None) -> None:
        """The curves of another run."""
        self._curves = curves
        self._drawn = 0.0
        if self.plot is not None:
            self.plot.reset()

    @property
    def has_grown(self) -> bool:
        """Whether the curve has grown by as much as can be seen since it was drawn."""
        plot = self.plot
        if plot is None or not self._drawn or not len(self.tokens):
            return True
        return plot.x_at(float(self.tokens[-1])) - plot.x_at(self._drawn) >= LEAST_GROWTH

    def advance(self, hidden: bool = False) -> None:
        """Draw what came since the last frame. hidden: also where nobody can see it."""
        empty = bool(self.empty_text())
        if not empty and (hidden or self.isVisible()):
            plot = self.ensure_plot()
            plot.set_curves(self.tokens, self.main_curve(), self.faint_curve())
            self._drawn = float(self.tokens[-1])
            self.show_scene()
        if self.plot is not None:
            self.plot.setVisible(not empty)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        super().show_snapshot(snapshot)
        if not self.empty_text():
            self.show_scene()

    def length(self, snapshot: Snapshot) -> float:
        """Tokens on the x axis."""
        tokens = int(self.tokens[-1]) if len(self.tokens) else 0  # newer than the snapshot's
        return tokens if snapshot.finished else axes.nice_length(tokens, snapshot.max_tokens)

    def highest(self, levels: Sequence[float], *curves: Floats) -> float:
        """The highest of levels and curves. The luck of the first rounds is no scale for the rest:
        once there is more, they count only where they leave it its room."""
        settled = max([*levels, *(_highest(c[4:]) for c in curves)])
        early = max([*(_highest(c[:4]) for c in curves), settled])
        few = all(len(c) <= 12 for c in curves)
        return early if few or early < 1.75 * settled else settled


class SpeedupCard(CurveCard):
    title = "Speedup over tokens"
    least_height = 164
    hint = "Speedup against the measured baseline"

    def caption_choices(self, snapshot: Snapshot) -> Sequence[str]:
        f = snapshot.figures
        if f.speedup is None:
            return ()
        if f.compared_tokens < f.tokens:
            part = f"first {f.compared_tokens:,} tokens"
            return (f"{snapshot.kind} · {part}", snapshot.kind)
        if snapshot.waited:
            return (f"{snapshot.kind}, waiting excluded", snapshot.kind)
        return (f"{snapshot.kind}, dashed: modelled", snapshot.kind)

    def empty_text(self) -> str:
        s = self.snapshot
        if s is None:
            return self.hint
        if s.figures.is_baseline:
            return "This run is the baseline"
        if not s.has_baseline:
            return "No baseline measured:\nchoose Measure: before each run"
        return super().empty_text()

    def main_curve(self) -> Floats:
        return self._curves.speedup if self._curves is not None else NOTHING

    def scene(self, snapshot: Snapshot) -> Scene:
        f = snapshot.figures
        lines: list[Line] = []
        # In a run of a few rounds the medians may put it below what was measured.
        if snapshot.ceiling is not None and snapshot.ceiling >= (f.speedup or 0.0):
            name = f"verify-aware ceiling {times(snapshot.ceiling)}"
            lines.append(Line(snapshot.ceiling, name, faint=True))
        if snapshot.modelled is not None:
            lines.append(Line(snapshot.modelled, f"modelled {times(snapshot.modelled)}"))
        levels = [1.0, f.speedup or 0.0, *(line.value for line in lines)]
        highest = self.highest(levels, self.main_curve())
        top, step = axes.nice_top(highest, self.marks, 1.12)
        marks = axes.steps(top, step)
        ticks = [Tick(v, f"{axes.number(v)}×", abs(v - 1) < 1e-9) for v in marks]
        if not any(tick.strong for tick in ticks):
            label = "1×" if step > 1 and top / step < 8 else ""
            ticks.append(Tick(1.0, label, strong=True))
        speedup = f.speedup or 1.0
        return Scene(
            length=self.length(snapshot),
            top=top,
            ticks=ticks,
            lines=lines,
            now=(times(f.speedup), "") if f.speedup is not None else ("", ""),
            ink=_ink(speedup),
            now_ink=_text_ink(speedup),
        )

    def describe(self, index: int) -> str:
        return f"{self.tokens[index]:,.0f} tokens · {times(float(self.main_curve()[index]))}"

    def spoken(self, snapshot: Snapshot) -> str:
        speedup = snapshot.figures.speedup
        return self.empty_text() if speedup is None else f"{times(speedup)}, {snapshot.kind}"

    def csv(self) -> str:
        if self.snapshot is None or not len(self.main_curve()):
            return ""
        header = ("tokens", f"speedup_{self.snapshot.kind}")
        x = self.tokens[: len(self.main_curve())].astype(int).tolist()
        return table(header, x, self.main_curve().tolist())


class RateCard(CurveCard):
    title = "Tokens per second"
    least_height = 120
    hint = "Measured rate, token by token"

    def caption_choices(self, snapshot: Snapshot) -> Sequence[str]:
        if not snapshot.figures.rounds:
            return ()
        return (f"{snapshot.kind}, prefill excluded", snapshot.kind)

    def main_curve(self) -> Floats:
        return self._curves.cumulative if self._curves is not None else NOTHING

    def faint_curve(self) -> Floats:
        return self._curves.moving if self._curves is not None else NOTHING

    def scene(self, snapshot: Snapshot) -> Scene:
        f = snapshot.figures
        base, now = f.baseline_tokens_per_second, f.tokens_per_second
        lines = [Line(base, f"baseline {axes.rate(base)}")] if base is not None else []
        levels = [base or 0.0, now or 0.0]
        highest = self.highest(levels, self.main_curve(), self.faint_curve()) or 1.0
        top, step = axes.nice_top(highest, self.marks, 1.15)
        return Scene(
            length=self.length(snapshot),
            top=top,
            ticks=[Tick(v, axes.number(v)) for v in axes.steps(top, step)],
            lines=lines,
            now=(axes.rate(now), "tok/s") if now is not None else ("", ""),
            ink=theme().host if f.is_baseline else _ink(f.speedup or 1.0),
            now_ink=theme().text,
        )

    def describe(self, index: int) -> str:
        so_far, recent = float(self.main_curve()[index]), float(self.faint_curve()[index])
        tokens = f"{self.tokens[index]:,.0f} tokens"
        return f"{tokens} · {axes.rate(so_far)} tok/s · last rounds {axes.rate(recent)}"

    def spoken(self, snapshot: Snapshot) -> str:
        now = snapshot.figures.tokens_per_second
        return self.hint if now is None else f"{axes.rate(now)} tokens per second, {snapshot.kind}"

    def csv(self) -> str:
        if self.snapshot is None or not len(self.main_curve()):
            return ""
        kind = self.snapshot.kind
        header = ("tokens", f"tokens_per_second_{kind}", f"tokens_per_second_last_rounds_{kind}")
        x = self.tokens.astype(int).tolist()
        return table(header, x, self.main_curve().tolist(), self.faint_curve().tolist())


def _highest(curve: Floats) -> float:
    finite = curve[np.isfinite(curve)]
    return float(finite.max()) if len(finite) else 0.0


def _ink(speedup: float) -> QColor:
    """Green where speculation pays, amber where it costs."""
    return theme().warn if speedup < EVEN[0] else theme().good


def _text_ink(speedup: float) -> QColor:
    """The same for text, and neither where it is even."""
    now = theme()
    if EVEN[0] <= speedup < EVEN[1]:
        return now.text
    return now.warn_text if speedup < 1 else now.good_text
