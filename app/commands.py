"""Everything that can be done, once: menus, toolbar and the shortcuts sheet are built from this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar


class State(Enum):
    """What the window is doing.

    IDLE --run, step--> LOADING --first event--> RUNNING <--pause, resume--> PAUSED
    LOADING, RUNNING, PAUSED --stop--> CANCELLING --the job is over--> IDLE
    IDLE --open--> OPENING --read, or refused--> IDLE
    IDLE --check--> CHECKING --found, or failed--> IDLE; CHECKING --stop--> CANCELLING
    IDLE --experiment--> SWEEPING --done, or failed--> IDLE; SWEEPING --stop--> CANCELLING
    """

    IDLE = "idle"
    LOADING = "loading"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    OPENING = "opening"
    CHECKING = "checking"
    SWEEPING = "sweeping"


ANY = frozenset(State)
IDLE = frozenset({State.IDLE})
DECODING = frozenset({State.RUNNING, State.PAUSED})
BUSY = frozenset(
    {
        *(State.LOADING, State.RUNNING, State.PAUSED),
        *(State.OPENING, State.CHECKING, State.SWEEPING),
    }
)


class ViewDesk(Protocol):
    """The commands that change how things look."""

    def toggle_theme(self) -> None: ...
    def follow_system_theme(self) -> None: ...
    def toggle_palette(self) -> None: ...
    def toggle_rejected(self) -> None: ...
    def toggle_dense(self) -> None: ...
    def toggle_setup(self) -> None: ...
    def toggle_plots(self) -> None: ...
    def toggle_reduced_motion(self) -> None: ...


class Desk(Protocol):
    """What commands act on: the window."""

    @property
    def view(self) -> ViewDesk: ...
    def run(self) -> None: ...
    def pause_or_resume(self) -> None: ...
    def step(self) -> None: ...
    def stop(self) -> None: ...
    def open_recording(self) -> None: ...
    def save_recording(self) -> None: ...
    def choose_target(self) -> None: ...
    def choose_draft(self) -> None: ...
    def close(self) -> bool: ...
    def to_start(self) -> None: ...
    def to_end(self) -> None: ...
    def step_back(self) -> None: ...
    def previous_round(self) -> None: ...
    def next_round(self) -> None: ...
    def slower(self) -> None: ...
    def faster(self) -> None: ...
    def toggle_inspector(self) -> None: ...
    def toggle_race(self) -> None: ...
    def toggle_experiments(self) -> None: ...
    def toggle_compare(self) -> None: ...
    def toggle_drafts(self) -> None: ...
    def render_clip(self) -> None: ...
    def present(self) -> None: ...
    def check_losslessness(self) -> None: ...
    def reset_setup(self) -> None: ...
    def show_shortcuts(self) -> None: ...
    def copy_diagnostics(self) -> None: ...
    def show_about(self) -> None: ...


@dataclass(frozen=True)
class Command:
    """One thing to do. states: where it is allowed. tip: one line for tooltip and status bar."""

    id: str
    text: str
    handler: Callable[[Desk], object]
    tip: str = ""
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    states: frozenset[State] = ANY
    checkable: bool = False
    role: QAction.MenuRole = QAction.MenuRole.NoRole


COMMANDS: dict[str, Command] = {
    command.id: command
    for command in (
        Command(
            "run",
            "&Run",
            lambda desk: desk.run(),
            "Decode the prompt",
            ("Ctrl+Return", "Ctrl+Enter"),
            "run",
            IDLE,
        ),
        Command(
            "pause",
            "&Pause",
            lambda desk: desk.pause_or_resume(),
            "Hold before the next token, and go on; play a run again",
            ("Space",),
            "pause",
            IDLE | DECODING,
        ),
        Command(
            "step",
            "&Step",
            lambda desk: desk.step(),
            "Go on by one drafted token or verdict",
            ("F10", "Right"),
            "step",
            IDLE | DECODING,
        ),
        Command(
            "step-back",
            "Step &back",
            lambda desk: desk.step_back(),
            "Go back by one drafted token or verdict",
            ("Shift+F10", "Left"),
            states=IDLE | DECODING,
        ),
        Command(
            "to-start",
            "To the be&ginning",
            lambda desk: desk.to_start(),
            "Before the first token",
            ("Ctrl+Home",),
            "to-start",
            IDLE | DECODING,
        ),
        Command(
            "previous-round",
            "Previous ro&und",
            lambda desk: desk.previous_round(),
            shortcuts=("Ctrl+Left",),
            icon="previous",
            states=IDLE | DECODING,
        ),
        Command(
            "next-round",
            "&Next round",
            lambda desk: desk.next_round(),
            shortcuts=("Ctrl+Right",),
            icon="next",
            states=IDLE | DECODING,
        ),
        Command(
            "to-end",
            "To the &end",
            lambda desk: desk.to_end(),
            "The newest token; a live run is followed again",
            ("Ctrl+End",),
            "to-end",
        ),
        Command(
            "slower",
            "S&lower",
            lambda desk: desk.slower(),
            "Slow motion works on live runs too",
            ("[",),
        ),
        Command(
            "faster",
            "&Faster",
            lambda desk: desk.faster(),
            shortcuts=("]",),
        ),
        Command(
            "stop",
            "S&top",
            lambda desk: desk.stop(),
            "End the run here",
            ("Esc",),
            "stop",
            BUSY,
        ),
        Command(
            "check",
            "Check &losslessness…",
            lambda desk: desk.check_losslessness(),
            "Compare with plain decoding, by sampling or exactly",
            ("Ctrl+L",),
        ),
        Command(
            "open",
            "&Open recording…",
            lambda desk: desk.open_recording(),
            "Look at a recorded run",
            ("Ctrl+O",),
            "open",
            IDLE,
        ),
        Command(
            "save",
            "&Save recording…",
            lambda desk: desk.save_recording(),
            "Keep this run in a file of your own",
            ("Ctrl+S",),
            "save",
            IDLE,
        ),
        Command(
            "race",
            "Ra&ce",
            lambda desk: desk.toggle_race(),
            "Two recorded runs side by side, on one clock",
            ("Ctrl+Shift+C",),
            "race",
            IDLE,
            checkable=True,
        ),
        Command(
            "experiments",
            "E&xperiments",
            lambda desk: desk.toggle_experiments(),
            "Which settings and which draft are best: sweeps, maps and their runs",
            ("Ctrl+Shift+E",),
            "experiments",
            checkable=True,
        ),
        Command(
            "compare",
            "Co&mpare runs",
            lambda desk: desk.toggle_compare(),
            "Recorded runs side by side: figures, curves, texts",
            ("Ctrl+Shift+M",),
            states=IDLE,
            checkable=True,
        ),
        Command(
            "make-draft",
            "&Make a draft",
            lambda desk: desk.toggle_drafts(),
            "Distil a small model from the target, or quantise the target itself",
            ("Ctrl+Shift+D",),
            checkable=True,
        ),
        Command(
            "render",
            "R&ender clip…",
            lambda desk: desk.render_clip(),
            "A video, animation or picture of this recording",
            ("Ctrl+E",),
            "record",
            IDLE,
        ),
        Command(
            "present",
            "&Presenter mode",
            lambda desk: desk.present(),
            "The chosen views alone, in large",
            ("F11",),
            checkable=True,
        ),
        Command(
            "target",
            "Choose &target…",
            lambda desk: desk.choose_target(),
            "The model whose output is wanted",
            ("Ctrl+1",),
            states=IDLE,
        ),
        Command(
            "draft",
            "Choose &draft…",
            lambda desk: desk.choose_draft(),
            "The smaller model that proposes",
            ("Ctrl+2",),
            states=IDLE,
        ),
        Command(
            "quit",
            "&Quit",
            lambda desk: desk.close(),
            shortcuts=("Ctrl+Q",),
            role=QAction.MenuRole.QuitRole,
        ),
        Command(
            "theme",
            "&Dark theme",
            lambda desk: desk.view.toggle_theme(),
            "Light or dark",
            ("Ctrl+T",),
            "theme-dark",
            checkable=True,
        ),
        Command(
            "system-theme",
            "&Follow the system's theme",
            lambda desk: desk.view.follow_system_theme(),
            checkable=True,
        ),
        Command(
            "palette",
            "&Okabe–Ito palette",
            lambda desk: desk.view.toggle_palette(),
            "Hues for colour-blind eyes",
            checkable=True,
        ),
        Command(
            "rejected",
            "Show &rejected tokens",
            lambda desk: desk.view.toggle_rejected(),
            "Rejected and discarded tokens in the output",
            ("Ctrl+R",),
            checkable=True,
        ),
        Command(
            "dense",
            "D&ense flow",
            lambda desk: desk.view.toggle_dense(),
            "Smaller tokens, no rows at newlines",
            ("Ctrl+D",),
            checkable=True,
        ),
        Command(
            "setup",
            "&Setup panel",
            lambda desk: desk.view.toggle_setup(),
            shortcuts=("F6",),
            checkable=True,
        ),
        Command(
            "plots",
            "&Plots panel",
            lambda desk: desk.view.toggle_plots(),
            shortcuts=("F7",),
            checkable=True,
        ),
        Command(
            "inspector",
            "Token &inspector",
            lambda desk: desk.toggle_inspector(),
            "The numbers that decided over a token",
            ("F8",),
            checkable=True,
        ),
        Command(
            "reduced-motion",
            "Reduce &motion",
            lambda desk: desk.view.toggle_reduced_motion(),
            "No animation; everything is shown at its end",
            checkable=True,
        ),
        Command(
            "reset",
            "Reset setup to de&faults",
            lambda desk: desk.reset_setup(),
            "Can be undone",
            states=IDLE,
        ),
        Command(
            "shortcuts",
            "Keyboard &shortcuts",
            lambda desk: desk.show_shortcuts(),
            shortcuts=("F1",),
        ),
        Command(
            "diagnostics",
            "&Copy diagnostics",
            lambda desk: desk.copy_diagnostics(),
            "Versions, machine and models, for a report",
        ),
        Command(
            "about",
            "&About Draftscope",
            lambda desk: desk.show_about(),
            role=QAction.MenuRole.AboutRole,
        ),
    )
}

RECENT = "recent"
"""Stands for the submenu of recent recordings."""

MENUS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("&File", ("open", RECENT, "save", "render", "", "target", "draft", "", "quit")),
    ("&Run", ("run", "stop", "", "check", "experiments", "compare", "make-draft", "", "reset")),
    (
        "&Playback",
        (
            *("pause", "step", "step-back", "", "to-start", "previous-round", "next-round"),
            *("to-end", "", "slower", "faster", "", "race"),
        ),
    ),
    (
        "&View",
        (
            *("present", "", "theme", "system-theme", "palette", "", "rejected", "dense"),
            *("reduced-motion", "", "setup", "plots", "inspector"),
        ),
    ),
    ("&Help", ("shortcuts", "diagnostics", "", "about")),
)


def make_actions(parent: QObject, desk: Desk) -> dict[str, QAction]:
    """One QAction a command, in effect throughout the window."""
    actions: dict[str, QAction] = {}
    for command in COMMANDS.values():
        action = QAction(command.text, parent)
        action.setObjectName(command.id)
        action.setShortcuts([QKeySequence(keys) for keys in command.shortcuts])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setMenuRole(command.role)
        action.setCheckable(command.checkable)
        action.setToolTip(tooltip(command))
        action.setStatusTip("")
        action.triggered.connect(lambda _=False, c=command: c.handler(desk))
        actions[command.id] = action
    return actions


def tooltip(command: Command, text: str = "") -> str:
    """Name, shortcut and what it does."""
    name = (text or command.text).replace("&", "").rstrip("…")
    keys = shortcut_text(command)
    head = f"{name} ({keys})" if keys else name
    return f"{head}\n{command.tip}" if command.tip else head


def shortcut_text(command: Command) -> str:
    """The first shortcut as this system writes it."""
    if not command.shortcuts:
        return ""
    return QKeySequence(command.shortcuts[0]).toString(QKeySequence.SequenceFormat.NativeText)


def fill_menus(bar: QMenuBar, actions: Mapping[str, QAction]) -> dict[str, QMenu]:
    """Build the menus; return them by id ("recent" for the submenu)."""
    menus: dict[str, QMenu] = {}
    for title, ids in MENUS:
        menu = bar.addMenu(title)
        menu.setToolTipsVisible(False)
        menus[title.replace("&", "").lower()] = menu
        for name in ids:
            if name == RECENT:
                menus[RECENT] = menu.addMenu("Open re&cent")
            elif name:
                menu.addAction(actions[name])
            else:
                menu.addSeparator()
    return menus


def enable(actions: Mapping[str, QAction], state: State) -> None:
    """Allow what the state allows."""
    for name, action in actions.items():
        action.setEnabled(state in COMMANDS[name].states)
