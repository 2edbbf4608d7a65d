"""Made-up pairs: they agree as asked, are ordinary models on disk, and fail without a trace."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from engine.backends.hf import synth_files  # noqa: E402
from engine.backends.hf.synth import (  # noqa: E402
    SHAPES,
    make_pair,
    make_tokenizer,
    pair_bytes,
    shape_named,
    write_pair,
)
from engine.backends.hf.synth_tokenizer import END_ID, N_QUIET  # noqa: E402
from engine.cli import cli  # noqa: E402
from engine.errors import Cancelled, ConfigError, ModelError  # noqa: E402

TINY = SHAPES["tiny"]
UNTIED = replace(TINY, tied=False)
HELLO = "Hällo\n 漢字 🙂\x00 <b>"


def make(agreement=0.8, shape=TINY, draft_layers=1, dtype=torch.float32, **given):
    return make_pair(shape, draft_layers=draft_layers, agreement=agreement, dtype=dtype, **given)


@pytest.fixture(scope="module")
def pair():
    return make(dtype=torch.bfloat16)


def measured(pair, contexts):
    """Overlap at T = 1 and equal argmax, by transformers' own passes."""
    with torch.no_grad():
        p, q = (
            network(contexts).logits.double().softmax(-1)
            for network in (pair.target_network, pair.draft_network)
        )
    equal = (p.argmax(-1) == q.argmax(-1)).double()
    return torch.minimum(p, q).sum(-1).mean().item(), equal.mean().item()


def other_contexts(n=24, length=64):
    generator = torch.Generator().manual_seed(12345)
    return torch.randint(N_QUIET, TINY.tokens, (n, length), generator=generator)


@pytest.mark.parametrize("shape", [TINY, UNTIED], ids=["tied", "untied"])
@pytest.mark.parametrize("agreement", [0.5, 0.8])
def test_agreement_holds_in_other_longer_contexts(shape, agreement):
    pair = make(agreement, shape)
    overlap, equal = measured(pair, other_contexts())
    assert overlap == pytest.approx(agreement, abs=0.03)
    assert pair.agreement == pytest.approx(agreement, abs=0.01)
    assert equal == pytest.approx(pair.greedy_agreement, abs=0.05)
    assert pair.greedy_agreement == pytest.approx(agreement, abs=0.15)


@pytest.mark.parametrize("agreement", [0.05, 0.98])
def test_agreement_at_the_ends_of_its_range(agreement):
    assert make(agreement, draft_layers=3).agreement == pytest.approx(agreement, abs=0.01)


def test_agreement_holds_in_the_text_that_the_target_writes(pair):
    text = generated(pair, do_sample=True, top_k=0, max_new_tokens=128)
    assert measured(pair, text)[0] == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize("shape", [TINY, UNTIED], ids=["tied", "untied"])
def test_greedy_text_does_not_run_in_a_circle(shape):
    for row in generated(make(shape=shape), do_sample=False, max_new_tokens=64):
        assert len(set(row.tolist())) >= 20


def test_distributions_are_neither_flat_nor_one_hot(pair):
    with torch.no_grad():
        logs = pair.target_network(other_contexts()).logits.float().log_softmax(-1)
    entropy = -(logs.exp() * logs).sum(-1)
    assert entropy.mean().item() == pytest.approx(2.0, abs=0.25)


@pytest.mark.parametrize("agreement", [0.2, 0.8])
@pytest.mark.parametrize("shape", [TINY, UNTIED], ids=["tied", "untied"])
def test_only_words_are_produced(shape, agreement):
    network = make(agreement, shape).target_network
    contexts = torch.cat([other_contexts(), torch.arange(256).view(4, 64)])
    with torch.no_grad():
        p = network(contexts).logits.double().softmax(-1)
    assert p[..., :N_QUIET].sum(-1).max().item() < 1e-3
    assert p[..., END_ID].max().item() < 1e-6


def generated(pair, **how):
    torch.manual_seed(0)
    prompts = torch.tensor([list(b"Why is the sky"), list(b"def add(a, b):")])
    text = pair.target_network.generate(
        prompts, attention_mask=torch.ones_like(prompts), pad_token_id=END_ID, **how
    )
    return text[:, prompts.shape[1] :]


def test_the_draft_is_the_first_layers_of_the_target_and_shares_their_tensors(pair):
    target = dict(pair.target_network.named_parameters())
    draft = dict(pair.draft_network.named_parameters())
    assert len(pair.draft_network.model.layers) == 1
    assert all(tensor.data_ptr() == target[name].data_ptr() for name, tensor in draft.items())
    assert {tensor.dtype for tensor in target.values()} == {torch.bfloat16}


def test_equal_seeds_give_equal_pairs_and_others_others(pair):
    logits = [
        made.target_network(other_contexts(1, 4)).logits
        for made in (pair, make(dtype=torch.bfloat16), make(dtype=torch.bfloat16, seed=1))
    ]
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])


def test_the_device_is_the_one_asked_for_whatever_torchs_default_is(pair):
    with torch.device("meta"):
        made = make(dtype=torch.bfloat16)
    assert made.agreement == pair.agreement
    assert {tensor.device.type for tensor in made.draft_network.state_dict().values()} == {"cpu"}


@pytest.mark.parametrize("shape", [TINY, UNTIED], ids=["tied", "untied"])
def test_bytes_are_known_before_anything_is_made(shape):
    pair = make(shape=shape, draft_layers=2)
    networks = pair.target_network, pair.draft_network
    assert pair_bytes(shape, 2, torch.float32) == tuple(4 * n.num_parameters() for n in networks)


def test_known_shapes_have_the_size_of_their_namesakes():
    billions = {name: pair_bytes(shape, 1, torch.int8)[0] / 1e9 for name, shape in SHAPES.items()}
    assert billions["llama-8b"] == pytest.approx(8.03, abs=0.005)
    assert billions["llama-1b"] == pytest.approx(1.236, abs=0.001)
    assert billions["smollm2-135m"] == pytest.approx(0.1345, abs=0.0001)


def test_progress_never_falls_and_ends_at_one():
    told = []
    make(tell=told.append)
    assert told == sorted(told)
    assert (len(told) > 10, told[-1]) == (True, 1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"draft_layers": 0}, "cannot have 0 of the 4 layers"),
        ({"draft_layers": 4}, "cannot have 4 of the 4 layers"),
        ({"agreement": 1.0}, "agreement of 1 "),
        ({"agreement": float("nan")}, "agreement of nan"),
        ({"seed": -1}, "seed is -1"),
        ({"shape": replace(TINY, tokens=299)}, "299 tokens"),
        ({"shape": replace(TINY, tokens=600_000)}, "600,000 tokens"),
    ],
)
def test_what_cannot_be_made_is_refused(given, message):
    with pytest.raises(ConfigError, match=message) as refused:
        make(**given)
    assert refused.value.hint


def test_an_unknown_shape_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'huge'") as refused:
        shape_named("huge")
    assert all(name in refused.value.hint for name in SHAPES)


def test_what_does_not_fit_the_memory_is_refused():
    with pytest.raises(ModelError, match="of memory"):
        make(shape=replace(SHAPES["llama-8b"], layers=10_000))


@pytest.mark.parametrize("size", [300, 512, 49_152])
def test_tokenizer_reads_any_text_as_bytes_and_writes_words(size):
    tokenizer = make_tokenizer(size)
    ids = tokenizer.encode(HELLO)
    assert ids == list(HELLO.encode())
    assert tokenizer.decode(ids) == HELLO
    words = tokenizer.convert_ids_to_tokens(range(N_QUIET, size))
    assert len(tokenizer) == size == N_QUIET + len(set(words))
    assert words[0] == "Ġbaba"
    assert tokenizer.decode([*b"Hi", N_QUIET, size - 1]).startswith("Hi baba ")


def test_chat_template_has_its_own_tokens():
    tokenizer = make_tokenizer(300)
    chat = [{"role": "user", "content": "hi"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|begin|><|user|>hi<|assistant|>"
    assert tokenizer.encode(text) == [256, 258, *b"hi", 259]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (256, 257)


@pytest.mark.parametrize("shape", [TINY, UNTIED], ids=["tied", "untied"])
@pytest.mark.parametrize("shard", [synth_files._SHARD, 50_000], ids=["one file", "shards"])
def test_folders_are_ordinary_models(tmp_path, monkeypatch, shape, shard):
    monkeypatch.setattr(synth_files, "_SHARD", shard)
    pair = make(shape=shape, dtype=torch.bfloat16)
    write_pair(pair, make_tokenizer(shape.tokens), tmp_path / "made" / "pair")
    assert [path.name for path in tmp_path.rglob("pair*")] == ["pair"]
    for name, network in ("target", pair.target_network), ("draft", pair.draft_network):
        folder = tmp_path / "made" / "pair" / name
        assert (folder / "model.safetensors").exists() == (shard > 50_000)
        loaded = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True)
        assert loaded.dtype == torch.bfloat16
        contexts = other_contexts(2, 8)
        assert torch.equal(loaded(contexts).logits, network(contexts).logits)
        made_up = {"like": "tiny", "agreement": round(pair.agreement, 4), "seed": 0}
        assert loaded.config.draftscope_synthetic == made_up
        assert loaded.generation_config.eos_token_id == END_ID
        assert AutoTokenizer.from_pretrained(folder).encode(HELLO) == list(HELLO.encode())


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path, pair):
    tokenizer = make_tokenizer(TINY.tokens)
    write_pair(pair, tokenizer, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="there already"):
        write_pair(pair, tokenizer, tmp_path)
    with pytest.raises(ConfigError, match="there already"):
        write_pair(pair, tokenizer, tmp_path / "target" / "config.json")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_remains_of_a_killed_run_are_named_and_kept(tmp_path, pair):
    (tmp_path / "pair.part").mkdir()
    with pytest.raises(ConfigError, match=r"pair\.part is there"):
        write_pair(pair, make_tokenizer(TINY.tokens), tmp_path / "pair")
    assert [path.name for path in tmp_path.iterdir()] == ["pair.part"]


def test_a_disk_without_room_is_refused(tmp_path):
    with pytest.raises(ModelError, match="GiB of disk"):
        synth_files.check_folder(tmp_path / "pair", 10**18)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ModelError),
        (synth_files.SafetensorError("I/O error: No space left on device"), ModelError),
        (Cancelled("Cancelled."), Cancelled),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["full", "full, says safetensors", "cancelled", "interrupted"],
)
def test_what_ends_the_writing_leaves_nothing(tmp_path, monkeypatch, pair, raised, expected):
    real, written = synth_files.save_file, []

    def save_file(tensors, path, **how):
        if written:
            raise raised
        real(tensors, path, **how)
        written.append(path.exists())

    monkeypatch.setattr(synth_files, "save_file", save_file)
    with pytest.raises(expected):
        write_pair(pair, make_tokenizer(TINY.tokens), tmp_path / "pair")
    assert written == [True]
    assert list(tmp_path.iterdir()) == []


def test_progress_of_writing_can_stop_it(tmp_path, pair):
    told = []

    def tell(fraction):
        told.append(fraction)
        raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        write_pair(pair, make_tokenizer(TINY.tokens), tmp_path / "pair", tell)
    assert (0 < told[0] < 1, list(tmp_path.iterdir())) == (True, [])


def synth(*arguments):
    return CliRunner().invoke(cli, ["synth", "--like", "tiny", *map(str, arguments)])


def test_command_writes_the_pair_and_prints_both_agreements(tmp_path):
    result = synth("--draft-layers", 2, "--agreement", 0.6, "--out", tmp_path / "pair")
    assert result.exit_code == 0, result.output
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "pair" / "draft")
    made_up = network.config.draftscope_synthetic
    assert f"{made_up['agreement']:.3f} at T = 1" in result.stdout
    assert "greedy (equal argmax)" in result.stdout
    assert f"2 layers, {network.num_parameters():,} parameters" in result.stdout


def test_command_takes_another_vocabulary_and_precision(tmp_path):
    result = synth("--draft-layers", 1, "--tokens", 700, "--precision", "float32", "--out",
                   tmp_path / "pair")  # fmt: skip
    assert result.exit_code == 0, result.output
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "pair" / "target")
    assert (network.config.vocab_size, network.dtype) == (700, torch.float32)
    assert len(AutoTokenizer.from_pretrained(tmp_path / "pair" / "target")) == 700


@pytest.mark.parametrize(
    "arguments",
    [
        ["--like", "huge"],
        ["--draft-layers", "4"],
        ["--agreement", "2"],
        ["--tokens", "10"],
        ["--device", "abacus"],
        ["--precision", "int4"],
    ],
    ids=" ".join,
)
def test_command_refuses_in_one_line_and_leaves_nothing(tmp_path, arguments):
    result = synth("--draft-layers", 1, *arguments, "--out", tmp_path / "pair")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []
