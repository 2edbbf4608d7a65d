"""Choosing models: the lists, the pickers, and what a choice does to the rest of the setup."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent

from app.models.hub_cache import Hub
from app.models.model_list import (
    BROWSE,
    DETAIL,
    KIND,
    REASON,
    SOURCE,
    TOY,
    Entry,
    ModelList,
    embedded_entry,
    entries_for,
    title_of,
)
from app.panels.pickers import Pickers
from app.panels.setup import SetupPanel
from app.setup import Setup, default_setup, with_draft, with_target
from app.sources import Weights
from engine.backends.hf.installed import INSTALL
from engine.backends.registry import EMBEDDED_DRAFT, EMBEDDED_NAME
from engine.config import Config
from engine.errors import ModelError
from tests.app.hub import model_folder, repository

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

EMBEDDED = Entry(EMBEDDED_NAME, "", "Embedded")
NGRAM = Setup(prompt="x", config=Config(drafter="ngram"))
MODEL = Setup(prompt="x", draft="", config=Config(drafter="model"))


def test_the_lists_obey_the_rules_of_item_models(qtmodeltester):
    model = ModelList([EMBEDDED, TOY, Entry("gone", "/gone.gguf", "", "No longer there"), BROWSE])
    qtmodeltester.check(model)
    model.update([EMBEDDED])
    model.update([])
    model.update([TOY, BROWSE])


def test_what_a_line_tells():
    model = ModelList([EMBEDDED, Entry("gone", "/gone.gguf", "", "No longer in /")])
    first, second = model.index(0), model.index(1)
    assert (first.data(), first.data(SOURCE), first.data(DETAIL)) == (EMBEDDED_NAME, "", "Embedded")
    assert second.data(DETAIL) == second.data(REASON) == "No longer in /"
    assert first.flags() & Qt.ItemFlag.ItemIsEnabled
    assert not second.flags() & Qt.ItemFlag.ItemIsEnabled
    assert second.data(Qt.ItemDataRole.AccessibleTextRole) == "gone, No longer in /"
    assert model.row_of("") == 0
    assert model.row_of("/other.gguf") == -1


def reasons(entries: list[Entry]) -> dict[str, str]:
    return {entry.title: entry.reason for entry in entries}


def test_a_missing_file_is_greyed_with_the_reason(tmp_path: Path):
    there = tmp_path / "there.gguf"
    there.write_bytes(b"GGUF")
    gone = tmp_path / "gone.gguf"
    found = entries_for("target", [str(gone), str(there)], EMBEDDED, setup=NGRAM)
    assert [e.title for e in found] == [
        *(EMBEDDED_NAME, "Toy pair", "gone", "there", "Browse…", "Browse for a folder…"),
    ]
    assert reasons(found)["gone"] == f"No longer in {tmp_path}"
    assert not reasons(found)["there"]


HUB = Hub({"org/Big-3.2": Weights(2, 2_470_000_000), "org/half": Weights(1, 0, False)})


def by_title(entries: list[Entry]) -> dict[str, Entry]:
    return {entry.title: entry for entry in entries}


def test_cached_models_are_offered_by_their_ids():
    found = entries_for("target", [], EMBEDDED, setup=NGRAM, hub=HUB)
    titles = [e.title for e in found]
    assert titles[2:] == ["org/Big-3.2", "org/half", "Browse…", "Browse for a folder…"]
    big, half = found[2:4]
    assert (big.source, big.detail, big.reason) == (
        *("org/Big-3.2", "2.5 GB · Hugging Face cache", ""),
    )
    assert half.reason == "Not all of it is in the Hugging Face cache yet"


def test_a_recent_model_of_the_cache_stands_there_once():
    found = entries_for("target", ["org/Big-3.2", "org/gone"], EMBEDDED, setup=NGRAM, hub=HUB)
    titles = [e.title for e in found]
    assert titles[2:5] == ["org/Big-3.2", "org/gone", "org/half"]
    assert found[2].detail.startswith("2.5 GB")
    assert found[3].reason == "No longer in the Hugging Face cache"


def test_recent_folders_tell_their_size(tmp_path: Path):
    folder = model_folder(tmp_path / "Mine-0.5", weights=1_300_000_000, shards=2)
    gone = str(tmp_path / "Gone-1.0")
    found = by_title(entries_for("target", [str(folder), gone], EMBEDDED, setup=NGRAM))
    assert found["Mine-0.5"].detail == f"1.3 GB · {tmp_path}"
    assert not found["Mine-0.5"].reason
    assert found["Gone-1.0"].reason == f"No longer in {tmp_path}"


def test_without_the_libraries_hugging_face_models_are_greyed(tmp_path: Path):
    folder = model_folder(tmp_path / "Mine")
    file = tmp_path / "file.gguf"
    file.touch()
    hub = Hub(HUB.models, f"Install first: {INSTALL}")
    recent = [str(folder), str(file)]
    found = by_title(entries_for("draft", recent, EMBEDDED, setup=NGRAM, hub=hub))
    for title in ("org/Big-3.2", "Mine", "Browse for a folder…"):
        assert found[title].reason == hub.reason
    for title in (EMBEDDED_NAME, "file", "Browse…"):
        assert not found[title].reason
    assert "cache" in found["org/half"].reason


def test_a_toy_target_has_no_draft_of_the_cache():
    found = by_title(entries_for("draft", [], EMBEDDED, setup=with_target(NGRAM, "toy"), hub=HUB))
    assert "vocabulary" in found["org/Big-3.2"].reason


def test_none_is_offered_where_the_drafter_needs_none():
    assert not reasons(entries_for("draft", [], EMBEDDED, setup=NGRAM))["None"]
    assert "needs one" in reasons(entries_for("draft", [], EMBEDDED, setup=MODEL))["None"]
    assert "None" not in reasons(entries_for("target", [], EMBEDDED, setup=NGRAM))


def test_models_of_another_vocabulary_than_the_toy_are_greyed():
    toy = with_target(NGRAM, "toy")
    found = reasons(entries_for("draft", [], EMBEDDED, setup=toy))
    assert found["Toy pair"] == ""
    assert "vocabulary" in found[EMBEDDED_NAME]
    found = reasons(entries_for("draft", [], EMBEDDED, setup=NGRAM))
    assert "vocabulary" in found["Toy pair"]
    assert found[EMBEDDED_NAME] == ""


def test_choosing_a_draft_chooses_a_drafter_that_uses_it():
    chosen = with_draft(NGRAM, "/d.gguf")
    assert (chosen.draft, chosen.config.drafter) == ("/d.gguf", "model")
    none = with_draft(chosen, None)
    assert (none.draft, none.config.drafter) == (None, "ngram")


def test_the_toy_models_come_and_go_as_a_pair():
    toy = with_target(NGRAM, "toy")
    assert (toy.target, toy.draft, toy.config.drafter) == ("toy", "toy", "model")
    back = with_target(toy, "/t.gguf")
    assert (back.target, back.draft, back.config.drafter) == ("/t.gguf", None, "ngram")
    kept = with_target(with_draft(NGRAM, "/d.gguf"), "/t.gguf")
    assert kept.draft == "/d.gguf"


def test_without_the_embedded_model_the_toy_pair_is_set_up(monkeypatch):
    def missing():
        raise ModelError("The embedded model is not installed.", "Install it.")

    monkeypatch.setattr("engine.backends.registry.embedded_model", missing)
    assert embedded_entry().reason == "The embedded model is not installed. Install it."
    assert default_setup().target == "toy"


def test_the_first_start_drafts_with_the_draft_that_ships(monkeypatch, tmp_path):
    monkeypatch.setattr("engine.backends.registry.embedded_model", lambda: tmp_path)
    first = default_setup()
    assert (first.target, first.draft, first.config.drafter) == ("", EMBEDDED_DRAFT, "model")
    assert first.libraries == {"gguf"}
    other = with_target(first, "/t.gguf")
    assert (other.draft, other.config.drafter) == (None, "ngram")
    assert with_target(first, "").draft == EMBEDDED_DRAFT


def test_the_draft_that_ships_is_offered_to_its_target_only():
    def reason(target):
        lines = entries_for("draft", [], Entry("Emb", ""), setup=Setup(target=target))
        return next(line.reason for line in lines if line.source == EMBEDDED_DRAFT)

    assert reason("") == ""
    assert reason("/t.gguf") == "Made for SmolLM2 135M Instruct"
    targets = entries_for("target", [], Entry("Emb", ""), setup=Setup())
    assert EMBEDDED_DRAFT not in [line.source for line in targets]


@pytest.mark.parametrize(
    ("source", "title"),
    [
        (None, "None"),
        ("", "Emb"),
        (EMBEDDED_DRAFT, "SmolLM2 135M draft"),
        ("toy", "Toy pair"),
        ("/a/Qwen 7B.Q4.gguf", "Qwen 7B.Q4"),
        ("meta-llama/Llama-3.2-1B", "Llama-3.2-1B"),
        ("/models/SmolLM2-0.1", "SmolLM2-0.1"),
    ],
)
def test_titles(source, title):
    assert title_of(source, "Emb") == title


@pytest.fixture
def pickers(qtbot, settings) -> Pickers:
    panel = SetupPanel()
    qtbot.addWidget(panel)
    panel.setup = NGRAM
    pickers = Pickers(settings, panel, panel)
    for picker in (pickers.target, pickers.draft):
        qtbot.addWidget(picker)
        picker.show()
    pickers.show()
    return pickers


def test_a_picker_names_its_model(pickers: Pickers):
    assert pickers.target.accessibleName() == f"Target: {EMBEDDED_NAME}"
    assert pickers.draft.accessibleName() == "Draft: None"
    pickers.choose_draft("/models/small.gguf")
    assert pickers.draft.accessibleName() == "Draft: small"
    panel = pickers._panel
    panel.setup = msgspec.structs.replace(panel.setup, config=Config(drafter="ngram"))
    assert pickers.draft.accessibleName() == "Draft: small, not used"


def test_the_keyboard_chooses(qtbot, pickers: Pickers):
    pickers.target.open()
    popup = pickers.target.popup
    assert popup is not None
    assert popup.list.currentIndex().data() == EMBEDDED_NAME
    qtbot.keyClick(popup.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(pickers.target.chosen) as chosen:
        qtbot.keyClick(popup.list, Qt.Key.Key_Return)
    assert chosen.args == ["toy"]
    assert pickers.target.popup is None
    assert pickers._panel.setup.target == "toy"


def test_escape_leaves_the_choice(qtbot, pickers: Pickers):
    pickers.target.open()
    popup = pickers.target.popup
    qtbot.keyClick(popup.list, Qt.Key.Key_Down)
    qtbot.keyClick(popup.list, Qt.Key.Key_Escape)
    assert pickers._panel.setup.target == ""


def test_a_greyed_line_cannot_be_chosen(qtbot, pickers: Pickers):
    pickers.choose_draft("")
    pickers.draft.open()
    popup = pickers.draft.popup
    none = pickers.draft_list.index(0)
    assert none.data(REASON)
    popup.list.setCurrentIndex(none)
    qtbot.keyClick(popup.list, Qt.Key.Key_Return)
    assert pickers._panel.setup.draft == ""
    popup.close()


def test_browsing_asks_for_a_file(qtbot, pickers: Pickers, tmp_path: Path):
    asked: list[str] = []
    pickers.ask_file = lambda title: asked.append(title) or str(tmp_path / "a.gguf")
    choose_line(pickers, "browse")
    assert asked == ["Choose the draft"]
    assert pickers._panel.setup.draft == str(tmp_path / "a.gguf")


def choose_line(pickers: Pickers, kind: str) -> None:
    """The first line of that kind in the draft's list."""
    pickers.draft.open()
    lines = [pickers.draft_list.index(i) for i in range(pickers.draft_list.rowCount())]
    pickers.draft.popup.list.activated.emit(next(at for at in lines if at.data(KIND) == kind))


def test_browsing_for_a_folder(qtbot, pickers: Pickers, tmp_path: Path):
    folder = model_folder(tmp_path / "Mine")
    pickers.ask_folder = lambda title: str(folder)
    choose_line(pickers, "folder")
    assert pickers._panel.setup.draft == str(folder)
    assert pickers.draft.accessibleName() == "Draft: Mine"
    pickers.ask_folder = lambda title: str(tmp_path)
    with qtbot.waitSignal(pickers.refused) as refused:
        choose_line(pickers, "folder")
    assert "has no config.json" in refused.args[0]
    assert pickers._panel.setup.draft == str(folder)
    pickers.ask_folder = lambda title: ""
    choose_line(pickers, "folder")
    assert pickers._panel.setup.draft == str(folder), "a dialog that was left changes nothing"


def test_the_cache_is_read_when_the_list_opens(pickers: Pickers, hub_cache: Path):
    pickers.target.open()
    assert pickers.target_list.row_of("org/New-1.5") == -1
    pickers.target.popup.close()
    repository(hub_cache, "org/New-1.5")
    pickers.target.open()
    line = pickers.target_list.index(pickers.target_list.row_of("org/New-1.5"))
    assert line.data(DETAIL) == "0.1 GB · Hugging Face cache"
    pickers.target.popup.list.activated.emit(line)
    assert pickers._panel.setup.target == "org/New-1.5"
    assert pickers.target.accessibleName() == "Target: New-1.5"


def test_dialogs_begin_beside_a_recent_file(pickers: Pickers, settings, tmp_path: Path):
    settings.add_recent_model(str(tmp_path / "a.gguf"))
    settings.add_recent_model("org/model")
    assert pickers._folder() == str(tmp_path)


def test_a_loaded_model_is_offered_again(pickers: Pickers, settings, tmp_path: Path):
    pickers.choose_target("/models/a.gguf")
    assert settings.recent_models == []
    pickers.remember("target")
    assert settings.recent_models == ["/models/a.gguf"]
    pickers.choose_target("toy")
    pickers.remember("target")
    assert settings.recent_models == ["/models/a.gguf"]


def test_a_file_dropped_on_a_picker_is_chosen(qtbot, pickers: Pickers, tmp_path: Path):
    path = tmp_path / "dropped.gguf"
    drop(pickers.draft, path)
    assert pickers._panel.setup.draft == str(path)
    drop(pickers.draft, tmp_path / "a.txt")
    assert pickers._panel.setup.draft == str(path)


def test_a_folder_dropped_on_a_picker_is_chosen_if_it_is_a_model(
    qtbot, pickers: Pickers, tmp_path: Path
):
    folder = model_folder(tmp_path / "Mine-1.5")
    drop(pickers.target, folder)
    assert pickers._panel.setup.target == str(folder)
    assert pickers.target.accessibleName() == "Target: Mine-1.5"
    with qtbot.waitSignal(pickers.refused) as refused:
        drop(pickers.target, tmp_path)
    assert refused.args[0] == f"{tmp_path.name} is no Hugging Face model: it has no config.json."
    assert pickers._panel.setup.target == str(folder)


def drop(widget, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPoint(5, 5).toPointF(),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    widget.dropEvent(event)
