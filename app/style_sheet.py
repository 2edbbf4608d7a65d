"""The application's one style sheet, written from the theme's colours.

Widgets choose a variant with a dynamic property: `kind` on buttons ("primary", "flat", "pill"),
sliders ("plain") and frames ("card", "bar"); `role` on labels ("title", "heading", "small",
"muted", "caption", "badge", "good", "warn", "bad").
"""

from __future__ import annotations

from string import Template

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QAbstractSpinBox, QLineEdit

from app.assets import tinted_file
from app.theme import Theme, blend, text_on, with_alpha

_SHEET = Template("""
QWidget { color: $text; }
QMainWindow, QDialog { background: $panel; }
QToolTip { background: $surface; color: $text; border: 1px solid $edge; padding: 8px 10px; }

QLabel { background: transparent; }
QLabel[role="title"] { font-size: 16px; font-weight: 700; }
QLabel[role="heading"] { font-weight: 700; }
QLabel[role="small"] { font-size: 12px; }
QLabel[role="muted"] { font-size: 12px; color: $muted; }
QLabel[role="caption"] { font-size: 11px; font-weight: 700; color: $muted; }
QLabel[role="badge"] {
  font-size: 11px; font-weight: 600; color: $good_text; background: $good_tint;
  border-radius: 10px; padding: 3px 10px;
}
QLabel[role="good"] { color: $good_text; }
QLabel[role="warn"] { color: $warn_text; }
QLabel[role="bad"] { color: $target_text; }
QFrame[kind="card"] { background: $surface; border: 1px solid $line; border-radius: 8px; }
QFrame[kind="bar"] { background: $panel; border: none; border-bottom: 1px solid $line; }

QLineEdit, QPlainTextEdit, QTextEdit, QComboBox, QAbstractSpinBox {
  background: $surface; border: 1px solid $line; border-radius: 6px;
  selection-background-color: $selection; selection-color: $text;
}
QLineEdit, QComboBox, QAbstractSpinBox { min-height: 20px; padding: 4px 10px; }
QPlainTextEdit, QTextEdit { padding: 6px 8px; }
QLineEdit:hover, QPlainTextEdit:hover, QTextEdit:hover, QComboBox:hover, QAbstractSpinBox:hover {
  border-color: $edge;
}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus, QAbstractSpinBox:focus {
  border: 2px solid $accent;
}
QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus { padding: 3px 9px; }
QPlainTextEdit:focus, QTextEdit:focus { padding: 5px 7px; }
QLineEdit:disabled, QPlainTextEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled {
  color: $faded; background: $panel;
}
QComboBox { padding-right: 26px; }
QComboBox:focus { padding-right: 25px; }
QComboBox::drop-down {
  subcontrol-origin: border; subcontrol-position: center right; width: 28px; border: none;
}
QComboBox::down-arrow { image: url($chevron); width: 12px; height: 12px; }
QComboBox::down-arrow:disabled { image: url($chevron_faded); }
QComboBox QAbstractItemView {
  background: $surface; border: 1px solid $edge; padding: 4px; outline: none;
  selection-background-color: $hover; selection-color: $text;
}
QComboBox QAbstractItemView::item { min-height: 28px; padding: 0 8px; border-radius: 4px; }
QAbstractSpinBox { padding-right: 22px; }
QAbstractSpinBox:focus { padding-right: 21px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {
  subcontrol-origin: border; width: 22px; border: none; background: transparent;
}
QAbstractSpinBox::up-button { subcontrol-position: top right; margin: 3px 3px 0 0; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; margin: 0 3px 3px 0; }
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover {
  background: $hover; border-radius: 3px;
}
QAbstractSpinBox::up-arrow { image: url($chevron_up); width: 9px; height: 9px; }
QAbstractSpinBox::down-arrow { image: url($chevron); width: 9px; height: 9px; }

QPushButton, QToolButton {
  background: $surface; border: 1px solid $line; border-radius: 6px;
  min-height: 20px; padding: 5px 14px;
}
QToolButton { padding: 5px 9px; }
QPushButton:hover, QToolButton:hover { background: $hover; border-color: $edge; }
QPushButton:pressed, QToolButton:pressed, QToolButton:checked, QPushButton:checked {
  background: $pressed;
}
QPushButton:focus, QToolButton:focus { border: 2px solid $accent; padding: 4px 13px; }
QToolButton:focus { padding: 4px 8px; }
QPushButton:disabled, QToolButton:disabled { color: $faded; background: $panel; }
QPushButton[kind="primary"], QToolButton[kind="primary"] {
  background: $primary; color: $on_primary; border: 1px solid $primary;
  font-weight: 600; padding: 5px 18px;
}
QPushButton[kind="primary"]:hover, QToolButton[kind="primary"]:hover {
  background: $primary_hover; border-color: $primary_hover;
}
QPushButton[kind="primary"]:focus, QToolButton[kind="primary"]:focus {
  border: 2px solid $accent; padding: 4px 17px;
}
QPushButton[kind="primary"]:disabled, QToolButton[kind="primary"]:disabled {
  background: $pressed; border-color: $pressed; color: $muted;
}
QPushButton[kind="flat"], QToolButton[kind="flat"] {
  background: transparent; border: 1px solid transparent; padding: 5px 8px;
}
QPushButton[kind="flat"]:hover, QToolButton[kind="flat"]:hover { background: $hover; }
QPushButton[kind="flat"]:checked, QToolButton[kind="flat"]:checked { background: $pressed; }
QPushButton[kind="flat"]:focus, QToolButton[kind="flat"]:focus {
  border: 2px solid $accent; padding: 4px 7px;
}
QToolButton[kind="transport"] {
  background: transparent; border: 1px solid transparent; min-height: 16px; padding: 3px 4px;
}
QToolButton[kind="transport"]:hover { background: $hover; }
QToolButton[kind="transport"]:pressed { background: $pressed; }
QToolButton[kind="transport"]:focus { border: 2px solid $accent; padding: 2px 3px; }
QPushButton[kind="pill"] {
  background: $text; color: $window; border: none; border-radius: 14px;
  min-height: 20px; padding: 4px 14px; font-size: 12px; font-weight: 600;
}
QPushButton[kind="pill"]:hover { background: $accent_strong; color: $on_accent; }
QToolButton::menu-indicator, QPushButton::menu-indicator { image: none; }

QCheckBox, QRadioButton { spacing: 8px; background: transparent; min-height: 20px; }
QCheckBox::indicator, QRadioButton::indicator {
  width: 14px; height: 14px; background: $surface; border: 1px solid $control;
}
QCheckBox::indicator { border-radius: 4px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:checked { background: $primary; border-color: $primary; image: url($check); }
QRadioButton::indicator:checked { border: 5px solid $primary; width: 6px; height: 6px; }
QCheckBox::indicator:focus, QRadioButton::indicator:unchecked:focus {
  border: 2px solid $accent; width: 12px; height: 12px;
}
QCheckBox:focus, QRadioButton:focus { outline: none; }

QSlider { min-height: 20px; background: transparent; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $groove; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $accent; }
QSlider::sub-page:horizontal:disabled { background: $groove; }
QSlider::handle:horizontal {
  width: 12px; height: 12px; margin: -6px 0; border-radius: 8px;
  background: $surface; border: 2px solid $accent;
}
QSlider::handle:horizontal:hover { background: $accent_tint; }
QSlider::handle:horizontal:focus { background: $accent; }
QSlider::handle:horizontal:disabled { border-color: $control; }
QSlider[kind="plain"]::groove:horizontal { height: 3px; border-radius: 1px; }
QSlider[kind="plain"]::sub-page:horizontal { background: $groove; height: 3px; }
QSlider[kind="plain"]::handle:horizontal { background: $text; border-color: $text; margin: -7px 0; }
QSlider[kind="plain"]::handle:horizontal:focus { border-color: $accent; }

QProgressBar {
  background: $groove; border: none; border-radius: 3px; max-height: 6px; min-height: 6px;
  color: transparent;
}
QProgressBar::chunk { background: $accent; border-radius: 3px; }

QToolBar { background: $panel; border: none; border-bottom: 1px solid $line; spacing: 8px; }
QToolBar { padding: 8px 16px; }
QToolBar::separator { background: $line; width: 1px; margin: 4px 8px; }
QDockWidget { color: $text; font-weight: 700; titlebar-close-icon: none; }
QDockWidget::title { background: $panel; padding: 8px 16px; border: none; text-align: left; }
QMainWindow::separator { background: $line; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: $accent; }
QSplitter::handle { background: $line; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }
QSplitter::handle:hover { background: $accent; }
QStatusBar { background: $panel; border-top: 1px solid $line; min-height: 31px; }
QStatusBar::item { border: none; }
QStatusBar QLabel { padding: 0 8px; }

QMenuBar { background: $panel; border-bottom: 1px solid $line; }
QMenuBar::item { padding: 5px 10px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $surface; border: 1px solid $edge; padding: 5px; }
QMenu::item { padding: 6px 28px 6px 12px; border-radius: 4px; }
QMenu::item:selected { background: $hover; }
QMenu::item:disabled { color: $faded; }
QMenu::separator { height: 1px; background: $line; margin: 5px 8px; }
QMenu::indicator { width: 14px; height: 14px; left: 6px; }

QScrollArea { background: transparent; border: none; }
QScrollBar { background: transparent; border: none; }
QScrollBar:vertical { width: 12px; }
QScrollBar:horizontal { height: 12px; }
QScrollBar::handle { background: $thumb; border-radius: 3px; border: none; }
QScrollBar::handle:hover, QScrollBar::handle:pressed { background: $control; }
QScrollBar::handle:vertical { min-height: 32px; margin: 3px; }
QScrollBar::handle:horizontal { min-width: 32px; margin: 3px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QTabWidget::pane { border: none; border-top: 1px solid $line; }
QTabBar { background: transparent; }
QTabBar::tab {
  background: transparent; color: $muted; border: none; padding: 7px 12px;
  border-bottom: 2px solid transparent;
}
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; font-weight: 600; }
QTabBar::tab:focus { background: $hover; }

QAbstractItemView {
  background: $surface; alternate-background-color: $panel; border: 1px solid $line;
  border-radius: 6px; outline: none; gridline-color: $line;
  selection-background-color: $selection; selection-color: $text;
}
QAbstractItemView:focus { border-color: $accent; }
QHeaderView { background: $panel; border: none; }
QHeaderView::section {
  background: $panel; color: $muted; border: none; border-bottom: 1px solid $line;
  padding: 6px 10px; font-size: 12px; font-weight: 600;
}
QTableCornerButton::section { background: $panel; border: none; }
QGroupBox { border: 1px solid $line; border-radius: 8px; margin-top: 10px; padding: 12px; }
QGroupBox::title { subcontrol-origin: margin; left: 12px; padding: 0 4px; color: $muted; }

TokenView { background: $surface; border: 1px solid $line; border-radius: 8px; padding: 3px; }
TokenView:focus { border-color: $accent; }
""")


def pad_spin_box(box: QAbstractSpinBox) -> None:
    """Indent a spin box's text as in the other inputs: there, Qt ignores the left padding."""
    edit = box.findChild(QLineEdit)
    if edit is not None:
        edit.setTextMargins(8, 0, 0, 0)


def _rgba(colour: QColor) -> str:
    return f"rgba({colour.red()}, {colour.green()}, {colour.blue()}, {colour.alpha()})"


def style_sheet(theme: Theme) -> str:
    """The style sheet of one theme."""
    # Borders of things that one can click need 3:1; hairlines that only divide do not.
    control = blend(with_alpha(theme.muted, 0.75), theme.surface)
    opaque = {
        "text": theme.text,
        "muted": theme.muted,
        "window": theme.window,
        "panel": theme.panel,
        "surface": theme.surface,
        "line": theme.line,
        "edge": blend(with_alpha(theme.muted, 0.4), theme.surface),
        "control": control,
        "thumb": blend(with_alpha(theme.muted, 0.35), theme.surface),
        "faded": blend(with_alpha(theme.muted, 0.6), theme.panel),
        "hover": theme.hover,
        "pressed": theme.pressed,
        "accent": theme.accent,
        "accent_strong": theme.draft_text,
        "on_accent": text_on(theme.draft_text),
        "groove": theme.line if not theme.dark else theme.pressed,
        "primary": theme.primary,
        "primary_hover": theme.primary_hover,
        "on_primary": text_on(theme.primary),
        "good_text": theme.good_text,
        "warn_text": theme.warn_text,
        "target_text": theme.target_text,
        "selection": blend(with_alpha(theme.accent, 0.25), theme.surface),
    }
    names = {name: colour.name() for name, colour in opaque.items()}
    names["good_tint"] = _rgba(with_alpha(theme.good, 0.15))
    names["accent_tint"] = blend(with_alpha(theme.accent, 0.2), theme.surface).name()
    names["chevron"] = tinted_file("chevron-down", theme.muted.name())
    names["chevron_faded"] = tinted_file("chevron-down", names["faded"])
    names["chevron_up"] = tinted_file("chevron-up", theme.muted.name())
    names["check"] = tinted_file("check", names["on_primary"])
    return _SHEET.substitute(names)


def qt_palette(current: Theme) -> QPalette:
    """The Qt palette of a theme, for what the style sheet does not reach."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette(current.panel)
    colours = {
        role.Window: current.panel,
        role.WindowText: current.text,
        role.Base: current.surface,
        role.AlternateBase: current.panel,
        role.Text: current.text,
        role.PlaceholderText: current.muted,
        role.Button: current.panel,
        role.ButtonText: current.text,
        role.BrightText: current.target_text,
        role.ToolTipBase: current.surface,
        role.ToolTipText: current.text,
        role.Highlight: blend(with_alpha(current.accent, 0.25), current.surface),
        role.HighlightedText: current.text,
        role.Link: current.draft_text,
        role.LinkVisited: current.draft_text,
        role.Accent: current.accent,
        role.Mid: current.line,
        role.Midlight: current.hover,
        role.Dark: current.line,
        role.Light: current.surface,
    }
    for name, colour in colours.items():
        palette.setColor(name, colour)
    faded = blend(with_alpha(current.muted, 0.6), current.panel)
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(group.Disabled, name, faded)
    return palette
