"""Charts as inline SVG: they take the page's colours, and say in a title what they show."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

from engine.events import Calibration
from engine.experiments.report.markup import Html, tag

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 16, 56


def _ticks(high: float) -> list[float]:
    """Round numbers from 0 to at least `high`, four to nine of them."""
    high = high if high > 0 else 1.0
    step = 10.0 ** floor(log10(high))
    for share in (0.2, 0.25, 0.5, 1.0):
        if high / (step * share) <= 8:
            step *= share
            break
    return [step * i for i in range(ceil(high / step - 1e-9) + 1)]


class Axes:
    """A plot with both axes from 0."""

    def __init__(self, x_high: float, y_high: float, x_label: str, y_label: str) -> None:
        self._xs, self._ys = _ticks(x_high), _ticks(y_high)
        self.parts: list[Html] = []
        for x in self._xs:
            at = self.x(x)
            self.line((at, TOP), (at, HEIGHT - BOTTOM), "var(--line)")
            self.text(at, HEIGHT - BOTTOM + 20, f"{x:g}", "middle")
        for y in self._ys:
            at = self.y(y)
            self.line((LEFT, at), (WIDTH - RIGHT, at), "var(--line)")
            self.text(LEFT - 8, at + 4, f"{y:g}", "end")
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label, "middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        turn = f"rotate(-90 16 {middle:g})"
        self.text(16, middle, y_label, "middle", transform=turn)

    @property
    def x_end(self) -> float:
        return self._xs[-1]

    @property
    def y_end(self) -> float:
        return self._ys[-1]

    def x(self, value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / self._xs[-1], 2)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self._ys[-1], 2)

    def line(
        self, a: tuple[float, float], b: tuple[float, float], stroke: str, dash: str | None = None
    ) -> None:
        self.parts.append(
            tag(
                "line",
                x1=a[0],
                y1=a[1],
                x2=b[0],
                y2=b[1],
                style=f"stroke:{stroke}",
                stroke_dasharray=dash,
            )
        )

    def text(
        self, x: float, y: float, text: str, anchor: str, transform: str | None = None
    ) -> None:
        self.parts.append(
            tag(
                "text",
                text,
                x=x,
                y=y,
                text_anchor=anchor,
                transform=transform,
                font_size=13,
                style="fill:var(--dim)",
            )
        )

    def area(self, points: Sequence[tuple[float, float]], fill: str, opacity: float = 1) -> None:
        self.parts.append(
            tag("polygon", points=_points(points), style=f"fill:{fill};fill-opacity:{opacity}")
        )

    def path(self, points: Sequence[tuple[float, float]], stroke: str) -> None:
        self.parts.append(
            tag("polyline", points=_points(points), style=f"fill:none;stroke:{stroke}")
        )

    def dot(
        self, x: float, y: float, colour: str, title: str, *, filled: bool, figure: int | None
    ) -> None:
        fill = colour if filled else "none"
        self.parts.append(
            tag(
                "circle",
                tag("title", title),
                cx=x,
                cy=y,
                r=4,
                style=f"fill:{fill};stroke:{colour}",
                data_point=figure,
            )
        )

    def svg(self, title: str) -> Html:
        return tag(
            "svg",
            tag("title", title),
            *self.parts,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            width=WIDTH,
            height=HEIGHT,
            role="img",
            aria_label=title,
            font_family="system-ui, sans-serif",
        )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


Point = tuple[float, float, str, int]
"""Modelled, measured, words, the figure's place in the book."""


def scatter(points: Sequence[Point], kind: str) -> Html:
    """Modelled against measured speedups with the band of ±10 %: dots inside it are filled, those
    outside are rings."""
    high = max(max(modelled, measured) for modelled, measured, *_ in points) * 1.05
    axes = Axes(high, high, f"speedup ({kind})", "speedup (modelled)")
    end = axes.x_end
    axes.area(
        [
            (axes.x(0), axes.y(0)),
            (axes.x(end), axes.y(end * 0.9)),
            (axes.x(end), axes.y(end)),
            (axes.x(end / 1.1), axes.y(end)),
        ],
        "var(--band)",
    )
    axes.line((axes.x(0), axes.y(0)), (axes.x(end), axes.y(end)), "var(--dim)", "4 4")
    for modelled, measured, words, figure in points:
        inside = within(modelled, measured)
        axes.dot(
            axes.x(measured),
            axes.y(modelled),
            "var(--blue)" if inside else "var(--orange)",
            words,
            filled=inside,
            figure=figure,
        )
    return axes.svg("Modelled against measured speedup, one dot a cell")


def within(modelled: float, measured: float) -> bool:
    """Whether a modelled speedup is within 10 % of the measured one."""
    return abs(modelled - measured) <= 0.1 * measured


def verify_curve(calibration: Calibration, kind: str) -> Html:
    """T_v(k) in milliseconds over k, the quartiles as a band."""
    widths = calibration.widths
    middle, low, high = (
        [ns / 1e6 for ns in column]
        for column in (
            calibration.verify_ns,
            calibration.verify_low_ns,
            calibration.verify_high_ns,
        )
    )
    axes = Axes(max(widths), max(high), "k, tokens in a target pass", f"T_v(k) in ms ({kind})")
    upper = [(axes.x(k), axes.y(ms)) for k, ms in zip(widths, high, strict=True)]
    lower = [(axes.x(k), axes.y(ms)) for k, ms in zip(widths, low, strict=True)]
    axes.area([*upper, *reversed(lower)], "var(--blue)", 0.25)
    points = [(axes.x(k), axes.y(ms)) for k, ms in zip(widths, middle, strict=True)]
    axes.path(points, "var(--blue)")
    for (x, y), k, ms in zip(points, widths, middle, strict=True):
        axes.dot(x, y, "var(--blue)", f"T_v({k}) = {ms:.3g} ms", filled=True, figure=None)
    return axes.svg("Verify cost: median time of a target pass, with quartiles")
