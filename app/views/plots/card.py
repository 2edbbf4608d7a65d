"""A card of the column: a title, a muted caption that says what kind of figures these are, a body.

Subclasses paint the body, give the data as CSV, and read it out for screen readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from app.render.errors import RenderError
from app.theme import HEADING, font, notifier, sans, theme
from app.views.plots import export
from app.views.plots.axes import AXIS, Align, text_width
from app.views.plots.snapshot import Snapshot
from engine.errors import ErrorInfo

HEADER = 24
"""Height of title and caption, the gap below included."""


class Card(QWidget):
    """Base of the cards. `captions` runs from the longest to the shortest: the first that fits
    beside the title is shown."""

    failed = Signal(object)  # ErrorInfo: the card could not be saved
    title = ""
    least_height = 100

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.snapshot: Snapshot | None = None
        self.captions: Sequence[str] = ()
        self.ask_file: export.AskFile = export.ask_file
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
        copy = menu.addAction("Copy data as CSV", self.copy_csv)
        menu.addSeparator()
        menu.addAction("Save as PNG…", lambda: self.save_as("png"))
        menu.addAction("Save as SVG…", lambda: self.save_as("svg"))
        save = menu.addAction("Save data as CSV…", lambda: self.save_as("csv"))
        for action in (copy, save):
            action.setEnabled(bool(self.csv()))
        return menu

    def save_as(self, kind: export.Kind) -> None:
        """Ask for a file and write the card there."""
        name = export.file_name(self.title, kind)
        chosen = self.ask_file(self, name, export.FILTERS[kind])
        if chosen:
            try:
                export.save(self, kind, self.csv(), Path(chosen))
            except RenderError as error:
                self.failed.emit(ErrorInfo.of(error))

    def copy_image(self) -> None:
        QGuiApplication.clipboard().setImage(export.image_of(self))

    def copy_csv(self) -> None:
        QGuiApplication.clipboard().setText(self.csv())


def table(header: Sequence[str], *columns: Sequence[object]) -> str:
    """Columns as CSV text; floats with six significant figures."""

    def cell(value: object) -> str:
        return f"{value:.6g}" if isinstance(value, float) else str(value)

    rows = (",".join(cell(v) for v in row) for row in zip(*columns, strict=True))
    return "\n".join([",".join(header), *rows, ""])
