"""Whether things may move: the system's wish for less motion, or the person's own setting."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QStyle

_chosen: bool | None = None


def set_reduced(choice: bool | None) -> None:
    """Draw less motion, or not; None follows the system."""
    global _chosen
    _chosen = choice


def reduced() -> bool:
    """Whether to show the end of each animation at once."""
    if _chosen is not None:
        return _chosen
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        return True  # nothing to watch
    hint = QStyle.StyleHint.SH_Widget_Animation_Duration
    return application.style().styleHint(hint) == 0
