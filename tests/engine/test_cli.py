"""`draftscope run`: its JSON contract, its trace, its errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from engine.backends.registry import EMBEDDED_DRAFT
from engine.cli import cli
from engine.config import DEVICES, PRECISIONS, ModelSpec
from engine.errors import ConfigError, ModelError
from engine.job import JobRunner
from engine.options import specs
from tests.recompute import recompute

TOY = ["run", "--target", "toy", "--prompt", "the cat sat on the mat and the cat sat"]
KEYS = """text token_ids tokens rounds drafted accepted rejected discarded resampled bonus
acceptance_rate draft_efficiency tokens_per_pass tokens_per_second baseline_tokens_per_second
baseline_token_ids speedup draft_s verify_s host_s prefill_s target draft drafter rule gamma
temperature seed threads device finish_reason""".split()


def run(*arguments: str, code: int = 0):
    result = CliRunner().invoke(cli, [*TOY, *arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--draft", "toy"],
        ["--draft", "toy", "--temperature", "0.8", "--seed", "3"],
        ["--temperature", "1.2", "--top-k", "5", "--top-p", "0.9", "--gamma", "2"],
        ["--gamma", "0"],
        ["--draft", "toy", "--no-baseline"],
        ["--draft", "toy", "--rule", "greedy", "--max-tokens", "1"],
        ["--draft", "toy", "--temperature", "1", "--rule", "block", "--length-policy", "entropy"],
        ["--draft", "toy", "--temperature", "1", "--branches", "2,2", "--gamma", "3"],
        ["--draft", "toy", "--branches", "3"],
        ["--draft", "toy", "--temperature", "1", "--rule", "typical", "--epsilon", "0.2"],
        ["--draft", "toy", "--rule", "lenient", "--lenience", "0.5"],
        ["--drafter", "suffix", "--rule", "sample-match", "--temperature", "0.7"],
        ["--draft", "toy", "--drafter", "chain", "--length-policy", "throughput"],
        ["--drafter", "ngram-table", "--temperature", "1", "--length-policy", "confidence"],
    ],
    ids=" ".join,
)
def test_json_is_the_contract_and_recomputes_from_the_trace(arguments, tmp_path: Path):
    trace = tmp_path / "t.jsonl"
    printed = json.loads(
        run(*arguments, "--json", "--max-tokens", "40", "--trace", str(trace)).stdout
    )
    assert list(printed) == KEYS
    again = recompute(trace)
    for key in KEYS:
        if isinstance(printed[key], float):
            assert printed[key] == pytest.approx(again[key], rel=1e-12), key
        else:
            assert printed[key] == again[key], key


def test_the_recomputation_imports_nothing_of_ours(tmp_path: Path):
    trace = tmp_path / "t.jsonl"
    printed = json.loads(run("--json", "--trace", str(trace)).stdout)
    script = Path(__file__).parents[1] / "recompute.py"
    out = subprocess.run(
        [sys.executable, "-I", str(script), str(trace)], capture_output=True, check=True
    )
    assert json.loads(out.stdout)["token_ids"] == printed["token_ids"]


def test_greedy_output_is_the_baselines():
    printed = json.loads(run("--draft", "toy", "--json").stdout)
    assert printed["token_ids"] == printed["baseline_token_ids"]
    assert printed["tokens"] == 128
    assert printed["finish_reason"] == "length"


def test_the_seed_decides():
    arguments = ["--draft", "toy", "--temperature", "1", "--json", "--no-baseline"]

    def ids(seed):
        return json.loads(run(*arguments, "--seed", str(seed)).stdout)["token_ids"]

    assert ids(5) == ids(5)
    assert ids(5) != ids(6)


def test_text_output_shows_text_and_measured_figures():
    shown = run("--draft", "toy", "--max-tokens", "20")
    assert "20 tokens in" in shown.stdout
    assert "(simulated)" in shown.stdout
    assert "plain decoding" in shown.stdout
    shown = run("--draft", "toy", "--max-tokens", "20", "--no-baseline")
    assert "No baseline was measured" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--gamma", "33"], "γ (gamma) is 33"),
        (["--draft", "toy", "--gamma", "17"], "γ = 17 is more than the drafter 'model' proposes"),
        (["--rule", "block", "--temperature", "1"], "'block' needs the draft's probabilities"),
        (["--branches", "2,x"], "'x' is no number"),
        (["--branches", "2,,2"], "'' is no number"),
        (["--branches", "2"], "'ngram' proposes no trees"),
        (["--draft", "toy", "--branches", "17"], "number of branches is 17"),
        (["--draft", "toy", "--branches", "8,8"], "tokens, more than the 63 of one pass"),
        (["--draft", "toy", "--branches", "5,5", "--gamma", "2"], "has 25 leaves"),
        (["--lenience", "0"], "lenience is 0"),
        (["--epsilon", "2"], "epsilon is 2"),
        (["--delta", "-1"], "delta is -1"),
        (["--confidence", "1.5"], "confidence threshold is 1.5"),
        (["--length-policy", "confidence"], "'confidence' reads the draft's probabilities"),
        (["--drafter", "ngram-table", "--corpus", "none.txt"], "no text none.txt"),
        (["--gamma", "-1"], "γ (gamma) is -1"),
        (["--temperature", "-0.1"], "temperature is -0.1"),
        (["--temperature", "nan"], "temperature is nan"),
        (["--top-p", "0"], "top-p must be above 0"),
        (["--top-p", "1.5"], "top-p is 1.5"),
        (["--max-tokens", "0"], "max-tokens is 0"),
        (["--seed", "-1"], "seed is -1"),
        (["--rule", "psychic"], "no rule 'psychic'"),
        (["--rule", "greedy", "--temperature", "1"], "needs temperature 0"),
        (["--drafter", "psychic"], "no drafter 'psychic'"),
        (["--drafter", "model"], "needs a draft model"),
        (["--length-policy", "psychic"], "no length policy 'psychic'"),
        (["--prompt", " \n "], "prompt is empty"),
        (["--prompt", "cat " * 5000], "The prompt has 5,000 tokens"),
        (["--prompt-file", "x"], "Both --prompt and --prompt-file"),
        (["--target", "missing.gguf"], "missing.gguf"),
        (["--draft", "missing.gguf"], "missing.gguf"),
        (["--trace", "/dev/null/x.jsonl"], "x.jsonl cannot be written"),
        (["--device", "gpu"], "no device 'gpu'"),
        (["--device", "cuda:"], "no device 'cuda:'"),
        (["--precision", "fp32"], "no precision 'fp32'"),
        (["--exit-layer", "-1"], "exit layer is -1"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_errors_are_one_line_and_a_hint(arguments, says):
    failed = run(*arguments, code=2)
    error, hint, *rest = failed.stderr.splitlines()
    assert error.startswith("Error: ")
    assert says in error
    assert hint.startswith("Hint: ")
    assert not rest
    assert not failed.stdout


def test_what_is_known_stands_in_the_hint():
    hint = run("--device", "gpu", code=2).stderr.splitlines()[1]
    assert all(device in hint for device in DEVICES)
    hint = run("--precision", "fp32", code=2).stderr.splitlines()[1]
    assert all(precision in hint for precision in PRECISIONS)


@pytest.mark.parametrize("command", ["run", "check"])
def test_device_and_precision_hold_for_both_models(monkeypatch, command):
    asked = []

    def refuse(runner, job, *_):
        asked.append(job)
        raise ModelError("Not today.")

    monkeypatch.setattr(JobRunner, command, refuse)
    how = ["--device", "cuda:1", "--precision", "int8", "--exit-layer", "3"]
    arguments = [command, "--target", "org/big", "--draft", "org/small", *how]
    result = CliRunner().invoke(cli, [*arguments, "--prompt", "x"])
    assert "Not today." in result.stderr
    (job,) = asked
    assert (job.target.source, job.draft.source) == ("org/big", "org/small")
    for spec in (job.target, job.draft):
        assert (spec.device, spec.precision) == ("cuda:1", "int8")
    assert job.config.exit_layer == 3


def test_a_specification_knows_its_devices_and_precisions():
    first, second = specs("a", "b", ModelSpec(device="cuda:1", precision="int4", threads=3))
    assert (first.source, second.source) == ("a", "b")
    assert replace(second, source="a") == first
    assert (first.device, first.precision, first.threads) == ("cuda:1", "int4", 3)
    assert specs("a", "", ModelSpec(), "model")[1] is None
    assert specs("", "", ModelSpec(), "ngram")[1] is None
    assert specs("", "", ModelSpec(), "model")[1] == ModelSpec(EMBEDDED_DRAFT)
    assert specs("", "d", ModelSpec(), "model")[1] == ModelSpec("d")
    for device in (*DEVICES, "cuda:0", "cuda:12"):
        assert ModelSpec(device=device).validated().device == device
    for device in ("", "CUDA", "cuda:-1", "cuda:1 ", "cpu:0", "cuda:\u0661"):
        with pytest.raises(ConfigError, match="no device"):
            ModelSpec(device=device).validated()
    for precision in ("", "fp16", "bf16", "int8 "):
        with pytest.raises(ConfigError, match="no precision"):
            ModelSpec(precision=precision).validated()


def test_debug_adds_the_traceback():
    assert "Traceback" in run("--gamma", "33", "--debug", code=2).stderr


def test_prompts_come_from_files_and_standard_input(tmp_path: Path):
    text = "the dog ran"
    (tmp_path / "prompt.txt").write_text(text)
    arguments = ["run", "--target", "toy", "--json", "--no-baseline"]
    by_option = CliRunner().invoke(cli, [*arguments, "--prompt", text])
    by_file = CliRunner().invoke(cli, [*arguments, "--prompt-file", str(tmp_path / "prompt.txt")])
    by_pipe = CliRunner().invoke(cli, [*arguments, "--prompt-file", "-"], input=text)
    texts = {json.loads(r.stdout)["text"] for r in (by_option, by_file, by_pipe)}
    assert len(texts) == 1
    missing = CliRunner().invoke(cli, [*arguments, "--prompt-file", str(tmp_path / "none.txt")])
    assert missing.exit_code == 2
    assert "none.txt cannot be read" in missing.stderr


def test_headless_commands_import_neither_qt_nor_torch():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from engine.cli import cli\n"
        "r = CliRunner().invoke(cli, ['run', '--target', 'toy', '--prompt', 'x', '--json'])\n"
        "assert r.exit_code == 0, r.output\n"
        "bad = {'PySide6', 'torch', 'transformers', 'llama_cpp', 'app'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
