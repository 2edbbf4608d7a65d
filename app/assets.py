"""Finds the bundled fonts and icons, and tints the icons at load.

Icons are black 16 px SVG files: every `#000` in them is replaced by the wanted colour, so one file
serves both schemes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontDatabase, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

import app

ROOT = Path(app.__file__).resolve().parent.parent / "assets"
ICON_SIZES = (16, 20, 24, 32, 48)


def path(*parts: str) -> Path:
    """A file below `assets/`."""
    return ROOT.joinpath(*parts)


@lru_cache(maxsize=1)
def load_fonts() -> tuple[str, ...]:
    """Register the bundled fonts once; the families that were found (none is not an error)."""
    families: list[str] = []
    for file in sorted(path("fonts").glob("*.ttf")):
        identifier = QFontDatabase.addApplicationFont(str(file))
        if identifier >= 0:
            families += QFontDatabase.applicationFontFamilies(identifier)
    return tuple(dict.fromkeys(families))


@lru_cache(maxsize=128)
def _svg(name: str, colour: str) -> str:
    try:
        text = path("icons", f"{name}.svg").read_text(encoding="utf-8")
    except OSError:
        return ""
    return text.replace("#000", colour)


@lru_cache(maxsize=256)
def _pixmap(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    pixmap = QPixmap(QSize(size, size) * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    source = _svg(name, colour)
    if source:
        painter = QPainter(pixmap)
        QSvgRenderer(QByteArray(source.encode())).render(
            painter, QRectF(0, 0, pixmap.width(), pixmap.height())
        )
        painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def pixmap(name: str, colour: QColor, size: int = 16, ratio: float = 1.0) -> QPixmap:
    """The icon `name` in one colour, `size` device independent pixels wide. Empty if missing."""
    return _pixmap(name, colour.name(), size, ratio)


def icon(name: str, colour: QColor, disabled: QColor | None = None) -> QIcon:
    """The icon `name` in `colour`; where it is disabled, in `disabled` (or paler)."""
    result = QIcon()
    off = disabled or QColor(colour.red(), colour.green(), colour.blue(), 110)
    for size in ICON_SIZES:
        result.addPixmap(_pixmap(name, colour.name(), size, 1.0), QIcon.Mode.Normal)
        faded = _pixmap(name, off.name(), size, 1.0)
        if off.alpha() < 255:
            faded = _translucent(faded, off.alphaF())
        result.addPixmap(faded, QIcon.Mode.Disabled)
    return result


def _translucent(source: QPixmap, opacity: float) -> QPixmap:
    result = QPixmap(source.size())
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    painter.setOpacity(opacity)
    painter.drawPixmap(0, 0, source)
    painter.end()
    return result


@lru_cache(maxsize=1)
def _tinted_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="draftscope-", ignore_cleanup_errors=True)


@lru_cache(maxsize=64)
def tinted_file(name: str, colour: str) -> str:
    """A file with the icon `name` in `colour`, for style sheets, which take nothing but files."""
    file = Path(_tinted_folder().name) / f"{name}-{colour.lstrip('#')}.svg"
    file.write_text(_svg(name, colour), encoding="utf-8")
    return file.as_posix()
