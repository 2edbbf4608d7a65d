"""What each model believed: two bars a candidate, p above q."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from app import theme
from app.views.inspector import words
from app.views.inspector.figure import Figure, bar, paragraph, put, ramp
from app.views.token_layout import label_of
from engine.inspected import Candidate

ROW = 36
BAR = 12
FIGURE = 64
"""Room for a figure right of the longest bar."""
GAP = 12
LABEL_SHARE = 0.3
TITLE = "What each model believed"


class Beliefs(Figure):
    """Candidates by what the two models gave them."""

    def __init__(self) -> None:
        super().__init__(TITLE)

    @property
    def has_content(self) -> bool:
        return self.shown is not None and self.shown.judged is not None

    def spoken(self) -> str:
        if self.shown is None or not self.has_content:
            return ""
        said = [self._spoken(c) for c in words.candidates(self.shown)]
        return "; ".join(said)

    def _spoken(self, one: Candidate) -> str:
        assert self.shown is not None
        p = words.figure(one.p, self.shown.p_most)
        q = words.figure(one.q, self.shown.q_most)
        return f"“{label_of(one.text)}” p {p}, q {q}"

    def compose(self, painter: QPainter | None, width: float) -> float:
        assert self.shown is not None
        assert self.run is not None
        now = theme.theme()
        y = self.heading(painter, width - 140, (TITLE, "The two beliefs"))
        self._legend(painter, width)
        rows = words.candidates(self.shown)
        left = self._left(rows, width)
        highest = max([0.0001, *(max(c.p or 0.0, c.q or 0.0) for c in rows)])
        room = width - left - FIGURE
        y += 4
        for one in rows:
            if painter is not None:
                self._row(painter, one, y, left, room / highest)
            self.hover(QRectF(0, y, width, ROW), self._hover(one))
            y += ROW
        y += 4
        small = theme.font(theme.SMALL)
        for note in words.belief_notes(self.run, self.shown):
            y += paragraph(painter, y, width, note, small, now.muted) + 4
        return y

    def _left(self, rows: list[Candidate], width: float) -> float:
        """Where the bars begin."""
        metrics = QFontMetricsF(theme.mono(12, QFont.Weight.Bold))
        widest = max((metrics.horizontalAdvance(label_of(c.text)) for c in rows), default=0.0)
        return round(min(max(widest, 40.0), LABEL_SHARE * width)) + GAP

    def _legend(self, painter: QPainter | None, width: float) -> None:
        now, bold = theme.theme(), theme.sans(12, QFont.Weight.Bold)
        x = width - put(painter, width, 12, "q draft", bold, now.draft_text, right=True)
        put(painter, x - 16, 12, "p target", bold, now.target_text, right=True)

    def _row(self, painter: QPainter, one: Candidate, y: float, left: float, scale: float) -> None:
        assert self.shown is not None
        now, shown = theme.theme(), self.shown
        about = [t.id for t in (shown.token, shown.judged, shown.added) if t is not None]
        weight = QFont.Weight.Bold if one.id in about else QFont.Weight.Normal
        label = label_of(one.text)
        put_label(painter, left - GAP, y + ROW / 2, label, theme.mono(12, weight), now.text)
        grown = ramp(self._progress, 0.0, 0.5)
        two = (
            (one.p, shown.p_most, now.target, now.target_text),
            (one.q, shown.q_most, now.draft, now.draft_text),
        )
        # A bar of which nothing was recorded leaves the middle to the other.
        known = [model for model in two if model[0] is not None or model[1] is not None]
        at = y + ROW / 2 - len(known) * (BAR / 2 + 1) - BAR - 1
        for value, most, hue, text in known:
            at += BAR + 2
            length = (value or 0.0) * scale * grown
            if value:
                bar(painter, QRectF(left, at, max(length, 1.5), BAR), theme.with_alpha(hue, 0.85))
            shade: QColor = text if value is not None else now.muted
            x = left + (max(length, 1.5) + 6 if value else 0)
            put(painter, x, at + BAR / 2, words.figure(value, most), theme.mono(11), shade)

    def _hover(self, one: Candidate) -> str:
        return f"{self._spoken(one)} · id {one.id}"


def put_label(
    painter: QPainter | None, right: float, middle: float, text: str, font: QFont, colour: QColor
) -> None:
    """A label that ends at `right`, shortened where it is longer."""
    put(painter, right, middle, text, font, colour, right, right=True)
