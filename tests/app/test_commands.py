"""The registry of commands: complete, without clashes, and the only source of menus and keys."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLabel

from app.commands import COMMANDS, MENUS, RECENT, State, shortcut_text, tooltip
from app.panels.sheets import shortcuts_sheet
from app.view_options import ViewOptions
from app.window import MainWindow

ENABLED = {
    State.IDLE: {"run", "step", "open", "target", "draft", "reset"},
    State.LOADING: {"stop"},
    State.RUNNING: {"pause", "step", "stop"},
    State.PAUSED: {"pause", "step", "stop"},
    State.CANCELLING: set(),
    State.OPENING: {"stop"},
    State.SWEEPING: {"stop"},
    State.CHECKING: {"stop"},
}
"""Of the commands that depend on the state; `save` also needs something to save."""


def test_every_command_stands_in_one_menu():
    placed = [name for _, names in MENUS for name in names if name]
    assert sorted(placed) == sorted([*COMMANDS, RECENT])


def test_no_shortcut_is_given_twice():
    keys = Counter(QKeySequence(k).toString() for c in COMMANDS.values() for k in c.shortcuts)
    assert "" not in keys
    assert max(keys.values()) == 1


@pytest.mark.parametrize("state", State)
def test_what_is_allowed_follows_the_state(make_window, state):
    window: MainWindow = make_window()
    window.controller._set(state)
    dependent = set().union(*ENABLED.values())
    allowed = {n for n in dependent if window.actions_by_id[n].isEnabled()}
    assert allowed == ENABLED[state]
    assert not window.actions_by_id["save"].isEnabled(), "there is nothing to save yet"
    buttons = {n for n in ("run", "pause", "step", "stop", "open") if n in allowed}
    for name in ("run", "pause", "step", "stop", "open"):
        assert window.toolbar.button(name).isEnabled() == (name in buttons)
    assert window.pickers.target.isEnabled() == (state is State.IDLE)


def test_every_handler_is_a_method_of_the_window_or_its_view():
    called: list[str] = []

    class Noting:
        def __init__(self, owner: type, **parts: object) -> None:
            self._owner = owner
            self.__dict__.update(parts)

        def __getattr__(self, name: str):
            assert callable(getattr(self._owner, name))
            return lambda: called.append(name)

    desk = Noting(MainWindow, view=Noting(ViewOptions))
    for command in COMMANDS.values():
        command.handler(desk)  # type: ignore[arg-type]
    assert len(called) == len(set(called)) == len(COMMANDS)


def test_tooltips_name_the_shortcut():
    for command in COMMANDS.values():
        assert "&" not in tooltip(command)
        if command.shortcuts:
            assert shortcut_text(command) in tooltip(command)
    assert tooltip(COMMANDS["pause"], "Resume").startswith("Resume (")


def test_the_sheet_lists_every_shortcut(qtbot):
    sheet = shortcuts_sheet(None)
    qtbot.addWidget(sheet)
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    for command in COMMANDS.values():
        if command.shortcuts:
            assert shortcut_text(command) in texts


def test_buttons_have_a_name_and_a_tooltip(window):
    for name in ("run", "pause", "step", "stop", "open", "save", "theme"):
        button = window.toolbar.button(name)
        assert button.accessibleName()
        assert button.toolTip().startswith(button.accessibleName())
