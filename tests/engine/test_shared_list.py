"""A list with a shared beginning behaves as a list of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.shared_list import SharedList


@given(st.lists(st.integers()), st.integers(0, 12), st.lists(st.integers()), st.data())
def test_it_is_a_list(base: list[int], n: int, own: list[int], data: st.DataObject) -> None:
    whole: SharedList[int] = SharedList()
    whole.extend(base)
    n = min(n, len(base))
    part = whole.first(n)
    plain = base[:n]
    for item in own:
        part.append(item)
        plain.append(item)
    assert part == plain
    assert list(part) == plain
    assert len(part) == len(plain)
    piece = data.draw(st.slices(len(plain)))
    assert part[piece] == plain[piece]
    if plain:
        i = data.draw(st.integers(-len(plain), len(plain) - 1))
        assert part[i] == plain[i]
    count = data.draw(st.integers(0, len(plain)))
    assert part.first(count) == plain[:count]
    if count >= n:
        part.cut(count)
        assert part == plain[:count]
    assert whole == base, "the other one stays as it was"


def test_what_it_shares_is_no_copy() -> None:
    whole: SharedList[object] = SharedList()
    whole.extend([object() for _ in range(5)])
    part = whole.first(3)
    assert part._base is whole._own
    assert part.first(2)._base is whole._own
    whole.cut(4)
    whole.append(object())
    assert part == whole[:3]


def test_beyond_its_ends() -> None:
    part: SharedList[int] = SharedList([1, 2, 3], 2)
    for index in (2, -3):
        with pytest.raises(IndexError):
            part[index]
    with pytest.raises(AssertionError):
        part.cut(1)
