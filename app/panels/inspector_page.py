"""The page of the inspector: where its pictures stand, in one column or in two."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget

from app import theme
from app.panels.fields import muted
from app.views.inspector.beliefs import Beliefs
from app.views.inspector.coin import Coin
from app.views.inspector.figure import BLEED, Figure, put
from app.views.inspector.header import Header
from app.views.inspector.shares import Shares
from engine.inspected import Inspection
from engine.trace import Run

TWO_COLUMNS = 720
"""Width of the panel from which there are two columns."""
MARGIN = 16
COLUMN_GAP = 32
SECTION_GAP = 16
TITLE = 48
"""Height of the title line in a picture of the page."""
EMPTY = "Click any token"
EMPTY_DETAIL = (
    "to see what both models thought of it, how it was judged, "
    "and where the token that replaced it came from."
)


class InspectorPage(QWidget):
    """Header, sections, footers and the hint; as tall as they need at its width.

    reshaped: it may need another height.
    """

    reshaped = Signal()

    def __init__(self, hint: str) -> None:
        super().__init__()
        self.header, self.beliefs, self.coin, self.shares = Header(), Beliefs(), Coin(), Shares()
        self.figures: tuple[Figure, ...] = (self.header, self.beliefs, self.coin, self.shares)
        self.footers: list[QWidget] = []
        self.hint: QLabel = muted(hint)
        self.run: Run | None = None
        self.shown: Inspection | None = None
        for child in (*self.figures, self.hint):
            child.setParent(self)
        theme.notifier().changed.connect(self.update)
        self.show_token(None, None)

    def show_token(self, run: Run | None, shown: Inspection | None) -> None:
        """Put a token into all pictures."""
        self.run, self.shown = run, shown
        number = 0
        for figure in self.figures:
            figure.show_token(run, shown)
            if figure is not self.header and figure.has_content:
                number += 1
                figure.show_token(run, shown, number)
            figure.setVisible(figure.has_content)
        for footer in self.footers:
            footer.setVisible(shown is not None)
        self.place_children()
        self.reshaped.emit()

    def add_footer(self, footer: QWidget) -> None:
        """Show a widget below the pictures, across all columns."""
        footer.setParent(self)
        self.footers.append(footer)
        footer.setVisible(self.shown is not None)
        footer.installEventFilter(self)
        self.place_children()
        self.reshaped.emit()

    def set_progress(self, progress: float) -> None:
        """How much of the story the pictures tell, 0 to 1."""
        for figure in self.figures:
            figure.setProperty("progress", progress)

    # Geometry

    def places(self, width: int) -> tuple[dict[QWidget, QRect], int]:
        """Where each child stands at a width, and the height of them all."""
        found: dict[QWidget, QRect] = {}
        if self.shown is None:
            return found, 160
        inner, y = width - 2 * MARGIN, 4

        def put_below(widget: QWidget, gap: int) -> None:
            nonlocal y
            y += gap
            found[widget] = QRect(MARGIN, y, inner, _height(widget, inner))
            y = found[widget].bottom() + 1

        put_below(self.header, 0)
        pair = [f for f in (self.beliefs, self.coin) if f.has_content]
        if width >= TWO_COLUMNS and len(pair) == 2:
            column = (inner - COLUMN_GAP) // 2
            tallest = 0
            for i, figure in enumerate(pair):
                height = figure.height_at(column)
                x = MARGIN + i * (column + COLUMN_GAP)
                found[figure] = QRect(x, y + 8, column, height)
                tallest = max(tallest, height)
            y += 8 + tallest
        else:
            for i, figure in enumerate(pair):
                put_below(figure, SECTION_GAP if i else 8)
        if self.shares.has_content:
            put_below(self.shares, SECTION_GAP if pair else 8)
        for footer in self.footers:
            y += SECTION_GAP
            found[footer] = QRect(0, y, width, _height(footer, width))
            y = found[footer].bottom() + 1
        if width < TWO_COLUMNS:
            put_below(self.hint, MARGIN)
        return found, y + MARGIN

    def place_children(self) -> None:
        """Set the children's places."""
        found, _ = self.places(self.width())
        for child in (*self.figures, *self.footers, self.hint):
            if child in found:
                out = BLEED if isinstance(child, Figure) else 0
                child.setGeometry(found[child].adjusted(-out, 0, out, 0))
        self.hint.setVisible(self.hint in found)
        self.update()

    def heightForWidth(self, width: int) -> int:
        return self.places(width)[1]

    def sizeHint(self) -> QSize:
        return QSize(390, self.heightForWidth(390))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.place_children()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest and watched in self.footers:
            self.place_children()
            self.reshaped.emit()
        return super().eventFilter(watched, event)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        now = theme.theme()
        painter.fillRect(self.rect(), now.window)
        if self.shown is None:
            self._paint_empty(painter)

    def _paint_empty(self, painter: QPainter) -> None:
        now = theme.theme()
        across = min(self.width() - 4 * MARGIN, 320)
        left, middle = (self.width() - across) / 2, min(self.height() / 2, 240.0)
        how = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        painter.setFont(theme.font(theme.HEADING))
        painter.setPen(now.text)
        painter.drawText(QRectF(left, middle - 32, across, 24), how, EMPTY)
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(now.muted)
        painter.drawText(QRectF(left, middle - 4, across, 80), how, EMPTY_DETAIL)

    def picture(self, title: str, detail: str, scale: float) -> QImage:
        """The pictures with a title line, `scale` device pixels a pixel; no footers, no hint."""
        now = theme.theme()
        width = max(self.width(), 312)
        found, _ = self.places(width)
        drawn = {f: found[f] for f in self.figures if f in found}
        height = max((box.bottom() + 1 for box in drawn.values()), default=0) + TITLE + MARGIN
        image = QImage(
            round(width * scale), round(height * scale), QImage.Format.Format_ARGB32_Premultiplied
        )
        image.setDevicePixelRatio(scale)
        image.fill(now.window)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(QRectF(0, 0, width, TITLE), now.panel)
        bold = theme.font(theme.TITLE)
        x = MARGIN + put(painter, MARGIN, TITLE / 2, title, bold, now.text) + 8
        room = width - MARGIN - x
        put(painter, x, TITLE / 2, detail, theme.font(theme.SMALL), now.muted, room)
        painter.setPen(QPen(now.line, 1))
        painter.drawLine(QPointF(0, TITLE - 0.5), QPointF(width, TITLE - 0.5))
        for figure, box in drawn.items():
            painter.save()
            painter.translate(box.left(), box.top() + TITLE)
            figure.draw(painter, float(box.width()))
            painter.restore()
        painter.end()
        return image


def _height(widget: QWidget, width: int) -> int:
    if isinstance(widget, Figure):
        return widget.height_at(width)
    if widget.hasHeightForWidth():
        return widget.heightForWidth(width)
    return widget.sizeHint().height()
