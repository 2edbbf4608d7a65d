"""What is said of files that cannot be loaded."""

from __future__ import annotations

import pytest

from engine.backends import preflight
from engine.backends.llama_cpp import LlamaCppModel
from engine.errors import ModelError
from tests.engine.backends.tiny import write_gguf, write_llama


def refusal(path) -> str:
    """The sentence, after checking that there is a hint and that both are whole sentences."""
    with pytest.raises(ModelError) as caught:
        LlamaCppModel(path)
    message, hint = caught.value.message, caught.value.hint
    assert message.endswith(".")
    assert hint.endswith(".")
    assert "\n" not in message
    return message


def test_missing_file(tmp_path):
    assert "There is no file" in refusal(tmp_path / "none.gguf")


def test_folders(tmp_path):
    assert "without a GGUF file" in refusal(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert "Hugging Face" in refusal(tmp_path)
    write_llama(tmp_path / "a.gguf")
    with pytest.raises(ModelError) as caught:
        preflight.check(tmp_path)
    assert caught.value.hint == "Choose a file in it: a.gguf."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "x.gguf is empty."),
        (b"PK\3\4 some archive", "x.gguf is not a GGUF file."),
        (b"GG", "x.gguf is not a GGUF file."),
    ],
)
def test_other_files(tmp_path, content, sentence):
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    assert refusal(path) == sentence


@pytest.mark.parametrize("kept", [4, 20, 40, 100, 3000])
def test_cut_in_the_header(tmp_path, kept):
    path = write_llama(tmp_path / "x.gguf")
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(path) == "x.gguf is damaged or incomplete: its header cannot be read."


@pytest.mark.parametrize("missing", [1, 1000, 60_000])
def test_cut_in_the_weights(tmp_path, missing):
    path = write_llama(tmp_path / "x.gguf")
    path.write_bytes(path.read_bytes()[:-missing])
    assert refusal(path) == "x.gguf is incomplete: the file ends before its weights do."


def test_version(tmp_path):
    path = write_llama(tmp_path / "x.gguf")
    data = bytearray(path.read_bytes())
    for version in (1, 99, 0x03000000):
        data[4:8] = version.to_bytes(4, "little")
        path.write_bytes(data)
        assert "version of the GGUF format" in refusal(path)


def test_unknown_architecture(tmp_path):
    path = write_llama(tmp_path / "x.gguf", general__architecture="flux")
    assert "architecture 'flux'" in refusal(path)


def test_unknown_tokenizer(tmp_path):
    path = write_llama(
        tmp_path / "x.gguf",
        tokenizer__ggml__model="gpt2",
        tokenizer__ggml__pre="from-next-year",
        tokenizer__ggml__merges=("a b",),
    )
    assert "tokenizer (from-next-year)" in refusal(path)


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"general.architecture": "clip"}, "mmproj"),
        ({"general.architecture": "llama", "general.type": "mmproj"}, "mmproj"),
        ({"general.architecture": "llama", "general.type": "adapter"}, "adapter (LoRA)"),
        ({"general.architecture": "llama", "general.type": "imatrix"}, "importance matrix"),
        ({"general.architecture": "llama"}, "lacks the setting"),
    ],
)
def test_files_that_are_no_language_model(tmp_path, metadata, sentence):
    assert sentence in refusal(write_gguf(tmp_path / "x.gguf", metadata))


def test_missing_tensor(tmp_path):
    path = write_llama(tmp_path / "x.gguf", llama__block_count=2)
    assert "not a complete language model" in refusal(path)


def test_split_models(tmp_path):
    first, third = (tmp_path / f"big-0000{i}-of-00003.gguf" for i in (1, 3))
    write_llama(first)
    write_llama(third)
    assert refusal(third) == "big is split into 3 files; part 2 is missing."
    write_llama(tmp_path / "big-00002-of-00003.gguf")
    assert preflight.check(third) == first


def test_metadata_is_read_up_to_the_vocabulary(tmp_path):
    path = write_llama(tmp_path / "x.gguf", general__name="Ä", general__tags=None)
    metadata = preflight.read_metadata(path)
    assert metadata["general.name"] == "Ä"
    assert metadata["llama.context_length"] == 512
    assert metadata["llama.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-5)
    assert "tokenizer.ggml.add_bos_token" not in metadata
    assert preflight.read_metadata(tmp_path / "none.gguf") == {}


def test_metadata_skips_arrays(tmp_path):
    metadata = {"a": ("x", "yy"), "b": (1, 2, 3), "c": True, "d": 7}
    assert preflight.read_metadata(write_gguf(tmp_path / "x.gguf", metadata)) == {"c": True, "d": 7}


def test_explanations():
    error = preflight.explain("x.gguf", ["f: error loading model: unable to allocate CUDA0 buffer"])
    assert "not enough memory" in error.message
    assert "GPU" in error.hint
    error = preflight.explain("x.gguf", ["llama_model_load: error loading model: odd thing."])
    assert error.message == "llama.cpp cannot load x.gguf: odd thing."
    assert "gave no reason" in preflight.explain("x.gguf", []).message
