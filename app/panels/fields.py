"""The parts that setup sections are made of: captions, rows, sliders with a value, explanations."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import (
    QFontMetrics,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme

LABEL_WIDTH = 78
ROW_GAP = 8


def caption(text: str) -> QLabel:
    """The heading of a section."""
    label = QLabel(text.upper())
    label.setProperty("role", "caption")
    label.setFont(theme.font(theme.CAPTION))
    label.setAccessibleName(text)
    return label


def muted(text: str = "", *, wrap: bool = False) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "muted")
    label.setWordWrap(wrap)
    return label


def set_role(label: QLabel, role: str) -> None:
    """Give a label another look of the style sheet."""
    if label.property("role") != role:
        label.setProperty("role", role)
        label.style().unpolish(label)
        label.style().polish(label)


class Problem(QLabel):
    """One sentence about what is wrong with the field above; hidden while all is well."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setProperty("role", "bad")
        self.setFont(theme.font(theme.SMALL))
        self.hide()

    def show_problem(self, text: str) -> None:
        self.setText(text)
        self.setVisible(bool(text))


class ElidedLabel(QLabel):
    """A label that gives up the end of its text when it is too narrow; the tooltip has it all."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(24)
        self.setText(text)

    def setText(self, text: str) -> None:
        if text != self.text():
            super().setText(text)
            self.setAccessibleName(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        area = self.contentsRect()
        shown = QFontMetrics(self.font()).elidedText(
            self.text(), Qt.TextElideMode.ElideRight, area.width()
        )
        tip = self.text() if shown != self.text() else ""
        if tip != self.toolTip():
            self.setToolTip(tip)
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        painter.drawText(area, int(self.alignment()), shown)


def row(label: QWidget, *widgets: QWidget) -> QHBoxLayout:
    """A label of the common width and what it names."""
    layout = QHBoxLayout()
    layout.setSpacing(ROW_GAP)
    label.setFixedWidth(LABEL_WIDTH)
    layout.addWidget(label)
    for i, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if i == 0 else 0)
    widgets[0].setMinimumWidth(72)  # the panel's width rules, not the widest choice
    return layout


def spin(low: int, high: int, tip: str, special: str = "") -> QSpinBox:
    """A number that is told of once it is typed in full. special: what the lowest reads."""
    box = QSpinBox()
    box.setRange(low, high)
    box.setSpecialValueText(special)
    box.setToolTip(tip)
    box.setAccelerated(True)
    box.setKeyboardTracking(False)
    box.lineEdit().setTextMargins(9, 0, 0, 0)  # the style sheet's padding does not reach the text
    return box


def named(text: str, buddy: QWidget, name: str = "") -> QLabel:
    """A label that gives `buddy` its spoken name. Alt and the letter after the & move the focus
    there: the tooltip says so, where underlined letters in every label would be noise."""
    before, _, after = text.partition("&")
    label = QLabel(before + after)
    label.setBuddy(buddy)
    buddy.setAccessibleName(name or label.text())
    if after:
        give_key(buddy, after[0])
    return label


def give_key(widget: QWidget, letter: str) -> None:
    """Alt and this letter move the focus to `widget`."""
    keys = QKeySequence(f"Alt+{letter.upper()}")
    shortcut = QShortcut(keys, widget)
    shortcut.activated.connect(lambda: widget.setFocus(Qt.FocusReason.ShortcutFocusReason))
    shown = keys.toString(QKeySequence.SequenceFormat.NativeText)
    widget.setToolTip(f"{widget.toolTip()}  ({shown})".strip())


class MenuButton(QPushButton):
    """A quiet button with a small arrow, at the right end of a section's heading."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.icon_name = "chevron-down"
        self.setProperty("kind", "flat")
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the icon behind the text
        self.setIconSize(QSize(12, 12))
        self.setFixedHeight(22)
        self.setAccessibleName(text)
        theme.notifier().changed.connect(self._restyle)
        self._restyle()

    def set_icon(self, name: str) -> None:
        self.icon_name = name
        self._restyle()

    def _restyle(self) -> None:
        self.setIcon(assets.icon(self.icon_name, theme.theme().muted))


class Explanation(QToolButton):
    """A small "?" that explains what is chosen beside it."""

    def __init__(self, name: str, text: Callable[[], str]) -> None:
        super().__init__()
        self._text = text
        self._popover: Popover | None = None
        self.setText("?")
        self.setProperty("kind", "flat")
        self.setStyleSheet("QToolButton { padding: 0; min-height: 0; }")
        self.setFixedSize(20, 24)
        self.setAccessibleName(f"Explain the {name}")
        self.setToolTip(f"Explain the {name}")
        self.clicked.connect(self.explain)

    def explain(self) -> None:
        popover = self._popover = Popover(self._text(), self)
        popover.show_below(self)


class Popover(QFrame):
    """A paragraph in a small frame that goes away at the next click or key."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("kind", "card")
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.RichText)
        label.setWordWrap(True)
        label.setFixedWidth(320)
        label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.addWidget(label)
        self.setAccessibleName(text)

    def show_below(self, widget: QWidget) -> None:
        self.adjustSize()
        at = widget.mapToGlobal(QPoint(0, widget.height() + 4))
        area = widget.screen().availableGeometry()
        at.setX(max(area.left() + 4, min(at.x(), area.right() - self.width() - 4)))
        if at.y() + self.height() > area.bottom():
            at.setY(widget.mapToGlobal(QPoint(0, 0)).y() - self.height() - 4)
        self.move(at)
        self.show()
