"""The card below the lanes: how each came to its time, and at the finish how many times faster.

Painted from a state of the race alone, like everything here that a renderer draws too.
"""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app import race_words, theme
from app.race import Lane, LaneState, Race, RaceState
from app.race_words import Ink, LaneName
from app.views import format as fmt
from app.views.race_lane import lane_colours

WIDE = 700
"""From this width on, the ratio stands between the two columns; below it, above them."""
WIDEST = 1200
"""What belongs together stays together on the largest screens."""
_INSET = 16.0


class CardText(NamedTuple):
    """ratio: the big figure, before the finish the tokens that one is ahead. below: what it is of.
    winner: the lane whose colour it has. law: what the two texts have to do with each other."""

    ratio: str
    below: str
    winner: int | None
    law: str
    good: bool


def card_height(width: float) -> int:
    return 120 if width >= WIDE else 192


def card_text(race: Race, state: RaceState, names: tuple[LaneName, LaneName]) -> CardText:
    """What the middle of the card and its last line say at a moment."""
    if state.done:
        law, good = race_words.law(race)
        kind, winner, ratio = race_words.ratio_kind(race), race.winner, race.ratio
        if ratio is None:
            return CardText("", "no time was measured", None, law, good)
        if winner is None:
            return CardText(fmt.ratio(ratio), f"equally fast, {kind}", None, law, good)
        below = f"{names[winner].name} is faster, {kind}"
        return CardText(fmt.ratio(ratio), below, winner, law, good)
    leader, by = race_words.lead(race, state)
    if not any(lane.target_calls for lane in state.lanes):
        return CardText(f"{race.tokens:,}", "tokens to go", None, "", True)
    if leader is None:
        return CardText("level", fmt.count(state.lanes[0].tokens, "token"), None, "", True)
    what = "has finished" if state.lanes[leader].finished else "leads"
    ahead = f"+{fmt.count(by, 'token')}"
    return CardText(ahead, f"{names[leader].name} {what}", leader, "", True)


def paint_card(
    painter: QPainter,
    now: theme.Theme,
    card: QRectF,
    race: Race,
    state: RaceState,
    names: tuple[LaneName, LaneName],
    inks: tuple[Ink, Ink],
) -> None:
    """Two columns, between or above them the ratio; below, in one line, the law."""
    assert race.lanes is not None
    said = card_text(race, state, names)
    painter.setPen(QPen(now.line, 1))
    painter.setBrush(now.panel)
    painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
    aside = max(_INSET, (card.width() - WIDEST) / 2)
    inner = card.adjusted(aside, 0, -aside, 0)
    wide = card.width() >= WIDE
    third = inner.width() / 3 if wide else inner.width() / 2
    top = card.top() + (16 if wide else 80)
    for i, (lane, at) in enumerate(zip(race.lanes, state.lanes, strict=True)):
        left = inner.left() + (i * 2 * third if wide else i * third)
        column = QRectF(left + 4, top, third - 8, 72)
        _paint_column(painter, now, column, lane, at, names[i], inks[i])
    middle = QRectF(inner.left() + (third if wide else 0), card.top() + 16, third, 64)
    if not wide:
        middle.setWidth(inner.width())
    _paint_ratio(painter, now, middle, said, inks)
    if said.law:
        line = QRectF(inner.left(), card.bottom() - 32, inner.width(), 20)
        font = theme.sans(12, QFont.Weight.DemiBold)
        ink = now.good_text if said.good else now.warn_text
        _centred(painter, line, (said.law,), font, ink)


def _paint_column(
    painter: QPainter,
    now: theme.Theme,
    column: QRectF,
    lane: Lane,
    state: LaneState,
    name: LaneName,
    ink: Ink,
) -> None:
    lines = (
        ((name.name,), theme.font(theme.HEADING), lane_colours(now, ink)[1]),
        (race_words.times(lane, state), theme.font(theme.BODY, figures=True), now.text),
        ((race_words.calls(state),), theme.font(theme.SMALL, figures=True), now.muted),
    )
    for i, (forms, font, colour) in enumerate(lines):
        line = QRectF(column.left(), column.top() + 22 * i, column.width(), 20)
        _centred(painter, line, forms, font, colour)


def _paint_ratio(
    painter: QPainter, now: theme.Theme, middle: QRectF, said: CardText, inks: tuple[Ink, Ink]
) -> None:
    ink = now.text if said.winner is None else lane_colours(now, inks[said.winner])[1]
    figure = theme.sans(28, QFont.Weight.Bold, figures=True)
    top = QRectF(middle.left(), middle.top(), middle.width(), 32)
    _centred(painter, top, (said.ratio,), figure, ink)
    y = middle.top() + (36 if said.ratio else 22)
    below = QRectF(middle.left(), y, middle.width(), 20)
    _centred(painter, below, (said.below,), theme.font(theme.SMALL), now.muted)


def _centred(
    painter: QPainter, line: QRectF, forms: tuple[str, ...], font: QFont, ink: QColor
) -> None:
    """The first form that fits, in the middle of a line."""
    metrics = QFontMetricsF(font)
    text = next((f for f in forms if metrics.horizontalAdvance(f) <= line.width()), forms[-1])
    text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, line.width())
    painter.setFont(font)
    painter.setPen(ink)
    x = line.center().x() - metrics.horizontalAdvance(text) / 2
    base = line.center().y() + metrics.capHeight() / 2
    painter.drawText(QPointF(round(x), round(base)), text)
