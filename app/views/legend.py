"""One line above the token stream: its heading and what the colours and marks mean."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.views.chips import GLYPH, paint_glyph
from engine.trace import TokenState

_STATES = (
    TokenState.ACCEPTED,
    TokenState.REJECTED,
    TokenState.DISCARDED,
    TokenState.RESAMPLED,
    TokenState.BONUS,
)
_SWATCH = 10.0
_SPACE = 16.0


class Legend(QWidget):
    """The states at the right; at the left a heading and a muted detail, while there is room."""

    def __init__(self, title: str = "", detail: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._detail = detail
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend: " + ", ".join(s.name.lower() for s in _STATES))
        theme.notifier().changed.connect(self.update)

    def set_detail(self, detail: str) -> None:
        """Such as `128 tokens · 31 target calls`."""
        if detail != self._detail:
            self._detail = detail
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(560, 28)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 28)

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        heading, small = theme.font(theme.HEADING), theme.sans(11)
        metrics = QFontMetricsF(small)
        words = [current.states[s].word for s in _STATES]
        widths = [_SWATCH + 5 + metrics.horizontalAdvance(w) + 5 + GLYPH for w in words]
        need = sum(widths) + _SPACE * (len(widths) - 1)
        title_width = QFontMetricsF(heading).horizontalAdvance(self._title) if self._title else 0.0
        left = 4.0 + title_width
        base = self.height() / 2 + 4.5

        shown = left + 24 + need <= self.width()
        room = self.width() - left - 10 - (need + 24 if shown else 0.0)
        if self._title:
            painter.setFont(heading)
            painter.setPen(current.text)
            painter.drawText(QPointF(4, base), self._title)
        if self._detail:
            font = theme.font(theme.SMALL)
            painter.setFont(font)
            painter.setPen(current.muted)
            fitting = QFontMetricsF(font)
            detail = self._detail
            # Better no detail than a torn one: the heading and the legend say the essential.
            while fitting.horizontalAdvance(detail) > room and " · " in detail:
                detail = detail.rpartition(" · ")[0]
            if fitting.horizontalAdvance(detail) <= room:
                painter.drawText(QPointF(left + 10, base), detail)
        if not shown:
            return
        x = self.width() - need
        painter.setFont(small)
        for state, word, width in zip(_STATES, words, widths, strict=True):
            self._paint_entry(painter, current, state, word, x, base)
            x += width + _SPACE

    def _paint_entry(
        self,
        painter: QPainter,
        current: theme.Theme,
        state: TokenState,
        word: str,
        x: float,
        base: float,
    ) -> None:
        style = current.states[state]
        swatch = QRectF(x, base - 9, _SWATCH, _SWATCH)
        if state is TokenState.BONUS:
            painter.setPen(QPen(style.line, 1.6))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            swatch.adjust(0.8, 0.8, -0.8, -0.8)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.line)
        painter.drawRoundedRect(swatch, 3, 3)
        painter.setPen(current.muted)
        painter.drawText(QPointF(x + _SWATCH + 5, base), word)
        width = QFontMetricsF(painter.font()).horizontalAdvance(word)
        paint_glyph(painter, QPointF(x + _SWATCH + 10 + width, base - 8), state, current.muted)
