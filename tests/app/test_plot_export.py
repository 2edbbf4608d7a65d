"""Plots as files: pictures that look like the card, shapes that stay shapes, data with units."""

from __future__ import annotations

import csv
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.theme import install, set_scheme, theme
from app.views.plots import PlotsPanel
from app.views.plots.card import Card
from app.views.plots.export import MARGIN, Kind, file_name, image_of, save, size_of
from engine.errors import ErrorInfo
from tests.app.traces import make_trace
from tests.screenshots.plots import pair

CARDS = ["speedup", "rate", "acceptance", "lengths", "time", "waterfall", "figures"]


@pytest.fixture(autouse=True)
def themed(qapp: QApplication) -> Iterator[None]:
    install(qapp)
    set_scheme("light")
    yield
    set_scheme("system")


@pytest.fixture
def panel(qtbot: QtBot) -> PlotsPanel:
    panel = PlotsPanel()
    qtbot.addWidget(panel)
    panel.resize(340, 850)
    panel.set_run(*pair(make_trace(rounds=31, baseline_rounds=200)))
    panel.show()
    panel.refresh(force=True)
    QApplication.processEvents()
    return panel


def difference(one: QImage, two: QImage) -> float:
    """The share of pixels, every third each way, that differ by more than the smoothing does."""
    assert one.size() == two.size()
    points = [(x, y) for x in range(0, one.width(), 3) for y in range(0, one.height(), 3)]
    far = 0
    for x, y in points:
        a, b = one.pixelColor(x, y), two.pixelColor(x, y)
        far += (
            max(abs(a.red() - b.red()), abs(a.green() - b.green()), abs(a.blue() - b.blue())) > 96
        )
    return far / len(points)


@pytest.mark.parametrize("name", CARDS)
def test_a_png_is_the_card_twice_as_sharp(panel: PlotsPanel, tmp_path: Path, name: str):
    card: Card = getattr(panel, name)
    path = save(card, "png", "", tmp_path / "plot")
    assert path == tmp_path / "plot.png"
    image = QImage(str(path))
    width, height = size_of(card)
    assert (width, height) == (card.width() + 2 * MARGIN, card.height() + 2 * MARGIN)
    assert image.size().toTuple() == (2 * width, 2 * height)
    assert image.pixelColor(2, 2) == theme().panel
    grabbed = panel.grab(card.geometry().translated(card.parentWidget().pos())).toImage()
    inner = image.copy(2 * MARGIN, 2 * MARGIN, 2 * card.width(), 2 * card.height())
    assert difference(inner.scaled(grabbed.size()), grabbed) < 0.04


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", CARDS)
def test_an_svg_has_shapes_and_looks_the_same(panel: PlotsPanel, tmp_path: Path, name: str, scheme):
    set_scheme(scheme)
    QApplication.processEvents()
    card: Card = getattr(panel, name)
    path = save(card, "svg", "", tmp_path / "plot.svg")
    text = path.read_text(encoding="utf-8")
    assert "<image" not in text
    assert "<text" not in text, "outlines need no font"
    assert "aria-label" in text
    renderer = QSvgRenderer(str(path))
    assert renderer.isValid()
    picture = image_of(card)
    drawn = QImage(picture.size(), QImage.Format.Format_RGB32)
    with QPainter(drawn) as painter:
        renderer.render(painter)
    assert difference(drawn, picture) < 0.01


def test_the_comparison_of_pictures_can_fail(panel: PlotsPanel):
    before = image_of(panel.acceptance)
    panel.set_run(None)
    assert difference(before, image_of(panel.acceptance)) > 0.04


@pytest.mark.parametrize("name", CARDS)
def test_the_data_has_a_header_and_a_row_for_each_point(
    panel: PlotsPanel, tmp_path: Path, name: str
):
    card: Card = getattr(panel, name)
    path = save(card, "csv", card.csv(), tmp_path / "plot.csv")
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert rows
    assert all(len(row) == len(header) for row in rows)
    assert all(cell and not cell[0].isdigit() for cell in header)


def test_what_is_measured_in_units_names_them(panel: PlotsPanel):
    headers = {name: getattr(panel, name).csv().splitlines()[0] for name in CARDS}
    assert "tokens_per_second_measured" in headers["rate"]
    assert headers["time"] == "part,seconds_measured,ms_per_round,share"


def test_the_menu_asks_for_a_file_and_writes_it(panel: PlotsPanel, tmp_path: Path):
    asked: list[tuple[str, str]] = []

    def ask(parent, suggestion: str, kinds: str) -> str:
        asked.append((suggestion, kinds))
        return str(tmp_path / suggestion)

    panel.rate.ask_file = ask
    for action in panel.rate.build_menu().actions():
        if action.text().startswith("Save"):
            action.trigger()
    assert [name for name, _ in asked] == [
        "tokens-per-second.png", "tokens-per-second.svg", "tokens-per-second.csv",
    ]  # fmt: skip
    assert all(f"*.{name.rsplit('.')[-1]}" in kinds for name, kinds in asked)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(name for name, _ in asked)
    panel.rate.ask_file = lambda *_: ""
    panel.rate.save_as("png")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("kind", ["png", "svg", "csv"])
def test_a_full_disk_is_told_and_leaves_nothing(
    panel: PlotsPanel, monkeypatch, tmp_path: Path, kind: Kind
):
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    told: list[ErrorInfo] = []
    panel.failed.connect(told.append)
    panel.time.ask_file = lambda *_: str(tmp_path / f"plot.{kind}")
    panel.time.save_as(kind)
    (error,) = told
    assert error.message == f"plot.{kind} cannot be written: the disk is full."
    assert list(tmp_path.iterdir()) == []


def test_names_of_files():
    assert file_name("Where a round's time goes", "svg") == "where-a-rounds-time-goes.svg"
    assert file_name("", "csv") == "figures.csv"
