"""Whether a verification is shown in slow motion, and where in it playback is."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

from app import motion
from app.player import AS_RECORDED, Player
from engine.events import Verified

SHORTEST_NS = 350_000_000
"""A pass that lasts less than this on screen is over before an eye could follow its parts."""

Moment = tuple[Verified | None, float]


def motion_of(player: Player) -> Moment:
    """The verdict that is coming and how far it is, 0 to 1; None where nothing is to move."""
    coming = player.upcoming()
    if coming is None or motion.reduced() or player.speed == AS_RECORDED:
        return None, 0.0
    verdict, share = coming
    if (
        verdict.target_ns + verdict.host_ns < SHORTEST_NS * player.speed
        or player.skipped is verdict
    ):
        return None, 0.0
    return verdict, share


class SkipAtInput(QObject):
    """While a verification moves, any key, click or turn of the wheel ends its motion at once."""

    _INPUT = (
        QEvent.Type.KeyPress,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
    )

    def __init__(self, player: Player, parent: QObject) -> None:
        super().__init__(parent)
        self._player = player
        self._watching = False

    def watch(self, moving: bool) -> None:
        """Listen as long as something moves."""
        application = QApplication.instance()
        if moving != self._watching and application is not None:
            self._watching = moving
            if moving:
                application.installEventFilter(self)
            else:
                application.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in self._INPUT:
            self._player.skip()
        return False
