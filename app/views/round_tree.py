"""The tree of a round in its boxes: measured, placed and drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from app import theme
from app.theme import StateStyle
from app.views.chips import ChipFont, paint_chip, paint_glyph, pale
from app.views.draft_text import Box
from app.views.round_boxes import PlacedChip
from app.views.round_text import Tree
from app.views.token_layout import label_of
from app.views.tree_layout import Kind, TreeLayout, place
from engine.trace import TokenState

LEAF = 26.0
"""Height that a leaf would like to have."""


def tree_height(leaves: int, width: float) -> float:
    """Height of the area that a tree with so many leaves is given in a window of that width."""
    most = 152.0 if width < 1200 else 232.0 if width < 1800 else 416.0
    return min(leaves * LEAF, most)


@lru_cache(maxsize=8)
def font_of(size: int) -> ChipFont:
    return ChipFont(size)


class Labels:
    """Measures the chips of a tree. Both boxes share one picture: their tokens stand alike."""

    def __init__(self, box: Box) -> None:
        self.labels = [label_of(chip.text) for chip in box.chips]

    def chip(self, index: int, size: int) -> float:
        return font_of(size).chip_width(self.labels[index], True)

    def letters(self, count: int, size: int) -> float:
        return font_of(size).chip_width("m" * count, True)

    def more(self, count: int, size: int) -> float:
        return font_of(size).text_width(f"+{count}") + 6


@dataclass(frozen=True)
class PlacedTree:
    """A tree in one box. chips: of the nodes, in the order of `layout.nodes`."""

    layout: TreeLayout
    chips: list[PlacedChip]
    origin: QPointF
    path: frozenset[int]


def place_tree(tree: Tree, draft: Box, verify: Box, areas: list[QRectF]) -> list[PlacedTree]:
    """The same tree in the areas of both boxes, which are equally large."""
    labels = Labels(verify)
    size = areas[0].size()
    layout = place(tree.parents, tree.path, size.width(), size.height(), labels)
    found: list[PlacedTree] = []
    for box, area in zip((draft, verify), areas, strict=True):
        chips: list[PlacedChip] = []
        for node in layout.nodes:
            rect = QRectF(area.left() + node.x, area.top() + node.y, node.w, node.h)
            if node.kind is Kind.MORE:
                count = len(node.hidden)
                chips.append(PlacedChip(rect, None, f"+{count}", count))
            else:
                chips.append(PlacedChip(rect, box.chips[node.index], labels.labels[node.index]))
        found.append(PlacedTree(layout, chips, area.topLeft(), frozenset(tree.path)))
    return found


def paint_tree(
    painter: QPainter,
    current: theme.Theme,
    placed: PlacedTree,
    hue: QColor,
    strong: QColor,
    ground: QColor,
    ratio: float,
) -> None:
    """Lines, then chips. hue: of the thin lines; strong: of the accepted path; ground: what the
    chips stand on."""
    layout, chips = placed.layout, placed.chips
    on_path = [not placed.path.isdisjoint(n.hidden or (n.index,)) for n in layout.nodes]
    root = placed.origin + QPointF(*layout.root)
    # The path last, so that it lies above the lines that branch off it.
    for parent, child in sorted(layout.edges, key=lambda edge: on_path[edge[1]]):
        chip = chips[child].chip
        pruned = chip is not None and chip.state is TokenState.DISCARDED
        pen = QPen(theme.with_alpha(hue, 0.5 if pruned else 0.85), 1.1)
        if on_path[child]:
            pen = QPen(strong, 2.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        start = root if parent < 0 else _right(chips[parent].rect)
        painter.strokePath(_line(start, _left(chips[child].rect)), pen)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(strong if any(on_path) else hue)
    painter.drawEllipse(root, 3.0, 3.0)

    font = font_of(layout.scale.size)
    painter.setFont(font.font)
    for node, chip, strongly in zip(layout.nodes, chips, on_path, strict=True):
        if chip.chip is None:
            painter.setPen(current.muted)
            painter.drawText(chip.rect, int(Qt.AlignmentFlag.AlignCenter), chip.label)
            continue
        state, glyph = chip.chip.state, chip.chip.glyph
        style = style_in_tree(current, state, strongly)
        if node.kind is Kind.MARK:
            _paint_mark(painter, chip.rect, state, style, glyph, ground)
        else:
            paint_chip(painter, chip.rect, chip.label, style, state, font, glyph, ratio)


def style_in_tree(current: theme.Theme, state: TokenState, strongly: bool) -> StateStyle:
    """A heavier outline on the accepted path; pruned tokens step back, their text does not."""
    style = current.states[state]
    if strongly:
        return replace(style, width=2.2)
    if state is TokenState.DISCARDED:
        return pale(style)
    return style


def _paint_mark(
    painter: QPainter,
    rect: QRectF,
    state: TokenState,
    style: StateStyle,
    glyph: bool,
    ground: QColor,
) -> None:
    """A token without room for a label: its glyph, or a dot where it has none yet."""
    middle, size = rect.center(), min(rect.width(), rect.height())
    if glyph and state is TokenState.ACCEPTED:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.text)
        painter.drawEllipse(middle, size / 2 + 1.5, size / 2 + 1.5)
        size -= 1
        paint_glyph(painter, middle - QPointF(size / 2, size / 2), state, ground, size)
        return
    if glyph and state is TokenState.REJECTED:
        paint_glyph(painter, middle - QPointF(size / 2, size / 2), state, style.text, size)
        return
    painter.setPen(QPen(style.line, style.width))
    # Hollow where it was discarded: the shape says it too.
    hollow = state is TokenState.DISCARDED
    painter.setBrush(ground if hollow else style.line)
    radius = size / 2 - (1.0 if hollow else 0.8)
    painter.drawEllipse(middle, radius, radius)


def _left(rect: QRectF) -> QPointF:
    return QPointF(rect.left() - 1, rect.center().y())


def _right(rect: QRectF) -> QPointF:
    return QPointF(rect.right() + 1, rect.center().y())


def _line(start: QPointF, end: QPointF) -> QPainterPath:
    """From a token to one that may follow it: leaves and arrives level."""
    path = QPainterPath(start)
    # Chips of one column differ in width: the bend stands near the child, so that bends line up.
    bend = min((end.x() - start.x()) / 2, 12.0)
    turn = QPointF(end.x() - 2 * bend, start.y())
    path.lineTo(turn)
    path.cubicTo(turn + QPointF(bend, 0), end - QPointF(bend, 0), end)
    return path
