"""What a source is taken for, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.setup import Setup
from app.sources import (
    is_hub_id,
    library_of,
    size_words,
    source_name,
    weights_of,
    why_no_model,
)


@pytest.mark.parametrize(
    ("source", "library", "name"),
    [
        ("toy", "toy", "toy"),
        ("", "gguf", ""),
        ("/m/Qwen 7B.Q4.gguf", "gguf", "Qwen 7B.Q4"),
        ("~/model.GGUF", "gguf", "model"),
        ("org/Llama-3.2-1B", "hf", "Llama-3.2-1B"),
        ("org/file.gguf", "gguf", "file"),
        ("/gone/Llama-3.2-1B", "hf", "Llama-3.2-1B"),
    ],
)
def test_sources_that_are_not_on_disk(source: str, library: str, name: str):
    assert library_of(source) == library
    assert source_name(source) == name


def test_sources_that_are_on_disk(tmp_path: Path):
    nameless, folder = tmp_path / "weights", tmp_path / "SmolLM2-0.1"
    nameless.write_bytes(b"GGUF")
    folder.mkdir()
    assert library_of(str(nameless)) == "gguf"
    assert library_of(str(folder)) == "hf"
    assert source_name(str(folder)) == "SmolLM2-0.1"


def test_hub_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    named = ["org/name", "org-1/Name.v2_x"]
    assert [is_hub_id(source) for source in named] == [True, True]
    others = ["", "toy", "a/b/c", "/a/b", "~/b", "./b", "org/a.gguf", "models/mine"]
    assert [source for source in others if is_hub_id(source)] == []


def test_the_libraries_of_a_setup():
    assert Setup().libraries == {"gguf"}
    assert Setup(target="org/a", draft="").libraries == {"gguf", "hf"}
    assert Setup(target="toy", draft="toy").libraries == {"toy"}


def test_a_folder_is_a_model_by_its_configuration(tmp_path: Path):
    assert why_no_model(tmp_path).endswith("is no Hugging Face model: it has no config.json.")
    (tmp_path / "config.json").touch()
    assert why_no_model(tmp_path) == ""


def test_what_weights_weigh(tmp_path: Path):
    assert weights_of(tmp_path / "gone") == weights_of(tmp_path) == (0, 0, True)
    for i in (1, 2):
        (tmp_path / f"model-0000{i}-of-00002.safetensors").write_bytes(bytes(10 * i))
    (tmp_path / "pytorch_model.bin").write_bytes(bytes(99))
    (tmp_path / "consolidated.safetensors").write_bytes(bytes(70))
    assert weights_of(tmp_path) == (2, 30, True)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    assert not weights_of(tmp_path).whole
    (tmp_path / "model-00001-of-00002.safetensors").unlink()
    assert weights_of(tmp_path) == (1, 70, True)
    (tmp_path / "consolidated.safetensors").unlink()
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "blobs" / "coming")
    assert weights_of(tmp_path) == (1, 0, False)
    assert [size_words(n) for n in (98_200_000, 2_470_000_000)] == ["98 MB", "2.5 GB"]
