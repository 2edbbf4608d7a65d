"""Choosing models: keeps the two pickers, the setup and the recent files in step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.models import hub_cache
from app.models.model_list import Kind, ModelList, embedded_entry, entries_for, title_of
from app.panels.model_picker import ModelPicker
from app.panels.setup import SetupPanel
from app.settings import Settings
from app.setup import uses_draft, with_draft, with_target
from app.sources import EMBEDDED, TOY, folder_beside, why_no_model

Role = Literal["target", "draft"]


class Pickers(QObject):
    """The target's and the draft's picker. The setup panel holds what is chosen.

    refused(message, hint): what was dropped or found is no model. `ask_file`, `ask_folder`: open a
    dialog (tests replace them).
    """

    refused = Signal(str, str)

    def __init__(self, settings: Settings, panel: SetupPanel, parent: QWidget) -> None:
        super().__init__(parent)
        self._settings = settings
        self._panel = panel
        self._embedded = embedded_entry()
        self.ask_file: Callable[[str], str] = self._ask_file
        self.ask_folder: Callable[[str], str] = self._ask_folder
        self.target_list, self.draft_list = ModelList(parent=self), ModelList(parent=self)
        self.target = ModelPicker("Target", self.target_list)
        self.draft = ModelPicker("Draft", self.draft_list)
        self.target.chosen.connect(self.choose_target)
        self.draft.chosen.connect(self.choose_draft)
        self.target.dropped.connect(lambda path: self.take("target", Path(path)))
        self.draft.dropped.connect(lambda path: self.take("draft", Path(path)))
        self.target.browse.connect(lambda kind: self.browse("target", kind))
        self.draft.browse.connect(lambda kind: self.browse("draft", kind))
        for picker in (self.target, self.draft):
            picker.about_to_open.connect(self._fill)
        panel.changed.connect(self.show)

    def show(self) -> None:
        """Name what is chosen."""
        setup = self._panel.setup
        self.target.show_choice(setup.target, title_of(setup.target, self._embedded.title))
        note = ""
        if setup.draft is not None and not uses_draft(setup):
            note = "not used" if setup.config.gamma else "not used at γ = 0"
        name = title_of(setup.draft, self._embedded.title)
        self.draft.show_choice(setup.draft, name, note)

    def name(self, role: Role) -> str:
        setup = self._panel.setup
        source = setup.target if role == "target" else setup.draft
        return title_of(source, self._embedded.title)

    def choose_target(self, source: str) -> None:
        self._panel.setup = with_target(self._panel.setup, source)

    def choose_draft(self, source: str | None) -> None:
        self._panel.setup = with_draft(self._panel.setup, source)

    def browse(self, role: Role, kind: Kind = "browse") -> None:
        ask = self.ask_folder if kind == "folder" else self.ask_file
        path = ask(f"Choose the {role}")
        if path:
            self.take(role, Path(path))

    def take(self, role: Role, path: Path) -> None:
        """Choose a file, or a folder that holds a model."""
        if path.is_dir() and (reason := why_no_model(path)):
            self.refused.emit(reason, "Choose the folder that holds it beside the weights.")
        elif role == "target":
            self.choose_target(str(path))
        else:
            self.choose_draft(str(path))

    def remember(self, role: str) -> None:
        """The chosen model could be loaded: offer it again."""
        setup = self._panel.setup
        source = setup.target if role == "target" else setup.draft
        if source and source not in (TOY, *EMBEDDED):
            self._settings.add_recent_model(source)

    def set_enabled(self, on: bool) -> None:
        self.target.setEnabled(on)
        self.draft.setEnabled(on)

    def _fill(self) -> None:
        recent, setup = self._settings.recent_models, self._panel.setup
        for chosen in (setup.draft, setup.target):
            if chosen and chosen not in (TOY, *EMBEDDED, *recent):
                recent.insert(0, chosen)
        hub = hub_cache.look()
        roles: tuple[tuple[Role, ModelList], ...] = (
            ("target", self.target_list),
            ("draft", self.draft_list),
        )
        for role, lines in roles:
            lines.update(entries_for(role, recent, self._embedded, setup=setup, hub=hub))

    def _ask_file(self, title: str) -> str:
        kinds = "Models (*.gguf);;All files (*)"
        return QFileDialog.getOpenFileName(self.target.window(), title, self._folder(), kinds)[0]

    def _ask_folder(self, title: str) -> str:
        return QFileDialog.getExistingDirectory(self.target.window(), title, self._folder())

    def _folder(self) -> str:
        return folder_beside(self._settings.recent_models)
