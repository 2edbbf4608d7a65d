"""How the window shows things: theme, palette, what the output holds, which panels are there."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app import motion, theme
from app.settings import Settings
from app.views.token_view import TokenView


class ViewOptions(QObject):
    """Changes the options at a command, remembers them, and keeps the menus' check marks right."""

    def __init__(
        self,
        settings: Settings,
        actions: Mapping[str, QAction],
        tokens: TokenView,
        setup_panel: QWidget,
        plots_panel: QWidget,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._actions = actions
        self._tokens = tokens
        self._setup_panel = setup_panel
        self._plots_panel = plots_panel
        self._now = settings.view
        theme.notifier().changed.connect(self._check)

    def toggle_theme(self) -> None:
        self.use_scheme("light" if theme.theme().dark else "dark")

    def follow_system_theme(self) -> None:
        self.use_scheme("system")

    def use_scheme(self, scheme: theme.SchemeChoice, *, remember: bool = True) -> None:
        """Light, dark, or as the system has it."""
        self._change(remember=remember, scheme=scheme)

    def toggle_palette(self) -> None:
        self._change(palette="okabe-ito" if self._now.palette == "standard" else "standard")

    def toggle_rejected(self) -> None:
        self._change(show_rejected=not self._now.show_rejected)

    def toggle_dense(self) -> None:
        self._change(dense=not self._now.dense)

    def toggle_setup(self) -> None:
        self._change(setup_panel=not self._now.setup_panel)

    def toggle_plots(self) -> None:
        self._change(plots_panel=not self._now.plots_panel)

    def show_side(self) -> None:
        """The right column, where it was hidden."""
        if not self._now.plots_panel:
            self._change(plots_panel=True)

    def toggle_reduced_motion(self) -> None:
        self._change(reduced_motion=not motion.reduced())

    def apply(self) -> None:
        """Make the window look so."""
        now = self._now
        theme.set_scheme(now.scheme)
        theme.set_palette(now.palette)
        motion.set_reduced(now.reduced_motion)
        self._tokens.set_show_rejected(now.show_rejected)
        self._tokens.set_dense(now.dense)
        self._setup_panel.setVisible(now.setup_panel)
        self._plots_panel.setVisible(now.plots_panel)
        self._check()

    def _change(self, *, remember: bool = True, **changes: object) -> None:
        self._now = msgspec.structs.replace(self._now, **changes)
        if remember:
            self._settings.view = self._now
        self.apply()

    def _check(self) -> None:
        now = self._now
        marks = {
            "theme": theme.theme().dark,
            "system-theme": now.scheme == "system",
            "palette": now.palette == "okabe-ito",
            "rejected": now.show_rejected,
            "dense": now.dense,
            "setup": now.setup_panel,
            "plots": now.plots_panel,
            "reduced-motion": motion.reduced(),
        }
        for name, on in marks.items():
            self._actions[name].setChecked(on)
