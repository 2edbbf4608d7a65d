"""Cards of several runs' curves over tokens: tokens/s so far, and speedup."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen, QResizeEvent, Qt
from PySide6.QtWidgets import QWidget

from app.comparison import Member
from app.comparison_words import letter
from app.theme import SMALL, font, sans, theme
from app.views.plots import axes
from app.views.plots.axes import AXIS, FOOT, GUTTER, HEAD, Tick
from app.views.plots.card import HEADER, Card
from app.views.plots.scene import Scene
from app.views.run_inks import DASHES, ink, paint_badge
from engine.metrics import Floats, rate_curve, speedup_curve

if TYPE_CHECKING:
    from app.views.plots.run_curves_plot import RunCurvesPlot

LEGEND = 24
"""Height of the legend."""
SAMPLE, SHORT = 23.0, 14.0
"""Length of a line's sample in it; short: where there is no room for names."""
NAME, LEAST_NAME = 180.0, 64.0
"""Longest name in it, and the shortest that says anything."""


class _Points(NamedTuple):
    place: int
    x: Floats
    y: Floats


class RunCurvesCard(Card):
    """`set_members` draws the curves of these runs; a legend names them."""

    unit = ""
    hint = ""
    column = ""
    """Of the values, in the CSV."""
    lacks = "curve"
    marks_one = False
    """Whether 1 is a level of its own: neither faster nor slower."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot: RunCurvesPlot | None = None
        self._members: tuple[Member, ...] = ()
        self._curves: list[_Points] = []

    def points(self, member: Member) -> tuple[Floats, Floats]:
        """x and y of one run's curve; empty where it has none."""
        raise NotImplementedError

    def set_members(self, members: Sequence[Member]) -> None:
        self._members = tuple(members)
        self._curves = []
        for place, member in enumerate(members):
            x, y = self.points(member)
            if np.isfinite(y).any():
                self._curves.append(_Points(place, x, y))
        toys = {m.run.started.models.target.simulated for m in members}
        kind = (
            "measured, simulated" if len(toys) > 1 else "simulated" if True in toys else "measured"
        )
        without = [
            letter(i) for i in range(len(members)) if i not in {c.place for c in self._curves}
        ]
        lacking = f"{', '.join(without)}: no {self.lacks}" if without and self._curves else ""
        self.captions = [f"{kind} · {lacking}", kind] if lacking else [kind] if members else []
        self.setAccessibleDescription(self._told())
        self._draw()
        self.update()

    def _told(self) -> str:
        ends: list[str] = []
        for curve in self._curves:
            last = round(float(curve.y[np.isfinite(curve.y)][-1]), 2)
            ends.append(f"{letter(curve.place)} {axes.number(last)}{self.unit}")
        return ", ".join(ends) or self.empty_text()

    def empty_text(self) -> str:
        return "" if self._curves else self.hint

    @property
    def names(self) -> dict[int, str]:
        return {c.place: self._members[c.place].name for c in self._curves}

    # Drawing

    @property
    def body(self) -> QRectF:
        top = HEADER + LEGEND
        return QRectF(0, top, self.width(), max(self.height() - top, 0))

    def _draw(self) -> None:
        if not self._curves:
            if self.plot is not None:
                self.plot.hide()
            return
        from app.views.plots.run_curves_plot import RunCurve, RunCurvesPlot

        if self.plot is None:
            self.plot = RunCurvesPlot(self, self.unit)
        self.plot.setGeometry(self.body.toRect())
        self.plot.set_runs([RunCurve(*curve) for curve in self._curves])
        self.plot.set_scene(self._scene())
        self.plot.show()

    def _scene(self) -> Scene:
        marks = int(min(max((self.body.height() - HEAD - FOOT) // 50, 3), 8))
        # The luck of the first rounds is no scale for the rest.
        settled = [c.y[4:] if len(c.y) > 12 else c.y for c in self._curves]
        highest = max(float(np.nanmax(y, initial=0.0)) for y in settled)
        top, step = axes.nice_top(max(highest, 1.0 if self.marks_one else 0.0) or 1.0, marks)
        ticks = [
            Tick(v, f"{axes.number(v)}{self.unit}", self.marks_one and abs(v - 1) < 1e-9)
            for v in axes.steps(top, step)
        ]
        if self.marks_one and not any(tick.strong for tick in ticks):
            ticks.append(Tick(1.0, f"1{self.unit}" if step > 1 else "", strong=True))
        return Scene(length=max(float(c.x[-1]) for c in self._curves), top=top, ticks=ticks)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.plot is not None and self._curves:
            self.plot.setGeometry(self.body.toRect())
            self.plot.set_scene(self._scene())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._curves:
            with QPainter(self) as painter:
                self._paint_legend(painter)

    def _paint_legend(self, painter: QPainter) -> None:
        """Line, letter and name of each run; only the letters where names would say nothing."""
        now, small = theme(), sans(AXIS)
        metrics = QFontMetricsF(small)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        full = {p: min(metrics.horizontalAdvance(n), NAME) for p, n in self.names.items()}
        spare = self.width() - len(full) * (SAMPLE + 4 + 14 + 4 + 14)
        short = spare < sum(full.values())
        if short and spare >= LEAST_NAME * len(full):
            full = dict.fromkeys(full, spare / len(full))
            short = False
        sample, x, y = SHORT if short else SAMPLE, 0.0, HEADER + 8.0
        for place, width in full.items():
            pen = QPen(ink(now, place), 1.5)
            if DASHES[place % len(DASHES)]:
                pen.setDashPattern(DASHES[place % len(DASHES)])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLine(QLineF(x, y, x + sample, y))
            x += sample + 4
            paint_badge(painter, ink(now, place), place, QRectF(x, y - 7, 14, 14))
            x += 14 + 4
            if not short:
                how = Qt.TextElideMode.ElideRight
                painter.setFont(small)
                painter.setPen(now.muted)
                shown = metrics.elidedText(self.names[place], how, width + 1)
                painter.drawText(QPointF(x, y + 4), shown)
                x += metrics.horizontalAdvance(shown) + 6
            x += 8

    def paint_body(self, painter: QPainter) -> None:
        text = self.empty_text()
        if text:
            whole = QRectF(0, HEADER, self.width(), self.height() - HEADER)
            area = whole.adjusted(GUTTER, HEAD, 0, -FOOT)
            ticks = [Tick(area.top() + area.height() * part, "") for part in (0.25, 0.5, 0.75)]
            axes.paint(painter, area, ticks)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            axes.message(painter, area, text, font(SMALL))

    def restyle(self) -> None:
        if self.plot is not None:
            self.plot.restyle()
        super().restyle()

    def csv(self) -> str:
        """A line a point: run, tokens, value."""
        if not self._curves:
            return ""
        target = io.StringIO()
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["run", "tokens", self.column])
        for curve in self._curves:
            name = f"{letter(curve.place)}: {self._members[curve.place].name}"
            for x, y in zip(curve.x.tolist(), curve.y.tolist(), strict=True):
                writer.writerow([name, int(x), "" if np.isnan(y) else f"{y:.6g}"])
        return target.getvalue()


class RunRatesCard(RunCurvesCard):
    title = "Tokens/s so far"
    column = "tokens_per_second"
    hint = "No run has emitted a token"

    def points(self, member: Member) -> tuple[Floats, Floats]:
        tokens, so_far, _ = rate_curve(member.run)
        return tokens.astype(float), so_far


class RunSpeedupsCard(RunCurvesCard):
    title = "Speedup over tokens"
    column = "speedup"
    unit = "×"
    lacks = "baseline"
    marks_one = True
    hint = "No run here has a baseline:\nrun with Measure: before each run"

    def points(self, member: Member) -> tuple[Floats, Floats]:
        if member.baseline is None:
            return np.empty(0), np.empty(0)
        tokens, speedup = speedup_curve(member.run, member.baseline)
        return tokens.astype(float), speedup
