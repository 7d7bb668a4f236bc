"""Line charts of values over the number of streams. Pure."""

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
    """Return a chart as SVG. The number of streams is on a logarithmic axis; without points, return an empty string."""
    height, left, right, top, bottom = 240, 64, 96, 12, 30
    points = [point for curve in chart for point in curve.points]
    if not points:
        return ""
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    highest = ceiling(max(y for _, y in points))
    decades = math.log10(last / first) or 1.0

    def position(x: float, y: float) -> tuple[float, float]:
        return (
            left + (WIDTH - left - right) * math.log10(x / first) / decades,
            height - bottom - (height - top - bottom) * y / highest,
        )

    drawn = [
        grid(share * highest / 4, position(first, share * highest / 4)[1], left, right, write) for share in range(5)
    ]
    drawn += [
        f'<text x="{position(x, 0)[0]:.1f}" y="{height - 12}" class="label middle">{x:,.0f}</text>'
        for x in sorted({x for x, _ in points})
    ]
    drawn += [_curve(curve, [position(*point) for point in curve.points]) for curve in chart if curve.points]
    ends = {curve.title: position(*curve.points[-1]) for curve in chart if curve.points}
    drawn += [
        f'<text x="{ends[title][0] + 10:.1f}" y="{y:.1f}" class="value">{escape(title)}</text>'
        for title, y in _separate({title: y for title, (_, y) in ends.items()}, 16).items()
    ]
    summary = "; ".join(f"{curve.title} {write(curve.points[-1][1])}" for curve in chart if curve.points)
    return svg(height, "".join(drawn), summary)


def _curve(curve: Curve, points: Sequence[tuple[float, float]]) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{curve.target}"/>' for x, y in points)
    return f'<path d="M{path}" class="curve line-{curve.target}"/>{dots}'


def _separate(heights: Mapping[str, float], distance: float) -> dict[str, float]:
    """Return the heights of labels, moved down until none overlaps another."""
    placed: dict[str, float] = {}
    lowest = -math.inf
    for title, y in sorted(heights.items(), key=lambda item: item[1]):
        lowest = max(y, lowest + distance)
        placed[title] = lowest
    return placed
