"""Presenter mode: the stage alone on the screen, for talks and screen recordings.

The window behind goes on as ever and its keys work here too. Besides them: 1 to 6 choose the view,
A the shape, C a caption, K the display of pressed keys, Esc leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from PySide6.QtCore import QElapsedTimer, QEvent, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QContextMenuEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QLineEdit, QMenu, QWidget

from app import theme
from app.player import Player
from app.race import Race
from app.settings import Settings
from app.stage.stage import Size, Stage, View
from engine.trace import Run

VIEWS: tuple[tuple[View, str], ...] = (
    ("all", "All views"),
    ("round", "The round"),
    ("stream", "The output"),
    ("race", "The race"),
    ("plots", "The plots"),
    ("inspector", "The token inspector"),
)
SHAPES: dict[str, tuple[int, int]] = {"16:9": (16, 9), "1:1": (1, 1), "9:16": (9, 16)}
FIXED: dict[str, int] = {"1080p": 1080, "4K": 2160}
"""Shorter side, in device pixels, of a stage of a fixed size: what screen recorders are set to."""
FIGURES_MS = 250
KEYS_MS = 1400
"""A pressed key is named for so long."""
REBUILD_MS = 120
HINT = "1–6 view · A shape · C caption · K keys · Esc leaves"


class PresentView(QWidget):
    """A window of its own, usually full screen.

    player, baseline, race: what it follows; race() gives the lanes for the view of that name, None
    where there is none. closed: the person is done.
    """

    closed = Signal()

    def __init__(
        self,
        settings: Settings,
        player: Player,
        baseline: Callable[[Run], Run | None],
        race: Callable[[], Race | None],
        actions: Iterable[QAction],
    ) -> None:
        super().__init__()
        self.setWindowTitle("Draftscope")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Presenter mode")
        self.addActions(list(actions))
        self._settings = settings
        self._player, self._baseline, self._race = player, baseline, race
        self._raced: Race | None = None
        self.now = settings.presenting
        self.stage: Stage | None = None
        self._picture = QImage()
        self._since = QElapsedTimer()
        self._rebuild = _once(self, REBUILD_MS, self.build)
        self._late = _once(self, FIGURES_MS, lambda: self._follow(figures=True))
        self._unkey = _once(self, KEYS_MS, lambda: self._show_keys(""))
        self.caption_field = QLineEdit(self)
        self.caption_field.setPlaceholderText("Caption; Enter shows it")
        self.caption_field.hide()
        self.caption_field.returnPressed.connect(self._take_caption)
        player.moved.connect(self._follow)
        theme.notifier().changed.connect(self.build)

    # Coming and going

    def open(self) -> None:
        """Show it, as it was last time."""
        if self.now.fixed:
            self.showNormal()
            self._fix_size()
        else:
            self.showFullScreen()
        self.raise_()
        self.activateWindow()
        self.setFocus()
        self.build()
        self._show_keys(HINT)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._race_to(None)
        self._settings.presenting = self.now
        super().closeEvent(event)
        self.closed.emit()

    def change(self, **changes: object) -> None:
        """Another view, shape, size or caption; remembered."""
        before, self.now = self.now, msgspec.structs.replace(self.now, **changes)
        self._settings.presenting = self.now
        if before.fixed != self.now.fixed or (self.now.fixed and before.shape != self.now.shape):
            if self.now.fixed:
                self.showNormal()
                self._fix_size()
            else:
                self.setMinimumSize(0, 0)
                self.setMaximumSize(16_777_215, 16_777_215)
                self.showFullScreen()
        self.build()

    def _fix_size(self) -> None:
        """Exactly so many device pixels, whatever the screen scales by."""
        ratio = self.devicePixelRatioF()
        size = fitted(SHAPES[self.now.shape], FIXED[self.now.fixed])
        self.setFixedSize(round(size.width / ratio), round(size.height / ratio))

    # The picture

    def build(self) -> None:
        """Make the stage anew: for another view, shape, size or theme."""
        if not self.isVisible():
            return
        ratio = self.devicePixelRatioF()
        room = Size(round(self.width() * ratio), round(self.height() * ratio))
        size = largest(SHAPES[self.now.shape], room)
        keys = self.stage.caption.keys if self.stage is not None else ""
        self.stage = Stage(self.now.view, size)
        self.stage.caption.text, self.stage.caption.keys = self.now.caption, keys
        self._picture = QImage(*size, QImage.Format.Format_RGB32)
        self._race_to(self._race() if self.now.view == "race" else None)
        self._draw(all_of_it=True)

    def _race_to(self, race: Race | None) -> None:
        if race is self._raced:
            return
        if self._raced is not None:
            self._raced.moved.disconnect(self._follow)
        self._raced = race
        if race is not None:
            race.moved.connect(self._follow)

    def _follow(self, *, figures: bool = False) -> None:
        """What is shown has another moment. Figures change four times a second at most."""
        if self.stage is not None and self.isVisible():
            self._draw(figures=figures)

    def _draw(self, *, all_of_it: bool = False, figures: bool = False) -> None:
        stage = self.stage
        assert stage is not None
        if stage.view == "race":
            if self._raced is not None:
                stage.show_race(self._raced, self._raced.now_ns)
        elif self._player.shown is not None:
            due = all_of_it or figures or not self._since.isValid()
            due = due or self._since.elapsed() >= FIGURES_MS or self._player.at_end
            if due:
                self._since.start()
            elif not self._late.isActive():
                self._late.start()
            shown = self._player.shown
            stage.show_player(self._player, self._baseline(shown), figures=due)
        painter = QPainter(self._picture)
        changed = stage.draw(painter, all_of_it=all_of_it)
        painter.end()
        if changed:
            self.update()

    def picture_place(self) -> QRect:
        """Where the picture stands in the window."""
        ratio = self.devicePixelRatioF()
        size = QSize(round(self._picture.width() / ratio), round(self._picture.height() / ratio))
        corner = QPoint((self.width() - size.width()) // 2, (self.height() - size.height()) // 2)
        return QRect(corner, size)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.theme().panel)
        if not self._picture.isNull():
            painter.drawImage(self.picture_place(), self._picture)

    # Window events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._rebuild.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = min(560, self.width() - 32)
        left = (self.width() - width) // 2
        self.caption_field.setGeometry(left, self.height() - 56, width, 36)
        self._rebuild.start()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            self._name(event)
            own = event.key() == Qt.Key.Key_Escape or (
                self._raced is not None and event.key() in self._race_moves(self._raced)
            )
            if own and not event.modifiers():
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier,
        )  # fmt: skip
        if plain and key == Qt.Key.Key_Escape:
            self.close()
        elif plain and Qt.Key.Key_1 <= key < Qt.Key.Key_1 + len(VIEWS):
            self.change(view=VIEWS[key - Qt.Key.Key_1][0])
        elif plain and key == Qt.Key.Key_A:
            shapes = list(SHAPES)
            self.change(shape=shapes[(shapes.index(self.now.shape) + 1) % len(shapes)])
        elif plain and key == Qt.Key.Key_C:
            self.caption_field.setText(self.now.caption)
            self.caption_field.show()
            self.caption_field.setFocus()
        elif plain and key == Qt.Key.Key_K:
            self.change(show_keys=not self.now.show_keys)
        elif plain and self._raced is not None and key in (moves := self._race_moves(self._raced)):
            moves[key]()
        else:
            super().keyPressEvent(event)

    @staticmethod
    def _race_moves(race: Race) -> dict[int, Callable[[], object]]:
        """A race has a clock of its own, and so its own keys, which are the same."""
        return {
            Qt.Key.Key_Space: race.toggle,
            Qt.Key.Key_Home: race.to_start,
            Qt.Key.Key_End: race.to_end,
            Qt.Key.Key_Left: lambda: race.step(-1),
            Qt.Key.Key_Right: lambda: race.step(1),
        }

    def _name(self, event: QKeyEvent) -> None:
        """Name the key that was pressed, for those who watch."""
        typing = self.caption_field.isVisible()
        if self.now.show_keys and event.key() not in _MODIFIERS and not typing:
            keys = QKeySequence(event.keyCombination())
            self._show_keys(keys.toString(QKeySequence.SequenceFormat.NativeText))

    def _show_keys(self, keys: str) -> None:
        if self.stage is None:
            return
        self.stage.caption.keys = keys
        if keys:
            self._unkey.start()
        self._draw(all_of_it=True)

    def _take_caption(self) -> None:
        self.caption_field.hide()
        self.setFocus()
        self.change(caption=self.caption_field.text().strip())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu().exec(event.globalPos())

    def menu(self) -> QMenu:
        """What the keys do, to point at."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._choices(menu, [(v, t) for v, t in VIEWS], "view")
        menu.addSeparator()
        self._choices(menu, [(s, f"Shape {s}") for s in SHAPES], "shape")
        menu.addSeparator()
        sizes = [("", "Full screen"), *((s, f"A window of {s}") for s in FIXED)]
        self._choices(menu, sizes, "fixed")
        menu.addSeparator()
        keys = menu.addAction("Show pressed keys")
        keys.setCheckable(True)
        keys.setChecked(self.now.show_keys)
        keys.triggered.connect(lambda on: self.change(show_keys=on))
        menu.addAction("Leave", self.close)
        return menu

    def _choices(self, menu: QMenu, choices: Iterable[tuple[str, str]], field: str) -> None:
        group = QActionGroup(menu)
        for value, text in choices:
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(getattr(self.now, field) == value)
            action.triggered.connect(lambda _=False, v=value: self.change(**{field: v}))
            group.addAction(action)


_MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta)


def largest(shape: tuple[int, int], room: Size) -> Size:
    """The largest size of a shape that has room."""
    unit = min(room.width / shape[0], room.height / shape[1])
    return Size(max(round(unit * shape[0]), 64), max(round(unit * shape[1]), 64))


def fitted(shape: tuple[int, int], short_side: int) -> Size:
    """The size of a shape with a given shorter side."""
    unit = short_side / min(shape)
    return Size(round(unit * shape[0]), round(unit * shape[1]))


def _once(parent: QWidget, ms: int, what: Callable[[], object]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(what)
    return timer
