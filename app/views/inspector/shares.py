"""What the added token was drawn from: the residual, or p; the drawn token stands out."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont, QFontMetricsF, QPainter

from app import theme
from app.views.inspector import words
from app.views.inspector.beliefs import GAP, LABEL_SHARE, put_label
from app.views.inspector.figure import Figure, bar, paragraph, put, ramp
from app.views.token_layout import label_of
from engine.criterion import four

ROW = 28
BAR = 18
FIGURE = 64
FAINT, STRONG = 0.45, 0.95
"""Opacity of a bar, and of the drawn one's."""


class Shares(Figure):
    """The outcomes of the target's draw, most probable first, and the rest of them together."""

    def __init__(self) -> None:
        super().__init__("What the added token was drawn from")

    @property
    def has_content(self) -> bool:
        return self.shown is not None and self.shown.draw is not None

    def spoken(self) -> str:
        if self.shown is None or not self.has_content:
            return ""
        listed, others = words.shares(self.shown)
        said = [words.draw_titles(self.shown)[0]]
        for share in listed:
            mark = f", {words.drawn_words(self.shown)}" if share.drawn else ""
            said.append(f"“{label_of(share.text)}” {words.figure(share.p, None)}{mark}")
        return "; ".join([*said, f"others {four(others)}"])

    def compose(self, painter: QPainter | None, width: float) -> float:
        assert self.shown is not None
        now = theme.theme()
        y = self.heading(painter, width, words.draw_titles(self.shown)) + 4
        listed, others = words.shares(self.shown)
        metrics = QFontMetricsF(theme.mono(12, QFont.Weight.Bold))
        labels = [label_of(s.text) for s in listed]
        widest = max(metrics.horizontalAdvance(text) for text in [*labels, "others"])
        left = round(min(widest, LABEL_SHARE * width)) + GAP
        highest = max([0.0001, others, *(s.p or 0.0 for s in listed)])
        scale = (width - left - FIGURE) / highest
        for share, label in zip(listed, labels, strict=True):
            if painter is not None:
                self._row(painter, y, left, scale, label, share.p, share.drawn, width)
            said = f"“{label}” {words.figure(share.p, None)} · id {share.id}"
            self.hover(QRectF(0, y, width, ROW), said)
            y += ROW
        if painter is not None:
            self._row(painter, y, left, scale, "others", others, False, width)
        self.hover(QRectF(0, y, width, ROW), "All other tokens together")
        y += ROW + 4
        small = theme.font(theme.SMALL)
        for note in words.draw_notes(self.shown):
            y += paragraph(painter, y, width, note, small, now.muted) + 4
        return y

    def _row(
        self,
        painter: QPainter,
        y: float,
        left: float,
        scale: float,
        label: str,
        p: float | None,
        drawn: bool,
        width: float,
    ) -> None:
        assert self.shown is not None
        now, middle = theme.theme(), y + ROW / 2
        weight = QFont.Weight.Bold if drawn else QFont.Weight.Normal
        put_label(painter, left - GAP, middle, label, theme.mono(12, weight), now.text)
        length = max((p or 0.0) * scale * ramp(self._progress, 0.0, 0.5), 1.5) if p else 0.0
        # The drawn one steps forward when the draw has been made.
        strong = ramp(self._progress, 0.5, 1.0) if drawn else 0.0
        box = QRectF(left, y + (ROW - BAR) / 2, length, BAR)
        fill = theme.blend(
            theme.with_alpha(now.warn, FAINT + (STRONG - FAINT) * strong), now.window
        )
        bar(painter, box, fill)
        x = box.right() + (6 if length else 0)
        x += put(painter, x, middle, words.figure(p, None), theme.mono(11), now.warn_text) + 12
        if not drawn or strong <= 0:
            return
        words_font, said = theme.sans(11, QFont.Weight.Bold), words.drawn_words(self.shown)
        wide = QFontMetricsF(words_font).horizontalAdvance(said)
        painter.save()
        painter.setOpacity(strong)
        if wide + 16 <= length:
            put(painter, box.right() - 8 - wide, middle, said, words_font, theme.text_on(fill))
        elif x + wide <= width:
            put(painter, x, middle, said, words_font, now.warn_text)
        painter.restore()
