"""The text that an n-gram table counts: read, cut into chunks, counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import corpus
from engine.errors import Cancelled, ConfigError
from tests.engine.toys import demo_pair

LINES = "the cat sat on the mat and the dog ran to the house .\n"


class Beginning:
    """A target whose tokenizer puts a token before every text, and notes what it is given."""

    def __init__(self):
        self.target = demo_pair()[0]
        self.vocabulary = self.target.vocabulary
        self.texts: list[str] = []

    def encode(self, text, *, raw=False):
        assert raw
        self.texts.append(text)
        return [1, *self.target.encode(text)]


def build(text: str, tmp_path: Path, target=None, **options):
    path = tmp_path / "text.txt"
    path.write_text(text, "utf-8")
    settings = {"progress": lambda done: None, "cancelled": lambda: False, **options}
    return corpus.table_of(path, target or demo_pair()[0], **settings)


def test_a_text_is_counted_in_the_targets_tokens(tmp_path):
    target = demo_pair()[0]
    told = []
    table, tokens = build(LINES * 20, tmp_path, progress=told.append)
    assert tokens == 20 * len(target.encode(LINES))
    ids, weights, match = table.candidates(target.encode("the cat sat on the"))
    assert ids[weights.argmax()] == target.encode("mat")[0]
    assert match == 3
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_chunks_end_after_lines_and_begin_only_once(tmp_path):
    target = Beginning()
    text = LINES * 1000
    _, tokens = build(text, tmp_path, target)
    empty, *chunks = target.texts
    assert empty == ""
    assert len(chunks) > 1
    assert "".join(chunks) == text
    assert all(chunk.endswith("\n") for chunk in chunks)
    assert tokens == 1 + len(target.target.encode(text))


def test_a_text_without_lines_is_cut_all_the_same(tmp_path):
    target = Beginning()
    build("the cat " * 9000, tmp_path, target)
    assert max(map(len, target.texts)) <= 16_384


@pytest.mark.parametrize("after", [0, 2, 6])
def test_counting_can_be_cancelled(tmp_path, after):
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        build(LINES * 1000, tmp_path, cancelled=lambda: next(asked) >= after)


@pytest.mark.parametrize(
    ("text", "says"), [("", "is empty"), (" \n\t ", "is empty"), ("the cat", "fewer than 4")]
)
def test_too_little_text_is_refused(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says) as refused:
        build(text, tmp_path)
    assert refused.value.hint


def test_what_cannot_be_read_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"no text none\.txt"):
        corpus.read(tmp_path / "none.txt")
    with pytest.raises(ConfigError, match="cannot be read"):
        corpus.read(tmp_path)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        corpus.read(tmp_path / "latin.txt")
    monkeypatch.setattr(corpus, "BYTES_MAX", 3)
    with pytest.raises(ConfigError, match="more than"):
        corpus.read(tmp_path / "latin.txt")
    monkeypatch.setattr(corpus, "BUNDLED", tmp_path / "bundled.txt")
    with pytest.raises(ConfigError, match="bundled text for the n-gram table is not") as refused:
        corpus.read(tmp_path / "bundled.txt")
    assert "--corpus" in refused.value.hint


def test_the_bundled_text_is_there():
    assert len(corpus.read(corpus.BUNDLED)) > 50_000
