"""The page "Make a draft": what it starts, shows, resumes, keeps and hands over."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app import child
from app.draft_maker import DraftMaker
from app.draft_words import EXPLAINED, plan_words
from app.panels.draft_forms import longer
from app.panels.drafts import DraftsPage
from app.setup import Setup
from engine.distil.figures import Learnt, Step
from engine.distil.folder import Folder
from engine.distil.plan import Plan
from tests.app.sweeps import SMALL, write_folder
from tests.engine.backends.tiny import write_llama

LEARNT = [
    Learnt(0.0, 0.0, 0, 9.0, 0.05, 0.04, 0.15),
    Learnt(0.5, 60.0, 100_000, 3.0, 0.35, 0.3, 0.15),
    Learnt(1.0, 120.0, 200_000, 2.2, 0.5, 0.42, 0.15),
]


@pytest.fixture
def says(monkeypatch, tmp_path):
    """The command is replaced by a program that notes its words and runs this code."""

    def take(code: str) -> Path:
        noted = tmp_path / "words.json"
        before = (
            "import json, pathlib, sys\n"
            f"pathlib.Path({str(noted)!r}).write_text(json.dumps(sys.argv[1:]))\n"
            "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"
            "def say(text): print(text, flush=True)\n"
        )
        monkeypatch.setattr(child, "command", lambda: [sys.executable, "-c", before + code])
        return noted

    return take


def told(*lines) -> str:
    return "".join(f"say({msgspec.json.encode(line).decode()!r})\n" for line in lines)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "drafts"


@pytest.fixture
def page(qtbot: QtBot, root, tmp_path):
    target = write_llama(tmp_path / "tiny.gguf")
    setup = Setup(target=str(target), threads=1, device="cpu")
    window = QWidget()
    qtbot.addWidget(window)
    page = DraftsPage(DraftMaker(root), lambda: setup, lambda source: Path(source).stem, window)
    page.resize(1200, 800)
    window.resize(1200, 800)
    window.show()
    page.look()
    yield page
    page.shut_down()


def begun(root: Path, name: str, figures=LEARNT, plan: Plan | None = None) -> Folder:
    folder = Folder(root / name)
    folder.work.mkdir(parents=True)
    folder.plan.write_bytes(msgspec.json.encode(plan or Plan(vocabulary=4096)))
    for each in figures:
        folder.add_learnt(each)
    return folder


def test_a_newcomer_is_told_what_will_happen(page):
    assert page.explained.isVisible()
    assert not page.figures.isVisible()
    assert not page.buttons.isVisible()
    assert page.target.text() == "tiny"
    assert page.start_button.isEnabled()
    seen = []
    for way in EXPLAINED:
        page.ways.buttons[way].click()
        labels = page.explained.currentWidget().findChildren(QLabel)
        seen.append(tuple(label.text() for label in labels))
    assert seen == list(EXPLAINED.values())


def test_a_draft_that_was_trained_on_is_called_so():
    plan = Plan(begin="/drafts/older.gguf", layers=7, tokens=5000)
    assert plan_words(plan) == "Of the embedded model · older trained on · 5,000 tokens of text"


def test_a_draft_is_made_and_used(qtbot, page, root, says):
    code = (
        "work = out.with_name(out.name + '.work'); work.mkdir(parents=True)\n"
        f"(work / 'plan.json').write_text({msgspec.json.encode(Plan()).decode()!r})\n"
        + told(Step("write", 0.5, "100 of 200 tokens"), *LEARNT)
        + "out.mkdir(); (out / 'draft-Q8_0.gguf').write_bytes(b'')\n"
    )
    noted = says(code)
    page.distil_form.layers.setValue(3)
    page.distil_form.known.setValue(14_336)
    page.maker.learnt.connect(lambda _: seen.append(page.chosen and page.chosen.path.name))
    seen: list[object] = []
    with qtbot.waitSignal(page.maker.ended, timeout=20_000):
        page.start_button.click()
        assert not page.start_button.isEnabled()
        assert page.stop_button.isEnabled()
    assert seen == ["tiny-draft"] * 3
    words = json.loads(noted.read_text())
    assert words[0] == "distil"
    assert words[-1] == "--for-window"
    for option, value in (("--layers", "3"), ("--vocabulary", "14336"), ("--threads", "1"),
                          ("--device", "cpu")):  # fmt: skip
        assert words[words.index(option) + 1] == value
    assert page.chosen.path == root / "tiny-draft"
    assert page.chosen.state == "finished"
    with qtbot.waitSignal(page.use_wanted) as used:
        page.use_button.click()
    assert used.args == [str(root / "tiny-draft" / "draft-Q8_0.gguf")]


def test_the_curves_rise_while_it_learns(qtbot, page, root, says):
    folder = begun(root, "tiny-draft", [])
    page.look()
    page.choose(folder.out)
    says(
        told(Step("train", 0.5, "100,000 tokens", 60.0), *LEARNT[:2])
        + "sys.stdin.read(); sys.exit(130)\n"
    )
    with qtbot.waitSignals([page.maker.learnt] * 2, timeout=20_000):
        page.resume_button.click()
    assert "The student learns: 50%, 60 s left · 100,000 tokens" in page.doing.text()
    assert page.bar.value() == 500
    card = page.cards[0]
    assert not card.empty_text()
    assert "0.35" in card.accessibleDescription()
    assert card.csv().splitlines()[-1] == "100000,0.35"
    assert page.cards[3].captions[0].startswith("modelled")
    with qtbot.waitSignal(page.maker.cancelled, timeout=20_000):
        page.stop_button.click()
    assert page.chosen.state == "stopped"
    assert page.resume_button.isEnabled()
    assert "kept" in page.banners.shown[0].message


def test_what_was_stopped_is_there_at_the_next_start(page, root):
    folder = begun(root, "tiny-draft")
    page.look()
    page.choose(folder.out)
    assert page.chosen.state == "stopped"
    assert page.figures.isVisible()
    assert "4 layers, as wide as the target, 4,096 tokens known" in page.facts.text()
    assert len(page.cards[0].csv().splitlines()) == 4
    assert not page.use_button.isEnabled()


def test_a_finished_draft_shows_what_was_measured_and_trains_longer(qtbot, page, root, says):
    folder = begun(root, "tiny-draft", plan=Plan(passes=2.0))
    folder.out.mkdir()
    (folder.out / "draft-Q4_0.gguf").write_bytes(b"")
    write_folder(folder.out / "evaluation", SMALL)
    page.look()
    page.choose(folder.out)
    assert page.measured.isVisible()
    assert page.measured.rows
    assert all("to" in row[2] for row in page.measured.rows)
    assert page.resume_button.text() == "Train longer"
    noted = says("")
    with qtbot.waitSignal(page.maker.ended, timeout=20_000):
        page.resume_button.click()
    words = json.loads(noted.read_text())
    assert "--resume" in words
    assert words[words.index("--passes") + 1] == "3"
    assert longer(Plan(minutes=10.0)).minutes == 15.0


def test_a_failure_is_told_with_what_to_do(qtbot, page, says):
    says("""say('{"type":"Failed","message":"No room.","hint":"Make some."}'); sys.exit(2)""")
    with qtbot.waitSignal(page.maker.failed, timeout=20_000):
        page.start_button.click()
    assert page.banners.shown[0].message == "No room."
    assert page.start_button.isEnabled()


def test_a_quantisation_is_written_once_and_used(qtbot, page, root, says):
    page.ways.buttons["quantise"].click()
    form = page.quantise_form
    assert form.quantisation
    assert "cost ratio about 0." in form.says.text()
    assert not page.distil_form.isVisible()
    noted = says("out.write_bytes(b'GGUF')\n")
    with qtbot.waitSignal(page.use_wanted, timeout=20_000) as used:
        page.start_button.click()
    words = json.loads(noted.read_text())
    assert words[words.index("--to") + 1] == form.quantisation
    noted.unlink()
    with qtbot.waitSignal(page.use_wanted) as again:
        page.start_button.click()
    assert used.args == again.args
    assert not noted.exists()
    assert page.chosen.state == "quantised"


def test_the_toy_and_hugging_face_targets(qtbot, root):
    for target, way, words in (
        ("toy", "distil", "toy pair has its draft"),
        ("org/model", "quantise", "Only GGUF files"),
    ):
        page = DraftsPage(DraftMaker(root), lambda t=target: Setup(target=t), str)
        qtbot.addWidget(page)
        page.ways.value = way
        page.look()
        assert not page.start_button.isEnabled()
        assert words in page.problem.text() + page.quantise_form.problem.text()


def test_deleting_asks_first(page, root):
    folder = begun(root, "tiny-draft")
    page.look()
    page.choose(folder.out)
    page.remove_button.click()
    assert folder.work.is_dir()
    banner = page.banners.shown[0]
    assert "cannot be taken back" in banner._hint.text()
    next(b for b in banner.findChildren(type(page.use_button)) if b.text() == "Delete").click()
    assert not folder.work.exists()
    assert page.chosen is None


def test_what_cannot_be_read_is_listed(page, root):
    folder = begun(root, "tiny-draft")
    folder.plan.write_text("{")
    page.look()
    page.choose(folder.out)
    assert page.chosen.state == "unreadable"
    assert not page.resume_button.isEnabled()
    assert page.remove_button.isEnabled()


def test_the_window_turns_to_it_and_takes_the_draft(window, tmp_path):
    window.pickers.draft.make.emit()
    page = window.shows.drafts_page
    assert window.pages.currentWidget() is page
    page.use_wanted.emit(str(tmp_path / "draft-Q8_0.gguf"))
    assert window.setup_panel.setup.draft == str(tmp_path / "draft-Q8_0.gguf")
    assert window.setup_panel.setup.config.drafter == "model"
    assert window.pages.currentIndex() == 0
    assert not window.actions_by_id["make-draft"].isChecked()
