"""Values over the number of streams, as lines. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from gateway.cli.bench.charts import WIDTH, ceiling, grid, svg


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points (streams, value)."""

    target: str
    title: str
    points: Sequence[tuple[float, float]]


def curves(chart: Sequence[Curve], write: Callable[[float], str]) -> str:
    """Draw values over the number of streams, that in powers of ten."""
    height, left, right, top, bottom = 240, 64, 96, 12, 30
    every = [point for curve in chart for point in curve.points]
    if not every:
        return ""
    first, last = min(x for x, _ in every), max(x for x, _ in every)
    most = ceiling(max(y for _, y in every))
    spread = math.log10(last / first) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (WIDTH - left - right) * math.log10(x / first) / spread,
            height - bottom - (height - top - bottom) * y / most,
        )

    drawn = [grid(share * most / 4, place(first, share * most / 4)[1], left, right, write) for share in range(5)]
    drawn += [
        f'<text x="{place(x, 0)[0]:.1f}" y="{height - 12}" class="label middle">{x:,.0f}</text>'
        for x in sorted({x for x, _ in every})
    ]
    drawn += [_curve(curve, [place(*point) for point in curve.points]) for curve in chart if curve.points]
    ends = {curve.title: place(*curve.points[-1]) for curve in chart if curve.points}
    drawn += [
        f'<text x="{ends[title][0] + 10:.1f}" y="{y:.1f}" class="value">{escape(title)}</text>'
        for title, y in _apart({title: y for title, (_, y) in ends.items()}, 16).items()
    ]
    told = "; ".join(f"{curve.title} {write(curve.points[-1][1])}" for curve in chart if curve.points)
    return svg(height, "".join(drawn), told)


def _curve(curve: Curve, places: Sequence[tuple[float, float]]) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{curve.target}"/>' for x, y in places)
    return f'<path d="M{path}" class="curve line-{curve.target}"/>{dots}'


def _apart(heights: Mapping[str, float], least: float) -> dict[str, float]:
    """Move labels down until none covers another."""
    placed: dict[str, float] = {}
    lowest = -math.inf
    for title, y in sorted(heights.items(), key=lambda item: item[1]):
        lowest = max(y, lowest + least)
        placed[title] = lowest
    return placed
