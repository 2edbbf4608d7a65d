"""The method as a picture: the draft proposes, the target verifies, the result stands.

Three boxes with the real tokens and times of one round, and below them what the same tokens cost
without speculation.
"""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QElapsedTimer, QEvent, QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.views.chips import ChipFont
from app.views.comparison_card import badge_width, card_height, paint_badge, paint_card
from app.views.pixels import ratio_of
from app.views.round_boxes import (
    CHIPS_BOTTOM,
    CHIPS_TOP,
    PlacedChip,
    chip_area,
    paint_arrow,
    paint_box,
    paint_chips,
    title_level,
    wrap,
)
from app.views.round_motion import Motion, paint_motion, words
from app.views.round_text import EMPTY, RoundText, describe
from app.views.round_tree import PlacedTree, paint_tree, place_tree, tree_height
from app.views.token_tooltip import token_tooltip
from engine.events import Verified
from engine.trace import Round, Run
from engine.tree import width_at

HEADER = 30.0
BOX_HEIGHT = 186.0
CARD_GAP = 12.0
ARROW = 40.0


class RoundView(QWidget):
    """Shows one round of a run. picked: round and index of the chip that was clicked. hovered: of
    the one under the pointer, (-1, -1) for none."""

    picked = Signal(int, int)
    hovered = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._baseline: Run | None = None
        self._pinned: int | None = None
        self._shown: tuple[int, int, bool, int] | None = None
        self._finished_then = 0
        self._exact = False
        self._motion: Motion | None = None
        self._motion_t = 0.0
        self._text: RoundText = EMPTY
        self._placed: list[list[PlacedChip]] = [[], [], []]
        self._trees: list[PlacedTree] = []  # of the first two boxes, where a tree is shown
        self._over = (-1, -1)
        self._hinted = 0
        self.dwell_ms = 120
        """A verdict stays at least this long while it follows the newest round."""
        self._since = QElapsedTimer()
        self._hold = QTimer(self)
        self._hold.setSingleShot(True)
        self._hold.timeout.connect(self.refresh)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName("Round: draft, verify, result")
        self._make_fonts()
        theme.notifier().changed.connect(self.update)

    def set_run(self, run: Run | None, baseline_run: Run | None = None) -> None:
        """Show the rounds of `run`, compared with `baseline_run`; the same run at another moment
        keeps the round that is looked at."""
        before, self._run, self._baseline = self._run, run, baseline_run
        if run is not None and before is not None and run.started is before.started:
            self._shown = None
            self._finished_then = run.n_finished_rounds
            if run.rounds:
                self.refresh()
            else:
                self._set_text(EMPTY)
            return
        self._pinned = None
        self._shown = None
        self._finished_then = 0
        self._hold.stop()
        self._set_text(EMPTY)
        self.updateGeometry()
        self.refresh()

    def show_round(self, index: int | None) -> None:
        """Show a round, or (None) follow the newest."""
        self._pinned = index
        self._shown = None
        self.refresh()

    def set_exact(self, exact: bool) -> None:
        """Show the newest round as it is, whatever came just before: while nothing runs by itself
        there is no flicker to spare the eye."""
        self._exact = exact
        if exact:
            self._hold.stop()
            self.refresh()

    def set_motion(self, verdict: Verified | None, t: float = 0.0) -> None:
        """Show how the newest round's verdict, which is yet to come, is reached: t from 0 to 1 of
        the pass. None, or a proposal with siblings: the round stands still."""
        if verdict is None or not self._can_move():
            if self._motion is not None:
                self._motion = None
                self.update()
            return
        if self._motion is None or self._motion.verdict is not verdict:
            self._motion = Motion(verdict, self._after(verdict))
        self._motion_t = t
        self.update()

    def _can_move(self) -> bool:
        """Whether the newest round is on screen, with a chain that waits for its verdict."""
        run = self._run
        if run is None or not run.rounds or self._pinned is not None:
            return False
        current = run.rounds[-1]
        return bool(current.drafted) and current.verified is None and not current.is_tree

    @property
    def moving(self) -> bool:
        return self._motion is not None

    def _after(self, verdict: Verified) -> list[list[PlacedChip]]:
        """The chips of the boxes when the verdict is there."""
        run = self._run
        assert run is not None
        current = run.rounds[-1]
        judged = Round(current.index, current.drafted, verdict, current.length)
        text = describe(run, judged, self._baseline)
        areas = [chip_area(rect) for rect in self._boxes()]
        chips = [box.chips for box in text.boxes]
        return [wrap(c, area, self._chip_font)[0] for c, area in zip(chips, areas, strict=True)]

    @property
    def shown_round(self) -> int | None:
        """The round on screen."""
        return None if self._shown is None else self._shown[0]

    def refresh(self) -> None:
        """Show what the run has gained since the last call."""
        run = self._run
        if run is None:
            return
        current = self._choose(run)
        if current is None:
            return
        baseline_tokens = 0 if self._baseline is None else self._baseline.tally.tokens
        over = current.verified is not None
        told = len(current.drafted) + (current.length is not None)
        shown = (current.index, told, over, baseline_tokens)
        before = self._shown
        if shown == before:
            return
        live = run.finished is None and not self._exact
        if before is not None and before[2] and self._pinned is None and live:
            # Fast rounds would flicker: let the eye rest on each verdict.
            left = self.dwell_ms - self._since.elapsed()
            if left > 0:
                if not self._hold.isActive():
                    self._hold.start(int(left) + 1)
                return
        self._shown = shown
        self._finished_then = run.n_finished_rounds
        self._since.start()
        self._set_text(describe(run, current, self._baseline))

    def _choose(self, run: Run) -> Round | None:
        rounds = run.rounds
        if not rounds:
            return None
        if self._pinned is not None:
            return rounds[min(max(self._pinned, 0), len(rounds) - 1)]
        newest = rounds[-1]
        if self._exact:
            return newest
        behind = run.n_finished_rounds > self._finished_then
        if newest.verified is None and len(rounds) > 1 and (behind or run.finished is not None):
            return rounds[-2]
        return newest

    def _set_text(self, text: RoundText) -> None:
        self._text = text
        self._motion = None
        self._place()
        spoken = [
            f"{b.titles[-1]}: " + ", ".join([(*b.main, b.note)[0], *b.detail[:1]])
            for b in text.boxes
        ]
        self.setAccessibleDescription(f"{text.title}. " + ". ".join(spoken))
        self.update()

    # Geometry

    def sizeHint(self) -> QSize:
        height = HEADER + BOX_HEIGHT + CARD_GAP + card_height(720)
        return QSize(720, round(height + self._extra_height()))

    def _extra_height(self) -> float:
        """What the trees of a run need beyond a chain; by its settings, so that it stays."""
        if self._run is None:
            return 0.0
        config = self._run.started.config
        if all(b == 1 for b in config.branches[: config.gamma]):
            return 0.0
        leaves = width_at(config.branches, config.gamma)
        return max(tree_height(leaves, self.width()) - (BOX_HEIGHT - CHIPS_TOP - CHIPS_BOTTOM), 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(420, round(HEADER + BOX_HEIGHT + CARD_GAP + card_height(420)))

    def _card(self) -> QRectF:
        height = card_height(self.width())
        return QRectF(0.5, self.height() - height - 0.5, self.width() - 1, height)

    def _boxes(self) -> list[QRectF]:
        arrow = ARROW if self.width() >= 640 else 24.0
        bottom = self._card().top() - CARD_GAP
        width = (self.width() - 2 - 2 * arrow) / 3
        return [
            QRectF(1 + round(i * (width + arrow)), HEADER, round(width), bottom - HEADER)
            for i in range(3)
        ]

    def _make_fonts(self) -> None:
        self._fonts = (ChipFont(12), ChipFont(11))
        self._chip_font = self._fonts[0]

    def _place(self) -> None:
        areas = [chip_area(rect) for rect in self._boxes()]
        chips = [box.chips for box in self._text.boxes]
        self._trees = []
        if self._text.tree is not None:
            draft, verify, _ = self._text.boxes
            self._trees = place_tree(self._text.tree, draft, verify, areas[:2])
            chips[:2] = [], []
        # One size in all three boxes: the largest in which everything finds room.
        for font in self._fonts:
            wrapped = [wrap(c, area, font) for c, area in zip(chips, areas, strict=True)]
            self._chip_font, self._placed = font, [placed for placed, _ in wrapped]
            if all(fits for _, fits in wrapped):
                break
        for i, tree in enumerate(self._trees):
            self._placed[i] = tree.chips

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.sizeHint().height() != self._hinted:
            self._hinted = self.sizeHint().height()
            self.updateGeometry()
        self._place()

    def chip_rects(self, box: int) -> list[tuple[QRectF, int | None]]:
        """Where the chips of a box stand, and the index in the round of each (None: "+n")."""
        return [(p.rect, p.chip.index if p.chip else None) for p in self._placed[box]]

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        current, text = theme.theme(), self._text
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(event.rect(), current.window)
        self._paint_header(painter, current)
        hues = (
            (current.draft, current.draft_text),
            (current.target, current.target_text),
            (current.good, current.good_text),
        )
        rects = self._boxes()
        level = title_level(text.boxes, rects[0].width())
        for i, (box, rect, (hue, ink)) in enumerate(zip(text.boxes, rects, hues, strict=True)):
            title = box.titles[min(level, len(box.titles) - 1)]
            said = box
            if self._motion is not None:
                said = words(self._motion, box, i, self._motion_t)
            paint_box(painter, current, said, rect, hue, ink, title, text is EMPTY)
            ratio = ratio_of(self)
            if i < len(self._trees):
                # The path in the hue of what it is so far: proposed, then accepted.
                strong = hue if i == 0 else current.good
                paint_tree(painter, current, self._trees[i], hue, strong, current.surface, ratio)
            elif self._motion is None or i == 0:
                paint_chips(painter, current, self._placed[i], self._chip_font, ratio)
        if self._motion is not None:
            ratio, t = ratio_of(self), self._motion_t
            paint_motion(painter, current, self._motion, t, rects, self._chip_font, ratio)
        for left, right in pairwise(rects):
            paint_arrow(painter, current, left, right)
        paint_card(painter, current, self._card(), text.comparison, text is EMPTY)

    def _paint_header(self, painter: QPainter, current: theme.Theme) -> None:
        font = theme.sans(15, theme.TITLE.weight)
        painter.setFont(font)
        painter.setPen(current.text)
        painter.drawText(QPointF(4, 16), self._text.title)
        x = 4 + QFontMetricsF(font).horizontalAdvance(self._text.title) + 12
        badge = self._text.badge
        room = self.width() - x - (badge_width(badge) + 18 if badge else 0)
        # The phase that the open round is in stands out; all of them fade when it is over.
        for i, word in enumerate(("Draft", "→", "Verify", "→", "Accept")):
            now = word == self._text.phase
            font = theme.sans(13, theme.HEADING.weight if now else theme.BODY.weight)
            painter.setFont(font)
            painter.setPen(current.text if now else current.muted)
            width = QFontMetricsF(font).horizontalAdvance(word)
            if i == 0 and room < 160:
                break
            painter.drawText(QPointF(x, 16), word)
            x += width + 6
        if badge:
            paint_badge(painter, current, badge, self.width() - 4, 11)

    # Pointer

    def _hit(self, at: QPointF) -> PlacedChip | None:
        slack = 2.0 if self._trees else 0.0  # marks are small
        for placed in self._placed:
            for chip in placed:
                if chip.rect.adjusted(-slack, 0, slack, 0).contains(at):
                    return chip
        return None

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tooltip(event.globalPos(), QPointF(event.pos()))
            return True
        return super().event(event)

    def _show_tooltip(self, at: QPoint, local: QPointF) -> None:
        hit = self._hit(local)
        if hit is None or self._run is None or self._shown is None:
            self._tell_detail(at, local)
            return
        room = "larger" if self._trees else "wider"
        text = f"{hit.more} more: make the window {room} to see them"
        if hit.chip is not None:
            text = token_tooltip(self._run, self._shown[0], hit.chip.index)
        QToolTip.showText(at, text, self, hit.rect.toRect())

    def _tell_detail(self, at: QPoint, local: QPointF) -> None:
        """The words below the chips in full, where the box has no room for them."""
        for box, rect in zip(self._text.boxes, self._boxes(), strict=True):
            below = rect.adjusted(0, rect.height() - CHIPS_BOTTOM, 0, 0)
            if box.detail and below.contains(local):
                words = ", ".join(forms[0] for forms in (box.main, box.detail) if forms)
                QToolTip.showText(at, words, self, below.toRect())
                return
        QToolTip.hideText()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hit = self._hit(event.position())
        over = hit is not None and hit.chip is not None
        shape = Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor
        if self.cursor().shape() != shape:
            self.setCursor(shape)
        self._hover(hit)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(None)

    def _hover(self, hit: PlacedChip | None) -> None:
        over = (-1, -1)
        if hit is not None and hit.chip is not None and self._shown is not None:
            over = (self._shown[0], hit.chip.index)
        if over != self._over:
            self._over = over
            self.hovered.emit(*over)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        hit, shown = self._hit(event.position()), self._shown
        left = event.button() == Qt.MouseButton.LeftButton
        if left and shown is not None and hit is not None and hit.chip is not None:
            self.picked.emit(shown[0], hit.chip.index)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()
