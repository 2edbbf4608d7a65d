"""Specs from the setup panel and as TOML, and what they come to."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.experiment_count import (
    SETTINGS_MAX,
    count,
    count_words,
    fewer_words,
    known_prompts,
    problems,
    refused_words,
)
from app.experiment_setup import from_setup, spec_toml
from app.setup import Setup, window_threads
from engine.config import Config
from engine.errors import ConfigError
from engine.experiments.grid import grid
from engine.experiments.spec import PromptChoice, Spec, checked, parse_spec, read_spec

replace = msgspec.structs.replace
EVERYTHING = Spec(
    title='A "title"\\ with\nlines, \t tabs, \x7f and γ',
    target=("", "toy", "/models/a b.gguf"),
    draft=("C:\\models\\draft.gguf", "toy"),
    drafter=("model", "ngram", "auto"),
    gamma=(1, 16),
    temperature=(0.0, 0.8, 1e-05),
    rule=("block", "rejection"),
    length_policy=("entropy", "fixed"),
    prompts=PromptChoice(kinds=("copy", "chat"), number=7),
    top_k=40,
    top_p=0.95,
    max_tokens=128,
    repeats=5,
    seed=2**31 - 1,
    threads=3,
    gpu_layers=12,
    context=2048,
    device="cuda:1",
    precision="int8",
    exit_layer=7,
    record=False,
)


@pytest.mark.parametrize("spec", [Spec(), EVERYTHING, replace(Spec(), draft=(), title="")])
def test_what_is_written_as_toml_is_read_as_an_equal_spec(spec: Spec, tmp_path: Path):
    text = spec_toml(spec)
    assert parse_spec(text, "x.toml", tmp_path) == spec
    assert "\r" not in text
    file = tmp_path / "x.toml"
    file.write_text(text, encoding="utf-8")
    assert read_spec(file) == spec


def test_every_key_is_written():
    text = spec_toml(Spec())
    for name in (*Spec.__struct_fields__, *PromptChoice.__struct_fields__):
        assert f"{name} = " in text or f"[{name}]" in text


def test_a_spec_changed_in_the_file_is_another_one(tmp_path: Path):
    text = spec_toml(EVERYTHING)
    assert parse_spec(text.replace("top_k = 40", "top_k = 41"), "x.toml", tmp_path) != EVERYTHING
    with pytest.raises(ConfigError, match=r"line \d+, top_k"):
        parse_spec(text.replace("top_k = 40", "top_k = -1"), "x.toml", tmp_path)


def test_the_first_experiment_is_about_what_is_set_up():
    config = Config(drafter="ngram", temperature=0.7, top_k=20, top_p=0.9, seed=5, max_tokens=400,
                    exit_layer=6)  # fmt: skip
    how = {"gpu_layers": 4, "context": 1024, "device": "cuda", "precision": "bfloat16"}
    spec = from_setup(Setup(config=config, **how))
    assert checked(spec) == spec
    assert spec.target == ("",)
    assert spec.draft == ()
    assert spec.drafter == ("ngram", "auto")
    assert spec.gamma == (2, 4, 8)
    assert spec.temperature == (0.0, 0.7)
    assert (spec.top_k, spec.top_p, spec.seed) == (20, 0.9, 5)
    assert (spec.max_tokens, spec.repeats, spec.exit_layer) == (64, 3, 6)
    assert spec.threads == window_threads()
    assert {key: getattr(spec, key) for key in how} == how
    prompts = grid(spec).cells
    assert len({cell.prompt.id for cell in prompts}) == 12
    assert {cell.prompt.kind for cell in prompts} == {prompt.kind for prompt in known_prompts("")}


def test_a_draft_brings_the_drafter_that_uses_it():
    setup = Setup(target="toy", draft="toy", threads=2)
    spec = from_setup(setup)
    assert spec.draft == ("toy",)
    assert spec.drafter == ("model", "ngram", "auto")
    assert spec.temperature == (0.0,)
    assert spec.threads == 2
    assert spec.title == "Which drafter and γ for the toy pair"
    assert checked(spec) == spec


def test_a_model_file_gives_the_title_its_name():
    assert from_setup(Setup(target="/models/qwen-7b.gguf")).title.endswith("for qwen-7b")
    assert from_setup(Setup(target="org/Llama-3.2-1B")).title.endswith("for Llama-3.2-1B")


SWEPT = Spec(
    drafter=("ngram", "suffix", "ngram-table"),
    gamma=(2, 4, 8),
    temperature=(0.0, 0.8),
    prompts=PromptChoice(number=12),
)


def test_the_words_multiply_what_is_compared():
    found = count(SWEPT)
    assert count_words(found) == (
        "3 drafters × 3 γ × 2 T × 12 prompts: 216 cells, 648 runs and 72 baselines"
    )
    assert count_words(found, 0.5).endswith("72 baselines, about 6 min")
    assert refused_words(found) == ("", "")
    assert fewer_words(SWEPT) == ""


MIXED = replace(
    SWEPT, draft=("", "toy"), drafter=("model", "ngram", "auto"), rule=("block", "rejection"),
    length_policy=("fixed", "entropy"),
)  # fmt: skip


@pytest.mark.parametrize(
    "spec",
    [
        SWEPT,
        MIXED,
        replace(MIXED, target=("", "toy"), repeats=1),
        replace(MIXED, prompts=PromptChoice(kinds=("copy",), number=0)),
        replace(SWEPT, drafter=("auto",), gamma=(4,)),
    ],
)
def test_the_count_is_that_of_the_whole_grid(spec: Spec):
    found, whole = count(spec), grid(spec)
    assert found.cells == len(whole.cells)
    assert found.runs == whole.runs
    assert found.baselines == len(whole.blocks)
    assert found.refused_cells == sum(bool(cell.refused) for cell in whole.cells)
    assert dict(found.refused).keys() == {cell.refused for cell in whole.cells} - {""}


def test_a_drafter_that_chooses_the_length_is_no_factor_of_a_product():
    found = count(replace(SWEPT, drafter=("ngram", "auto")))
    assert not found.plain
    assert count_words(found).startswith("2 drafters, 3 γ, 2 T, 12 prompts: 96 cells, ")
    assert "once for all γ" in fewer_words(replace(SWEPT, drafter=("ngram", "auto")))


def test_one_of_a_thing_is_no_plural():
    one = replace(SWEPT, drafter=("ngram",), gamma=(4,), temperature=(0.0,), repeats=1)
    found = count(replace(one, prompts=PromptChoice(number=1)))
    assert count_words(found) == "1 drafter × 1 γ × 1 T × 1 prompt: 1 cell, 1 run and 1 baseline"


def test_refused_cells_are_counted_with_their_reasons():
    found = count(replace(SWEPT, drafter=("ngram",), length_policy=("fixed", "entropy")))
    line, reasons = refused_words(found)
    assert line.startswith("72 cells are refused: The length policy 'entropy' reads")
    assert reasons.startswith("72 cells: The length policy 'entropy' reads")
    several = count(replace(MIXED, drafter=("ngram", "auto")))
    line, reasons = refused_words(several)
    assert line.endswith(f"refused, for {len(several.refused)} reasons")
    assert len(reasons.splitlines()) == len(several.refused) > 1


def test_nothing_is_wrong_with_a_valid_spec():
    assert problems(SWEPT) == {}
    assert problems(Spec()) == {}


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        ("target", {"target": ()}, "Add at least one target."),
        ("drafter", {"drafter": ()}, "Check at least one drafter."),
        ("drafter", {"drafter": ("ngram", "chain")}, "“Chain: n-gram, then model” needs a draft"),
        ("drafter", {"drafter": ("guess",)}, "There is no drafter 'guess'"),
        ("rule", {"rule": ()}, "Check at least one rule."),
        ("length_policy", {"length_policy": ()}, "Check at least one length policy."),
        ("gamma", {"gamma": ()}, "Write at least one γ"),
        ("gamma", {"gamma": (0,)}, "0 is plain decoding"),
        ("gamma", {"gamma": (2, 2)}, "A value stands there twice."),
        ("gamma", {"gamma": (99,)}, "γ (gamma) is 99, outside 0 to 32."),
        ("temperature", {"temperature": (7.0,)}, "The temperature is 7, outside 0 to 5."),
        ("temperature", {"temperature": (float("nan"),)}, "The temperature is nan"),
        ("prompts", {"prompts": PromptChoice(kinds=("poem",))}, "There are no prompts of the kind"),
        ("prompts", {"prompts": PromptChoice(file="/no/such.txt")}, "There is no file such.txt."),
        ("draft", {"draft": ("/no/such.gguf",)}, "such.gguf is no longer there."),
    ],
)
def test_a_problem_is_told_of_the_field_that_has_it(key: str, change: dict, said: str):
    found = problems(replace(SWEPT, **change))
    assert list(found) == [key]
    assert found[key].startswith(said)


def test_all_problems_are_told_at_once():
    found = problems(replace(SWEPT, gamma=(0,), temperature=(9.0,), rule=()))
    assert list(found) == ["gamma", "temperature", "rule"]


def test_too_many_combinations_are_not_even_counted():
    many = replace(SWEPT, gamma=tuple(range(1, 33)), temperature=tuple(i / 50 for i in range(200)))
    assert SETTINGS_MAX < 32 * 200 * 3
    assert list(problems(many)) == ["grid"]


def test_a_file_of_prompts_is_read_again_when_it_changed(tmp_path: Path):
    file = tmp_path / "mine.txt"
    file.write_text("one\n---\ntwo\n", encoding="utf-8")
    spec = replace(SWEPT, prompts=PromptChoice(file=str(file)))
    assert count(spec).prompts == 2
    file.write_text("one\n---\ntwo\n---\nthree\n", encoding="utf-8")
    assert count(spec).prompts == 3
    assert count(spec).cells == len(grid(spec).cells)
    file.write_text("", encoding="utf-8")
    assert problems(spec)["prompts"].startswith("mine.txt is empty.")
