"""A verification in slow motion: the drafted tokens travel to the target, its pass runs over them,
each is judged in turn, the rest steps back, and what stands drops into the result.

Every picture is a function of the verdict and of how much of the pass has gone by, so that a clip
rendered twice is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, pi

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPen

from app import theme
from app.views import format as fmt
from app.views.chips import RADIUS, ChipFont, paint_chip
from app.views.draft_text import Box
from app.views.round_boxes import PlacedChip
from engine.events import Judged, Verified
from engine.trace import TokenState

TRAVEL, PASS, TOSS, DROP = 0.26, 0.42, 0.86, 1.0
"""Where each part ends, as a share of the pass."""
COIN = 8.0
"""Radius, in pixels."""
FLIPS = 2.5
"""Half turns of a coin in the air."""


@dataclass(frozen=True)
class Motion:
    """What moves: the chips of the boxes when the verdict is there, and what it judged by.

    chips: of the three boxes, after the verdict. added: whether the last of the result is new.
    """

    verdict: Verified
    chips: Sequence[Sequence[PlacedChip]]

    @property
    def judged(self) -> tuple[Judged, ...]:
        return self.verdict.judged

    def toss(self, t: float) -> tuple[int, float]:
        """Which token is judged at a moment, and how far that is; (n, 0) when all are."""
        n = len(self.judged)
        if not n or t >= TOSS:
            return n, 0.0
        at = max(t - PASS, 0.0) / (TOSS - PASS) * n
        return int(at), at - int(at)


def words(motion: Motion, box: Box, number: int, t: float) -> Box:
    """The box while the pass goes on: what the target does, then the comparison that it makes;
    nothing in place of the result's chips once they come."""
    if number != 1:
        return replace(box, note="") if number == 2 and t >= TOSS else box
    if t < TRAVEL:
        return replace(box, note="", main=("taking in the proposal",), detail=())
    if t < PASS:
        return replace(box, note="", main=("one pass over all of them",), detail=())
    at, _ = motion.toss(t)
    if at >= len(motion.judged):
        last = motion.verdict.added_kind == "end"
        last_words = "the text ends" if last else "the target adds a token"
        return replace(box, note="", main=(last_words,), detail=())
    return replace(box, note="", main=(_comparison(motion.judged[at]),), detail=())


def _comparison(judged: Judged) -> str:
    if judged.u is not None:
        sign = "<" if judged.u < judged.accept_probability else "≥"
        u, a = fmt.probability(judged.u), fmt.probability(judged.accept_probability)
        return f"u {u} {sign} {a}"
    if judged.threshold is not None:
        sign = "≥" if judged.accept_probability > 0 else "<"
        return f"{fmt.probability(judged.p)} {sign} {fmt.probability(judged.threshold)}"
    return "the target's choice" if judged.accept_probability > 0 else "not the target's choice"


def paint_motion(
    painter: QPainter,
    current: theme.Theme,
    motion: Motion,
    t: float,
    boxes: Sequence[QRectF],
    font: ChipFont,
    ratio: float,
) -> None:
    """The chips of the last two boxes at t of the pass, 0 to 1; those of the first stand still."""
    painter.setFont(font.font)
    if TRAVEL <= t < PASS:
        _paint_pass(painter, current, boxes[1], (t - TRAVEL) / (PASS - TRAVEL))
    at, part = motion.toss(t)
    draft, verify, result = motion.chips
    n = max(len(verify), 1)
    for i, chip in enumerate(verify):
        state = _state(motion, i, at, t)
        if t < TRAVEL and i < len(draft):
            begin = TRAVEL * 0.5 * i / n
            there = _ease((t - begin) / (TRAVEL * 0.5))
            if there <= 0:
                continue
            if there < 1:
                _paint_traveller(painter, current, draft[i], chip, there, font, ratio)
                continue
        _paint(painter, current, chip, state, font, ratio)
    in_sight = at < len(verify) and verify[at].chip is not None
    if t >= PASS and at < len(motion.judged) and in_sight:
        _paint_coin(painter, current, verify[at].rect, motion.judged[at], part)
    if t >= TOSS:
        _paint_drop(painter, current, result, (t - TOSS) / (DROP - TOSS), boxes[2], font, ratio)


def _state(motion: Motion, i: int, at: int, t: float) -> TokenState:
    """What token i looks like while token `at` is judged."""
    judged = motion.judged
    if t < PASS or (i >= at and at < len(judged)):
        return TokenState.PENDING
    if i >= len(judged):
        return TokenState.DISCARDED
    return TokenState.ACCEPTED if i < motion.verdict.n_accepted else TokenState.REJECTED


def _paint(
    painter: QPainter,
    current: theme.Theme,
    placed: PlacedChip,
    state: TokenState,
    font: ChipFont,
    ratio: float,
) -> None:
    if placed.chip is None:
        painter.setPen(current.muted)
        painter.drawText(placed.rect, int(Qt.AlignmentFlag.AlignCenter), placed.label)
        return
    glyph = placed.chip.glyph
    style = current.states[state]
    paint_chip(painter, placed.rect, placed.label, style, state, font, glyph, ratio)


def _paint_traveller(
    painter: QPainter,
    current: theme.Theme,
    start: PlacedChip,
    stop: PlacedChip,
    t: float,
    font: ChipFont,
    ratio: float,
) -> None:
    """A drafted chip on its way to the target: opaque, for it passes over others."""
    rect = _between(start.rect, stop.rect, t)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(current.surface)
    painter.drawRoundedRect(rect, RADIUS, RADIUS)
    _paint(painter, current, replace(start, rect=rect), TokenState.PENDING, font, ratio)


def _paint_pass(painter: QPainter, current: theme.Theme, box: QRectF, t: float) -> None:
    """A light that runs over the box once."""
    x = box.left() + t * box.width()
    span = 0.22 * box.width()
    light = QLinearGradient(x - span, 0, x + span, 0)
    clear = theme.with_alpha(current.target, 0.0)
    light.setColorAt(0.0, clear)
    light.setColorAt(0.5, theme.with_alpha(current.target, 0.28))
    light.setColorAt(1.0, clear)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(light)
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 9, 9)


def _paint_coin(
    painter: QPainter, current: theme.Theme, chip: QRectF, judged: Judged, part: float
) -> None:
    """A coin that is thrown above the chip and falls onto it; rules without one just look."""
    if judged.u is None:
        painter.setPen(QPen(current.text, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(chip.adjusted(-2, -2, 2, 2), 7, 7)
        return
    rise = 4 * part * (1 - part)  # a throw
    middle = QPointF(chip.center().x(), chip.top() - 2 - 18 * rise)
    face = abs(cos(part * FLIPS * pi))
    lands = judged.u < judged.accept_probability
    hue = current.text
    if part > 0.8:
        hue = current.good if lands else current.target
    painter.setPen(QPen(current.surface, 1.5))
    painter.setBrush(hue)
    painter.drawEllipse(middle, max(COIN * face, 1.5), COIN)
    if face > 0.5:
        painter.setPen(QPen(theme.text_on(QColor(hue)), 1))
        painter.setFont(theme.sans(10, theme.HEADING.weight))
        spot = QRectF(middle.x() - COIN, middle.y() - COIN, 2 * COIN, 2 * COIN)
        painter.drawText(spot, int(Qt.AlignmentFlag.AlignCenter), "u")


def _paint_drop(
    painter: QPainter,
    current: theme.Theme,
    chips: Sequence[PlacedChip],
    t: float,
    box: QRectF,
    font: ChipFont,
    ratio: float,
) -> None:
    """The accepted tokens come in from the left, the added one from above."""
    painter.save()
    painter.setClipRect(box.adjusted(2, 2, -2, -2))
    painter.setFont(font.font)
    for i, placed in enumerate(chips):
        state = placed.chip.state if placed.chip is not None else TokenState.ACCEPTED
        added = state in (TokenState.RESAMPLED, TokenState.BONUS)
        there = _ease((t - 0.45) / 0.5) if added else _ease(t / 0.45)
        if added and i == len(chips) - 1:
            rect = placed.rect.translated(0, -(1 - there) * 46)
        else:
            rect = placed.rect.translated(-(1 - there) * 60, 0)
        painter.setOpacity(there)
        _paint(painter, current, replace(placed, rect=rect), state, font, ratio)
    painter.restore()


def _between(start: QRectF, stop: QRectF, t: float) -> QRectF:
    """From one place to another, in a shallow arc."""
    x = start.x() + (stop.x() - start.x()) * t
    y = start.y() + (stop.y() - start.y()) * t - 26 * 4 * t * (1 - t) * 0.5
    return QRectF(x, y, start.width(), start.height())


def _ease(t: float) -> float:
    """0 to 1, slow at both ends."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)
