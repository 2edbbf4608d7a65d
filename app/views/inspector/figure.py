"""What the pictures of the inspector share: height from width, progress, hover, the theme."""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtCore import Property, QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.theme import GRID
from engine.inspected import Inspection
from engine.trace import Run

HEADING = 3 * GRID
"""Height of a heading's line."""
NARROWEST = 280
BLEED = 8
"""Room left and right of a picture, into which a pin or a mark may reach."""


class Figure(QWidget):
    """One picture of a token. It draws itself into any painter, at any width.

    progress: 0 to 1, how much of the story has been told; 1 is the whole picture. What is drawn
    depends on the token, the width, the theme and progress alone.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run: Run | None = None
        self.shown: Inspection | None = None
        self.number = 0
        self._progress = 1.0
        self._zones: list[tuple[QRectF, str]] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(name)
        theme.notifier().changed.connect(self.update)

    # What it shows

    def show_token(self, run: Run | None, shown: Inspection | None, number: int = 0) -> None:
        """Draw this token; number: of the section, as its heading says it (0: none)."""
        self.run, self.shown, self.number = run, shown, number
        self.setAccessibleDescription(self.spoken())
        self.updateGeometry()
        self.update()

    def _get_progress(self) -> float:
        return self._progress

    def _set_progress(self, progress: float) -> None:
        progress = min(max(float(progress), 0.0), 1.0)
        if progress != self._progress:
            self._progress = progress
            self.update()

    progress = Property(float, _get_progress, _set_progress)

    @property
    def has_content(self) -> bool:
        """Whether this token has such a picture."""
        return self.shown is not None

    @abstractmethod
    def spoken(self) -> str:
        """The picture in words."""

    @abstractmethod
    def compose(self, painter: QPainter | None, width: float) -> float:
        """Draw into `painter`, or only measure; the height in pixels. Fills the hover zones."""

    # Qt

    def height_at(self, width: float) -> int:
        """Height of the picture at its own width, without the bleed."""
        return round(self.draw(None, max(width, NARROWEST)))

    def heightForWidth(self, width: int) -> int:
        return self.height_at(width - 2 * BLEED)

    def sizeHint(self) -> QSize:
        return QSize(360, self.heightForWidth(360))

    def minimumSizeHint(self) -> QSize:
        return QSize(NARROWEST, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(BLEED, 0)
        self.draw(painter, float(self.width() - 2 * BLEED))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            words = self.words_at(QPointF(event.pos()))
            if words:
                QToolTip.showText(event.globalPos(), words, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def words_at(self, at: QPointF) -> str:
        """What hovering over a point says."""
        inside = at - QPointF(BLEED, 0)
        return next((words for zone, words in self._zones if zone.contains(inside)), "")

    def hover(self, zone: QRectF, words: str) -> None:
        """Say `words` while the pointer is over `zone`."""
        self._zones.append((zone, words))

    def draw(self, painter: QPainter | None, width: float) -> float:
        """Draw the whole picture, or (no painter) only measure it; its height in pixels."""
        self._zones = []
        if self.shown is None or not self.has_content:
            return 0.0
        return self.compose(painter, width)

    def heading(self, painter: QPainter | None, width: float, titles: tuple[str, ...]) -> float:
        """The section's number and the longest title that fits; where the next line begins."""
        font = theme.font(theme.HEADING)
        prefix = f"{self.number} " if self.number else ""
        metrics = QFontMetricsF(font)
        fitting = [t for t in titles if metrics.horizontalAdvance(prefix + t) <= width]
        title = fitting[0] if fitting else titles[-1]
        put(painter, 0, HEADING / 2, prefix + title, font, theme.theme().text, width)
        return HEADING


def ramp(progress: float, start: float, stop: float) -> float:
    """How far `progress` is on its way from start to stop, 0 to 1, gently at the end."""
    t = min(max((progress - start) / (stop - start), 0.0), 1.0)
    return 1 - (1 - t) ** 3


def put(
    painter: QPainter | None,
    x: float,
    middle: float,
    text: str,
    font: QFont,
    colour: QColor,
    room: float = 1e6,
    *,
    right: bool = False,
) -> float:
    """One line of text around a height, from x on or (right) up to it; its width."""
    metrics = QFontMetricsF(font)
    if metrics.horizontalAdvance(text) > room + 0.5:
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
    width = metrics.horizontalAdvance(text)
    if painter is not None and text:
        painter.setFont(font)
        painter.setPen(colour)
        base = round(middle + metrics.capHeight() / 2)
        painter.drawText(QPointF(x - width if right else x, base), text)
    return width


def paragraph(
    painter: QPainter | None, y: float, width: float, text: str, font: QFont, colour: QColor,
    x: float = 0.0,
) -> float:  # fmt: skip
    """Wrapped text; its height, in full steps of 4 pixels."""
    text = text.replace(" = ", "\u00a0=\u00a0")
    how = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    box = QFontMetricsF(font).boundingRect(QRectF(0, 0, width - x, 1e4), how, text)
    height = -(-box.height() // 4) * 4
    if painter is not None:
        painter.setFont(font)
        painter.setPen(colour)
        painter.drawText(QRectF(x, y, width - x, height), how, text)
    return height


def flow(parts: list[str], font: QFont, width: float) -> list[str]:
    """Lines of parts: all in one, or the first alone and after it as many as fit."""
    metrics = QFontMetricsF(font)
    whole = " ".join(parts)
    if metrics.horizontalAdvance(whole) <= width or len(parts) < 2:
        return [whole]
    lines = [parts[0], f"  {parts[1]}"]
    for part in parts[2:]:
        longer = f"{lines[-1]} {part}"
        if metrics.horizontalAdvance(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(f"  {part}")
    return lines


def bar(painter: QPainter, box: QRectF, colour: QColor) -> None:
    """A rounded bar; a sliver stays visible."""
    if box.width() <= 0:
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    radius = min(3.0, box.width() / 2)
    painter.drawRoundedRect(box, radius, radius)
