"""A draft from the target's text to its figures, stopped and resumed, and what is refused."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")

import msgspec
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from typer.testing import CliRunner

from engine.backends import registry
from engine.backends.trimmed import fitted
from engine.cli import cli
from engine.config import Config, ModelSpec
from engine.distil import converted, evaluation, prompts, work
from engine.distil.batches import Batch
from engine.distil.figures import STAGES, Learnt, Step
from engine.distil.folder import Folder
from engine.distil.plan import Plan
from engine.distil.target import load_target
from engine.distil.text import read_parts
from engine.distil.work import Distillation
from engine.errors import Cancelled, ConfigError, DraftscopeError, ModelError
from engine.experiments.prompts import suite
from engine.job import Job, JobRunner
from engine.presets import presets
from engine.trace import Trace
from tests.engine.backends.hf.tiny_models import network, tokenizer
from tests.engine.backends.tiny import write_llama


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    path = tmp_path_factory.mktemp("target") / "tiny.gguf"
    return write_llama(path, llama__attention__head_count_kv=2, general__license="made-up")


@pytest.fixture(autouse=True)
def few_prompts(monkeypatch):
    monkeypatch.setattr(evaluation, "PROMPTS", 2)


def plan(target, **changes):
    settings = {
        "target": str(target), "layers": 1, "vocabulary": 200, "tokens": 700, "passes": 3.0,
        "rows": 24, "answer": 12, "batch": 256, "threads": 1, "device": "cpu",
        "precision": "float32", **changes,
    }  # fmt: skip
    return Plan(**settings).validated()


class Ears:
    """Hears what is told; cancels the work once it is half through a stage."""

    def __init__(self, stop=None):
        self.told, self.stop, self.work = [], stop, None

    def __call__(self, told):
        self.told.append(told)
        if isinstance(told, Step) and told.stage == self.stop and told.fraction >= 0.4:
            self.work.cancel()


def distil(asked, out, *, resume=False, stop=None):
    ears = Ears(stop)
    ears.work = Distillation(asked, out, resume, ears)
    ears.work.run()
    return ears


def figures(out):
    last = msgspec.json.decode((out / "figures.jsonl").read_bytes().splitlines()[-1], type=Learnt)
    return msgspec.structs.replace(last, seconds=0.0, cost_ratio=0.0)


@pytest.fixture(scope="module")
def undisturbed(target, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "draft"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "PROMPTS", 2)
        return out, distil(plan(target), out)


def test_a_draft_is_made(undisturbed, target):
    out, ears = undisturbed
    names = {path.name for path in out.iterdir()}
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json", "draft-F16.gguf",
            "draft-Q8_0.gguf", "draft-Q4_0.gguf", "evaluation"} <= names  # fmt: skip
    stages = [told.stage for told in ears.told if isinstance(told, Step)]
    assert list(dict.fromkeys(stages)) == list(STAGES)
    learnt = [told for told in ears.told if isinstance(told, Learnt)]
    assert learnt[-1].fraction == 1.0
    assert learnt[-1].loss < learnt[0].loss + 0.02
    card = (out / "README.md").read_text()
    assert "license: made-up" in card
    assert f"{learnt[-1].agreement:.3f}" in card
    assert "draft-Q4_0.gguf | 0.8" in card
    assert "--tokens 700" in card
    assert not (Folder(out).work / "lock").exists()


@pytest.mark.parametrize("stage", ["write", "train", "evaluate"])
def test_stopped_work_ends_as_undisturbed_work(undisturbed, target, tmp_path, stage):
    out = tmp_path / "draft"
    with pytest.raises(Cancelled):
        distil(plan(target), out, stop=stage)
    assert not out.exists()
    with pytest.raises(ConfigError, match="work that has begun"):
        distil(plan(target), out)
    with pytest.raises(ConfigError, match="begun with layers 1"):
        distil(plan(target, layers=2), out, resume=True)
    distil(plan(target), out, resume=True)
    assert figures(out) == figures(undisturbed[0])
    same = "model.safetensors"
    assert (out / same).read_bytes() == (undisturbed[0] / same).read_bytes()


@pytest.mark.parametrize("stage", ["write", "train", "evaluate"])
def test_a_process_killed_in_any_stage_is_resumed(undisturbed, target, tmp_path, stage):
    out = tmp_path / "draft"
    words = [sys.executable, "-m", "app", "distil", "--out", str(out), "--for-window"]
    words += plan(target).options()
    wanted = f'"stage":"{stage}","fraction":'
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        for line in process.stdout:
            if wanted in line.decode() and f"{wanted}0.0," not in line.decode():
                process.kill()
                break
    assert process.returncode != 0
    assert not out.exists()
    distil(plan(target), out, resume=True)
    assert figures(out) == figures(undisturbed[0])


def test_a_killed_process_leaves_nothing_that_hurts(undisturbed, target, tmp_path):
    """What lies there after a kill: files that are not whole, figures beyond the saved state."""
    out = tmp_path / "draft"
    with pytest.raises(Cancelled):
        distil(plan(target), out, stop="train")
    folder = Folder(out)
    saved = len(folder.learnt())
    with folder.log.open("ab") as file:
        late = msgspec.structs.replace(folder.learnt()[-1], tokens=10**6)
        file.write(msgspec.json.encode(late) + b'\n{"fraction":0.')
    for path in (folder.state, folder.part(1), folder.part(9)):
        path.with_name(f"{path.name}.part").write_bytes(b"torn")
    (folder.work / "lock").write_text("999999999 1.0")
    folder.draft.mkdir()
    distil(plan(target), out, resume=True)
    learnt = [msgspec.json.decode(line, type=Learnt) for line in
              (out / "figures.jsonl").read_bytes().splitlines()]  # fmt: skip
    assert len(learnt) > saved
    assert max(x.tokens for x in learnt) < 10**6
    assert figures(out) == figures(undisturbed[0])


def test_a_finished_draft_is_trained_on(target, tmp_path):
    out = tmp_path / "draft"
    distil(plan(target, passes=1.0), out)
    first = figures(out)
    distil(plan(target, passes=3.0), out, resume=True)
    assert figures(out).tokens > first.tokens
    assert (Folder(out).work / "earlier" / "README.md").is_file()


def test_texts_side_by_side_are_as_alone(target):
    network = load_target(plan(target)).network
    texts = [[(7 * i + j) % 50 for j in range(length)] for i, length in enumerate(range(1, 41))]
    together = Batch(network, 64)
    first = together.begin(texts)
    fed = first.argmax(dim=-1)
    second = together.step(fed)
    together.keep(torch.arange(0, 40, 2))
    third = together.step(fed[::2])
    for i in range(0, 40, 2):
        alone = Batch(network, 64)
        torch.testing.assert_close(alone.begin([texts[i]])[0], first[i], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(alone.step(fed[i : i + 1])[0], second[i], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            alone.step(fed[i : i + 1])[0], third[i // 2], rtol=1e-4, atol=1e-4
        )


def test_text_depends_on_the_seed_alone_and_is_partly_the_targets_own(undisturbed, target):
    texts = list(read_parts(Folder(undisturbed[0]).parts))
    assert {round(text.temperature, 3) for text in texts} == set(prompts.TEMPERATURES)
    assert sum(int(text.chosen.sum()) for text in texts) >= 700
    for number, text in enumerate(texts):
        asked = prompts.asked(0, number)
        assert text.held_out == asked.held_out == (number % prompts.HELD_OUT == 19)
        assert len(text.top_ids) == text.chosen.sum()
    own = sum(prompts.asked(0, n).text is None for n in range(1000))
    assert 300 < own < 400
    assert prompts.asked(0, 3) == prompts.asked(0, 3) != prompts.asked(1, 3)


def test_every_prompt_is_filled_and_hardly_any_comes_twice():
    texts = [text for n in range(3000) if (text := prompts.asked(0, n).text) is not None]
    assert not [text for text in texts if re.search(r"\{[a-z]+2?\}", text)]
    assert len(set(texts)) > 0.95 * len(texts)
    judged = {prompt.text for prompt in suite()} | {preset.text for preset in presets()}
    assert not judged & set(texts)


def test_texts_with_mistakes_keep_their_words():
    text = "Yesterday Nora found a backpack behind the observatory."
    wrongs = [prompts._with_mistakes(random.Random(seed), text) for seed in range(40)]
    assert sum(wrong != text for wrong in wrongs) > 20
    for wrong in wrongs:
        pairs = list(zip(text.split(), wrong.split(), strict=True))
        assert all(abs(len(a) - len(b)) <= 1 for a, b in pairs)
        assert all((a[0], a[-1]) == (b[0], b[-1]) for a, b in pairs)


def logits(path, ids, target):
    """Of a draft over the target's tokens."""
    spec = ModelSpec(str(path), threads=1, device="cpu", precision="float32")
    model = registry.load(spec, "draft")
    whole = registry.load(ModelSpec(str(target), threads=1), "target")
    try:
        return fitted(model, whole).extend(ids)
    finally:
        model.close()
        whole.close()


def test_both_exports_are_the_same_model(undisturbed, target):
    out, _ = undisturbed
    ids = [1, 265, 70, 80, 90, 266, 259, 260, 261, 262, 100, 101]
    folder, f16 = logits(out, ids, target), logits(out / "draft-F16.gguf", ids, target)
    known = np.isfinite(folder)
    assert np.array_equal(known, np.isfinite(f16))
    assert known[0].sum() == 261  # single bytes are kept, however few are asked for
    spread = folder[known].std()
    assert np.sqrt(((folder[known] - f16[known]) ** 2).mean()) < 0.03 * spread  # bfloat16
    for kind, bound in (("Q8_0", 0.15), ("Q4_0", 0.8)):
        off = logits(out / f"draft-{kind}.gguf", ids, target)[known] - folder[known]
        assert np.sqrt((off**2).mean()) < bound * spread


@pytest.mark.parametrize("draft", ["", "draft-Q8_0.gguf"])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_draft_drafts(undisturbed, target, draft, temperature):
    """One layer of the target's one: the draft is the target but for the tokens it lacks."""
    runner, trace = JobRunner(), Trace()
    config = Config(gamma=3, max_tokens=48, temperature=temperature)
    how = {"threads": 1, "device": "cpu", "precision": "float32"}
    specs = ModelSpec(str(target), **how), ModelSpec(str(undisturbed[0] / draft), **how)
    try:
        runner.run(Job("the cat", config, *specs, baseline="measure"), trace.apply)
    finally:
        runner.close()
    run = trace.run
    assert run.finished.error is None
    assert run.tally.drafted > 0
    assert run.tally.accepted > 0.2 * run.tally.drafted
    if temperature == 0.0:
        plain = trace.baseline_of(run)
        assert run.token_ids == plain.token_ids


def write_target(folder, words, **settings):
    """A Hugging Face target with a chat template."""
    network(hidden_size=64, **settings).save_pretrained(folder)
    words.chat_template = "user:{{ messages[0].content }};bot:"
    words.save_pretrained(folder)
    return folder


def merging_tokenizer(size=299):
    """Bytes, and pieces of a text of ours."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    texts = [prompts.asked(0, n).text or "" for n in range(60)]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>")


def test_a_narrow_student_of_a_hugging_face_target(tmp_path):
    target = write_target(tmp_path / "target", tokenizer())
    out = tmp_path / "narrow"
    distil(plan(target, vocabulary=0, hidden=32, layers=2, passes=1.0), out)
    config = json.loads((out / "config.json").read_text())
    assert "draftscope_trimming" not in config
    shape = config["vocab_size"], config["hidden_size"], config["num_attention_heads"]
    assert shape == (300, 32, 2)
    assert not list(out.glob("*.gguf"))  # llama.cpp has no tokenizer without merges
    assert "| model.safetensors | 0.8 |" in (out / "README.md").read_text()


LLAMA_3 = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 16,
}  # fmt: skip


@pytest.mark.parametrize("rotation", [{"rope_type": "default", "rope_theta": 500.0}, LLAMA_3])
def test_a_hugging_face_target_gets_gguf_files_too(tmp_path, rotation):
    target = write_target(tmp_path / "target", merging_tokenizer(), rope_parameters=rotation)
    out = tmp_path / "draft"
    distil(plan(target, vocabulary=280, layers=2, passes=1.0), out)
    assert sorted(path.name for path in out.glob("*.gguf")) == [
        "draft-F16.gguf", "draft-Q4_0.gguf", "draft-Q8_0.gguf",
    ]  # fmt: skip
    ids = [1, 65, 70, 80, 90, 266, 259, 260, 261, 262, 100, 101] * 6
    folder, f16 = logits(out, ids, target), logits(out / "draft-F16.gguf", ids, target)
    known = np.isfinite(folder)
    assert np.array_equal(known, np.isfinite(f16))
    off = folder[known] - f16[known]
    # The folder's weights are rounded to bfloat16; a wrong rotation is off by the spread itself.
    assert np.sqrt((off**2).mean()) < 0.1 * folder[known].std()
    models_ = [registry.load(ModelSpec(str(path), threads=1, device="cpu"), "draft")
               for path in (out, out / "draft-Q8_0.gguf")]  # fmt: skip
    try:
        for text in ("Explain the moon to a beginner.", "naïve 12 + 30\n\tdef f(x):"):
            ours, theirs = (model.encode(text) for model in models_)
            assert ours == theirs
    finally:
        for model in models_:
            model.close()


def sentence_tokenizer():
    """As those of Llama 2: words begin with a mark, and bytes stand for unknown characters."""
    texts = [("▁" + (prompts.asked(0, n).text or "")).replace(" ", "▁") for n in range(60)]
    trained = Tokenizer(models.BPE())
    trained.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=340, show_progress=False))
    stored = json.loads(trained.to_str())["model"]
    ordered = sorted(stored["vocab"], key=stored["vocab"].get)
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *ordered]
    backend = Tokenizer(
        models.BPE(
            {name: i for i, name in enumerate(names)},
            [tuple(merge) for merge in stored["merges"]],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def test_tokens_of_sentences_are_put_into_words_of_gguf(tmp_path):
    words = sentence_tokenizer()
    folder = write_target(tmp_path / "target", words, vocab_size=len(words))
    assert converted.write_metadata(load_target(plan(folder)), tmp_path / "metadata.gguf")


def test_a_tokenizer_is_not_taken_for_another(tmp_path, monkeypatch):
    """A file whose words are split by other rules is no counterpart."""
    monkeypatch.setattr(converted, "_RULES", ("smollm",))  # splits digits, the tokenizer does not
    words = merging_tokenizer(420)
    folder = write_target(tmp_path / "target", words, vocab_size=421)
    target = load_target(plan(folder))
    path = tmp_path / "metadata.gguf"
    assert not converted.write_metadata(target, path)
    assert not path.exists()


@pytest.mark.parametrize("form", ["", "draft-F16.gguf"])
def test_a_draft_is_trained_on_from_its_files(undisturbed, target, tmp_path, form):
    before, out = undisturbed[0], tmp_path / "draft"
    asked = plan(target, begin=str(before / form), layers=1, seed=3, passes=1.0)
    distil(asked, out)
    learnt = [msgspec.json.decode(line, type=Learnt) for line in
              (out / "figures.jsonl").read_bytes().splitlines()]  # fmt: skip
    assert abs(learnt[0].loss - figures(before).loss) < 0.3
    configs = [json.loads((folder / "config.json").read_text()) for folder in (before, out)]
    assert configs[0]["draftscope_trimming"] == configs[1]["draftscope_trimming"]
    assert "--begin-with" in (out / "README.md").read_text()


def test_the_draft_of_another_target_is_not_trained_on(undisturbed, tmp_path):
    from tests.engine.backends.hf.tiny_models import network, tokenizer

    folder = tmp_path / "target"
    network().save_pretrained(folder)
    words = tokenizer()
    words.chat_template = "user:{{ messages[0].content }};bot:"
    words.save_pretrained(folder)
    with pytest.raises(ModelError, match="no draft of target"):
        distil(plan(folder, begin=str(undisturbed[0]), vocabulary=0), tmp_path / "draft")


REFUSED = {
    "no template": ({"tokenizer__chat_template": None}, {}, ModelError, "no chat template"),
    "layers": ({}, {"layers": 2}, ConfigError, "has 1 layers"),
    "heads": ({}, {"hidden": 40}, ConfigError, "no multiple of the heads' size 16"),
    "blocks": ({}, {"hidden": 48}, ConfigError, "no multiple of 32"),
    "vocabulary": ({}, {"vocabulary": 1000}, ConfigError, "has 267 tokens"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_made_is_refused_before_any_work(tmp_path, case):
    changes, settings, kind, words = REFUSED[case]
    path = write_llama(tmp_path / "t.gguf", llama__attention__head_count_kv=2, **changes)
    with pytest.raises(kind, match=words) as raised:
        distil(plan(path, **settings), tmp_path / "draft")
    assert raised.value.hint
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.gguf"]


def test_unknown_architectures_are_refused(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    from tests.engine.backends.hf.tiny_models import tokenizer

    folder = tmp_path / "gpt2"
    GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=32, n_layer=1, n_head=2)).save_pretrained(
        folder
    )
    tokenizer().save_pretrained(folder)
    with pytest.raises(ModelError, match="'gpt2'"):
        distil(plan(folder), tmp_path / "draft")
    assert not (tmp_path / "draft.work").exists()


def test_a_full_disk_is_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(ModelError, match="GiB are free"):
        distil(plan(target), tmp_path / "draft")
    assert not (tmp_path / "draft.work").exists()


def test_a_disk_that_fills_up_says_so(tmp_path, target, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.distil.stage_text.write_part", full)
    with pytest.raises(ModelError, match="No space left") as raised:
        distil(plan(target), tmp_path / "draft")
    assert raised.value.hint
    assert not (tmp_path / "draft").exists()


def test_taken_folders_and_two_processes(tmp_path, target):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("x")
    with pytest.raises(ConfigError, match="there already"):
        distil(plan(target), taken)
    with pytest.raises(ConfigError, match="no work"):
        distil(plan(target), tmp_path / "new", resume=True)
    out = tmp_path / "draft"
    folder = Folder(out)
    folder.open(plan(target), 1)
    try:
        with pytest.raises(ConfigError, match="in use"):
            distil(plan(target), out, resume=True)
    finally:
        folder.close()


def test_out_of_memory_is_told(tmp_path, target, monkeypatch):
    def none(*_):
        raise MemoryError

    monkeypatch.setattr(work, "write_text", none)
    with pytest.raises(DraftscopeError, match="not enough memory"):
        distil(plan(target), tmp_path / "draft")


def test_the_command(tmp_path, target):
    out = tmp_path / "draft"
    words = ["distil", "--target", str(target), "--out", str(out), "--layers", "1",
             "--tokens", "400", "--passes", "1", "--threads", "1", "--device", "cpu"]  # fmt: skip
    made = CliRunner().invoke(cli, words)
    assert made.exit_code == 0, made.output
    assert "agreement" in made.output
    assert str(out) in made.output
    assert (out / "draft-Q4_0.gguf").is_file()
    again = CliRunner().invoke(cli, words)
    assert again.exit_code == 2
    assert "there already" in again.output
    wrong = CliRunner().invoke(cli, [*words, "--layers", "0"])
    assert wrong.exit_code == 2
    assert "outside 1 to 256" in wrong.output
