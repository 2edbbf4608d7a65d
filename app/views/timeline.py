"""The run on a time axis: draft, verify and host bars, and a playhead to scrub with.

The playhead stands where the window is in the run; a small mark, at the round that is looked at.
"""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.views import format as fmt
from app.views.pixels import ratio_of
from app.views.timeline_bars import (
    BAR_HEIGHT,
    BAR_TOP,
    DOT_Y,
    HEIGHT,
    paint_bars,
    paint_shares,
)
from app.views.timeline_data import TimelineData, describe_round
from engine.trace import Run

BASE = 18
"""Of the words above the bars."""
LEFT, RIGHT = 1, 6
"""Beside the bars; at the right, the knob of the playhead needs room."""
DENSE_PIXELS = 3.0
"""Mean width of a round below which single bars give way to shares in each pixel column."""
FOLLOW_PIXELS = 4.0
"""A live run is shown whole until its rounds are narrower than this; then its end is followed."""
FIRST_ROUNDS = 28
"""A run that has just begun is drawn as if it had this many rounds, so that bars do not shrink."""
READOUT_MS = 250


class Timeline(QWidget):
    """Shows the finished rounds of a run.

    scrubbed: the round that the person went to. follow_requested: back to the newest round.
    """

    scrubbed = Signal(int)
    follow_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._data = TimelineData()
        self._pinned: int | None = None
        self._position: float | None = None
        self._range: tuple[float, float] | None = None  # set by zooming and panning
        self._finished = False
        self._bars = QPixmap()
        self._bars_key: object = None
        self._readout = ""
        self._drag_x: float | None = None
        self._panning = False
        self._since = QElapsedTimer()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._read_out)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Timeline")
        theme.notifier().changed.connect(self.update)

    def set_run(self, run: Run | None) -> None:
        """Show another run, or none."""
        self._run = run
        self._data = TimelineData()
        self._pinned = self._range = self._position = None
        self._finished = False
        self._bars_key = None
        self._since.invalidate()
        self.refresh()
        self._read_out()
        self.update()

    def refresh(self) -> None:
        """Take in the rounds that ended since the last call."""
        run = self._run
        if run is None:
            return
        finished = run.finished is not None
        ended = finished and not self._finished
        at_end = self._range is not None and self._range[1] >= self._data.total
        if self._data.update(run.columns) or ended:
            if at_end and self._range is not None and self._position is None:
                span = self._range[1] - self._range[0]
                self._range = (max(self._data.total - span, 0.0), max(self._data.total, span))
            self._finished = finished
            self._schedule_readout(at_once=ended)
            self.update()

    def set_position(self, ns: float | None, *, at_once: bool = False) -> None:
        """Put the playhead at a moment of decode time, or (None) at the newest round's end.
        at_once: the figures too, which a person could not read while it moves."""
        if ns != self._position:
            before, self._position = self.shown_round, ns
            if ns is not None:
                self._reveal(ns)
            if self.shown_round != before or at_once:
                self._schedule_readout(at_once=at_once)
            self.update()

    def show_round(self, index: int | None) -> None:
        """Mark a round that is looked at, or none."""
        if index != self._pinned:
            self._pinned = index
            if index is not None and len(self._data):
                self._reveal(float(self._data.end[min(index, len(self._data) - 1)]))
            self._read_out()
            self.update()

    @property
    def shown_round(self) -> int | None:
        """The round that is looked at, or else the one at the playhead."""
        if not len(self._data):
            return None
        last = len(self._data) - 1
        if self._pinned is not None:
            return min(max(self._pinned, 0), last)
        return last if self._position is None else self._data.at(max(self._position - 1, 0))

    @property
    def visible_range(self) -> tuple[float, float]:
        """The span of time on the axis, in nanoseconds."""
        if self._range is not None:
            return self._range
        data = self._data
        total = float(data.total)
        if self._finished:
            return 0.0, max(total, 1.0)
        least = data.mean * FIRST_ROUNDS
        most = data.mean * self._inner().width() / FOLLOW_PIXELS
        if total > most > 0:
            return total - most, total
        return 0.0, max(total, least, 1.0)

    def fit(self) -> None:
        """Show the whole run."""
        self._range = None if self._finished else (0.0, float(max(self._data.total, 1)))
        self.update()

    def zoom(self, factor: float, x: float) -> None:
        """Show `factor` times less time, the moment at pixel `x` staying where it is."""
        low, high = self.visible_range
        total = float(self._data.total)
        if total <= 0:
            return
        least = min(self._data.mean * 4, total)
        span = min(max((high - low) / factor, least), max(total, high - low if factor > 1 else 0))
        at = self._ns_at(x)
        share = (at - low) / (high - low)
        self._set_range(at - share * span, span)

    def pan(self, pixels: float) -> None:
        """Move the axis; positive pixels show earlier time."""
        low, high = self.visible_range
        self._set_range(low - pixels * (high - low) / self._inner().width(), high - low)

    def sizeHint(self) -> QSize:
        return QSize(640, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, HEIGHT)

    # Geometry

    def _inner(self) -> QRect:
        return QRect(LEFT, BAR_TOP, max(self.width() - LEFT - RIGHT, 1), BAR_HEIGHT)

    def _x_of(self, ns: float) -> float:
        low, high = self.visible_range
        inner = self._inner()
        return inner.left() + (ns - low) / (high - low) * inner.width()

    def _ns_at(self, x: float) -> float:
        low, high = self.visible_range
        inner = self._inner()
        return low + (x - inner.left()) / inner.width() * (high - low)

    def _set_range(self, low: float, span: float) -> None:
        total = float(self._data.total)
        if span >= total and self._finished:
            self._range = None
        else:
            low = min(max(low, 0.0), max(total - span, 0.0))
            self._range = (low, low + span)
        self.update()

    def _reveal(self, moment: float) -> None:
        """Move the axis if a moment is outside."""
        low, high = self.visible_range
        if len(self._data) and not low <= moment <= high:
            # Playing on, the whole page is still to come; from elsewhere, both sides matter.
            before = 0.02 if 0 < moment - high < (high - low) / 4 else 0.5
            self._set_range(moment - before * (high - low), high - low)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        painter = QPainter(self)
        painter.fillRect(event.rect(), current.window)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_words(painter, current)
        inner = self._inner()
        if not len(self._data):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(current.panel)
            painter.drawRoundedRect(QRectF(inner), 3, 3)
            return
        painter.drawPixmap(inner.left() - 4, BAR_TOP, self._picture(current))
        self._paint_playhead(painter, current, inner)
        low, high = self.visible_range
        total = float(self._data.total)
        if low > 0 or high < total:
            self._paint_overview(painter, current, low / total, min(high / total, 1.0))

    def _paint_words(self, painter: QPainter, current: theme.Theme) -> None:
        painter.setFont(theme.font(theme.HEADING))
        painter.setPen(current.text)
        painter.drawText(QPointF(4, BASE), "Timeline")
        font = theme.font(theme.SMALL, figures=True)
        painter.setFont(font)
        painter.setPen(current.muted)
        width = QFontMetricsF(font).horizontalAdvance(self._readout)
        painter.drawText(QPointF(self.width() - width, BASE), self._readout)
        if self.hasFocus():
            painter.setPen(QPen(current.accent, 2))
            heading = QFontMetricsF(theme.font(theme.HEADING)).horizontalAdvance("Timeline")
            painter.drawLine(QPointF(4, BASE + 5), QPointF(4 + heading, BASE + 5))

    def _picture(self, current: theme.Theme) -> QPixmap:
        """Bars and dots of the visible range; drawn again only when they differ."""
        inner, ratio = self._inner(), ratio_of(self)
        low, high = self.visible_range
        key = (low, high, len(self._data), inner.width(), ratio, current.scheme, current.palette)
        if key != self._bars_key:
            self._bars_key = key
            size = QSize(inner.width() + 8, HEIGHT - BAR_TOP)
            picture = QPixmap(size * ratio)
            picture.setDevicePixelRatio(ratio)
            picture.fill(current.window)
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.translate(4, -BAR_TOP)
            if self._data.mean / (high - low) * inner.width() >= DENSE_PIXELS:
                paint_bars(painter, current, self._data, low, high, inner.width(), ratio)
            else:
                paint_shares(painter, current, self._data, low, high, inner.width(), ratio)
            painter.end()
            self._bars = picture
        return self._bars

    def _paint_playhead(self, painter: QPainter, current: theme.Theme, inner: QRect) -> None:
        if self._pinned is not None and self._pinned < len(self._data):
            self._paint_mark(painter, current, inner, self._pinned)
        moment = float(self._data.total) if self._position is None else self._position
        x = self._x_of(moment) - 0.5
        if self._position is not None and x < inner.right():
            # What comes after the playhead steps back.
            left = max(x, inner.left() - 1.0)
            rest = QRectF(left, BAR_TOP - 1, inner.right() + 5 - left, HEIGHT - BAR_TOP - 7)
            painter.fillRect(rest, theme.with_alpha(current.window, 0.72))
        if not inner.left() - 2 <= x <= inner.right() + 3:
            return
        painter.setPen(QPen(current.text, 2))
        painter.drawLine(QPointF(x, BAR_TOP - 6), QPointF(x, DOT_Y + 6))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(current.text)
        painter.drawEllipse(QPointF(x, BAR_TOP - 6), 5, 5)

    def _paint_mark(
        self, painter: QPainter, current: theme.Theme, inner: QRect, index: int
    ) -> None:
        """A bracket over the round that is looked at."""
        left = self._x_of(float(self._data.start_of(index)))
        right = max(self._x_of(float(self._data.end[index])) - 1, left + 3)
        if right >= inner.left() and left <= inner.right():
            painter.setPen(QPen(current.accent, 2))
            y = BAR_TOP - 3.0
            painter.drawLine(QPointF(left, y), QPointF(right, y))

    def _paint_overview(
        self, painter: QPainter, current: theme.Theme, left: float, right: float
    ) -> None:
        """A hairline for the whole run, thicker where the axis is."""
        inner, y = self._inner(), HEIGHT - 3.0
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(current.line)
        painter.drawRoundedRect(QRectF(inner.left(), y - 1, inner.width(), 2), 1, 1)
        painter.setBrush(current.muted)
        width = max((right - left) * inner.width(), 8.0)
        x = min(inner.left() + left * inner.width(), inner.right() - width)
        painter.drawRoundedRect(QRectF(x, y - 1, width, 2), 1, 1)

    # The readout

    def _schedule_readout(self, at_once: bool) -> None:
        """Figures change at most four times a second, or nobody can read them."""
        if at_once or not self._since.isValid() or self._since.elapsed() >= READOUT_MS:
            self._read_out()
        elif not self._later.isActive():
            self._later.start(int(READOUT_MS - self._since.elapsed()) + 1)

    def _read_out(self) -> None:
        self._since.start()
        shown, n = self.shown_round, len(self._data)
        if shown is None:
            self._readout = "no round yet" if self._run is not None else ""
        else:
            at = self._position if self._pinned is None else None
            now = fmt.duration(int(self._data.end[shown] if at is None else at))
            self._readout = f"round {shown + 1:,} of {n:,} · {now}"
        self.setAccessibleDescription(self._readout)
        self.update()

    @property
    def readout(self) -> str:
        """The text at the upper right."""
        return self._readout

    # Pointer and keys

    def _scrub(self, index: int) -> None:
        self._pinned = None
        self.set_position(float(self._data.end[index]))
        self._read_out()
        self.scrubbed.emit(index)

    def _scrub_to_x(self, x: float) -> None:
        if len(self._data):
            index = self._data.at(self._ns_at(x))
            if float(self._data.end[index]) != self._position:
                self._scrub(index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        self._drag_x = event.position().x()
        self._panning = event.button() == Qt.MouseButton.MiddleButton or bool(shift)
        if self._panning:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() == Qt.MouseButton.LeftButton and event.position().y() >= BAR_TOP - 12:
            self._scrub_to_x(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag_x is None:
            return
        x = event.position().x()
        if self._panning:
            self.pan(x - self._drag_x)
            self._drag_x = x
        elif event.buttons() & Qt.MouseButton.LeftButton:
            self._scrub_to_x(x)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag_x = None
        self._panning = False
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        if abs(delta.x()) > abs(delta.y()):
            self.pan(delta.x() / 2)
        elif delta.y():
            self.zoom(1.0015 ** delta.y(), event.position().x())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        shown, keys = self.shown_round, Qt.Key
        if shown is None:
            super().keyPressEvent(event)
            return
        last = len(self._data) - 1
        moves = {
            keys.Key_Left: shown - 1,
            keys.Key_Right: shown + 1,
            keys.Key_PageUp: shown - 10,
            keys.Key_PageDown: shown + 10,
            keys.Key_Home: 0,
        }
        if event.key() in moves:
            self._scrub(min(max(moves[keys(event.key())], 0), last))
        elif event.key() in (keys.Key_End, keys.Key_Escape):
            self.show_round(None)
            self.set_position(None)
            self.follow_requested.emit()
        elif event.key() in (keys.Key_Plus, keys.Key_Equal, keys.Key_Minus):
            at = self._x_of(float(self._data.end[shown]))
            self.zoom(1 / 1.5 if event.key() == keys.Key_Minus else 1.5, at)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self.tooltip_at(event.pos().x(), event.pos().y())
            if text:
                QToolTip.showText(event.globalPos(), text, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def tooltip_at(self, x: float, y: float) -> str:
        """What is said about the round under the pointer."""
        ns = self._ns_at(x)
        if self._run is None or not len(self._data) or y < BAR_TOP or ns > self._data.total:
            return ""
        return describe_round(self._run, self._data.at(ns))
