"""Smaller quantisations of a GGUF file."""

from __future__ import annotations

import json
import sys

import pytest
from typer.testing import CliRunner

from engine.backends import registry
from engine.backends.quantising import QUANTISATIONS, forecast, quantise
from engine.cli import cli
from engine.config import ModelSpec
from engine.errors import Cancelled, ConfigError, ModelError
from tests.engine.backends.tiny import write_llama


@pytest.fixture
def source(tmp_path):
    return write_llama(tmp_path / "tiny.gguf")


def test_a_smaller_file_of_the_same_model(source, tmp_path):
    out = tmp_path / "draft.gguf"
    told: list[float] = []
    quantise(source, out, "Q4_0", told.append)
    assert told[-1] == 1.0
    assert sorted(told) == told
    assert out.stat().st_size < source.stat().st_size
    assert not list(tmp_path.glob("*.part"))
    models = [registry.load(ModelSpec(str(path), threads=1), "draft") for path in (source, out)]
    try:
        assert models[1].info.quantisation == "Q4_0"
        assert models[0].vocabulary.size == models[1].vocabulary.size
        assert models[0].encode("the cat") == models[1].encode("the cat")
    finally:
        for model in models:
            model.close()


def test_what_cannot_be_written_is_refused(source, tmp_path):
    with pytest.raises(ConfigError, match="no quantisation 'Q9'"):
        quantise(source, tmp_path / "out.gguf", "Q9", lambda fraction: None)
    with pytest.raises(ModelError, match="no file"):
        quantise(tmp_path / "none.gguf", tmp_path / "out.gguf", "Q4_0", lambda fraction: None)
    text = tmp_path / "text.gguf"
    text.write_text("no model")
    with pytest.raises(ModelError, match="cannot be written as Q4_0") as raised:
        quantise(text, tmp_path / "out.gguf", "Q4_0", lambda fraction: None)
    assert raised.value.hint
    with pytest.raises(ModelError, match="cannot be written as Q4_0"):
        quantise(source, tmp_path / "none" / "out.gguf", "Q4_0", lambda fraction: None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["text.gguf", "tiny.gguf"]


def test_cancelled_it_leaves_nothing_under_the_name(source, tmp_path):
    def stop(fraction):
        raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        quantise(source, tmp_path / "out.gguf", "Q4_0", stop)
    assert not (tmp_path / "out.gguf").exists()


def test_the_forecast_is_what_is_written(source, tmp_path):
    found = forecast(source)
    names = [each.quantisation for each in found]
    assert names
    assert set(names) <= set(QUANTISATIONS)
    for each in found:
        assert 0 < each.cost_ratio < 1
        out = tmp_path / "out.gguf"
        quantise(source, out, each.quantisation, lambda fraction: None)
        model = registry.load(ModelSpec(str(out), threads=1), "draft")
        written = model.info.size_bytes
        model.close()
        assert abs(written - each.size) < 0.01 * 2**20  # told in hundredths of a MiB
    smallest = tmp_path / "smallest.gguf"
    quantise(source, smallest, names[0], lambda fraction: None)
    assert names[0] not in [each.quantisation for each in forecast(smallest)]


def test_no_forecast_of_what_is_no_model(tmp_path):
    text = tmp_path / "text.gguf"
    text.write_text("no model")
    with pytest.raises(ModelError, match="not a GGUF file"):
        forecast(text)


def test_the_command(source, tmp_path):
    out = tmp_path / "new" / "draft.gguf"
    words = ["quantise", "--target", str(source), "--out", str(out)]
    made = CliRunner().invoke(cli, [*words, "--to", "Q8_0"])
    assert made.exit_code == 0, made.output
    assert out.is_file()
    wrong = CliRunner().invoke(cli, [*words, "--to", "Q9"])
    assert wrong.exit_code == 2
    assert "Known: Q2_K" in wrong.output


def test_the_command_for_the_window(source, tmp_path, monkeypatch):
    module = sys.modules["engine.cli_quantise"]
    monkeypatch.setattr(module, "serve_window", lambda cancel: None)
    words = ["quantise", "--target", str(source), "--out", str(tmp_path / "d.gguf")]
    made = CliRunner().invoke(cli, [*words, "--for-window"])
    last = json.loads(made.stdout.splitlines()[-1])
    assert last == {"type": "Step", "stage": "export", "fraction": 1.0, "detail": "Q4_0",
                    "seconds_left": None}  # fmt: skip
    wrong = CliRunner().invoke(cli, [*words, "--to", "Q9", "--for-window"])
    told = json.loads(wrong.stdout.splitlines()[-1])
    assert told["type"] == "Failed"
    assert "Q9" in told["message"]
