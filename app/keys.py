"""Which widgets keep Space, the arrows and Esc to themselves while they have the focus."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QWidget,
)

from app.views.timeline import Timeline
from app.views.token_view import TokenView

_Key = Qt.Key
_PRESSES = (_Key.Key_Space,)
_MOVES = (_Key.Key_Left, _Key.Key_Right, _Key.Key_Up, _Key.Key_Down, _Key.Key_Home, _Key.Key_End)


def wants_key(widget: QWidget | None, event: QKeyEvent) -> bool:
    """Whether a plain key is the widget's own rather than a shortcut of the window."""
    if event.modifiers() not in (
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.KeypadModifier,
    ):
        return False
    key = _Key(event.key())
    if isinstance(widget, QAbstractButton):
        return key in _PRESSES
    if isinstance(widget, QComboBox | QAbstractItemView):
        return key in _PRESSES or key in _MOVES
    if isinstance(widget, QAbstractSlider | QAbstractSpinBox | TokenView | Timeline):
        return key in _MOVES
    return False
