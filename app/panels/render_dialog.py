"""The dialog "Render clip": what of a recording, how, into which file; progress; the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.banner import Banners
from app.panels.fields import ROW_GAP, ElidedLabel
from app.panels.render_child import RenderChild
from app.panels.render_form import RenderForm
from app.panels.sheets import Sheet
from app.render.progress import remaining
from app.settings import Settings
from engine.errors import ErrorInfo


class RenderDialog(Sheet):
    """Renders in a process of its own; one dialog serves all recordings.

    ask_file, open_folder: what leaves the dialog (tests replace them).
    """

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__("Render clip", parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # what was chosen stays
        self._settings = settings
        self._recording = Path()
        self._against: Path | None = None
        self._written: Path | None = None
        self._began = 0.0
        self.open_folder: Callable[[QUrl], object] = QDesktopServices.openUrl
        self.what = ElidedLabel()
        self.what.setProperty("role", "heading")
        self.length = ElidedLabel()
        self.length.setProperty("role", "muted")
        self.form = RenderForm(self._ask_file)
        self.form.settings = settings.rendering
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the rendering")
        kept = self.bar.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # so that nothing moves
        self.bar.setSizePolicy(kept)
        self.stage = ElidedLabel()
        self.stage.setProperty("role", "muted")
        self.banners = Banners()
        self.folder = QPushButton("Show in folder")
        self.cancel = QPushButton("Cancel")
        self.render_button = QPushButton("Render")
        self.render_button.setProperty("kind", "primary")
        self.render_button.setDefault(True)
        self.child = RenderChild(self)
        self._lay_out()
        self._connect()
        self._show_running(False)
        self.setMinimumWidth(600)
        self.resize(self.minimumSizeHint())

    def _lay_out(self) -> None:
        card = QFrame()
        card.setProperty("kind", "card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(16, 12, 16, 12)
        inside.setSpacing(4)
        inside.addWidget(self.what)
        inside.addWidget(self.length)
        progress = QVBoxLayout()
        progress.setSpacing(4)
        progress.addWidget(self.bar)
        progress.addWidget(self.stage)
        buttons = QHBoxLayout()
        buttons.setSpacing(ROW_GAP)
        buttons.addWidget(self.folder)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.render_button)
        self.page.addWidget(card)
        self.page.addWidget(self.form)
        self.page.addLayout(progress)
        self.page.addWidget(self.banners)
        self.page.addStretch(1)
        self.page.addLayout(buttons)

    def _connect(self) -> None:
        self.form.changed.connect(self._tell)
        self.render_button.clicked.connect(self.render_clip)
        self.cancel.clicked.connect(self.reject)
        self.folder.clicked.connect(self._show_folder)
        self.child.progressed.connect(self._on_progress)
        self.child.done.connect(self._on_done)
        self.child.failed.connect(self._on_failed)
        self.child.cancelled.connect(self._on_cancelled)

    def open_for(
        self, path: Path, duration_s: float, at_s: float, against: Path | None = None
    ) -> None:
        """Show the dialog for a recording of `duration_s` seconds that stands at `at_s`.
        against: the recording that it is raced against, where there is one."""
        if not self.child.running:
            self._recording, self._against = path, against
            self.what.setText(path.name)
            self.length.setText(f"{duration_s:,.2f} s of decode time")
            self.form.show_recording(duration_s, at_s, self._folder() / path.stem)
            self.banners.clear()
            self._written = None
            self._show_running(False)
            self._tell()
        self.show()
        self.raise_()
        self.activateWindow()

    def _folder(self) -> Path:
        remembered = self._settings.rendering.folder
        if remembered and Path(remembered).is_dir():
            return Path(remembered)
        films = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
        return Path(films) if films and Path(films).is_dir() else Path.home()

    def render_clip(self) -> None:
        """Start; what was chosen is remembered."""
        if self.child.running or not self.form.path.name:
            return
        self._settings.rendering = self.form.settings
        self.banners.clear()
        self._written = None
        self._began = time.monotonic()
        arguments = self.form.arguments(self._recording)
        if self._against is not None:
            arguments += ["--against", str(self._against)]
        self._show_running(True)
        self.stage.setText("Reading the recording…")
        self.child.start(arguments, self.form.path)

    def reject(self) -> None:
        """Cancel or Esc: a rendering is stopped first; the next one closes."""
        if self.child.running:
            self.stage.setText("Stopping…")
            self.cancel.setEnabled(False)
            self.child.cancel()
        else:
            super().reject()

    def _on_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        if total == 1:
            return
        if done == total:
            self.stage.setText("Finishing the file…")
            return
        left = remaining(done, total, time.monotonic() - self._began)
        words = f"{done:,} of {total:,} frames"
        self.stage.setText(f"{words}, {left}" if left else words)

    def _on_done(self) -> None:
        self._written = self.form.path
        self._show_running(False)
        size = self._written.stat().st_size if self._written.exists() else 0
        self.stage.setText(f"Wrote {self._written.name}, {_bytes(size)}")

    def _on_failed(self, error: ErrorInfo) -> None:
        self._show_running(False)
        self._tell()
        banner = self.banners.error if error.traceback else self._plain_error
        banner(error)

    def _plain_error(self, error: ErrorInfo) -> None:
        """What a person can mend has no details."""
        self.banners.notice("error", error.message, error.hint)

    def _on_cancelled(self) -> None:
        self._show_running(False)
        self.stage.setText("Cancelled: no file was written")

    def _show_running(self, on: bool) -> None:
        self.form.setEnabled(not on)
        self.bar.setVisible(on)
        self.bar.setRange(0, 0 if on else 1000)  # without an end until the first frame
        self.cancel.setEnabled(True)
        self.cancel.setText("Cancel" if on else "Close")
        self.render_button.setEnabled(not on and bool(self.form.path.name))
        self.folder.setVisible(self._written is not None)
        if on:
            self.cancel.setFocus()

    def _tell(self) -> None:
        """What a rendering would make."""
        if self.child.running:
            return
        form = self.form
        named = bool(form.path.name)
        self.render_button.setEnabled(named)
        if not named:
            self.stage.setText("Give the file a name")
        elif form.kind.moving:
            seconds = form.clip_seconds
            frames = max(round(seconds * float(form.rate.currentData())), 1)
            self.stage.setText(f"A clip of {_length(seconds)}, {frames:,} frames")
        else:
            self.stage.setText("A single picture")

    def _show_folder(self) -> None:
        if self._written is not None:
            self.open_folder(QUrl.fromLocalFile(str(self._written.parent)))

    def _ask_file(self, suggestion: str, kinds: str) -> str:
        return QFileDialog.getSaveFileName(self, "Render into", suggestion, kinds)[0]


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{max(size / 1e3, 0.1):,.0f} kB"
