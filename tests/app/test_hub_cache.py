"""The walk of the Hugging Face cache: what it finds, and what it passes over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.models.hub_cache import EMPTY, cache_folder, cached_models, look, why_none_runs
from app.sources import Weights
from engine.backends.hf.installed import INSTALL
from engine.errors import ModelError
from tests.app.hub import repository


def test_where_the_cache_is():
    home = Path.home()
    assert cache_folder({}) == home / ".cache" / "huggingface" / "hub"
    assert cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/huggingface/hub")
    assert cache_folder({"HF_HOME": "~/hf"}) == home / "hf" / "hub"
    assert cache_folder({"HF_HUB_CACHE": "/cache", "HF_HOME": "/hf"}) == Path("/cache")


def test_models_are_found_by_their_ids(tmp_path: Path):
    repository(tmp_path, "org/Zephyr-1.1", weights=300, shards=3)
    repository(tmp_path, "Other/a_b.c", kind="Qwen2ForCausalLM", weights=70)
    assert cached_models(tmp_path) == {
        "org/Zephyr-1.1": Weights(3, 300),
        "Other/a_b.c": Weights(1, 70),
    }
    assert list(cached_models(tmp_path)) == sorted(cached_models(tmp_path), key=str.casefold)


def test_links_into_blobs_are_followed(tmp_path: Path):
    snapshot = repository(tmp_path, "org/linked")
    blob = tmp_path / "models--org--linked" / "blobs" / "f00d"
    blob.parent.mkdir()
    file = snapshot / "model.safetensors"
    file.unlink()
    file.symlink_to(blob)
    assert not cached_models(tmp_path)["org/linked"].whole
    blob.write_bytes(bytes(50))
    assert cached_models(tmp_path)["org/linked"] == Weights(1, 50)


def test_a_download_that_was_cut_short_is_told_apart(tmp_path: Path):
    snapshot = repository(tmp_path, "org/half", shards=2)
    (snapshot / "model-00002-of-00002.safetensors").unlink()
    assert not cached_models(tmp_path)["org/half"].whole


def test_what_is_no_text_model_is_passed_over(tmp_path: Path):
    repository(tmp_path, "org/good")
    repository(tmp_path, "org/bert", kind="BertForMaskedLM")
    repository(tmp_path, "gpt2")
    (repository(tmp_path, "org/pickled") / "model.safetensors").unlink()
    (tmp_path / "datasets--org--data").mkdir()
    (tmp_path / "version.txt").write_text("1")
    assert list(cached_models(tmp_path)) == ["org/good"]


@pytest.mark.parametrize(
    "config",
    [b"", b"{", b"[]", b'{"architectures": null}', b'{"architectures": "LlamaForCausalLM"}',
     b'{"architectures": [1]}', b"\xff\xfe", b'{"a":' * 100_000],
    ids=lambda config: repr(config[:30]),
)  # fmt: skip
def test_a_broken_configuration_is_passed_over(tmp_path: Path, config: bytes):
    (repository(tmp_path, "org/broken") / "config.json").write_bytes(config)
    repository(tmp_path, "org/good")
    assert list(cached_models(tmp_path)) == ["org/good"]


@pytest.mark.parametrize("commit", ["", "../..", "a\0b", "no-such-commit", "ff" * 20])
def test_a_broken_reference_is_passed_over(tmp_path: Path, commit: str):
    repository(tmp_path, "org/broken")
    (tmp_path / "models--org--broken" / "refs" / "main").write_text(commit)
    assert cached_models(tmp_path) == {}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path):
    config = repository(tmp_path, "org/pipe") / "config.json"
    config.unlink()
    os.mkfifo(config)
    assert cached_models(tmp_path) == {}


def test_no_cache_is_an_empty_one(tmp_path: Path):
    assert cached_models(tmp_path / "absent") == {}
    (tmp_path / "file").touch()
    assert cached_models(tmp_path / "file") == {}
    (tmp_path / "models--org--empty").touch()
    assert cached_models(tmp_path) == {}


def test_missing_libraries_are_told_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def missing():
        raise ModelError("Not installed.", "Install it.")

    monkeypatch.setattr("engine.backends.hf.installed.require", missing)
    assert INSTALL in why_none_runs()
    repository(tmp_path, "org/good")
    assert look(tmp_path).reason == why_none_runs()
    monkeypatch.setattr("engine.backends.hf.installed.require", lambda: None)
    assert look(tmp_path / "absent") == EMPTY


def test_nothing_heavy_is_imported():
    code = (
        "import sys\n"
        "from app.models.hub_cache import look\n"
        "look()\n"
        "bad = {'torch', 'transformers', 'huggingface_hub', 'safetensors'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
