"""What is made of a run for others to see: the race, the presentation, the clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.controller import Controller
from app.files import Files
from app.settings import Settings

if TYPE_CHECKING:
    from app.panels.present import PresentView
    from app.panels.race import RacePage
    from app.panels.render_dialog import RenderDialog
    from app.race import Race
    from engine.trace import Run


class Shows(QObject):
    """Makes each of them when it is first wanted: the window opens without.

    pages: the race takes the place of its first page.
    """

    def __init__(
        self,
        settings: Settings,
        controller: Controller,
        files: Files,
        pages: QStackedWidget,
        actions: Mapping[str, QAction],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._window = parent
        self._settings, self._files = settings, files
        self._control, self._pages, self._actions = controller, pages, actions
        self.race_page: RacePage | None = None
        self.render_dialog: RenderDialog | None = None
        self.presentation: PresentView | None = None

    # The race

    @property
    def racing(self) -> bool:
        return self.race_page is not None and self._pages.currentWidget() is self.race_page

    def toggle_race(self) -> None:
        if self.racing:
            self.close_race()
            return
        page = self._race_page()
        page.race(self._control.trace)
        self._pages.setCurrentWidget(page)
        page.setFocus()
        self._actions["race"].setChecked(True)

    def close_race(self) -> None:
        """Back to the run."""
        if self.race_page is not None:
            self.race_page.current.hold()
        self._pages.setCurrentIndex(0)
        self._actions["race"].setChecked(False)
        self._window.setFocus()

    def _race_page(self) -> RacePage:
        if self.race_page is None:
            from app.panels.race import RacePage

            recordings, settings = self._files.recordings, self._settings
            self.race_page = RacePage(entries=lambda: recordings.entries(settings.saved_recordings))
            self.race_page.closed.connect(self.close_race)
            self._pages.addWidget(self.race_page)
        return self.race_page

    # The clip

    def render(self) -> None:
        """Ask what is to be rendered of the recording on screen."""
        path, player = self._files.shown, self._control.player
        if path is None or player.whole is None:
            return
        if self.render_dialog is None:
            from app.panels.render_dialog import RenderDialog

            self.render_dialog = RenderDialog(self._settings, self._window)
        at_s = 0.0 if player.at_end else player.now_ns / 1e9
        self.render_dialog.open_for(path, player.whole.clock[-1] / 1e9, at_s)

    # The presentation

    def toggle_presentation(self) -> None:
        if self.presentation is not None and self.presentation.isVisible():
            self.presentation.close()
            return
        if self.presentation is None:
            from app.panels.present import PresentView

            control = self._control
            self.presentation = PresentView(
                self._settings,
                control.player,
                self._baseline,
                self._race,
                self._actions.values(),
            )
            self.presentation.closed.connect(lambda: self._actions["present"].setChecked(False))
        self._actions["present"].setChecked(True)
        self.presentation.open()

    def _baseline(self, run: Run) -> Run | None:
        return self._control.trace.baseline_of(run)

    def _race(self) -> Race | None:
        """The race on its page; the run against its baseline where there is none yet."""
        page = self._race_page()
        if page.current.lanes is None:
            page.race(self._control.trace)
        return page.current if page.current.lanes is not None else None

    def another_run(self) -> None:
        """What was raced is of another trace now."""
        if self.race_page is not None and not self.racing:
            self.race_page.race(self._control.trace)

    def close(self) -> None:
        if self.presentation is not None:
            self.presentation.close()
            self.presentation.deleteLater()
        if self.render_dialog is not None:
            self.render_dialog.close()
