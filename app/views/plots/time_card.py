"""The card that shows where a round's time goes: draft, verify, host."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.theme import SMALL, contrast, font, sans, theme
from app.views.format import duration, number, unit_of
from app.views.plots import axes
from app.views.plots.axes import AXIS, Align
from app.views.plots.card import Card, table
from app.views.plots.snapshot import Snapshot


class TimeCard(Card):
    title = "Where a round's time goes"
    least_height = 64
    hint = "Draft, verify and host time"

    def parts(self) -> Sequence[tuple[str, float]]:
        """(name, seconds in all rounds)."""
        if self.snapshot is None:
            return ()
        f = self.snapshot.figures
        parts = (("draft", f.draft_s), ("verify", f.verify_s), ("host", f.host_s))
        return [(name, seconds) for name, seconds in parts if seconds > 0]

    def caption_choices(self, snapshot: Snapshot) -> Sequence[str]:
        if not self.parts():
            return ()
        mean = duration(sum(s for _, s in self.parts()) * 1e9 / snapshot.figures.rounds)
        return (f"{snapshot.kind} · mean {mean}", f"{snapshot.kind} · {mean}", mean)

    @property
    def track(self) -> QRectF:
        return QRectF(0, self.body.top(), self.width(), 24)

    def paint_body(self, painter: QPainter) -> None:
        now, parts, track = theme(), self.parts(), self.track
        if not parts or self.snapshot is None:
            painter.setPen(QPen(axes.faint(), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(track.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            axes.message(painter, track, self.hint, font(SMALL))
            return
        total = sum(seconds for _, seconds in parts)
        rounds = self.snapshot.figures.rounds
        unit = unit_of(total / rounds * 1e9)
        inks = {
            "draft": (under_white(now.draft), now.draft_text),
            "verify": (under_white(now.target), now.target_text),
            "host": (now.host, now.muted),
        }
        style = sans(12, QFont.Weight.DemiBold)
        outside: list[tuple[float, float, str, QColor]] = []
        edges = [0.0]
        for _, seconds in parts:
            edges.append(edges[-1] + seconds / total * track.width())
        for (name, seconds), (left, right) in zip(parts, pairwise(edges), strict=True):
            fill, ink = inks[name]
            gap = 1.0 if right < track.right() - 0.5 else 0.0
            box = QRectF(left, track.top(), max(right - left - gap, 1.0), track.height())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawRoundedRect(box, 3, 3)
            label = f"{name} {number(seconds / rounds * 1e9, unit)}"
            if name != "host" and axes.text_width(label, style) + 12 <= box.width():
                painter.setPen(QColor("#ffffff"))
                painter.setFont(style)
                painter.drawText(box, Align.AlignCenter, label)
            else:
                outside.append((left, right, label, ink))
        self._paint_outside(painter, outside)

    def _paint_outside(
        self, painter: QPainter, labels: Sequence[tuple[float, float, str, QColor]]
    ) -> None:
        """Names that do not fit into their part stand below it, apart from each other."""
        style = sans(AXIS)
        painter.setFont(style)
        limit = self.track.right()
        baseline = self.track.bottom() + 5 + QFontMetricsF(style).ascent()
        for left, right, label, ink in reversed(labels):
            width = axes.text_width(label, style)
            x = min(max((left + right) / 2 - width / 2, 0.0), limit - width)
            painter.setPen(ink)
            painter.drawText(QPointF(x, baseline), label)
            limit = x - 10

    def spoken(self, snapshot: Snapshot) -> str:
        rounds = snapshot.figures.rounds
        return ", ".join(f"{name} {duration(s * 1e9 / rounds)}" for name, s in self.parts())

    def csv(self) -> str:
        parts = self.parts()
        if not parts or self.snapshot is None:
            return ""
        rounds, total = self.snapshot.figures.rounds, sum(s for _, s in parts)
        header = ("part", f"seconds_{self.snapshot.kind}", "ms_per_round", "share")
        seconds = [s for _, s in parts]
        per_round = [s * 1000 / rounds for s in seconds]
        return table(header, [name for name, _ in parts], seconds, per_round,
                     [s / total for s in seconds])  # fmt: skip


def under_white(hue: QColor) -> QColor:
    """`hue`, as much darker as white text on it needs."""
    fill, white = QColor(hue), QColor("#ffffff")
    while contrast(white, fill) < 4.5:
        fill = fill.darker(103)
    return fill
