"""The charts of a report, as SVG that needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, log10

from engine.events import Calibration

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 12, 40


def scatter(points: Sequence[tuple[float, float, str]]) -> str:
    """Modelled (x) against measured (y) speedups, with the band of 10 % around equality."""
    most = max((max(x, y) for x, y, _ in points), default=1.0)
    axis = _Axes(most, most, "modelled speedup", "measured speedup")
    far = axis.top_x
    marks = [
        axis.band([(0, 0), (far / 1.1, far), (far, far), (far, 0.9 * far)]),
        axis.line([(0, 0), (far, far)], "equal"),
        *(
            f'<circle class="dot" cx="{axis.x(x):.1f}" cy="{axis.y(y):.1f}" r="3">'
            f"<title>{escape(name)}: measured {y:.2f}×, modelled {x:.2f}×</title></circle>"
            for x, y, name in points
        ),
    ]
    return axis.svg(marks, "Measured against modelled speedups")


def cost_curve(calibration: Calibration) -> str:
    """T_v(k) in single passes, with the quartiles."""
    single = calibration.verify_ns[0]
    widths = calibration.widths
    lows = [v / single for v in calibration.verify_low_ns]
    mids = [v / single for v in calibration.verify_ns]
    highs = [v / single for v in calibration.verify_high_ns]
    # A disturbed measurement may have a quartile far out: the curve itself must stay readable.
    most = min(max(highs), 2 * max(mids))
    axis = _Axes(widths[-1], most, "tokens in a pass, k", "T_v(k) in single passes")
    edge = [*zip(widths, highs, strict=True), *reversed([*zip(widths, lows, strict=True)])]
    marks = [
        axis.band([(x, min(y, axis.top_y)) for x, y in edge]),
        axis.line([(1, 1), (widths[-1], 1)], "equal"),
        axis.line([*zip(widths, mids, strict=True)], "curve"),
        *(
            f'<circle class="dot" cx="{axis.x(k):.1f}" cy="{axis.y(v):.1f}" r="3">'
            f"<title>{k} tokens: {v:.2f} single passes</title></circle>"
            for k, v in zip(widths, mids, strict=True)
        ),
    ]
    return axis.svg(marks, "Cost of a pass by its tokens")


class _Axes:
    """Both axes from 0, with round ticks."""

    def __init__(self, most_x: float, most_y: float, name_x: str, name_y: str) -> None:
        self._step_x, self._step_y = _step(most_x), _step(most_y)
        self.top_x = ceil(most_x / self._step_x) * self._step_x
        self.top_y = ceil(most_y / self._step_y) * self._step_y
        self._names = name_x, name_y

    def x(self, value: float) -> float:
        return LEFT + value / self.top_x * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.top_y * (HEIGHT - TOP - BOTTOM)

    def at(self, x: float, y: float) -> str:
        return f"{self.x(x):.1f},{self.y(y):.1f}"

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> str:
        return f'<polyline class="{kind}" points="{" ".join(self.at(x, y) for x, y in points)}"/>'

    def band(self, points: Sequence[tuple[float, float]]) -> str:
        return f'<polygon class="band" points="{" ".join(self.at(x, y) for x, y in points)}"/>'

    def svg(self, marks: Sequence[str], title: str) -> str:
        ticks: list[str] = []
        for i in range(round(self.top_x / self._step_x) + 1):
            value = i * self._step_x
            ticks.append(
                f'<text x="{self.x(value):.1f}" y="{HEIGHT - BOTTOM + 16}" '
                f'text-anchor="middle">{value:g}</text>'
            )
        for i in range(round(self.top_y / self._step_y) + 1):
            value = i * self._step_y
            y = self.y(value)
            ticks.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
            ticks.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        across, up = self._names
        names = (
            f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{across}</text>'
            f'<text transform="translate(12 {HEIGHT / 2 - 14}) rotate(-90)" '
            f'text-anchor="middle">{up}</text>'
        )
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
            f"{''.join(ticks)}{names}{''.join(marks)}</svg>"
        )


def _step(most: float) -> float:
    """A round distance between ticks: four to eight of them."""
    rough = max(most, 1e-9) / 5
    power = 10 ** (ceil(log10(rough)) - 1)
    return next(round(m * power, 9) for m in (1, 2, 2.5, 5, 10) if m * power >= rough)
