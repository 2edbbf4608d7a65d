"""A card of the column: a title, a muted caption that says what kind of figures these are, a body.

Subclasses paint the body, give the data as CSV, and read it out for screen readers.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from app.theme import HEADING, font, notifier, sans, theme
from app.views.plots.axes import AXIS, Align, text_width
from app.views.plots.snapshot import Snapshot

HEADER = 24
"""Height of title and caption, the gap below included."""


class Card(QWidget):
    """Base of the cards. `captions` runs from the longest to the shortest: the first that fits
    beside the title is shown."""

    title = ""
    least_height = 100

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.snapshot: Snapshot | None = None
        self.captions: Sequence[str] = ()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setMinimumHeight(self.least_height)
        self.setAccessibleName(self.title)
        notifier().changed.connect(self.restyle)

    def sizeHint(self) -> QSize:
        return QSize(320, self.least_height)

    @property
    def body(self) -> QRectF:
        """What lies below the header."""
        return QRectF(0, HEADER, self.width(), self.height() - HEADER)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Take new figures; None: there is no run."""
        self.snapshot = snapshot
        self.captions = self.caption_choices(snapshot) if snapshot is not None else ()
        self.setAccessibleDescription(self.spoken(snapshot) if snapshot is not None else "")
        self.update()

    def caption_choices(self, snapshot: Snapshot) -> Sequence[str]:
        """Captions from the longest to the shortest."""
        return (snapshot.kind,)

    def spoken(self, snapshot: Snapshot) -> str:
        """The card in a sentence, for screen readers."""
        return ""

    def csv(self) -> str:
        """The data behind the card, or "" where there is none yet."""
        return ""

    def restyle(self) -> None:
        """The theme changed."""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.title:
            self._paint_header(painter)
        self.paint_body(painter)
        painter.end()

    def paint_body(self, painter: QPainter) -> None:
        """Draw the card's figures into `body`."""

    def _paint_header(self, painter: QPainter) -> None:
        line = QRectF(0, 0, self.width(), 18)
        painter.setFont(font(HEADING))
        painter.setPen(theme().text)
        painter.drawText(line, Align.AlignLeft | Align.AlignVCenter, self.title)
        room = self.width() - text_width(self.title, font(HEADING)) - 12
        for caption in self.captions:
            if text_width(caption, sans(AXIS)) <= room:
                painter.setFont(sans(AXIS))
                painter.setPen(theme().muted)
                painter.drawText(line, Align.AlignRight | Align.AlignVCenter, caption)
                break

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self.build_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())
        event.accept()

    def build_menu(self) -> QMenu:
        """The whole right-click menu."""
        menu = QMenu(self)
        menu.addAction("Copy image", self.copy_image)
        menu.addAction("Copy data as CSV", self.copy_csv).setEnabled(bool(self.csv()))
        return menu

    def copy_image(self) -> None:
        QGuiApplication.clipboard().setPixmap(self.grab())

    def copy_csv(self) -> None:
        QGuiApplication.clipboard().setText(self.csv())


def table(header: Sequence[str], *columns: Sequence[object]) -> str:
    """Columns as CSV text; floats with six significant figures."""

    def cell(value: object) -> str:
        return f"{value:.6g}" if isinstance(value, float) else str(value)

    rows = (",".join(cell(v) for v in row) for row in zip(*columns, strict=True))
    return "\n".join([",".join(header), *rows, ""])
