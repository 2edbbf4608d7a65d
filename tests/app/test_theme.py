"""The look: contrast of every text colour, the schemes, the fonts, the style sheet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QFontInfo, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication, QSpinBox

from app import assets, theme
from app.palettes import PaletteName, Scheme
from app.style_sheet import pad_spin_box, qt_palette, style_sheet
from app.theme import Theme, blend, contrast, make_theme, text_on
from engine.trace import TokenState

READABLE = 4.5
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
PALETTES: tuple[PaletteName, ...] = ("standard", "okabe-ito")
ALL = [make_theme(scheme, palette) for scheme, palette in product(SCHEMES, PALETTES)]


def name(current: Theme) -> str:
    return f"{current.scheme}-{current.palette}"


@pytest.fixture(autouse=True)
def _as_before(qapp: QApplication) -> Iterator[None]:
    before = theme.scheme_choice(), theme.palette_name()
    yield
    theme.set_scheme(before[0])
    theme.set_palette(before[1])


@pytest.mark.parametrize("current", ALL, ids=name)
def test_plain_text_is_readable_everywhere(current: Theme) -> None:
    inks = (
        current.text, current.muted, current.draft_text, current.target_text,
        current.good_text, current.warn_text,
    )  # fmt: skip
    for ink, ground in product(inks, (current.window, current.panel, current.surface)):
        assert contrast(ink, ground) >= READABLE, (ink.name(), ground.name())


@pytest.mark.parametrize("current", ALL, ids=name)
@pytest.mark.parametrize("state", list(TokenState))
def test_chips_are_readable_on_cards_and_on_every_tinted_box(
    current: Theme, state: TokenState
) -> None:
    style = current.states[state]
    plain = [current.window, current.panel, current.surface]
    tinted = [
        blend(current.tint(hue), current.window)
        for hue in (current.draft, current.target, current.good)
    ]
    for ground in plain + tinted:
        assert contrast(style.text, blend(style.fill, ground)) >= READABLE, ground.name()


@pytest.mark.parametrize("current", ALL, ids=name)
def test_words_in_the_boxes_are_readable_on_their_tint(current: Theme) -> None:
    pairs = (
        (current.draft, current.draft_text),
        (current.target, current.target_text),
        (current.good, current.good_text),
    )
    for hue, ink in pairs:
        ground = blend(current.tint(hue), current.window)
        assert contrast(ink, ground) >= READABLE
        assert contrast(current.muted, ground) >= READABLE


@pytest.mark.parametrize("current", ALL, ids=name)
def test_badges_and_buttons_are_readable(current: Theme) -> None:
    for hue, ink in ((current.warn, current.warn_text), (current.good, current.good_text)):
        for ground in (current.window, current.panel):
            assert contrast(ink, blend(theme.with_alpha(hue, 0.16), ground)) >= READABLE
    for fill in (current.primary, current.primary_hover):
        assert contrast(text_on(fill), fill) >= READABLE
    assert contrast(current.text, current.hover) >= READABLE
    assert contrast(current.text, current.pressed) >= READABLE


@pytest.mark.parametrize("current", ALL, ids=name)
def test_focus_rings_and_state_lines_stand_out(current: Theme) -> None:
    assert contrast(current.accent, current.surface) >= 3
    assert contrast(current.accent, current.panel) >= 2.9


@pytest.mark.parametrize("current", ALL, ids=name)
def test_no_state_is_told_by_colour_alone(current: Theme) -> None:
    marks = {style.glyph for style in current.states.values()}
    assert len(marks) == len(TokenState)
    assert [s for s, style in current.states.items() if style.strike] == [TokenState.REJECTED]
    resampled, bonus = current.states[TokenState.RESAMPLED], current.states[TokenState.BONUS]
    assert bonus.fill.alpha() < resampled.fill.alpha()


def test_the_states_have_the_documented_colours() -> None:
    states = make_theme("light").states
    lines = {state.name: style.line.name() for state, style in states.items()}
    assert lines == {
        "PENDING": "#3498db",
        "ACCEPTED": "#27ae60",
        "REJECTED": "#e74c3c",
        "DISCARDED": "#999999",
        "RESAMPLED": "#f39c12",
        "BONUS": "#f39c12",
    }


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast(QColor("#000"), QColor("#fff")) == pytest.approx(21)
    assert contrast(QColor("#fff"), QColor("#fff")) == pytest.approx(1)


def test_blend_is_what_lies_between() -> None:
    half = theme.with_alpha(QColor("#ffffff"), 0.5)
    assert blend(half, QColor("#000000")).red() in (127, 128)


def test_choosing_a_scheme_tells_the_views_once(qapp: QApplication) -> None:
    theme.set_scheme("light")
    seen: list[str] = []

    def note() -> None:
        seen.append(theme.theme().scheme)

    theme.notifier().changed.connect(note)
    try:
        theme.set_scheme("dark")
        theme.set_scheme("dark")
        theme.set_palette("okabe-ito")
    finally:
        theme.notifier().changed.disconnect(note)
    assert seen == ["dark", "dark"]
    assert theme.theme() is make_theme("dark", "okabe-ito")
    assert theme.theme().dark


def test_install_dresses_the_application(qapp: QApplication) -> None:
    theme.install(qapp)
    theme.set_scheme("dark")
    ground = qapp.palette().color(QPalette.ColorRole.Window)
    assert ground == make_theme("dark").panel
    assert make_theme("dark").panel.name() in qapp.styleSheet()
    theme.set_scheme("light")
    assert qapp.palette().color(QPalette.ColorRole.Window) == make_theme("light").panel


@pytest.mark.parametrize("current", ALL, ids=name)
def test_the_style_sheet_has_no_holes(qapp: QApplication, current: Theme) -> None:
    sheet = style_sheet(current)
    assert "$" not in sheet
    assert sheet.count("{") == sheet.count("}")
    faded = qt_palette(current).color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
    assert faded != current.text


def test_spin_boxes_are_padded(qapp: QApplication) -> None:
    box = QSpinBox()
    pad_spin_box(box)
    assert box.lineEdit().textMargins().left() == 8
    box.deleteLater()


def test_the_bundled_fonts_are_used(qapp: QApplication) -> None:
    assert {"Inter", "JetBrains Mono"} <= set(assets.load_fonts())
    assert QFontInfo(theme.sans(13)).family() == "Inter"
    assert QFontInfo(theme.mono(13)).family() == "JetBrains Mono"
    assert theme.font(theme.TITLE).pixelSize() == 16


def test_figures_of_one_width_do_not_jitter(qapp: QApplication) -> None:
    metrics = QFontMetricsF(theme.sans(13, figures=True))
    assert metrics.horizontalAdvance("111.1") == metrics.horizontalAdvance("888.8")


def test_a_changed_copy_of_a_font_leaves_the_next_one_alone(qapp: QApplication) -> None:
    theme.sans(13).setPixelSize(40)
    assert theme.sans(13).pixelSize() == 13


def test_icons_are_tinted(qapp: QApplication) -> None:
    red = assets.pixmap("stop", QColor("#e74c3c"), 16, 2.0)
    assert red.width() == 32
    assert red.toImage().pixelColor(16, 16).name() == "#e74c3c"
    icon = assets.icon("run", QColor("#123456"))
    assert not icon.isNull()
    assert assets.pixmap("no such icon", QColor("#123456")).toImage().pixelColor(8, 8).alpha() == 0


def test_tinted_files_serve_the_style_sheet(qapp: QApplication) -> None:
    file = assets.tinted_file("chevron-down", "#ff0000")
    assert "\\" not in file
    assert "#ff0000" in Path(file).read_text(encoding="utf-8")
