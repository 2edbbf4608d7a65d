"""`draftscope check`: its JSON contract, its words, its exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from engine.cli import cli
from engine.lab.result import CheckResult
from engine.rules import RULES

CHECK = ["check", "--target", "toy", "--prompt", "the cat sat on the mat and the cat sat"]
CONTRACT = "rule drafter samples exact_tv chi2 p_value lossless".split()


def check(*arguments: str, code: int = 0):
    result = CliRunner().invoke(cli, [*CHECK, *arguments])
    assert result.exit_code == code, result.output
    return result


def test_json_is_the_contract():
    printed = json.loads(check("--samples", "200", "--json").stdout)
    assert list(printed)[: len(CONTRACT)] == CONTRACT
    assert set(printed) == set(CheckResult.__struct_fields__)
    assert (printed["rule"], printed["drafter"], printed["samples"]) == ("rejection", "model", 200)
    assert printed["exact_tv"] < 1e-12
    assert printed["lossless"] is True
    assert msgspec.convert(printed, CheckResult).sentence == printed["sentence"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rule", "block", "--gamma", "3"],
        ["--rule", "sample-match", "--drafter", "ngram"],
        ["--drafter", "suffix", "--tokens", "3"],
        ["--drafter", "ngram-table", "--branches", "2,2", "--top-k", "3"],
        ["--drafter", "chain", "--top-p", "0.8", "--seed", "5"],
        ["--length-policy", "confidence", "--confidence", "0.6", "--gamma", "3"],
        ["--rule", "lenient", "--lenience", "1"],
        ["--rule", "greedy", "--temperature", "0", "--max-tokens", "20"],
    ],
    ids=" ".join,
)
def test_lossless_methods(arguments):
    printed = json.loads(check(*arguments, "--samples", "100", "--json").stdout)
    assert printed["lossless"]
    assert printed["declared"]


def test_a_lossy_rule_is_no_failure_of_the_command():
    shown = check("--rule", "lenient", "--lenience", "0.2", "--samples", "500").stdout
    assert shown.startswith("Different: the exact law of what is emitted is 0.")
    assert "it is lossy" in shown


def test_a_rule_that_claims_too_much_fails_the_command(monkeypatch):
    monkeypatch.setitem(RULES, "typical", replace(RULES["typical"], lossless=True))
    shown = check("--rule", "typical", "--samples", "100", code=1).stdout
    assert "this is a fault" in shown


def test_text_shows_the_verdict_and_the_most_frequent_outcomes():
    lines = check("--samples", "300").stdout.splitlines()
    assert lines[0].startswith("Exact: ")
    assert lines[1].startswith("No difference found in 300 samples")
    assert "tokens on average (exact)" in lines[2]
    assert lines[4].split() == ["plain", "speculative", "exact", "outcome"]
    assert lines[-1].endswith("more")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--gamma", "0"], "nothing to check"),
        (["--samples", "5"], "number of samples is 5"),
        (["--tokens", "4"], "4 tokens cannot be compared"),
        (["--branches", "two"], "'two' is no number"),
        (["--branches", "2", "--rule", "block"], "judges chains only"),
        (["--rule", "psychic"], "no rule 'psychic'"),
        (["--drafter", "psychic"], "no drafter 'psychic'"),
        (["--rule", "block", "--drafter", "ngram"], "needs the draft's probabilities"),
        (["--rule", "greedy"], "needs temperature 0"),
        (["--prompt-file", "x"], "Both --prompt and --prompt-file"),
        (["--drafter", "ngram-table", "--corpus", "none.txt"], "no text none.txt"),
        (["--target", "missing.gguf"], "missing.gguf"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_are_one_line_and_a_hint(arguments, says):
    failed = check(*arguments, code=2)
    error, hint, *rest = failed.stderr.splitlines()
    assert error.startswith("Error: ")
    assert says in error
    assert hint.startswith("Hint: ")
    assert not rest
    assert not failed.stdout


def test_a_corpus_of_ones_own(tmp_path: Path):
    text = tmp_path / "words.txt"
    text.write_text("the cat sat on the mat " * 30)
    arguments = ["--drafter", "ngram-table", "--corpus", str(text), "--samples", "100", "--json"]
    assert json.loads(check(*arguments).stdout)["exact_tv"] < 1e-12
    text.write_text(" \n ")
    assert "is empty" in check(*arguments, code=2).stderr


def test_debug_adds_the_traceback():
    assert "Traceback" in check("--gamma", "0", "--debug", code=2).stderr
