"""Colours, fonts and spacing: the one place where the look is decided.

Views ask `theme()` for the current `Theme` when they paint and repaint on `notifier().changed`.
`install` once at start; `set_scheme` and `set_palette` afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication
from PySide6.QtWidgets import QApplication

from app import assets
from app.palettes import HUES, NEUTRALS, PaletteName, Scheme
from engine.trace import TokenState

GRID = 8
"""All spacing is a multiple of half of this, in device independent pixels."""

SchemeChoice = Literal["system", "light", "dark"]

FILL = 0.22
"""Opacity of a chip's fill over what lies behind it."""
TINT = 0.06
"""Opacity of the tint of the three boxes."""


class TypeStyle(NamedTuple):
    """One step of the type scale; size in pixels."""

    size: int
    weight: QFont.Weight = QFont.Weight.Normal
    caps: bool = False


TITLE = TypeStyle(16, QFont.Weight.Bold)
HEADING = TypeStyle(13, QFont.Weight.Bold)
BODY = TypeStyle(13)
SMALL = TypeStyle(12)
CAPTION = TypeStyle(11, QFont.Weight.Bold, caps=True)
FIGURE = TypeStyle(20, QFont.Weight.Bold)


@dataclass(frozen=True)
class StateStyle:
    """How a token of one state looks. Colour never stands alone: glyph, strike or outline too."""

    fill: QColor
    line: QColor
    text: QColor
    glyph: str
    strike: bool = False
    width: float = 1.1
    """Of the outline, in pixels."""
    word: str = ""


@dataclass(frozen=True)
class Theme:
    scheme: Scheme
    window: QColor  # behind the centre column
    panel: QColor  # docks, toolbar, status bar
    surface: QColor  # cards, inputs
    line: QColor  # hairlines and borders
    text: QColor
    muted: QColor  # secondary text, still at least 4.5:1
    accent: QColor
    draft: QColor
    target: QColor
    good: QColor
    warn: QColor
    draft_text: QColor  # the same hues, dark or light enough for text
    target_text: QColor
    good_text: QColor
    warn_text: QColor
    states: dict[TokenState, StateStyle]
    hover: QColor  # behind a button or row under the pointer
    pressed: QColor
    host: QColor  # time that is neither draft nor target; discarded tokens
    primary: QColor  # the one coloured button; its text is white
    primary_hover: QColor
    palette: PaletteName = "standard"

    @property
    def dark(self) -> bool:
        return self.scheme == "dark"

    def tint(self, hue: QColor, alpha: float = TINT) -> QColor:
        """`hue`, translucent."""
        return with_alpha(hue, alpha)


def with_alpha(colour: QColor, alpha: float) -> QColor:
    """A translucent copy of `colour`."""
    result = QColor(colour)
    result.setAlphaF(alpha)
    return result


def blend(over: QColor, under: QColor) -> QColor:
    """What the eye sees where a translucent colour lies over an opaque one."""
    alpha = over.alphaF()
    return QColor.fromRgbF(
        over.redF() * alpha + under.redF() * (1 - alpha),
        over.greenF() * alpha + under.greenF() * (1 - alpha),
        over.blueF() * alpha + under.blueF() * (1 - alpha),
    )


def contrast(first: QColor, second: QColor) -> float:
    """Contrast ratio of two opaque colours as WCAG 2 defines it, 1 to 21."""

    def luminance(colour: QColor) -> float:
        parts = (colour.redF(), colour.greenF(), colour.blueF())
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def text_on(background: QColor) -> QColor:
    """White or near-black, whichever reads better on an opaque background."""
    white, black = QColor("#ffffff"), QColor("#10141a")
    return white if contrast(white, background) >= contrast(black, background) else black


@lru_cache(maxsize=8)
def make_theme(scheme: Scheme, palette: PaletteName = "standard") -> Theme:
    """Build the theme of one scheme and palette."""
    n, h = NEUTRALS[scheme], HUES[palette, scheme]

    def state(
        hue: tuple[str, str],
        glyph: str,
        word: str,
        strike: bool = False,
        fill: float = FILL,
        width: float = 1.1,
    ) -> StateStyle:
        line = QColor(hue[0])
        return StateStyle(with_alpha(line, fill), line, QColor(hue[1]), glyph, strike, width, word)

    states = {
        TokenState.PENDING: state(h.draft, "…", "drafted"),
        TokenState.ACCEPTED: state(h.good, "✓", "accepted"),
        TokenState.REJECTED: state(h.target, "✗", "rejected", strike=True),
        TokenState.DISCARDED: state(h.grey, "·", "discarded"),
        TokenState.RESAMPLED: state(h.warn, "↻", "resampled", width=1.8),
        TokenState.BONUS: state(h.warn, "+", "bonus", fill=0.04, width=1.8),
    }
    return Theme(
        scheme=scheme,
        window=QColor(n.window),
        panel=QColor(n.panel),
        surface=QColor(n.surface),
        line=QColor(n.line),
        text=QColor(n.text),
        muted=QColor(n.muted),
        accent=QColor(h.draft[0]),
        draft=QColor(h.draft[0]),
        target=QColor(h.target[0]),
        good=QColor(h.good[0]),
        warn=QColor(h.warn[0]),
        draft_text=QColor(h.draft[1]),
        target_text=QColor(h.target[1]),
        good_text=QColor(h.good[1]),
        warn_text=QColor(h.warn[1]),
        states=states,
        hover=QColor(n.hover),
        pressed=QColor(n.pressed),
        host=QColor(h.grey[0]),
        primary=QColor(h.primary[0]),
        primary_hover=QColor(h.primary[1]),
        palette=palette,
    )


class Notifier(QObject):
    """Tells every view that the theme changed."""

    changed = Signal()


class _Choice:
    """What the person chose, and the theme that follows from it."""

    def __init__(self) -> None:
        self.scheme: SchemeChoice = "system"
        self.palette: PaletteName = "standard"
        self.current = make_theme("light")
        self.notifier: Notifier | None = None
        self.installed = False


_choice = _Choice()


def theme() -> Theme:
    """The current theme."""
    return _choice.current


def notifier() -> Notifier:
    if _choice.notifier is None:
        _choice.notifier = Notifier()
    return _choice.notifier


def scheme_choice() -> SchemeChoice:
    return _choice.scheme


def palette_name() -> PaletteName:
    return _choice.palette


def install(application: QApplication) -> None:
    """Fonts, Fusion style, palette and style sheet; follows the system scheme from now on."""
    assets.load_fonts()
    application.setStyle("Fusion")
    application.setFont(font(BODY))
    if not _choice.installed:
        application.styleHints().colorSchemeChanged.connect(_update)
    _choice.installed = True
    _choice.current = _resolve()
    _dress(application, _choice.current)


def set_scheme(choice: SchemeChoice) -> None:
    """Follow the system, or stay light or dark."""
    _choice.scheme = choice
    if _choice.installed:
        hints = QGuiApplication.styleHints()
        # Title bars and native dialogs follow this, not the palette.
        match choice:
            case "system":
                hints.unsetColorScheme()
            case "light":
                hints.setColorScheme(Qt.ColorScheme.Light)
            case "dark":
                hints.setColorScheme(Qt.ColorScheme.Dark)
    _update()


def set_palette(name: PaletteName) -> None:
    """The standard hues, or Okabe and Ito's for colour-blind eyes."""
    _choice.palette = name
    _update()


def _resolve() -> Theme:
    scheme: Scheme = "light"
    if _choice.scheme != "system":
        scheme = _choice.scheme
    elif QGuiApplication.instance() is not None:
        system = QGuiApplication.styleHints().colorScheme()
        scheme = "dark" if system == Qt.ColorScheme.Dark else "light"
    return make_theme(scheme, _choice.palette)


def _update() -> None:
    wanted = _resolve()
    if wanted is _choice.current:
        return
    _choice.current = wanted
    application = QApplication.instance()
    if _choice.installed and isinstance(application, QApplication):
        _dress(application, wanted)
    notifier().changed.emit()


def _dress(application: QApplication, current: Theme) -> None:
    from app.style_sheet import qt_palette, style_sheet

    application.setPalette(qt_palette(current))
    application.setStyleSheet(style_sheet(current))


def sans(
    size: float, weight: QFont.Weight = QFont.Weight.Normal, *, figures: bool = False
) -> QFont:
    """The bundled sans font at `size` pixels. figures: digits of one width, which do not jitter
    where numbers change (not for words: hyphens grow wide too)."""
    return QFont(_font("sans", round(size), weight, False, figures))


def mono(size: float, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The bundled mono font at `size` pixels."""
    return QFont(_font("mono", round(size), weight, False, False))


def font(style: TypeStyle, *, figures: bool = False) -> QFont:
    """The sans font in a step of the type scale."""
    return QFont(_font("sans", style.size, style.weight, style.caps, figures))


@lru_cache(maxsize=64)
def _font(
    kind: Literal["sans", "mono"], size: int, weight: QFont.Weight, caps: bool, figures: bool
) -> QFont:
    assets.load_fonts()
    # Each bundled family has glyphs that the other lacks (↻ ⏎ ␣ here, ▸ █ there): name both.
    pair = ["Inter", "JetBrains Mono"]
    result = QFont(pair if kind == "sans" else pair[::-1])
    result.setStyleHint(QFont.StyleHint.SansSerif if kind == "sans" else QFont.StyleHint.Monospace)
    result.setPixelSize(size)
    result.setWeight(weight)
    if figures:
        result.setFeature(QFont.Tag("tnum"), 1)
    if caps:
        result.setCapitalization(QFont.Capitalization.AllUppercase)
        result.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.6)
    return result
