"""The brush of heat maps: cells, labels, the line of the modelled optimum, and the legend."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QLineF, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPen,
    QPixmap,
    QPolygonF,
    QStaticText,
)

from app.experiment_maps import MapCell, MapTable
from app.experiment_words import figure
from app.theme import blend, sans, theme, with_alpha
from app.views.heat_colours import Scale, colour
from app.views.heat_layout import LINE, HeatLayout

LABEL = 12
"""Text size of labels; figures in cells are as large at most, apart from in large cells."""
NOTE = 11
RADIUS = 3
ROUND_FROM = 28
"""Height from which cells have round corners: in smaller ones nobody would see them."""
HATCH = 8
"""Between the lines of refused cells, across and down."""
BAR = QSizeF(144, 10)
Align = Qt.AlignmentFlag
_MIDDLE = Align.AlignVCenter
_RIGHT = Align.AlignRight | _MIDDLE
_LEFT = Align.AlignLeft | _MIDDLE
_MARKS = {"failed": "✗", "waiting": "…"}
_NAMES = {"partial": "incomplete", "refused": "refused", "failed": "failed",
          "waiting": "waiting"}  # fmt: skip


class HeatPainter:
    """Draws one table. upright: column labels are turned by a quarter."""

    def __init__(
        self, painter: QPainter, table: MapTable, layout: HeatLayout, scale: Scale, upright: bool
    ) -> None:
        self._painter, self._table, self._layout = painter, table, layout
        self._scale, self._upright, self._now = scale, upright, theme()
        # In narrow cells figures make room for the line; in wide ones there is enough.
        self._indent = LINE if any(table.optimum_known) and layout.cell_width < 56 else 0
        self._font, self._noted = self._fonts()
        self._texts: dict[str, tuple[QStaticText, QSizeF]] = {}

    def _fonts(self) -> tuple[QFont | None, bool]:
        """The largest font in which every figure fits, and whether there is room for notes."""
        width, height = self._layout.cell_width - 6 - self._indent, self._layout.cell_height - 4
        texts = {cell.text for row in self._table.cells for cell in row if cell.text}
        noted = height >= 40 and any(cell.note for row in self._table.cells for cell in row)
        for size in (20, 16, 14, 13, 12, 11, 10, 9):
            font = sans(size, QFont.Weight.Medium, figures=True)
            metrics = QFontMetricsF(font)
            if size + 2 > height - (NOTE + 6 if noted else 0):
                continue
            if (size > 13 and height < 40) or (size > 16 and height < 72):
                continue
            if max(map(metrics.horizontalAdvance, texts), default=0.0) <= width:
                return font, noted
        return None, False

    def paint(self, area: QRectF) -> None:
        painter = self._painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_labels()
        self._paint_cells()
        self._paint_optimum()
        self._paint_legend(self._layout.legend(area.width()))

    # Cells

    def _paint_cells(self) -> None:
        layout = self._layout
        for row, cells in enumerate(self._table.cells):
            for column, cell in enumerate(cells):
                if cell.state == "refused":
                    self._paint_refused(cell, layout.cell(row, column))
                elif cell.state != "absent":
                    self._paint_cell(cell, layout.cell(row, column))

    def _paint_cell(self, cell: MapCell, box: QRectF) -> None:
        painter, now = self._painter, self._now
        ink = now.muted
        if cell.interval is not None:
            fill, ink = self._scale.inks(cell.interval.median, now)
            if box.height() < ROUND_FROM:
                painter.fillRect(box, fill)
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(fill)
                painter.drawRoundedRect(box, RADIUS, RADIUS)
        if cell.state != "done":
            _outlined(painter, box, cell.state)
        text = cell.text
        if not text:
            text = _MARKS.get(cell.state, "–")
            ink = now.target_text if cell.state == "failed" else ink
        if self._font is None:
            return
        painter.setPen(ink)
        if not (self._noted and cell.note):
            self._paint_figure(text, box.adjusted(self._indent, 0, 0, 0))
            return
        self._paint_figure(text, box.adjusted(0, 4, 0, -box.height() / 2 + 4))
        self._paint_note(cell.note, box.adjusted(6, box.height() / 2 + 2, -6, -4))

    def _paint_refused(self, cell: MapCell, box: QRectF) -> None:
        """Where there is room for notes it says why."""
        painter, now = self._painter, self._now
        _hatched(painter, box)
        if not self._noted or not cell.reason:
            return
        band = box.adjusted(1, box.height() / 2 - 12, -1, -box.height() / 2 + 12)
        painter.fillRect(band, now.panel)
        painter.setPen(now.text)
        self._paint_note(cell.reason, band.adjusted(6, 0, -6, 0))

    def _paint_note(self, text: str, room: QRectF) -> None:
        font, right = sans(NOTE), Qt.TextElideMode.ElideRight
        self._painter.setFont(font)
        shown = QFontMetricsF(font).elidedText(text, right, room.width())
        self._painter.drawText(room, Align.AlignCenter, shown)

    def _paint_figure(self, text: str, box: QRectF) -> None:
        """Many cells have the same text: it is laid out once."""
        known = self._texts.get(text)
        if known is None:
            assert self._font is not None
            laid = QStaticText(text)
            laid.setTextFormat(Qt.TextFormat.PlainText)
            laid.prepare(font=self._font)
            known = self._texts[text] = laid, laid.size()
        laid, size = known
        self._painter.setFont(self._font or sans(LABEL))
        at = box.center() - QPointF(size.width() / 2, size.height() / 2)
        self._painter.drawStaticText(at, laid)

    def _paint_optimum(self) -> None:
        for line in self._layout.optimum(self._table.optimum):
            _dashed(self._painter, line)

    # Labels

    def _paint_labels(self) -> None:
        painter, table, layout, now = self._painter, self._table, self._layout, self._now
        font = sans(LABEL, QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(now.muted)
        # Both in the corner, which stays in sight where the map is scrolled.
        foot = QRectF(0, layout.top - 24, layout.left - 8, 20)
        painter.drawText(foot, _RIGHT, f"{table.row_title} ↓")
        painter.drawText(foot.translated(0, -20), _RIGHT, f"{table.column_title} →")
        font = sans(LABEL)
        metrics, cut = QFontMetricsF(font), Qt.TextElideMode.ElideMiddle
        painter.setFont(font)
        painter.setPen(now.text)
        for row, label in enumerate(table.rows):
            box = layout.row_label(row)
            painter.drawText(box, _RIGHT, metrics.elidedText(label.text, cut, box.width()))
        for column, label in enumerate(table.columns):
            box = layout.column_label(column)
            if not self._upright:
                painter.drawText(box, Align.AlignCenter, label.text)
                continue
            painter.save()
            painter.translate(box.center().x(), box.bottom() - 4)
            painter.rotate(-90)
            turned = QRectF(0, -box.width() / 2, box.height() - 8, box.width())
            painter.drawText(turned, _LEFT, metrics.elidedText(label.text, cut, turned.width()))
            painter.restore()

    # Legend

    def _paint_legend(self, area: QRectF) -> None:
        painter, now = self._painter, self._now
        font = sans(11, figures=True)
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        x, top = float(self._layout.left), area.top() + 12
        if self._table.values:
            self._paint_bar(QRectF(QPointF(x, top), BAR))
            x += BAR.width() + 24
        marks: list[str] = [s for s in _NAMES if self._any(s)]
        if any(self._table.optimum_known):
            marks.append("optimum")
        for mark in marks:
            name = _NAMES.get(mark, "modelled best γ")
            box = QRectF(x, top - 2, 18, 14)
            if mark == "refused":
                _hatched(painter, box)
            elif mark == "optimum":
                middle = box.center().x()
                _dashed(painter, [QPointF(middle, top - 4), QPointF(middle, top + 14)])
            else:
                _outlined(painter, box, mark)
            painter.setPen(now.muted)
            painter.drawText(QRectF(x + 24, top - 5, 200, 20), _LEFT, name)
            x += 24 + metrics.horizontalAdvance(name) + 20

    def _any(self, state: str) -> bool:
        return any(cell.state == state for row in self._table.cells for cell in row)

    def _paint_bar(self, bar: QRectF) -> None:
        painter, scale = self._painter, self._scale
        painter.setPen(Qt.PenStyle.NoPen)
        steps = int(bar.width()) // 4
        for i in range(steps):
            share = (i + 0.5) / steps
            painter.setBrush(colour(2 * share - 1 if scale.centred else share, scale.centred,
                                    self._now.dark))  # fmt: skip
            painter.drawRect(QRectF(bar.left() + 4 * i, bar.top(), 4, bar.height()))
        painter.setPen(self._now.muted)
        for value, share in scale.ticks():
            x = bar.left() + share * bar.width()
            how = Align.AlignHCenter if share == 0.5 else (
                Align.AlignLeft if share == 0 else Align.AlignRight
            )  # fmt: skip
            left = {0.0: x, 0.5: x - 40, 1.0: x - 80}[share]
            box = QRectF(left, bar.bottom() + 3, 80, 16)
            text = figure(self._table.metric, value)
            if share == 0 and scale.centred and min(self._table.values) < value * 0.995:
                text = f"≤ {text}"
            painter.drawText(box, how | Align.AlignTop, text)


def _hatched(painter: QPainter, box: QRectF) -> None:
    now = theme()
    ratio = painter.device().devicePixelRatio()
    line = blend(with_alpha(now.muted, 0.55), now.panel)
    painter.drawTiledPixmap(box, _tile(line.name(), now.panel.name(), ratio))


@lru_cache(maxsize=8)
def _tile(line: str, ground: str, ratio: float) -> QPixmap:
    """Diagonals that go on from tile to tile: drawn once, where lines under a clip take long."""
    tile = QPixmap(round(HATCH * ratio), round(HATCH * ratio))
    tile.setDevicePixelRatio(ratio)
    tile.fill(QColor(ground))
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(line), 1))
    for shift in (-HATCH, 0, HATCH):
        painter.drawLine(QLineF(shift - 1, HATCH + 1, shift + HATCH + 1, -1))
    painter.end()
    return tile


def _outlined(painter: QPainter, box: QRectF, state: str) -> None:
    """failed: a solid line; waiting: dotted; partial: dashed, over the fill."""
    now = theme()
    hue: QColor = {"failed": now.target, "waiting": now.muted, "partial": now.muted}[state]
    style = {
        "failed": Qt.PenStyle.SolidLine,
        "waiting": Qt.PenStyle.DotLine,
        "partial": Qt.PenStyle.DashLine,
    }[state]
    painter.setPen(QPen(hue, 1.25, style))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), RADIUS - 1, RADIUS - 1)


def _dashed(painter: QPainter, points: list[QPointF]) -> None:
    """Over any fill: dashes of the text's colour on a band of the window's."""
    now, line = theme(), QPolygonF(points)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    band = QPen(with_alpha(now.window, 0.8), 4)
    band.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(band)
    painter.drawPolyline(line)
    dashes = QPen(now.text, 1.75, Qt.PenStyle.CustomDashLine)
    dashes.setDashPattern([3, 2])
    dashes.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(dashes)
    painter.drawPolyline(line)
