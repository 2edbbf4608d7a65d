"""The report: every figure recomputed without our code, whatever the names, whatever is missing."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.backends.toy import toy_draft, toy_target
from engine.errors import RecordingError, VocabularyError
from engine.events import Models
from engine.experiments.carry_out import carry_out, write_reports
from engine.experiments.reporting import write_csv, write_report
from engine.experiments.reporting.page import report
from engine.experiments.results import read_results
from engine.experiments.spec import PromptChoice
from tests.engine.experiments.toy_sweeps import runner, toy
from tests.recompute_experiment import check

ODD = "<b>&'draft\".gguf"


def load(spec, role, progress=None):
    if spec.source == ODD:
        raise VocabularyError("The draft has another <vocabulary>.", "Choose & try another.")
    return toy_target() if role == "target" else toy_draft()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An experiment with refused cells, an odd name and two drafts."""
    base = tmp_path_factory.mktemp("report")
    spec = toy(
        title="<Toys> & more",
        draft=("toy", ODD),
        rule=("rejection", "block"),
        drafter=("ngram", "model", "auto"),
        prompts=PromptChoice(number=4),
    )
    runs = runner(base, loader=load)
    carry_out(spec, runs, base / "x", lambda progress: None, resume=False)
    runs.close()
    return base / "x"


def test_every_figure_is_recomputed(folder):
    assert check(folder) == []


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    for name in ("results.jsonl", "report.html", "spec.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    return tmp_path


def data_of(page: str) -> str:
    return re.search(r'id="figures">(.*?)</script>', page, re.S)[1]


def test_another_figure_is_found(copy):
    page = copy / "report.html"
    text = page.read_text("utf-8")
    data = json.loads(data_of(text))
    tables = {shown["table"] for shown in data}
    assert tables >= {"settings", "kinds", "pairs", "cells", "model", "done", "costs"}

    def found(changed: list) -> list[str]:
        page.write_text(text.replace(data_of(text), json.dumps(changed)), "utf-8")
        return check(copy)

    assert found(data) == []
    for table in tables:
        at = next(i for i, shown in enumerate(data) if shown["table"] == table)
        other = {**data[at], "value": data[at]["value"] * 1.0001 + 1e-6}
        assert found([*data[:at], other, *data[at + 1 :]]), table
        assert any("missing" in why for why in found([*data[:at], data[at - 1], *data[at + 1 :]]))


def test_another_visible_number_is_found(copy):
    page = copy / "report.html"
    text = page.read_text("utf-8")
    numbers = re.findall(r"<data [^>]*>[^<]*</data>", text)
    assert len(numbers) > 100
    for number in (numbers[0], numbers[1], numbers[40], numbers[-1]):
        false = re.sub(r">[^<]*<", ">9.87×<", number)
        page.write_text(text.replace(number, false, 1), "utf-8")
        assert check(copy)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text, self.open, self.tags = "", [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "circle", "polygon", "polyline", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("circle", "polygon", "polyline", "line"):
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_the_page_is_whole_and_needs_nothing_else(folder):
    page = Reader()
    page.feed((folder / "report.html").read_text("utf-8"))
    assert page.open == []
    assert "<Toys> & more" in page.text
    assert ODD in page.text
    for tag, attributes in page.tags:
        assert "src" not in attributes, tag
        assert "href" not in attributes, tag
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "figures"}]
    assert sum(tag == "svg" for tag, _ in page.tags) == 3  # two pairs, and the model


def test_reasons_are_in_it(folder):
    page = Reader()
    page.feed((folder / "report.html").read_text("utf-8"))
    assert "another <vocabulary>" in page.text
    assert "needs the draft's probabilities" in page.text
    assert "simulated" in page.text


def test_made_up_weights_are_marked(folder):
    marks = ("Synthetic weights", "simulated acceptance, measured time", "measured times, simul")
    results = read_results(folder)
    assert not any(mark in report(results) for mark in marks)
    for cell in results.cells.values():
        cell.runs = [replace(run, models=made_up(run.models)) for run in cell.runs]
    assert all(mark in report(results) for mark in marks)


def made_up(models: Models) -> Models:
    return replace(models, target=replace(models.target, simulated=False, synthetic=True))


def test_the_table_holds_every_run(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    results = read_results(folder)
    assert len(rows) == results.n_runs
    by_id = {row["run_id"]: row for row in rows}
    for cell in results.cells.values():
        for run in cell.runs:
            row = by_id[run.run_id]
            assert float(row["speedup"]) == run.figures.speedup
            assert row["drafter"] == run.setting.drafter
            assert by_id[row["baseline"]]["role"] == "baseline"


def test_what_cannot_be_written_is_said(folder, monkeypatch):
    results = read_results(folder)

    def full(self, *args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    for write in (write_report, write_csv):
        with pytest.raises(RecordingError, match="No space left"):
            write(results)


def test_nothing_to_report_yet(tmp_path):
    assert write_reports(tmp_path) is None
