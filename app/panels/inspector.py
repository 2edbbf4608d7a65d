"""The token inspector: everything that decided over one token, and the keys that walk the run."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QVariantAnimation, Signal
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import assets, motion, theme
from app.panels.fields import muted
from app.panels.inspector_page import TWO_COLUMNS, InspectorPage
from app.views.inspector import words
from app.views.inspector.copies import as_markdown, as_text
from engine.inspected import Inspection
from engine.inspection import inspect, places
from engine.trace import Run

TITLE = "Token inspector"
HINT = "← → tokens   ↑ ↓ rounds"
BAR = 56
DURATION_MS = 300
PICTURE_SCALE = 2.0

_Key = Qt.Key
_WALKS = (_Key.Key_Left, _Key.Key_Right, _Key.Key_Up, _Key.Key_Down, _Key.Key_Home, _Key.Key_End)
_INPUTS = (
    QEvent.Type.KeyPress,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.Wheel,
    QEvent.Type.TouchBegin,
)


class _Scroll(QScrollArea):
    """Gives the page the width that there is and the height that it needs, and leaves the arrow
    keys to the panel."""

    def __init__(self, page: InspectorPage) -> None:
        super().__init__()
        self._page = page
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(page)
        page.reshaped.connect(self.fit)

    def fit(self) -> None:
        """Size the page; beside the scroll bar, where it needs one."""
        width, height = self.width(), self.height()
        if self._page.heightForWidth(width) > height:
            width -= self.verticalScrollBar().sizeHint().width()
        self._page.resize(width, max(self._page.heightForWidth(width), height))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _WALKS:
            event.ignore()
        else:
            super().keyPressEvent(event)


class InspectorPanel(QWidget):
    """Shows one token of a run.

    walked(round, index): the person went to another token with the keys. closed: they are done.
    """

    walked = Signal(int, int)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._shown: Inspection | None = None
        self._known = (0, False)
        self._seen: set[tuple[int, int]] = set()
        self.page = InspectorPage(HINT)
        self._animation = QVariantAnimation(self)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.setDuration(DURATION_MS)
        self._animation.valueChanged.connect(self._advance)
        self._animation.finished.connect(self._stop_watching)
        self.setAccessibleName(TITLE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.scroll_area = _Scroll(self.page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._make_bar())
        layout.addWidget(self.scroll_area, 1)
        theme.notifier().changed.connect(self._dress)
        self._dress()
        self._tell()

    # What is shown

    @property
    def place(self) -> tuple[int, int] | None:
        """Round and index of the shown token."""
        return (self._shown.round, self._shown.index) if self._shown is not None else None

    @property
    def shown(self) -> Inspection | None:
        """The shown token."""
        return self._shown

    @property
    def run(self) -> Run | None:
        return self._run

    def show_token(self, run: Run | None, round_index: int = -1, index: int = -1) -> None:
        """Show a token: index < γ_r was drafted, γ_r the target added. Where there is none, say
        what to do. A token that was not shown before is told as a short story."""
        if run is not self._run:
            self._run = run
            self._seen.clear()
        before = self.place
        self._shown = inspect(run, round_index, index) if run is not None else None
        if self.place != before:
            self.scroll_area.verticalScrollBar().setValue(0)
        self._tell()
        fresh = self.place is not None and self.place not in self._seen
        if self.place is not None:
            self._seen.add(self.place)
        if fresh and self.isVisible() and not motion.reduced():
            self._begin()
        else:
            self.finish_animation()

    def refresh(self) -> None:
        """The run has gained: the verdict of the shown round may have come."""
        if self._run is None or self._shown is None:
            return
        if self._state_of_round() != self._known:
            self._shown = inspect(self._run, self._shown.round, self._shown.index)
            self._tell()

    def add_footer(self, footer: QWidget) -> None:
        """Show a widget below the pictures."""
        self.page.add_footer(footer)

    def _state_of_round(self) -> tuple[int, bool]:
        """What of the shown round can still change."""
        assert self._run is not None
        assert self._shown is not None
        current = self._run.rounds[self._shown.round]
        return len(current.drafted), current.verified is not None

    def _tell(self) -> None:
        shown = self._shown
        if shown is not None and self._run is not None:
            self._known = self._state_of_round()
            self.where.setText(words.place(self._run, shown))
        else:
            self.where.setText("")
        self.page.show_token(self._run, shown)
        self.where.setVisible(shown is not None)
        self.copy.setEnabled(shown is not None)
        self.copy.setText("Copy as")
        self._arrange(self.width())
        self.setAccessibleDescription(self.page.header.spoken())

    # The bar

    def _make_bar(self) -> QFrame:
        bar = QFrame()
        bar.setProperty("kind", "bar")
        bar.setFixedHeight(BAR)
        self.title = QLabel(TITLE)
        self.title.setProperty("role", "title")
        self.where = muted("")
        self.hint = muted(HINT)
        self.copy = QToolButton()
        self.copy.setProperty("kind", "flat")
        self.copy.setText("Copy as")
        self.copy.setToolTip("Copy this token's numbers")
        self.copy.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.copy)
        self.menu.addAction("Text", self.copy_text)
        self.menu.addAction("Markdown table", self.copy_markdown)
        self.menu.addAction("PNG", self.copy_picture)
        self.copy.setMenu(self.menu)
        self.close_button = QToolButton()
        self.close_button.setProperty("kind", "flat")
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.setToolTip("Close the inspector (Esc)")
        self.close_button.setAccessibleName("Close the inspector")
        self.close_button.clicked.connect(self.closed)
        for button in (self.copy, self.close_button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.installEventFilter(self)
            button.setFixedHeight(32)
        titles = QWidget()
        self._titles = QBoxLayout(QBoxLayout.Direction.LeftToRight, titles)
        self._titles.setContentsMargins(0, 0, 0, 0)
        self._titles.addWidget(self.title)
        self._titles.addWidget(self.where)
        middle = Qt.AlignmentFlag.AlignVCenter
        row = QHBoxLayout(bar)
        row.setContentsMargins(16, 0, 8, 0)
        row.setSpacing(8)
        row.addWidget(titles, 0, middle)
        row.addStretch(1)
        row.addWidget(self.hint, 0, middle)
        row.addWidget(self.copy, 0, middle)
        row.addWidget(self.close_button, 0, middle)
        return bar

    def _arrange(self, width: int) -> None:
        """The place beside the title, or below it where the panel is narrow."""
        wide = width >= TWO_COLUMNS
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        self._titles.setDirection(direction)
        self._titles.setSpacing(10 if wide else 0)
        self.hint.setVisible(wide and self._shown is not None)

    def _dress(self) -> None:
        now = theme.theme()
        self.close_button.setIcon(assets.icon("close", now.muted))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(event.size().width())

    def sizeHint(self) -> QSize:
        return QSize(390, 840)

    # Walking

    def walk(self, by: int) -> None:
        """Go on by that many tokens, over the borders of rounds."""
        if self._run is None or self._shown is None:
            return
        number, index = self._shown.round, self._shown.index
        step = 1 if by > 0 else -1
        for _ in range(abs(by)):
            index += step
            while index not in places(self._run, number):
                number += step
                if not 0 <= number < len(self._run.rounds):
                    return
                index = 0 if step > 0 else len(places(self._run, number)) - 1
        self._go(number, index)

    def walk_rounds(self, by: int) -> None:
        """Go to the same position of another round, or its last token; from an added token to the
        added token."""
        if self._run is None or self._shown is None:
            return
        added = self._shown.index == len(self._run.rounds[self._shown.round].drafted)
        number = self._shown.round + by
        while 0 <= number < len(self._run.rounds):
            here = places(self._run, number)
            if here:
                last = len(here) - 1
                self._go(number, last if added else min(self._shown.index, last))
                return
            number += 1 if by > 0 else -1

    def walk_to_end(self, last: bool) -> None:
        """Go to the first or the last token of the run."""
        if self._run is None:
            return
        numbers = range(len(self._run.rounds))
        for number in reversed(numbers) if last else numbers:
            here = places(self._run, number)
            if here:
                self._go(number, here[-1] if last else 0)
                return

    def _go(self, number: int, index: int) -> None:
        if (number, index) == self.place:
            return
        self.show_token(self._run, number, index)
        self.walked.emit(number, index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = _Key(event.key())
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_text()
        elif event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
        elif key == _Key.Key_Escape:
            self.closed.emit()
        elif key in (_Key.Key_Left, _Key.Key_Right):
            self.walk(1 if key == _Key.Key_Right else -1)
        elif key in (_Key.Key_Up, _Key.Key_Down):
            self.walk_rounds(1 if key == _Key.Key_Down else -1)
        elif key in (_Key.Key_Home, _Key.Key_End):
            self.walk_to_end(key == _Key.Key_End)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # The panel's own keys come before the window's shortcuts while the focus is in it.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            own = event.key() in (*_WALKS, _Key.Key_Escape)
            if (plain and own) or event.matches(QKeySequence.StandardKey.Copy):
                event.accept()
                return True
        return super().event(event)

    # Copies: only when the person asks

    def copy_text(self) -> None:
        """Put the token's numbers on the clipboard as text."""
        if self._run is not None and self._shown is not None:
            QGuiApplication.clipboard().setText(as_text(self._run, self._shown))
            self.copy.setText("Copied")

    def copy_markdown(self) -> None:
        """The same as Markdown."""
        if self._run is not None and self._shown is not None:
            QGuiApplication.clipboard().setText(as_markdown(self._run, self._shown))
            self.copy.setText("Copied")

    def copy_picture(self) -> None:
        """The pictures, two device pixels a pixel."""
        if self._shown is not None:
            QGuiApplication.clipboard().setImage(self.picture())
            self.copy.setText("Copied")

    def picture(self, scale: float = PICTURE_SCALE) -> QImage:
        """The panel's pictures with its title, without buttons and footers."""
        self.finish_animation()
        return self.page.picture(TITLE, self.where.text(), scale)

    # The animation

    def _begin(self) -> None:
        self._animation.stop()
        self.page.set_progress(0.0)
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)
        self._animation.start()

    def _advance(self, value: float) -> None:
        self.page.set_progress(value)

    def finish_animation(self) -> None:
        """Show the end of the story."""
        self._animation.stop()
        self._stop_watching()
        self.page.set_progress(1.0)

    @property
    def animating(self) -> bool:
        return self._animation.state() == QVariantAnimation.State.Running

    def _stop_watching(self) -> None:
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Any input ends the story at once, and does besides what it does.
        if event.type() in _INPUTS and self.animating:
            self.finish_animation()
        of_bar = watched in (self.copy, self.close_button)
        if of_bar and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            # Arrows would move the focus from button to button.
            plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if plain and event.key() in (*_WALKS, _Key.Key_Escape):
                self.keyPressEvent(event)
                return True
        return super().eventFilter(watched, event)
