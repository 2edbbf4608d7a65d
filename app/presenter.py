"""What the engine says becomes what the window shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.commands import State
from app.controller import Controller
from app.files import Files
from app.forecasts import Forecasts
from app.lab_words import progress
from app.panels.centre import Centre
from app.panels.pickers import Pickers
from app.panels.setup import SetupPanel
from app.panels.side import Side
from app.panels.status import Status
from app.playback_motion import SkipAtInput, motion_of
from app.setup import is_lossless
from app.turns import Turns
from app.words import (
    age_s,
    moment_words,
    preparing,
    recorded_summary,
    run_words,
    said,
    sweep_progress,
)
from engine.errors import ErrorInfo
from engine.events import ModelInfo
from engine.lab.result import Stage
from engine.session import JobFinished
from engine.trace import Run

if TYPE_CHECKING:
    from app.views.plots.snapshot import Snapshot
    from engine.experiments.sweep import Progress


PLOTS_MS = 120
"""After a jump the curves are drawn when no other jump followed for so long."""


class Presenter(QObject):
    """Follows a controller. `settled`: a recording has been read, or a job has ended."""

    settled = Signal()
    title_changed = Signal(str)

    def __init__(
        self,
        controller: Controller,
        files: Files,
        pickers: Pickers,
        setup: SetupPanel,
        centre: Centre,
        side: Side,
        status: Status,
    ) -> None:
        super().__init__(controller)
        self._control = controller
        self._files = files
        self._pickers = pickers
        self._setup = setup
        self._centre = centre
        self._plots = plots = side.plots
        self._side = side
        self._status = status
        self._shown: Run | None = None
        self._n_notices = 0
        self._recorded = ""  # name of the recording on screen
        self._loading = ""
        self._forecasts = Forecasts(self)
        self._forecasts.ready.connect(self.tell)

        self._turns = Turns(
            (
                centre.timeline.refresh,
                lambda: self._refresh_plots(0),
                lambda: self._refresh_plots(1),
            ),
            self,
        )
        self._skip = SkipAtInput(controller.player, self)
        # While a person scrubs, the curves wait: they would cost more than all else together.
        self._moments = QTimer(self)
        self._moments.setSingleShot(True)
        self._moments.setInterval(PLOTS_MS)
        self._moments.timeout.connect(self._plot_moment)

        controller.state_changed.connect(self._on_state)
        controller.job_started.connect(self._on_job_started)
        controller.advanced.connect(self._on_advanced)
        controller.player.replaced.connect(self._on_replaced)
        controller.player.moved.connect(self._on_moved)
        controller.player.changed.connect(self._on_playback)
        centre.transport.speed_chosen.connect(controller.player.set_speed)
        controller.loading.connect(self._on_loading)
        controller.loaded.connect(self._on_loaded)
        controller.failed.connect(self._on_failed)
        controller.check_progress.connect(self._on_check_progress)
        controller.sweep_progress.connect(self._on_sweep_progress)
        controller.recording_lost.connect(self._on_recording_lost)
        controller.ended.connect(self._on_ended)
        controller.open_progress.connect(self._on_reading)
        controller.opened.connect(self._on_opened)
        plots.snapshot_taken.connect(self._on_figures)

    @property
    def run(self) -> Run | None:
        """The run on screen."""
        return self._shown

    @property
    def is_recording(self) -> bool:
        """Whether the run on screen was opened from a file."""
        return bool(self._recorded)

    def tell(self) -> None:
        """The status bar."""
        control, run = self._control, self._shown
        setup = self._setup.setup
        wants_baseline = bool(setup.config.gamma) and not self._recorded
        forecast = self._forecasts.of(run)
        mood, words = said(control.state, run, self._plots.snapshot, wants_baseline, forecast)
        player = control.player
        beside = control.state in (State.CHECKING, State.SWEEPING)  # the shown run stays
        if run is not None and not player.at_end and not beside:
            mood, words = "idle", moment_words(run, player)
        if (control.state is State.LOADING or beside) and self._loading:
            words = self._loading
        if self._recorded and control.state is State.IDLE:
            words = f"Recording {self._recorded}. {words}"
        self._status.say(mood, words)
        config = run.started.config if run is not None else setup.config
        lossless = run.started.lossless if run is not None else is_lossless(config)
        self._status.show_setup(config, lossless)
        if run is not None:
            self._status.show_device(run_words(run.started.models))

    def _on_state(self, state: State) -> None:
        if state in (State.LOADING, State.OPENING, State.CHECKING, State.SWEEPING):
            self._loading = ""
            self._centre.show_progress(0.0)
        elif state is not State.CANCELLING:
            self._centre.show_progress(None)
        if state is State.LOADING:
            self._centre.tokens.set_empty_words("Loading the models")
        elif state is State.OPENING:
            self._centre.tokens.set_empty_words("Reading the recording")
        elif state is State.IDLE:
            self._centre.tokens.set_empty_words()
            self._centre.tokens.prepare(None)
        self._on_playback()

    def _on_reading(self, fraction: float) -> None:
        self._centre.show_progress(fraction)
        self._centre.tokens.prepare(self._control.pump.reading)

    def _on_job_started(self) -> None:
        self._setup.show_recorded("")

    def _on_loading(self, role: str, fraction: float) -> None:
        self._centre.show_progress(fraction)
        what, name = preparing(role), self._setup.drafting.corpus.shown
        if role != "table":
            name = self._pickers.name("draft" if role == "draft" else "target")
        self._loading = f"{what}, {name}: {fraction:.0%}"
        if self._control.state not in (State.CHECKING, State.SWEEPING):
            self._centre.tokens.set_empty_words(what, f"{name}: {fraction:.0%}")
        self.tell()

    def _on_sweep_progress(self, at: Progress) -> None:
        self._centre.show_progress(at.done / at.total if at.total else 0.0)
        self._loading = f"Experiment: {sweep_progress(at)}"
        self.tell()

    def _on_check_progress(self, stage: Stage, done: int, total: int) -> None:
        self._centre.show_progress(done / total if total else 0.0)
        self._loading = progress(stage, done, total)
        self.tell()

    def _on_loaded(self, role: str, info: ModelInfo) -> None:
        self._pickers.remember(role)
        if role == "target":
            self._setup.engine.show_model(info)
            self._setup.drafting.show_layers(info.layers)
        self._loading = f"{info.name} is loaded"
        self.tell()

    def _on_advanced(self, first: int, last: int) -> None:
        run = self._control.run
        if run is not None and len(run.notices) > self._n_notices:
            for notice in run.notices[self._n_notices :]:
                self._centre.banners.notice(notice.level, notice.message, notice.hint)
            self._n_notices = len(run.notices)

    def _on_replaced(self) -> None:
        """Another run, or the same one as it was at another moment."""
        player = self._control.player
        shown, before = player.shown, self._shown
        self._shown = shown
        baseline = self._control.trace.baseline_of(shown) if shown is not None else None
        self._centre.round_view.set_exact(not self._is_running())
        self._centre.show_run(shown, baseline, player.whole)
        same = shown is not None and before is not None and shown.started is before.started
        self._side.use_run(shown, another=not same)
        if same:
            self._moments.start()
            self.tell()
            return
        self._n_notices = 0
        if self._control.state is not State.OPENING:
            self._recorded = ""
            self.title_changed.emit("")
        self._moments.stop()
        self._plots.set_run(shown, baseline)
        self.tell()

    def _on_moved(self) -> None:
        player = self._control.player
        self._centre.refresh(player)
        self._centre.round_view.set_motion(*motion_of(player))
        self._skip.watch(self._centre.round_view.moving)
        self._side.refresh()
        self._turns.mark()

    def _on_playback(self) -> None:
        control, player = self._control, self._control.player
        running = control.state is State.RUNNING and player.at_end
        self._centre.transport.show_playing(player.playing or running)
        self._centre.round_view.set_exact(not self._is_running())
        if not (player.playing or running or self._moments.isActive()):
            self._turns.finish()
            self._plots.refresh(force=True)
        self.tell()

    def _is_running(self) -> bool:
        """Whether rounds come as fast as the engine makes them."""
        return self._control.state is State.RUNNING and self._control.player.at_end

    def _refresh_plots(self, part: int) -> None:
        if not self._moments.isActive():
            self._plots.refresh(part=part)

    def _plot_moment(self) -> None:
        """Curves and figures of where the player has come to rest."""
        shown = self._shown
        baseline = self._control.trace.baseline_of(shown) if shown is not None else None
        self._plots.set_run(shown, baseline)
        self.tell()

    def _on_figures(self) -> None:
        snapshot = self._plots.snapshot
        if snapshot is None:
            return
        if self._shown is not None and snapshot.finished and snapshot.figures.speedup is not None:
            self._forecasts.ask(self._shown, snapshot.costs)
        if not self._recorded and self._control.state is not State.OPENING:
            self._tell_baseline(snapshot)
        self.tell()

    def _tell_baseline(self, snapshot: Snapshot) -> None:
        """The newest baseline and its age; a reused one is as old as it is."""
        run, figures = self._shown, snapshot.figures
        if run is None:
            return
        if run.is_baseline:
            self._setup.baseline.show_rate(figures.tokens_per_second, snapshot.kind)
            return
        baseline = self._control.trace.baseline_of(run)
        rate = figures.baseline_tokens_per_second
        if baseline is not None and rate is not None:
            self._setup.baseline.show_rate(rate, snapshot.kind, age_s(baseline))

    def _on_failed(self, error: ErrorInfo) -> None:
        self._centre.banners.error(error)
        self.tell()

    def _on_recording_lost(self, error: ErrorInfo) -> None:
        self._files.shown = None
        self._centre.banners.notice("warning", error.message, f"{error.hint} The run goes on.")

    def _on_ended(self, finished: JobFinished) -> None:
        if finished.recording is not None:
            self._files.shown = finished.recording
        self._files.recordings.prune()
        self._turns.finish()
        self._plots.refresh(force=True)
        self.tell()
        self.settled.emit()

    def _on_opened(self, path: Path) -> None:
        run = self._control.run
        assert run is not None
        self._files.shown = path
        self._recorded = path.name
        self._setup.show_recorded(recorded_summary(run.started))
        self.title_changed.emit(path.name)
        self._turns.finish()
        self._plots.refresh(force=True)
        if run.finished is None:
            self._centre.banners.notice(
                "warning",
                f"{path.name} breaks off after round {run.n_finished_rounds}.",
                "What was recorded until then is shown.",
            )
        self.tell()
        self.settled.emit()
