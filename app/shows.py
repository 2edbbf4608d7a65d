"""What is made of runs: the race, the comparison, experiments, the presentation, the clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.controller import Controller
from app.files import Files
from app.settings import Settings

if TYPE_CHECKING:
    from app.panels.compare import ComparePage
    from app.panels.drafts import DraftsPage
    from app.panels.experiments import ExperimentsPage
    from app.panels.present import PresentView
    from app.panels.race import RacePage
    from app.panels.render_dialog import RenderDialog
    from app.race import Race
    from app.setup import Setup
    from engine.experiments.spec import Spec
    from engine.trace import Run


PAGES = ("race", "compare", "experiments", "make-draft")
"""The commands that turn to a page."""


class Shows(QObject):
    """Makes each of them when it is first wanted: the window opens without.

    pages: race, comparison, experiments and drafts take the place of its first page. opened(Path):
    a recording that is to be looked at. draft_wanted(str): a source to draft with. setup: what the
    window is set to.
    """

    opened = Signal(object)
    draft_wanted = Signal(str)

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
        self.first_spec: Callable[[], Spec] | None = None
        self.setup: Callable[[], Setup] | None = None
        self.drafts_page: DraftsPage | None = None
        self.race_page: RacePage | None = None
        self.compare_page: ComparePage | None = None
        self.experiments_page: ExperimentsPage | None = None
        self.render_dialog: RenderDialog | None = None
        self.presentation: PresentView | None = None

    # The race

    @property
    def racing(self) -> bool:
        return self.race_page is not None and self._pages.currentWidget() is self.race_page

    def toggle_race(self) -> None:
        if self.racing:
            self.to_run()
            return
        page = self._race_page()
        page.race(self._control.trace)
        self._turn_to(page, "race")

    def to_run(self) -> None:
        """Back to the run."""
        if self.race_page is not None:
            self.race_page.current.hold()
        self._pages.setCurrentIndex(0)
        for name in PAGES:
            self._actions[name].setChecked(False)
        self._window.setFocus()

    def _turn_to(self, page: QWidget, action: str) -> None:
        self._pages.setCurrentWidget(page)
        page.setFocus()
        for name in PAGES:
            self._actions[name].setChecked(name == action)

    def _race_page(self) -> RacePage:
        if self.race_page is None:
            from app.panels.race import RacePage

            recordings, settings = self._files.recordings, self._settings
            self.race_page = RacePage(entries=lambda: recordings.entries(settings.saved_recordings))
            self.race_page.closed.connect(self.to_run)
            self._pages.addWidget(self.race_page)
        return self.race_page

    # The comparison

    def toggle_compare(self) -> None:
        page = self._compare_page()
        if self._pages.currentWidget() is page:
            self.to_run()
            return
        if not page.members:
            run = self._control.trace.run
            if run is not None:
                page.set_runs([("", run, self._control.trace.baseline_of(run))])
        self._turn_to(page, "compare")

    def compare_files(self, paths: list[Path]) -> None:
        """These recordings side by side, in place of what was compared."""
        page = self._compare_page()
        page.clear()
        self._turn_to(page, "compare")
        for path in paths:
            page.add_file(path)

    def _compare_page(self) -> ComparePage:
        if self.compare_page is None:
            from app.panels.compare import ComparePage

            recordings, settings = self._files.recordings, self._settings
            self.compare_page = ComparePage(
                entries=lambda: recordings.entries(settings.saved_recordings)
            )
            self.compare_page.closed.connect(self.to_run)
            self.compare_page.replay_wanted.connect(self._on_replay)
            self._pages.addWidget(self.compare_page)
        return self.compare_page

    def _on_replay(self, what: object) -> None:
        """A recording is opened; a run of this one is there already."""
        if isinstance(what, Path):
            self.opened.emit(what)
        else:
            self.to_run()

    # Experiments

    def toggle_experiments(self) -> None:
        page = self._experiments_page()
        if self._pages.currentWidget() is page:
            self.to_run()
            return
        page.look()
        self._turn_to(page, "experiments")

    def open_experiment(self, folder: Path) -> None:
        """Show the results in a folder."""
        page = self._experiments_page()
        self._turn_to(page, "experiments")
        page.open_folder(folder)

    def _experiments_page(self) -> ExperimentsPage:
        if self.experiments_page is None:
            from app.panels.experiments import ExperimentsPage

            root = self._settings.folders.data / "experiments"
            self.experiments_page = ExperimentsPage(
                root, self._control, self._first_spec, lambda: self._settings.recent_models
            )
            self.experiments_page.closed.connect(self.to_run)
            self._remember_choice(self.experiments_page)
            self.experiments_page.replay_wanted.connect(self.opened)
            self.experiments_page.compare_wanted.connect(self.compare_files)
            self._pages.addWidget(self.experiments_page)
        return self.experiments_page

    # Drafts

    def toggle_drafts(self) -> None:
        if self._pages.currentWidget() is self._drafts_page():
            self.to_run()
        else:
            self.open_drafts()

    def open_drafts(self) -> None:
        page = self._drafts_page()
        page.look()
        self._turn_to(page, "make-draft")

    def _drafts_page(self) -> DraftsPage:
        if self.drafts_page is None:
            from app.draft_maker import DraftMaker
            from app.models.model_list import embedded_entry, title_of
            from app.panels.drafts import DraftsPage

            assert self.setup is not None
            maker = DraftMaker(self._settings.folders.data / "drafts", self)
            embedded = embedded_entry().title
            self.drafts_page = DraftsPage(
                maker, self.setup, lambda source: title_of(source, embedded)
            )
            self.drafts_page.closed.connect(self.to_run)
            self.drafts_page.use_wanted.connect(self.draft_wanted)
            self._pages.addWidget(self.drafts_page)
        return self.drafts_page

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

    def _remember_choice(self, page: ExperimentsPage) -> None:
        """What is looked at in results stays chosen from one start to the next."""
        from app.experiment_choice import ResultsChoice

        if (choice := self._settings.get("results", ResultsChoice)) is not None:
            page.view.set_choice(choice)
        page.view.choice_changed.connect(lambda made: self._settings.put("results", made))

    def _first_spec(self) -> Spec:
        assert self.first_spec is not None
        return self.first_spec()

    def close(self) -> None:
        if self.presentation is not None:
            self.presentation.close()
            self.presentation.deleteLater()
        if self.render_dialog is not None:
            self.render_dialog.close()
        if self.experiments_page is not None:
            self.experiments_page.shut_down()
        if self.drafts_page is not None:
            self.drafts_page.shut_down()
