"""The main window: what stands where, and what the commands do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

import engine
from app.commands import DECODING, State, enable, fill_menus, make_actions
from app.controller import Controller
from app.crash import CrashLog
from app.files import Files
from app.keys import wants_key
from app.machine import Machine, diagnostics, memory
from app.panels.centre import Centre
from app.panels.file_drop import dropped_file, dropped_model
from app.panels.lab import Lab
from app.panels.pickers import Pickers
from app.panels.plots_holder import WIDTH as PLOTS_WIDTH
from app.panels.plots_holder import PlotsHolder
from app.panels.setup import WIDTH as SETUP_WIDTH
from app.panels.setup import SetupPanel
from app.panels.sheets import Sheet, about_sheet, shortcuts_sheet
from app.panels.side import Side, newest_token
from app.panels.status import Status
from app.panels.toolbar import Toolbar
from app.presenter import Presenter
from app.settings import Settings
from app.setup import Setup, default_setup, problems, with_draft
from app.shows import Shows
from app.sources import source_name
from app.view_options import ViewOptions
from engine.session import Session

if TYPE_CHECKING:
    from app.panels.inspector import InspectorPanel
    from app.what_if_desk import WhatIfDesk
    from engine.experiments.spec import Spec

MEMORY_MS = 2000


class MainWindow(QMainWindow):
    """Implements `app.commands.Desk`. `painted`: the first picture is on screen."""

    painted = Signal()
    crashed = Signal(object)  # ErrorInfo; a signal, because it may come from any thread

    def __init__(
        self,
        settings: Settings,
        *,
        make_session: Callable[[], Session] = Session,
        machine: Machine | None = None,
        crash_log: CrashLog | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.controller = Controller(self, make_session)
        self._machine = machine or Machine()
        self._painted = False
        self.what_if: WhatIfDesk | None = None  # of the inspector, once there is one
        self._sheet: Sheet | None = None
        self._build()
        self._connect()
        if crash_log is not None:
            crash_log.show = self.crashed.emit
        self._restore()

    def _build(self) -> None:
        self.setWindowTitle("Draftscope")
        self.setAcceptDrops(True)
        self.setMinimumSize(1064, 664)  # below, the round's boxes would not hold their text
        self.actions_by_id = make_actions(self, self)
        menus = fill_menus(self.menuBar(), self.actions_by_id)
        self.addActions(list(self.actions_by_id.values()))

        self.setup_panel = SetupPanel()
        self.pickers = Pickers(self.settings, self.setup_panel, self)
        self.toolbar = Toolbar(self.actions_by_id, self.pickers.target, self.pickers.draft)
        self.centre = Centre(self.actions_by_id)
        self.plots = PlotsHolder()
        self.side = Side(self.plots, self._make_inspector)
        self.status = Status()
        self.setStatusBar(self.status)
        self.files = Files(self.settings, menus["recent"], self)
        self.presenter = Presenter(
            self.controller,
            self.files,
            self.pickers,
            self.setup_panel,
            self.centre,
            self.side,
            self.status,
        )

        self.view = ViewOptions(
            self.settings,
            self.actions_by_id,
            self.centre.tokens,
            self.setup_panel,
            self.side,
            self,
        )
        banners = self.centre.banners
        self.lab = Lab(self.controller, self.setup_panel, self.pickers, banners, self)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        for i, panel in enumerate((self.setup_panel, self.centre, self.side)):
            self.splitter.addWidget(panel)
            self.splitter.setCollapsible(i, False)
            self.splitter.setStretchFactor(i, int(i == 1))
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.toolbar)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.splitter)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(whole)
        self.shows = Shows(
            self.settings, self.controller, self.files, self.pages, self.actions_by_id, self
        )
        self.setFocus()  # no ring around anything until Tab is pressed
        self._memory_timer = QTimer(self)
        self._memory_timer.setInterval(MEMORY_MS)

    def _connect(self) -> None:
        self.controller.state_changed.connect(self._on_state)
        self.setup_panel.changed.connect(self._on_setup)
        self.shows.opened.connect(self.open_file)
        self.shows.first_spec = self._first_spec
        self.shows.setup = lambda: self.setup_panel.setup
        self.shows.draft_wanted.connect(self.use_draft)
        self.pickers.draft.make.connect(self.shows.open_drafts)
        self.setup_panel.use_recorded.connect(self.use_recorded)
        self.setup_panel.drafting.check_wanted.connect(self.check_losslessness)
        self.files.wanted.connect(self.open_file)
        self.files.failed.connect(self.centre.banners.error)
        self.pickers.refused.connect(
            lambda message, hint: self.centre.banners.notice("warning", message, hint)
        )
        self.plots.failed.connect(self.centre.banners.error)
        self.files.saved.connect(
            lambda path: self.centre.banners.notice("info", f"Saved as {path.name}.")
        )
        self.files.shown_changed.connect(self._tell_saveable)
        self.presenter.title_changed.connect(
            lambda name: self.setWindowTitle(f"{name} – Draftscope" if name else "Draftscope")
        )
        self.crashed.connect(self.centre.banners.error)
        self.centre.token_picked.connect(self.inspect)
        self.side.inspecting.connect(self.actions_by_id["inspector"].setChecked)
        self.centre.sought.connect(self.seek_round)
        self.centre.to_end_wanted.connect(self.to_end)
        self.controller.player.replaced.connect(self._tell_playable)
        self.controller.player.changed.connect(self._tell_playable)
        self._machine.found.connect(self._on_machine)
        self._memory_timer.timeout.connect(self._tell_memory)

    def _restore(self) -> None:
        """What the last window was like."""
        setup = self.settings.setup
        self.setup_panel.setup = setup if setup is not None else default_setup()
        self.pickers.show()
        self._on_setup()
        self._on_state(State.IDLE)
        geometry, sizes = self.settings.geometry("window"), self.settings.geometry("splitter")
        if geometry is None or not self.restoreGeometry(geometry):
            self.resize(1600, 900)
        if sizes is None or not self.splitter.restoreState(sizes):
            self.share_width()
        self.view.apply()
        if self.settings.broken:
            self.centre.banners.notice(
                "warning",
                "Some settings could not be read, so their defaults are used.",
                f"The file is {self.settings.path.name}; recordings are not affected.",
            )

    def share_width(self) -> None:
        """The side panels as designed; a little wider where there is room to spare."""
        setup = min(max(SETUP_WIDTH, self.width() // 9), 380)
        plots = min(max(PLOTS_WIDTH, self.width() // 6), 600)
        self.splitter.setSizes([setup, max(self.width() - setup - plots, 0), plots])

    def after_first_paint(self) -> None:
        """What the first picture need not wait for."""
        if self.plots.panel is not None:
            return
        self.plots.load()
        self._machine.look()
        self._tell_memory()
        self._memory_timer.start()
        if self.controller.state is State.IDLE:
            self.files.recordings.prune()

    # Commands

    def run(self) -> None:
        self._start(stepping=False)

    def _start(self, *, stepping: bool) -> None:
        setup = self.setup_panel.setup
        self.settings.setup = setup
        self.centre.banners.clear("error")
        self.shows.to_run()
        self.controller.start(setup.job(self.files.recordings.new_path()), stepping=stepping)

    def pause_or_resume(self) -> None:
        self.controller.toggle()

    def step(self) -> None:
        player, idle = self.controller.player, self.controller.state is State.IDLE
        if idle and player.at_end and not self.presenter.is_recording:
            self._start(stepping=True)
        else:
            self._forget_look()
            self.controller.step()
            self._inspect_newest()

    def step_back(self) -> None:
        self._move(lambda: self.controller.player.step_event(-1))
        self._inspect_newest()

    def inspect(self, number: int, index: int) -> None:
        """Show what decided over a token."""
        self.view.show_side()
        self.side.inspect(self.presenter.run, number, index)

    def _make_inspector(self) -> InspectorPanel:
        from app.panels.inspector import InspectorPanel
        from app.what_if_desk import WhatIfDesk

        panel = InspectorPanel()
        panel.walked.connect(self.centre.look_at_token)
        self.what_if = WhatIfDesk(
            panel, self.side, self.controller, lambda: self.setup_panel.setup, self
        )
        return panel

    def toggle_inspector(self) -> None:
        """The inspector or the plots; it opens at the token that came last."""
        if self.side.is_inspecting:
            self.side.show_plots()
            return
        run = self.presenter.run
        place = self.side.inspector.place or (newest_token(run) if run is not None else None)
        self.inspect(*(place or (-1, -1)))
        if place is not None:
            self.centre.look_at_token(*place)

    def _inspect_newest(self) -> None:
        """Steps take the inspector with them, where it is open."""
        run = self.presenter.run
        place = newest_token(run) if run is not None else None
        if self.side.is_inspecting and place is not None:
            self.side.inspect(run, *place)

    def previous_round(self) -> None:
        self._move(lambda: self.controller.player.step_round(-1))

    def next_round(self) -> None:
        self._move(lambda: self.controller.player.step_round(1))

    def to_start(self) -> None:
        self._move(self.controller.player.to_start)

    def to_end(self) -> None:
        self._forget_look()
        self.controller.player.to_end()

    def seek_round(self, number: int) -> None:
        self._move(lambda: self.controller.player.seek_round(number))

    def slower(self) -> None:
        self.centre.transport.step_speed(-1)

    def faster(self) -> None:
        self.centre.transport.step_speed(1)

    def _move(self, move: Callable[[], None]) -> None:
        self._forget_look()
        self.controller.look_at(move)

    def _forget_look(self) -> None:
        """Where the player goes, the views go with it."""
        self.centre.look_at_round(None)

    def stop(self) -> None:
        self.controller.stop()

    def open_recording(self) -> None:
        self.files.open()

    def save_recording(self) -> None:
        self.files.save()

    def open_file(self, path: Path) -> None:
        """Open a recording."""
        if self.controller.state is not State.IDLE:
            self.centre.banners.notice(
                "info", f"{path.name} was not opened: a run is going on.", "Stop it first."
            )
            return
        self.centre.banners.clear("error")
        self.shows.to_run()
        self.controller.open(path)

    def choose_target(self) -> None:
        self.pickers.target.open()

    def choose_draft(self) -> None:
        self.pickers.draft.open()

    def toggle_race(self) -> None:
        self.controller.player.hold()
        self.shows.toggle_race()

    def _first_spec(self) -> Spec:
        from app.experiment_setup import from_setup

        return from_setup(self.setup_panel.setup)

    def toggle_compare(self) -> None:
        self.controller.player.hold()
        self.shows.toggle_compare()

    def toggle_experiments(self) -> None:
        self.controller.player.hold()
        self.shows.toggle_experiments()

    def toggle_drafts(self) -> None:
        self.controller.player.hold()
        self.shows.toggle_drafts()

    def use_draft(self, source: str) -> None:
        """Draft with a model that was made."""
        if self.controller.state is not State.IDLE:
            self.centre.banners.notice("info", "A run is going on.", "Stop it first.")
            return
        self.shows.to_run()
        setup = msgspec.structs.replace(
            self.setup_panel.setup,
            config=msgspec.structs.replace(self.setup_panel.setup.config, drafter="model"),
        )
        self._replace_setup(with_draft(setup, source), f"{source_name(source)} drafts now.")

    def render_clip(self) -> None:
        self.shows.render()

    def present(self) -> None:
        self.shows.toggle_presentation()

    def check_losslessness(self) -> None:
        self.lab.open()

    def reset_setup(self) -> None:
        self._replace_setup(default_setup(), "The setup is back at its defaults.")

    def use_recorded(self) -> None:
        """Take over the settings of the run on screen."""
        run = self.presenter.run
        if run is not None:
            setup = self.setup_panel.setup.recorded(run.started)
            self._replace_setup(setup, "The recording's settings are set up.")

    def _replace_setup(self, setup: Setup, message: str) -> None:
        before = self.setup_panel.setup
        self.setup_panel.setup = setup

        def undo() -> None:
            self.setup_panel.setup = before

        self.centre.banners.notice("info", message, action=("Undo", undo))

    def show_shortcuts(self) -> None:
        self._show_sheet(shortcuts_sheet(self))

    def show_about(self) -> None:
        from engine.host import host

        self._show_sheet(about_sheet(self, engine.__version__, f"{host().system}\n{host().cpu}"))

    def _show_sheet(self, sheet: Sheet) -> None:
        if self._sheet is not None:
            self._sheet.close()
        self._sheet = sheet
        sheet.destroyed.connect(lambda: setattr(self, "_sheet", None))
        sheet.show()

    def copy_diagnostics(self) -> None:
        QGuiApplication.clipboard().setText(diagnostics(self.controller.models))
        self.centre.banners.notice("info", "The diagnostics are on the clipboard.")

    # What follows from a change

    def _on_state(self, state: State) -> None:
        enable(self.actions_by_id, state)
        self._tell_saveable()
        self._tell_playable()
        self.pickers.set_enabled(state is State.IDLE)

    def _tell_saveable(self) -> None:
        whole = self.controller.state is State.IDLE and self.files.shown is not None
        self.actions_by_id["save"].setEnabled(whole)
        self.actions_by_id["render"].setEnabled(whole)

    def _tell_playable(self) -> None:
        """What playback allows: nothing without a run, nothing backwards at its beginning."""
        player, actions, state = self.controller.player, self.actions_by_id, self.controller.state
        idle = state is State.IDLE
        there = player.whole is not None and player.whole.n_finished_rounds > 0
        free = idle or state in DECODING
        actions["pause"].setEnabled(free and (there or not idle))
        self.toolbar.show_state(state, held=idle and there and not player.playing)
        actions["race"].setEnabled(idle and there)
        for name in ("step-back", "to-start", "previous-round", "next-round", "to-end"):
            actions[name].setEnabled(free and there)

    def _on_setup(self) -> None:
        self.setup_panel.show_problems(problems(self.setup_panel.setup))
        self.presenter.tell()

    def _on_machine(self, processor: str, line: str, command: str) -> None:
        if not self.controller.models:
            self.setup_panel.engine.show_machine(processor)
        self.setup_panel.engine.show_advice(line, command)

    def _tell_memory(self) -> None:
        if self.isVisible():
            self.setup_panel.engine.show_memory(*memory())

    # Window events

    def event(self, event: QEvent) -> bool:
        # Comes here when the focus widget did not claim the key for itself.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            # An arrow steps a run that there is; it never begins one and so ends a look at another.
            plain = event.key() == Qt.Key.Key_Right and not event.modifiers()
            idle = self.controller.state is State.IDLE and self.controller.player.at_end
            if (plain and idle) or wants_key(self.focusWidget(), event):
                event.accept()
                return True
        return super().event(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        handle = self.windowHandle()
        if not self._painted and handle is not None:
            handle.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The window's own paintEvent never comes: its children cover it.
        if event.type() == QEvent.Type.Expose and not self._painted:
            self._painted = True
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self.painted.emit)
            QTimer.singleShot(0, self.after_first_paint)
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_file(event, ".jsonl") or dropped_model(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        recording, model = dropped_file(event, ".jsonl"), dropped_model(event)
        event.acceptProposedAction()
        if recording is not None:
            self.open_file(recording)
        elif model is not None and self.controller.state is State.IDLE:
            self.pickers.take("target", model)
        elif model is not None:
            self.centre.banners.notice(
                "info", f"{model.name} was not chosen: a run is going on.", "Stop it first."
            )

    def closeEvent(self, event: QCloseEvent) -> None:
        """Runs are recorded as they go, so there is nothing to ask."""
        self._memory_timer.stop()
        self.settings.set_geometry("window", self.saveGeometry())
        self.settings.set_geometry("splitter", self.splitter.saveState())
        self.settings.setup = self.setup_panel.setup
        self.settings.sync()
        self.hide()
        self.lab.close()
        self.shows.close()
        self.controller.close()
        self._machine.close()
        event.accept()
