"""HTML in which nothing of the user's is ever markup, and figures that say where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from engine.experiments.results import Interval

Keys = dict[str, object]


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Html:
    """An element. Children that are no Html are escaped; an attribute `class_` is `class`,
    underscores are hyphens, and None leaves an attribute out."""
    parts = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{parts}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Html:
    return Html("".join(c if isinstance(c, Html) else escape(str(c)) for c in children))


@dataclass(slots=True)
class Book:
    """Every figure that the page shows, unrounded; an element names the one that it shows by
    `data-figure`, its place here."""

    rows: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def add(
        self,
        table: str,
        keys: Keys,
        metric: str,
        value: float | None,
        low: float | None = None,
        high: float | None = None,
        n: int | None = None,
    ) -> int:
        self.rows.append(
            {
                "table": table,
                "keys": keys,
                "metric": metric,
                "value": value,
                "low": low,
                "high": high,
                "n": n,
            }
        )
        return len(self.rows) - 1

    def show(
        self,
        table: str,
        keys: Keys,
        metric: str,
        found: Interval | float | None,
        form: str,
        *,
        unit: str = "",
        scale: float = 1.0,
        spread: bool = False,
        element: str = "td",
        class_: str = "n",
        note: object = "",
    ) -> Html:
        """An element with a figure as text, "–" where there is none. spread: with its interval."""
        at = found if isinstance(found, Interval) else None
        value = at.median if at is not None else found
        if value is None:
            return tag(element, "–", class_=f"{class_} none")
        assert isinstance(value, int | float)
        low, high, n = (at.low, at.high, at.n) if at is not None else (None, None, None)
        index = self.add(table, keys, metric, value, low, high, n)
        text: list[object] = [format(value if scale == 1 else value * scale, form) + unit]
        if at is not None and spread:
            ends = f"[{format(at.low * scale, form)}, {format(at.high * scale, form)}]"
            text += [" ", tag("span", ends, class_="interval")]
        return tag(
            element,
            tag("span", *text, data_figure=index, data_scale=f"{scale:g}"),
            note,
            class_=class_,
        )

    def script(self) -> Html:
        """The figures as JSON that no browser runs; "<" is escaped so that none ends the block."""
        text = json.dumps(self.rows, ensure_ascii=True).replace("<", "\\u003c")
        return Html(f'<script type="application/json" id="figures">{text}</script>')
