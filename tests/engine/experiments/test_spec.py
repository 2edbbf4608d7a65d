"""Specs: what is read, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.experiments.spec import PromptChoice, Spec, checked, line_of, parse_spec, read_spec


def said(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_spec(text, "spec.toml", Path())
    assert caught.value.hint
    return caught.value.message


def test_a_spec_is_read(tmp_path):
    (tmp_path / "target.gguf").touch()
    file = tmp_path / "a.toml"
    file.write_text(
        'target = ["target.gguf", ""]\ndrafter = ["ngram", "suffix"]\ngamma = [2, 4]\n'
        "temperature = [0, 0.8]\n[prompts]\nnumber = 4\n"
    )
    spec = read_spec(file)
    assert spec.target == (str(tmp_path / "target.gguf"), "")
    assert spec.gamma == (2, 4)
    assert spec.temperature == (0.0, 0.8)
    assert spec.prompts == PromptChoice(number=4)


def test_the_smallest_spec():
    assert parse_spec("gamma = [4]", "s", Path()) == Spec()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "is empty"),
        ("# nothing\n\n", "is empty"),
        ("gamma = [1,\n2", "line 2"),
        ('title = "x"\ngamma = 4\n', "line 2, gamma: Expected `array`"),
        ('\n\ngamma = [2, "four"]\n', "line 3, gamma: Expected `int`"),
        ("repeats = 2\ngama = [4]\n", "line 2, gama: it is not a key of a spec"),
        ("[prompts]\nkinds = []\nnumbr = 3\n", "line 3, prompts.numbr: it is not a key"),
        ("gamma = [4, 4]", "line 1, gamma: a value stands there twice"),
        ("gamma = []", "line 1, gamma: the list is empty"),
        ("\ngamma = [0]", "line 2, gamma: 0 is plain decoding"),
        ("gamma = [99]", "line 1, gamma: γ (gamma) is 99"),
        ("temperature = [-1.0]", "line 1, temperature: The temperature is -1"),
        ('drafter = ["nothing"]', "line 1, drafter: There is no drafter 'nothing'"),
        ('\ndrafter = ["model"]', "line 2, drafter: 'model' needs a draft model"),
        ('rule = ["luck"]', "line 1, rule: There is no rule 'luck'"),
        ('length_policy = ["x"]', "line 1, length_policy: There is no length policy 'x'"),
        ("max_tokens = 0", "line 1, max_tokens: max-tokens is 0"),
        ("repeats = 0", "line 1, repeats: 0 is outside"),
        ('device = "gpu"', "line 1, device: There is no device 'gpu'"),
        ('\nprecision = "half"', "line 2, precision: There is no precision 'half'"),
        ("precision = 8", "line 1, precision: Expected `str`"),
        ("\nexit_layer = -1", "line 2, exit_layer: The exit layer is -1"),
        ('\n[prompts]\nkinds = ["poem"]', "prompts: "),
        ('[prompts]\nfile = "absent.toml"', "prompts: "),
    ],
)
def test_what_is_wrong_is_named(text, where):
    assert where in said(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"no file absent\.toml"):
        read_spec(tmp_path / "absent.toml")


def test_a_spec_that_never_was_text_is_checked_too():
    with pytest.raises(ConfigError, match=r"^gamma: the list is empty"):
        checked(Spec(gamma=()))


def test_lines_of_keys():
    text = 'a = 1\n[prompts]\nnumber = 3\n[[x.y]]\n"quoted" = 2\n'
    assert line_of(text, ["a"]) == 1
    assert line_of(text, ["prompts", "number"]) == 3
    assert line_of(text, ["x", "y", "quoted"]) == 5
    assert line_of(text, ["absent"]) == 1
