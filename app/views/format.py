"""Figures as the views write them. Times come in nanoseconds."""

from __future__ import annotations

import re
from typing import Literal

from engine.events import ModelInfo

Unit = Literal["s", "ms", "µs"]
_NS: dict[Unit, float] = {"s": 1e9, "ms": 1e6, "µs": 1e3}
_SIZE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?[BMbm](?![A-Za-z])")


def unit_of(ns: float) -> Unit:
    """The unit that a time is written in: seconds from 1 s, microseconds below 0.1 ms."""
    if ns >= 999.5e6:
        return "s"
    return "ms" if ns >= 0.095e6 or ns == 0 else "µs"


def number(ns: float, unit: Unit) -> str:
    """A time without its unit: one decimal below 100 ms, none above, two for seconds."""
    value = ns / _NS[unit]
    if unit == "s":
        return f"{value:.2f}" if value < 99.995 else f"{value:.0f}"
    if unit == "µs":
        return f"{value:.0f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def duration(ns: float) -> str:
    """A time with its unit."""
    unit = unit_of(ns)
    return f"{number(ns, unit)} {unit}"


def sum_of(parts: list[int]) -> str:
    """`5.1 + 9.7 + 0.6 = 15.4 ms`; parts that would read 0.0 are left out.

    The last part takes up one unit of rounding, so that what is written adds up.
    """
    total = sum(parts)
    unit = unit_of(total)
    whole = number(total, unit)
    terms = [text for text in (number(part, unit) for part in parts) if float(text)]
    if len(terms) < 2:
        return duration(total)
    decimals = len(whole.partition(".")[2])
    off = float(whole) - sum(float(term) for term in terms)
    if 0.5 < abs(off) * 10**decimals < 1.5 and float(terms[-1]) + off > 0:
        terms[-1] = f"{float(terms[-1]) + off:.{decimals}f}"
    return f"{' + '.join(terms)} = {whole} {unit}"


def product_of(n: int, each: float) -> str:
    """`4 × 8.1 ms = 32.4 ms`; with a decimal more where one is too few to multiply by."""
    unit, whole_unit = unit_of(each), unit_of(n * each)
    one, whole = number(each, unit), number(n * each, whole_unit)
    if unit == whole_unit and f"{float(one) * n:.1f}" != f"{float(whole):.1f}":
        one = f"{each / _NS[unit]:.2f}"
    return f"{n} × {one} {unit} = {whole} {whole_unit}"


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 token`, `3 tokens`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def ratio(value: float) -> str:
    """`2.1×`; two decimals near 1, where they matter."""
    if value >= 99.95:
        return f"{value:.0f}×"
    return f"{value:.2f}×" if 0.945 <= value < 1.055 or value < 0.095 else f"{value:.1f}×"


def probability(p: float) -> str:
    """Four decimals; smaller ones in powers of ten."""
    return f"{p:.4f}" if p >= 0.00005 or p == 0 else f"{p:.1e}"


def short_name(model: ModelInfo) -> str:
    """The size in a model's name, such as 0.5B, or the whole name where it holds none."""
    found = _SIZE.search(model.name)
    return found.group().upper() if found else model.name
