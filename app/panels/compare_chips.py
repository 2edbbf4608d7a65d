"""The row of compared runs: each a button with a menu, and one that takes it away."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QToolButton,
    QWidget,
)

from app import assets, theme
from app.comparison import Member
from app.comparison_words import letter
from app.views import format as fmt
from app.views.run_inks import BADGE, MOST, ink, paint_badge

HEIGHT, WIDEST, LEAST = 48, 264, 104
CROSS = 28


class RunChip(QPushButton):
    """One run. Its menu makes it the reference, replays it, takes it away; so does Delete."""

    reference_wanted = Signal()
    replay_wanted = Signal()
    removed = Signal()

    def __init__(self, place: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._place = place
        self._name = self._detail = ""
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(LEAST)
        self.setMaximumWidth(WIDEST)
        menu = QMenu(self)
        self.make_reference = menu.addAction("Make it the reference", self.reference_wanted.emit)
        menu.addAction("Replay", self.replay_wanted.emit)
        menu.addSeparator()
        menu.addAction("Remove", self.removed.emit)
        self.setMenu(menu)
        self.cross = QToolButton(self)
        self.cross.setProperty("kind", "transport")
        self.cross.setFixedSize(CROSS, CROSS)
        self.cross.setIconSize(QSize(16, 16))
        self.cross.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Delete does the same
        self.cross.clicked.connect(self.removed)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

    def show_member(self, member: Member, reference: bool) -> None:
        self._name = member.name
        tokens = fmt.count(member.run.tally.tokens, "token")
        self._detail = f"reference · {tokens}" if reference else tokens
        self.make_reference.setEnabled(not reference)
        said = f"{letter(self._place)}: {member.name}"
        self.setAccessibleName(said)
        self.setAccessibleDescription(self._detail)
        prompt = " ".join(member.run.started.prompt.split())
        file = member.path.name if member.path is not None else ""
        shown = prompt if len(prompt) <= 80 else prompt[:79].rstrip() + "…"
        self.setToolTip("\n".join(filter(None, (said, self._detail, file, shown))))
        self.cross.setAccessibleName(f"Remove {said}")
        self.cross.setToolTip("Remove (Del)")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(WIDEST, HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.cross.move(self.width() - CROSS - 6, (HEIGHT - CROSS) // 2)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButtonBevel, option)
        middle = self.height() / 2
        box = QRectF(12, middle - BADGE / 2, BADGE, BADGE)
        paint_badge(painter, ink(now, self._place), self._place, box)
        left, right = 12 + BADGE + 10, self.width() - CROSS - 30
        lines = (
            (theme.HEADING, self._name, 21, now.text),
            (theme.SMALL, self._detail, 37, now.muted),
        )
        for style, text, base, colour in lines:
            font = theme.font(style)
            painter.setFont(font)
            painter.setPen(colour)
            shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, right - left)
            painter.drawText(QPoint(left, base), shown)
        chevron = assets.pixmap("chevron-down", now.muted, 12, self.devicePixelRatioF())
        painter.drawPixmap(QPoint(self.width() - CROSS - 22, self.height() // 2 - 6), chevron)

    def _restyle(self) -> None:
        self.cross.setIcon(assets.icon("close", theme.theme().muted))
        self.update()


class RunChips(QWidget):
    """reference_wanted, replay_wanted, removed(place): what the person wants of a run."""

    reference_wanted = Signal(int)
    replay_wanted = Signal(int)
    removed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 0)
        layout.setSpacing(8)
        # All at once: the Tab key goes through widgets in the order of their making.
        self.chips = [RunChip(place) for place in range(MOST)]
        for place, chip in enumerate(self.chips):
            layout.addWidget(chip, 1)
            chip.hide()
            chip.reference_wanted.connect(lambda i=place: self.reference_wanted.emit(i))
            chip.replay_wanted.connect(lambda i=place: self.replay_wanted.emit(i))
            chip.removed.connect(lambda i=place: self.removed.emit(i))
        layout.addStretch(0)

    def show_members(self, members: Sequence[Member], reference: int) -> None:
        for place, chip in enumerate(self.chips):
            if place < len(members):
                chip.show_member(members[place], place == reference)
            chip.setVisible(place < len(members))
