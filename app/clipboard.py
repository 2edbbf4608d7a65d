"""The clipboard, for more than one form of a thing."""

from __future__ import annotations

import atexit

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication


def put(data: QMimeData) -> None:
    """Put a thing in several forms on the clipboard. The clipboard outlives Python, and freeing
    what Python made then ends in a crash: at the exit its text alone is left there, which is Qt's
    own."""
    text = data.text()
    QGuiApplication.clipboard().setMimeData(data)
    atexit.unregister(_leave)
    atexit.register(_leave, text)


def _leave(text: str) -> None:
    """Leave the text alone, unless something else was copied since."""
    if QGuiApplication.instance() is not None and QGuiApplication.clipboard().text() == text:
        QGuiApplication.clipboard().setText(text)
