"""Pictures as bytes. Qt tells of no failed write, Python does: so they are made in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QBuffer, QRect, QSize
from PySide6.QtGui import QImage, QImageWriter, QPainter
from PySide6.QtSvg import QSvgGenerator

from app.render.errors import RenderError
from app.render.outline import outlined
from app.render.output import cannot_write, whole_file

CSS_DPI = 96
"""Qt writes the size of an SVG in millimetres: browsers count this many pixels in an inch."""


def png(image: QImage) -> bytes:
    buffer = _open_buffer()
    if not QImageWriter(buffer, b"png").write(image):
        raise RenderError("The picture does not fit into memory.", "Choose a smaller size.")
    return bytes(buffer.data().data())


def svg(size: tuple[int, int], draw: Callable[[QPainter], None]) -> bytes:
    """What `draw` draws into 0, 0 to `size`, as shapes; text becomes outlines."""
    buffer = _open_buffer()
    generator = QSvgGenerator(QSvgGenerator.SvgVersion.Svg11)  # SVG Tiny knows no clipping
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(*size))
    generator.setResolution(CSS_DPI)
    generator.setViewBox(QRect(0, 0, *size))
    generator.setTitle("Draftscope")
    painter = QPainter(generator)
    try:
        draw(painter)
    finally:
        painter.end()
    return outlined(bytes(buffer.data().data()))


def write(target: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises RenderError."""
    with whole_file(target) as part:
        try:
            part.write_bytes(data)
        except OSError as error:
            raise cannot_write(target, error) from error


def _open_buffer() -> QBuffer:
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    return buffer
