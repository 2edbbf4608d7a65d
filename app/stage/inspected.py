"""The inspector on a stage: it looks at the token that is being judged, or was last."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app import theme
from app.panels.inspector_page import InspectorPage
from app.panels.side import newest_token
from app.playback_motion import Moment
from app.player import Player
from app.views.round_motion import Motion
from engine.inspection import inspect
from engine.trace import Run


class InspectorStage(QWidget):
    """While a verification moves, each token's coin falls in its turn."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = InspectorPage("")
        self._page.setParent(self)
        self.key: object = None

    def show_player(self, player: Player, coming: Moment) -> None:
        """The token of the moment."""
        run, whole = player.shown, player.whole
        if run is None or whole is None:
            return
        place, progress, of = newest_token(run), 1.0, run
        verdict, share = coming
        if verdict is not None and verdict.judged:
            at, part = Motion(verdict, ()).toss(share)
            last = len(verdict.judged) - 1
            places = verdict.judged_at or tuple(range(len(verdict.judged)))
            place, of = (verdict.round, places[min(at, last)]), whole
            progress = min(1.4 * part, 1.0) if at <= last else 1.0
        if place is None:
            self._show(of, None, 1.0)
            return
        self._show(of, place, progress)

    def _show(self, run: Run, place: tuple[int, int] | None, progress: float) -> None:
        key = (place, progress, run.rounds[place[0]].verified is not None if place else False)
        if key == self.key:
            return
        self.key = key
        self._page.setVisible(place is not None)  # a stage has no use for "Click any token"
        shown = inspect(run, *place) if place is not None else None
        self._page.show_token(run, shown)
        self._page.set_progress(progress)
        width = min(self.width(), 960)
        height = self._page.heightForWidth(width)
        top = max((self.height() - height) // 3, 0)
        self._page.setGeometry((self.width() - width) // 2, top, width, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.theme().window)
