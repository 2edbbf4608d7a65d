"""The token stream: a chip for every token, in the order in which they were proposed.

The window calls `refresh` once a frame after the run advanced: only what is new is laid out and
only rows that changed are drawn again.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QPushButton, QToolTip, QWidget

from app import theme
from app.views.chips import RADIUS, STREAM_GLYPHS, ChipFont
from app.views.pixels import ratio_of
from app.views.row_cache import RowCache
from app.views.source_light import first_cell, paint_light, pieces_of, source_cells
from app.views.token_layout import DENSE, NORMAL, Metrics, Shape, Shaper, TokenLayout, aside_of
from app.views.token_tooltip import token_tooltip
from engine.trace import Run, TokenState

MARGIN = 16
"""Around the text, in pixels."""
CARET_WIDTH = 3


class TokenView(QAbstractScrollArea):
    """Shows the tokens of one run.

    hovered: index into `Run.cells` under the pointer, -1 for none. picked: round and index of the
    token that was clicked or walked to.
    """

    hovered = Signal(int)
    picked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._closed = 0
        self._seen = (0, 0, False)
        self._caret = True
        self._dense = False
        self._show_rejected = True
        self._hover = -1
        self._selected = -1
        self._source: tuple[list[int], int] = [], -1  # lit cells, see `show_source`
        self._round: int | None = None
        self._hint = QKeySequence("Ctrl+Return").toString(QKeySequence.SequenceFormat.NativeText)
        self._words = "", ""
        self._cache = RowCache()
        self._following = True
        self._font = ChipFont(13)
        self._shaper = Shaper(self._measure)
        self._layout = TokenLayout()
        # The layout that reaches furthest into the run, and how many of its cells are for good.
        self._placed, self._reach = self._layout, 0
        self._ahead: tuple[Run, TokenLayout] | None = None  # see `prepare`

        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Token stream")
        self.viewport().setMouseTracking(True)
        self._jump = QPushButton("Jump to the end", self.viewport())
        self._jump.setProperty("kind", "pill")
        self._jump.setCursor(Qt.CursorShape.PointingHandCursor)
        self._jump.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._jump.setToolTip("New tokens arrive below (End)")
        self._jump.clicked.connect(self.jump_to_end)
        self._jump.hide()
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        theme.notifier().changed.connect(self._retheme)

    # What is shown

    def set_run(self, run: Run | None) -> None:
        """Show another run from its beginning, or none; or the same run at another moment."""
        if run is not None and self._run is not None and run.started is self._run.started:
            self._show_moment(run)
            return
        self._run = run
        self._reach = 0
        self._seen = (0, 0, False)
        self._hover = self._selected = -1
        self._source = [], -1
        self._round = None
        self._following = True
        self._placed = self._layout = self._layout_of(run)
        self._closed = len(self._layout)
        self._ahead = None
        self._cache.clear()
        self.verticalScrollBar().setValue(0)
        self._update_range()
        self.refresh()
        self.viewport().update()

    def prepare(self, run: Run | None) -> None:
        """Place what there is of a run that will be shown; to be called as it grows. A long one
        placed all at once would halt the window. None: it will not be shown after all."""
        if run is None:
            self._ahead = None
            return
        layout = self._layout_of(run)
        self._ahead = run, layout
        layout.extend(self._shapes(run, len(layout), run.n_closed_cells))

    def _layout_of(self, run: Run | None) -> TokenLayout:
        """What is placed of a run already, or an empty layout."""
        now = self._layout
        if self._ahead is not None and self._ahead[0] is run:
            self._ahead[1].configure(now.width, now.metrics, not self._show_rejected)
            return self._ahead[1]
        layout = TokenLayout(now.width, now.metrics)
        layout.hide_ghosts = not self._show_rejected
        return layout

    def _show_moment(self, run: Run) -> None:
        """Show the run as it was at another moment: what is placed already stays so."""
        if self._closed >= self._reach:
            self._placed, self._reach = self._layout, self._closed
        kept = min(self._reach, run.n_closed_cells)
        same = self._placed.row_of(min(kept, self._closed))
        self._layout = self._placed if kept == self._reach else self._placed.first(kept)
        self._run, self._closed = run, kept
        self._seen = (0, 0, False)
        self._hover = -1
        self._source = [], -1
        self._cache.drop_from(max(same - 1, 0))
        self.refresh()
        self.viewport().update()

    def refresh(self) -> None:
        """Take in what the run has gained since the last call."""
        run = self._run
        if run is None:
            return
        seen = (run.n_events, len(run.cells), run.finished is not None)
        if seen == self._seen:
            return
        if seen[2] != self._seen[2] or not len(self._layout):
            self.viewport().update()  # the caret, or the empty state
        self._seen = seen
        # The cells of the open round may have changed, and its verdict replaces them.
        first = self._layout.truncate(self._closed)
        first = min(first, self._layout.extend(self._shapes(run, self._closed, len(run.cells))))
        self._closed = run.n_closed_cells
        self._cache.drop_from(first)
        if self._selected >= len(run.cells):
            self._selected = -1
        self._update_range()
        self._update_rows(first)
        self._update_jump()

    def select(self, round_index: int, index: int) -> None:
        """Put the ring on a token and bring it into view; emits nothing."""
        at = self._find(round_index, index)
        if at is not None:
            self._select(at, emit=False)

    def clear_selection(self) -> None:
        self._selected = -1
        self.viewport().update()

    def show_round(self, index: int | None) -> None:
        """Underline the tokens of a round and bring them into view; None: no round."""
        self._round = index
        span = self._round_span()
        if span is not None:
            page = range(self._offset, self._offset + self.viewport().height())
            ends = [round(self._layout.rect(cell)[1]) + MARGIN for cell in span]
            # Where a part of it is in view the eye has found it: do not move the text.
            if not any(y in page for y in ends):
                self._ensure_visible(span[0])
        self.viewport().update()

    def show_source(self, round_index: int, index: int) -> None:
        """Light up what a token was copied from, if that is part of the output; -1: nothing."""
        run = self._run
        lit: tuple[list[int], int] = [], -1
        if run is not None:
            lit = source_cells(run, round_index, index, self._closed)
        if lit != self._source:
            changed = [*self._source[0], *lit[0]]
            self._source = lit
            for chips in self._lit(changed):
                self.viewport().update(chips[0].united(chips[-1]).adjusted(-5, -5, 5, 9))

    @property
    def source_cells(self) -> list[int]:
        """The cells that are lit."""
        return self._source[0]

    def set_caret(self, show: bool) -> None:
        """Whether a run that goes on shows a caret: not where it is shown up to a finish line."""
        if show != self._caret:
            self._caret = show
            self.viewport().update()

    @property
    def dense(self) -> bool:
        return self._dense

    def set_dense(self, dense: bool) -> None:
        """Flow without breaking rows at newlines, in smaller chips."""
        if dense != self._dense:
            self._dense = dense
            self._font = ChipFont(12 if dense else 13)
            self._reshape()

    @property
    def show_rejected(self) -> bool:
        return self._show_rejected

    def set_show_rejected(self, show: bool) -> None:
        """Show rejected and discarded tokens, or the text alone."""
        if show != self._show_rejected:
            self._show_rejected = show
            self._relayout()

    def set_empty_hint(self, keys: str) -> None:
        """The shortcut that the empty view names."""
        self._hint = keys
        self.viewport().update()

    def set_empty_words(self, title: str = "", detail: str = "") -> None:
        """What the view says while there is no run; without a title, how to start one."""
        self._words = title, detail
        self.viewport().update()

    @property
    def following(self) -> bool:
        """Whether the end stays in view while tokens arrive."""
        return self._following

    def jump_to_end(self) -> None:
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def cell_rect(self, cell: int) -> QRect:
        """Where the chip of a cell stands in the viewport."""
        x, y, w, h = self._layout.rect(cell)
        return QRect(round(x) + MARGIN, round(y) + MARGIN - self._offset, round(w), round(h))

    def sizeHint(self) -> QSize:
        return QSize(640, 280)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 56)

    # Layout

    @property
    def _offset(self) -> int:
        return self.verticalScrollBar().value()

    def _measure(self, label: str, state: TokenState) -> float:
        return self._font.chip_width(label, state in STREAM_GLYPHS)

    def _metrics(self) -> Metrics:
        return DENSE if self._dense else NORMAL

    def _shapes(self, run: Run, start: int, stop: int) -> list[Shape]:
        """Of the cells from `start` up to `stop`."""
        shape, stub = self._shaper.shape, self._shaper.stub
        config, cells = run.started.config, run.cells[start:stop]
        if all(b == 1 for b in config.branches[: config.gamma]):
            return [shape(c.text, c.state) for c in cells]
        pruned = TokenState.DISCARDED
        shapes = [shape(c.text, c.state) if c.state != pruned else stub(pruned) for c in cells]
        newest = run.rounds[-1] if run.rounds else None
        if newest is not None and newest.verified is None:
            for index in aside_of(newest.parents):
                at = run.n_closed_cells + index
                if start <= at < stop:
                    shapes[at - start] = stub(TokenState.PENDING)
        return shapes

    def _reshape(self) -> None:
        """Measure every chip anew."""
        self._shaper = Shaper(self._measure)
        self._ahead = None
        shapes: list[Shape] = []
        if self._run is not None:
            shapes = self._shapes(self._run, 0, len(self._layout))
        self._layout.shapes = shapes
        self._relayout(force=True)

    def _relayout(self, force: bool = False) -> None:
        """Place every chip anew; what stood at the top stays there."""
        rows = self._layout.rows_between(self._offset - MARGIN, self._offset)
        anchor = self._layout.cells_of(rows.start).start if rows else 0
        width = max(self._room() - 2 * MARGIN + self._metrics().hang / 2, 60)
        metrics, hide = self._metrics(), not self._show_rejected
        changed = self._layout.configure(width, metrics, hide)
        if force and not changed:
            self._layout.replace_shapes(self._layout.shapes)
        if changed or force:
            self._cache.clear()
            self._placed, self._reach = self._layout, 0
        following = self._following
        self._update_range()
        if not following and len(self._layout):
            top = self._layout.top_of(self._layout.row_of(min(anchor, len(self._layout) - 1)))
            self.verticalScrollBar().setValue(round(top))
        self.viewport().update()

    def _room(self) -> int:
        """Width for the rows: the same with and without the scroll bar, or each turn between a
        short text and a long one would place everything again."""
        bar = self.verticalScrollBar()
        hidden = self.verticalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        beside = 0 if hidden or bar.isVisibleTo(self) else bar.sizeHint().width()
        return self.viewport().width() - beside

    def _update_range(self) -> None:
        bar = self.verticalScrollBar()
        page = self.viewport().height()
        following = self._following
        height = self._layout.height + 2 * MARGIN if len(self._layout) else 0
        bar.setPageStep(page)
        bar.setSingleStep(round(self._metrics().pitch))
        bar.setRange(0, max(round(height) - page, 0))
        if following:
            bar.setValue(bar.maximum())
        self._following = following or bar.value() >= bar.maximum()

    def _scrolled(self) -> None:
        bar = self.verticalScrollBar()
        self._following = bar.value() >= bar.maximum() - 2
        self._update_jump()
        self.viewport().update()

    def _update_jump(self) -> None:
        running = self._run is not None and self._run.finished is None
        wanted = running and not self._following
        if wanted:
            self._jump.adjustSize()
            size, page = self._jump.size(), self.viewport().size()
            self._jump.move((page.width() - size.width()) // 2, page.height() - size.height() - 12)
        if wanted == self._jump.isHidden():
            self._jump.setVisible(wanted)

    def _update_rows(self, first: int) -> None:
        """Schedule a repaint from a row down."""
        top = round(self._layout.top_of(min(first, self._layout.n_rows - 1)))
        y = max(top + MARGIN - self._offset - 4, 0)
        self.viewport().update(0, y, self.viewport().width(), self.viewport().height() - y)

    def _find(self, round_index: int, index: int) -> int | None:
        """The cell at a place of a round."""
        if self._run is None:
            return None
        stop = len(self._layout)
        at = first_cell(self._run, round_index, index, stop)
        return at if at < stop and self._run.cells[at].round == round_index else None

    def _round_span(self) -> tuple[int, int] | None:
        """First and last cell of the shown round."""
        first = None if self._round is None else self._find(self._round, 0)
        if first is None or self._run is None:
            return None
        cells, last = self._run.cells, first
        while last + 1 < len(self._layout) and cells[last + 1].round == self._round:
            last += 1
        return first, last

    def _ensure_visible(self, cell: int) -> None:
        _, y, _, h = self._layout.rect(cell)
        bar, page = self.verticalScrollBar(), self.viewport().height()
        if y + MARGIN - 8 < bar.value():
            bar.setValue(round(y + MARGIN - 8))
        elif y + h + MARGIN + 8 > bar.value() + page:
            bar.setValue(round(y + h + MARGIN + 8 - page))

    # Painting

    def _retheme(self) -> None:
        self._cache.clear()
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), current.surface)
        run = self._run
        if run is None or not len(self._layout):
            self._paint_empty(painter, current)
            return
        ratio = ratio_of(self)
        self._cache.use((current.scheme, current.palette, ratio, self._font.size))
        top = event.rect().top() + self._offset - MARGIN
        rows = self._layout.rows_between(top - 4, top + event.rect().height() + 4)
        for row in rows:
            y = round(self._layout.top_of(row)) + MARGIN - self._offset
            pixmap = self._cache.get(row, self._layout, run.cells, self._font, current, ratio)
            painter.drawPixmap(MARGIN, y, pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._round is not None:
            self._paint_round(painter, current, rows)
        cells, own = self._source
        if cells:
            ring = self.cell_rect(own) if own >= 0 and self._layout.w[own] > 0 else None
            paint_light(painter, current, self._lit(cells), ring)
        if self._hover >= 0 and self._hover != self._selected:
            self._paint_ring(painter, self._hover, QPen(current.muted, 1.0), 1.5)
        if self._selected >= 0:
            self._paint_ring(painter, self._selected, QPen(current.text, 2.0), 2.0)
        if run.finished is None and self._caret:
            x, y = self._layout.end
            bar = QRectF(x + MARGIN + 3, y + MARGIN - self._offset + 2, CARET_WIDTH, 0)
            bar.setHeight(self._layout.metrics.chip - 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(current.accent)
            painter.drawRoundedRect(bar, 1.5, 1.5)

    def _paint_ring(self, painter: QPainter, cell: int, pen: QPen, grow: float) -> None:
        if cell >= len(self._layout) or self._layout.w[cell] <= 0:
            return
        box = QRectF(self.cell_rect(cell)).adjusted(-grow, -grow, grow, grow)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, RADIUS + grow, RADIUS + grow)

    def _paint_round(self, painter: QPainter, current: theme.Theme, rows: range) -> None:
        """A line under the tokens of the shown round."""
        span = self._round_span()
        if span is None:
            return
        first, last = span
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(current.muted)
        for row in range(self._layout.row_of(first), self._layout.row_of(last) + 1):
            inside = self._layout.cells_of(row)
            start, stop = max(inside.start, first), min(inside.stop - 1, last)
            if row in rows and start <= stop:
                a, b = self.cell_rect(start), self.cell_rect(stop)
                line = QRectF(a.left(), a.bottom() + 3.5, b.right() + 1 - a.left(), 2)
                painter.drawRoundedRect(line, 1, 1)

    def _lit(self, cells: list[int]) -> list[list[QRect]]:
        """The chips of each piece of the lit cells."""
        return [
            [self.cell_rect(cell) for cell in range(first, last + 1)]
            for first, last in pieces_of(cells, self._layout)
        ]

    def _paint_empty(self, painter: QPainter, current: theme.Theme) -> None:
        run = self._run
        title, detail = self._words
        if not title:
            title, detail = "Press Run to decode", f"{self._hint} starts a run"
        if run is not None and run.finished is None:
            total = len(run.started.prompt_ids)
            title = "Reading the prompt"
            detail = f"{min(run.n_prefilled, total):,} of {total:,} tokens"
        elif run is not None and run.finished is not None:
            title, detail = "The run ended without a token", ""
            if run.finished.error is not None:
                title, detail = run.finished.error.message, run.finished.error.hint
        area = QRectF(self.viewport().rect()).adjusted(24, 0, -24, 0)
        middle = area.center().y()
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        painter.setFont(theme.sans(15))
        painter.setPen(current.text)
        bottom = Qt.AlignmentFlag.AlignBottom
        upper = QRectF(area.left(), middle - 80, area.width(), 78)
        painter.drawText(upper, int(flags | bottom), title)
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(current.muted)
        painter.drawText(QRectF(area.left(), middle + 6, area.width(), 60), int(flags), detail)

    # Pointer and keys

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._relayout()
        self._update_jump()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tooltip(event.globalPos(), self._hit(event.pos()))
            return True
        if event.type() == QEvent.Type.Leave:
            self._set_hover(-1)
        return super().viewportEvent(event)

    def _hit(self, at: QPoint) -> int:
        y = at.y() + self._offset - MARGIN
        found = self._layout.hit(at.x() - MARGIN, y)
        return -1 if found is None or self._run is None else found

    def _show_tooltip(self, at: QPoint, cell: int) -> None:
        if cell < 0 or self._run is None:
            QToolTip.hideText()
            return
        where = self._run.cells[cell]
        text = token_tooltip(self._run, where.round, where.index)
        QToolTip.showText(at, text, self.viewport(), self.cell_rect(cell))

    def _set_hover(self, cell: int) -> None:
        if cell == self._hover:
            return
        for changed in (self._hover, cell):
            self._update_cell(changed)
        self._hover = cell
        where = self._run.cells[cell] if self._run is not None and cell >= 0 else None
        self.show_source(*(where.round, where.index) if where is not None else (-1, -1))
        self.hovered.emit(cell)

    def _update_cell(self, cell: int) -> None:
        if 0 <= cell < len(self._layout):
            self.viewport().update(self.cell_rect(cell).adjusted(-5, -5, 5, 5))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self._hit(event.position().toPoint()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            cell = self._hit(event.position().toPoint())
            if cell >= 0:
                self._select(cell, emit=True)
            else:
                self.clear_selection()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def _select(self, cell: int, emit: bool) -> None:
        self._update_cell(self._selected)
        self._selected = cell
        self._ensure_visible(cell)
        self._update_cell(cell)
        if emit and self._run is not None:
            where = self._run.cells[cell]
            self.picked.emit(where.round, where.index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, layout = event.key(), self._layout
        keys = Qt.Key
        bar = self.verticalScrollBar()
        if key in (keys.Key_PageUp, keys.Key_PageDown):
            sign = 1 if key == keys.Key_PageDown else -1
            bar.setValue(bar.value() + sign * bar.pageStep())
            return
        if key == keys.Key_Escape and self._selected >= 0:
            self.clear_selection()
            return
        if not len(layout):
            super().keyPressEvent(event)
            return
        at, n = self._selected, len(layout)
        moves = {
            keys.Key_Left: lambda: layout.step(at, -1) if at >= 0 else layout.step(n, -1),
            keys.Key_Right: lambda: layout.step(at, 1) if at >= 0 else layout.step(n, -1),
            keys.Key_Up: lambda: layout.step_row(at, -1) if at >= 0 else layout.step(n, -1),
            keys.Key_Down: lambda: layout.step_row(at, 1) if at >= 0 else layout.step(n, -1),
            keys.Key_Home: lambda: layout.step(-1, 1),
            keys.Key_End: lambda: layout.step(n, -1),
        }
        if key in moves:
            cell = moves[keys(key)]()
            if 0 <= cell < n:
                self._select(cell, emit=True)
            if key == keys.Key_End:
                self.jump_to_end()
        elif key in (keys.Key_Return, keys.Key_Enter, keys.Key_Space) and at >= 0:
            self._select(at, emit=True)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()
