"""The prompts of experiments: the suite that ships, files of one's own, and the choice of some."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from engine.errors import PromptError
from engine.experiments import prompts as module
from engine.experiments.prompts import KINDS, Prompt, choose, read_prompts, suite
from engine.presets import presets

MIXED = tuple(Prompt(f"{kind}{i}", "text", kind) for kind in "abc" for i in range(4))


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def ids(prompts) -> list[str]:
    return [prompt.id for prompt in prompts]


def bare(text: str) -> str:
    return " ".join(text.lower().split())


def test_the_suite_covers_every_kind_evenly():
    counts = Counter(prompt.kind for prompt in suite())
    assert tuple(counts) == KINDS  # in this order
    assert set(counts.values()) == {12}
    assert counts.total() >= 60


def test_the_suites_ids_name_the_kind_and_are_unique():
    found = ids(suite())
    assert len(set(found)) == len(found)
    for prompt in suite():
        kind, *words = prompt.id.split("-")
        assert kind == prompt.kind
        assert words
        assert all(word.isascii() and word.islower() for word in words)


def test_the_suites_texts_are_their_own():
    texts = {bare(prompt.text) for prompt in suite()}
    assert len(texts) == len(suite())
    assert texts.isdisjoint(bare(preset.text) for preset in presets())
    assert not any(prompt.raw for prompt in suite())


@pytest.mark.parametrize("prompt", suite(), ids=lambda prompt: prompt.id)
def test_a_prompt_of_the_suite_is_neither_short_nor_long(prompt):
    assert 10 <= len(prompt.text.split()) <= 180
    assert prompt.text == prompt.text.strip()


def test_a_suite_that_is_not_installed_says_so(tmp_path):
    with pytest.raises(PromptError, match="suite is not installed") as refused:
        suite(tmp_path / "suite.toml")
    assert refused.value.hint


def test_toml(tmp_path):
    path = write(
        tmp_path,
        "mine.TOML",
        """
        [[prompt]]
        text = "Say hello."

        [[prompt]]
        id = "bye"
        kind = "chat"
        raw = true
        text = '''
two
lines'''
        """,
    )
    assert read_prompts(path) == (
        Prompt("p1", "Say hello."),
        Prompt("bye", "two\nlines", "chat", raw=True),
    )


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.ndjson"])
def test_json_lines(tmp_path, name):
    path = write(
        tmp_path,
        name,
        '{"text": "Hello\u2028there", "kind": "chat"}\r\n\r\n{"id": 7, "prompt": "Bye"}\r\n'
        '{"id": "x", "text": "No chat", "raw": true}',
    )
    assert read_prompts(path) == (
        Prompt("p1", "Hello\u2028there", "chat"),
        Prompt("7", "Bye"),
        Prompt("x", "No chat", raw=True),
    )


def test_plain_text(tmp_path):
    text = "\ufeffone\n\n--- no separator\n --- \r\ntwo\r\nlines\r\n---\n"
    assert read_prompts(write(tmp_path, "mine.txt", text)) == (
        Prompt("p1", "one\n\n--- no separator"),
        Prompt("p2", "two\nlines"),
    )
    assert read_prompts(write(tmp_path, "one.txt", "only one")) == (Prompt("p1", "only one"),)


BAD = {
    "empty toml": ("x.toml", "", r"x\.toml is empty"),
    "blank jsonl": ("x.jsonl", " \n\n", r"x\.jsonl is empty"),
    "blank txt": ("x.txt", "\n", r"x\.txt is empty"),
    "only a comment": ("x.toml", "# nothing\n", r"x\.toml holds no \[\[prompt\]\]"),
    "no toml": ("x.toml", "[[prompt]]\ntext = \n", r"x\.toml is not valid TOML: .*line 2"),
    "nested too deep": ("x.toml", "a = " + "[" * 100_000, r"x\.toml is not valid TOML"),
    "a huge number": ("x.toml", "a = " + "1" * 10_000, r"x\.toml is not valid TOML"),
    "other key": ("x.toml", '[[preset]]\ntext = "a"', r'x\.toml has an unknown key "preset"'),
    "a table": ("x.toml", '[prompt]\ntext = "a"', r"x\.toml holds no \[\[prompt\]\]"),
    "no table": ("x.toml", 'prompt = ["a"]', r"Prompt 1 of x\.toml is malformed: expected"),
    "toml without text": (
        "x.toml",
        '[[prompt]]\ntext = "a"\n[[prompt]]\nkind = "b"',
        r"Prompt 2 of x\.toml is malformed: it has no text",
    ),
    "toml field": (
        "x.toml",
        '[[prompt]]\ntext = "a"\nknd = "b"',
        r'Prompt 1 of x\.toml is malformed: .*unknown field "knd"',
    ),
    "toml type": ("x.toml", "[[prompt]]\ntext = 3", r"Prompt 1 of x\.toml .*got \"int\".*text"),
    "toml blank text": (
        "x.toml",
        '[[prompt]]\ntext = "a"\n[[prompt]]\ntext = " "',
        r"text of prompt 2 of x\.toml is empty",
    ),
    "toml twice": (
        "x.toml",
        '[[prompt]]\nid = "a"\ntext = "b"\n[[prompt]]\nid = "a"\ntext = "c"',
        r'x\.toml has the id "a" twice: prompt 1 and prompt 2',
    ),
    "given as numbered": (
        "x.toml",
        '[[prompt]]\nid = "p2"\ntext = "b"\n[[prompt]]\ntext = "c"',
        r'the id "p2" twice: prompt 1 and prompt 2',
    ),
    "id of two lines": (
        "x.toml",
        '[[prompt]]\nid = "a\\nb"\ntext = "c"',
        r"Prompt 1 of x\.toml is malformed: its id",
    ),
    "no json": ("x.jsonl", '{"text": "a"}\n\n{"text": ', r"Line 3 of x\.jsonl is malformed"),
    "no object": ("x.jsonl", '{"text": "a"}\n"b"', r"Line 2 of x\.jsonl is malformed: expected"),
    "json without text": ("x.jsonl", '{"kind": "a"}', r"Line 1 of x\.jsonl .*it has no text"),
    "json with two texts": (
        "x.jsonl",
        '{"text": "a", "prompt": "b"}',
        r"Line 1 of x\.jsonl is malformed: it has both",
    ),
    "json field": ("x.jsonl", '{"text": "a", "n": 1}', r'Line 1 of x\.jsonl .*unknown field "n"'),
    "json blank text": (
        "x.ndjson",
        '{"text": "a"}\n{"prompt": "\\n"}',
        r"text of line 2 of x\.ndjson is empty",
    ),
    "json twice": (
        "x.jsonl",
        '{"id": 1, "text": "a"}\n\n{"id": "1", "text": "b"}',
        r'x\.jsonl has the id "1" twice: line 1 and line 3',
    ),
    "blank part": ("x.txt", "a\n---\n\n---\nb", r"text of prompt 2 \(line 3\) of x\.txt is empty"),
    "only a separator": ("x.txt", "---\n", r"text of prompt 1 \(line 1\) of x\.txt is empty"),
    "no UTF-8": ("x.txt", b"a\nb\n caf\xe9", r"Line 3 of x\.txt is not text in UTF-8"),
    "other ending": ("x.csv", "a,b", r"x\.csv is no file of prompts"),
}


@pytest.mark.parametrize(("name", "content", "says"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, content, says):
    with pytest.raises(PromptError, match=says) as refused:
        read_prompts(write(tmp_path, name, content))
    assert refused.value.hint
    assert "\n" not in refused.value.message


def test_a_file_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    with pytest.raises(PromptError, match=r"no file none\.toml") as refused:
        read_prompts(tmp_path / "none.toml")
    assert refused.value.hint
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(PromptError, match=r"folder\.txt cannot be read"):
        read_prompts(tmp_path / "folder.txt")
    monkeypatch.setattr(module, "BYTES_MAX", 3)
    with pytest.raises(PromptError, match="more than"):
        read_prompts(write(tmp_path, "long.txt", "four"))


@pytest.mark.parametrize(
    ("number", "chosen"),
    [
        (1, "a0"),
        (3, "a0 b0 c0"),
        (5, "a0 a1 b0 b1 c0"),
        (12, " ".join(ids(MIXED))),
        (99, " ".join(ids(MIXED))),
        (0, " ".join(ids(MIXED))),
    ],
)
def test_a_number_is_spread_over_the_kinds(number, chosen):
    assert " ".join(ids(choose(MIXED, number=number))) == chosen


def test_a_number_of_the_suite_is_spread_over_its_kinds():
    counts = Counter(prompt.kind for prompt in choose(suite(), number=12))
    assert counts == dict.fromkeys(KINDS, 2)
    counts = Counter(prompt.kind for prompt in choose(suite(), ("maths", "copy"), 5))
    assert counts == {"maths": 3, "copy": 2}


def test_a_greater_number_only_adds_prompts():
    for number in range(1, len(suite())):
        assert set(choose(suite(), number=number)) < set(choose(suite(), number=number + 1))


def test_kinds_are_chosen_whatever_their_order():
    assert ids(choose(MIXED, ("c", "a", "c"))) == ids(choose(MIXED, ("a", "c")))
    assert {prompt.kind for prompt in choose(MIXED, ("c", "a"))} == {"a", "c"}


def test_a_kind_that_runs_out_leaves_its_turns():
    few = (MIXED[0], *MIXED[4:8])
    assert ids(choose(few, number=4)) == ["a0", "b0", "b1", "b2"]


def test_an_impossible_choice_is_refused():
    with pytest.raises(PromptError, match='no prompts of the kind "poems"') as refused:
        choose(suite(), ("chat", "poems"))
    assert refused.value.hint == f"The kinds are: {', '.join(KINDS)}."
    with pytest.raises(PromptError) as refused:
        choose((Prompt("p1", "text"),), ("chat",))
    assert "name no kinds" in refused.value.hint
    with pytest.raises(PromptError, match="-1 prompts"):
        choose(suite(), number=-1)
