"""A heat map: a value in every cell, its fill from an even scale, and marks for what has no value.

Cells are drawn once into a picture; under a moving pointer only the ring around a cell is drawn
anew.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.experiment_maps import MapTable
from app.theme import notifier, sans, theme
from app.views.heat_colours import Scale, scale_of
from app.views.heat_layout import LEAST, LEGEND, MOST, NOTED, HeatLayout, Sizes, arrange
from app.views.heat_paint import LABEL, HeatPainter
from app.views.pixels import ratio_of

WIDEST, HIGHEST = 208, 144
"""The most room for row labels, and for column labels that stand upright."""
RING = 2
"""Of the cell under the pointer, of the selected one and of the keyboard's."""
Place = tuple[int, int]
_STEPS: dict[int, Place] = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class HeatMap(QWidget):
    """`show_table` shows another map.

    hovered(row, column): the pointer came over a cell; (-1, -1): it left. selected(row, column): by
    click or arrow key. activated(row, column): by double click or Enter.
    """

    hovered = Signal(int, int)
    selected = Signal(int, int)
    activated = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table: MapTable | None = None
        self.scale = Scale(0.0, 1.0, False)
        self.n_drawn = 0
        """How often all cells were drawn."""
        self._hover: Place | None = None
        self._chosen: Place | None = None
        self._picture: QPixmap | None = None
        self._drawn_with: object = None
        self._layout: HeatLayout | None = None
        self._sizes, self._upright = Sizes(0, 0), False
        self._scrolled = QPoint()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Heat map")
        notifier().changed.connect(self._redraw)

    def show_table(self, table: MapTable | None, chosen: Place | None = None) -> None:
        """Show another map, with this cell chosen. None: nothing to show."""
        self.table = table
        self._hover = None
        self._chosen = chosen if table is not None and chosen and table.at(*chosen) else None
        self.scale = scale_of(table.values if table else [], bool(table and table.centred))
        self.setAccessibleName(
            f"Heat map: {table.title}, {table.kind}, {table.row_title} by {table.column_title}"
            if table is not None
            else "Heat map"
        )
        self._tell_readers()
        self._measure()
        self._redraw()

    # Where things are

    @property
    def chosen(self) -> Place | None:
        return self._chosen

    def choose(self, place: Place | None) -> None:
        """Put the selection there, without a word to others."""
        if place != self._chosen:
            old, self._chosen = self._chosen, place
            self._tell_readers()
            self._touch(old, place)

    @property
    def arranged(self) -> HeatLayout:
        if self._layout is None:
            self._layout = self._arrange(self.width(), self.height())
        return self._layout

    def _arrange(self, width: float, height: float) -> HeatLayout:
        n_rows = len(self.table.rows) if self.table is not None else 0
        n_columns = len(self.table.columns) if self.table is not None else 0
        noted = self.table is not None and any(c.note for row in self.table.cells for c in row)
        most = NOTED if noted else MOST
        return arrange(n_rows, n_columns, self._sizes, width, height, LEAST, most)

    def _measure(self) -> None:
        """Room for the labels. Column labels stand upright where they are wider than a cell."""
        table, self._layout = self.table, None
        if table is None:
            self._sizes, self._upright = Sizes(0, 0), False
            return
        metrics = QFontMetricsF(sans(LABEL))
        advance = metrics.horizontalAdvance
        side = max((advance(label.text) for label in table.rows), default=0.0)
        titles = max(advance(t) for t in (table.row_title, table.column_title)) + 28
        side = min(max(side, titles), WIDEST)
        head = max((advance(label.text) for label in table.columns), default=0.0)
        self._sizes, self._upright = Sizes(int(side) + 16, 20), False
        if head > self._arrange(self.width(), self.height()).cell_width - 8:
            self._upright = True
            self._sizes = Sizes(int(side) + 16, int(min(head, HIGHEST)) + 12)

    def minimumSizeHint(self) -> QSize:
        least = self._arrange(0, 0)
        return QSize(least.right, least.bottom + LEGEND)

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint().expandedTo(QSize(640, 400))

    def resizeEvent(self, event: object) -> None:
        self._measure()

    def set_scrolled(self, by: QPoint) -> None:
        """By how much the map is scrolled out of sight: its labels stay where they are seen."""
        if by != self._scrolled:
            self._scrolled = by
            self.update()

    # Drawing

    def _redraw(self) -> None:
        self._picture, self._layout = None, None
        self.updateGeometry()
        self.update()

    def _pixmap(self) -> QPixmap:
        ratio = ratio_of(self)
        key = self.size(), ratio, theme()
        if self._picture is None or self._drawn_with != key:
            self._picture = QPixmap(self.size() * ratio)
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(theme().window)
            self._drawn_with = key
            if self.table is not None:
                self.n_drawn += 1
                painter = QPainter(self._picture)
                layout, area = self.arranged, self.rect().toRectF()
                HeatPainter(painter, self.table, layout, self.scale, self._upright).paint(area)
                painter.end()
        return self._picture

    def paintEvent(self, event: QPaintEvent) -> None:
        picture, painter = self._pixmap(), QPainter(self)
        ratio = picture.devicePixelRatio()
        area = event.rect()
        source = QRectF(area.x() * ratio, area.y() * ratio,
                        area.width() * ratio, area.height() * ratio)  # fmt: skip
        painter.drawPixmap(area.toRectF(), picture, source)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        now = theme()
        if self._hover is not None and self._hover != self._chosen:
            self._ring(painter, self._hover, QPen(now.muted, 1.5))
        if self._chosen is not None:
            self._ring(painter, self._chosen, QPen(now.accent if self.hasFocus() else now.text, 2))
        self._paint_heads(painter, picture)
        painter.end()

    def _paint_heads(self, painter: QPainter, picture: QPixmap) -> None:
        """Labels over cells that are scrolled under them."""
        x, y, ratio = self._scrolled.x(), self._scrolled.y(), picture.devicePixelRatio()
        left, top = self.arranged.left - 2, self.arranged.top - 2
        strips: list[QRectF] = []
        if x > 0:
            strips.append(QRectF(0, 0, left, self.height()))
        if y > 0:
            strips.append(QRectF(0, 0, self.width(), top))
        if x > 0 or y > 0:
            strips.append(QRectF(0, 0, left, top))
        for strip in strips:
            to_side = x if strip.width() == left else 0
            down = y if strip.height() == top else 0
            source = QRectF(0, 0, strip.width() * ratio, strip.height() * ratio)
            painter.drawPixmap(strip.translated(to_side, down), picture, source)

    def _ring(self, painter: QPainter, place: Place, pen: QPen) -> None:
        box = self.arranged.cell(*place)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box.adjusted(-1, -1, 1, 1), 4, 4)

    def _touch(self, *places: Place | None) -> None:
        for place in places:
            if place is not None:
                around = self.arranged.cell(*place).toAlignedRect()
                self.update(around.adjusted(-RING - 1, -RING - 1, RING + 1, RING + 1))

    # Pointer and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._go_over(self._under(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._go_over(None)

    def _go_over(self, place: Place | None) -> None:
        if place != self._hover:
            old, self._hover = self._hover, place
            self._touch(old, place)
            self.hovered.emit(*(place or (-1, -1)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._under(event.position())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self._pick(place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self._under(event.position())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self.activated.emit(*place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        layout, at = self.arranged, self._chosen
        if not layout.n_rows or not layout.n_columns:
            super().keyPressEvent(event)
        elif event.key() in _STEPS:
            down, across = _STEPS[event.key()] if at is not None else (0, 0)
            row, column = at or (0, 0)
            row = max(0, min(row + down, layout.n_rows - 1))
            self._pick((row, max(0, min(column + across, layout.n_columns - 1))))
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            end = event.key() == Qt.Key.Key_End
            row = (at or (0, 0))[0]
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                row = layout.n_rows - 1 if end else 0
            self._pick((row, layout.n_columns - 1 if end else 0))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and at is not None:
            self.activated.emit(*at)
        else:
            super().keyPressEvent(event)

    def _pick(self, place: Place) -> None:
        if place != self._chosen:
            self.choose(place)
            self.selected.emit(*place)

    def _under(self, point: QPointF) -> Place | None:
        if self.table is None or self._over_heads(point):
            return None
        return self.arranged.at(point.x(), point.y())

    def _over_heads(self, point: QPointF) -> bool:
        """Whether a point is over labels that lie over cells."""
        by = self._scrolled
        return point.x() - by.x() < self.arranged.left or point.y() - by.y() < self.arranged.top

    def focusInEvent(self, event: object) -> None:
        self._touch(self._chosen)

    def focusOutEvent(self, event: object) -> None:
        self._touch(self._chosen)

    # Told

    def tip_at(self, point: QPoint) -> tuple[str, QRect]:
        """The tooltip of a point, and where it holds; "" where there is none."""
        table, place = self.table, self._under(QPointF(point))
        if table is None:
            return "", QRect()
        if place is not None:
            told = table.told(*place)
            return "\n".join(told), self.arranged.cell(*place).toAlignedRect()
        for labels, box_of in (
            (table.rows, self.arranged.row_label),
            (table.columns, self.arranged.column_label),
        ):
            for i, label in enumerate(labels):
                box = box_of(i)
                # Row labels are moved aside with the scrolled map, column labels down.
                rows = labels is table.rows
                box.translate(self._scrolled.x() if rows else 0, 0 if rows else self._scrolled.y())
                if box.contains(QPointF(point)):
                    return label.full, box.toAlignedRect()
        return "", QRect()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text, area = self.tip_at(event.pos())
            if text:
                QToolTip.showText(event.globalPos(), text, self, area)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def _tell_readers(self) -> None:
        told = self.table.told(*self._chosen) if self.table and self._chosen else []
        self.setAccessibleDescription(". ".join(told))
