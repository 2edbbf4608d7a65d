"""A card of the plots as a picture, as shapes, or as data: on the clipboard or in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QImage, QPainter, QRegion
from PySide6.QtWidgets import QFileDialog, QWidget

from app.render import picture
from app.theme import GRID, theme

Kind = Literal["png", "svg", "csv"]
FILTERS: dict[Kind, str] = {
    "png": "PNG picture (*.png)",
    "svg": "SVG picture (*.svg)",
    "csv": "Comma-separated values (*.csv)",
}
MARGIN = 2 * GRID
SHARPNESS = 2
"""Pixels of a picture for each of the card's: slides and papers enlarge."""

AskFile = Callable[[QWidget, str, str], str]
"""Asks for a file: (parent, suggestion, filter) -> path, or "" where none was chosen."""


def ask_file(parent: QWidget, suggestion: str, kinds: str) -> str:
    return QFileDialog.getSaveFileName(parent, "Save the plot", suggestion, kinds)[0]


def size_of(card: QWidget) -> tuple[int, int]:
    """The card with its margin, in device independent pixels."""
    return card.width() + 2 * MARGIN, card.height() + 2 * MARGIN


def draw(card: QWidget, painter: QPainter) -> None:
    """Draw the card, on the panel's colour, with a margin around it."""
    painter.fillRect(0, 0, *size_of(card), QColor(theme().panel))
    flags = QWidget.RenderFlag.DrawChildren
    card.render(painter, QPoint(MARGIN, MARGIN), QRegion(), flags)


def image_of(card: QWidget) -> QImage:
    width, height = size_of(card)
    image = QImage(SHARPNESS * width, SHARPNESS * height, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(SHARPNESS)
    with QPainter(image) as painter:
        draw(card, painter)
    return image


def save(card: QWidget, kind: Kind, csv: str, path: Path) -> Path:
    """Write the card to a file, which gets the ending of its kind; that file.

    csv: the data behind the card. Raises RenderError.
    """
    if path.suffix.lower() != f".{kind}":
        path = path.with_name(f"{path.name}.{kind}")
    if kind == "csv":
        data = csv.encode()
    elif kind == "png":
        data = picture.png(image_of(card))
    else:
        data = picture.svg(size_of(card), lambda painter: draw(card, painter))
    picture.write(path, data)
    return path


def file_name(title: str, kind: Kind) -> str:
    """ "Where a round's time goes" -> "where-a-rounds-time-goes.png"."""
    words = "".join(c if c.isalnum() else " " for c in title.lower().replace("'", ""))
    return f"{'-'.join(words.split()) or 'figures'}.{kind}"
