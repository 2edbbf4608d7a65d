"""From a folder, a hub id or a GGUF file to a model, and what is said where there is none."""

from __future__ import annotations

import contextlib
import gc
import json
import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402

import transformers
from transformers import modeling_gguf_pytorch_utils as gguf_of_transformers
from typer.testing import CliRunner

from engine.backends import registry
from engine.backends.hf import devices, gguf_reading, installed, loading
from engine.cli import cli
from engine.config import ModelSpec
from engine.errors import Cancelled, ConfigError, DraftscopeError, ModelError
from tests.engine.backends.hf import tiny_models
from tests.engine.backends.tiny import write_llama

IDS = [5, 17, 40, 200]
HOW = {"threads": 1, "device": "cpu", "precision": "float32", "context": 128}


def write(folder, *, shards=1, config=None, **settings):
    """A whole model in a folder."""
    network = tiny_models.network(0, config=config, **settings)
    size = sum(p.numel() * p.element_size() for p in network.parameters())
    network.save_pretrained(folder, max_shard_size=size if shards == 1 else size // shards)
    tiny_models.tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write(tmp_path_factory.mktemp("models") / "Tiny-20K")


@pytest.fixture
def folder(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "Tiny-20K"))


def load(source, progress=None, **how):
    return registry.load(ModelSpec(str(source), **(HOW | how)), "target", progress)


def refused(source, says, **how):
    """The hint of a refusal, which is one clear sentence and another one."""
    with pytest.raises(DraftscopeError) as caught:
        load(source, **how)
    error = caught.value
    assert says in error.message, error.message
    assert error.message.endswith(".")
    assert "\n" not in error.message
    assert len(error.message) < 300
    assert error.hint.endswith((".", '"')) or "hf download" in error.hint or "http" in error.hint
    return error.hint


def edit(folder, **changes):
    path = folder / "config.json"
    settings = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in settings.items() if v is not None}), "utf-8")


def logits(model):
    rows = model.extend(IDS).copy()
    model.close()
    return rows


def test_a_folder(folder):
    model = load(folder)
    info = model.info
    assert (info.name, info.backend, info.device) == ("Tiny-20K", "transformers", "CPU")
    assert (info.quantisation, info.context, info.threads) == ("FP32", 128, 1)
    assert (info.layers, info.vocabulary, info.synthetic) == (4, tiny_models.SIZE, False)
    assert info.size_bytes == 4 * info.parameters
    assert model.encode("ab", raw=True) == [ord("a") - 33, ord("b") - 33]
    np.testing.assert_allclose(logits(model), tiny_models.model(0).extend(IDS), atol=1e-5)


def test_shards(tmp_path):
    folder = write(tmp_path / "sharded", shards=3)
    assert len(list(folder.glob("*.safetensors"))) > 1
    np.testing.assert_allclose(logits(load(folder)), tiny_models.model(0).extend(IDS), atol=1e-5)


def test_nothing_is_written_to_the_terminal(folder, capfd):
    load(folder).close()
    assert capfd.readouterr() == ("", "")


def test_progress_rises_to_one(folder, tmp_path):
    gguf = write_llama(tmp_path / "tiny.gguf")
    for source, how in ((folder, {}), (gguf, {"backend": "hf"})):
        heard = []
        load(source, heard.append, **how).close()
        assert heard == sorted(heard)
        assert heard[0] == 0.0
        assert heard[-1] == 1.0
        assert len(set(heard)) > 5


@pytest.mark.parametrize("at", [0.0, 0.2, 0.95, 1.0])
def test_a_stopped_load_leaves_nothing(folder, at):
    def networks():
        gc.collect()
        # isinstance would ask proxies of deprecated things, which warn.
        return sum(issubclass(type(x), torch.nn.Module) for x in gc.get_objects())

    def stop(fraction):
        if fraction >= at:
            raise Cancelled("Enough.")

    before = networks()
    with pytest.raises(Cancelled, match="Enough"):
        load(folder, stop)
    assert networks() == before


def test_a_gguf_file(tmp_path):
    # Without the number of key heads, transformers leaves weights in llama.cpp's order.
    path = write_llama(tmp_path / "tiny.gguf", llama__attention__head_count_kv=2)
    ours, theirs = load(path, backend="hf"), load(path, backend="gguf")
    assert (ours.info.backend, ours.info.name) == ("transformers", "tiny")
    assert ours.info.parameters == theirs.info.parameters
    np.testing.assert_allclose(logits(ours), logits(theirs), atol=0.05)


def test_reading_a_gguf_file_quickly_reads_the_same(tmp_path):
    path = str(write_llama(tmp_path / "tiny.gguf", tokenizer__ggml__merges=("a b",) * 300))

    def read(how):
        with how:
            return gguf_of_transformers.load_gguf_checkpoint(path)["config"]

    slow, quick = read(contextlib.nullcontext()), read(gguf_reading.quick())
    assert slow == quick
    assert slow["vocab_size"] == 267
    assert read(contextlib.nullcontext()) == slow


@pytest.fixture
def cache(folder, tmp_path, monkeypatch):
    """A Hugging Face cache that holds the model as org/tiny."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    home = tmp_path / "hub" / "models--org--tiny"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    shutil.copytree(folder, home / "snapshots" / commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return home


def test_a_hub_id_in_the_cache(cache):
    model = load("org/tiny")
    assert model.info.name == "org/tiny"
    model.close()


def test_a_hub_id_that_is_not_in_the_cache(cache):
    assert refused("org/other", "org/other is not in the Hugging Face cache").endswith(
        "hf download org/other"
    )
    refused("or g/ö", "is not in the Hugging Face cache")


def test_a_download_that_was_cut_off(cache):
    (snapshot,) = (cache / "snapshots").iterdir()
    (snapshot / "model.safetensors").unlink()
    refused("org/tiny", "no weights in the safetensors format")


def test_no_config(folder):
    (folder / "config.json").unlink()
    assert "config.json" in refused(folder, "has no config.json")


@pytest.mark.parametrize("text", ["{", "", "[]", "\x00\x01", "{}"])
def test_a_broken_config(folder, text):
    (folder / "config.json").write_text(text)
    refused(folder, "Tiny-20K")


def test_an_unknown_architecture(folder):
    edit(folder, model_type="quux", architectures=["QuuxForCausalLM"])
    assert "GGUF" in refused(folder, "architecture that transformers")


def test_code_of_a_repository_is_never_run(folder, tmp_path):
    ran = tmp_path / "ran"
    (folder / "modeling_evil.py").write_text(f"open({str(ran)!r}, 'w')\n" + EVIL)
    where = {"AutoConfig": "modeling_evil.EvilConfig", "AutoModelForCausalLM": "modeling_evil.Evil"}
    edit(folder, auto_map=where, model_type="evil", architectures=["Evil"])
    refused(folder, "needs code from its repository, which is never run")
    # With a type that transformers knows, its own code serves.
    edit(folder, model_type="llama")
    load(folder).close()
    # The code of a tokenizer neither.
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings["auto_map"] = {"AutoTokenizer": ["modeling_evil.Evil", "modeling_evil.Evil"]}
    settings["tokenizer_class"] = "Evil"
    path.write_text(json.dumps(settings))
    with contextlib.suppress(DraftscopeError):
        load(folder).close()
    assert not ran.exists()


EVIL = """
from transformers import LlamaConfig, LlamaForCausalLM
class EvilConfig(LlamaConfig):
    model_type = "evil"
class Evil(LlamaForCausalLM):
    config_class = EvilConfig
"""


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").unlink()
    torch.save(tiny_models.network(0).state_dict(), folder / "pytorch_model.bin")
    assert "can run code" in refused(folder, "no weights in the safetensors format")


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "no weights in the safetensors format")


@pytest.mark.parametrize("left", [0, 4, 1000, 0.5, 0.999])
def test_truncated_weights(folder, left):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: left if isinstance(left, int) else int(left * len(whole))])
    refused(folder, "Tiny-20K")


def test_a_missing_shard(tmp_path):
    folder = write(tmp_path / "sharded", shards=3)
    sorted(folder.glob("*.safetensors"))[1].unlink()
    refused(folder, "sharded")


def test_weights_of_another_shape(folder):
    edit(folder, hidden_size=64)
    refused(folder, "Tiny-20K")


def test_missing_tensors_are_not_made_up(folder):
    """transformers would fill them with random numbers and warn."""
    edit(folder, num_hidden_layers=5)
    refused(folder, "Tiny-20K")


def test_no_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    assert "tokenizer" in refused(folder, "tokenizer").lower()


def test_an_encoder_decoder(tmp_path):
    from transformers import T5Config

    sizes = {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_heads": 2, "d_kv": 8}
    config = T5Config(vocab_size=tiny_models.SIZE, **sizes)
    transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    tiny_models.tokenizer().save_pretrained(tmp_path / "t5")
    assert "decoder-only" in refused(tmp_path / "t5", "t5")


@pytest.mark.parametrize("kind", ["Mamba", "Mamba2", "Rwkv", "RecurrentGemma", "Jamba"])
def test_recurrent_models(tmp_path, kind):
    sizes = {
        "Mamba": {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2},
        "Mamba2": {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2, "num_heads": 4,
                   "head_dim": 8, "n_groups": 1},
        "Rwkv": {"hidden_size": 16, "num_hidden_layers": 2},
        "RecurrentGemma": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
                           "lru_width": 16, "intermediate_size": 32, "head_dim": 8},
        "Jamba": {"hidden_size": 16, "num_hidden_layers": 8, "num_attention_heads": 2,
                  "num_key_value_heads": 2, "intermediate_size": 32, "mamba_d_state": 4,
                  "use_mamba_kernels": False},
    }  # fmt: skip
    config = getattr(transformers, f"{kind}Config")(vocab_size=tiny_models.SIZE, **sizes[kind])
    network = transformers.AutoModelForCausalLM.from_config(config)
    network.save_pretrained(tmp_path / kind)
    tiny_models.tokenizer().save_pretrained(tmp_path / kind)
    assert "GGUF" in refused(tmp_path / kind, kind)


@pytest.mark.parametrize("context", [-1, 513])
def test_a_context_out_of_range(folder, context):
    assert "512" in refused(folder, "trained for a context of 512", context=context)


def test_the_context_that_is_taken(folder):
    for asked, taken in ((0, 512), (1, 1), (512, 512)):
        model = load(folder, context=asked)
        assert model.context == taken
        model.extend([5] * min(taken, 100), "none")
        model.close()
    edit(folder, max_position_embeddings=100_000)
    model = load(folder, context=0)
    assert model.context == loading.DEFAULT_CONTEXT
    model.close()


def test_unknown_devices_and_precisions(folder):
    refused(folder, "no device 'tpu'", device="tpu")
    refused(folder, "no precision 'fp8'", precision="fp8")
    if not torch.cuda.is_available():
        assert "'cpu'" in refused(folder, "finds no CUDA device", device="cuda")
        refused(folder, "finds no CUDA device", device="cuda:7")
    if not torch.backends.mps.is_available():
        refused(folder, "no Metal device", device="mps")


@pytest.mark.parametrize(
    ("precision", "shown"), [("float32", "FP32"), ("bfloat16", "BF16"), ("float16", "FP16")]
)
def test_precisions(folder, precision, shown):
    model = load(folder, precision=precision)
    assert model.info.quantisation == shown
    rows = logits(model)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, tiny_models.model(0).extend(IDS), atol=0.5)


def test_auto_on_a_processor(folder, monkeypatch):
    """Stored in 16 bits: widened unless the processor multiplies bfloat16."""
    edit(folder, dtype="bfloat16")
    for fast, shown in ((False, "FP32"), (True, "BF16")):
        monkeypatch.setattr(devices, "_dense_bfloat16", lambda fast=fast: fast)
        model = load(folder, precision="auto")
        assert model.info.quantisation == shown
        model.close()
    edit(folder, dtype="float32")
    assert load(folder, precision="auto").info.quantisation == "FP32"


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_quantising_needs_its_library(folder, monkeypatch, precision):
    _missing(monkeypatch, "bitsandbytes", devices)
    hint = refused(folder, f"{precision} needs the library bitsandbytes", precision=precision)
    assert "pip install bitsandbytes" in hint


def _missing(monkeypatch, name, module):
    find = module.importlib.util.find_spec
    monkeypatch.setattr(
        module.importlib.util,
        "find_spec",
        lambda asked, *rest: None if asked == name else find(asked, *rest),
    )


def test_a_model_larger_than_memory(folder, monkeypatch):
    free = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert "smaller" in refused(folder, "GiB of memory")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce] can't allocate memory: 9 bytes"),
    ],
)
def test_out_of_memory_while_loading(folder, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", fail)
    assert "smaller" in refused(folder, "not enough memory for Tiny-20K")


@pytest.mark.parametrize("name", ["torch", "transformers", "accelerate", "safetensors"])
def test_the_extra_is_not_installed(folder, monkeypatch, name):
    _missing(monkeypatch, name, installed)
    assert refused(folder, f"not installed: {name}").endswith('pip install "draftscope[hf]"')


def test_the_extra_is_not_installed_on_the_command_line(folder, monkeypatch):
    _missing(monkeypatch, "torch", installed)
    result = CliRunner().invoke(cli, ["run", "--target", str(folder), "--prompt", "x"])
    assert result.exit_code == 2
    error, hint = result.stderr.splitlines()
    assert error == "Error: Hugging Face models need libraries that are not installed: torch."
    assert hint == 'Hint: Install them with: pip install "draftscope[hf]"'


def test_errors_on_the_command_line_are_one_line_and_a_hint(folder):
    (folder / "model.safetensors").write_bytes(b"")
    result = CliRunner().invoke(cli, ["run", "--target", str(folder), "--prompt", "x"])
    assert result.exit_code == 2
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["Error", "Hint"]


@pytest.mark.parametrize(("value", "synthetic"), [({"accept": 0.8}, True), (None, False)])
def test_made_up_weights_are_told_by_the_config(folder, value, synthetic):
    edit(folder, draftscope_synthetic=value)
    model = load(folder)
    assert model.info.synthetic is synthetic
    model.close()


def test_end_tokens_of_the_generation_config(folder):
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    model = load(folder)
    assert model.vocabulary.end_ids == {7, 9, 256}
    model.close()


def test_a_failed_load_is_no_bar_to_the_next(folder):
    shutil.copy(folder / "model.safetensors", folder / "kept")
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError):
        load(folder)
    shutil.copy(folder / "kept", folder / "model.safetensors")
    load(folder).close()
    with pytest.raises(ConfigError):
        load(folder, context=999_999)
